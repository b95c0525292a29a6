/** A state of a recording, asked by keys. */
import { fromTable, isBroken } from '../make/answers.js'
import { noSuchKey, wordsOf } from '../make/keys.js'
import { isKey } from '../make/shape.js'
import { type BuildError, buildErrorOf } from '../model/build-error.js'
import type { Key } from '../model/definition.js'
import { isAtHand } from '../model/dependencies.js'
import { failureFrom } from '../model/error.js'
import { shownOption } from '../model/expect.js'
import type { BuildId } from '../model/ids.js'
import { Misuse, messageOf } from '../model/misuse.js'
import { Fact, Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import type { Moment } from '../replay/replay.js'
import { type Why, why } from '../replay/why.js'
import { type WhyNot, whyNot } from '../replay/why-not.js'
import type { RecordedValue } from '../store/recording/value.js'
import { nameOf, wordsOfName } from './name.js'
import { LEFT, type RecordedKeys } from './recorded-keys.js'
import type { Known } from './why.js'

/** How far a build is. */
export type Sight<V = unknown, F = unknown> =
  | { readonly _tag: 'value'; readonly value: V }
  /** It has one, which the recording left out since it is too large, or does not hold any more: see `damage`. */
  | { readonly _tag: 'left' }
  | { readonly _tag: 'error'; readonly error: BuildError<F> }
  /** Being worked on: `status` says how far. */
  | { readonly _tag: 'pending'; readonly status: keyof typeof Status }
  /** There is a result, which may not hold any more. */
  | { readonly _tag: 'outOfDate' }
  /** Nobody asked for it. */
  | { readonly _tag: 'unknown' }

export interface KeyedMoment extends Moment {
  readonly look: <V, F>(key: Key<V, F>) => Sight<V, F>
  /** Why the build was last made, as of this tick; and why it was not made since. As `eng.why` and `eng.whyNot`. */
  readonly why: (key: Key) => Why<Known>
  readonly whyNot: (key: Key) => WhyNot<Known>
}

export const needsRules = (what: string): Misuse =>
  new Misuse(`${what}: it needs the rules that were recorded: open the recording with replay(path, { rules: [...] })`)

/** `recorded`: the rules that are at hand, if any. */
export const keyedMoment = (moment: Moment, recorded: RecordedKeys | undefined): KeyedMoment => {
  const { state, find, nameOf: named } = moment
  const known = (what: string): RecordedKeys => {
    if (recorded === undefined) throw needsRules(what)
    return recorded
  }
  const keyAt = (x: BuildId): Known => {
    const name = named(x)
    return name === undefined ? undefined : recorded?.keyOf(name)
  }
  const found = (what: string, key: Key): BuildId | undefined => {
    known(what)
    return find(checkedName(what, key))
  }
  return {
    ...moment,
    look: <V, F>(key: Key<V, F>) => sightOf(moment, known('look'), key) as Sight<V, F>,
    why: (key) => {
      const x = found('why', key)
      return x === undefined ? { _tag: 'unknown', build: key } : why(state, x, keyAt)
    },
    whyNot: (key) => {
      const x = found('whyNot', key)
      return x === undefined ? { _tag: 'unknown', build: key } : whyNot(state, x, keyAt)
    },
  }
}

/** @throws Misuse where it is no key, or none of its definition */
const checkedName = (who: string, key: Key): string => {
  if (!isKey(key)) throw new Misuse(`${who}: expected a key, such as total('a'), got ${shownOption(key)}`)
  try {
    return nameOf(key)
  } catch (error) {
    throw noSuchKey(key.of, error, who)
  }
}

const sightOf = ({ state, find, nameOf: named }: Moment, recorded: RecordedKeys, key: Key): Sight => {
  const name = checkedName('look', key)
  const x = find(name)
  if (x === undefined || kindOf(state, x) !== Kind.VALUE) return { _tag: 'unknown' }
  const status = statusOf(state, x)
  if (status !== Status.REST) return { _tag: 'pending', status: statusName(status) }
  if (!isAtHand(state, x)) return { _tag: 'outOfDate' }
  if (isBroken(state, x)) return { _tag: 'error', error: errorOf(state, recorded, x, named) }
  const value = recorded.decode(name, objectAt(state.values, x) as RecordedValue)
  return value === LEFT ? { _tag: 'left' } : { _tag: 'value', value: fromTable(value) }
}

const statusName = (status: number): keyof typeof Status =>
  (Object.keys(Status) as (keyof typeof Status)[]).find((name) => Status[name] === status)!

const errorOf = ({ facts, errors }: State, recorded: RecordedKeys, x: BuildId, named: Moment['nameOf']): BuildError => {
  const failure = failureFrom(
    x,
    (d) => read(facts, d, Fact.CAUSE),
    (d) => objectAt(errors, d),
  )
  const keyAt = (d: BuildId): Key => {
    const name = named(d)!
    const key = recorded.keyOf(name)
    if (key === undefined) throw new Misuse(`look: ${unknownName(name)}: name them all, so that its error can be told`)
    return key
  }
  try {
    return buildErrorOf(failure, keyAt, wordsOf)
  } catch (error) {
    if (error instanceof Misuse) throw error
    throw new Misuse(`look: what ${wordsOf(keyAt(x))} failed with does not fit an \`error\` codec: ${messageOf(error)}`)
  }
}

/** For messages. */
export const unknownName = (name: string): string => `${wordsOfName(name)} was recorded, and is of none of \`rules\``
