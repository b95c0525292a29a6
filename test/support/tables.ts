/** Tables are equal where all their rows are, whatever versions came before and however they lie in memory. */
import { expect } from 'vitest'
import { eachObject, IntTable, ObjectTable, PAGE_ROWS, pageOf, pagesEnd } from '../../src/model/table.js'

const wordsOf = (table: IntTable, page: number): Int32Array =>
  pageOf(table, page) ?? new Int32Array(PAGE_ROWS * table.stride)

const entriesOf = (table: ObjectTable<unknown>): readonly (readonly [number, unknown])[] => {
  const entries: [number, unknown][] = []
  eachObject(table, (row, value) => entries.push([row, value]))
  return entries
}

expect.addEqualityTesters([
  function (a, b) {
    if (!(a instanceof ObjectTable) || !(b instanceof ObjectTable)) return undefined
    return this.equals(entriesOf(a), entriesOf(b))
  },
  (a, b) => {
    if (!(a instanceof IntTable) || !(b instanceof IntTable)) return undefined
    if (a.stride !== b.stride) return false
    for (let page = 0; page < Math.max(pagesEnd(a), pagesEnd(b)); page++) {
      const theirs = wordsOf(b, page)
      if (!wordsOf(a, page).every((word, i) => word === theirs[i])) return false
    }
    return true
  },
])
