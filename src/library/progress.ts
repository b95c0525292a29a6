/** How far an engine is. */

import { costLeft } from '../model/costs.js'
import type { Key } from '../model/definition.js'
import type { State } from '../model/state.js'

export interface Progress {
  readonly version: number
  readonly tick: number
  /** Builds that are not at rest; those of them that could be done now; reads and actions under way. */
  readonly inFlight: number
  readonly ready: number
  readonly pending: readonly Key[]
  /** What all that is in flight for sure still takes, in ms, one after the other, as far as earlier runs tell. */
  readonly leftMs: number
  /** Open requests for one answer, and live ones. */
  readonly requests: readonly Key[]
  readonly lives: readonly Key[]
}

export const progressOf = (state: State, rest: Omit<Progress, 'inFlight' | 'ready' | 'leftMs'>): Progress => ({
  ...rest,
  inFlight: state.inFlight - rest.requests.length,
  leftMs: costLeft(state).cost / 1000,
  ready: state.ready.size + state.start.size + state.pools.reduce((sum, pool) => sum + pool.queue.size, 0),
})
