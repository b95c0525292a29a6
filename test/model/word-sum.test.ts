/** Sums of many words are the same as those of the words one by one, which are added by other code. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noteOf, rowOfNote, WORDS_MAX, wordOfNote } from '../../src/model/note.js'
import { QuickSum } from '../../src/model/quick-sum.js'
import { WordSum } from '../../src/model/word-sum.js'

const sumsOf = ({ a, b }: { readonly a: number; readonly b: number }) => [a | 0, b | 0]

/** More than are ever copied at once. */
const LONG = 20_000

const stride = fc.integer({ min: 1, max: WORDS_MAX })
const seed = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const length = fc.oneof(fc.nat({ max: 600 }), fc.nat({ max: LONG }))

const randomFrom = (start: number) => {
  let x = start | 1
  return (below: number): number => {
    x = (Math.imul(x, 1664525) + 1013904223) | 0
    return (x >>> 0) % below
  }
}

/** Mostly small, and many zeros, as in tables. */
const wordFrom = (random: (below: number) => number): number =>
  random(3) === 0 ? 0 : random(2) === 0 ? random(100) - 50 : random(2 ** 32) | 0

describe('the sum', () => {
  it('is worked out four words at once where tests run', () => {
    expect(() => new QuickSum({ a: new Int32Array(WORDS_MAX), b: new Int32Array(WORDS_MAX) })).not.toThrow()
  })

  it('of new rows is that of their words', () => {
    fc.assert(
      fc.property(
        stride,
        seed,
        length,
        fc.nat({ max: 2 ** 28 }),
        fc.nat({ max: 9 }),
        (stride, seed, length, first, at) => {
          const random = randomFrom(seed)
          const rows = Math.floor(length / stride)
          const words = Int32Array.from({ length: at + rows * stride + 7 }, () => wordFrom(random))
          const [all, each] = [new WordSum(seed), new WordSum(seed)]
          all.addRows(first, words, at, at + rows * stride, stride)
          for (let i = 0; i < rows * stride; i++) each.add(first + Math.floor(i / stride), i % stride, words[at + i]!)
          expect(sumsOf(all)).toEqual(sumsOf(each))
        },
      ),
    )
  })

  it('of words that grew is that of each growth', () => {
    fc.assert(
      fc.property(stride, seed, length, (stride, seed, length) => {
        const random = randomFrom(seed)
        // Rows of all sizes, and the ends of rows.
        const note = Int32Array.from({ length: length * 2 }, (_, i) => {
          if (i % 2 === 1) return wordFrom(random)
          return noteOf(random((2 ** 27) >>> random(27)), random(2) === 0 ? stride - 1 : random(stride))
        })
        const [all, each] = [new WordSum(seed), new WordSum(seed)]
        all.addNoted(note, length * 2 - (length > 0 ? 2 : 0))
        for (let i = 0; i < note.length - 2; i += 2) each.add(rowOfNote(note[i]!), wordOfNote(note[i]!), note[i + 1]!)
        expect(sumsOf(all)).toEqual(sumsOf(each))
      }),
    )
  })
})
