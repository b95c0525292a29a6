/** Two recordings that do not begin alike: ids and counters mean nothing between them, so builds are compared by their names. */
import { canonical } from '../model/codec.js'
import { dependenciesOf } from '../model/dependencies.js'
import { apart } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Fact, isKnown, Kind, kindOf, type State } from '../model/state.js'
import { read } from '../model/table.js'
import type { RecordingReader } from '../store/recording/reader.js'
import type { Side } from './diff.js'
import { Errors } from './errors.js'
import { shownName } from './view.js'
import { Walker } from './walker.js'

/** What is another of a build that both know. `presence`: it is there for one of them only; `stat`: what stat says of it, and no more. */
export type Otherness = 'presence' | 'error' | 'dependencies' | 'content' | 'stat'

export interface NameDiff {
  /** As a byte string. */
  readonly name: string
  readonly is: Otherness
  /** Nothing that it depends on is another, so it is a cause, and no consequence. */
  readonly isCause: boolean
  /** The last tick in which it was found or made; left out where it was known from the beginning on. */
  readonly tickInA?: number
  readonly tickInB?: number
}

/** Two states. Names are byte strings. Causes come first, and of those what was found first. */
export interface Apart {
  readonly onlyA: readonly string[]
  readonly onlyB: readonly string[]
  readonly builds: readonly NameDiff[]
}

export interface Unlike {
  /** Sources that were set to something else before the first tick. */
  readonly set: readonly string[]
  readonly begin: Apart
  readonly end: Apart
  /** What people, or the program, asked for in one of them only. */
  readonly asked: Only
  /** What came to an end in one of them only. */
  readonly made: Only
}
export interface Only {
  readonly onlyA: readonly string[]
  readonly onlyB: readonly string[]
}

/** What the builds and requests of both come to, from the first tick to the last. */
export const diffByName = (a: RecordingReader, b: RecordingReader): Unlike => {
  const [one, other] = [goneThrough(a), goneThrough(b)]
  return {
    set: otherSettings(a, b),
    begin: apartOf(one.begin, other.begin),
    end: apartOf(one.end, other.end, one.found, other.found),
    asked: onlyOf(one.asked, other.asked),
    made: onlyOf(one.made, other.made),
  }
}

/** Sources that were set to something else before the first tick. */
export const otherSettings = (a: RecordingReader, b: RecordingReader): readonly string[] => {
  const [one, other] = [a, b].map(
    (reader) => new Map(reader.settingsAt(0).map(({ name, to }) => [name, canonical(to)])),
  )
  return Array.from(new Set([...one!.keys(), ...other!.keys()])).filter((name) => one!.get(name) !== other!.get(name))
}

export const isAlike = ({ set, begin, end, asked, made }: Unlike): boolean =>
  set.length === 0 &&
  [asked, made, begin, end].every((only) => only.onlyA.length + only.onlyB.length === 0) &&
  begin.builds.length + end.builds.length === 0

interface Gone {
  readonly begin: Side
  readonly end: Side
  readonly asked: ReadonlySet<string>
  readonly made: ReadonlySet<string>
  readonly found: ReadonlyMap<string, number>
}

const goneThrough = (reader: RecordingReader): Gone => {
  const asked = new Set<string>()
  const made = new Set<string>()
  const found = new Map<string, number>()
  const walker = new Walker(reader)
  const { state } = walker
  const names = new Map(walker.named)
  const called = (x: BuildId): string => shownName(walker.nameOf, x)
  // By id, as long as that has the same name: to look for a name each time takes longer.
  const noted: (Noted | undefined)[] = []
  const notedOf = (x: BuildId): Noted => {
    noted[x] ??= { name: called(x), tick: 0, isMade: false }
    return noted[x]
  }
  const settle = (of: Noted | undefined): void => {
    if (of !== undefined) found.set(of.name, Math.max(of.tick, found.get(of.name) ?? 0))
  }
  walker.run(reader.ticks, ({ input, settings, names: told }, tick) => {
    for (const [x] of told) {
      settle(noted[x])
      noted[x] = undefined
    }
    for (const receipt of apart(input.receipts)) {
      if (receipt._tag === 'scanned') for (const x of receipt.builds) notedOf(x).tick = tick
      else if (ENDS.has(receipt._tag)) {
        const of = notedOf(receipt.build)
        of.tick = tick
        if (!of.isMade) made.add(of.name)
        of.isMade = true
      }
    }
    for (const { name } of settings) found.set(name, tick)
    for (const event of input.events) {
      // A question changes nothing.
      if (event._tag === 'requested' && event.by === 0 && event.want !== 'look')
        for (const x of event.targets) asked.add(called(x))
      else if (event._tag === 'followed') asked.add(called(event.target))
    }
  })
  noted.forEach(settle)
  const begin = { state, nameOf: (x: BuildId) => names.get(x) }
  return { begin, end: { state: walker.state, nameOf: walker.nameOf }, asked, made, found }
}
interface Noted {
  readonly name: string
  tick: number
  isMade: boolean
}
const ENDS: ReadonlySet<string> = new Set(['done', 'failed', 'made', 'broken'])

const onlyOf = (a: ReadonlySet<string>, b: ReadonlySet<string>): Only => ({
  onlyA: Array.from(a).filter((name) => !b.has(name)),
  onlyB: Array.from(b).filter((name) => !a.has(name)),
})

interface Known extends Side {
  readonly errors: Errors
}

type Found = ReadonlyMap<string, number>
const NONE: Found = new Map()

const apartOf = (one: Side, other: Side, foundInA: Found = NONE, foundInB: Found = NONE): Apart => {
  const [a, b] = [one, other].map((side): Known => ({ ...side, errors: new Errors(side) })) as [Known, Known]
  const [ofA, ofB] = [buildsOf(a), buildsOf(b)]
  const others = new Map<string, Otherness>()
  for (const [name, x] of ofA) {
    const y = ofB.get(name)
    const is = y === undefined ? undefined : othernessOf(a, x, b, y)
    if (is !== undefined) others.set(name, is)
  }
  const only = onlyOf(new Set(ofA.keys()), new Set(ofB.keys()))
  // That a file is not there, as a do-file that was looked for, may be known to one of them only, or to none: nothing is another by that.
  const isToldOf = (side: Known, x: BuildId | undefined): boolean =>
    x !== undefined && (kindOf(side.state, x) !== Kind.ABSENT || side.errors.of(x) !== '')
  const isOther = (name: string): boolean => {
    const [x, y] = [ofA.get(name), ofB.get(name)]
    return x !== undefined && y !== undefined ? others.has(name) : isToldOf(a, x) || isToldOf(b, y)
  }
  const builds = Array.from(others, ([name, is]): NameDiff => {
    const needs = [...needsOf(a, ofA.get(name)!), ...needsOf(b, ofB.get(name)!)]
    const [tickInA, tickInB] = [foundInA.get(name), foundInB.get(name)]
    return {
      name,
      is,
      isCause: !needs.some(isOther),
      ...(tickInA === undefined ? {} : { tickInA }),
      ...(tickInB === undefined ? {} : { tickInB }),
    }
  })
  return { ...only, builds: builds.sort(byWeight) }
}

/** What is only touched is no cause of anything. */
const byWeight = (a: NameDiff, b: NameDiff): number =>
  Number(b.isCause) - Number(a.isCause) ||
  Number(a.is === 'stat') - Number(b.is === 'stat') ||
  timeOf(a) - timeOf(b) ||
  (a.name < b.name ? -1 : 1)
const timeOf = ({ tickInA = 0, tickInB = tickInA }: NameDiff): number => tickInB

const buildsOf = ({ state, nameOf }: Side): ReadonlyMap<string, BuildId> => {
  const found = new Map<string, BuildId>()
  for (let row = 1; row < Math.max(state.facts.end, state.flight.end); row++) {
    const x = row as BuildId
    const name = nameOf(x)
    const kind = kindOf(state, x)
    if (name === undefined || kind === Kind.REQUEST || kind === Kind.LIVE || kind === Kind.UNKNOWN) continue
    if (isKnown(state, x)) found.set(name, x)
  }
  return found
}

const needsOf = ({ state, nameOf }: Side, x: BuildId): readonly string[] =>
  dependenciesOf(state, x).map(({ build }) => shownName(nameOf, build))

/** What a build comes to, without what is another each time. */
const othernessOf = (a: Known, x: BuildId, b: Known, y: BuildId): Otherness | undefined => {
  const [one, other] = [kindOf(a.state, x), kindOf(b.state, y)]
  if ((one === Kind.ABSENT) !== (other === Kind.ABSENT)) return 'presence'
  const error = a.errors.of(x)
  if (error !== b.errors.of(y)) return 'error'
  // What a broken value holds for content is made of ids, and the error says all of it.
  if ((error === '' || one !== Kind.VALUE) && !hasSame(a.state, x, b.state, y, CONTENT)) return 'content'
  if (JSON.stringify(needsOf(a, x)) !== JSON.stringify(needsOf(b, y))) return 'dependencies'
  // A target that is made again has another one each time.
  return one === Kind.SOURCE && other === Kind.SOURCE && !hasSame(a.state, x, b.state, y, STAT) ? 'stat' : undefined
}

const STAT = [Fact.STAT, Fact.STAT + 1]
const CONTENT = [Fact.CONTENT, Fact.CONTENT + 1, Fact.CONTENT + 2, Fact.CONTENT + 3]
const hasSame = (a: State, x: BuildId, b: State, y: BuildId, words: readonly number[]): boolean =>
  words.every((word) => read(a.facts, x, word) === read(b.facts, y, word))
