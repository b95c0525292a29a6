/** Policies choose the batch of the next tick from what is ready. Pure; they may delay a build, never break it. */
import type { Batch } from '../../model/event.js'
import type { ReadyView } from '../gather.js'

export type Policy = (view: ReadyView) => Batch

/** Everything that is ready; slots go to do-files that wait for an answer first, so that what began gets done. */
export const fixpoint: Policy = (view) => {
  const answer = view.answer(view.freeSlots)
  return {
    scan: view.scan(Number.POSITIVE_INFINITY),
    run: view.run(Number.POSITIVE_INFINITY),
    start: [...view.start(view.freeSlots - answer.length), ...view.pooled],
    answer,
  }
}

/** As {@link fixpoint}, at most `max` builds of each kind a tick. */
export const cap =
  (max: number): Policy =>
  (view) => {
    const answer = view.answer(Math.min(max, view.freeSlots))
    return {
      scan: view.scan(max),
      run: view.run(max),
      start: [...view.start(Math.min(max, view.freeSlots - answer.length)), ...view.pooled.slice(0, max)],
      answer,
    }
  }
