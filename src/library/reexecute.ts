/**
 * Runs the rules of a recording again, each against the answers that it got then, and finds those that are no functions of them: that look
 * at a clock, draw a random number, or keep something from one run to the next. Each run is done twice: by a generator that is
 * kept where it waits, and by one that is always run from its beginning, in the opposite order.
 */
import { UNDEFINED } from '../make/answers.js'
import { saidBy } from '../make/content.js'
import { askedAnew, wordsOf } from '../make/keys.js'
import { ValueMake } from '../make/value.js'
import { World } from '../make/world.js'
import type { Json } from '../model/codec.js'
import { aboutRule, type Definition } from '../model/definition.js'
import { dependenciesOf } from '../model/dependencies.js'
import { apart, type Groups, type Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { canonicalOfAny } from '../model/json.js'
import { Edge, Flight, type State } from '../model/state.js'
import { read } from '../model/table.js'
import type { Verdict } from '../replay/replay.js'
import { shortened, shortenedApart } from '../replay/short.js'
import { PROGRESS_TICKS, Walker } from '../replay/walker.js'
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
  /** Rules that were recorded are not at hand, or in another version, of another kind, or with other codecs. */
  | { readonly _tag: 'otherRules'; readonly rules: readonly string[] }
  | Exclude<Verdict, { readonly _tag: 'agrees' }>

export const reexecute = (
  reader: RecordingReader,
  definitions: Iterable<Definition>,
  onProgress: (tick: number) => void = () => {},
): Reexecution => {
  const known = new Map(Array.from(definitions, (of) => [of.name, of]))
  const others = reader.about.rules.filter((rule) => {
    const of = known.get(rule.name)
    // Of another codec, a value is not what it was, whatever the version says.
    return of === undefined || JSON.stringify(aboutRule(of)) !== JSON.stringify(rule)
  })
  if (others.length > 0) return { _tag: 'otherRules', rules: others.map(({ name }) => name) }
  const recorded = new RecordedKeys(known.values(), (digest) => reader.beside(digest))
  /** What the recording left out, and came out of a rule again; by name. */
  const remade = new Map<string, unknown>()
  const walker = new Walker(reader, (name, value) => {
    const decoded = recorded.decode(name, value)
    return decoded === LEFT ? (remade.get(name) ?? LEFT) : decoded
  })
  for (const [build, name] of walker.named) recorded.place(build, name)
  const again = new Again(recorded)
  for (let tick = walker.next(); tick !== undefined; tick = walker.next()) {
    for (const [build, name] of tick.names) recorded.place(build, name)
    const told = walker.decoded(tick).receipts
    const other = again.run(walker.state, told, (x, value) => remade.set(walker.nameOf(x)!, value))
    if (other !== undefined) {
      const key = recorded.keys.keyOf(other.build)!
      return { _tag: 'impure', tick: tick.tick, rule: key.of.name, key: wordsOf(key), difference: other.difference }
    }
    walker.step()
    remade.clear()
    for (const news of walker.news) if (news._tag === 'forgotten') recorded.keys.release(news.build)
    if (walker.state.inFlight === 0) again.rest()
    if (tick.tick % PROGRESS_TICKS === 0) onProgress(tick.tick)
  }
  return { _tag: 'agrees', ticks: walker.tick, makes: again.count, skipped: again.skipped }
}

/** What a run of a rule says. */
type Said = Extract<Receipt, { readonly _tag: 'needs' | 'made' | 'broken' }>
type Made = Extract<Said, { readonly _tag: 'made' }>

interface Other {
  readonly build: BuildId
  readonly difference: string
}

/** Runs what was run in a tick twice. */
class Again {
  count = 0
  skipped = 0
  private readonly kept: ValueMake
  private readonly anew: ValueMake

  constructor(private readonly recorded: RecordedKeys) {
    this.kept = makeOf(recorded, false)
    this.anew = makeOf(recorded, true)
  }

  /** The first that differs. `remade`: told of values which the recording left out. */
  run(state: State, told: readonly Receipt[], remade: (x: BuildId, value: unknown) => void): Other | undefined {
    const { kept, anew, recorded } = this
    const said = apart(told).filter((receipt): receipt is Said => isRun(recorded, receipt))
    const expected = new Map(said.map((receipt) => [receipt.build, receipt]))
    /** Of a run of `make`: whether it is what was recorded, or nothing can be said of it. */
    const judge = (make: ValueMake, now: Said): Other | boolean => {
      const then = expected.get(now.build)!
      const difference = differenceOf(recorded, then, now)
      if (difference !== undefined) return sawLeft(state, make, now) ? false : { build: now.build, difference }
      if (then._tag === 'made' && then.value === LEFT) remade(now.build, (now as Made).value)
      return true
    }
    const runs = (make: ValueMake, builds: readonly BuildId[]): readonly Said[] => {
      const receipts: Receipt[] = []
      make.runEach(state, builds, receipts)
      return receipts as Said[]
    }
    try {
      // What was made before something that needs it, is at hand for that.
      const done = told.flatMap((receipt) => (receipt._tag === 'ahead' ? receipt.done : []))
      for (const receipt of done) {
        let known: Receipt = receipt
        for (const now of expected.has(receipt.build) ? runs(kept, [receipt.build]) : []) {
          const is = judge(kept, now)
          if (typeof is === 'object') return is
          if (is) known = now
        }
        for (const { found } of [kept, anew]) found.know(state, known)
      }
      const left = new Set(expected.keys())
      for (const { build } of done) left.delete(build)
      for (const now of runs(kept, [...left])) {
        const is = judge(kept, now)
        if (typeof is === 'object') return is
      }
      for (const now of runs(anew, [...expected.keys()].reverse())) {
        const is = judge(anew, now)
        if (typeof is === 'object') return is
        if (is) this.count++
        else this.skipped++
      }
    } finally {
      kept.found.clear()
      anew.found.clear()
    }
    return undefined
  }

  rest(): void {
    this.kept.rest()
    this.anew.rest()
  }
}

const isRun = (recorded: RecordedKeys, receipt: Receipt): boolean => {
  if (receipt._tag !== 'needs' && receipt._tag !== 'made' && receipt._tag !== 'broken') return false
  const kind = recorded.keys.keyOf(receipt.build)?.of.kind
  return kind === 'rule' || kind === 'static' || kind === 'batch'
}

/** `anew`: generators that wait are never kept. */
const makeOf = ({ keys }: RecordedKeys, anew: boolean): ValueMake =>
  new ValueMake({
    // What a rule declares it is asked for anew: that may be what is impure.
    keys: askedAnew({ intern: (key) => keys.intern(key), keyOf: (x) => keys.keyOf(x) }),
    world: new World(),
    poolOf: () => 0,
    inThread: () => Promise.reject(new Error('a replay begins no action')),
    recall: () => undefined,
    isDropped: () => anew,
    freeze: true,
    settle: () => {},
  })

/** Whether it asked for a value that the recording left out: then nothing can be said of it. */
const sawLeft = (state: State, { found }: ValueMake, { build: x, groups }: Said): boolean => {
  const all = [...groups.flat(), ...askedOf(state, x), ...dependenciesOf(state, x).map(({ build }) => build)]
  return all.some((d) => !found.isBroken(state, d) && found.resultOf(state, d) === LEFT)
}

/** What the present run asked for so far. */
const askedOf = ({ flight, edges }: State, x: BuildId): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let e = read(flight, x, Flight.NEW_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEP))
    found.push(buildId(read(edges, e, Edge.DEPENDENCY)))
  return found
}

const differenceOf = (recorded: RecordedKeys, then: Said, now: Said): string | undefined => {
  const isOther = then.groups.some((group, i) => i < now.groups.length && !isSame(group, now.groups[i]!))
  if (isOther || (then._tag === now._tag && then.groups.length !== now.groups.length))
    return `recorded: it asks for ${namesOf(recorded, then.groups)}; now: for ${namesOf(recorded, now.groups)}`
  if (then._tag === 'needs' && now._tag === 'needs') return undefined
  if (then._tag === 'made' && now._tag === 'made')
    return isSame(then.content, now.content) ? undefined : valueDifference(recorded, then, now)
  if (then._tag === 'broken' && now._tag === 'broken' && then.cause === now.cause) {
    // The content of what would have been may be that of other ids; what it says is of these.
    if (then.error === undefined || now.error === undefined || isSame(then.content, now.content)) return undefined
    const [at, a, b] = firstApart(saidBy(then.error), saidBy(now.error))
    const where = at === '' ? '' : `${at.replace(/^\./, '')}: `
    return a === b ? undefined : `recorded: it fails (${where}${a}); now: it fails (${where}${b})`
  }
  return `recorded: ${said(recorded, then)}; now: ${said(recorded, now)}`
}

const isSame = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((each, i) => each === b[i])

const namesOf = ({ keys }: RecordedKeys, groups: Groups): string => {
  const text = (id: BuildId): string => {
    const key = keys.keyOf(id)
    return key === undefined ? `build ${id}` : wordsOf(key)
  }
  return groups.length === 0 ? 'nothing' : groups.map((group) => group.map(text).join(' and ')).join(', then ')
}

const said = (recorded: RecordedKeys, receipt: Said): string => {
  switch (receipt._tag) {
    case 'needs':
      return `it asks for ${namesOf(recorded, receipt.groups)}`
    case 'made':
      return `it is ${short(jsonOf(recorded, receipt))}`
    case 'broken':
      return receipt.error === undefined
        ? `it is broken by ${namesOf(recorded, [[receipt.cause!]])}`
        : `it fails (${short(receipt.error as unknown as Json)})`
  }
}

const valueDifference = (recorded: RecordedKeys, then: Made, now: Made): string => {
  if (then.value === LEFT) return 'it is another value than the recorded one, which was left out'
  const [at, a, b] = firstApart(jsonOf(recorded, then), jsonOf(recorded, now))
  return `recorded${at === '' ? '' : ` at ${at}`}: ${a}; now: ${b}`
}

/** Where two values differ first, and what is there, in short. */
const firstApart = (one: Json | undefined, other: Json | undefined): readonly [string, string, string] => {
  const [at, a, b] = firstOther(one, other, '')
  return [at, ...shortenedApart(textOf(a), textOf(b), SHORT)]
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
      if (textOf(x[name]) !== textOf(y[name]))
        return firstOther(x[name], y[name], Array.isArray(a) ? `${at}[${name}]` : `${at}.${name}`)
  }
  return [at, a, b]
}

const textOf = (json: Json | undefined): string => (json === undefined ? 'nothing' : canonicalOfAny(json))
const SHORT = 80
const short = (json: Json | undefined): string => shortened(textOf(json), SHORT)
