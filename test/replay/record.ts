/** Records random histories of both faces, and keeps what the recording is to be compared with. */
import * as E from 'fp-ts/lib/Either.js'
import type { CreateOptions, State } from '../../src/index.js'
import { endTurn } from '../../src/index.js'
import { Replay } from '../../src/replay/replay.js'
import { Recorder, type RecorderOptions } from '../../src/store/recording/recorder.js'
import { play as playSteps } from '../../src/testing/plays.js'
import { type Sample as Plans, picker as pickerOfSteps, type Step } from '../../src/testing/scripts.js'
import type { Config } from '../../src/testing/watched.js'
import type { Op, Sample } from '../property/arbitraries.js'
import { playOps } from '../property/laws.js'
import type { PlayOptions } from '../support/world.js'

export const opened = (path: string): Replay => {
  const replay = Replay.open(path)
  if (E.isLeft(replay)) throw new Error(JSON.stringify(replay.left))
  return replay.right
}

/** What happened, as it was: the state after each tick, the first one first. */
export interface Known {
  readonly rules?: CreateOptions['rules']
  readonly states: readonly State[]
}

export const recordSteps = (
  path: string,
  sample: Plans,
  steps: readonly Step[],
  order: readonly number[],
  config: Config = {},
): Known => {
  const states: State[] = []
  const played = playSteps(sample, steps, {
    ...config,
    record: true,
    onTick: (input, before, after) => {
      config.onTick?.(input, before, after)
      if (states.length === 0) states.push(before)
      states.push(endTurn(after))
    },
  })
  played.finish(pickerOfSteps(order))
  played.eng.export(path)
  if (states.length === 0) states.push(played.eng.state)
  return { states, rules: played.rules }
}

/** A recorder for builds whose names are `n<id>`. */
export const plainRecorder = (path: string, state: State, options: Partial<RecorderOptions> = {}): Recorder => {
  let now = 0
  return new Recorder(
    {
      path,
      about: { program: 'test', face: 'redo', policy: '', rules: [], options: {} },
      nameOf: (build) => `n${build}`,
      textOf: (_, value) => JSON.stringify(value),
      valueMax: 1000,
      beside: false,
      now: () => 1000 * now++,
      onTrouble: (error) => {
        throw error
      },
      ...options,
    },
    state,
  )
}

export const recordOps = (
  path: string,
  sample: Sample,
  ops: readonly Op[],
  picks: readonly number[],
  options: PlayOptions = {},
): Known => {
  const states: State[] = []
  let recorder: Recorder | undefined
  playOps(sample, ops, picks, {
    announce: true,
    options: {
      ...options,
      onTick: (input, before, after) => {
        recorder ??= plainRecorder(path, before)
        if (states.length === 0) states.push(before)
        recorder.onTick(input, after)
        states.push(endTurn(after))
      },
    },
  })
  recorder?.close()
  return { states }
}
