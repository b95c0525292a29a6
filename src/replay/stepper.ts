/** A recording, with a place in it: what a person who walks through it sees. */
import type { BuildId } from '../model/ids.js'
import { Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import type { RecordedTick, RecordingReader } from '../store/recording/reader.js'
import { eachRow } from './rows.js'
import { type StatusName, shownName, statusNameOf } from './view.js'
import { Walker } from './walker.js'

export class Stepper {
  readonly walker: Walker
  /** The tick that led here; undefined at the beginning. */
  last: RecordedTick | undefined = undefined
  /** Microseconds from the beginning to each tick, as far as known. */
  private readonly times: number[] = [0]

  constructor(private readonly reader: RecordingReader) {
    this.walker = new Walker(reader)
  }

  get tick(): number {
    return this.walker.tick
  }

  get ticks(): number {
    return this.reader.ticks
  }

  get state(): State {
    return this.walker.state
  }

  readonly nameOf = (build: BuildId): string | undefined => this.walker.nameOf(build)

  /** When this tick was, in microseconds from the beginning. */
  get at(): number {
    for (let tick = this.times.length; tick <= this.tick; tick++)
      this.times.push(this.times[tick - 1]! + this.reader.at(tick).elapsed)
    return this.times[this.tick]!
  }

  /** To the state after `tick`, which must be there. */
  go(tick: number): void {
    // The last step is taken by itself, so that what it told is known.
    this.walker.seek(Math.max(0, tick - 1))
    this.last = tick === 0 ? undefined : this.walker.step()
  }

  /** On to the first state, this one counted, that `predicate` holds of; false: there is none, and this is the end. */
  forwardTo(predicate: (state: State) => boolean): boolean {
    while (!predicate(this.state)) {
      const step = this.walker.step()
      if (step === undefined) return false
      this.last = step
    }
    return true
  }

  /** The build that has that name now: what was forgotten may come again by another id. */
  idOf(name: string): BuildId | undefined {
    return this.walker.find(name)
  }

  /** Names that are, or will be, known. */
  *namesFromHere(): Iterable<string> {
    yield* this.walker.named.values()
    for (let tick = this.tick + 1; tick <= this.ticks; tick++)
      for (const [, name] of this.reader.at(tick).names) yield name
  }

  /** A name that is, or will be, known. */
  nameLike(isMeant: (name: string) => boolean): string | undefined {
    for (const name of this.namesFromHere()) if (isMeant(name)) return name
    return undefined
  }

  /** What is not at rest, by id. */
  underWay(): readonly { readonly build: BuildId; readonly name: string; readonly status: StatusName }[] {
    const { state } = this
    const found: { readonly build: BuildId; readonly name: string; readonly status: StatusName }[] = []
    eachRow(state, (build) => {
      if (statusOf(state, build) !== Status.REST && kindOf(state, build) !== Kind.REQUEST)
        found.push({ build, name: shownName(this.nameOf, build), status: statusNameOf(state, build) })
    })
    return found
  }
}
