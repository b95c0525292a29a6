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

  /** `seed`: tells words in the same place of different tables apart. */
  constructor(readonly seed: number) {}

  copy(): WordSum {
    const copy = new WordSum(this.seed)
    copy.a = this.a
    copy.b = this.b
    return copy
  }

  /** Rows `first` and on were zeros, and are these: `words` from `at` to `end`. */
  addRows(first: number, words: Int32Array, at: number, end: number, stride: number): void {
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

  /**
   * Some words became what they are in `blocks`, of `1 << bits` rows each: `note` holds the index and what was there before, `noted` numbers.
   * Where an index is there more than once, the first tells what it was, so that a word costs once however often it was written.
   */
  addNoted(note: Int32Array, noted: number, blocks: readonly Int32Array[], bits: number, stride: number): void {
    const words = (blocks.length << bits) * stride
    if (known.length << 5 < words) known = new Int32Array((words >>> 5) + 1)
    const marks = known
    const size = stride << bits
    let { a, b } = this
    // Mostly one writes several words of a row.
    let [first, base, ofRowA, ofRowB] = [-1, 0, 0, 0]
    let block: Int32Array = blocks[0]!
    for (let i = 0; i < noted; i += 2) {
      const index = note[i]!
      const mark = marks[index >>> 5]!
      const bit = 1 << (index & 31)
      if ((mark & bit) !== 0) continue
      marks[index >>> 5] = mark | bit
      if (index < first || index >= first + stride || first < 0) {
        const row = (index / stride) | 0
        first = row * stride
        base = (row >>> bits) * size
        block = blocks[row >>> bits]!
        this.goTo(row)
        ofRowA = this.ofRowA
        ofRowB = this.ofRowB
      }
      const more = (block[index - base]! - note[i + 1]!) | 0
      if (more === 0) continue
      const word = index - first
      a = (a + Math.imul(ofRowA, Math.imul(OF_WORD_A[word]!, more))) | 0
      b = (b + Math.imul(ofRowB, Math.imul(OF_WORD_B[word]!, more))) | 0
    }
    this.a = a
    this.b = b
    for (let i = 0; i < noted; i += 2) marks[note[i]! >>> 5] = 0
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

/** A bit for each word of a table: whether it was counted. Zeros, but while that is done. */
let known = new Int32Array(1 << 10)

/** The widest row there may be. */
export const WORDS_MAX = 16
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
