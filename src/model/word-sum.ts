import { rowOfNote, WORDS_MAX, wordOfNote } from './note.js'
import { QuickSum } from './quick-sum.js'

/**
 * A sum over words, each times two factors, of its row and of its place in that: kept up with a few multiplications for a word that
 * changes, and mostly one writes several words of a row. Two sums of 32 bits, with odd factors that have nothing to do with one another: that
 * one word changed is always seen, and that several did but for a chance of some 2^-60 (as in "Incremental cryptography", M. Bellare,
 * O. Goldreich, S. Goldwasser, 1994, without the cryptography: it is no defence against who would forge one).
 */
export class WordSum {
  a = 0
  b = 0
  /** The row that the factors are of. */
  private row = -1
  private ofRowA = 0
  private ofRowB = 0

  /** `seed`: tells words in the same place of different tables apart. `isSparse`: of a table most of whose rows are zeros. */
  constructor(
    readonly seed: number,
    readonly isSparse = false,
  ) {}

  copy(): WordSum {
    const copy = new WordSum(this.seed, this.isSparse)
    copy.a = this.a
    copy.b = this.b
    return copy
  }

  /** Rows `first` and on were zeros, and are these: `words` from `at` to `end`. */
  addRows(first: number, words: Int32Array, at: number, end: number, stride: number): void {
    if (end - at >= QUICK_WORDS) {
      const quick = quickSum()
      if (quick !== undefined) return quick.addRows(this, first + this.seed, words, at, end, stride)
    }
    let { a, b } = this
    for (let row = first, start = at; start < end; row++, start += stride) {
      let ofA = 0
      let ofB = 0
      let k = start + stride - 1
      while (k >= start && words[k] === 0) k--
      for (; k >= start; k--) {
        const value = words[k]!
        ofA = (Math.imul(ofA, FACTOR_A) + value) | 0
        ofB = (Math.imul(ofB, FACTOR_B) + value) | 0
      }
      if (ofA === 0 && ofB === 0) continue
      this.goTo(row)
      a = (a + Math.imul(this.ofRowA, ofA)) | 0
      b = (b + Math.imul(this.ofRowB, ofB)) | 0
    }
    this.a = a
    this.b = b
  }

  /** As `addRows`, of rows `first` up to `end` of all that lie in `blocks`, of 2^`bits` rows each. */
  addBlocks(blocks: readonly Int32Array[], bits: number, first: number, end: number, stride: number): void {
    const mask = (1 << bits) - 1
    for (let row = first; row < end; row = (row | mask) + 1) {
      const at = (row & mask) * stride
      const rows = Math.min(end - row, mask + 1 - (row & mask))
      this.addRows(row, blocks[row >>> bits]!, at, at + rows * stride, stride)
    }
  }

  /**
   * Words grew, one after the other and some more than once: the one that `note[i]` is of (see {@link noteOf}) by `note[i + 1]`. What is to be loaded
   * for it is all in a row, and nothing hangs on what was loaded: so it costs a few multiplications.
   */
  addNoted(note: Int32Array, noted: number): void {
    const { seed } = this
    if (noted >= QUICK_WORDS) {
      const quick = quickSum()
      if (quick !== undefined) return quick.addNoted(this, seed, note, noted)
    }
    let { a, b } = this
    for (let i = 0; i < noted; i += 2) {
      const word = wordOfNote(note[i]!)
      const more = note[i + 1]!
      // As `goTo`, for each word: rows are mostly others, in no order, so that to ask for the one before would save little.
      let h = Math.imul(rowOfNote(note[i]!) + seed, 0x9e3779b1)
      h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
      h ^= h >>> 13
      a = (a + Math.imul(h | 1, Math.imul(OF_WORD_A[word]!, more))) | 0
      h = Math.imul(h, 0xc2b2ae35)
      b = (b + Math.imul((h ^ (h >>> 16)) | 1, Math.imul(OF_WORD_B[word]!, more))) | 0
    }
    this.a = a
    this.b = b
  }

  private goTo(row: number): void {
    this.row = row
    let h = Math.imul(row + this.seed, 0x9e3779b1)
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
    h ^= h >>> 13
    this.ofRowA = h | 1
    h = Math.imul(h, 0xc2b2ae35)
    this.ofRowB = (h ^ (h >>> 16)) | 1
  }

  /** Word `word` of `row` became more by so much; it was 0 before it was anything. */
  add(row: number, word: number, more: number): void {
    if (row !== this.row) this.goTo(row)
    const delta = more | 0
    this.a = (this.a + Math.imul(this.ofRowA, Math.imul(OF_WORD_A[word]!, delta))) | 0
    this.b = (this.b + Math.imul(this.ofRowB, Math.imul(OF_WORD_B[word]!, delta))) | 0
  }
}

// The factor of a word is a power of these, so that a whole row takes one multiplication a word.
const FACTOR_A = 0x2c1b3c6d
const FACTOR_B = 0x297a2d39
const powersOf = (factor: number): Int32Array => {
  const powers = new Int32Array(WORDS_MAX).fill(1)
  for (let word = 1; word < WORDS_MAX; word++) powers[word] = Math.imul(powers[word - 1]!, factor)
  return powers
}
const OF_WORD_A = powersOf(FACTOR_A)
const OF_WORD_B = powersOf(FACTOR_B)

/** From so many words on copying them is less than what is saved. */
const QUICK_WORDS = 256

/** Made once somebody sums many words. */
const quickSum = (): QuickSum | undefined => {
  if (quick === undefined)
    try {
      quick = new QuickSum({ a: OF_WORD_A, b: OF_WORD_B })
    } catch {
      // The machine cannot, or may not: the same comes of the loops above.
      quick = null
    }
  return quick ?? undefined
}
let quick: QuickSum | null | undefined
