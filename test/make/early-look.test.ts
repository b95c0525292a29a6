import { expect, test } from 'vitest'
import { EarlyLooks } from '../../src/make/early-look.js'
import { buildId } from '../../src/model/ids.js'

const words = (...of: readonly number[]): Int32Array => Int32Array.from(of.flatMap((n) => [n, n + 1, n + 2, n + 3]))
const builds = (...of: readonly number[]) => of.map(buildId)

test('the looks at some of the builds are handed out in order', () => {
  const looks = new EarlyLooks(builds(1, 3, 4, 9), words(10, 30, 40, 90))
  expect(looks.wordsOf(builds(3, 9))).toEqual(words(30, 90))
  expect(looks.wordsOf(builds(1, 3, 4, 9))).toEqual(words(10, 30, 40, 90))
  expect(looks.wordsOf([])).toEqual(words())
})

test('without a look at one of them there are none at all', () => {
  const looks = new EarlyLooks(builds(1, 3, 4, 9), words(10, 30, 40))
  expect(looks.wordsOf(builds(1, 2))).toBe(undefined)
  expect(looks.wordsOf(builds(1, 10))).toBe(undefined)
  expect(looks.wordsOf(builds(1, 9))).toBe(undefined)
  expect(looks.wordsOf(builds(1, 4))).toEqual(words(10, 40))
})
