// The test kit: schedules of thirty builds beside fast-check's own scheduler, and states of an exhaustive search.
import { forAllSchedules, sweep } from '../../dist/testing/index.js'
import { median } from './support.mjs'
import { byPromises, factory, request } from './thirty.mjs'

/** What each of `count` things that `run` does takes, in µs. */
const each = async (/** @type {number} */ count, /** @type {() => Promise<unknown>} */ run) => {
  const begun = performance.now()
  await run()
  return ((performance.now() - begun) * 1000) / count
}

/**
 * @param {import('./support.mjs').World} world
 * @returns {AsyncGenerator<import('./report.mjs').Row>}
 */
export async function* scheduleRows({ quick }) {
  const [rounds, runs, many] = quick ? [3, 300, 100_000] : [3, 1000, 1_000_000]
  /** @type {Record<string, number[]>} */
  const taken = { redford: [], 'redford, run': [], 'fast-check': [] }
  const check = async (/** @type {import('../../dist/index.js').BuildEngine} */ eng) =>
    void (await eng.once(request).promise)
  let played = 0
  for (let seed = 0; seed < rounds; seed++) {
    taken['fast-check'].push(await each(runs, () => byPromises(runs)))
    taken['redford, run'].push(await each(runs, () => forAllSchedules(factory, check, { runs, seed })))
    taken.redford.push(
      await each(many, async () => {
        played = (await forAllSchedules(factory, check, { runs: many, seed })).played
      }),
    )
  }
  const figures = Object.fromEntries(Object.entries(taken).map(([who, all]) => [who, median(all)]))
  const value = figures.redford / figures['fast-check']
  yield {
    name: 'schedules: 30 builds',
    unit: 'µs',
    figures,
    value,
    against: 'fast-check',
    goal: 0.05,
    note: `${many} schedules, of which ${played} were run`,
  }
  const begun = performance.now()
  const { states, steps, schedules } = await sweep(4, { faults: ['fail', 'cancel', 'sweep', 'wipe', 'touch'] })
  const us = (performance.now() - begun) * 1000
  yield {
    name: 'explore: all graphs of 4 builds',
    unit: 'µs a state, a step',
    figures: { state: us / states, step: us / steps },
    note: `${states} states, ${schedules} schedules`,
  }
}
