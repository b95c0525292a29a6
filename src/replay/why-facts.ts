/** What single rows of a state say of why a build was made, as data. */
import type { BuildError } from '../model/error.js'
import { failureFrom } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { Edge, Fact, Flag, GROUP_SHIFT, hasFlag, Kind, kindOf, Mode, type State } from '../model/state.js'
import { type IntTable, objectAt, read } from '../model/table.js'
import { isAboutBuild, isOfSource, Reason, type RowsOfState, reasonIn, subjectIn } from '../model/why.js'

/** What had a build made. */
export type Cause<B> =
  /** Not recorded; or not known any more, since it is to be made again; or, while it is being made, not known yet. */
  | { readonly _tag: 'unknown' }
  /** It was never made before. */
  | { readonly _tag: 'first' }
  /** A dependency: it had another result; it is not there, or broken; or the last run cannot have seen it right. */
  | { readonly _tag: 'changed' | 'missing' | 'broken' | 'unsure'; readonly dependency?: B }
  /** A file exists whose absence was relied on. */
  | { readonly _tag: 'appeared'; readonly dependency?: B }
  /**
   * Asked for in any case; its file gone, or changed by hand and built over; always out-of-date; it failed the last time, or was cut
   * short. `also`: the first dependency that was another too.
   */
  | {
      readonly _tag: 'forced' | 'outputGone' | 'outputChanged' | 'always' | 'failed' | 'interrupted'
      readonly also?: B
    }
  /** Of values: it was given up or lost. */
  | { readonly _tag: 'wiped' }
  /** Set, touched or removed by the transaction of that version; 0: not known. */
  | { readonly _tag: 'set'; readonly version: number }
  /** A source that nobody followed for a while; another rule, or another version of it. */
  | { readonly _tag: 'unread' | 'redefined' }

/** How a source last changed, in which generation (0: not known), and in which it was last touched: same content, another stat. */
export type Change =
  | {
      readonly _tag: 'unknown' | 'seen' | 'content' | 'came' | 'went' | 'taken' | 'left'
      readonly generation: number
      readonly touched?: number
    }
  /** A target that was changed by hand. */
  | { readonly _tag: 'edited'; readonly generation: number }

/** Why a build has no result: `path` leads from it to the one that broke by itself. */
export interface Fault<B> {
  readonly path: readonly B[]
  readonly error: FaultError<B>
}
export type FaultError<B> =
  | Exclude<BuildError, { _tag: 'cycle' | 'noneOf' }>
  | { readonly _tag: 'cycle'; readonly path: readonly B[] }
  | { readonly _tag: 'noneOf'; readonly tried: readonly Fault<B>[] }

const CAUSES = {
  [Reason.CHANGED]: 'changed',
  [Reason.MISSING]: 'missing',
  [Reason.BROKEN]: 'broken',
  [Reason.UNSURE]: 'unsure',
  [Reason.APPEARED]: 'appeared',
} as const
const OWN_CAUSES = {
  [Reason.FORCED]: 'forced',
  [Reason.OUTPUT_GONE]: 'outputGone',
  [Reason.OUTPUT_CHANGED]: 'outputChanged',
  [Reason.ALWAYS]: 'always',
  [Reason.FAILED]: 'failed',
  [Reason.INTERRUPTED]: 'interrupted',
} as const
const CHANGES = {
  [Reason.SEEN]: 'seen',
  [Reason.CONTENT]: 'content',
  [Reason.CAME]: 'came',
  [Reason.WENT]: 'went',
  [Reason.TAKEN]: 'taken',
  [Reason.LEFT]: 'left',
} as const

export const causeIn = <B>(word: number, as: (build: BuildId) => B): Cause<B> => {
  const reason = reasonIn(word)
  const d = hasSubject(word) ? as(subjectIn(word) as BuildId) : undefined
  if (reason in CAUSES) {
    const _tag = CAUSES[reason as keyof typeof CAUSES]
    return d === undefined ? { _tag } : { _tag, dependency: d }
  }
  if (reason in OWN_CAUSES) {
    const _tag = OWN_CAUSES[reason as keyof typeof OWN_CAUSES]
    return d === undefined ? { _tag } : { _tag, also: d }
  }
  switch (reason) {
    case Reason.FIRST:
      return { _tag: 'first' }
    case Reason.WIPED:
      return { _tag: 'wiped' }
    case Reason.SET:
      return { _tag: 'set', version: subjectIn(word) }
    case Reason.UNREAD:
      return { _tag: 'unread' }
    case Reason.REDEFINED:
      return { _tag: 'redefined' }
    default:
      return { _tag: 'unknown' }
  }
}

/** Whether the word names a build. */
export const hasSubject = (word: number): boolean => isAboutBuild(reasonIn(word)) && subjectIn(word) !== 0

/** How the source `x`, or a target that was changed by hand, last changed. */
export const changeIn = (state: State, x: BuildId): Change => {
  const word = read(state.facts, x, Fact.WHY)
  const reason = reasonIn(word)
  if (hasFlag(state, x, Flag.MODIFIED))
    return { _tag: 'edited', generation: reason === Reason.EDITED ? subjectIn(word) : 0 }
  const _tag = reason in CHANGES ? CHANGES[reason as keyof typeof CHANGES] : 'unknown'
  if (kindOf(state, x) === Kind.ABSENT) return { _tag, generation: isOfSource(reason) ? subjectIn(word) : 0 }
  const touched = subjectIn(word)
  return { _tag, generation: read(state.facts, x, Fact.BUILT), ...(touched === 0 ? {} : { touched }) }
}

/** A file that nothing makes: what is known of how it was made says how it changed. */
export const isSource = (state: State, x: BuildId): boolean => {
  const kind = kindOf(state, x)
  if (kind !== Kind.ABSENT) return kind === Kind.SOURCE
  return !hasFlag(state, x, Flag.BROKEN) || isOfSource(reasonIn(read(state.facts, x, Fact.WHY)))
}

export const faultOf = <B>(state: State, x: BuildId, as: (build: BuildId) => B): Fault<B> | undefined => {
  if (!hasFlag(state, x, Flag.BROKEN)) return undefined
  // What is mended since, and broke it then, has nothing more to say of that.
  const causeOf = (d: BuildId): number => {
    const cause = read(state.facts, d, Fact.CAUSE) as BuildId
    return cause !== 0 && hasFlag(state, cause, Flag.BROKEN) ? cause : 0
  }
  // A value that was broken by another one has no error of its own.
  const errorOf = (d: BuildId): BuildError | undefined =>
    objectAt(state.errors, d) ?? (read(state.facts, d, Fact.CAUSE) !== 0 ? { _tag: 'unmet' } : undefined)
  const failure = failureFrom(x, causeOf, errorOf)
  return faultFrom(failure.path, failure.error, as)
}

const faultFrom = <B>(path: readonly BuildId[], error: BuildError, as: (build: BuildId) => B): Fault<B> => {
  if (error._tag === 'cycle') return { path: path.map(as), error: { _tag: 'cycle', path: error.path.map(as) } }
  if (error._tag === 'noneOf') {
    const tried = error.tried.map((failure) => faultFrom(failure.path, failure.error, as))
    return { path: path.map(as), error: { _tag: 'noneOf', tried } }
  }
  return { path: path.map(as), error }
}

// ------------------------------------------------------------------------------------------------ the graph

/** A dependency, by the row of its edge. */
export interface Needed {
  readonly edge: number
  readonly build: BuildId
  readonly create: boolean
  readonly group: number
}

/** What `x` was found to depend on, in order. `head`: what it asked for in its present run. */
export const edgesOf = (state: State, x: BuildId, head = read(state.facts, x, Fact.DEP_HEAD)): readonly Needed[] => {
  const found: Needed[] = []
  for (let edge = head; edge !== 0; edge = read(state.edges, edge, Edge.NEXT_DEP)) {
    const mode = read(state.edges, edge, Edge.MODE)
    found.push({
      edge,
      build: read(state.edges, edge, Edge.DEPENDENCY) as BuildId,
      create: (mode & Mode.CREATE) !== 0,
      group: mode >>> GROUP_SHIFT,
    })
  }
  return found
}

/** What depends on `x`, by ids: of a state that was read from a store, its dependents are linked in another order. */
export const needersOf = (state: State, x: BuildId): readonly BuildId[] => {
  const found = new Set<BuildId>()
  const { edges } = state
  for (let e = read(state.facts, x, Fact.DEPENDENT_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEPENDENT)) {
    const p = read(edges, e, Edge.DEPENDENT) as BuildId
    const kind = kindOf(state, p)
    const isBuild = kind !== Kind.REQUEST && kind !== Kind.LIVE
    if (isBuild && (read(edges, e, Edge.MODE) & Mode.CREATE) === 0) found.add(p)
  }
  return [...found].sort((a, b) => a - b)
}

/** Whether `d` says how `x`, a file, is made: what it asks for first is its do-file, or the code of its rule. */
export const isRecipe = (state: State, x: BuildId, d: BuildId): boolean =>
  kindOf(state, x) !== Kind.VALUE &&
  edgesOf(state, x).some(({ build, create, group }) => build === d && !create && group === 0)

const rowsIn = (table: IntTable): RowsOfState['facts'] => ({ get: (row, word) => read(table, row, word) })

export const rowsOf = ({ facts, checked, edges, flight, errors }: State): RowsOfState => ({
  facts: rowsIn(facts),
  checked: rowsIn(checked),
  edges: rowsIn(edges),
  flight: rowsIn(flight),
  errors,
})
