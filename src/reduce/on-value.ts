/** What becomes of a build whose result is a value: it asks for more, waits for room, is made, or breaks. */
import { contentIn } from '../model/content.js'
import { contentOfCause } from '../model/content-of-cause.js'
import { invariant, smallestFirst } from '../model/error.js'
import type { Alone, Content, Groups, Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Bit, Edge, FACT_STRIDE, Fact, Flag, Flight, GROUP_SHIFT, Kind, Status } from '../model/state.js'
import { packWhy, Reason } from '../model/why.js'
import { cycleThrough } from './cycle.js'
import { declare, needValue, passOf } from './demand.js'
import { hold, recountHolds } from './hold.js'
import { bumpRevision, judge, rest, restUnchecked } from './judge.js'
import { onUnblocked } from './on-unblocked.js'
import { onCost } from './track.js'
import { noteSame, noteWhyValue } from './why.js'
import { dropNew, giveUpWaits } from './withdraw.js'
import type { Work } from './work.js'

type Of<Tag> = Extract<Receipt, { _tag: Tag }>

/** A run that began anew asks again: what the one before it asked for is let go once the new one has asked. */
const takeOld = (w: Work, x: BuildId): number => {
  if (!w.has(x, Bit.ANEW)) return 0
  const old = w.flight.get(x, Flight.NEW_HEAD)
  w.flight.set(x, Flight.NEW_HEAD, 0)
  w.flight.set(x, Flight.NEW_TAIL, 0)
  w.setBits(x, 0, Bit.ANEW)
  return old
}

/** It is given up only when all of the tick is told: it may have ended in it. */
const letGo = (w: Work, old: number): void => {
  for (let e = old; e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) w.givenUp.push(buildId(w.edges.get(e, Edge.DEPENDENCY)))
  w.freeList(old)
}

export const onNeeds = (w: Work, { build: x, groups }: Of<'needs'>): void => {
  invariant(w.status(x) === Status.READY, 'needs more without being run', x)
  const old = takeOld(w, x)
  w.moveTo(x, Status.BLOCKED)
  w.setBits(x, 0, Bit.SLOT | Bit.UNJUDGED)
  const pass = passOf(w, x)
  const circles: (readonly BuildId[])[] = []
  for (const group of groups) {
    const number = w.nextGroup(x)
    for (const d of group) {
      declare(w, d)
      const e = w.newEdge(x, d, number, false)
      w.append(x, e)
      if (needValue(w, d, pass)) w.edges.set(e, Edge.SEEN, w.revision(d))
      else {
        const cycle = cycleThrough(w, x, d)
        if (cycle === undefined) w.list(e)
        else circles.push(cycle)
      }
    }
  }
  if (old !== 0) letGo(w, old)
  for (const circle of circles) breakCircle(w, circle)
  if (circles.length === 0 && w.flight.get(x, Flight.WAITING) === 0) onUnblocked(w, x)
}

/**
 * Each on `path` needs the next, and the last the first. Whose need closed the circle is chance: all on it break, those too that would go on
 * without an answer. Values do so at once, all together, and each keeps the need that makes it part of the circle: so whatever reaches one of
 * them later reaches all. What makes a file runs somewhere, and breaks when that ends.
 */
export const breakCircle = (w: Work, path: readonly BuildId[]): void => {
  const cycle = smallestFirst(path, (u) => u)
  const content = ofCycle(cycle)
  for (const u of cycle) {
    if (w.kind(u) !== Kind.VALUE) w.setCycle(u, cycle)
    else if (w.status(u) === Status.BLOCKED) {
      giveUpWaits(w, u)
      breakUp(w, { _tag: 'broken', build: u, groups: [], error: { _tag: 'cycle', path: cycle }, content })
      w.tell({ _tag: 'circle', build: u })
    }
  }
}

export const onPooled = (w: Work, { build: x, pool }: Of<'pooled'>): void => {
  invariant(w.status(x) === Status.READY, 'asks for room without being run', x)
  w.flight.set(x, Flight.POOL, pool + 1)
  w.setBits(x, 0, Bit.UNJUDGED)
  w.moveTo(x, Status.START)
}

/** What rests may have been made all the same, ahead of being asked for. */
const canEnd = (w: Work, x: BuildId): boolean => {
  const status = w.status(x)
  return (
    status === Status.READY ||
    status === Status.START ||
    status === Status.RUNNING ||
    (status === Status.REST && w.ahead > 0)
  )
}

/** Whether it may be said to hold, or not to be judged yet: it was made before, and no run of it has begun. */
const canBeJudged = (w: Work, x: BuildId): boolean => {
  if (w.kind(x) !== Kind.VALUE || w.flag(x, Flag.STALE)) return false
  const status = w.status(x)
  if (status === Status.REST) return w.ahead > 0
  return status === Status.READY && w.has(x, Bit.UNJUDGED) && !w.has(x, Bit.ANEW)
}

export const onHolds = (w: Work, { build: x }: Of<'holds'>): void => {
  invariant(canBeJudged(w, x), 'holds and was not to be judged', x)
  if (w.status(x) === Status.REST) w.checked.set(x, 0, w.generation)
  else rest(w, x)
}

/** It waits for what it depends on, or for the first of it that is to be made. */
export const onUnjudged = (w: Work, { build: x }: Of<'unjudged'>): void => {
  invariant(w.status(x) === Status.READY && canBeJudged(w, x), 'is not judged and was not to be', x)
  w.setBits(x, 0, Bit.UNJUDGED)
  judge(w, x)
}

/** Whether `x` waits to be run, as make took it to: another may not have come to ask for it. What was begun for it ends. */
export const isOpen = (w: Work, receipt: Alone): boolean => {
  const { _tag, build: x } = receipt
  if (w.status(x) === Status.READY) return true
  if (_tag === 'started') w.effects.push({ _tag: 'kill', build: x })
  // make gave these ids, and only what is known here is ever collected.
  if (_tag === 'needs') for (const group of receipt.groups) for (const d of group) declare(w, d)
  return false
}

export const onMade = (w: Work, { build: x, groups, value, content, cost }: Of<'made'>): void => {
  invariant(canEnd(w, x), 'is made and was not run', x)
  const changed = w.isBroken(x) || differsFrom(w, x, content)
  const isSure = record(w, x, groups)
  onCost(w, x, cost)
  w.facts.set(x, Fact.FLAGS, Kind.VALUE)
  w.values.set(x, value)
  w.setError(x, undefined)
  end(w, x, content, 0, changed, isSure)
}

/** Of what was made ahead: whether nothing is known of it. Then nobody waits for it, and nothing depends on it. */
export const isNew = (w: Work, x: BuildId): boolean => w.isFree(x) && w.facts.get(x, Fact.DEPENDENT_HEAD) === 0

const row = new Int32Array(FACT_STRIDE)

/** It is new: all of its row is written at once, and nothing follows from it. */
export const onFirst = (w: Work, { build: x, groups, value, content, cost }: Of<'made'>): void => {
  row[Fact.FLAGS] = Kind.VALUE
  row[Fact.REVISION] = 1
  row[Fact.BUILT] = w.generation
  row[Fact.DEP_HEAD] = link(w, x, groups, 0, 0)
  row.set(content, Fact.CONTENT)
  row[Fact.WHY] = packWhy(Reason.FIRST)
  w.facts.write(x, row)
  w.values.set(x, value)
  w.checked.set(x, 0, w.generation)
  onCost(w, x, cost)
}

/** New dependencies of `x`, behind `last` (0: there are none before), in groups from `first` on; returns the first edge. */
const link = (w: Work, x: BuildId, groups: Groups, last: number, first: number): number => {
  let head = 0
  let tail = last
  let number = first
  for (let g = 0; g < groups.length; g++) {
    const group = groups[g]!
    for (let i = 0; i < group.length; i++) {
      const d = group[i]!
      invariant(d !== x, 'is made of itself', x)
      declare(w, d)
      const e = w.newEdge(x, d, number, false, w.facts.get(d, Fact.REVISION))
      if (head === 0) head = e
      if (tail !== 0) w.edges.set(tail, Edge.NEXT_DEP, e)
      tail = e
    }
    if (group.length > 0) number++
  }
  return head
}

/** It is what it was, unless that does not hold any more since this very tick. */
export const onRecalled = (w: Work, { build: x, value }: Of<'recalled'>): void => {
  invariant(w.status(x) === Status.READY, 'is recalled and was not run', x)
  // A run that had begun goes no further.
  giveUpWaits(w, x)
  dropNew(w, x)
  w.values.set(x, value)
  w.facts.set(x, Fact.FLAGS, w.facts.get(x, Fact.FLAGS) & ~Flag.WIPED)
  if (w.checked.get(x, 0) > 0) rest(w, x)
  else restUnchecked(w, x)
}

export const onBroken = (w: Work, receipt: Of<'broken'>): void => {
  invariant(canEnd(w, receipt.build), 'broke and was not run', receipt.build)
  breakUp(w, receipt)
}

const breakUp = (w: Work, { build: x, groups, error, cause, content }: Of<'broken'>): void => {
  const reason = cause === undefined ? content : contentOfCause(content, contentIn({ facts: w.facts.view() }, cause))
  const changed = !w.isBroken(x) || differsFrom(w, x, reason)
  const isSure = record(w, x, groups)
  w.facts.set(x, Fact.FLAGS, Kind.VALUE | Flag.BROKEN)
  w.values.set(x, undefined)
  w.setError(x, error)
  end(w, x, reason, cause ?? 0, changed, isSure)
}

const ofCycle = (path: readonly BuildId[]): Content =>
  path.reduce<Content>(
    ([a, b, c, d], x) => [Math.imul(a ^ x, 0x85ebca6b), (b + x) | 0, c ^ (a >>> 7), d | 1],
    [1, 0, 0, 0],
  )

const differsFrom = (w: Work, x: BuildId, content: Content): boolean => {
  if (w.revision(x) === 0) return true
  for (let i = 0; i < 4; i++) if (w.facts.get(x, Fact.CONTENT + i) !== content[i]) return true
  return false
}

/** `isSure`: it depends on values alone. */
const end = (w: Work, x: BuildId, content: Content, cause: BuildId | 0, changed: boolean, isSure: boolean): void => {
  const { facts } = w
  if (changed) for (let i = 0; i < 4; i++) facts.set(x, Fact.CONTENT + i, content[i]!)
  facts.set(x, Fact.CAUSE, cause)
  // Of what has a result for the first time, nobody can have seen another.
  if (w.revision(x) === 0) facts.set(x, Fact.REVISION, 1)
  else if (changed) bumpRevision(w, x)
  else noteSame(w, x)
  if (w.status(x) === Status.REST) w.checked.set(x, 0, w.generation)
  else rest(w, x, isSure)
}

/**
 * The dependencies of this run take the place of the remembered ones; where they are the same, edges are not made anew. Returns whether
 * all are known to be values.
 */
const record = (w: Work, x: BuildId, groups: Groups): boolean => {
  const { facts, flight } = w
  const abandoned = takeOld(w, x)
  const isResting = w.status(x) === Status.REST
  const begun = isResting ? 0 : flight.get(x, Flight.NEW_HEAD)
  const isKept = begun === 0 && isSame(w, x, groups)
  const seen = isKept ? seeAnew(w, x) : MIXED
  noteWhyValue(w, x, seen === MIXED ? undefined : Math.abs(seen))
  facts.set(x, Fact.BUILT, isResting ? w.generation : flight.get(x, Flight.PASS))
  if (isKept) {
    if (seen < 0) seeAll(w, x)
    if (abandoned !== 0) letGo(w, abandoned)
    return seen >= 0
  }
  const added = isResting
    ? link(w, x, groups, 0, 0)
    : link(w, x, groups, flight.get(x, Flight.NEW_TAIL), w.nextGroup(x))
  replaceList(w, x, begun === 0 ? added : begun)
  if (abandoned !== 0) letGo(w, abandoned)
  return begun === 0 && groups.every((group) => group.every((d) => w.kind(d) === Kind.VALUE))
}

/** Whether `groups` are the remembered dependencies, in the same order. */
const isSame = (w: Work, x: BuildId, groups: Groups): boolean => {
  const { edges } = w
  let e = w.facts.get(x, Fact.DEP_HEAD)
  for (let number = 0; number < groups.length; number++) {
    for (const d of groups[number]!) {
      if (e === 0 || edges.get(e, Edge.DEPENDENCY) !== d) return false
      if (edges.get(e, Edge.MODE) >>> GROUP_SHIFT !== number) return false
      e = edges.get(e, Edge.NEXT_DEP)
    }
  }
  return e === 0
}

/** Of {@link seeAnew}: it stopped, and before that nothing was another. */
const MIXED = -(2 ** 31)

/**
 * This run saw what its dependencies are now. Returns the first edge whose dependency is known to be another than the last run saw, or 0.
 * Where something is no value, or not known to hold, it stops there: then that is negative.
 */
const seeAnew = (w: Work, x: BuildId): number => {
  const { edges, facts, flight } = w
  let first = 0
  for (let e = facts.get(x, Fact.DEP_HEAD); e !== 0; e = edges.get(e, Edge.NEXT_DEP)) {
    const d = edges.get(e, Edge.DEPENDENCY)
    const revision = facts.get(d, Fact.REVISION)
    if (w.kind(d) !== Kind.VALUE) return first === 0 ? MIXED : -first
    if (revision === edges.get(e, Edge.SEEN)) continue
    if (!w.isCurrent(d, flight.get(x, Flight.PASS), w.has(x, Bit.TRUST))) return first === 0 ? MIXED : -first
    if (first === 0) first = e
    edges.set(e, Edge.SEEN, revision)
  }
  return first
}

const seeAll = (w: Work, x: BuildId): void => {
  const { edges } = w
  for (let e = w.facts.get(x, Fact.DEP_HEAD); e !== 0; e = edges.get(e, Edge.NEXT_DEP))
    edges.set(e, Edge.SEEN, w.revision(edges.get(e, Edge.DEPENDENCY)))
}

const replaceList = (w: Work, x: BuildId, head: number): void => {
  const old = w.facts.get(x, Fact.DEP_HEAD)
  w.facts.set(x, Fact.DEP_HEAD, head)
  w.flight.set(x, Flight.NEW_HEAD, 0)
  w.flight.set(x, Flight.NEW_TAIL, 0)
  if (w.facts.get(x, Fact.HOLD) > 0) {
    // The new ones first, so that what is in both lists is not let go in between.
    for (let e = head; e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) hold(w, w.edges.get(e, Edge.DEPENDENCY), 1)
    for (let e = old; e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) hold(w, w.edges.get(e, Edge.DEPENDENCY), -1)
    if (w.cyclic > 0) recountHolds(w)
  }
  w.freeList(old)
}
