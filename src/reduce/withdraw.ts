/** Wanting taken back: what nobody needs for sure any more is not begun, and, where its requester is gone, is ended. */
import { type BuildId, buildId } from '../model/ids.js'
import { Bit, Edge, Flight, Kind, Mode, Status } from '../model/state.js'
import type { Work } from './work.js'

/** Whether anybody waits for `x` who needs it for sure. */
const isNeeded = (w: Work, x: BuildId): boolean => {
  for (let e = w.flight.get(x, Flight.WAITER_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_WAITER)) {
    if ((w.edges.get(e, Edge.MODE) & Mode.CREATE) !== 0) continue
    const waiter = w.waiterOf(e)
    const status = w.status(waiter)
    if ((status === Status.WAITING || status === Status.BLOCKED) && w.has(waiter, Bit.WANTED)) return true
  }
  return false
}

/** Whether the do-file of `x` was started, and its result is still to come: it runs, waits for answers to its requests, or has ended. */
export const isStarted = (w: Work, x: BuildId): boolean => {
  const status = w.status(x)
  if (!w.isBuild(x) || w.kind(x) === Kind.VALUE) return false
  return (
    status === Status.RUNNING ||
    status === Status.ENDED ||
    (status === Status.BLOCKED && w.flight.get(x, Flight.BY) > 0)
  )
}

/** Whether `x` is in the batch of this very tick: its receipt has yet to be applied. */
const isBeingMade = (w: Work, x: BuildId): boolean => {
  const status = w.status(x)
  return (status === Status.READY || status === Status.START) && !w.has(x, Bit.QUEUED)
}

/** Takes all edges through which `x` waits off the lists; what it waited for is added to `left`. */
export const unlistAll = (w: Work, x: BuildId, left: BuildId[]): void => {
  const head = w.flight.get(x, w.status(x) === Status.WAITING ? Flight.CURSOR : Flight.NEW_HEAD)
  for (let e = head; e !== 0 && w.flight.get(x, Flight.WAITING) > 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
    if ((w.edges.get(e, Edge.MODE) & Mode.LISTED) === 0) continue
    w.unlist(e)
    left.push(buildId(w.edges.get(e, Edge.DEPENDENCY)))
  }
}

/** Forgets what the present run of `x` asked for: it did not get to begin. */
export const dropNew = (w: Work, x: BuildId): void => {
  const head = w.flight.get(x, Flight.NEW_HEAD)
  w.flight.set(x, Flight.NEW_HEAD, 0)
  w.flight.set(x, Flight.NEW_TAIL, 0)
  w.freeList(head)
}

/** Gives up `builds`, and in turn what only they needed. `end`: also end the processes that work for them. */
export const abandon = (w: Work, builds: readonly BuildId[], end: boolean): void => {
  const left = [...builds]
  while (left.length > 0) {
    const x = left.pop() as BuildId
    if (!w.has(x, Bit.WANTED) || isNeeded(w, x)) continue
    const status = w.status(x)
    if (isStarted(w, x)) {
      if (end && !w.has(x, Bit.KILLED)) {
        w.setBits(x, Bit.KILLED)
        w.effects.push({ _tag: 'kill', build: x })
      }
      continue
    }
    if (isBeingMade(w, x)) {
      w.givenUp.push(x)
      continue
    }
    w.setBits(x, 0, Bit.WANTED | Bit.FORCED | Bit.OVERWRITE)
    if (status === Status.WAITING) {
      unlistAll(w, x, left)
      w.moveTo(x, Status.PARKED)
    } else if (status !== Status.UNKNOWN && status !== Status.SCAN && status !== Status.PARKED) {
      // A read or action: nobody waits for its end.
      if (status === Status.RUNNING) w.effects.push({ _tag: 'kill', build: x })
      unlistAll(w, x, left)
      dropNew(w, x)
      // Nor does it take part in a cycle that it was on.
      w.setCycle(x, undefined)
      w.setBits(x, Bit.OUT_OF_DATE, Bit.ANEW)
      w.moveTo(x, Status.PARKED)
      w.flight.set(x, Flight.POOL, 0)
    }
  }
}

/** `x` no longer waits for anything; what only it needed is given up. */
export const giveUpWaits = (w: Work, x: BuildId): void => {
  // What a value waits for may be a read that ends in this very tick, and whose receipt is yet to come.
  if (w.kind(x) === Kind.VALUE) return unlistAll(w, x, w.givenUp)
  const left: BuildId[] = []
  unlistAll(w, x, left)
  abandon(w, left, false)
}

/** `x`, which waited for remembered dependencies, moves on to `status` without them. */
export const stopWaiting = (w: Work, x: BuildId, status: number): void => {
  giveUpWaits(w, x)
  w.moveTo(x, status)
}

/** What the present run saw does not hold: another run takes its place. What it waits for may well be asked for again. */
export const runAnew = (w: Work, x: BuildId): void => {
  if (w.status(x) === Status.RUNNING) w.effects.push({ _tag: 'kill', build: x })
  w.setBits(x, Bit.ANEW, Bit.VOIDED)
  if (w.status(x) === Status.READY) return
  w.moveTo(x, Status.READY)
  w.flight.set(x, Flight.POOL, 0)
}
