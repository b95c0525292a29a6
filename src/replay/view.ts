/** One build of a state as plain data, for people and for comparing. Names are byte strings; a request, which has none, is `#` and its id. */
import { canonical } from '../model/codec.js'
import { contentIn, isDigest, resultIn } from '../model/content.js'
import { dependenciesOf } from '../model/dependencies.js'
import type { BuildError } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { buildId } from '../model/ids.js'
import {
  Bit,
  Fact,
  Flag,
  Flight,
  hasFlag,
  KIND_MASK,
  Kind,
  STATUS_MASK,
  type State,
  Status,
  statusOf,
} from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import type { RecordedValue } from '../store/recording/value.js'

/** A build at rest also has how it ended: `rest`, or `broken` in its place. */
export type StatusName = Lowercase<keyof typeof Status> | 'broken'
export type KindName = Lowercase<keyof typeof Kind>

export interface View {
  readonly build: BuildId
  readonly name: string
  readonly status: StatusName
  readonly kind: KindName
  readonly flags: readonly string[]
  /** How often its result changed. */
  readonly revision: number
  /** Generation of its last run. */
  readonly built: number
  /** What stat said of it, and what it holds, as digests: hexadecimal; empty where that is not known. */
  readonly stat: string
  readonly result: string
  /** Of a rule: what it came to, as canonical JSON, where the state of a recording holds that. */
  readonly value: string | undefined
  readonly error: BuildError | undefined
  /** The name of the dependency that broke it. */
  readonly cause: string | undefined
  /** Names, in the order in which they were asked for; `!` before one that must not be there. */
  readonly dependencies: readonly string[]
}

type Names = (build: BuildId) => string | undefined

export const shownName = (nameOf: Names, build: BuildId): string => nameOf(build) ?? `#${build}`

const nameIn = (table: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(table)
    .find((name) => table[name] === value)!
    .toLowerCase()

export const statusNames: readonly StatusName[] = [
  ...Object.keys(Status).map((name) => name.toLowerCase() as StatusName),
  'broken',
]

export const statusNameOf = (state: State, x: BuildId): StatusName => {
  const status = statusOf(state, x)
  if (status === Status.REST && hasFlag(state, x, Flag.BROKEN)) return 'broken'
  return nameIn(Status, status & STATUS_MASK) as StatusName
}

export const viewOf = (state: State, nameOf: Names, x: BuildId): View => {
  const facts = read(state.facts, x, Fact.FLAGS)
  const flight = read(state.flight, x, Flight.STATUS)
  const cause = read(state.facts, x, Fact.CAUSE)
  const isBroken = (facts & Flag.BROKEN) !== 0
  const names = (table: Readonly<Record<string, number>>, of: number, left: readonly string[]): readonly string[] =>
    Object.keys(table)
      .filter((name) => (of & table[name]!) !== 0 && !left.includes(name))
      .map((name) => name.toLowerCase())
  return {
    build: x,
    name: shownName(nameOf, x),
    status: statusNameOf(state, x),
    kind: nameIn(Kind, facts & KIND_MASK) as KindName,
    // What is told otherwise, and what only says in which list it is, is left out.
    flags: [...names(Flag, facts, ['BROKEN']), ...names(Bit, flight & ~STATUS_MASK, ['QUEUED', 'COMPARED'])],
    revision: read(state.facts, x, Fact.REVISION),
    built: read(state.facts, x, Fact.BUILT),
    // Of a value, another number is there.
    stat: (facts & KIND_MASK) === Kind.VALUE ? '' : wordsAt(state, x, Fact.STAT, 2),
    result: wordsAt(state, x, Fact.CONTENT, 4),
    value: (facts & KIND_MASK) === Kind.VALUE && !isBroken ? valueIn(state, x) : undefined,
    error: objectAt(state.errors, x),
    cause: isBroken && cause !== 0 ? shownName(nameOf, buildId(cause)) : undefined,
    dependencies: dependenciesOf(state, x).map(
      ({ build, create }) => `${create ? '!' : ''}${shownName(nameOf, build)}`,
    ),
  }
}

const wordsAt = (state: State, x: BuildId, first: number, count: number): string => {
  const words = Array.from({ length: count }, (_, i) => read(state.facts, x, first + i))
  return words.some((word) => word !== 0) ? words.map(hex).join('') : ''
}

const valueIn = (state: State, x: BuildId): string | undefined => {
  const content = contentIn(state, x)
  // Never made.
  if (content[3] === 0) return undefined
  if (!isDigest(content)) return canonical(resultIn(content))
  const value = objectAt(state.values, x) as RecordedValue | undefined
  return value?._tag === 'text' ? value.text : undefined
}

export const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
