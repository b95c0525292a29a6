/**
 * Persistent tables: what `State` is made of. A table is plain data, never changed once it is in a state; an editor
 * makes the next version inside one tick and copies each page it writes to once. So a tick costs what it touches,
 * whatever the size of the table (`docs/decisions/001`).
 *
 * Rows are grouped in pages of 64, pages in chunks of 128: three loads find a word, and the path copied for one
 * changed row is one page, one chunk and the list of chunks. What was never written is the shared zero page.
 */

const PAGE_BITS = 6
/** Rows in a page. */
export const PAGE_ROWS = 1 << PAGE_BITS
const ROW_MASK = PAGE_ROWS - 1
const CHUNK_PAGE_BITS = 7
/** Pages in a chunk. */
const CHUNK_PAGES = 1 << CHUNK_PAGE_BITS
const PAGE_MASK = CHUNK_PAGES - 1
/** A row's chunk is its number without these bits. */
const CHUNK_BITS = PAGE_BITS + CHUNK_PAGE_BITS

/** Rows of `stride` 32-bit integers, indexed from 0; a row that was never written reads as zeros. */
export interface IntTable {
  readonly stride: number
  /** Chunks of pages of rows. */
  readonly chunks: readonly (readonly Int32Array[])[]
}

const zeroPages = new Map<number, Int32Array>()
/** The page that stands for all that was never written. Shared by every table of that stride; never written to. */
const zeroPage = (stride: number): Int32Array => {
  const known = zeroPages.get(stride)
  if (known !== undefined) return known
  const page = new Int32Array(PAGE_ROWS * stride)
  zeroPages.set(stride, page)
  return page
}

const zeroChunks = new Map<number, Int32Array[]>()
/** A chunk of nothing but zero pages, likewise shared: a table that is touched at its far end must not cost its length. */
const zeroChunk = (stride: number): Int32Array[] => {
  const known = zeroChunks.get(stride)
  if (known !== undefined) return known
  const chunk = new Array<Int32Array>(CHUNK_PAGES).fill(zeroPage(stride))
  zeroChunks.set(stride, chunk)
  return chunk
}

export const emptyTable = (stride: number): IntTable => ({ stride, chunks: [] })

/**
 * A table of the rows that `words` holds one after the other; `words` is the table's from now on, and lives as long as any
 * page of it. (Copies of the pages would go one by one, but copying them takes as long as all the rest of a load.)
 */
export const tableOf = (stride: number, words: Int32Array): IntTable => {
  const chunks: Int32Array[][] = []
  const size = PAGE_ROWS * stride
  for (let from = 0; from < words.length; from += size * CHUNK_PAGES) {
    chunks.push(
      Array.from({ length: CHUNK_PAGES }, (_, p) => {
        const page = words.subarray(from + p * size, from + (p + 1) * size)
        if (page.length === 0) return zeroPage(stride)
        if (page.length === size) return page
        const whole = new Int32Array(size)
        whole.set(page)
        return whole
      }),
    )
  }
  return { stride, chunks }
}

/** Word `word` of row `row`. */
export const read = (table: IntTable, row: number, word: number): number => {
  const chunk = table.chunks[row >>> CHUNK_BITS]
  if (chunk === undefined) return 0
  return chunk[(row >>> PAGE_BITS) & PAGE_MASK]![(row & ROW_MASK) * table.stride + word]!
}

/** One past the last row that may differ from zeros. */
export const rowsEnd = (table: IntTable): number => table.chunks.length << CHUNK_BITS

/** The page that holds rows `page * PAGE_ROWS` and on; undefined where all of them are zeros. */
export const pageOf = (table: IntTable, page: number): Int32Array | undefined => {
  const chunk = table.chunks[page >>> CHUNK_PAGE_BITS]
  if (chunk === undefined) return undefined
  const found = chunk[page & PAGE_MASK]!
  return found === zeroPage(table.stride) ? undefined : found
}

/** Number of pages a table may have. */
export const pagesEnd = (table: IntTable): number => table.chunks.length << CHUNK_PAGE_BITS

/**
 * Calls `visit` with the number of each page that is not the same object in both tables. Two versions of one table share
 * what did not change, so this finds what a tick wrote without looking at anything else.
 */
export const changedPages = (before: IntTable, after: IntTable, visit: (page: number) => void): void => {
  const chunks = Math.max(before.chunks.length, after.chunks.length)
  const zero = zeroPage(after.stride)
  for (let c = 0; c < chunks; c++) {
    const old = before.chunks[c]
    const now = after.chunks[c]
    if (old === now) continue
    for (let p = 0; p < CHUNK_PAGES; p++) {
      if ((old === undefined ? zero : old[p]!) !== (now === undefined ? zero : now[p]!))
        visit((c << CHUNK_PAGE_BITS) | p)
    }
  }
}

/**
 * Which pages and chunks the editor of a running tick already owns. Kept outside the state and reused, since a tick that
 * changes one row of a million must not allocate a mark per page. An entry counts only while it equals the epoch of
 * the editor, and epochs are never used twice, so no editor can see the marks of another. (Float64: a long-lived daemon
 * counts past 32 bits.)
 */
const marks: { pages: Float64Array; chunks: Float64Array }[] = []
let epoch = 0

/** The next version of an {@link IntTable}, while a tick is folded. One editor per `slot` at a time. */
export class IntEditor {
  readonly stride: number
  private base: IntTable
  private chunks: Int32Array[][]
  private ownsRoot = false
  private epoch = ++epoch
  private pageMarks: Float64Array
  private chunkMarks: Float64Array
  private readonly slot: number

  /** `slot`: a small number that tells the tables of one state apart. */
  constructor(base: IntTable, slot: number) {
    this.base = base
    this.stride = base.stride
    this.chunks = base.chunks as Int32Array[][]
    this.slot = slot
    const mark = marks[slot] ?? { pages: new Float64Array(CHUNK_PAGES), chunks: new Float64Array(1) }
    marks[slot] = mark
    this.pageMarks = mark.pages
    this.chunkMarks = mark.chunks
  }

  get(row: number, word: number): number {
    const chunk = this.chunks[row >>> CHUNK_BITS]
    if (chunk === undefined) return 0
    return chunk[(row >>> PAGE_BITS) & PAGE_MASK]![(row & ROW_MASK) * this.stride + word]!
  }

  set(row: number, word: number, value: number): void {
    const page = row >>> PAGE_BITS
    const offset = (row & ROW_MASK) * this.stride + word
    if (page < this.pageMarks.length && this.pageMarks[page] === this.epoch) {
      this.chunks[row >>> CHUNK_BITS]![page & PAGE_MASK]![offset] = value
      return
    }
    // Writing what is there already must not copy a page: a build with nothing to do writes nothing.
    if (this.get(row, word) === value) return
    this.own(page)[offset] = value
  }

  /** Sets a whole row to zeros. */
  clear(row: number): void {
    for (let word = 0; word < this.stride; word++) this.set(row, word, 0)
  }

  /** Goes on with `table` in place of all there was: where nearly every row is written, pages need not be copied first. */
  replace(table: IntTable): void {
    this.base = table
    this.chunks = table.chunks as Int32Array[][]
    this.ownsRoot = false
    this.epoch = ++epoch
  }

  /** The next version; the editor must not be used afterwards. */
  finish(): IntTable {
    return this.ownsRoot ? { stride: this.stride, chunks: this.chunks } : this.base
  }

  private own(page: number): Int32Array {
    if (!this.ownsRoot) {
      this.chunks = this.chunks.slice()
      this.ownsRoot = true
    }
    const c = page >>> CHUNK_PAGE_BITS
    while (this.chunks.length <= c) this.chunks.push(zeroChunk(this.stride))
    if (c >= this.chunkMarks.length) this.growMarks(this.chunks.length)
    let chunk = this.chunks[c]!
    if (this.chunkMarks[c] !== this.epoch) {
      chunk = chunk.slice()
      this.chunks[c] = chunk
      this.chunkMarks[c] = this.epoch
    }
    const copy = chunk[page & PAGE_MASK]!.slice()
    chunk[page & PAGE_MASK] = copy
    this.pageMarks[page] = this.epoch
    return copy
  }

  private growMarks(chunks: number): void {
    const size = Math.max(chunks, this.chunkMarks.length * 2)
    const pages = new Float64Array(size << CHUNK_PAGE_BITS)
    const chunkMarks = new Float64Array(size)
    pages.set(this.pageMarks)
    chunkMarks.set(this.chunkMarks)
    this.pageMarks = pages
    this.chunkMarks = chunkMarks
    marks[this.slot] = { pages, chunks: chunkMarks }
  }
}

/** Plain objects by id, for the few builds that have one (an error, an open session). Absent reads as undefined. */
export interface ObjectTable<A> {
  readonly chunks: readonly (readonly (readonly (A | undefined)[] | undefined)[] | undefined)[]
  /** How many entries are present. */
  readonly size: number
}

export const emptyObjects: ObjectTable<never> = { chunks: [], size: 0 }

export const objectAt = <A>(table: ObjectTable<A>, row: number): A | undefined =>
  table.chunks[row >>> CHUNK_BITS]?.[(row >>> PAGE_BITS) & PAGE_MASK]?.[row & ROW_MASK]

/** The table with `value` at `row` (undefined removes). Copies one page of pointers. */
export const withObject = <A>(table: ObjectTable<A>, row: number, value: A | undefined): ObjectTable<A> => {
  const old = objectAt(table, row)
  if (old === value) return table
  const size = table.size + (value === undefined ? 0 : 1) - (old === undefined ? 0 : 1)
  if (size === 0) return emptyObjects
  const chunks = table.chunks.slice()
  while (chunks.length <= row >>> CHUNK_BITS) chunks.push(undefined)
  const chunk =
    chunks[row >>> CHUNK_BITS]?.slice() ??
    new Array<readonly (A | undefined)[] | undefined>(CHUNK_PAGES).fill(undefined)
  const page = chunk[(row >>> PAGE_BITS) & PAGE_MASK]?.slice() ?? new Array<A | undefined>(PAGE_ROWS).fill(undefined)
  page[row & ROW_MASK] = value
  chunk[(row >>> PAGE_BITS) & PAGE_MASK] = page
  chunks[row >>> CHUNK_BITS] = chunk
  return { chunks, size }
}

/** Calls `visit` for each entry, by rising id. */
export const eachObject = <A>(table: ObjectTable<A>, visit: (row: number, value: A) => void): void => {
  table.chunks.forEach((chunk, c) => {
    chunk?.forEach((page, p) => {
      page?.forEach((value, r) => {
        if (value !== undefined) visit((c << CHUNK_BITS) | (p << PAGE_BITS) | r, value)
      })
    })
  })
}

/** Calls `visit` with the row of each entry that is not the same object in both tables; looks only at what they do not share. */
export const changedObjects = <A>(
  before: ObjectTable<A>,
  after: ObjectTable<A>,
  visit: (row: number) => void,
): void => {
  for (let c = 0; c < Math.max(before.chunks.length, after.chunks.length); c++) {
    const [oldChunk, newChunk] = [before.chunks[c], after.chunks[c]]
    if (oldChunk === newChunk) continue
    for (let p = 0; p < CHUNK_PAGES; p++) {
      const [old, now] = [oldChunk?.[p], newChunk?.[p]]
      if (old === now) continue
      for (let r = 0; r < PAGE_ROWS; r++) if (old?.[r] !== now?.[r]) visit((c << CHUNK_BITS) | (p << PAGE_BITS) | r)
    }
  }
}
