/**
 * When garbage is collected: once there are twice as many keys as the last time left, in portions, one a turn, so that none takes long. How
 * far it has come is no part of the state: each portion is an event.
 */
import type { Engine } from '../engine.js'
import type { Keys } from '../make/keys.js'
import type { Event } from '../model/event.js'
import { isBare, isNeedless } from '../model/needless.js'
import type { State } from '../model/state.js'
import { rowsEnd } from '../model/table.js'
import { lastAsked } from '../reduce/asked.js'
import { rowsOf } from '../replay/why-facts.js'

/** In the order in which they are taken, each for all rows. */
export const STEPS = ['giveUp', 'unname', 'forget'] as const

/**
 * So many rows are gone through in a turn, at least, and so many for each key that came since the last one: or garbage would come faster than
 * it goes. But no more than twice as many as in the turn before: what they take is taken off a slice, so fewer keys come then.
 */
const ROWS_MIN = 4096
const ROWS_PER_KEY = 24
/** For a row that is forgotten, so many can be gone through. */
const ROWS_PER_FORGOTTEN = 8

export class Sweeper {
  private limit = 0
  /** Number of the step; undefined: nothing is being collected. */
  private step: number | undefined = undefined
  /** The first row that is not done, and where those end that are to be: in the first step, those that there were when it began. */
  private at = 0
  private end = 0
  /** Whether there is anything that nothing needs, and whether some of it was not given up yet when this step came to it. */
  private isFound = false
  private isAgain = false
  /** How many keys were known when it began, and how many had come by then, and by the last turn. */
  private sizeAtBegin = 0
  private cameAtBegin = 0
  private came = 0
  private rows = ROWS_MIN

  constructor(size: number) {
    this.rest(size)
  }

  /** `size` keys are all that is needed. */
  rest(size: number): void {
    this.limit = 2 * size + 1000
    this.step = undefined
  }

  /** Dispatches what is to be done next. To be called after each turn: there may be more. */
  turn(inner: Engine, { size, came }: Keys, keep: number): void {
    // A portion begins in the state that the one before it left.
    if (!inner.hasOnly(({ _tag }) => _tag !== 'pruned')) return
    this.rows = Math.max(ROWS_MIN, Math.min(2 * this.rows, ROWS_PER_KEY * (came - this.came)))
    this.came = came
    if (this.step === undefined) {
      if (size <= this.limit) return
      this.begin(size, rowsEnd(inner.state.facts))
    }
    const event = this.next(inner.state, size, keep)
    if (event !== undefined) inner.dispatch(event)
  }

  private begin(size: number, end: number): void {
    this.sizeAtBegin = size
    this.cameAtBegin = this.came
    this.step = 0
    this.at = 0
    this.end = end
    this.rows = ROWS_MIN
    this.isFound = false
    this.isAgain = false
  }

  private next(state: State, size: number, keep: number): Event | undefined {
    // Circles can only be found by walking all there is.
    if (state.cyclic > 0 || state.cycles.size > 0) {
      this.rest(size)
      return { _tag: 'swept', keep }
    }
    if (this.at >= this.end) this.endStep(state)
    const step = STEPS[this.step!]
    if (step === undefined || (this.step !== 0 && !this.isFound)) {
      // Of what came meanwhile, much may be garbage by now.
      this.rest(this.sizeAtBegin + Math.min(0, size - this.sizeAtBegin - (this.came - this.cameAtBegin)))
      return undefined
    }
    const { rows } = this
    if (step === 'unname') {
      const from = this.at
      this.at += rows
      return { _tag: 'pruned', step, keep, from, to: this.at }
    }
    // Where nothing was found so far, all that is asked for is another turn; else the next one looks there again, since it may have been too much for one.
    const some = !this.skip(state, keep) ? 0 : step === 'forget' ? rows / ROWS_PER_FORGOTTEN : rows
    return { _tag: 'pruned', step, keep, from: this.at, to: this.at + some }
  }

  private endStep(state: State): void {
    this.at = 0
    this.rows = ROWS_MIN
    // What was given up may have been all that something before it was needed for.
    const isAgain = this.step === 0 && this.isAgain
    this.isAgain = false
    if (isAgain) return
    this.step!++
    // What came meanwhile may speak of what was given up, or have been given up with it.
    this.end = rowsEnd(state.facts)
  }

  /** Goes to the next row that there is something to be done about; whether it is among the next few. */
  private skip(state: State, keep: number): boolean {
    const rows = rowsOf(state)
    const kept = new Set<number>(lastAsked(state.kept, [], keep))
    const end = Math.min(this.end, this.at + this.rows)
    for (; this.at < end; this.at++) {
      if (!isNeedless(rows, this.at, kept)) continue
      this.isFound = true
      if (isBare(rows, this.at) !== (this.step === 2)) continue
      this.isAgain = true
      return true
    }
    return false
  }
}
