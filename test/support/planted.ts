/** Bugs that are planted in the core, for whatever face the laws are played through. */
import type { Draft } from 'immer'
import { vi } from 'vitest'
import { emptyBatch } from '../../src/model/event.js'
import type { State } from '../../src/model/state.js'

type Reduce = typeof import('../../src/reduce/reduce.js')
type WorkClass = typeof import('../../src/reduce/work.js')['Work']

/** Receipts are applied in the order in which they arrive. To be followed by fresh imports. */
export const plantArrivalOrder = (): void => {
  vi.doMock('../../src/reduce/reduce.js', async (importOriginal) => {
    const real = await importOriginal<Reduce>()
    const reduce: Reduce['reduce'] = (state, input) => {
      if (input.receipts.length < 2) return real.reduce(state, input)
      let step = real.reduce(state, { ...input, receipts: input.receipts.slice(0, 1), events: [] })
      for (const receipt of input.receipts.slice(1))
        step = real.reduce(step.state, { batch: emptyBatch, receipts: [receipt], events: [] })
      return real.reduce(step.state, { batch: emptyBatch, receipts: [], events: input.events })
    }
    return { ...real, reduce }
  })
}

/** A wake-up is lost now and then. */
export const plantLostWakeUp = (Work: WorkClass): void => {
  const { of } = Work
  let n = 0
  vi.spyOn(Work, 'of').mockImplementation((draft: Draft<State>) => {
    const work = of.call(Work, draft)
    const push = work.toTell.push.bind(work.toTell)
    work.toTell.push = (...builds) => (++n % 7 === 0 ? work.toTell.length : push(...builds))
    return work
  })
}
