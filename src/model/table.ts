/**
 * Persistent tables: what `State` is made of. A table is a value: what was read from it once is read from it always. The
 * newest version of a table holds the words themselves; writing the next one changes them in place and leaves to the one
 * before a note of how they grew (Baker's shallow binding, "Shallow binding makes functional arrays fast", 1991). So a
 * tick costs the words it writes, whatever the size of the table, and an older version costs only whoever looks at it
 * (`docs/decisions/015`).
 */
import { Bug } from './error.js'
import { noteOf, rowOfNote, WORDS_MAX, wordOfNote } from './note.js'
import { longer, spare } from './spare.js'
import { WordSum } from './word-sum.js'

const PAGE_BITS = 6
/** Rows in a page: what changes are found and looked at by. */
export const PAGE_ROWS = 1 << PAGE_BITS
const ROW_MASK = PAGE_ROWS - 1
const BLOCK_BITS = 12
/** Rows in a block of memory; the last one may be shorter, by whole pages. */
const BLOCK_ROWS = 1 << BLOCK_BITS
const BLOCK_MASK = BLOCK_ROWS - 1
/** A note is given up for a copy of the whole table where it would be as long as this part of it. */
const NOTE_PART = 4
const NOTE_MIN = 4096
const NOTE_FIRST = 64
const NO_NOTE = new Int32Array(0)

/** Rows of `stride` 32-bit integers, indexed from 0; a row that was never written reads as zeros. */
export class IntTable {
  /** Only in the newest version: zeros from `end` on. */
  blocks: Int32Array[] | undefined
  /** Else the version after it, and what that changed: index of the word, by how much it grew; a word may be there more than once. */
  next: IntTable | undefined = undefined
  note: Int32Array | undefined = undefined
  /** The editor that is making the next version. */
  editor: IntEditor | undefined = undefined
  /** A sum over all words, where somebody asked for one: every later version has one too. */
  sum: WordSum | undefined = undefined
  private pages: Map<number, Int32Array> | undefined = undefined
  /** By page, what all versions from this one up to `indexed` changed: offset, by how much it grew. */
  private notesByPage: Map<number, number[]> | undefined = undefined
  private indexed: IntTable | undefined = undefined

  constructor(
    readonly stride: number,
    /** One past the last row that may differ from zeros. */
    readonly end: number,
    blocks: Int32Array[],
  ) {
    this.blocks = blocks
  }

  /** Rows `page * PAGE_ROWS` and on of a version that is not the newest one any more: made from that, once. */
  oldPage(page: number): Int32Array {
    const known = this.pages?.get(page)
    if (known !== undefined) return known
    const newest = this.index()
    if (newest === this) return pageIn(this, this.blocks!, page)
    const words = pageIn(newest, newest.blocks!, page).slice()
    const notes = this.notesByPage!.get(page) ?? []
    for (let i = 0; i < notes.length; i += 2) words[notes[i]!]! -= notes[i + 1]!
    // Rows that came later were zeros, and nobody noted that.
    words.fill(0, Math.max(0, Math.min(PAGE_ROWS, this.end - page * PAGE_ROWS)) * this.stride)
    this.pages ??= new Map()
    this.pages.set(page, words)
    return words
  }

  /** Reads the notes of all later versions that it has not read; returns the newest version. */
  private index(): IntTable {
    const { stride } = this
    let version = this.indexed ?? this
    version.editor?.giveUp()
    while (version.blocks === undefined) {
      this.notesByPage ??= new Map()
      const note = version.note!
      for (let i = 0; i < note.length; i += 2) {
        const row = rowOfNote(note[i]!)
        const at = (row & ROW_MASK) * stride + wordOfNote(note[i]!)
        const list = this.notesByPage.get(row >>> PAGE_BITS)
        if (list === undefined) this.notesByPage.set(row >>> PAGE_BITS, [at, note[i + 1]!])
        else list.push(at, note[i + 1]!)
      }
      version = version.next!
      version.editor?.giveUp()
    }
    this.indexed = version
    return version
  }
}

export const emptyTable = (stride: number): IntTable => new IntTable(stride, 0, [])

/** A table of the rows that `words` holds one after the other; `words` is the table's from now on. */
export const tableOf = (stride: number, words: Int32Array): IntTable => {
  const blocks: Int32Array[] = []
  const size = BLOCK_ROWS * stride
  const rows = words.length / stride
  for (let from = 0; from < words.length; from += size) {
    const block = words.subarray(from, from + size)
    if (block.length === size || (block.length / stride) % PAGE_ROWS === 0) blocks.push(block)
    else {
      const whole = new Int32Array(Math.ceil(block.length / stride / PAGE_ROWS) * PAGE_ROWS * stride)
      whole.set(block)
      blocks.push(whole)
    }
  }
  return new IntTable(stride, rows, blocks)
}

/** Word `word` of row `row`. */
export const read = (table: IntTable, row: number, word: number): number => {
  if (row >= table.end) return 0
  const { blocks } = table
  if (blocks === undefined) return table.oldPage(row >>> PAGE_BITS)[(row & ROW_MASK) * table.stride + word]!
  return blocks[row >>> BLOCK_BITS]![(row & BLOCK_MASK) * table.stride + word]!
}

/** One past the last row that may differ from zeros. */
export const rowsEnd = (table: IntTable): number => table.end

/** Number of pages a table may have. */
export const pagesEnd = (table: IntTable): number => (table.end + ROW_MASK) >>> PAGE_BITS

/** The page that holds rows `page * PAGE_ROWS` and on, to be read at once; undefined where all of them are zeros. */
export const pageOf = (table: IntTable, page: number): Int32Array | undefined => {
  if (page >= pagesEnd(table)) return undefined
  return table.blocks === undefined ? table.oldPage(page) : pageIn(table, table.blocks, page)
}

const BLOCK_PAGE_BITS = BLOCK_BITS - PAGE_BITS
const pageIn = ({ stride, end }: IntTable, blocks: readonly Int32Array[], page: number): Int32Array => {
  const size = PAGE_ROWS * stride
  if (page << PAGE_BITS >= end) return new Int32Array(size)
  const at = (page & ((1 << BLOCK_PAGE_BITS) - 1)) * size
  return blocks[page >>> BLOCK_PAGE_BITS]!.subarray(at, at + size)
}

/**
 * The sum of `table`, which each version that comes of it has from then on; the first costs its size. `isSparse`: most rows that come stay zeros.
 */
export const summed = (table: IntTable, seed: number, isSparse = false): WordSum => {
  // The empty table is everybody's.
  if (table.end === 0) return new WordSum(seed)
  table.sum ??= sumOf(table, seed, isSparse)
  return table.sum
}

const sumOf = (table: IntTable, seed: number, isSparse: boolean): WordSum => {
  if (table.stride > WORDS_MAX) throw new Bug(`rows of ${table.stride} words cannot be summed`)
  const { stride, end } = table
  const sum = new WordSum(seed, isSparse)
  if (table.blocks !== undefined) sum.addBlocks(table.blocks, BLOCK_BITS, 0, end, stride)
  else
    for (let page = 0; page < pagesEnd(table); page++) {
      const words = pageOf(table, page)!
      sum.addRows(page * PAGE_ROWS, words, 0, words.length, stride)
    }
  return sum
}

/**
 * Makes the next version of a table, while a tick is folded. There is one at a time: whoever opens another on the same table, or reads
 * the table, takes the first for given up, and what that wrote is undone.
 */
export class IntEditor {
  readonly stride: number
  private base: IntTable
  private blocks: Int32Array[]
  private end: number
  /** What was written to the rows that the base has; undefined where the base keeps words of its own. */
  private note: Int32Array | undefined
  /** How much of it is written. */
  private noted = 0
  /** What was in the rows below this is noted: in those the base has, or in all, where to look at each that came would cost more. */
  private keepEnd = 0
  private isDirty = false
  private isOver = false

  constructor(base: IntTable) {
    this.stride = base.stride
    this.base = base
    this.blocks = []
    this.end = base.end
    this.begin(base)
  }

  private begin(base: IntTable): void {
    base.editor?.giveUp()
    this.base = base
    this.end = base.end
    this.noted = 0
    this.isDirty = false
    // What is empty may be shared by many, and holds nothing that could be lost.
    if (base.blocks !== undefined && base.end > 0) {
      this.blocks = base.blocks
      this.note = NO_NOTE
      this.keepEnd = base.sum?.isSparse === true ? Number.POSITIVE_INFINITY : base.end
    } else {
      this.blocks = copied(base)
      this.note = undefined
      this.keepEnd = 0
    }
  }

  get(row: number, word: number): number {
    if (row >= this.end) return 0
    return this.blocks[row >>> BLOCK_BITS]![(row & BLOCK_MASK) * this.stride + word]!
  }

  set(row: number, word: number, value: number): void {
    if (row >= this.end) {
      if (value === 0) return
      this.grow(row)
    }
    const block = this.blocks[row >>> BLOCK_BITS]!
    const at = (row & BLOCK_MASK) * this.stride + word
    const old = block[at]!
    if (old === value) return
    if (!this.isDirty) this.claim()
    // Making room may end in a copy: then the block is still this editor's, and the base has another.
    if (row < this.keepEnd && (this.noted < this.note!.length || this.makeRoom())) {
      this.note![this.noted++] = noteOf(row, word)
      this.note![this.noted++] = value - old
    }
    block[at] = value
  }

  /** Sets a whole row, which is not all zeros. */
  write(row: number, words: Int32Array): void {
    if (row < this.keepEnd) {
      for (let word = 0; word < this.stride; word++) this.set(row, word, words[word]!)
      return
    }
    if (row >= this.end) this.grow(row)
    else if (!this.isDirty) this.claim()
    const block = this.blocks[row >>> BLOCK_BITS]!
    const at = (row & BLOCK_MASK) * this.stride
    for (let word = 0; word < this.stride; word++) block[at + word] = words[word]!
  }

  /** Sets a whole row to zeros, but for the word `but`. */
  clear(row: number, but = -1): void {
    if (row >= this.end) return
    const block = this.blocks[row >>> BLOCK_BITS]!
    const at = (row & BLOCK_MASK) * this.stride
    for (let word = 0; word < this.stride; word++) if (block[at + word] !== 0 && word !== but) this.set(row, word, 0)
  }

  /** Goes on with `table` in place of all there was: where nearly every row is written, words need not be noted first. */
  replace(table: IntTable): void {
    const { sum } = this.base
    if (sum !== undefined && table.sum === undefined) table.sum = sumOf(table, sum.seed, sum.isSparse)
    this.giveUp()
    this.isOver = false
    this.begin(table)
  }

  /** All as it is written so far, to be read at once and not to be kept. */
  view(): IntTable {
    return new IntTable(this.stride, this.end, this.blocks)
  }

  /** The next version; the editor must not be used afterwards. */
  finish(): IntTable {
    if (this.isOver) throw new Bug('an editor that was given up is finished')
    this.isOver = true
    if (!this.isDirty) return this.base
    const { base } = this
    const next = new IntTable(this.stride, this.end, this.blocks)
    next.sum = this.summed(next)
    if (this.note !== undefined) {
      base.editor = undefined
      base.note = this.note.slice(0, this.noted)
      base.next = next
      this.letNoteGo()
    }
    return next
  }

  private summed(next: IntTable): WordSum | undefined {
    const { base, note, stride, end } = this
    if (base.sum === undefined) return undefined
    if (note === undefined) return sumOf(next, base.sum.seed, base.sum.isSparse)
    const sum = base.sum.copy()
    sum.addNoted(note, this.noted)
    sum.addBlocks(this.blocks, BLOCK_BITS, this.keepEnd, end, stride)
    return sum
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
    this.undo(this.note)
    this.letNoteGo()
  }

  /** What it wrote its note in is the next editor's. */
  private letNoteGo(): void {
    const { note } = this
    if (note !== undefined) spare(note)
    this.note = NO_NOTE
  }

  /** Takes what was written back from the blocks. */
  private undo(note: Int32Array): void {
    const { base, blocks, stride } = this
    for (let i = 0; i < this.noted; i += 2) {
      const row = rowOfNote(note[i]!)
      blocks[row >>> BLOCK_BITS]![(row & BLOCK_MASK) * stride + wordOfNote(note[i]!)]! -= note[i + 1]!
    }
    for (let row = base.end; row < this.end; row++) {
      const at = (row & BLOCK_MASK) * stride
      blocks[row >>> BLOCK_BITS]!.fill(0, at, at + stride)
    }
  }

  private claim(): void {
    if (this.isOver) throw new Bug('an editor that was given up is written to')
    this.isDirty = true
    if (this.note === undefined) return
    this.base.editor = this
    this.base.blocks = undefined
  }

  /** False: the note would be so long that the base got words of its own instead. */
  private makeRoom(): boolean {
    const { base, note, noted } = this
    if (noted > NOTE_MIN && noted * NOTE_PART > base.end * this.stride) {
      this.part()
      return false
    }
    this.note = longer(note!, NOTE_FIRST)
    return true
  }

  /** Gives the base words of its own, as they were: from now on nothing need be noted. */
  private part(): void {
    const { base, note } = this
    const own = this.blocks.map((block) => block.slice())
    const mine = this.blocks
    this.blocks = own
    this.undo(note!)
    this.blocks = mine
    base.blocks = own
    base.editor = undefined
    this.letNoteGo()
    this.note = undefined
    this.keepEnd = 0
  }

  private grow(row: number): void {
    if (!this.isDirty) this.claim()
    const block = this.blocks[row >>> BLOCK_BITS]
    if (block === undefined || (row & BLOCK_MASK) * this.stride >= block.length) this.makeBlocks(row)
    this.end = row + 1
  }

  private makeBlocks(row: number): void {
    const last = row >>> BLOCK_BITS
    while (this.blocks.length <= last) {
      const previous = this.blocks.length - 1
      if (previous >= 0) this.widen(previous, BLOCK_ROWS)
      this.blocks.push(new Int32Array(0))
    }
    // Where one block is full already, the next will be: widened step by step it would be copied as often.
    this.widen(last, last > 0 ? BLOCK_ROWS : (row & BLOCK_MASK) + 1)
  }

  /** Sees to it that a block has room for `rows`. */
  private widen(number: number, rows: number): void {
    const block = this.blocks[number]!
    if (block.length >= rows * this.stride) return
    let size = Math.max(PAGE_ROWS, block.length / this.stride)
    while (size < rows) size *= 2
    const wider = new Int32Array(Math.min(size, BLOCK_ROWS) * this.stride)
    wider.set(block)
    this.blocks[number] = wider
  }
}

/** The words of an older version, as blocks of their own. */
const copied = (table: IntTable): Int32Array[] => {
  const blocks: Int32Array[] = []
  const pages = pagesEnd(table)
  for (let from = 0; from < pages; from += 1 << BLOCK_PAGE_BITS) {
    const to = Math.min(pages, from + (1 << BLOCK_PAGE_BITS))
    const block = new Int32Array((to - from) * PAGE_ROWS * table.stride)
    for (let page = from; page < to; page++) block.set(pageOf(table, page)!, (page - from) * PAGE_ROWS * table.stride)
    blocks.push(block)
  }
  return blocks
}

export * from './objects.js'
