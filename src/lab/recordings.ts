/** Recordings of real builds as workloads: the same requests, and runs that take as long, under other policies and with other slots. */
import * as E from 'fp-ts/lib/Either.js'
import type { BuildId } from '../model/ids.js'
import type { Policy } from '../reduce/policies/policy.js'
import type { Otherwise } from '../replay/otherwise.js'
import { played } from '../replay/played.js'
import { APPLICATION_ID, headerOf } from '../store/recording/format.js'
import { RecordingReader } from '../store/recording/reader.js'
import { recordingErrorWords } from '../store/recording/reading-error.js'
import { LabError } from './graph.js'
import { type Answered, latenciesOf, slowdownBy } from './metrics.js'
import type { Replayed } from './study.js'

export const isRecording = (path: string): boolean => {
  try {
    return headerOf(path).application === APPLICATION_ID
  } catch {
    return false
  }
}

/** `slots` 0: as many as there were. Makespan and slowdown are by what was recorded. @throws LabError where it cannot be read. */
export const replayed = (
  path: string,
  policy: Policy,
  slots: number,
  { record, onBreach }: Pick<Otherwise, 'record' | 'onBreach'> = {},
): Replayed =>
  reading(path, (reader) => {
    const room = slots > 0 ? { jobs: slots, pools: pools(slots) } : {}
    const starved = new Set<BuildId>()
    const onStarved = (x: BuildId): void => void starved.add(x)
    const found = played(reader, {
      policy,
      ...room,
      ...(record !== undefined && { record }),
      onBreach,
      onStarved,
    })
    const answered = found.latencies.flatMap(({ class: of, otherwise, recorded, due }): readonly Answered[] =>
      otherwise === undefined || recorded === undefined
        ? []
        : [
            {
              class: of,
              ms: otherwise / 1000,
              ...slowdownBy(otherwise, recorded),
              ...(due !== undefined && { dueMs: due / 1000 }),
            },
          ],
    )
    const metrics = {
      makespan: found.makespan / 1000,
      ...(found.recorded.makespan > 0 && { makespanByRecorded: found.makespan / found.recorded.makespan }),
      ...latenciesOf(answered),
      starved: starved.size,
      ticks: found.ticks,
      runs: found.runs,
    }
    return { metrics, latencies: answered.map(({ ms }) => ms) }
  })

/** How far the simulation of a recorded build, as it was, is from what it took: makespans in ms. */
export interface Validation {
  readonly recorded: number
  readonly simulated: number
  /** By the recorded one. */
  readonly error: number
  /** Runs of which the recording does not know what they would have done. */
  readonly guessed: number
}

/** What the recorded build would take with so many slots, in ms. @throws LabError where it cannot be read. */
export const simulated = (path: string, jobs: number): { readonly ms: number; readonly guessed: number } =>
  reading(path, (reader) => {
    const { makespan, guessed } = played(reader, { jobs })
    return { ms: makespan / 1000, guessed }
  })

/** @throws LabError where it cannot be read. */
export const validate = (path: string): Validation =>
  reading(path, (reader) => {
    const { makespan, recorded, guessed } = played(reader)
    const error = Math.abs(makespan - recorded.makespan) / Math.max(1, recorded.makespan)
    return { recorded: recorded.makespan / 1000, simulated: makespan / 1000, error, guessed }
  })

const reading = <A>(path: string, work: (reader: RecordingReader) => A): A => {
  const opened = RecordingReader.open(path)
  if (E.isLeft(opened)) throw new LabError(recordingErrorWords(opened.left))
  try {
    return work(opened.right)
  } finally {
    opened.right.close()
  }
}

/** As much room in each pool, however many there are. */
const pools = (slots: number): readonly number[] => Array.from({ length: 64 }, () => slots)
