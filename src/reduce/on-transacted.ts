/**
 * A transaction: some values may be others from now on. All that stands on them is marked at once, in the very tick, so that
 * nobody takes what it was for what it is; and what had begun on the strength of it looks again before it goes on.
 * So an answer is never a mixture of versions.
 */
import type { Event } from '../model/event.js'
import { type BuildId, buildId, generation } from '../model/ids.js'
import { Bit, Edge, Fact, Flag, Flight, Kind, Mode, Status } from '../model/state.js'
import { packWhy, Reason } from '../model/why.js'
import { pathBack } from './cycle.js'
import { needValue, passOf } from './demand.js'
import { outOfDate } from './judge.js'
import { refresh } from './on-followed.js'
import { runAnew, unlistAll } from './withdraw.js'
import type { Work } from './work.js'

export const onTransacted = (w: Work, { version, builds }: Extract<Event, { _tag: 'transacted' }>): void => {
  w.generation = generation(w.generation + 1)
  w.version = version
  for (const x of builds) {
    if (w.kind(x) !== Kind.VALUE) continue
    w.facts.set(x, Fact.FLAGS, w.facts.get(x, Fact.FLAGS) | Flag.STALE)
    w.facts.set(x, Fact.WHY, packWhy(Reason.SET, version))
    w.checked.set(x, 0, 0)
    touch(w, x)
    voidDependents(w, x)
  }
  for (const x of w.toReview.splice(0)) review(w, x)
  for (const live of w.toRefresh.splice(0)) refresh(w, live)
}

/** `x` itself is to be made again. */
const touch = (w: Work, x: BuildId): void => {
  switch (w.status(x)) {
    case Status.RUNNING:
    case Status.START:
    case Status.BLOCKED:
    case Status.READY:
      return runAnew(w, x)
    case Status.PARKED:
      return w.setBits(x, Bit.OUT_OF_DATE)
    case Status.WAITING:
      unlistAll(w, x, w.givenUp)
      return outOfDate(w, x)
    default:
      return
  }
}

/** Marks all that stands on `x`; stops at what is marked. Collects the live requests and what is in flight. */
const voidDependents = (w: Work, x: BuildId): void => {
  const stack: BuildId[] = [x]
  const isBusy = w.inFlight > 0
  while (stack.length > 0) {
    const u = stack.pop() as BuildId
    for (let e = w.facts.get(u, Fact.DEPENDENT_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEPENDENT)) {
      const p = buildId(w.edges.get(e, Edge.DEPENDENT))
      if (isBusy && w.status(p) !== Status.REST && !w.has(p, Bit.VOIDED)) {
        w.setBits(p, Bit.VOIDED)
        w.toReview.push(p)
      }
      if (w.checked.get(p, 0) === 0) continue
      w.checked.set(p, 0, 0)
      if (w.kind(p) === Kind.LIVE) w.toRefresh.push(p)
      else stack.push(p)
    }
  }
}

/** `x` is in flight, and something it depends on may be another. */
const review = (w: Work, x: BuildId): void => {
  w.setBits(x, 0, Bit.VOIDED)
  switch (w.status(x)) {
    case Status.WAITING:
      // Judged again from its first dependency on.
      unlistAll(w, x, w.givenUp)
      w.setBits(x, 0, Bit.COMPARED)
      w.toJudge.push(x)
      return
    case Status.PARKED:
      return w.setBits(x, 0, Bit.COMPARED)
    case Status.RUNNING:
      // Only what asks for nothing runs this long: it was touched itself, or a rule asked and then ran on.
      return w.flight.get(x, Flight.NEW_HEAD) === 0 ? undefined : lookAgain(w, x)
    case Status.BLOCKED:
    case Status.READY:
    case Status.START:
      return lookAgain(w, x)
    default:
      return
  }
}

/** Waits, besides what it waits for, for all that it has seen and that may be another now. */
const lookAgain = (w: Work, x: BuildId): void => {
  if (w.has(x, Bit.ANEW)) return
  const pass = { ...passOf(w, x), generation: w.generation }
  for (let e = w.flight.get(x, Flight.NEW_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
    const d = buildId(w.edges.get(e, Edge.DEPENDENCY))
    if ((w.edges.get(e, Edge.MODE) & Mode.LISTED) !== 0 || w.checked.get(d, 0) !== 0) continue
    if (needValue(w, d, pass)) continue
    if (w.status(x) !== Status.BLOCKED) {
      if (w.status(x) === Status.RUNNING) return runAnew(w, x)
      w.moveTo(x, Status.BLOCKED)
    }
    // Nothing of what it saw can wait for it: this only keeps the order that cycles are found by.
    pathBack(w, x, d)
    w.list(e)
  }
}
