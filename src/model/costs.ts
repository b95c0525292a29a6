/** Selectors of what policies know: see `plan.ts`. */
import { type BuildId, buildId } from './ids.js'
import { Cost, type Lane, type Terms } from './plan.js'
import { Bit, Edge, Fact, Flight, Kind, kindOf, Mode, STATUS_MASK, type State, Status } from './state.js'
import { objectAt, read, rowsEnd } from './table.js'

/** What a run of `x` costs, in µs, as far as is known: what it did last, else what runs of its do-file do, else any; at least 1. */
export const costOf = (state: State, x: BuildId): number =>
  read(state.costs, x, Cost.OWN) || read(state.costs, ruleOf(state, x), Cost.MEAN) || meanCost(state)

const meanCost = ({ costs }: Pick<State, 'costs'>): number => read(costs, 0, Cost.MEAN) || 1

/** What `x` asked for first, but for what it relied on not to be there: of a file, its do-file. 0: it has asked for nothing. */
const ruleOf = (state: State, x: BuildId): number => {
  let e = read(state.flight, x, Flight.NEW_HEAD) || read(state.facts, x, Fact.DEP_HEAD)
  while (e !== 0 && (read(state.edges, e, Edge.MODE) & Mode.CREATE) !== 0) e = read(state.edges, e, Edge.NEXT_DEP)
  return e === 0 ? 0 : read(state.edges, e, Edge.DEPENDENCY)
}

const noTerms: Terms = {}
export const termsOf = (state: Pick<State, 'sessions' | 'terms'>, request: number): Terms =>
  objectAt(state.sessions, request) ?? objectAt(state.terms, request) ?? noTerms

export const laneOf = (state: State, request: BuildId): Lane | undefined => objectAt(state.lanes, request)

/**
 * What is left of all that is in flight for sure, in µs of cost by estimate, though part of it may run at once or not at all; and of how
 * many builds. Looks at all that is in flight: for people, not for policies.
 */
export const costLeft = (state: State): { readonly cost: number; readonly builds: number } => {
  let cost = 0
  let builds = 0
  if (state.inFlight === 0) return { cost, builds }
  const end = rowsEnd(state.flight)
  for (let x = 1; x < end; x++) {
    const row = read(state.flight, x, Flight.STATUS)
    if ((row & Bit.WANTED) === 0 || !isToBeMade(row & STATUS_MASK)) continue
    const kind = kindOf(state, buildId(x))
    if (kind === Kind.REQUEST || kind === Kind.LIVE) continue
    cost += costOf(state, buildId(x))
    builds++
  }
  return { cost, builds }
}

const isToBeMade = (status: number): boolean =>
  status === Status.WAITING ||
  status === Status.READY ||
  status === Status.BLOCKED ||
  status === Status.START ||
  status === Status.RUNNING
