/** What would the recorded build have done, had it been decided otherwise? */
import type { RecordingReader } from '../store/recording/reader.js'
import { type Counterfactual, expectPolicy, isOtherwise, type Otherwise } from './otherwise.js'
import { played } from './played.js'
import { Requests } from './requests.js'
import { copyInto } from './rewriter.js'
import { scriptOf } from './script.js'

/**
 * Where nothing is otherwise it is what was recorded, to the tick. @throws Error where `record` cannot be made; Misuse where the recorded
 * policy is to choose, and nobody knows it.
 */
export const counterfactual = (reader: RecordingReader, otherwise: Otherwise = {}): Counterfactual => {
  if (!isOtherwise(reader, otherwise)) return asRecorded(reader, otherwise.record)
  expectPolicy(reader, otherwise)
  return played(reader, otherwise)
}

const asRecorded = (reader: RecordingReader, record: string | undefined): Counterfactual => {
  const script = scriptOf(reader)
  const { makespan, ticks, runs } = script
  if (record !== undefined) copyInto(record, reader)
  let count = 0
  for (const each of runs.values()) count += each.length
  return {
    recorded: { makespan, ticks },
    makespan,
    ticks,
    latencies: Requests.asRecorded(script),
    runs: count,
    guessed: 0,
    otherAnswers: 0,
  }
}
