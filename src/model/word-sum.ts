/**
 * A sum over words, each times a factor that its place decides: kept up with one multiplication for a word that changes. Two sums of 32
 * bits, with odd factors that have nothing to do with one another: that one word changed is always seen, and that several did but for
 * a chance of some 2^-60 (as in "Incremental cryptography", M. Bellare, O. Goldreich, S. Goldwasser, 1994, without the cryptography:
 * it is no defence against who would forge one).
 */
export class WordSum {
  a = 0
  b = 0

  /** `seed`: tells words in the same place of different tables apart. */
  constructor(readonly seed: number) {}

  copy(): WordSum {
    const copy = new WordSum(this.seed)
    copy.a = this.a
    copy.b = this.b
    return copy
  }

  /** The word at `index` became more by so much; a word was 0 before it was anything. */
  add(index: number, more: number): void {
    const delta = more | 0
    let h = Math.imul(index + this.seed, 0x9e3779b1)
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
    h ^= h >>> 13
    this.a = (this.a + Math.imul(h | 1, delta)) | 0
    h = Math.imul(h, 0xc2b2ae35)
    this.b = (this.b + Math.imul((h ^ (h >>> 16)) | 1, delta)) | 0
  }
}
