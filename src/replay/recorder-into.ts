/** Recordings of what only a simulation did. */
import type { State } from '../model/state.js'
import { placeFault } from '../store/recording/format.js'
import { Recorder, type RecorderOptions } from '../store/recording/recorder.js'

type Given = Pick<RecorderOptions, 'about' | 'nameOf' | 'textOf' | 'now'>

const VALUE_MAX = 65_536

/** @throws Error where `path` is something else, or cannot be made or written. */
export const recorderInto = (path: string, state: State, given: Given): Recorder => {
  const fault = placeFault(path)
  if (fault !== undefined) throw new Error(fault)
  const onTrouble = (error: Error): never => {
    throw error
  }
  return new Recorder({ path, valueMax: VALUE_MAX, beside: false, onTrouble, ...given }, state)
}
