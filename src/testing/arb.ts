/** Arbitraries for fast-check: graphs, scripts and schedules as data that shrinks. */
import fc from 'fast-check'
import type { Schedule } from './schedule.js'
import { picks, plainCircles, type Sample, type Step, samples, schedules } from './scripts.js'

/**
 * Rules, as data, over four sources and three actions; each may hang on what others result in, fail, or be made in a batch. `cyclic`: up to five
 * rules, some of which need themselves, through others or not; no two such circles overlap.
 */
export const graph = (options: { readonly builds?: number; readonly cyclic?: boolean } = {}): fc.Arbitrary<Sample> =>
  options.cyclic === true ? plainCircles(false) : samples(options.builds ?? 8)

/**
 * What happens: somebody asks once or live, cancels, changes sources; reads and actions fail, or end in any order, late or twice; the engine ticks,
 * collects, wipes; and, if `crashes` (default true), ends without warning and is opened again from its store.
 */
export const script = (options: { readonly steps?: number; readonly crashes?: boolean } = {}): fc.Arbitrary<Step[]> =>
  schedules(options.steps ?? 25, { crashes: options.crashes ?? true })

export const schedule = (options: { readonly choices?: number } = {}): fc.Arbitrary<Schedule> =>
  fc.array(fc.nat(31), { maxLength: options.choices ?? 50 })

/** In which order what is left under way at the end of a script comes to its end. */
export const order = picks
