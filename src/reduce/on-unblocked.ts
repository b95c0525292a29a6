/** What follows when all that a build or a request asked for is at rest. */
import { type BuildId, buildId } from '../model/ids.js'
import { Bit, Edge, Fact, Flight, Kind, Mode, Status } from '../model/state.js'
import { answerOf } from './answer.js'
import { abandon, dropNew, isStarted } from './withdraw.js'
import type { Work } from './work.js'

/** A build that blocked has what it needs: it goes on, when it is still wanted and, where it needs one, a slot is free. */
export const onUnblocked = (w: Work, x: BuildId): void => {
  if (!w.has(x, Bit.WANTED)) {
    dropNew(w, x)
    w.setBits(x, Bit.OUT_OF_DATE)
    w.moveTo(x, Status.PARKED)
  } else w.moveTo(x, w.has(x, Bit.SLOT) ? Status.START : Status.READY)
}

/** The edges of a request: its own, or those that it added to its do-file's target. */
const edgesFrom = (w: Work, request: BuildId): number =>
  w.flight.get(request, w.flight.get(request, Flight.BY) === 0 ? Flight.NEW_HEAD : Flight.CURSOR)

const waitsThrough = (w: Work, request: BuildId, e: number): boolean =>
  (w.edges.get(e, Edge.MODE) & Mode.LISTED) !== 0 && w.waiterOf(e) === request

/** Takes the request's waiting for all that `which` picks back. Whatever is left of it is waited for. */
export const withdraw = (w: Work, request: BuildId, which: (x: BuildId) => boolean, end: boolean): void => {
  const left: BuildId[] = []
  for (
    let e = edgesFrom(w, request);
    e !== 0 && w.flight.get(request, Flight.WAITING) > 0;
    e = w.edges.get(e, Edge.NEXT_DEP)
  ) {
    const d = buildId(w.edges.get(e, Edge.DEPENDENCY))
    if (!waitsThrough(w, request, e) || !which(d)) continue
    w.unlist(e)
    if ((w.edges.get(e, Edge.MODE) & Mode.ASKED) !== 0) {
      w.edges.set(e, Edge.MODE, w.edges.get(e, Edge.MODE) & ~Mode.ASKED)
      // It never saw the dependency: no revision equals this one.
      w.edges.set(e, Edge.SEEN, -1)
    }
    left.push(d)
  }
  abandon(w, left, end)
}

/** One of the things a request waits for is at rest; `waiting` are left. The first failure ends it, unless it keeps going. */
export const onFulfilled = (w: Work, request: BuildId, broken: boolean, waiting: number): void => {
  if (broken) {
    w.setBits(request, Bit.FAILED)
    if (!w.has(request, Bit.KEEP_GOING) && waiting > 0) withdraw(w, request, (x) => !isStarted(w, x), false)
  }
  if (w.flight.get(request, Flight.WAITING) === 0) fulfil(w, request)
}

/** All is there, or will not come: answers, at once or when the do-file that asks gets a slot to go on. */
export const fulfil = (w: Work, request: BuildId): void => {
  const by = buildId(w.flight.get(request, Flight.BY))
  const goesOn = by !== 0 && w.status(by) === Status.BLOCKED && w.flight.get(by, Flight.BY) === 1
  if (goesOn) w.moveTo(request, Status.ANSWER)
  else respond(w, request)
}

/** Answers a request, and forgets it. */
export const respond = (w: Work, request: BuildId): void => {
  const by = buildId(w.flight.get(request, Flight.BY))
  const outOfDate: BuildId[] = []
  if (w.has(request, Bit.LOOK)) {
    for (let e = edgesFrom(w, request); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
      const d = buildId(w.edges.get(e, Edge.DEPENDENCY))
      if (w.status(d) === Status.PARKED) outOfDate.push(d)
    }
  }
  const target = buildId(w.edges.get(edgesFrom(w, request), Edge.DEPENDENCY))
  const ok = !w.has(request, Bit.FAILED)
  if (by === 0 && w.kind(target) === Kind.VALUE) {
    w.tell({ _tag: 'responded', request, by, ok, outOfDate, answer: answerOf(w, target) })
    w.keepLast(target)
  } else w.tell({ _tag: 'responded', request, by, ok, outOfDate })
  release(w, request)
}

/** Takes a request, answered or given up, out of the state. */
export const release = (w: Work, request: BuildId): void => {
  const by = buildId(w.flight.get(request, Flight.BY))
  if (by === 0) {
    dropNew(w, request)
    w.setSession(request, undefined)
  } else {
    const asking = w.flight.get(by, Flight.BY) - 1
    w.flight.set(by, Flight.BY, asking)
    if (asking === 0 && w.status(by) === Status.BLOCKED) w.moveTo(by, Status.RUNNING)
  }
  w.moveTo(request, Status.REST)
  w.flight.clear(request)
  w.facts.set(request, Fact.FLAGS, 0)
}
