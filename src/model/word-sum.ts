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
      for (let word = 0; word < stride; word++) {
        const value = words[start + word]!
        ofA = (ofA + Math.imul(OF_WORD_A[word]!, value)) | 0
        ofB = (ofB + Math.imul(OF_WORD_B[word]!, value)) | 0
      }
      if (ofA === 0 && ofB === 0) continue
      this.goTo(row)
      a = (a + Math.imul(this.ofRowA, ofA)) | 0
      b = (b + Math.imul(this.ofRowB, ofB)) | 0
    }
    this.a = a
    this.b = b
  }

  private goTo(row: number): void {
    this.row = row
    const h = mixed(row + this.seed)
    this.ofRowA = h | 1
    this.ofRowB = mixed(h) | 1
  }

  /** Word `word` of `row` became more by so much; it was 0 before it was anything. */
  add(row: number, word: number, more: number): void {
    if (row !== this.row) this.goTo(row)
    const delta = more | 0
    this.a = (this.a + Math.imul(this.ofRowA, Math.imul(OF_WORD_A[word]!, delta))) | 0
    this.b = (this.b + Math.imul(this.ofRowB, Math.imul(OF_WORD_B[word]!, delta))) | 0
  }
}

const mixed = (x: number): number => {
  let h = Math.imul(x, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
  return Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ (h >>> 16)
}

/** The widest row there may be. */
export const WORDS_MAX = 16
const OF_WORD_A = Int32Array.from({ length: WORDS_MAX }, (_, word) => mixed(2 * word + 1) | 1)
const OF_WORD_B = Int32Array.from({ length: WORDS_MAX }, (_, word) => mixed(~word) | 1)
