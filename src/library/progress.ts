/** How far an engine is. */
import type { Key } from '../model/definition.js'
import type { State } from '../model/state.js'

export interface Progress {
  readonly version: number
  readonly tick: number
  /** Builds that are not at rest; those of them that could be done now; reads and actions under way. */
  readonly inFlight: number
  readonly ready: number
  readonly pending: readonly Key[]
  /** Open requests for one answer, and live ones. */
  readonly requests: readonly Key[]
  readonly lives: readonly Key[]
}

export const progressOf = (
  { inFlight, ready, start, pools }: State,
  rest: Omit<Progress, 'inFlight' | 'ready'>,
): Progress => ({
  ...rest,
  inFlight: inFlight - rest.requests.length,
  ready: ready.size + start.size + pools.reduce((sum, pool) => sum + pool.queue.size, 0),
})
