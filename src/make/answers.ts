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
