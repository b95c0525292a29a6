/** Judging: is a scanned build up-to-date? And what follows when one comes to rest. */
import { Bug, invariant } from '../model/error.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Bit, Edge, Fact, Flag, Flight, GROUP_SHIFT, Kind, Mode, Status } from '../model/state.js'
import { differs } from '../model/why.js'
import { pathBack } from './cycle.js'
import { demand, isCertain, need, needValue, type Pass, passOf } from './demand.js'
import { onArrived } from './on-followed.js'
import { onFulfilled, onUnblocked } from './on-unblocked.js'
import { runAnew, stopWaiting } from './withdraw.js'
import type { Work } from './work.js'

/** It has to run: at once if it is wanted. */
export const outOfDate = (w: Work, x: BuildId): void => {
  if (w.has(x, Bit.WANTED)) {
    if (w.status(x) === Status.WAITING) stopWaiting(w, x, Status.READY)
    else w.moveTo(x, Status.READY)
  } else {
    w.moveTo(x, Status.PARKED, Bit.OUT_OF_DATE)
  }
}

/**
 * Compares a scanned build's remembered dependencies with what they are now. Any known difference is certain: it has to run, for
 * whatever the unknown ones turn out to be, either one of them changed, or this one is still needed. Else the first
 * group with unfinished members is waited for; later groups may be obsolete by then, so they are not run on a guess.
 */
export const judge = (w: Work, x: BuildId): void => {
  const { edges, flight } = w
  const pass = passOf(w, x)
  // A rule asks for a whole group at once, and asks the same as long as it gets the same: begun early, it would only wait.
  const isValue = w.kind(x) === Kind.VALUE
  if (!w.has(x, Bit.COMPARED)) {
    w.setBits(x, Bit.COMPARED)
    const head = w.facts.get(x, Fact.DEP_HEAD)
    flight.set(x, Flight.CURSOR, head)
    for (let e = isValue ? 0 : head; e !== 0; e = edges.get(e, Edge.NEXT_DEP)) {
      const d = edges.get(e, Edge.DEPENDENCY)
      const create = (edges.get(e, Edge.MODE) & Mode.CREATE) !== 0
      if ((create || w.isCurrent(d, pass.generation, pass.trust)) && differs(w, e)) return outOfDate(w, x)
    }
  }
  let e = flight.get(x, Flight.CURSOR)
  while (e !== 0) {
    const first = e
    const group = edges.get(e, Edge.MODE) >>> GROUP_SHIFT
    let unfinished = false
    let changed = false
    for (; e !== 0 && edges.get(e, Edge.MODE) >>> GROUP_SHIFT === group; e = edges.get(e, Edge.NEXT_DEP)) {
      if ((edges.get(e, Edge.MODE) & Mode.CREATE) !== 0) continue
      if (!w.isCurrent(edges.get(e, Edge.DEPENDENCY), pass.generation, pass.trust)) unfinished = true
      else if (differs(w, e)) {
        if (!isValue) return outOfDate(w, x)
        changed = true
      }
    }
    if (!unfinished && changed) return outOfDate(w, x)
    if (!unfinished) continue
    flight.set(x, Flight.CURSOR, first)
    if (!w.has(x, Bit.WANTED)) {
      w.moveTo(x, Status.PARKED)
      return
    }
    w.moveTo(x, Status.WAITING)
    for (let f = first; f !== e; f = edges.get(f, Edge.NEXT_DEP)) {
      if ((edges.get(f, Edge.MODE) & Mode.CREATE) !== 0) continue
      const d = buildId(edges.get(f, Edge.DEPENDENCY))
      if (need(w, d, pass)) continue
      // A dependency that waits for this very build proves nothing: it counts as changed.
      if (pathBack(w, x, d) !== undefined) return outOfDate(w, x)
      w.list(f)
    }
    invariant(flight.get(x, Flight.WAITING) > 0, 'waits for nothing', x)
    return
  }
  rest(w, x)
}

/** A value was demanded. */
export const judgeValue = (w: Work, x: BuildId): void => {
  if (isCertain(w, x)) outOfDate(w, x)
  else if (w.ahead > 0 && w.has(x, Bit.WANTED)) {
    // Make looks at what it depends on by itself.
    w.moveTo(x, Status.READY, Bit.UNJUDGED)
  } else judge(w, x)
  if (w.status(x) !== Status.REST) tellScanned(w, x)
}

/** Whether anything `x` depends on may not be what it was, so that `x` may not be either. */
const mayBeOutOfDate = (w: Work, x: BuildId): boolean => {
  const isValue = w.kind(x) === Kind.VALUE
  if (!isValue && w.flag(x, Flag.ALWAYS | Flag.BROKEN)) return true
  for (let e = w.facts.get(x, Fact.DEP_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
    // A value rests on values that are current: a transaction reaches all that is not.
    if (isValue && w.kind(w.edges.get(e, Edge.DEPENDENCY)) === Kind.VALUE) continue
    if (w.checked.get(w.edges.get(e, Edge.DEPENDENCY), 0) <= 0 || differs(w, e)) return true
  }
  return false
}

/** `x` has its result, or its error, for the generation it was brought into. `isSure`: all that it depends on is known to be current. */
export const rest = (w: Work, x: BuildId, isSure = false): void => {
  const pass = w.flight.get(x, Flight.PASS)
  land(w, x, w.has(x, Bit.DOUBTED) || (!isSure && mayBeOutOfDate(w, x)) ? -pass : pass)
}

/** `x` comes to rest without that being an answer: it is looked at again by whoever wants it next. */
export const restUnchecked = (w: Work, x: BuildId): void => land(w, x, 0)

const land = (w: Work, x: BuildId, checked: number): void => {
  w.checked.set(x, 0, checked)
  w.leave(x)
  if (w.flight.get(x, Flight.WAITER_HEAD) !== 0) w.toTell.push(x)
}

/** The result of `x` is another one: its dependents may be out-of-date, and theirs. */
export const bumpRevision = (w: Work, x: BuildId): void => {
  w.facts.set(x, Fact.REVISION, (w.facts.get(x, Fact.REVISION) + 1) | 0)
  suspectDependents(w, x)
}

/**
 * Marks all that depends on `x` as possibly out-of-date; stops at what is marked already. What stands on a value is marked by
 * the transaction that changes it; what is not was found in a circle with `x`, and does not wait to see it.
 */
export const suspectDependents = (w: Work, x: BuildId): void => {
  if (w.kind(x) === Kind.VALUE) return
  const stack: BuildId[] = [x]
  while (stack.length > 0) {
    const u = stack.pop() as BuildId
    for (let e = w.facts.get(u, Fact.DEPENDENT_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEPENDENT)) {
      const p = buildId(w.edges.get(e, Edge.DEPENDENT))
      const checked = w.checked.get(p, 0)
      if (checked <= 0) continue
      w.checked.set(p, 0, -checked)
      stack.push(p)
    }
  }
}

/**
 * `x` may come to be another: who asks from now on for what depends on it has to wait, also for what is being made, has seen `x` and comes
 * to rest before it.
 */
export const suspect = (w: Work, x: BuildId): void => {
  const checked = w.checked.get(x, 0)
  if (checked > 0) w.checked.set(x, 0, -checked)
  suspectDependents(w, x)
}

/** Tells those who wait for `x`, which is at rest now. */
export const tell = (w: Work, x: BuildId): void => {
  const { edges, flight } = w
  let again = 0
  let trust = true
  let wanted = false
  let session = buildId(0)
  let order = 0
  let unseen: Pass | undefined
  for (const e of waitersOf(w, x)) {
    if ((edges.get(e, Edge.MODE) & Mode.LISTED) === 0) continue
    const p = w.waiterOf(e)
    const pass = passOf(w, p)
    const status = w.status(p)
    const create = (edges.get(e, Edge.MODE) & Mode.CREATE) !== 0
    if (w.isCurrent(x, pass.generation, pass.trust)) {
      if (!w.flag(x, Flag.WIPED) || !sees(w, e, p)) arrive(w, e, p)
      else {
        unseen = pass
        order = Math.max(order, flight.get(p, Flight.ORDER))
      }
    } else {
      // It rests for an earlier generation than this one waits for.
      if (pass.generation > again) session = pass.session
      again = Math.max(again, pass.generation)
      trust = trust && pass.trust
      wanted ||= !create && (status === Status.WAITING || status === Status.BLOCKED)
      order = Math.max(order, flight.get(edges.get(e, Edge.DEPENDENT), Flight.ORDER))
    }
  }
  if (again === 0 && unseen === undefined) return
  if (again === 0) needValue(w, x, unseen as Pass)
  else demand(w, x, { generation: again, trust, session })
  if (flight.get(x, Flight.ORDER) <= order) flight.set(x, Flight.ORDER, order + 1)
  if (wanted) w.setBits(x, Bit.WANTED)
}

/** Whether `p`, which waits through `e`, does so for the value itself, and not only to know that it is the same. */
const sees = (w: Work, e: number, p: BuildId): boolean => {
  if (w.status(p) !== Status.BLOCKED) return false
  return w.kind(p) !== Kind.LIVE || w.edges.get(e, Edge.SEEN) !== w.revision(w.edges.get(e, Edge.DEPENDENCY))
}

/** Tells those who wait only until `x` is scanned, which it is. */
export const tellScanned = (w: Work, x: BuildId): void => {
  if (!hasScanWaiter(w, x)) return
  for (const e of waitersOf(w, x)) {
    if ((w.edges.get(e, Edge.MODE) & Mode.LISTED) !== 0 && isScanWaiter(w, e)) arrive(w, e, w.waiterOf(e))
  }
}

const isScanWaiter = (w: Work, e: number): boolean =>
  (w.edges.get(e, Edge.MODE) & Mode.CREATE) !== 0 || w.status(w.waiterOf(e)) === Status.UNKNOWN

const hasScanWaiter = (w: Work, x: BuildId): boolean => {
  for (let e = w.flight.get(x, Flight.WAITER_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_WAITER))
    if (isScanWaiter(w, e)) return true
  return false
}

/** The edges through which `x` is waited for now, longest first. Telling one may take others off the list, so it is copied. */
const waitersOf = (w: Work, x: BuildId): readonly number[] => {
  const head = w.flight.get(x, Flight.WAITER_HEAD)
  if (head === 0) return NONE
  const found = [head]
  for (let e = w.edges.get(head, Edge.NEXT_WAITER); e !== 0; e = w.edges.get(e, Edge.NEXT_WAITER)) found.push(e)
  return found.length === 1 ? found : found.reverse()
}
const NONE: readonly number[] = []

/** What `p` waits for through `e` has come. */
const arrive = (w: Work, e: number, p: BuildId): void => {
  const d = buildId(w.edges.get(e, Edge.DEPENDENCY))
  const mode = w.edges.get(e, Edge.MODE)
  const waiting = w.unlist(e)
  switch (w.status(p)) {
    case Status.UNKNOWN:
      if (waiting === 0) w.moveTo(p, Status.SCAN)
      return
    case Status.WAITING:
      if (w.kind(p) !== Kind.VALUE && differs(w, e)) outOfDate(w, p)
      else if (waiting === 0) w.toJudge.push(p)
      return
    case Status.READY:
      // Of a run whose place another one is about to take.
      return
    case Status.BLOCKED: {
      if (w.kind(p) === Kind.LIVE) return onArrived(w, p)
      const before = w.edges.get(e, Edge.SEEN)
      w.edges.set(e, Edge.SEEN, w.seen(d, (mode & Mode.CREATE) !== 0))
      // What it saw is another one now.
      if (w.kind(p) === Kind.VALUE && before !== 0 && before !== w.revision(d)) return runAnew(w, p)
      if ((mode & Mode.ASKED) !== 0) w.edges.set(e, Edge.MODE, w.edges.get(e, Edge.MODE) & ~Mode.ASKED)
      if (w.kind(p) === Kind.REQUEST) {
        const broken = (mode & Mode.CREATE) === 0 && w.isBroken(d)
        if (broken) w.tell({ _tag: 'askedBroken', build: d, request: p, session: passOf(w, p).session })
        onFulfilled(w, p, broken, waiting)
      } else if (waiting === 0) onUnblocked(w, p)
      return
    }
    default:
      throw new Bug(`build ${p} is told of ${d} and does not wait`)
  }
}
