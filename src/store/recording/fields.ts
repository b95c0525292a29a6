/**
 * How each event and receipt is written: the fields of each, in order, and what each of them is. The types hold this table to the
 * model: a field that is added there and not here does not compile.
 */
import { isDigest } from '../../model/content.js'
import {
  type Ahead,
  type Content,
  type Event,
  type Groups,
  LOOK_STRIDE,
  type Look,
  type Receipt,
} from '../../model/event.js'
import { type BuildId, buildId } from '../../model/ids.js'
import { lookIn, wordsOfLook } from '../../model/look.js'
import { type ByteReader, type ByteWriter, INT_BYTES, listOf, putSigned } from './bytes.js'
import { MADE_PLAIN, type Made, readMade, valueIn, writeMade } from './made.js'
import { SeenIds } from './names.js'
import { readContent, readValue, writeContent, writeValue } from './results.js'
import type { RecordedValue } from './value.js'

/** A `?` before it: the field may be left out. */
type Field = Plain | `?${Plain}`
type Plain = Simple | 'value' | 'terms'
type Simple = 'id' | 'ids' | 'groups' | 'flag' | 'signed' | 'json' | 'look' | 'looks' | 'content' | 'words'

type FieldsOf<T extends { readonly _tag: string }> = {
  readonly [Tag in T['_tag']]: {
    readonly [Name in Exclude<keyof Extract<T, { readonly _tag: Tag }>, '_tag'>]-?: Field
  }
}

const RECEIPTS: FieldsOf<Receipt> = {
  scanned: { builds: 'ids', looks: 'looks' },
  blocked: { build: 'id', needs: 'ids', create: 'ids', slot: 'flag' },
  started: { build: 'id' },
  done: { build: 'id', look: 'look', virtual: 'flag', cost: '?signed' },
  failed: { build: 'id', error: 'json', exists: 'flag', create: 'ids', claimed: '?look' },
  needs: { build: 'id', groups: 'groups' },
  pooled: { build: 'id', pool: 'signed' },
  // The content before the value: where it is the value, that is not written.
  made: { build: 'id', groups: 'groups', content: 'content', value: 'value', cost: '?signed' },
  recalled: { build: 'id', value: 'value' },
  broken: { build: 'id', groups: 'groups', error: '?json', cause: '?id', content: 'content' },
  holds: { build: 'id' },
  unjudged: { build: 'id' },
  ahead: { build: 'id', done: 'terms', open: 'terms', later: 'ids' },
}

const EVENTS: FieldsOf<Event> = {
  requested: {
    request: 'id',
    by: 'id',
    session: 'id',
    targets: 'ids',
    want: 'json',
    keepGoing: 'flag',
    jobs: 'signed',
    trust: 'flag',
    terms: '?json',
  },
  cancelled: { request: 'id' },
  changed: { builds: 'ids' },
  looked: { changed: 'ids' },
  ended: { build: 'id' },
  always: { build: 'id' },
  stamped: { build: 'id', stamp: 'words' },
  rechecked: { session: 'id' },
  taken: { builds: 'ids' },
  adopted: { build: 'id', look: 'look' },
  collect: { keep: 'json' },
  followed: { request: 'id', target: 'id', terms: '?json' },
  transacted: { version: 'signed', builds: 'ids' },
  wiped: { builds: 'ids' },
  swept: { keep: 'signed' },
  pruned: { step: 'json', keep: 'signed', from: 'signed', to: 'signed' },
  read: { now: 'signed', spent: 'signed' },
  tracked: { tracks: 'signed' },
}

export const isReceipt = (term: { readonly _tag: string }): term is Receipt => term._tag in RECEIPTS

/** A table, ready to be read. */
interface Terms {
  readonly shapes: readonly Shape[]
  readonly byTag: ReadonlyMap<string, Shape>
}
interface Shape {
  readonly tag: string
  readonly number: number
  readonly fields: readonly FieldOf[]
}
interface FieldOf {
  readonly name: string
  readonly is: Plain
  readonly isOptional: boolean
}

const termsOf = (table: Readonly<Record<string, Readonly<Record<string, Field>>>>): Terms => {
  const shapeOf = ([tag, fields]: readonly [string, Readonly<Record<string, Field>>], number: number): Shape => ({
    tag,
    number,
    fields: Object.entries(fields).map(([name, is]) =>
      is[0] === '?'
        ? { name, is: is.slice(1) as Plain, isOptional: true }
        : { name, is: is as Plain, isOptional: false },
    ),
  })
  const shapes = Object.entries(table).map(shapeOf)
  return { shapes, byTag: new Map(shapes.map((shape) => [shape.tag, shape])) }
}

const RECEIPT_TERMS = termsOf(RECEIPTS)
const EVENT_TERMS = termsOf(EVENTS)
const FOLLOWED = EVENT_TERMS.byTag.get('followed')!.number
const NO_IDS = new SeenIds()

/** Encodes and decodes either; ids are written as what they differ by from the one before. */
export class TermCodec<T extends { readonly _tag: string }> {
  private last = 0

  constructor(
    private readonly terms: Terms,
    /** Told of each id that is written; who only reads needs none. */
    private readonly seen: SeenIds = NO_IDS,
  ) {}

  /** To be called before the first of a record. */
  begin(): void {
    this.last = 0
  }

  private write(w: ByteWriter, term: T, recorded: (build: BuildId, value: unknown) => RecordedValue): void {
    if (term._tag === 'followed') return this.writeFollowed(w, term as unknown as Followed)
    if (term._tag === 'made' && writeMade(w, this.seen, term as unknown as Made, recorded)) return
    this.writeFields(w, term, recorded)
  }

  private writeFields(w: ByteWriter, term: T, recorded: (build: BuildId, value: unknown) => RecordedValue): void {
    const { number, fields } = this.terms.byTag.get(term._tag)!
    w.byte(number)
    const record = term as unknown as Record<string, unknown>
    for (let i = 0; i < fields.length; i++) {
      const { name, is, isOptional } = fields[i]!
      const value = record[name]
      if (isOptional) {
        w.byte(value === undefined ? 0 : 1)
        if (value === undefined) continue
      }
      if (is === 'terms') this.writeResults(w, value as readonly T[], recorded)
      else if (is !== 'value') this.writeField(w, is, value)
      else {
        const content = record.content as Content | undefined
        if (content === undefined || isDigest(content)) writeValue(w, recorded(record.build as BuildId, value))
      }
    }
  }

  /** How many, and each. */
  writeAll(w: ByteWriter, terms: readonly T[], recorded: (build: BuildId, value: unknown) => RecordedValue): void {
    w.count(terms.length)
    for (let i = 0; i < terms.length; i++) this.write(w, terms[i]!, recorded)
  }

  /**
   * The same, where nearly all are made. Apart from `writeAll`, since V8 learns of each place in the code which objects it meets: where it meets
   * all kinds of receipts and events, to find that one is made takes a third of the time.
   */
  private writeResults(
    w: ByteWriter,
    terms: readonly T[],
    recorded: (build: BuildId, value: unknown) => RecordedValue,
  ): void {
    w.count(terms.length)
    for (let i = 0; i < terms.length; i++) {
      const term = terms[i]!
      if (term._tag !== 'made' || !writeMade(w, this.seen, term as unknown as Made, recorded))
        this.writeFields(w, term, recorded)
    }
  }

  read(r: ByteReader): T {
    const number = r.byte()
    if (number >= MADE_PLAIN) return readMade(r, number - MADE_PLAIN) as unknown as T
    const { tag, fields } = this.terms.shapes[number]!
    if (tag === 'followed') return this.readFollowed(r) as unknown as T
    if (tag === 'requested') return this.readRequested(r) as unknown as T
    if (tag === 'ahead') return this.readAhead(r) as unknown as T
    const record: Record<string, unknown> = { _tag: tag }
    for (const { name, is, isOptional } of fields) {
      if (isOptional && r.byte() === 0) continue
      if (is === 'terms') record[name] = listOf(r, this.readTerm)
      else if (is !== 'value') record[name] = this.readField(r, is)
      else {
        const content = record.content as Content | undefined
        record[name] = content === undefined ? readValue(r) : valueIn(r, content)
      }
    }
    return record as unknown as T
  }

  // As their fields say, only quicker: nearly all there is to record of a library is these.

  private readAhead(r: ByteReader): Ahead {
    const build = this.readId(r)
    const done = listOf(r, this.readTerm) as unknown as Ahead['done']
    const open = listOf(r, this.readTerm) as unknown as Ahead['open']
    return { _tag: 'ahead', build, done, open, later: this.readIds(r) }
  }

  private readFollowed(r: ByteReader): Followed {
    const request = this.readId(r)
    const target = this.readId(r)
    if (r.byte() === 0) return { _tag: 'followed', request, target }
    return { _tag: 'followed', request, target, terms: parsed(r.text('utf8')) as NonNullable<Followed['terms']> }
  }

  private readRequested(r: ByteReader): Requested {
    const request = this.readId(r)
    const by = this.readId(r)
    const session = this.readId(r)
    const targets = this.readIds(r)
    const want = parsed(r.text('utf8')) as Requested['want']
    const keepGoing = r.byte() === 1
    const jobs = r.signed()
    const trust = r.byte() === 1
    const plain: Requested = { _tag: 'requested', request, by, session, targets, want, keepGoing, jobs, trust }
    return r.byte() === 0 ? plain : { ...plain, terms: parsed(r.text('utf8')) as NonNullable<Requested['terms']> }
  }

  private writeFollowed(w: ByteWriter, { request, target, terms }: Followed): void {
    const bytes = w.reserve(2 + 2 * INT_BYTES)
    bytes[w.end] = FOLLOWED
    const end = putSigned(bytes, putSigned(bytes, w.end + 1, request - this.last), target - request)
    this.last = target
    bytes[end] = terms === undefined ? 0 : 1
    w.end = end + 1
    // Requests have no names.
    if (!this.seen.has(target)) this.seen.see(target)
    if (terms !== undefined) this.writeField(w, 'json', terms)
  }

  private writeId(w: ByteWriter, id: number): void {
    w.signed(id - this.last)
    this.last = id
    this.seen.see(id)
  }

  // As fields: handed on to who reads a list.
  private readonly readTerm = (r: ByteReader): T => this.read(r)

  private readonly readId = (r: ByteReader): BuildId => {
    this.last += r.signed()
    return buildId(this.last)
  }

  private readonly readIds = (r: ByteReader): readonly BuildId[] => listOf(r, this.readId)

  private writeIds(w: ByteWriter, ids: readonly BuildId[]): void {
    const { length } = ids
    w.count(length)
    const bytes = w.reserve(INT_BYTES * length)
    const { seen } = this
    let { end } = w
    let { last } = this
    for (let i = 0; i < length; i++) {
      const id = ids[i]!
      end = putSigned(bytes, end, id - last)
      last = id
      if (!seen.has(id)) seen.see(id)
    }
    w.end = end
    this.last = last
  }

  private readGroups(r: ByteReader): Groups {
    return listOf(r, this.readIds)
  }

  private writeField(w: ByteWriter, is: Simple, value: unknown): void {
    switch (is) {
      case 'id':
        return this.writeId(w, value as number)
      case 'ids':
        return this.writeIds(w, value as readonly BuildId[])
      case 'groups': {
        const groups = value as readonly (readonly BuildId[])[]
        w.count(groups.length)
        for (const group of groups) this.writeIds(w, group)
        return
      }
      case 'flag':
        return w.byte(value === true ? 1 : 0)
      case 'signed':
        return w.signed(value as number)
      case 'json':
        return w.text(JSON.stringify(value), 'utf8')
      case 'look':
        return w.words(wordsOfLook(value as Look))
      case 'looks':
        w.count((value as Int32Array).length)
        return w.words(value as Int32Array)
      case 'content':
        return writeContent(w, value as Content)
      case 'words': {
        const words = value as readonly number[]
        w.count(words.length)
        return w.words(Int32Array.from(words))
      }
    }
  }

  private readField(r: ByteReader, is: Simple): unknown {
    switch (is) {
      case 'id':
        return this.readId(r)
      case 'ids':
        return this.readIds(r)
      case 'groups':
        return this.readGroups(r)
      case 'flag':
        return r.byte() === 1
      case 'signed':
        return r.signed()
      case 'json':
        return parsed(r.text('utf8'))
      case 'look':
        return lookIn(r.words(LOOK_STRIDE), 0)
      case 'looks':
        return r.words(r.count())
      case 'content':
        return readContent(r)
      case 'words':
        return [...r.words(r.count())]
    }
  }
}

type Requested = Extract<Event, { readonly _tag: 'requested' }>
type Followed = Extract<Event, { readonly _tag: 'followed' }>

/** A few words are said again and again: what a request wants, say. Objects are new each time. */
const parsed = (text: string): unknown => {
  const known = words.get(text)
  if (known !== undefined) return known
  const found: unknown = JSON.parse(text)
  if (typeof found === 'string' && words.size < WORDS_MAX) words.set(text, found)
  return found
}
const words = new Map<string, string>()
const WORDS_MAX = 100

export const receiptCodec = (seen?: SeenIds): TermCodec<Receipt> => new TermCodec<Receipt>(RECEIPT_TERMS, seen)
export const eventCodec = (seen?: SeenIds): TermCodec<Event> => new TermCodec<Event>(EVENT_TERMS, seen)
