/** Persistent tables of plain objects by id, bound shallowly as the tables of integers are (`table.ts`). */
import { Bug } from './error.js'

/** So large that the blocks' own headers stay in the cache where there are a million values. */
const BLOCK_BITS = 12
const BLOCK_MASK = (1 << BLOCK_BITS) - 1
/** A note is given up for a copy of the table where it would be longer than this and have as many words as the table has rows. */
const NOTE_MIN = 4096

type Blocks<A> = ((A | undefined)[] | undefined)[]

/** Objects by row, for the few builds that have one or the many that have a value. Absent reads as undefined. */
export class ObjectTable<A> {
  /** Only in the newest version. */
  blocks: Blocks<A> | undefined
  /** Else the version after it, and what that changed: row, what was there. */
  next: ObjectTable<A> | undefined = undefined
  note: readonly unknown[] | undefined = undefined
  editor: ObjectEditor<A> | undefined = undefined
  private old: Map<number, A | undefined> | undefined = undefined
  private indexed: ObjectTable<A> | undefined = undefined

  constructor(
    /** How many entries are present. */
    readonly size: number,
    /** One past the last row that may have an entry. */
    readonly end: number,
    blocks: Blocks<A>,
  ) {
    this.blocks = blocks
  }

  /** The entry in a version that is not the newest. */
  oldAt(row: number): A | undefined {
    // Rows that came later were empty, and nobody noted that.
    if (row >= this.end) return undefined
    const newest = this.index()
    if (this.old?.has(row) === true) return this.old.get(row)
    return newest.blocks![row >>> BLOCK_BITS]?.[row & BLOCK_MASK]
  }

  /** Rows of a version that is not the newest, among them all that have an entry; rising. */
  oldRows(): readonly number[] {
    const newest = this.index()
    const rows = new Set(this.old?.keys())
    eachObject(newest, (row) => rows.add(row))
    return Array.from(rows)
      .filter((row) => row < this.end)
      .sort((a, b) => a - b)
  }

  private index(): ObjectTable<A> {
    let version = this.indexed ?? this
    version.editor?.giveUp()
    while (version.blocks === undefined) {
      this.old ??= new Map()
      const note = version.note!
      for (let i = 0; i < note.length; i += 2) {
        const row = note[i] as number
        // The first note of a row is what it was.
        if (!this.old.has(row)) this.old.set(row, note[i + 1] as A | undefined)
      }
      version = version.next!
      version.editor?.giveUp()
    }
    this.indexed = version
    return version
  }
}

export const emptyObjects: ObjectTable<never> = new ObjectTable<never>(0, 0, [])

export const objectAt = <A>(table: ObjectTable<A>, row: number): A | undefined =>
  table.blocks === undefined ? table.oldAt(row) : table.blocks[row >>> BLOCK_BITS]?.[row & BLOCK_MASK]

/** The table with `value` at `row` (undefined removes). */
export const withObject = <A>(table: ObjectTable<A>, row: number, value: A | undefined): ObjectTable<A> => {
  if (Object.is(objectAt(table, row), value)) return table
  const editor = new ObjectEditor(table)
  editor.set(row, value)
  return editor.finish()
}

/** Makes the next version of a table, while a tick is folded: one at a time, as `IntEditor`. */
export class ObjectEditor<A> {
  private readonly base: ObjectTable<A>
  private blocks: Blocks<A>
  /** Undefined where the base keeps its own blocks. */
  private note: unknown[] | undefined
  private end: number
  private size: number
  private isDirty = false
  private isOver = false

  constructor(base: ObjectTable<A>) {
    base.editor?.giveUp()
    this.base = base
    this.size = base.size
    this.end = base.end
    // What is empty may be shared by many, and holds nothing that could be lost.
    if (base.blocks !== undefined && base.size > 0) {
      this.blocks = base.blocks
      this.note = []
    } else {
      this.blocks = base.size === 0 ? [] : copied(base)
      this.note = undefined
    }
  }

  get(row: number): A | undefined {
    return this.blocks[row >>> BLOCK_BITS]?.[row & BLOCK_MASK]
  }

  set(row: number, value: A | undefined): void {
    const block = this.blocks[row >>> BLOCK_BITS]
    const old = block?.[row & BLOCK_MASK]
    // Of the two zeros, each is to be kept as it is.
    if (old === value && (value !== 0 || Object.is(old, value))) return
    if (!this.isDirty) this.claim()
    if (row < this.base.end) {
      if (this.note !== undefined) this.keep(this.note, row, old)
    } else if (row >= this.end) this.end = row + 1
    this.size += (value === undefined ? 0 : 1) - (old === undefined ? 0 : 1)
    if (block !== undefined && (row & BLOCK_MASK) < block.length) block[row & BLOCK_MASK] = value
    else putIn(this.blocks, row, value)
  }

  private keep(note: unknown[], row: number, old: A | undefined): void {
    note.push(row, old)
    if (note.length > NOTE_MIN && note.length > this.base.end) this.part(note)
  }

  /** Gives the base blocks of its own, as they were: what is written again and again in many ticks is not held on to. */
  private part(note: readonly unknown[]): void {
    const { base } = this
    const own = this.blocks.map((block) => block?.slice())
    this.undo(note, own)
    base.blocks = own
    base.editor = undefined
    this.note = undefined
  }

  /** The next version; the editor must not be used afterwards. */
  finish(): ObjectTable<A> {
    if (this.isOver) throw new Bug('an editor that was given up is finished')
    this.isOver = true
    if (!this.isDirty) return this.base
    if (this.size === 0) keepSpare(this.blocks)
    const next = this.size === 0 ? (emptyObjects as ObjectTable<A>) : new ObjectTable(this.size, this.end, this.blocks)
    if (this.note !== undefined) {
      this.base.editor = undefined
      this.base.note = this.note
      // The empty table is everybody's: it is not the one to ask what was there before.
      this.base.next = this.size === 0 ? new ObjectTable<A>(0, 0, []) : next
    }
    return next
  }

  /** Undoes what was written. */
  giveUp(): void {
    if (this.isOver) return
    this.isOver = true
    const wasDirty = this.isDirty
    this.isDirty = false
    if (this.note === undefined || !wasDirty) return
    this.base.editor = undefined
    this.base.blocks = this.blocks
    this.undo(this.note, this.blocks)
  }

  /** Takes what was written back from `blocks`, which hold all of it. */
  private undo(note: readonly unknown[], blocks: Blocks<A>): void {
    for (let i = note.length - 2; i >= 0; i -= 2) putIn(blocks, note[i] as number, note[i + 1] as A | undefined)
    for (let row = this.base.end; row < this.end; row++) if (this.get(row) !== undefined) putIn(blocks, row, undefined)
  }

  private claim(): void {
    if (this.isOver) throw new Bug('an editor that was given up is written to')
    this.isDirty = true
    if (this.note === undefined) {
      // Not before: most editors write nothing, and would lose them.
      if (this.blocks.length === 0) this.blocks = takeSpare()
      return
    }
    this.base.editor = this
    this.base.blocks = undefined
  }
}

/** The entries of an older version, in blocks of their own. */
const copied = <A>(table: ObjectTable<A>): Blocks<A> => {
  const blocks: Blocks<A> = []
  eachObject(table, (row, value) => {
    putIn(blocks, row, value)
  })
  return blocks
}

/**
 * A block that nobody has, with nothing in it, at its place. A table that has now one entry and now none, as that of the sessions, would otherwise
 * get a new one each time. No more than one: whoever goes through the table goes through all of them.
 */
let spare: Blocks<never> = []

const takeSpare = <A>(): Blocks<A> => {
  const blocks: Blocks<A> = spare
  spare = []
  return blocks
}

const keepSpare = <A>(blocks: Blocks<A>): void => {
  let count = 0
  for (const block of blocks) if (block !== undefined) count++
  if (count === 1) spare = blocks as Blocks<never>
}

/** Blocks grow as they fill: a few entries, in tables of which there are many, take no room for more. */
const putIn = <A>(blocks: Blocks<A>, row: number, value: A | undefined): void => {
  const b = row >>> BLOCK_BITS
  while (blocks.length <= b) blocks.push(undefined)
  blocks[b] ??= []
  const block = blocks[b]
  const at = row & BLOCK_MASK
  if (at >= block.length) {
    let size = Math.max(16, block.length)
    while (size <= at) size *= 2
    while (block.length < size) block.push(undefined)
  }
  block[at] = value
}

/** Calls `visit` for each entry, by rising id. */
export const eachObject = <A>(table: ObjectTable<A>, visit: (row: number, value: A) => void): void => {
  if (table.size === 0) return
  if (table.blocks === undefined) {
    for (const row of table.oldRows()) {
      const value = table.oldAt(row)
      if (value !== undefined) visit(row, value)
    }
    return
  }
  for (let row = 0; row < table.end; row++) {
    const block: (A | undefined)[] | undefined = table.blocks[row >>> BLOCK_BITS]
    if (block === undefined) row |= BLOCK_MASK
    else {
      const value = block[row & BLOCK_MASK]
      if (value !== undefined) visit(row, value)
    }
  }
}

/** Calls `visit` with the row of each entry that may not be the same in both tables, rising. */
export const changedObjects = <A>(
  before: ObjectTable<A>,
  after: ObjectTable<A>,
  visit: (row: number) => void,
): void => {
  if (before === after) return
  const rows = new Set<number>()
  let version: ObjectTable<A> | undefined = before
  // What is empty is the same, whichever version of whichever table it is.
  const isReached = (one: ObjectTable<A>): boolean => one === after || (one.size === 0 && after.size === 0)
  for (; version !== undefined && !isReached(version); version = version.next) {
    for (let i = 0; i < (version.note?.length ?? 0); i += 2) rows.add(version.note![i] as number)
  }
  if (version !== undefined) for (let row = before.end; row < after.end; row++) rows.add(row)
  else {
    eachObject(before, (row) => rows.add(row))
    eachObject(after, (row) => rows.add(row))
  }
  for (const row of Array.from(rows).sort((a, b) => a - b))
    if (!Object.is(objectAt(before, row), objectAt(after, row))) visit(row)
}
