/** Requests come, and are taken back. */
import { invariant } from '../model/error.js'
import type { Event, Session } from '../model/event.js'
import { type BuildId, buildId, generation } from '../model/ids.js'
import { Bit, Edge, Fact, Flight, GROUP_SHIFT, Kind, Mode, Status } from '../model/state.js'
import { cycleThrough } from './cycle.js'
import { declare, demand, force, isScanned, need, needValue, type Pass } from './demand.js'
import { suspect } from './judge.js'
import { nextKept } from './kept.js'
import { onUnfollowed } from './on-followed.js'
import { fulfil, release, withdraw } from './on-unblocked.js'
import { breakCircle } from './on-value.js'
import { isStarted } from './withdraw.js'
import type { Work } from './work.js'

type Requested = Extract<Event, { _tag: 'requested' }>

/** The session of a request; a do-file shared with a session that is over goes on in the generation it was begun for. */
const sessionOf = (w: Work, event: Requested): Session => {
  const known = w.session(event.session)
  if (known !== undefined) return known
  return { generation: generation(w.flight.get(event.by, Flight.PASS)), jobs: 1, trust: w.has(event.by, Bit.TRUST) }
}

export const onRequested = (w: Work, event: Requested): void => {
  const { request, by } = event
  invariant(w.isFree(request), 'is a request, and has an id that is taken', request)
  if (by === 0) {
    invariant(event.session === request, `request ${request} is of session ${event.session}`)
    w.generation = generation(w.generation + 1)
    w.setSession(request, {
      generation: w.generation,
      jobs: event.jobs,
      trust: event.trust,
      ...event.terms,
    })
  } else if (!isStarted(w, by) || w.status(by) === Status.ENDED) {
    // Its do-file has ended: a process that it left behind asks.
    w.tell({ _tag: 'responded', request, by, ok: false, outOfDate: [] })
    return
  }
  const session = sessionOf(w, event)
  const pass: Pass = { generation: session.generation, trust: session.trust, session: event.session }
  w.facts.set(request, Fact.FLAGS, Kind.REQUEST)
  w.flight.set(request, Flight.PASS, pass.generation)
  w.flight.set(request, Flight.BY, by)
  w.flight.set(request, Flight.SESSION, event.session)
  w.moveTo(request, Status.BLOCKED)
  w.setBits(
    request,
    Bit.WANTED |
      (pass.trust ? Bit.TRUST : 0) |
      (event.keepGoing ? Bit.KEEP_GOING : 0) |
      (event.want === 'look' ? Bit.LOOK : 0),
  )
  if (by !== 0) w.flight.set(by, Flight.BY, w.flight.get(by, Flight.BY) + 1)
  ask(w, event, pass)
  if (w.has(request, Bit.FAILED) && !event.keepGoing) withdraw(w, request, (x) => !isStarted(w, x), false)
  if (w.flight.get(request, Flight.WAITING) === 0) fulfil(w, request)
  else if (by !== 0 && w.status(by) === Status.RUNNING) w.moveTo(by, Status.BLOCKED)
}

/** Adds an edge for each target, but where one is kept that says the same, and waits for what is not there yet. */
const ask = (w: Work, event: Requested, pass: Pass): void => {
  const { request, by } = event
  const dependent = by === 0 ? request : by
  const group = w.nextGroup(dependent)
  const create = event.want === 'create' || event.want === 'look'
  const passing = by !== 0 && (event.want === 'force' || event.want === 'overwrite')
  let kept = by === 0 || passing ? 0 : nextKept(w, by)
  for (const target of event.targets.length === 1 ? event.targets : new Set(event.targets)) {
    const isReady = isSettled(w, target, event.want, pass)
    const isKept = kept !== 0 && isEdge(w, kept, target, group, create)
    if (isKept) {
      const isSame = isReady && w.edges.get(kept, Edge.SEEN) === w.seen(target, create)
      w.flight.set(by, Flight.KEPT, kept)
      kept = w.edges.get(kept, Edge.NEXT_DEP)
      if (isSame && (create || !w.isBroken(target))) continue
    } else {
      kept = 0
      if (by !== 0) w.setBits(by, Bit.DIVERGED)
    }
    const e = w.newEdge(dependent, target, group, create)
    w.append(dependent, e)
    if (passing) w.edges.set(e, Edge.MODE, w.edges.get(e, Edge.MODE) | Mode.PASSING)
    if (by !== 0 && w.flight.get(request, Flight.CURSOR) === 0) w.flight.set(request, Flight.CURSOR, e)
    if (isReady) {
      w.edges.set(e, Edge.SEEN, w.seen(target, create))
      if (create || !w.isBroken(target)) continue
      w.setBits(request, Bit.FAILED)
      w.tell({ _tag: 'askedBroken', build: target, request, session: event.session })
      continue
    }
    const cycle = by === 0 || create ? undefined : cycleThrough(w, by, target)
    if (cycle !== undefined) {
      breakCircle(w, cycle)
      w.edges.set(e, Edge.SEEN, -1)
      w.setBits(request, Bit.FAILED)
      continue
    }
    if (by !== 0) {
      w.edges.set(e, Edge.SEEN, request)
      w.edges.set(e, Edge.MODE, w.edges.get(e, Edge.MODE) | Mode.ASKED)
    } else if (w.flight.get(target, Flight.ORDER) === 0) w.flight.set(target, Flight.ORDER, 1)
    w.list(e)
  }
}

const isEdge = ({ edges }: Work, e: number, target: BuildId, group: number, create: boolean): boolean =>
  edges.get(e, Edge.DEPENDENCY) === target &&
  edges.get(e, Edge.MODE) === ((group << GROUP_SHIFT) | (create ? Mode.CREATE : 0))

/** Demands `target` as it is wanted; whether there is nothing to wait for. */
const isSettled = (w: Work, target: BuildId, want: Requested['want'], pass: Pass): boolean => {
  switch (want) {
    case 'ifchange':
      return need(w, target, pass)
    case 'value':
      declare(w, target)
      return needValue(w, target, pass)
    case 'force':
    case 'overwrite':
      suspect(w, target)
      force(w, target, pass, want === 'overwrite')
      return false
    case 'create':
    case 'look':
      return demand(w, target, pass) || isScanned(w, target)
  }
}

export const onCancelled = (w: Work, request: BuildId): void => {
  if (w.kind(request) === Kind.LIVE) return onUnfollowed(w, request)
  if (w.kind(request) !== Kind.REQUEST) return
  withdraw(w, request, () => true, true)
  release(w, request)
}

/** The do-file of `x` has ended with requests of it unanswered: processes in its background made them. */
export const closeRequestsOf = (w: Work, x: BuildId): void => {
  const asking = new Set<BuildId>()
  for (let e = w.flight.get(x, Flight.NEW_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
    if ((w.edges.get(e, Edge.MODE) & Mode.ASKED) !== 0) asking.add(buildId(w.edges.get(e, Edge.SEEN)))
  }
  // A fulfilled one has no edge that names it. Looked for only where one is missing: the queue may be long.
  for (
    let r = w.answer.head;
    r !== 0 && asking.size < w.flight.get(x, Flight.BY);
    r = buildId(w.flight.get(r, Flight.NEXT))
  ) {
    if (w.flight.get(r, Flight.BY) === x) asking.add(r)
  }
  const end = w.has(x, Bit.KILLED)
  for (const request of asking) {
    withdraw(w, request, () => true, end)
    w.setBits(request, Bit.FAILED)
    w.tell({ _tag: 'responded', request, by: x, ok: false, outOfDate: [] })
    release(w, request)
  }
}
