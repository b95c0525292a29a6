/** What is known within a batch: of the state, and of what was done in the batch before that state knows of it. */
import { isAtHand, isAtHandBy } from '../model/dependencies.js'
import type { BuildError, Failure } from '../model/error.js'
import { failureFrom } from '../model/error.js'
import type { Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Fact, Flag, type State } from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import { type Answers, answersOfState, fromTable, isBroken, resultOf } from './answers.js'
import { listOfObjects } from './ended.js'
import { Places } from './places.js'

export type Ended = Extract<Receipt, { _tag: 'made' | 'broken' }>

/** What {@link Found.look} says of what is not at hand, and of what is and has no value. */
export const MISSING: unique symbol = Symbol('missing')
export const BROKEN: unique symbol = Symbol('broken')

/** In place of where it is: of the batch, and not begun; begun, and not done, or it will not be in this batch. */
export const DUE = -1
export const OPEN = -2

/**
 * As {@link Found.look}, of the state alone. All words are read before any of them is judged: where several are looked at, the processor then waits
 * for memory once for all of them.
 */
export const lookIn = (state: State, x: BuildId): unknown => {
  const flags = read(state.facts, x, Fact.FLAGS)
  const checked = read(state.checked, x, 0)
  const value = objectAt(state.values, x)
  if (!isAtHandBy(state, x, flags, checked)) return MISSING
  return (flags & Flag.BROKEN) === 0 ? fromTable(value) : BROKEN
}

/** What a state answers, and before that what was done in this batch. */
export class Found implements Answers {
  /** Where in `receipts` it is, from 1 on; 0: nothing of it is known here. */
  private readonly places = new Places()
  /** What came of it, `undefined` if it holds; and its revision, if it is told ahead of the reducer. */
  private readonly receipts = listOfObjects<Ended | undefined>()
  private readonly revisions: number[] = []

  /** The batch is over. */
  clear(): void {
    this.places.clear()
    this.receipts.length = 0
    this.revisions.length = 0
  }

  placeOf(x: BuildId): number {
    return this.places.get(x)
  }

  put(x: BuildId, place: number): void {
    this.places.set(x, place)
  }

  end(x: BuildId, receipt: Ended | undefined, revision: number): void {
    this.revisions.push(revision)
    this.put(x, this.receipts.push(receipt))
  }

  isDone(x: BuildId): boolean {
    return this.placeOf(x) > 0
  }

  /** Takes in what was said of a build, for those that are made, not judged, after it. */
  know({ facts }: State, receipt: Receipt): void {
    if (receipt._tag === 'made' || receipt._tag === 'broken') this.end(receipt.build, receipt, 0)
    // Where the value was given up, it is not to be had in this batch.
    else if (receipt._tag === 'holds' && (read(facts, receipt.build, Fact.FLAGS) & Flag.WIPED) === 0)
      this.end(receipt.build, undefined, 0)
  }

  isAtHand(state: State, x: BuildId, place = this.placeOf(x)): boolean {
    return place === 0 ? isAtHand(state, x) : place > 0
  }

  /** Its value, as `resultOf`; or that it is broken, or not at hand. `inState`: what {@link lookIn} says. */
  look(state: State, x: BuildId, inState: unknown): unknown {
    const place = this.places.get(x)
    if (place === 0) return inState
    if (place < 0) return MISSING
    const receipt = this.receipts[place - 1]
    if (receipt !== undefined) return receipt._tag === 'made' ? fromTable(receipt.value) : BROKEN
    return isBroken(state, x) ? BROKEN : resultOf(state, x)
  }

  resultOf(state: State, x: BuildId): unknown {
    const receipt = this.receiptOf(x)
    return receipt?._tag === 'made' ? fromTable(receipt.value) : resultOf(state, x)
  }

  isBroken(state: State, x: BuildId): boolean {
    const receipt = this.receiptOf(x)
    return receipt === undefined ? answersOfState.isBroken(state, x) : receipt._tag === 'broken'
  }

  failureOf(state: State, x: BuildId): Failure {
    const errorOf = (d: BuildId): BuildError | undefined => {
      const receipt = this.receiptOf(d)
      return receipt?._tag === 'broken' ? receipt.error : objectAt(state.errors, d)
    }
    return failureFrom(x, (d) => this.causeOf(state, d), errorOf)
  }

  causeOf({ facts }: State, x: BuildId): number {
    const receipt = this.receiptOf(x)
    return receipt?._tag === 'broken' ? (receipt.cause ?? 0) : read(facts, x, Fact.CAUSE)
  }

  revisionOf({ facts }: State, x: BuildId): number {
    const place = this.placeOf(x)
    return place > 0 ? this.revisions[place - 1]! : read(facts, x, Fact.REVISION)
  }

  receiptOf(x: BuildId): Ended | undefined {
    const place = this.placeOf(x)
    return place > 0 ? this.receipts[place - 1] : undefined
  }
}
