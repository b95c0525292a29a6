/** Why a build was not made: what nearly had it made and did not, or what it waits for. */
import type { BuildId } from '../model/ids.js'
import { Edge, Fact, Flag, Flight, hasFlag, Kind, kindOf, Mode, type State, Status, statusOf } from '../model/state.js'
import { read } from '../model/table.js'
import { differs, isSameIn, packWhy, Reason, reasonIn, reasonOf, subjectIn } from '../model/why.js'
import { generationOf, isPending, type Result } from './why.js'
import {
  type Cause,
  type Change,
  causeIn,
  changeIn,
  edgesOf,
  type Fault,
  faultOf,
  isRecipe,
  isSource,
  rowsOf,
} from './why-facts.js'

/** How far a build has come that is not at rest. */
export type Stage =
  /** What it depends on is being looked at, or itself. */
  | 'looking'
  /** Only remembered as a dependency: not made before it is known to be needed. */
  | 'guess'
  /** Something that it depends on is being made. */
  | 'waiting'
  /** It waits for a free slot, or for room in its pool. */
  | 'queued'
  | 'running'

/** On the way from a build to the change that has it out-of-date. `cause`: what would have it made. */
export type Step<B> =
  | { readonly _tag: 'outOfDate'; readonly build: B; readonly recipe: boolean; readonly cause?: Cause<B> }
  | { readonly _tag: 'source'; readonly build: B; readonly recipe: boolean; readonly change: Change }
  /** It was made since, in that generation. */
  | { readonly _tag: 'made'; readonly build: B; readonly recipe: boolean; readonly generation: number }

/** Something in what a build stands on, that had a reason to change and is the same. */
export interface Nearly<B> {
  readonly build: B
  /** `touched`: another stat and the same content; `same`: made again, with the same result. */
  readonly how: 'touched' | 'same'
  readonly generation: number
}

export type WhyNot<B> =
  | { readonly _tag: 'unknown'; readonly build: B }
  | { readonly _tag: 'neverMade'; readonly build: B; readonly isWanted: boolean }
  | { readonly _tag: 'source'; readonly build: B; readonly change: Change }
  /** But it was. */
  | { readonly _tag: 'made'; readonly build: B; readonly generation: number; readonly result: Result }
  | { readonly _tag: 'underWay'; readonly build: B; readonly stage: Stage; readonly waitsFor: readonly B[] }
  /** Changed by hand in that generation, so it is left alone. */
  | { readonly _tag: 'edited'; readonly build: B; readonly generation: number }
  /** It was run in that generation, and failed. `isKept`: that is its result, up to a change; else it is run again when it is next asked for. */
  | {
      readonly _tag: 'broken'
      readonly build: B
      readonly generation: number
      readonly fault: Fault<B>
      readonly isKept: boolean
    }
  /** It is out-of-date, and nobody asked for it since, or their request ended before its turn. Without steps: for a reason that only a look at its file tells. */
  | {
      readonly _tag: 'notAsked'
      readonly build: B
      readonly generation: number
      readonly steps: readonly Step<B>[]
      /** Said where it is always out-of-date for something that was made since: somebody may have asked for it, and this had nothing made. */
      readonly nearly?: readonly Nearly<B>[]
    }
  /** Nothing that it stands on is another than in that generation, when it was made. */
  | {
      readonly _tag: 'unchanged'
      readonly build: B
      readonly generation: number
      readonly nearly: readonly Nearly<B>[]
    }

type As<B> = (build: BuildId) => B

export interface Asked {
  /** The generation that is asked about; the newest, unless told otherwise. */
  readonly generation?: number
  /** What a look found just now: it is out-of-date, or is not. */
  readonly isOutOfDate?: boolean
}

/** Why `build` was not made in the last generation. */
export const whyNot = <B>(state: State, build: BuildId, as: As<B>, asked: Asked = {}): WhyNot<B> => {
  const { facts } = state
  const of = as(build)
  const kind = kindOf(state, build)
  if (kind === Kind.REQUEST || kind === Kind.LIVE) return { _tag: 'unknown', build: of }
  if (statusOf(state, build) !== Status.REST)
    return { _tag: 'underWay', build: of, stage: stageOf(state, build), waitsFor: waitsOf(state, build).map(as) }
  const generation = generationOf(state, build)
  if (kind === Kind.UNKNOWN && generation === 0) return { _tag: 'unknown', build: of }
  if (isSource(state, build)) {
    const change = changeIn(state, build)
    if (kind !== Kind.ABSENT || change._tag === 'went') return { _tag: 'source', build: of, change }
    return { _tag: 'neverMade', build: of, isWanted: hasFlag(state, build, Flag.BROKEN) }
  }
  const fault = faultOf(state, build, as)
  if (fault !== undefined) {
    const isKept = kind === Kind.VALUE && search(state, build, as).steps.length === 0
    return { _tag: 'broken', build: of, generation, fault, isKept }
  }
  if (kind === Kind.VALUE && generation === 0) return { _tag: 'neverMade', build: of, isWanted: true }
  if (hasFlag(state, build, Flag.MODIFIED))
    return { _tag: 'edited', build: of, generation: changeIn(state, build).generation }
  const { steps, nearly } = search(state, build, as)
  const isMade = generation === (asked.generation ?? state.generation)
  // What is changed behind the last build is told of, though that is the last one yet; of what is always out-of-date that says nothing.
  if (isMade ? isChangedSince(state, build, steps, asked) : steps.length > 0 || asked.isOutOfDate === true)
    return { _tag: 'notAsked', build: of, generation, steps, ...(steps.length > 0 && nearly.length > 0 && { nearly }) }
  if (isMade) {
    const result = isSameIn(read(facts, build, Fact.WHY)) ? 'same' : 'changed'
    return { _tag: 'made', build: of, generation, result }
  }
  return { _tag: 'unchanged', build: of, generation, nearly }
}

const isChangedSince = <B>(state: State, x: BuildId, steps: readonly Step<B>[], { isOutOfDate }: Asked): boolean => {
  if (kindOf(state, x) === Kind.VALUE) return steps.length > 0
  return isOutOfDate === true && !steps.some((step) => step._tag === 'outOfDate' && step.cause?._tag === 'always')
}

const stageOf = (state: State, x: BuildId): Stage => {
  switch (statusOf(state, x)) {
    case Status.UNKNOWN:
    case Status.SCAN:
      return 'looking'
    case Status.PARKED:
      return 'guess'
    case Status.WAITING:
      return 'waiting'
    case Status.BLOCKED:
      return read(state.flight, x, Flight.WAITING) > 0 || waitsOf(state, x).length > 0 ? 'waiting' : 'running'
    case Status.READY:
    case Status.START:
      return 'queued'
    default:
      return 'running'
  }
}

/** Through its own edges, or those of its do-file's requests. */
const waitsOf = (state: State, x: BuildId): readonly BuildId[] => {
  const heads = [read(state.facts, x, Fact.DEP_HEAD), read(state.flight, x, Flight.NEW_HEAD)]
  const found = heads.flatMap((head) => edgesOf(state, x, head))
  return found.filter(({ edge }) => (read(state.edges, edge, Edge.MODE) & Mode.LISTED) !== 0).map(({ build }) => build)
}

/** What it would be made for by itself, as far as the state knows. */
const ownCause = (state: State, x: BuildId): number => {
  if (kindOf(state, x) === Kind.VALUE) return isPending(state, x) ? read(state.facts, x, Fact.WHY) : 0
  return hasFlag(state, x, Flag.ALWAYS) ? packWhy(Reason.ALWAYS) : 0
}

/**
 * Through all that `x` stands on, the nearest first: the first that would be made, and the way to it; or, where there is none, all that
 * nearly would have had `x` made.
 */
const search = <B>(
  state: State,
  x: BuildId,
  as: As<B>,
): { readonly steps: readonly Step<B>[]; readonly nearly: readonly Nearly<B>[] } => {
  const rows = rowsOf(state)
  const since = generationOf(state, x)
  const from = new Map<BuildId, BuildId | undefined>([[x, undefined]])
  const nearly: Nearly<B>[] = []
  // A map goes on over what is added to it on the way.
  for (const u of from.keys()) {
    if (isSource(state, u)) {
      const { touched = 0, generation } = { touched: 0, ...changeIn(state, u) }
      if (touched > since && generation <= since) nearly.push({ build: as(u), how: 'touched', generation: touched })
      continue
    }
    // What it depended on when it was made does not matter any more.
    if (hasFlag(state, u, Flag.MODIFIED)) continue
    const word = read(state.facts, u, Fact.WHY)
    const generation = generationOf(state, u, false)
    if (u !== x && generation > since && isSameIn(word)) nearly.push({ build: as(u), how: 'same', generation })
    const own = ownCause(state, u)
    if (own !== 0) {
      const isMadeSince = u !== x && reasonIn(own) === Reason.ALWAYS && generation > since
      return { steps: pathTo(state, from, u, own, as), nearly: isMadeSince ? nearly : [] }
    }
    for (const { edge, build, create } of edgesOf(state, u)) {
      if (differs(rows, edge))
        return { steps: pathTo(state, from, u, packWhy(reasonOf(rows, edge), build), as), nearly: [] }
      if (!create && !from.has(build)) from.set(build, u)
    }
  }
  return { steps: [], nearly }
}

const pathTo = <B>(
  state: State,
  from: ReadonlyMap<BuildId, BuildId | undefined>,
  end: BuildId,
  cause: number,
  as: As<B>,
): readonly Step<B>[] => {
  const path: BuildId[] = []
  for (let u: BuildId | undefined = end; u !== undefined; u = from.get(u)) path.unshift(u)
  const steps: Step<B>[] = path.map((build, i) => ({
    _tag: 'outOfDate',
    build: as(build),
    recipe: i > 0 && isRecipe(state, path[i - 1]!, build),
    ...(build === end ? { cause: causeIn(cause, as) } : {}),
  }))
  const d = subjectIn(cause) as BuildId
  if (d === 0 || reasonIn(cause) === Reason.SET) return steps
  const recipe = isRecipe(state, end, d)
  if (isSource(state, d) || hasFlag(state, d, Flag.MODIFIED))
    steps.push({ _tag: 'source', build: as(d), recipe, change: changeIn(state, d) })
  else steps.push({ _tag: 'made', build: as(d), recipe, generation: generationOf(state, d, false) })
  return steps
}
