/**
 * Why a build was made, and why it was not: read from one state, which may be the present one or one on the way of a recording. What is
 * answered is data: `why-words.ts` says it. Builds are given as `as` says them: as ids, names or keys.
 */
import type { BuildId } from '../model/ids.js'
import { Bit, Edge, Fact, Flag, Flight, hasFlag, Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import { eachObject, read } from '../model/table.js'
import { isCurrentIn, isSameIn, Reason, reasonIn, subjectIn, whyOfFile, whyOfValue } from '../model/why.js'
import {
  type Cause,
  type Change,
  causeIn,
  changeIn,
  edgesOf,
  type Fault,
  faultOf,
  hasSubject,
  isRecipe,
  isSource,
  type Needed,
  needersOf,
  rowsOf,
} from './why-facts.js'

export type { Cause, Change, Fault } from './why-facts.js'

/** A step on the way from a build to what had it made. */
export type Link<B> =
  /** It was made, in that generation. `recipe`: what is before it is made as this says, as a target is by its do-file. */
  | {
      readonly _tag: 'made'
      readonly build: B
      readonly recipe: boolean
      readonly generation: number
      readonly result: Result
      readonly cause: Cause<B>
    }
  /** A source: the way ends here. `again`: it changed once more since. */
  | {
      readonly _tag: 'source'
      readonly build: B
      readonly recipe: boolean
      readonly change: Change
      readonly again: boolean
    }
  /** It was made again since; what it was made for then is not known any more. */
  | { readonly _tag: 'madeSince'; readonly build: B; readonly recipe: boolean; readonly generation: number }
  /** Up to then its last run came to the same result: it was an earlier one that changed it. */
  | { readonly _tag: 'earlier'; readonly build: B; readonly recipe: boolean; readonly generation: number }

/** What came of a run; `pending`: it is not over. */
export type Result = 'changed' | 'same' | 'failed' | 'pending'

export type Why<B> =
  /** Nothing is known of it. */
  | { readonly _tag: 'unknown'; readonly build: B }
  /** Nothing makes it. */
  | { readonly _tag: 'source'; readonly build: B; readonly change: Change }
  /** It is known by name, is not there, and was never made; `isWanted`: nothing makes it. */
  | { readonly _tag: 'neverMade'; readonly build: B; readonly isWanted: boolean }
  /** It was changed by hand, as was found in that generation, and is left alone. `made`: when it was made before. */
  | { readonly _tag: 'edited'; readonly build: B; readonly generation: number; readonly made: number }
  | {
      readonly _tag: 'made'
      readonly build: B
      readonly generation: number
      /** The newest generation there is. */
      readonly newest: number
      readonly result: Result
      /** From the build itself to what had it made. */
      readonly chain: readonly Link<B>[]
      readonly fault?: Fault<B>
      /** Dependencies that were made with it, or since the chain began, and came to the same result: they nearly had it not made. */
      readonly cutoffs: readonly B[]
      /** Those that changed too then, besides the one in the chain. */
      readonly alsoChanged: readonly B[]
      /** Those that failed, or are not there. */
      readonly broken: readonly B[]
      /** Those that were looked at or made for the first time then. */
      readonly added: readonly B[]
      /** Those that did not change then; whether they did between the run before and that is not known. */
      readonly unchanged: readonly B[]
      /** What depends on it and was made in the same generation, or of what it came to then in one before it; while it is made, what waits for it. */
      readonly neededBy: readonly B[]
      /** The open request that it was made for. */
      readonly request?: { readonly id: number; readonly targets: readonly B[] }
      /** It is to be made again when it is next wanted. */
      readonly pending?: Cause<B>
    }

type As<B> = (build: BuildId) => B

/** Why `build` was last made, or is being made. `newest`: the generation to be called the newest one. */
export const why = <B>(state: State, build: BuildId, as: As<B>, newest: number = state.generation): Why<B> => {
  const kind = kindOf(state, build)
  const isUnderWay = isRunning(state, build)
  const wasMade = read(state.facts, build, Fact.BUILT) > 0 && !isSource(state, build)
  if (!isUnderWay && !wasMade) {
    if (kind === Kind.UNKNOWN || kind === Kind.REQUEST || kind === Kind.LIVE)
      return { _tag: 'unknown', build: as(build) }
    const change = changeIn(state, build)
    if (isSource(state, build) && (kind !== Kind.ABSENT || change._tag === 'went'))
      return { _tag: 'source', build: as(build), change }
    return { _tag: 'neverMade', build: as(build), isWanted: hasFlag(state, build, Flag.BROKEN) }
  }
  const edited = editedIn(state, build)
  const generation = generationOf(state, build)
  if (edited !== undefined) return { _tag: 'edited', build: as(build), generation: edited, made: generation }
  const chain = chainFrom(state, build, as)
  const fault = isUnderWay ? undefined : faultOf(state, build, as)
  const request = requestOf(state, generation, as)
  return {
    _tag: 'made',
    build: as(build),
    generation,
    newest,
    result: resultOf(state, build),
    chain: chain.links,
    ...(fault === undefined ? {} : { fault }),
    ...dependenciesOf(state, build, chain.since, generation, chain.next, as),
    neededBy: needersOf(state, build)
      .filter((p) => !isSource(state, p) && isOfRun(state, p, generation, build, isUnderWay))
      .map(as),
    ...(request === undefined ? {} : { request }),
    ...(!isUnderWay && isPending(state, build) ? { pending: causeIn(read(state.facts, build, Fact.WHY), as) } : {}),
  }
}

/** Whether its run has begun, or is about to. */
export const isRunning = (state: State, x: BuildId): boolean => {
  const status = statusOf(state, x)
  const kind = kindOf(state, x)
  return status >= Status.READY && status !== Status.ANSWER && kind !== Kind.REQUEST && kind !== Kind.LIVE
}

/**
 * That of its last run, or of the present one; of a source, that in which it last changed. `isUnderWay`, here and below: false, where it is
 * asked for something that is over, to which its present run is nothing.
 */
export const generationOf = (state: State, x: BuildId, isUnderWay = isRunning(state, x)): number =>
  isUnderWay
    ? read(state.flight, x, Flight.PASS)
    : isSource(state, x)
      ? changeIn(state, x).generation
      : read(state.facts, x, Fact.BUILT)

const editedIn = (state: State, x: BuildId): number | undefined => {
  if (isRunning(state, x) || !hasFlag(state, x, Flag.MODIFIED)) return undefined
  const change = changeIn(state, x)
  return change._tag === 'edited' ? change.generation : 0
}

/** Why `x` was made, or is: the word of its facts, or what that will be. */
const whyWord = (state: State, x: BuildId, isUnderWay = isRunning(state, x)): number => {
  const known = read(state.facts, x, Fact.WHY)
  // What nobody looked at while the engine was closed is read by each engine: it was so the last time, too.
  if (!isUnderWay) return isPending(state, x) && reasonIn(known) !== Reason.UNREAD ? Reason.NONE : known
  const rows = rowsOf(state)
  if (kindOf(state, x) !== Kind.VALUE) return whyOfFile(rows, x)
  const word = whyOfValue(rows, x)
  // What it depends on is gone through first, and it may turn out not to be made at all.
  return reasonIn(word) === Reason.UNSURE && !hasSubject(word) ? Reason.NONE : word
}

/** Whether what its facts say is why it is to be made next. Why it was made last is not known any more. */
export const isPending = (state: State, x: BuildId): boolean =>
  kindOf(state, x) === Kind.VALUE && hasFlag(state, x, Flag.STALE)

const resultOf = (state: State, x: BuildId, isUnderWay = isRunning(state, x)): Result => {
  if (isUnderWay) return 'pending'
  if (hasFlag(state, x, Flag.BROKEN)) return 'failed'
  return isSameIn(read(state.facts, x, Fact.WHY)) ? 'same' : 'changed'
}

/**
 * The way from `build` down to what had it made. `next`: the dependency it begins with, or 0. `since`: a generation that is known to be later
 * than the run before, since that would have gone the same way.
 */
const chainFrom = <B>(
  state: State,
  build: BuildId,
  as: As<B>,
): { links: readonly Link<B>[]; next: number; since: number } => {
  const links: Link<B>[] = []
  const seen = new Set<BuildId>()
  let next = 0
  let limit = generationOf(state, build)
  let since = limit
  let isUnseen = true
  let recipe = false
  let before: BuildId | undefined
  let isUnderWay = true
  for (let x: BuildId | undefined = build; x !== undefined && !seen.has(x); ) {
    seen.add(x)
    const isOfPresent: boolean = isUnderWay
    isUnderWay &&= isRunning(state, x)
    const [of, generation] = [as(x), generationOf(state, x, isUnderWay)]
    const isLater = (than: number): boolean => {
      if (than <= limit || before === undefined) return false
      // Of what is to be made again nobody knows any more how it came to what was seen of it.
      const hasLast = !isOfPresent && isPending(state, x!) && isSeenAsLast(state, before, x!)
      return !hasLast && !hasSeen(state, before, x!, isOfPresent)
    }
    if (isSource(state, x) || (x !== build && editedIn(state, x) !== undefined)) {
      const change = changeIn(state, x)
      if (isUnseen && change.generation > 0) since = Math.min(since, change.generation)
      links.push({ _tag: 'source', build: of, recipe, change, again: isLater(change.generation) })
      break
    }
    const word = whyWord(state, x, isUnderWay)
    if (isLater(generation)) {
      links.push({ _tag: 'madeSince', build: of, recipe, generation })
      break
    }
    if (x !== build && isSameIn(word) && !isBrokenFile(state, x) && !wasBrokenBefore(word)) {
      links.push({ _tag: 'earlier', build: of, recipe, generation })
      break
    }
    const result = resultOf(state, x, isUnderWay)
    links.push({ _tag: 'made', build: of, recipe, generation, result, cause: causeIn(word, as) })
    // Of what is to be made again it is not known whether its last run came to the same.
    if (isUnseen && (isUnderWay || !isPending(state, x))) since = Math.min(since, generation)
    if (!hasSubject(word)) break
    isUnseen &&= !MAYBE_SEEN.has(reasonIn(word))
    const d = subjectIn(word) as BuildId
    if (x === build) next = d
    recipe = isRecipe(state, x, d)
    limit = generation
    before = x
    x = d
  }
  return { links, next, since }
}

/** What these speak of may be as the run before found it. */
const MAYBE_SEEN: ReadonlySet<number> = new Set([Reason.MISSING, Reason.BROKEN, Reason.UNSURE, Reason.WIPED])

/**
 * Whether `x` was made, or is, of what the last run of `d` came to, or its last change, and not of an earlier one. That may be of a later
 * generation than `x`: of a request that came meanwhile, for which `d` was made, too. `needed`: of `x`, where that is at hand; to go through
 * all of it for each of many would take for ever.
 */
const hasSeen = (state: State, x: BuildId, d: BuildId, isUnderWay: boolean, needed?: Needed): boolean => {
  const isLive = isUnderWay && isRunning(state, d)
  if (!isLive && isPending(state, d)) return false
  const word = whyWord(state, d, isLive)
  // A value that failed as it had failed before is no other for that.
  if (isSameIn(word) && !isBrokenFile(state, d)) return false
  if (isUnderWay) return true
  // It may be the failure before that was seen.
  if (isBrokenFile(state, d) && MAYBE_BROKEN_BEFORE.has(reasonIn(word))) return false
  return isSeenAsLast(state, x, d, needed)
}

/** Whether `d` came to what the last run of `x` saw of it. */
const isSeenAsLast = (state: State, x: BuildId, d: BuildId, needed?: Needed): boolean => {
  const all = needed === undefined ? edgesOf(state, x) : [needed]
  return all.some((needed) => needed.build === d && !needed.create && isAsSeen(state, needed))
}

/** Whether a dependency came to what its dependent saw. Of a file that failed: whether that saw it failed, be it by an earlier run. */
const isAsSeen = (state: State, { edge, build }: Needed): boolean =>
  read(state.edges, edge, Edge.SEEN) === (isBrokenFile(state, build) ? -1 : read(state.facts, build, Fact.REVISION))

const MAYBE_BROKEN_BEFORE: ReadonlySet<number> = new Set([
  Reason.FAILED,
  Reason.INTERRUPTED,
  Reason.FORCED,
  Reason.OUTPUT_CHANGED,
])

const isBrokenFile = (state: State, x: BuildId): boolean =>
  hasFlag(state, x, Flag.BROKEN) && kindOf(state, x) !== Kind.VALUE

/** Whether `p` was made for what had `d` made in that generation, or waits for what becomes of it. */
const isOfRun = (state: State, p: BuildId, generation: number, d: BuildId, isUnderWay: boolean): boolean => {
  if (isUnderWay) return statusOf(state, p) !== Status.REST
  const of = generationOf(state, p)
  // It runs once more by now, and may ask for this for the first time.
  if (of > generation && generationOf(state, p, false) === generation)
    return edgesOf(state, p).some(({ build, create }) => build === d && !create)
  return of === generation || (of < generation && hasSeen(state, p, d, isRunning(state, p)))
}

/** A run that comes to what was there before that was broken has it changed for all who saw it so. */
const wasBrokenBefore = (word: number): boolean =>
  reasonIn(word) === Reason.FAILED || reasonIn(word) === Reason.INTERRUPTED

type Group = 'cutoffs' | 'alsoChanged' | 'broken' | 'added' | 'unchanged'
type Dependencies<B> = Pick<Extract<Why<B>, { _tag: 'made' }>, Group>

const dependenciesOf = <B>(
  state: State,
  x: BuildId,
  since: number,
  generation: number,
  cause: number,
  as: As<B>,
): Dependencies<B> => {
  const found: Record<Group, B[]> = {
    cutoffs: [],
    alsoChanged: [],
    broken: [],
    added: [],
    unchanged: [],
  }
  const isUnderWay = isRunning(state, x)
  const rows = rowsOf(state)
  const [pass, trust] = [read(state.flight, x, Flight.PASS), (read(state.flight, x, Flight.STATUS) & Bit.TRUST) !== 0]
  for (const needed of edgesOf(state, x)) {
    const { build, create } = needed
    // Of what is not yet known to hold, or to be another, nothing is said.
    if (create || build === cause || (isUnderWay && !isCurrentIn(rows, build, pass, trust))) continue
    const group = groupOf(state, x, needed, since, generation)
    if (group !== undefined) found[group].push(as(build))
  }
  return found
}

const groupOf = (state: State, x: BuildId, needed: Needed, since: number, generation: number): Group | undefined => {
  const { build: d } = needed
  const result = resultOf(state, d, false)
  if (result === 'failed' && (isRunning(state, x) || isAsSeen(state, needed))) return 'broken'
  const of = generationOf(state, d, false)
  if (of < since || (of > generation && !hasSeen(state, x, d, isRunning(state, x), needed))) return 'unchanged'
  if (isPending(state, d)) return undefined
  if (!isSource(state, d) && result === 'same') return 'cutoffs'
  return isNew(state, d) ? 'added' : 'alsoChanged'
}

const isNew = (state: State, x: BuildId): boolean => {
  const reason = reasonIn(read(state.facts, x, Fact.WHY))
  return reason === Reason.FIRST || reason === Reason.SEEN
}

/** The open request that began `generation`. Requests that were answered are not in the state. */
const requestOf = <B>(
  state: State,
  generation: number,
  as: As<B>,
): { readonly id: number; readonly targets: readonly B[] } | undefined => {
  let id = 0
  eachObject(state.sessions, (row, session) => {
    if (session.generation === generation) id = row
  })
  if (id === 0) return undefined
  const targets = edgesOf(state, id as BuildId, read(state.flight, id, Flight.NEW_HEAD)).map(({ build }) => as(build))
  return { id, targets }
}
