/**
 * Records: how rows, lists of dependencies, names, errors and stamps look as bytes. A page of the store is one record
 * of all there is of 1,024 ids; an entry of the journal is one record of what a commit changed. Reading a store is
 * applying its records in order, so there is one format and one reader (`load.ts`).
 *
 *   header   8 words, see `Header`
 *   rows     id, number of dependencies (-1: as before), 11 words of facts, then 3 words a dependency: id, mode, seen
 *   names    id, number of bytes (-1: no name any more); the bytes of all of them follow, in the same order
 *   extras   JSON: [id, error or null, stamp or null], for builds that have or had one
 *
 * Words are 32 bits in the machine's own order: 60 bytes and the name a target, 12 a dependency. Every record carries a checksum
 * of all its bytes, what it is, and where it belongs, because SQLite has none: a flipped bit is found before it is used.
 */
import { crc32 } from 'node:zlib'
import type { BuildError } from '../model/error.js'
import { invariant } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { Edge, FACT_STRIDE, Fact, Flag, GROUP_SHIFT, KIND_MASK, Kind, Mode, type State } from '../model/state.js'
import { objectAt, PAGE_ROWS, pageOf, read } from '../model/table.js'
import type { Names } from './names.js'

/** Tells records of one kind from those of another: they are never taken for each other, wherever SQLite finds them. */
export const RecordKind = { PAGE: 0x32474150, JOURNAL: 0x324e524a, HEAD: 0x44414548 } as const
/** What version 1 called its own: their rows have no `Fact.WHY`, the last word of facts. They stay until they are rewritten anyway. */
const KIND_OF_1: Readonly<Record<number, number>> = { [RecordKind.PAGE]: 0x45474150, [RecordKind.JOURNAL]: 0x4c4e524a }
const ROW_WORDS_OF_1 = 12

const Header = {
  /** CRC-32 of all that follows. */
  SUM: 0,
  KIND: 1,
  /** The number of the page, or of the journal's entry. */
  KEY: 2,
  /** Journal: the checksum of the record before it. */
  PREVIOUS: 3,
  ROW_WORDS: 4,
  NAME_COUNT: 5,
  NAME_BYTES: 6,
  /** One past the highest id that has a row or a name here. */
  IDS_END: 7,
} as const
const HEADER_WORDS = 8

/** Ids in a page: so few that one changed row rewrites little, so many that SQLite has few rows. */
export const PAGE_IDS = 1024

/** Words of a row before its dependencies, and of each of these. */
export const ROW_WORDS = 13
export const DEPENDENCY_WORDS = 3
/** The words of `facts` that are stored, in order: all but the links into `edges`, which are numbers of this run. */
export const STORED_FACTS = Array.from({ length: FACT_STRIDE }, (_, word) => word).filter(
  (word) => word !== Fact.DEP_HEAD && word !== Fact.DEPENDENT_HEAD,
)
/** Of `Edge.MODE`, what is stored: the rest tells who waits. */
const STORED_MODE = (-1 << GROUP_SHIFT) | Mode.CREATE

/** What `extras` holds of one build. */
export type Extra = readonly [id: number, error: BuildError | null, stamp: readonly number[] | null]

/** Whether anything of a row is stored: a request's is not, nor a live one's. */
export const isStored = (page: Int32Array | undefined, at: number): boolean => {
  if (page === undefined) return false
  const kind = page[at + Fact.FLAGS]! & KIND_MASK
  if (kind === Kind.REQUEST || kind === Kind.LIVE) return false
  if (page[at + Fact.DEP_HEAD] !== 0) return true
  for (const word of STORED_FACTS) if (page[at + word] !== 0) return true
  return false
}

/** A word of a row as it is stored: without what the process that has it in memory knows of it alone. */
export const storedWord = (page: Int32Array, at: number, word: number): number => {
  if ((page[at + Fact.FLAGS]! & KIND_MASK) !== Kind.VALUE) return page[at + word]!
  if (word === Fact.FLAGS) return page[at + word]! & ~Flag.WIPED
  return word === Fact.HOLD ? 0 : page[at + word]!
}

/** Collects what one record is to hold. Used again and again, so that a commit allocates little more than its bytes. */
export class RecordWriter {
  private rows = new Int32Array(1 << 10)
  private rowsEnd = 0
  private names = new Int32Array(1 << 8)
  private nameCount = 0
  private bytes = new Uint8Array(1 << 12)
  private bytesEnd = 0
  private extras: Extra[] = []
  private idsEnd = 0

  get isEmpty(): boolean {
    return this.rowsEnd === 0 && this.nameCount === 0 && this.extras.length === 0
  }

  /** Adds the row of `id`, and, if `withList`, its dependencies. @throws Bug if it is something and has no name. */
  addRow(state: State, names: Names, id: BuildId, withList: boolean): void {
    const page = pageOf(state.facts, Math.floor(id / PAGE_ROWS))
    const at = (id % PAGE_ROWS) * FACT_STRIDE
    const is = isStored(page, at)
    invariant(!is || names.isNamed(id), `build ${id} is to be stored and has no name`)
    const start = this.rowsEnd
    this.rows = withRoom(this.rows, start + ROW_WORDS)
    let count = 0
    this.rowsEnd += ROW_WORDS
    if (is && withList) {
      for (let e = page![at + Fact.DEP_HEAD]!; e !== 0; e = read(state.edges, e, Edge.NEXT_DEP)) {
        this.rows = withRoom(this.rows, this.rowsEnd + DEPENDENCY_WORDS)
        const dependency = read(state.edges, e, Edge.DEPENDENCY) as BuildId
        invariant(names.isNamed(dependency), `build ${dependency}, which ${id} needs, has no name`)
        this.rows[this.rowsEnd] = dependency
        this.rows[this.rowsEnd + 1] = read(state.edges, e, Edge.MODE) & STORED_MODE
        this.rows[this.rowsEnd + 2] = read(state.edges, e, Edge.SEEN)
        this.rowsEnd += DEPENDENCY_WORDS
        count++
      }
    }
    const { rows } = this
    rows[start] = id
    rows[start + 1] = withList ? count : -1
    for (let i = 0; i < STORED_FACTS.length; i++) rows[start + 2 + i] = is ? storedWord(page!, at, STORED_FACTS[i]!) : 0
    this.idsEnd = Math.max(this.idsEnd, id + 1)
  }

  /** Adds what `id` is called now, or that it has no name. */
  addName(names: Names, id: BuildId): void {
    const name = names.bytesOf(id)
    this.names = withRoom(this.names, this.nameCount * 2 + 2)
    this.names[this.nameCount * 2] = id
    this.names[this.nameCount * 2 + 1] = name === undefined ? -1 : name.length
    this.nameCount++
    this.idsEnd = Math.max(this.idsEnd, id + 1)
    if (name === undefined) return
    this.bytes = withRoom(this.bytes, this.bytesEnd + name.length)
    this.bytes.set(name, this.bytesEnd)
    this.bytesEnd += name.length
  }

  /** Adds the error and the stamp of `id` as they are now. */
  addExtra(state: State, id: BuildId): void {
    this.extras.push([id, objectAt(state.errors, id) ?? null, objectAt(state.stamps, id)?.last ?? null])
  }

  /** The record, and an empty writer. */
  finish(kind: number, key: number, previous = 0): Buffer {
    const extras = this.extras.length === 0 ? '' : JSON.stringify(this.extras)
    const extraBytes = Buffer.byteLength(extras)
    const words = HEADER_WORDS + this.rowsEnd + this.nameCount * 2
    const record = Buffer.allocUnsafeSlow(words * 4 + this.bytesEnd + extraBytes)
    const ints = new Int32Array(record.buffer, 0, words)
    ints[Header.KIND] = kind
    ints[Header.KEY] = key
    ints[Header.PREVIOUS] = previous
    ints[Header.ROW_WORDS] = this.rowsEnd
    ints[Header.NAME_COUNT] = this.nameCount
    ints[Header.NAME_BYTES] = this.bytesEnd
    ints[Header.IDS_END] = this.idsEnd
    ints.set(this.rows.subarray(0, this.rowsEnd), HEADER_WORDS)
    ints.set(this.names.subarray(0, this.nameCount * 2), HEADER_WORDS + this.rowsEnd)
    record.set(this.bytes.subarray(0, this.bytesEnd), words * 4)
    if (extraBytes > 0) record.write(extras, words * 4 + this.bytesEnd)
    ints[Header.SUM] = crc32(record.subarray(4))
    this.rowsEnd = 0
    this.nameCount = 0
    this.bytesEnd = 0
    this.extras = []
    this.idsEnd = 0
    return record
  }
}

/** A record whose checksum is right. */
export interface StoreRecord {
  readonly sum: number
  readonly idsEnd: number
  /** Words of a row before its dependencies: those of {@link ROW_WORDS}, or the first of them. */
  readonly rowWords: number
  readonly rows: Int32Array
  /** Pairs: id, number of bytes. */
  readonly names: Int32Array
  readonly nameBytes: Uint8Array
  readonly extras: readonly Extra[]
}

/** The checksum of a record that was made by a writer. */
export const sumOf = (record: Buffer): number => record.readInt32LE(0)

/** Undefined unless `bytes` is, to the last bit, the record of that kind, key and predecessor. */
export const parseRecord = (bytes: unknown, kind: number, key: number, previous = 0): StoreRecord | undefined => {
  const ints = checkedWords(bytes, kind) ?? checkedWords(bytes, KIND_OF_1[kind])
  if (ints === undefined) return undefined
  if (ints[Header.KEY] !== key || ints[Header.PREVIOUS] !== previous) return undefined
  const record = bytes as Uint8Array
  const namesAt = HEADER_WORDS + ints[Header.ROW_WORDS]!
  const bytesAt = namesAt + ints[Header.NAME_COUNT]! * 2
  const extrasAt = bytesAt * 4 + ints[Header.NAME_BYTES]!
  const extras = record.subarray(extrasAt)
  return {
    sum: ints[Header.SUM]!,
    idsEnd: ints[Header.IDS_END]!,
    rowWords: ints[Header.KIND] === kind ? ROW_WORDS : ROW_WORDS_OF_1,
    rows: ints.subarray(HEADER_WORDS, namesAt),
    names: ints.subarray(namesAt, bytesAt),
    nameBytes: record.subarray(bytesAt * 4, extrasAt),
    extras: extras.length === 0 ? [] : (JSON.parse(Buffer.from(extras).toString()) as Extra[]),
  }
}

/** What the store as a whole is: with it no row can be missing, added or exchanged unnoticed. */
export interface Head {
  readonly generation: number
  /** Number of records in the journal, and the checksum of the last; with none, that of the pages. */
  readonly journal: number
  readonly chain: number
  /** Checksum of the checksums of the pages. */
  readonly pages: number
  /** Number of notes, and their checksums, xored. */
  readonly notes: number
  readonly notesSum: number
}

export const encodeHead = (head: Head): Buffer => {
  const { generation, journal, chain, pages, notes, notesSum } = head
  const ints = Int32Array.of(0, RecordKind.HEAD, generation, journal, chain, pages, notes, notesSum)
  const record = Buffer.from(ints.buffer)
  ints[Header.SUM] = crc32(record.subarray(4))
  return record
}

export const parseHead = (bytes: unknown): Head | undefined => {
  const ints = checkedWords(bytes, RecordKind.HEAD)
  if (ints === undefined) return undefined
  const [, , generation, journal, chain, pages, notes, notesSum] = ints as unknown as number[]
  return { generation, journal, chain, pages, notes, notesSum } as Head
}

/** Checksum of which pages there are and what they hold. */
export const sumOfPages = (sums: ReadonlyMap<number, number>): number => {
  const pairs = [...sums].sort(([a], [b]) => a - b)
  return crc32(new Uint8Array(Int32Array.from(pairs.flat()).buffer)) | 0
}

const checkedWords = (bytes: unknown, kind: number | undefined): Int32Array | undefined => {
  if (!(bytes instanceof Uint8Array) || bytes.length < HEADER_WORDS * 4) return undefined
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  const ints = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2)
  return ints[Header.KIND] === kind && ints[Header.SUM] === (crc32(bytes.subarray(4)) | 0) ? ints : undefined
}

/** `array`, or a copy of it with twice the room or more. */
const withRoom = <A extends Int32Array | Uint8Array>(array: A, length: number): A => {
  if (length <= array.length) return array
  const size = Math.max(length, array.length * 2)
  const copy = (array instanceof Int32Array ? new Int32Array(size) : new Uint8Array(size)) as A
  copy.set(array)
  return copy
}
