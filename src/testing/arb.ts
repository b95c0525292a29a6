/** Arbitraries for fast-check: graphs, scripts and schedules as data that shrinks. */
import fc from 'fast-check'
import { expectOptions } from './options.js'
import type { Schedule } from './schedule.js'
import { picks, plainCircles, type Sample, type Step, samples, schedules } from './scripts.js'

/**
 * Rules, as data, over four sources and three actions; each may hang on what others result in, fail, or be made in a batch. Some, or with `cyclic`
 * all or none, are up to five rules of which some need themselves, through others or not; no two such circles overlap.
 */
export const graph = (options: { readonly builds?: number; readonly cyclic?: boolean } = {}): fc.Arbitrary<Sample> => {
  expectOptions('arb.graph', options, { builds: 1 }, ['cyclic'])
  const plain = samples(options.builds ?? 8)
  if (options.cyclic === false) return plain
  const cyclic = plainCircles(false)
  return options.cyclic === true ? cyclic : fc.oneof({ weight: 5, arbitrary: plain }, { weight: 1, arbitrary: cyclic })
}

/**
 * What happens: somebody asks once or live, cancels, changes sources; reads and actions fail, or end in any order, late or twice; the engine ticks,
 * collects, wipes; and, if `crashes` (default true), ends without warning and is opened again from its store.
 */
export const script = (options: { readonly steps?: number; readonly crashes?: boolean } = {}): fc.Arbitrary<Step[]> =>
  schedules(expected('arb.script', options).steps ?? 25, { crashes: options.crashes ?? true })

export const schedule = (options: { readonly choices?: number } = {}): fc.Arbitrary<Schedule> =>
  fc.array(fc.nat(31), { maxLength: expected('arb.schedule', options).choices ?? 50 })

const expected = <O extends object>(who: string, options: O): O => {
  expectOptions(who, options, { steps: 0, choices: 0 }, ['crashes'])
  return options
}

/** In which order what is left under way at the end of a script comes to its end. */
export const order = picks
