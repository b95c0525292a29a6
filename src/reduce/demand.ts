/**
 * Demand: a target and its remembered dependencies enter a generation as unknown. Demanding only leads to scanning;
 * running takes wanting as well, which flows from requests downwards and only to what is needed for sure.
 */
import { type BuildId, buildId } from '../model/ids.js'
import { Bit, Edge, Fact, Flag, Flight, Kind, Status } from '../model/state.js'
import { stopWaiting } from './withdraw.js'
import type { Work } from './work.js'

/** For what a build enters a generation: copied from whoever demands it. */
export interface Pass {
  readonly generation: number
  readonly trust: boolean
  readonly session: BuildId
}

export const passOf = (w: Work, x: BuildId): Pass => ({
  generation: w.flight.get(x, Flight.PASS),
  trust: w.has(x, Bit.TRUST),
  session: buildId(w.flight.get(x, Flight.SESSION)),
})

/** Takes `x` (at rest, or parked since an earlier generation) into the generation of `pass`. */
const begin = (w: Work, x: BuildId, pass: Pass, on = 0): void => {
  if (w.status(x) === Status.PARKED) {
    w.dequeue(x)
    // None of its bits stays.
    w.flight.set(x, Flight.STATUS, Status.PARKED)
  }
  w.flight.set(x, Flight.PASS, pass.generation)
  w.flight.set(x, Flight.SESSION, pass.session)
  w.flight.set(x, Flight.CURSOR, 0)
  w.moveTo(x, Status.UNKNOWN, on | (pass.trust ? Bit.TRUST : 0))
  // There is nothing to look at in a value: it is judged at once, and demands what it has to.
  if (w.kind(x) === Kind.VALUE) w.toJudge.push(x)
}

/** Demands `x` for `pass`, with the bits of `on` where it was at rest; whether it is at rest and known to hold already. */
export const demand = (w: Work, x: BuildId, pass: Pass, on = 0): boolean => {
  const status = w.status(x)
  if (status === Status.REST) {
    if (w.isCurrent(x, pass.generation, pass.trust)) return true
    begin(w, x, pass, on)
  } else if (status === Status.PARKED && w.flight.get(x, Flight.PASS) < pass.generation) begin(w, x, pass)
  return false
}

/** Whether `x` was looked at for the present pass, or an earlier one that is not over: its dependents may be scanned. */
export const isScanned = (w: Work, x: BuildId): boolean => {
  const status = w.status(x)
  return status !== Status.UNKNOWN && status !== Status.SCAN
}

/** `x`, known to hold, is run all the same: what is known of it is not enough. */
const makeAgain = (w: Work, x: BuildId, pass: Pass): void => {
  begin(w, x, pass)
  w.setBits(x, Bit.WANTED)
  w.moveTo(x, Status.READY)
}

/**
 * Demands and wants `x`: it is needed for sure. True when it is at rest and known to hold (or known to be broken);
 * false when it is in flight, and whoever needs it has to wait.
 */
export const need = (w: Work, x: BuildId, pass: Pass): boolean => {
  if (demand(w, x, pass, Bit.WANTED)) {
    // Known not to exist, which was enough until now; a rule may make it.
    if (w.kind(x) !== Kind.ABSENT || w.isBroken(x)) return true
    makeAgain(w, x, pass)
    return false
  }
  want(w, x)
  return false
}

/** What a value asks for is a value, unless it is known to be something else. */
export const declare = (w: Work, x: BuildId): void => {
  if (w.kind(x) === Kind.UNKNOWN) w.facts.set(x, Fact.FLAGS, Kind.VALUE | Flag.STALE)
}

/** As {@link need}, of a value that is to be seen: known to be the same is not enough. */
export const needValue = (w: Work, x: BuildId, pass: Pass): boolean => {
  if (!need(w, x, pass)) return false
  if (!w.flag(x, Flag.WIPED)) return true
  makeAgain(w, x, pass)
  return false
}

/** From now on `x`, in flight, may be run. */
export const want = (w: Work, x: BuildId): void => {
  if (w.has(x, Bit.WANTED)) return
  w.setBits(x, Bit.WANTED)
  if (w.status(x) !== Status.PARKED) return
  if (w.has(x, Bit.OUT_OF_DATE)) w.moveTo(x, Status.READY)
  else w.toJudge.push(x)
}

/** As {@link need}, and `x` is run in any case; a run under way is shared. */
export const force = (w: Work, x: BuildId, pass: Pass, overwrite: boolean): void => {
  const status = w.status(x)
  if (status === Status.REST) begin(w, x, pass)
  else demand(w, x, pass)
  w.setBits(x, Bit.FORCED | (overwrite ? Bit.OVERWRITE : 0))
  if (w.status(x) === Status.PARKED) w.setBits(x, Bit.OUT_OF_DATE)
  want(w, x)
  if (w.status(x) === Status.WAITING) stopWaiting(w, x, Status.READY)
}

/**
 * Next step of a build that was just demanded: its remembered dependencies are demanded too, all groups at once, and
 * it waits until each of them is scanned. What will run in any case has nothing to learn from them.
 */
export const expand = (w: Work, x: BuildId): void => {
  w.dequeue(x)
  const certain = isCertain(w, x)
  if (!certain) {
    const pass = passOf(w, x)
    for (let e = w.facts.get(x, Fact.DEP_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
      const d = buildId(w.edges.get(e, Edge.DEPENDENCY))
      if (!demand(w, d, pass) && !isScanned(w, d)) w.list(e)
    }
  }
  if (w.flight.get(x, Flight.WAITING) === 0) w.moveTo(x, Status.SCAN)
}

/** Whether `x` will run whatever became of its remembered dependencies. */
export const isCertain = (w: Work, x: BuildId): boolean =>
  w.has(x, Bit.FORCED) || w.flag(x, w.kind(x) === Kind.VALUE ? Flag.STALE : Flag.BROKEN)
