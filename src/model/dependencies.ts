/** The graph of a state, as lists. */
import { type BuildId, buildId } from './ids.js'
import { Edge, Fact, Flag, Flight, GROUP_SHIFT, KIND_MASK, Kind, Mode, type State } from './state.js'
import { read } from './table.js'

/** One dependency of a build, as recorded. */
export interface Dependency {
  readonly build: BuildId
  readonly group: number
  readonly create: boolean
  readonly seen: number
}

/** The recorded dependencies, in the order in which they were asked for. */
export const dependenciesOf = (state: State, build: BuildId): readonly Dependency[] => {
  const found: Dependency[] = []
  for (let e = read(state.facts, build, Fact.DEP_HEAD); e !== 0; e = read(state.edges, e, Edge.NEXT_DEP)) {
    const mode = read(state.edges, e, Edge.MODE)
    found.push({
      build: buildId(read(state.edges, e, Edge.DEPENDENCY)),
      group: mode >>> GROUP_SHIFT,
      create: (mode & Mode.CREATE) !== 0,
      seen: read(state.edges, e, Edge.SEEN),
    })
  }
  return found
}

/** Everything that has a recorded or present edge to `build`, newest first. */
export const dependentsOf = (state: State, build: BuildId): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let e = read(state.facts, build, Fact.DEPENDENT_HEAD); e !== 0; e = read(state.edges, e, Edge.NEXT_DEPENDENT))
    found.push(buildId(read(state.edges, e, Edge.DEPENDENT)))
  return found
}

/** How many groups of dependencies the state knows of the present run of `x`. */
export const groupsOf = (state: State, x: BuildId): number => {
  const tail = read(state.flight, x, Flight.NEW_TAIL)
  return tail === 0 ? 0 : (read(state.edges, tail, Edge.MODE) >>> GROUP_SHIFT) + 1
}

/** A value that holds and was given up need not be made. */
export const isToBeRecalled = (state: State, x: BuildId): boolean =>
  (read(state.facts, x, Fact.FLAGS) & (Flag.WIPED | Flag.STALE)) === Flag.WIPED && read(state.checked, x, 0) > 0

/** Of a value: whether there is a result that holds now, be it an error. */
export const isAtHand = (state: State, x: BuildId): boolean =>
  isAtHandBy(state, x, read(state.facts, x, Fact.FLAGS), read(state.checked, x, 0))

/** The same, for who has read its flags, and its word of `checked`. */
export const isAtHandBy = (state: State, x: BuildId, flags: number, checked: number): boolean => {
  if ((flags & Flag.WIPED) !== 0 || checked <= 0) return false
  // A value in flight is not known to hold, or was given up.
  return (flags & KIND_MASK) === Kind.VALUE || read(state.flight, x, Flight.STATUS) === 0
}
