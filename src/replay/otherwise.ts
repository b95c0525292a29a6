/** What may be otherwise than it was recorded, and what is told of that. */
import type { EngineOptions } from '../engine.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import type { RecordingReader } from '../store/recording/reader.js'
import type { RequestTimes } from './requests.js'
import { policyOf } from './script.js'
import type { Span } from './spans.js'

export interface Otherwise {
  /** In place of the recorded one. */
  readonly policy?: NonNullable<EngineOptions['policy']>
  /** Slots for do-files, in place of those that were asked for. */
  readonly jobs?: number
  /** Sizes of pools, by their place in `State.pools`. */
  readonly pools?: readonly number[]
  /** A file, for a recording of what would have been. */
  readonly record?: string
  /** Told what the policy broke: what cannot be taken is left out. By default it is taken for a fault. */
  readonly onBreach?: ((breach: string) => void) | undefined
  /** Told of what it passed over until it was taken all the same. */
  readonly onStarved?: ((build: BuildId) => void) | undefined
  /** Hears of how many ticks are done, now and then; there may be more of them than were recorded. */
  readonly onProgress?: ((tick: number) => void) | undefined
  /** Told when what has a slot ran, by its name. */
  readonly onRan?: ((name: string, span: Span) => void) | undefined
}

export interface Counterfactual {
  readonly recorded: { readonly makespan: number; readonly ticks: number }
  /** In microseconds, from the first request, or live one, to the last answer, or notice of a live one. */
  readonly makespan: number
  readonly ticks: number
  /** Of each request from outside, in the order in which they were asked. */
  readonly latencies: readonly RequestTimes[]
  /** Runs of rules and do-files. */
  readonly runs: number
  /** Runs of which nothing was recorded, or with other answers than now: what they say is a guess. */
  readonly guessed: number
  /** Requests whose answer is another one than the recorded, or that got none. */
  readonly otherAnswers: number
}

/**
 * @throws Misuse where the policy that was recorded is to choose again, and its name does not tell what it is. A recording that names none
 * has all that is ready taken.
 */
export const expectPolicy = ({ about }: RecordingReader, { policy }: Otherwise): void => {
  if (policy === undefined && about.policy !== '' && policyOf(about.policy) === undefined)
    throw new Misuse(`its policy, ${about.policy}, is somebody's own, and no part of the recording: give it, too`)
}

/** Whether anything of it is not as it was recorded. */
export const isOtherwise = (reader: RecordingReader, { policy, jobs, pools = [] }: Otherwise): boolean => {
  const { policy: name } = reader.about
  // What somebody's own policy does, its name does not tell.
  if (policy !== undefined && (policy.name !== name || policyOf(name) === undefined)) return true
  const { pools: known, slotsMax } = reader.snapshotFor(0).state
  if (pools.some((size, i) => i < known.length && size !== undefined && size !== known[i]!.size)) return true
  if (jobs === undefined) return false
  if (slotsMax > 0 && jobs !== slotsMax) return true
  for (let tick = 1; tick <= reader.ticks; tick++)
    for (const event of reader.at(tick).input.events) {
      // What do-files ask for runs in the slots of whoever asked first.
      if (event._tag === 'requested' && event.by === 0 && event.jobs !== jobs) return true
    }
  return false
}
