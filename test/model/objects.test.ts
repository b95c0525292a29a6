/** Tables of objects: what goes through them costs what is in them, not how far up their rows reach. */
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import {
  changedObjects,
  eachObject,
  emptyObjects,
  ObjectEditor,
  ObjectTable,
  objectAt,
  withObject,
} from '../../src/model/objects.js'

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

it('what is written again and again in one version is as it was in those before, and not held on to', () => {
  const rows = fc.integer({ min: 1, max: 40 })
  const words = fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined })
  const writes = fc.array(fc.tuple(rows, words), { maxLength: 30 })
  fc.assert(
    fc.property(writes, writes, fc.integer({ min: 0, max: 1500 }), fc.boolean(), (first, then, times, isGivenUp) => {
      const edit = (
        table: ObjectTable<number>,
        repeat: number,
        all: typeof writes extends fc.Arbitrary<infer W> ? W : never,
      ) => {
        const editor = new ObjectEditor(table)
        const added: Record<number, number | undefined> = {}
        for (let i = 0; i < repeat; i++)
          for (const [row, word] of all) {
            const value = word === undefined ? undefined : word + i
            editor.set(row, value)
            added[row] = value
          }
        return { editor, added }
      }
      const wordsIn = (table: ObjectTable<number>): Record<number, number> => {
        const found: Record<number, number> = {}
        eachObject(table, (row, value) => {
          found[row] = value
        })
        return found
      }
      const oldest = edit(emptyObjects as ObjectTable<number>, 1, [[7, 1]]).editor.finish()
      const before = edit(oldest, 1, first).editor.finish()
      const known = wordsIn(before)
      const { editor, added } = edit(before, times, then)
      if (isGivenUp) editor.giveUp()
      else {
        const after = editor.finish()
        expect(wordsIn(after)).toEqual(JSON.parse(JSON.stringify({ ...known, ...added })))
        for (let row = 0; row < 42; row++) expect(objectAt(after, row)).toBe(row in added ? added[row] : known[row])
        const changed: number[] = []
        changedObjects(before, after, (row) => changed.push(row))
        expect(changed).toEqual(
          Object.keys(added)
            .map(Number)
            .filter((row) => added[row] !== known[row]),
        )
        if (times * then.length > 3000) expect(before.note?.length ?? 0).toBeLessThan(4200)
      }
      expect(wordsIn(before)).toEqual(known)
      for (let row = 0; row < 42; row++) expect(objectAt(before, row)).toBe(known[row])
      expect(wordsIn(oldest)).toEqual({ 7: 1 })
    }),
  )
})

it('of the two zeros, each is kept as it is', () => {
  const zero = withObject(emptyObjects as ObjectTable<number>, 1, 0)
  const below = withObject(zero, 1, -0)
  expect(objectAt(below, 1)).toBe(-0)
  expect(objectAt(zero, 1)).toBe(0)
  const rows: number[] = []
  changedObjects(zero, below, (row) => rows.push(row))
  expect(rows).toEqual([1])
  const editor = new ObjectEditor(below)
  editor.set(1, 0)
  expect(objectAt(editor.finish(), 1)).toBe(0)
})
