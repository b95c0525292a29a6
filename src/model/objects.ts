/** Persistent tables of plain objects by id. A tick copies the pages of pointers that it writes to. */

const PAGE_BITS = 6
const PAGE_ROWS = 1 << PAGE_BITS
const ROW_MASK = PAGE_ROWS - 1
const CHUNK_PAGE_BITS = 7
/** Pages in a chunk. */
const CHUNK_PAGES = 1 << CHUNK_PAGE_BITS
const PAGE_MASK = CHUNK_PAGES - 1
const CHUNK_BITS = PAGE_BITS + CHUNK_PAGE_BITS

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

/** The next version of an {@link ObjectTable}, while a tick is folded: copies each page it writes to once. */
export class ObjectEditor<A> {
  private readonly table: ObjectTable<A>
  private readonly owned = new Map<number, (A | undefined)[]>()
  private size: number

  constructor(base: ObjectTable<A>) {
    this.table = base
    this.size = base.size
  }

  get(row: number): A | undefined {
    const page = this.owned.get(row >>> PAGE_BITS)
    return page === undefined ? objectAt(this.table, row) : page[row & ROW_MASK]
  }

  set(row: number, value: A | undefined): void {
    const number = row >>> PAGE_BITS
    let page = this.owned.get(number)
    if (page === undefined) {
      if (objectAt(this.table, row) === value) return
      const old = this.table.chunks[row >>> CHUNK_BITS]?.[number & PAGE_MASK]
      page = old?.slice() ?? new Array<A | undefined>(PAGE_ROWS).fill(undefined)
      this.owned.set(number, page)
    }
    this.size += (value === undefined ? 0 : 1) - (page[row & ROW_MASK] === undefined ? 0 : 1)
    page[row & ROW_MASK] = value
  }

  /** The next version; the editor must not be used afterwards. */
  finish(): ObjectTable<A> {
    if (this.size === 0) return emptyObjects
    if (this.owned.size === 0) return this.table
    const chunks = this.table.chunks.slice()
    const copied = new Map<number, (readonly (A | undefined)[] | undefined)[]>()
    for (const [number, page] of this.owned) {
      const c = number >>> CHUNK_PAGE_BITS
      let chunk = copied.get(c)
      if (chunk === undefined) {
        while (chunks.length <= c) chunks.push(undefined)
        chunk = chunks[c]?.slice() ?? new Array<readonly (A | undefined)[] | undefined>(CHUNK_PAGES).fill(undefined)
        chunks[c] = chunk
        copied.set(c, chunk)
      }
      chunk[number & PAGE_MASK] = page
    }
    return { chunks, size: this.size }
  }
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
