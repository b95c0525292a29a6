/** Recordings of real builds as workloads: the same requests, and runs that take as long, under other policies and with other slots. */
import { statSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import type { Policy } from '../reduce/policies/policy.js'
import { expectPolicy, type Otherwise } from '../replay/otherwise.js'
import { played } from '../replay/played.js'
import { type Ends, endsOf, Replay } from '../replay/replay.js'
import { policyOf } from '../replay/script.js'
import { APPLICATION_ID, headerOf } from '../store/recording/format.js'
import { RecordingReader } from '../store/recording/reader.js'
import { recordingErrorWords } from '../store/recording/reading-error.js'
import { LabError } from './graph.js'
import { type Answered, latenciesOf, slowdownBy } from './metrics.js'
import type { Ran } from './simulate.js'
import { GANTT_MAX, type Replayed } from './study.js'

export const isRecording = (path: string): boolean => {
  try {
    // To open a pipe would wait for whoever writes into it.
    return statSync(path).isFile() && headerOf(path).application === APPLICATION_ID
  } catch {
    return false
  }
}

/** Of one that is to be run, as of any other use of it. @throws LabError where it cannot be read. */
export const toldOf = (path: string): { readonly notices: readonly string[]; readonly ends: Ends } =>
  reading(path, (reader) => {
    const replay = new Replay(reader)
    return { notices: replay.notices, ends: endsOf(replay) }
  })

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
    const ran: Omit<Ran, 'slot'>[] = []
    const onStarved = (x: BuildId): void => void starved.add(x)
    const found = played(reader, {
      policy,
      ...room,
      ...(record !== undefined && { record }),
      onBreach,
      onStarved,
      onRan: (name, { start, end }) => void ran.push({ name, job: 0, start, end }),
    })
    expectAnswers(path, found)
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
    return { metrics, latencies: answered.map(({ ms }) => ms), gantt: inSlots(ran) }
  })

/** In which slot each ran, nobody knows: each has the first that is free. */
const inSlots = (ran: readonly Omit<Ran, 'slot'>[]): readonly Ran[] => {
  const free: number[] = []
  const order = ran.toSorted((a, b) => a.start - b.start)
  return order.slice(0, GANTT_MAX).map((one) => {
    const found = free.findIndex((at) => at <= one.start)
    const slot = found < 0 ? free.length : found
    free[slot] = one.end
    return { ...one, slot }
  })
}

/** How far the simulation of a recorded build, as it was, is from what it took: makespans in ms. */
export interface Validation {
  readonly recorded: number
  readonly simulated: number
  /** By the recorded one. */
  readonly error: number
  /** Runs of which the recording does not know what they would have done. */
  readonly guessed: number
}

/** As it was recorded, by the same policy, which is `own` where it is somebody's own. */
const again = (path: string, own: Policy | undefined, more: Otherwise = {}): ReturnType<typeof played> =>
  reading(path, (reader) => {
    const { policy } = reader.about
    if (own !== undefined && policyOf(policy) !== undefined)
      throw new LabError(`${path}: its policy is ${policy}, which is known: leave out --policy`)
    // What it breaks was left out then, too.
    const otherwise = { ...more, ...(own !== undefined && { policy: own, onBreach: () => {} }) }
    try {
      expectPolicy(reader, otherwise)
    } catch (error) {
      if (!(error instanceof Misuse)) throw error
      throw new LabError(`${path}: ${error.message}, by --policy FILE`)
    }
    const found = played(reader, otherwise)
    expectAnswers(path, found)
    return found
  })

/** What the recorded build would take with so many slots, in ms. `own`: its policy, where that is somebody's own. @throws LabError */
export const simulated = (
  path: string,
  jobs: number,
  own?: Policy,
): { readonly ms: number; readonly guessed: number } => {
  const { makespan, guessed } = again(path, own, { jobs })
  return { ms: makespan / 1000, guessed }
}

/** `own`: its policy, where that is somebody's own. @throws LabError where it cannot be read, or its policy is not known. */
export const validate = (path: string, own?: Policy): Validation => {
  const { makespan, recorded, guessed } = again(path, own)
  const error = Math.abs(makespan - recorded.makespan) / Math.max(1, recorded.makespan)
  return { recorded: recorded.makespan / 1000, simulated: makespan / 1000, error, guessed }
}

/** @throws LabError where there is nothing to measure, as in one that ends before the first answer. */
const expectAnswers = (path: string, { recorded, latencies }: ReturnType<typeof played>): void => {
  if (recorded.makespan === 0 && latencies.every((one) => one.recorded === undefined))
    throw new LabError(`${path}: no request in it was answered: there is nothing to measure`)
}

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
