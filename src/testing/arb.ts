/** Arbitraries for fast-check: graphs, scripts and schedules as data that shrinks. */
import fc from 'fast-check'
import type { Schedule } from './schedule.js'
import { circles, picks, type Sample, type Step, samples, schedules } from './scripts.js'

/** Rules, as data, over four sources and three actions; each may hang on what others result in, fail, or be made in a batch. */
export const graph = (options: { readonly builds?: number; readonly cyclic?: boolean } = {}): fc.Arbitrary<Sample> =>
  options.cyclic === true ? circles(false) : samples(options.builds ?? 8)

/** What users do: ask once or live, cancel, change sources, let reads and actions end in any order, late or twice, tick, collect, wipe. */
export const script = (options: { readonly steps?: number } = {}): fc.Arbitrary<Step[]> =>
  schedules(options.steps ?? 25)

export const schedule = (options: { readonly choices?: number } = {}): fc.Arbitrary<Schedule> =>
  fc.array(fc.nat(31), { maxLength: options.choices ?? 50 })

/** In which order what is left under way at the end of a script comes to its end. */
export const order = picks
