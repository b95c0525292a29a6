/**
 * Runs the rules of a recording again, each against the answers that it got then, and finds those that are no functions of them: that look
 * at a clock, draw a random number, or keep something from one run to the next. Each run is done twice: by a generator that is
 * kept where it waits, and by one that is always run from its beginning, in the opposite order.
 */
import { isBroken, UNDEFINED } from '../make/answers.js'
import { wordsOf } from '../make/keys.js'
import { ValueMake } from '../make/value.js'
import { World } from '../make/world.js'
import { canonical, type Json } from '../model/codec.js'
import type { Definition } from '../model/definition.js'
import { dependenciesOf } from '../model/dependencies.js'
import type { Groups, Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, Flight, type State } from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import type { Verdict } from '../replay/replay.js'
import { Walker } from '../replay/walker.js'
import type { RecordingReader } from '../store/recording/reader.js'
import { LEFT, RecordedKeys } from './recorded-keys.js'

export type Reexecution =
  /** `makes`: runs of rules that came to what was recorded; `skipped`: those that need a value which the recording left out. */
  | { readonly _tag: 'agrees'; readonly ticks: number; readonly makes: number; readonly skipped: number }
  /** The rule, run with the same answers, says something else: `difference` is the first of it. */
  | {
      readonly _tag: 'impure'
      readonly tick: number
      readonly rule: string
      readonly key: string
      readonly difference: string
    }
  /** Rules that were recorded are not at hand, or in another version. */
  | { readonly _tag: 'otherRules'; readonly rules: readonly string[] }
  | Exclude<Verdict, { readonly _tag: 'agrees' }>

/** How often a long way is spoken of. */
const PROGRESS_TICKS = 256

export const reexecute = (
  reader: RecordingReader,
  definitions: Iterable<Definition>,
  onProgress: (tick: number) => void = () => {},
): Reexecution => {
  const known = new Map(Array.from(definitions, (of) => [of.name, of]))
  const others = reader.about.rules.filter(({ name, version }) => known.get(name)?.version !== version)
  if (others.length > 0) return { _tag: 'otherRules', rules: others.map(({ name }) => name) }
  const recorded = new RecordedKeys(known.values(), (digest) => reader.beside(digest))
  /** What the recording left out, and came out of a rule again; by name. */
  const remade = new Map<string, unknown>()
  const walker = new Walker(reader, (name, value) => {
    const decoded = recorded.decode(name, value)
    return decoded === LEFT ? (remade.get(name) ?? LEFT) : decoded
  })
  for (const [build, name] of walker.named) recorded.place(build, name)
  const makes = [makeOf(recorded, false), makeOf(recorded, true)]
  let count = 0
  let skipped = 0
  for (let tick = walker.next(); tick !== undefined; tick = walker.next()) {
    for (const [build, name] of tick.names) recorded.place(build, name)
    const { state } = walker
    const expected = new Map<BuildId, Receipt>()
    for (const receipt of walker.decoded(tick.input).receipts)
      if (receipt._tag !== 'scanned') expected.set(receipt.build, receipt)
    const builds = tick.input.batch.run.filter((x) => isRun(recorded, x) && expected.get(x)?._tag !== 'recalled')
    for (const [i, make] of makes.entries()) {
      const order = i === 0 ? builds : [...builds].reverse()
      for (const receipt of make.run(state, order)) {
        const x = (receipt as { readonly build: BuildId }).build
        const then = expected.get(x)
        const difference = then === undefined ? 'there is no receipt of it' : differenceOf(recorded, then, receipt)
        if (difference === undefined) {
          count += i
          if (then?._tag === 'made' && then.value === LEFT) remade.set(walker.nameOf(x)!, (receipt as Made).value)
        } else if (sawLeft(state, x, receipt)) skipped += i
        else {
          const key = recorded.keys.keyOf(x)!
          return { _tag: 'impure', tick: tick.tick, rule: key.of.name, key: wordsOf(key), difference }
        }
      }
    }
    walker.step()
    remade.clear()
    for (const news of walker.news) if (news._tag === 'forgotten') recorded.keys.release(news.build)
    if (walker.state.inFlight === 0) for (const make of makes) make.rest()
    if (tick.tick % PROGRESS_TICKS === 0) onProgress(tick.tick)
  }
  return { _tag: 'agrees', ticks: walker.tick, makes: count, skipped }
}

const isRun = (recorded: RecordedKeys, x: BuildId): boolean => {
  const kind = recorded.keys.keyOf(x)?.of.kind
  return kind === 'rule' || kind === 'static' || kind === 'batch'
}

/** `anew`: generators that wait are never kept. */
const makeOf = ({ keys }: RecordedKeys, anew: boolean): ValueMake =>
  new ValueMake({
    keys,
    world: new World(),
    poolOf: () => 0,
    inThread: () => Promise.reject(new Error('a replay begins no action')),
    recall: () => undefined,
    isDropped: () => anew,
    freeze: true,
    settle: () => {},
  })

/** Whether it asked for a value that the recording left out: then nothing can be said of it. */
const sawLeft = (state: State, x: BuildId, receipt: Receipt): boolean => {
  const asked = 'groups' in receipt ? receipt.groups.flat() : []
  const all = [...asked, ...askedOf(state, x), ...dependenciesOf(state, x).map(({ build }) => build)]
  return all.some((d) => !isBroken(state, d) && objectAt(state.values, d) === LEFT)
}

/** What the present run asked for so far. */
const askedOf = ({ flight, edges }: State, x: BuildId): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let e = read(flight, x, Flight.NEW_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEP))
    found.push(buildId(read(edges, e, Edge.DEPENDENCY)))
  return found
}

const differenceOf = (recorded: RecordedKeys, then: Receipt, now: Receipt): string | undefined => {
  if (then._tag !== now._tag) return `recorded: ${said(recorded, then)}; now: ${said(recorded, now)}`
  if ('groups' in then && 'groups' in now && !isSame(then.groups, now.groups))
    return `recorded: it asks for ${namesOf(recorded, then.groups)}; now: for ${namesOf(recorded, now.groups)}`
  if (then._tag === 'broken' && now._tag === 'broken' && then.cause !== now.cause)
    return `recorded: ${said(recorded, then)}; now: ${said(recorded, now)}`
  if ('content' in then && 'content' in now && !then.content.every((word, i) => word === now.content[i]))
    return then._tag === 'made' && now._tag === 'made'
      ? valueDifference(recorded, then, now)
      : `recorded: ${said(recorded, then)}; now: ${said(recorded, now)}`
  return undefined
}

const isSame = (a: Groups, b: Groups): boolean => JSON.stringify(a) === JSON.stringify(b)

const namesOf = ({ keys }: RecordedKeys, groups: Groups): string => {
  const text = (id: BuildId): string => {
    const key = keys.keyOf(id)
    return key === undefined ? `build ${id}` : wordsOf(key)
  }
  return groups.length === 0 ? 'nothing' : groups.map((group) => group.map(text).join(' and ')).join(', then ')
}

const said = (recorded: RecordedKeys, receipt: Receipt): string => {
  switch (receipt._tag) {
    case 'needs':
      return `it asks for ${namesOf(recorded, receipt.groups)}`
    case 'made':
      return `it is ${short(jsonOf(recorded, receipt))}`
    case 'broken':
      return receipt.error === undefined
        ? `it is broken by ${namesOf(recorded, [[receipt.cause!]])}`
        : `it fails (${short(receipt.error as unknown as Json)})`
    default:
      return receipt._tag
  }
}

type Made = Extract<Receipt, { readonly _tag: 'made' }>

const valueDifference = (recorded: RecordedKeys, then: Made, now: Made): string => {
  if (then.value === LEFT) return 'it is another value than the recorded one, which was left out'
  const [at, a, b] = firstOther(jsonOf(recorded, then), jsonOf(recorded, now), '')
  return `recorded${at}: ${short(a)}; now: ${short(b)}`
}

const jsonOf = ({ keys }: RecordedKeys, { build, value }: Made): Json | undefined =>
  value === LEFT ? undefined : keys.keyOf(build)!.of.values.encode(value === UNDEFINED ? undefined : value)

/** Where two values differ first, and what is there. */
const firstOther = (
  a: Json | undefined,
  b: Json | undefined,
  at: string,
): readonly [string, Json | undefined, Json | undefined] => {
  if (
    typeof a === 'object' &&
    typeof b === 'object' &&
    a !== null &&
    b !== null &&
    Array.isArray(a) === Array.isArray(b)
  ) {
    const [x, y] = [a as Record<string, Json>, b as Record<string, Json>]
    for (const name of new Set([...Object.keys(x), ...Object.keys(y)]))
      if (short(x[name]) !== short(y[name]) || textOf(x[name]) !== textOf(y[name]))
        return firstOther(x[name], y[name], Array.isArray(a) ? `${at}[${name}]` : `${at}.${name}`)
  }
  return [at === '' ? '' : ` at ${at}`, a, b]
}

const textOf = (json: Json | undefined): string => (json === undefined ? 'nothing' : canonical(json))
const SHORT = 80
const short = (json: Json | undefined): string => {
  const text = textOf(json)
  return text.length > SHORT ? `${text.slice(0, SHORT)}...` : text
}
