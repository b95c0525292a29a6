/** Recordings of simulated runs. */
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import { nameOf as nameOfPolicy, type Policy } from '../reduce/policies/policy.js'
import { recorderInto } from '../replay/recorder-into.js'
import type { Recorder } from '../store/recording/recorder.js'
import type { Units } from './units.js'
import type { Workload } from './workload.js'

export const recorderOf = (
  path: string,
  workload: Workload,
  policy: Policy,
  units: Units,
  { state, now }: { readonly state: State; readonly now: () => number },
): Recorder => {
  const nameOf = (x: BuildId): string | undefined => {
    if (x === 0 || x >= units.end) return undefined
    const job = units.job[x]!
    return job < 0 || workload.jobs.length === 1 ? units.names[x]! : `${job}/${units.names[x]!}`
  }
  return recorderInto(path, state, {
    about: { program: 'lab', face: 'redo', policy: nameOfPolicy(policy), rules: [], options: {} },
    nameOf,
    textOf: () => 'null',
    now,
  })
}
