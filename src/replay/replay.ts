/** A recording, opened to be checked, walked through and asked. No user's code and no command runs for that. */
import * as E from 'fp-ts/lib/Either.js'
import { StateDigest } from '../model/digest.js'
import type { BuildId } from '../model/ids.js'
import { shown } from '../model/shown.js'
import type { State } from '../model/state.js'
import type { About } from '../store/recording/format.js'
import { type RecordedTick, RecordingReader } from '../store/recording/reader.js'
import type { RecordingError } from '../store/recording/reading-error.js'
import { counterfactual } from './counterfactual.js'
import { type BuildDiff, diffTicks } from './diff.js'
import type { Counterfactual, Otherwise } from './otherwise.js'
import { PROGRESS_TICKS, Refused, Walker } from './walker.js'

/** A state on the way, and what its builds are called. */
export interface Moment {
  readonly tick: number
  readonly state: State
  /** As a byte string; a request has none. */
  readonly nameOf: (build: BuildId) => string | undefined
  readonly find: (name: string) => BuildId | undefined
}

export type Verdict =
  | { readonly _tag: 'agrees'; readonly ticks: number }
  /** The reducer of this program does not come to the recorded state after `tick`. */
  | { readonly _tag: 'differs'; readonly tick: number; readonly expected: string; readonly found: string }
  /** The reducer refused what was recorded of `tick`. */
  | { readonly _tag: 'refused'; readonly tick: number; readonly why: string }

export interface VerifyOptions {
  /** Hears of how many ticks are done, now and then. */
  readonly onProgress?: (tick: number) => void
}

export class Replay {
  constructor(readonly reader: RecordingReader) {}

  static open(path: string): E.Either<RecordingError, Replay> {
    return E.map((reader: RecordingReader) => new Replay(reader))(RecordingReader.open(path))
  }

  /** How many ticks can be used. */
  get ticks(): number {
    return this.reader.ticks
  }

  get about(): About {
    return this.reader.about
  }

  /** Where and how it ends too early, or that what it says of itself, or values beside its ticks, are not what was written. */
  get damage(): string | undefined {
    const { damage, isAltered, isBesideWhole } = this.reader
    const all = [isAltered ? ALTERED : [], isBesideWhole ? [] : BESIDE, damage ?? []].flat()
    return all.length === 0 ? undefined : all.join('; ')
  }

  /** That it was not ended in order, and why that may be: then what was recorded last may not be in it. */
  get unfinished(): string | undefined {
    const { isEnded, path } = this.reader
    return isEnded
      ? undefined
      : `it was not ended in order: it is still being written, or its program did not close it, was killed, or could write no more; ${path}-wal belongs to it, where there is one: keep the two together`
  }

  /** What is told of it before it is used, a sentence each: that it was not ended in order, that it is damaged. */
  get notices(): readonly string[] {
    const { unfinished, damageNotice, reader } = this
    return [...(unfinished === undefined ? [] : [`${reader.path}: ${unfinished}`]), damageNotice ?? []].flat()
  }

  /** `damage`, as it is told of. */
  get damageNotice(): string | undefined {
    const { damage, ticks, reader } = this
    if (damage === undefined) return undefined
    return reader.damage === undefined
      ? `${reader.path}: ${damage}`
      : `${reader.path}: it ends too early, and is used up to tick ${ticks}: ${damage}`
  }

  close(): void {
    this.reader.close()
  }

  /** Reduces all that was recorded again, and compares the digest of every tick. */
  verify({ onProgress = () => {} }: VerifyOptions = {}): Verdict {
    const walker = new Walker(this.reader)
    const digest = new StateDigest(walker.state)
    for (;;) {
      let step: RecordedTick | undefined
      try {
        step = walker.step()
      } catch (error) {
        if (error instanceof Refused) return { _tag: 'refused', tick: error.tick, why: error.why }
        throw error
      }
      if (step === undefined) return { _tag: 'agrees', ticks: walker.tick }
      digest.advance(walker.state)
      const found = digest.text
      if (found !== step.digest) return { _tag: 'differs', tick: step.tick, expected: step.digest, found }
      if (step.tick % PROGRESS_TICKS === 0) onProgress(step.tick)
    }
  }

  /** What would have been, had it been decided otherwise: see {@link Counterfactual}. */
  counterfactual(otherwise: Otherwise = {}): Counterfactual {
    return counterfactual(this.reader, otherwise)
  }

  /** The state after tick `tick`; 0: before the first. */
  stateAt(tick: number): Moment {
    const walker = new Walker(this.reader)
    walker.seek(this.checked(tick))
    return momentOf(walker)
  }

  /** What differs between the states after two ticks, by build. */
  diff(from: number, to: number): readonly BuildDiff[] {
    return diffTicks(this.reader, this.checked(from), this.checked(to))
  }

  /** The first tick after whose state `predicate` holds. */
  firstTick(predicate: (moment: Moment) => boolean): number | undefined {
    const walker = new Walker(this.reader)
    do {
      if (predicate(momentOf(walker))) return walker.tick
    } while (walker.step() !== undefined)
    return undefined
  }

  /** @throws RangeError */
  protected checked(tick: number): number {
    if (!Number.isInteger(tick) || tick < 0 || tick > this.ticks)
      throw new RangeError(`tick ${shown(tick)} is not in the recording: it has ticks 0 to ${this.ticks}`)
    return tick
  }
}

const ALTERED =
  'what it says of itself (rules, options, policy), or of what sources were set to beforehand, is not what was written'

const BESIDE = 'of the values that are kept beside its ticks some are damaged or missing, and are taken for left out'

const momentOf = (walker: Walker): Moment => {
  const { tick, state, nameOf, find } = walker
  return { tick, state, nameOf, find }
}

/** For `--json`: whether it is all that was recorded, as what is told by lines says it. */
export interface Ends {
  readonly damage: string | null
  readonly unfinished: string | null
}
export const endsOf = ({ damage, unfinished }: Replay): Ends => ({
  damage: damage ?? null,
  unfinished: unfinished ?? null,
})
