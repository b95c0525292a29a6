/** What tests of workloads read them by, where it is of no account. */
import type { Settings } from '../../src/lab/scenarios.js'

export const settings: Settings = {
  machine: { slots: 2 },
  estimates: { _tag: 'exact' },
  load: 0.8,
  jobs: 10,
  speed: 1,
  clients: 0,
}
