/** Live requests: told of a result now, and of every other one that takes its place, until they are cancelled. */
import { invariant } from '../model/error.js'
import type { Event } from '../model/event.js'
import { type BuildId, buildId, generation } from '../model/ids.js'
import { Bit, Edge, Fact, Flag, Flight, Kind, Mode, Status } from '../model/state.js'
import { withObject } from '../model/table.js'
import { answerOf } from './answer.js'
import { declare, need, needValue } from './demand.js'
import { hold, recountHolds, targetOf } from './hold.js'
import { abandon, runAnew } from './withdraw.js'
import type { Work } from './work.js'

export const onFollowed = (w: Work, { request, target, terms }: Extract<Event, { _tag: 'followed' }>): void => {
  invariant(w.isFree(request), 'is a request, and has an id that is taken', request)
  declare(w, target)
  if (terms !== undefined) w.terms = withObject(w.terms, request, terms)
  w.facts.set(request, Fact.FLAGS, Kind.LIVE)
  w.facts.set(request, Fact.DEP_HEAD, w.newEdge(request, target, 0, false))
  hold(w, target, 1)
  w.generation = generation(w.generation + 1)
  refresh(w, request)
}

/** Brings what the request follows into the present generation, and waits for it. */
export const refresh = (w: Work, live: BuildId): void => {
  const e = w.facts.get(live, Fact.DEP_HEAD)
  const target = buildId(w.edges.get(e, Edge.DEPENDENCY))
  const pass = { generation: w.generation, trust: true, session: live }
  w.flight.set(live, Flight.PASS, w.generation)
  w.flight.set(live, Flight.SESSION, live)
  w.moveTo(live, Status.BLOCKED, Bit.WANTED | Bit.TRUST)
  // A value that was told of before need not be there again to be known as the same.
  if (w.edges.get(e, Edge.SEEN) === 0 ? needValue(w, target, pass) : need(w, target, pass)) return onArrived(w, live)
  if (w.flight.get(target, Flight.ORDER) === 0) w.flight.set(target, Flight.ORDER, 1)
  w.list(e)
}

/** What the request follows is at rest: tells of it, if it is not what was told last. */
export const onArrived = (w: Work, live: BuildId): void => {
  const e = w.facts.get(live, Fact.DEP_HEAD)
  const target = targetOf(w, live)
  const revision = w.revision(target)
  if (w.edges.get(e, Edge.SEEN) !== revision) {
    w.edges.set(e, Edge.SEEN, revision)
    w.tell({ _tag: 'noticed', request: live, answer: answerOf(w, target) })
  }
  w.checked.set(live, 0, 1)
  w.leave(live)
}

export const onUnfollowed = (w: Work, live: BuildId): void => {
  const e = w.facts.get(live, Fact.DEP_HEAD)
  const target = targetOf(w, live)
  if ((w.edges.get(e, Edge.MODE) & Mode.LISTED) !== 0) w.unlist(e)
  w.freeOne(e)
  w.leave(live)
  w.facts.clear(live)
  w.checked.set(live, 0, 0)
  w.terms = withObject(w.terms, live, undefined)
  hold(w, target, -1)
  if (w.cyclic > 0) recountHolds(w)
  abandon(w, [target], true)
}

/** As {@link onWiped}, and no build in flight keeps what it saw of them: a run that was told of one runs anew, and asks for it again. */
export const onLost = (w: Work, builds: readonly BuildId[]): void => {
  for (const x of builds) {
    giveUpValue(w, x)
    for (let e = w.facts.get(x, Fact.DEPENDENT_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEPENDENT)) {
      const p = buildId(w.edges.get(e, Edge.DEPENDENT))
      if (w.kind(p) === Kind.VALUE && isOfRun(w, p, e)) runAnew(w, p)
    }
  }
}

/** Whether the present run of `p` asked through `e`. */
const isOfRun = (w: Work, p: BuildId, e: number): boolean => {
  let own = w.flight.get(p, Flight.NEW_HEAD)
  while (own !== 0 && own !== e) own = w.edges.get(own, Edge.NEXT_DEP)
  return own !== 0
}

/** The values of these are given up, but for what a build in flight may have seen and ask for again. */
export const onWiped = (w: Work, builds: readonly BuildId[]): void => {
  for (const x of builds) {
    if (w.kind(x) !== Kind.VALUE || w.status(x) !== Status.REST || w.values.get(x) === undefined) continue
    if (w.hasLiveDependent(x)) continue
    giveUpValue(w, x)
  }
}

const giveUpValue = (w: Work, x: BuildId): void => {
  w.values.set(x, undefined)
  w.facts.set(x, Fact.FLAGS, w.facts.get(x, Fact.FLAGS) | Flag.WIPED)
}
