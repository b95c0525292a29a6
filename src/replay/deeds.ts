/**
 * What was done in a recording from a tick on, by name. There may be hundreds of thousands of deeds, of which one is told of: each is kept as
 * numbers, and what it said is looked up where somebody wants to know.
 */
import type { Reading } from '../engine.js'
import type { Json } from '../model/codec.js'
import { Bug, type BuildError } from '../model/error.js'
import { apart, LOOK_STRIDE, type Look, LookWord, type Want } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, Fact } from '../model/state.js'
import type { RecordedSetting } from '../store/recording/format.js'
import type { RecordingReader } from '../store/recording/reader.js'
import type { TickRecord } from '../store/recording/record.js'
import type { RecordedValue } from '../store/recording/value.js'
import { type Doers, Hash } from './doers.js'
import { shownName } from './view.js'
import { Walker } from './walker.js'

/** Something that was done, found or told, but for when. Names are byte strings. */
export type Deed =
  | { readonly what: 'set'; readonly to: RecordedSetting['to'] }
  | { readonly what: 'asked'; readonly want: Want | 'live'; readonly keepGoing: boolean }
  | { readonly what: 'answered'; readonly ok: boolean }
  | { readonly what: 'found'; readonly kind: number; readonly content: readonly number[] }
  | {
      readonly what: 'made'
      readonly needs: readonly string[]
      readonly content: readonly number[]
      /** Of a rule. */
      readonly value?: RecordedValue
    }
  | { readonly what: 'broken'; readonly needs: readonly string[]; readonly error?: BuildError; readonly cause?: string }
  /** An event: what it is called, and what it says besides. */
  | { readonly what: 'told'; readonly event: string; readonly says: Json }

export const Kind = { FOUND: 1, MADE: 2, OTHER: 3, SET: 4 } as const

/** Words of a row. `ID`: of the build; of a setting, which one of the tick. `SAID`: what it says, where that is not in the record as it is. `NEXT`: the next row of the same doer, or -1. */
const Word = { DOER: 0, TICK: 1, A: 2, B: 3, KIND: 4, ID: 5, NEEDS_END: 6, SAID: 7, NEXT: 8 } as const
const STRIDE = 9
const ROWS_MIN = 1024
/** So many there are mostly: room that is not written to costs nothing. */
const ROWS_OF_TICK = 3

/** In the order in which they were done: a row of numbers for each. */
export class Deeds {
  /** How many there are; in what follows, that row stands for none. */
  end = 0
  private rows: Int32Array
  /** All needs, as doers. Those of a row begin where those of the row before end. */
  private readonly needs: number[] = []
  private readonly said: Deed[] = []
  /** By doer: the first row, the last one, and whether it made something. */
  private readonly firstOf: (number | undefined)[] = []
  private readonly lastOf: number[] = []
  private readonly makers: (boolean | undefined)[] = []
  /** Many say the same: what, as a number, and its hashes. */
  private readonly shared = new Map<string, { readonly said: number; readonly a: number; readonly b: number }>()
  /** By doer: its last look. */
  private readonly foundA: (number | undefined)[] = []
  private readonly foundB: number[] = []
  /** By id. */
  private readonly known: (number | undefined)[] = []
  private readonly requests = new Map<BuildId, number>()
  private readonly hash = new Hash()
  private now = 0

  /** All from tick `from` on. @throws Refused */
  constructor(
    private readonly reader: RecordingReader,
    from: number,
    private readonly all: Doers,
  ) {
    this.rows = new Int32Array(STRIDE * (ROWS_MIN + ROWS_OF_TICK * (reader.ticks - from)))
    const walker = new Walker(reader)
    walker.seek(from - 1)
    walker.run(reader.ticks, (record, tick, at) => {
      this.now = tick
      this.take(record, walker, at)
    })
  }

  doer(row: number): number {
    return this.rows[row * STRIDE + Word.DOER]!
  }

  tick(row: number): number {
    return this.rows[row * STRIDE + Word.TICK]!
  }

  /** What it says, and of what kind that is: as numbers. */
  saying(row: number): number {
    return this.word(row, Word.A)
  }

  kind(row: number): number {
    return this.word(row, Word.KIND)
  }

  private word(row: number, word: number): number {
    return this.rows[row * STRIDE + word]!
  }

  /** What was done in it. */
  deed(row: number): Deed {
    const said = this.said[this.word(row, Word.SAID)]
    if (said !== undefined) return said
    const [kind, id] = [this.word(row, Word.KIND), buildId(this.word(row, Word.ID))]
    const { settings, input } = this.reader.recordAt(this.tick(row))
    if (kind === Kind.SET) return { what: 'set', to: settings[id]!.to }
    for (const receipt of apart(input.receipts))
      if (receipt._tag === 'scanned') {
        const at = kind === Kind.FOUND ? receipt.builds.indexOf(id) : -1
        if (at >= 0) return foundIn(receipt.looks, at)
      } else if (kind === Kind.MADE && receipt.build === id) {
        const from = row === 0 ? 0 : this.word(row - 1, Word.NEEDS_END)
        const needs = this.needs.slice(from, this.word(row, Word.NEEDS_END)).map(this.nameOf)
        if (receipt._tag === 'done') return { what: 'made', needs, content: contentOf(receipt.look) }
        if (receipt._tag === 'made')
          return { what: 'made', needs, content: receipt.content, value: receipt.value as RecordedValue }
      }
    throw new Bug(`the deed of row ${row} is not in its record`)
  }

  get first(): number {
    return this.counted(0, (row) => row + 1)
  }

  after(row: number): number {
    return this.counted(row + 1, (each) => each + 1)
  }

  firstBy(doer: number): number {
    return this.counted(this.firstOf[doer] ?? -1, (row) => this.word(row, Word.NEXT))
  }

  /** The next one of the same doer. */
  nextBy(row: number): number {
    return this.counted(this.word(row, Word.NEXT), (each) => this.word(each, Word.NEXT))
  }

  /** Whether it was done by a build itself, for whoever asked for it. */
  isOwn(row: number): boolean {
    const said = this.said[this.word(row, Word.SAID)]
    return said === undefined ? this.word(row, Word.KIND) !== Kind.SET : said.what === 'broken'
  }

  /** Whether it is what `other` says in its row `inOther`. */
  saysAs(row: number, other: Deeds, inOther: number): boolean {
    return (
      this.word(row, Word.A) === other.word(inOther, Word.A) && this.word(row, Word.B) === other.word(inOther, Word.B)
    )
  }

  /** Of what was made, what a look at it found hangs on when that was. */
  private counted(from: number, next: (row: number) => number): number {
    let row = from
    while (
      row >= 0 &&
      row < this.end &&
      this.word(row, Word.KIND) === Kind.FOUND &&
      this.makers[this.doer(row)] === true
    )
      row = next(row)
    return row < 0 ? this.end : row
  }

  private take({ settings, input: { receipts, events }, names }: TickRecord, walker: Walker, at: Reading): void {
    for (const [id] of names) this.known[id] = undefined
    const set = new Set(settings.map((setting, i) => this.takeSetting(setting, i)))
    for (const receipt of apart(receipts)) this.takeReceipt(receipt, walker, at)
    for (const event of events) this.takeEvent(event, set, walker)
    for (const news of walker.news) {
      if (news._tag !== 'responded' || news.by !== 0) continue
      const doer = this.requests.get(news.request) ?? this.all.ofBuild(`#${news.request}`)
      this.say(doer, news.ok ? 'well' : 'not well', () => ({ what: 'answered', ok: news.ok }))
    }
  }

  /** Gives whose it is. */
  private takeSetting({ name, to }: RecordedSetting, i: number): number {
    this.hash.begin(Kind.SET)
    this.hash.text(to._tag)
    if (to._tag === 'value') this.hash.text(to.text)
    const doer = this.all.ofBuild(name)
    this.put(doer, Kind.SET, i)
    return doer
  }

  private takeReceipt(receipt: ReturnType<typeof apart>[number], walker: Walker, at: Reading): void {
    switch (receipt._tag) {
      case 'scanned':
        return receipt.builds.forEach((x, i) => this.takeLook(this.doerOf(x, walker), x, receipt.looks, i))
      case 'done':
        return this.takeMade(receipt.build, contentOf(receipt.look), undefined, walker, at)
      case 'made':
        return this.takeMade(receipt.build, receipt.content, receipt.value as RecordedValue, walker, at)
      case 'failed':
        return this.takeBroken(receipt.build, { error: receipt.error }, walker, at)
      case 'broken': {
        const { build, error, cause } = receipt
        const by = cause === undefined ? undefined : shownName(walker.nameOf, cause)
        return this.takeBroken(build, { error, cause: by }, walker, at)
      }
    }
  }

  private takeLook(doer: number, x: BuildId, looks: Int32Array, i: number): void {
    const { hash } = this
    hash.begin(Kind.FOUND)
    hash.word(looks[i * LOOK_STRIDE + LookWord.KIND]!)
    for (let word: number = LookWord.CONTENT; word < LOOK_STRIDE; word++) hash.word(looks[i * LOOK_STRIDE + word]!)
    if (this.foundA[doer] === hash.a && this.foundB[doer] === hash.b) return
    this.foundA[doer] = hash.a
    this.foundB[doer] = hash.b
    this.put(doer, Kind.FOUND, x)
  }

  private takeMade(
    x: BuildId,
    content: readonly number[],
    value: RecordedValue | undefined,
    walker: Walker,
    at: Reading,
  ): void {
    const doer = this.doerOf(x, walker)
    const { hash } = this
    hash.begin(Kind.MADE)
    this.takeNeeds(x, walker, at)
    hash.words(content)
    if (value !== undefined && value._tag !== 'inContent') hash.text(JSON.stringify(value))
    this.makers[doer] = true
    this.put(doer, Kind.MADE, x)
  }

  private takeBroken(
    x: BuildId,
    { error, cause }: { readonly error: BuildError | undefined; readonly cause?: string | undefined },
    walker: Walker,
    at: Reading,
  ): void {
    const doer = this.doerOf(x, walker)
    const { hash, needs } = this
    const from = needs.length
    hash.begin(Kind.OTHER)
    this.takeNeeds(x, walker, at)
    hash.text(`${cause} ${error === undefined ? '' : JSON.stringify(withoutPlace(error))}`)
    this.makers[doer] = true
    const said = this.said.push({
      what: 'broken',
      needs: needs.slice(from).map(this.nameOf),
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    })
    this.put(doer, Kind.OTHER, x, said - 1)
  }

  private takeNeeds(x: BuildId, walker: Walker, { facts, edges }: Reading): void {
    for (let e = facts.get(x, Fact.DEP_HEAD); e !== 0; e = edges.get(e, Edge.NEXT_DEP)) {
      const need = this.doerOf(buildId(edges.get(e, Edge.DEPENDENCY)), walker)
      this.needs.push(need)
      this.hash.word(need)
    }
  }

  /** `set`: who was set in this tick. */
  private takeEvent(event: TickRecord['input']['events'][number], set: ReadonlySet<number>, walker: Walker): void {
    switch (event._tag) {
      case 'requested': {
        this.known[event.request] = undefined
        if (event.by !== 0) return
        return this.ask(event.request, event.targets, event.want, event.keepGoing, walker)
      }
      case 'followed':
        this.known[event.request] = undefined
        return this.ask(event.request, [event.target], 'live', false, walker)
      case 'cancelled': {
        const doer = this.requests.get(event.request)
        return doer === undefined ? undefined : this.tell(doer, event._tag)
      }
      case 'transacted': {
        // What was set says so, whether it was known by then or not.
        const touched = event.builds.map((x) => this.doerOf(x, walker)).filter((doer) => !set.has(doer))
        return touched.forEach((doer) => this.tell(doer, event._tag))
      }
      case 'taken':
      case 'wiped':
        return event.builds.forEach((x) => this.tell(this.doerOf(x, walker), event._tag))
      case 'adopted':
      case 'always':
        return this.tell(this.doerOf(event.build, walker), event._tag)
      case 'stamped':
        return this.tell(this.doerOf(event.build, walker), event._tag, [...event.stamp])
      case 'collect':
        return this.tell(this.all.ofRequest([]), event._tag, event.keep)
      case 'rechecked':
        return this.tell(this.all.ofRequest([]), event._tag)
    }
  }

  private tell(doer: number, event: string, says: Json = null): void {
    const words = says === null ? event : `${event} ${JSON.stringify(says)}`
    this.say(doer, words, () => ({ what: 'told', event, says }))
  }

  /** In how many slots, and by when, is another way to the same. */
  private ask(
    request: BuildId,
    targets: readonly BuildId[],
    want: Want | 'live',
    keepGoing: boolean,
    walker: Walker,
  ): void {
    const doer = this.all.ofRequest(targets.map((x) => this.doerOf(x, walker)))
    this.requests.set(request, doer)
    this.say(doer, ASKED[want][keepGoing ? 1 : 0], () => ({ what: 'asked', want, keepGoing }))
  }

  private readonly nameOf = (doer: number): string => this.all.namesOf(doer)[0]!

  private doerOf(x: BuildId, walker: Walker): number {
    const known = this.known[x] ?? this.all.ofBuild(shownName(walker.nameOf, x))
    this.known[x] = known
    return known
  }

  /** `words`: all that it says. Many say the same. */
  private say(doer: number, words: string, deed: () => Deed): void {
    const { hash, shared } = this
    let same = shared.get(words)
    if (same === undefined) {
      hash.begin(Kind.OTHER)
      hash.text(words)
      same = { said: this.said.push(deed()) - 1, a: hash.a, b: hash.b }
      shared.set(words, same)
    }
    hash.a = same.a
    hash.b = same.b
    this.put(doer, Kind.OTHER, 0, same.said)
  }

  private put(doer: number, kind: number, id: number, said = -1): void {
    const row = this.end++
    const at = row * STRIDE
    if (at === this.rows.length) {
      const longer = new Int32Array(2 * at)
      longer.set(this.rows)
      this.rows = longer
    }
    const { rows, hash } = this
    rows[at + Word.DOER] = doer
    rows[at + Word.TICK] = this.now
    rows[at + Word.A] = hash.a
    rows[at + Word.B] = hash.b
    rows[at + Word.KIND] = kind
    rows[at + Word.ID] = id
    rows[at + Word.NEEDS_END] = this.needs.length
    rows[at + Word.SAID] = said
    rows[at + Word.NEXT] = -1
    const last = this.lastOf[doer]
    if (last === undefined) this.firstOf[doer] = row
    else rows[last * STRIDE + Word.NEXT] = row
    this.lastOf[doer] = row
  }
}

/** Made once: there are as many requests as ticks. */
const ASKED: Readonly<Record<Want | 'live', readonly [string, string]>> = {
  ifchange: ['asked ifchange', 'asked ifchange on'],
  force: ['asked force', 'asked force on'],
  overwrite: ['asked overwrite', 'asked overwrite on'],
  create: ['asked create', 'asked create on'],
  look: ['asked look', 'asked look on'],
  value: ['asked value', 'asked value on'],
  live: ['asked live', 'asked live on'],
}

const contentOf = ({ kind, content0, content1, content2, content3 }: Look): readonly number[] => [
  kind,
  content0,
  content1,
  content2,
  content3,
]

const foundIn = (looks: Int32Array, i: number): Deed => {
  const words = Array.from(looks.subarray(i * LOOK_STRIDE, (i + 1) * LOOK_STRIDE))
  return { what: 'found', kind: words[LookWord.KIND]!, content: words.slice(LookWord.CONTENT) }
}

/** Without where it broke, which is told in ids, and in the words of a runtime. */
const withoutPlace = (error: BuildError): unknown => {
  const { path, tried, trace, ...rest } = error as Readonly<Record<string, unknown>>
  return rest
}
