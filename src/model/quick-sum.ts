/** Sums of many words by `sum-code.ts`, where this machine can: words are copied for it, which takes a part of what it saves. */
import { FACTOR_PAIRS, FACTORS_A, FACTORS_B, SUMS, sumCode, WORDS } from './sum-code.js'

/** The factors of the words of a row, by place. */
export interface Factors {
  readonly a: Int32Array
  readonly b: Int32Array
}

/** What there is of the language's types for it: no more than is used. */
declare const WebAssembly:
  | {
      readonly Module: new (code: Uint8Array) => object
      readonly Instance: new (module: object) => { readonly exports: unknown }
    }
  | undefined

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly rows1: RowsFunc
  readonly rows2: RowsFunc
  readonly rows3: RowsFunc
  readonly rows4: RowsFunc
  readonly notes: NotesFunc
}
type NotesFunc = (count: number, seed: number) => void
type RowsFunc = (rows: number, bytes: number, first: number) => void

const PAGES = 1
/** So many words at once: they, and what is summed of them, stay in the processor's first cache. */
const ROOM = 6144
/** Behind what was copied, so many words are looked at, and count for nothing. */
const MARGIN = 64

/** Two sums of 32 bits. */
export interface Sums {
  a: number
  b: number
}

export class QuickSum {
  private readonly rowsOf: readonly RowsFunc[]
  private readonly notes: NotesFunc
  private readonly words: Int32Array
  /** Four parts of each of the two. */
  private readonly sums: Int32Array
  private readonly factorsA: Int32Array
  private readonly factorsB: Int32Array
  /** The stride that the memory holds the factors for. */
  private stride = 0

  /** @throws Error where it cannot be compiled */
  constructor(private readonly factors: Factors) {
    const { Module, Instance } = WebAssembly!
    const { memory, rows1, rows2, rows3, rows4, notes } = new Instance(new Module(sumCode(PAGES))).exports as Exports
    this.rowsOf = [rows1, rows2, rows3, rows4]
    this.notes = notes
    this.words = new Int32Array(memory.buffer, WORDS)
    this.sums = new Int32Array(memory.buffer, SUMS, 8)
    this.factorsA = new Int32Array(memory.buffer, FACTORS_A, factors.a.length)
    this.factorsB = new Int32Array(memory.buffer, FACTORS_B, factors.b.length)
    const pairs = new Int32Array(memory.buffer, FACTOR_PAIRS, 2 * factors.a.length)
    for (let i = 0; i < pairs.length; i++) pairs[i] = (i % 2 === 0 ? factors.a : factors.b)[i >>> 1]!
  }

  /** As {@link WordSum.addRows}; `first`: with the seed added. */
  addRows(to: Sums, first: number, words: Int32Array, at: number, end: number, stride: number): void {
    if (stride !== this.stride) this.prepare(stride)
    const add = this.rowsOf[(stride - 1) >>> 2]!
    const rowsMax = (ROOM / stride) & ~3
    for (let row = first, from = at; from < end; row += rowsMax, from += rowsMax * stride) {
      const rows = Math.min(rowsMax, (end - from) / stride)
      this.take(words, from, from + rows * stride)
      add((rows + 3) & ~3, stride * 4, row | 0)
      this.give(to)
    }
  }

  /** As {@link WordSum.addNoted}. */
  addNoted(to: Sums, seed: number, note: Int32Array, noted: number): void {
    for (let from = 0; from < noted; from += ROOM) {
      const until = Math.min(noted, from + ROOM)
      this.take(note, from, until)
      this.notes(((until - from) / 2 + 3) & ~3, seed)
      this.give(to)
    }
  }

  private prepare(stride: number): void {
    this.stride = stride
    for (let word = 0; word < this.factorsA.length; word++) {
      this.factorsA[word] = word < stride ? this.factors.a[word]! : 0
      this.factorsB[word] = word < stride ? this.factors.b[word]! : 0
    }
  }

  private take(words: Int32Array, at: number, end: number): void {
    this.words.set(words.subarray(at, end))
    this.words.fill(0, end - at, end - at + MARGIN)
  }

  private give(to: Sums): void {
    const { sums } = this
    to.a = (to.a + sums[0]! + sums[1]! + sums[2]! + sums[3]!) | 0
    to.b = (to.b + sums[4]! + sums[5]! + sums[6]! + sums[7]!) | 0
  }
}
