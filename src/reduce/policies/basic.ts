/** Policies choose the batch of the next tick from what is ready. Pure; they may delay a build, never break it. */
import type { Batch } from '../../model/event.js'
import type { BuildId } from '../../model/ids.js'
import { type ReadyView, slotsOf } from '../gather.js'

/** `ahead`: how many builds that those of a batch need make may go through with them (`State.ahead`). Without it, none. */
export type Policy = ((view: ReadyView) => Batch) & { readonly ahead?: number }

/** At most `max` builds of each kind a tick, first come first; slots go first to do-files that wait for an answer: what began gets done. */
export const cap =
  (max: number): Policy =>
  (view) =>
    batchOf(view, max, view.run(max))

const batchOf = (view: ReadyView, max: number, run: Batch['run']): Batch => {
  const answer = view.answer(Math.min(max, view.freeSlots))
  const start = [...view.start(view.freeSlots - answer.length), ...view.pooled]
  return { scan: view.scan(max), run, start: start.length > max ? start.slice(0, max) : start, answer }
}

/** Everything that is ready, first come first. */
export const fullBatch = (): Policy => cap(Number.POSITIVE_INFINITY)

/** How many builds a tick runs: so few that what it works on stays in the processor's cache, and that a turn may end soon. */
const NEAR = 256
/** How many more it goes through for them, within the same bounds. */
const AHEAD = 512

/**
 * To the fixed point the shortest way: what others were found to wait for runs before what was ready earlier, so that little waits at
 * any time, and results are used while they are at hand.
 */
export const fixpoint = (): Policy =>
  Object.assign((view: ReadyView) => batchOf(view, Number.POSITIVE_INFINITY, view.newest(NEAR)), { ahead: AHEAD })

/**
 * What would be started, were one more slot free. None where one is free, where an answer comes first, and with one slot in all: who asks
 * for one at a time gets one after the other.
 */
export const upNext = (view: ReadyView, policy: Policy): BuildId | undefined => {
  const { state } = view
  if (state.start.size === 0 || state.answer.size > 0 || view.freeSlots > 0 || slotsOf(state) === 1) return undefined
  return policy({ ...view, freeSlots: 1, pooled: [] }).start[0]
}
