/** Tables of objects: what goes through them costs what is in them, not how far up their rows reach. */
import { expect, it, vi } from 'vitest'
import { changedObjects, eachObject, emptyObjects, ObjectTable, withObject } from '../../src/model/objects.js'

const HIGH = 3_000_000

it('one that was emptied and filled again is compared by its entries, in whichever version', () => {
  const asked = vi.spyOn(ObjectTable.prototype, 'oldAt')
  try {
    const first = withObject(emptyObjects as ObjectTable<string>, HIGH, 'a')
    const emptied = withObject(first, HIGH, undefined)
    const second = withObject(emptied, HIGH + 1, 'b')
    const third = withObject(second, HIGH + 2, 'c')
    const rowsOf = (before: ObjectTable<string>, after: ObjectTable<string>): readonly number[] => {
      const rows: number[] = []
      changedObjects(before, after, (row) => rows.push(row))
      return rows
    }
    expect(rowsOf(first, emptied)).toEqual([HIGH])
    expect(rowsOf(emptied, second)).toEqual([HIGH + 1])
    expect(rowsOf(first, second)).toEqual([HIGH, HIGH + 1])
    expect(rowsOf(first, third)).toEqual([HIGH, HIGH + 1, HIGH + 2])
    const found: unknown[] = []
    for (const table of [first, emptied, second, third])
      eachObject(table, (row, value) => found.push([row - HIGH, value]))
    expect(found).toEqual([
      [0, 'a'],
      [1, 'b'],
      [1, 'b'],
      [2, 'c'],
    ])
    expect(asked.mock.calls.length).toBeLessThan(50)
  } finally {
    asked.mockRestore()
  }
})
