/** Policies that say how much a tick takes: of what is ready, or, by `compose`, of what another policy chose. */
import { type Batch, emptyBatch } from '../../model/event.js'
import { Track } from '../../model/plan.js'
import type { ReadyView } from '../gather.js'
import { cap } from './basic.js'
import { atLeast, type CarryPolicy, made } from './policy.js'

/** So many builds as take no longer than `ms` to run, by what they cost so far; at least one. */
export const slice = (ms: number): CarryPolicy<undefined> => {
  atLeast(0, ms, 'slice(ms): ms')
  return made({
    name: `slice(${ms})`,
    initial: undefined,
    choose: (view) => {
      const run = view.run(SLICE_MAX)
      let left = ms * 1000
      let count = 0
      while (count < run.length && (count === 0 || left >= view.cost(run[count]!))) left -= view.cost(run[count++]!)
      return { batch: { ...rest(view), run: run.slice(0, count) } }
    },
  })
}
const SLICE_MAX = 4096

const rest = (view: ReadyView): Omit<Batch, 'run'> => {
  const { scan, start, answer } = cap(Number.POSITIVE_INFINITY)({ ...view, run: () => [] })
  return { scan, start, answer }
}

/**
 * As many builds a tick as make it take `targetMs`: a few more each time that it was quicker, half as many when it was slower (additive
 * increase, multiplicative decrease; after TCP, Jacobson 1988).
 */
export const aimd = (targetMs: number): CarryPolicy<number> => {
  atLeast(0, targetMs, 'aimd(targetMs): targetMs')
  return made({
    name: `aimd(${targetMs})`,
    initial: AIMD_STEP,
    tracks: Track.CLOCK,
    choose: (view, max) => {
      const next = view.spent > targetMs * 1000 ? Math.max(1, max >> 1) : Math.min(max + AIMD_STEP, AIMD_MAX)
      const batch = cap(next)(view)
      // Not full, so it says nothing of how much would fit.
      const isFull = batch.run.length >= max || view.spent > targetMs * 1000
      return { batch, carry: isFull ? next : max }
    },
  })
}
const AIMD_STEP = 8
const AIMD_MAX = 1 << 16

/**
 * Waits until `max` builds are ready to run, or the oldest request is `ms` old, so that requests that come close together share a batch (after
 * Nagle, RFC 896). Nothing waits that another build of its request has been made for.
 */
export const nagle = (max: number, ms: number): CarryPolicy<undefined> => {
  atLeast(1, max, 'nagle(max, ms): max')
  atLeast(0, ms, 'nagle(max, ms): ms', NAGLE_MS_MAX)
  return made({
    name: `nagle(${max}, ${ms})`,
    initial: undefined,
    tracks: Track.LANES | Track.CLOCK,
    choose: (view) => {
      const batch = cap(max)(view)
      if (batch.run.length >= max || batch.run.length === 0) return { batch }
      const lanes = view.lanes()
      const oldest = Math.min(...lanes.map(({ since, attained }) => (attained > 0 ? Number.NEGATIVE_INFINITY : since)))
      const waitMs = oldest + ms - view.now
      // Of no request at all there is nothing to wait for.
      if (waitMs <= 0 || lanes.length === 0) return { batch }
      const { scan, start, answer } = batch
      if (scan.length + start.length + answer.length > 0) return { batch: { ...batch, run: [] }, wakeMs: waitMs }
      return { batch: emptyBatch, wakeMs: waitMs }
    },
  })
}
/** Longer than a request may wait without anybody taking it for lost. */
const NAGLE_MS_MAX = 60_000
