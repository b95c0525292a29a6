/** What a state answers of a build to those who depend on it. */
import type { Key } from '../model/definition.js'
import { isAtHand } from '../model/dependencies.js'
import { type Failure, failureFrom } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { Fact, Flag, type State } from '../model/state.js'
import { objectAt, read } from '../model/table.js'

/** In the table of values, where `undefined` means that there is none, this stands for it. */
export const UNDEFINED: unique symbol = Symbol('undefined')

/** Where a rule finds what it asked for. */
export interface Answers {
  /** Whether there is a result that holds now, be it an error. */
  isAtHand(state: State, x: BuildId): boolean
  /** Of a build at hand that is not broken. */
  resultOf(state: State, x: BuildId, key: Key): unknown
  /** Of a build at hand. */
  isBroken(state: State, x: BuildId): boolean
  /** Of a broken build at hand. */
  failureOf(state: State, x: BuildId): Failure
}

/** Of a build at hand. */
export const isBroken = (state: State, x: BuildId): boolean => (read(state.facts, x, Fact.FLAGS) & Flag.BROKEN) !== 0

export const resultOf = (state: State, x: BuildId): unknown => fromTable(objectAt(state.values, x))

export const fromTable = (value: unknown): unknown => (value === UNDEFINED ? undefined : value)
export const toTable = (value: unknown): unknown => (value === undefined ? UNDEFINED : value)

const failureOf = ({ facts, errors }: State, x: BuildId): Failure =>
  failureFrom(
    x,
    (d) => read(facts, d, Fact.CAUSE),
    (d) => objectAt(errors, d),
  )

/** In the state itself, as long as it is trusted between requests. */
export const answersOfState: Answers = { isAtHand, resultOf, isBroken, failureOf }

/**
 * Reads what is about to be asked of each. What is asked depends on the answer before it, which makes the processor wait for memory once for each
 * of them; here it waits for all at once. The sum has no meaning: without one, nothing would be read.
 */
export const touch = ({ facts, checked, values }: State, builds: readonly BuildId[]): number => {
  let sum = 0
  for (let i = 0; i < builds.length; i++) {
    const x = builds[i]!
    sum |= read(facts, x, Fact.FLAGS) | read(checked, x, 0) | (objectAt(values, x) === undefined ? 0 : 1)
  }
  return sum
}
