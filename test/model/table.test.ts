import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  changedPages,
  eachObject,
  emptyObjects,
  emptyTable,
  IntEditor,
  type IntTable,
  type ObjectTable,
  objectAt,
  PAGE_ROWS,
  pageOf,
  pagesEnd,
  read,
  rowsEnd,
  tableOf,
  withObject,
} from '../../src/model/table.js'

const CHUNK_ROWS = 128 * PAGE_ROWS
const edited = (
  table: IntTable,
  ...writes: readonly (readonly [row: number, word: number, value: number])[]
): IntTable => {
  const editor = new IntEditor(table, 9)
  for (const write of writes) editor.set(...write)
  return editor.finish()
}
const changed = (before: IntTable, after: IntTable): number[] => {
  const pages: number[] = []
  changedPages(before, after, (page) => pages.push(page))
  return pages
}
/** Rows around every boundary. */
const rows = fc.oneof(
  fc.nat(300),
  fc.constantFrom(PAGE_ROWS - 1, PAGE_ROWS, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS),
  fc.nat(4 * CHUNK_ROWS),
)

describe('a table of integers', () => {
  it('reads as zeros where nothing was written', () => {
    const table = emptyTable(3)
    expect([read(table, 0, 0), read(table, 1_000_000, 2), rowsEnd(table), pagesEnd(table)]).toEqual([0, 0, 0, 0])
    expect(pageOf(table, 0)).toBe(undefined)
    expect(read(edited(table, [5, 1, 7]), 5, 2)).toBe(0)
  })
  it('goes on from a table that takes the place of what was written, and does not write to that either', () => {
    const editor = new IntEditor(edited(emptyTable(1), [3, 0, 1]), 9)
    editor.set(3, 0, 2)
    editor.set(70, 0, 2)
    const other = tableOf(1, Int32Array.of(0, 5, 6, 7))
    editor.replace(other)
    expect([editor.get(3, 0), editor.get(70, 0)]).toEqual([7, 0])
    expect(editor.finish()).toBe(other)
    editor.set(3, 0, 8)
    const after = editor.finish()
    expect([read(other, 3, 0), read(after, 3, 0), read(after, 2, 0)]).toEqual([7, 8, 6])
  })
  it('holds what was written last, and every earlier version holds what it held', () => {
    const write = fc.tuple(rows, fc.nat(2), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
    fc.assert(
      fc.property(fc.array(fc.array(write, { maxLength: 10 }), { maxLength: 6 }), (ticks) => {
        let table = emptyTable(3)
        const model = new Map<string, number>()
        const versions: { table: IntTable; model: Map<string, number> }[] = []
        for (const writes of ticks) {
          versions.push({ table, model: new Map(model) })
          const editor = new IntEditor(table, 9)
          for (const [row, word, value] of writes) {
            editor.set(row, word, value)
            model.set(`${row} ${word}`, value)
            expect(editor.get(row, word)).toBe(value)
          }
          table = editor.finish()
        }
        for (const version of [...versions, { table, model }]) {
          for (const key of model.keys()) {
            const [row, word] = key.split(' ').map(Number)
            expect(read(version.table, row!, word!)).toBe(version.model.get(key) ?? 0)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
  it('shares every page that was not written to', () => {
    const before = edited(emptyTable(2), [1, 0, 1], [PAGE_ROWS + 2, 0, 1], [CHUNK_ROWS + 1, 0, 1])
    const after = edited(before, [PAGE_ROWS + 3, 1, 5])
    expect(changed(before, after)).toEqual([1])
    expect(pageOf(after, 0)).toBe(pageOf(before, 0))
    expect(after.chunks[1]).toBe(before.chunks[1])
    expect(changed(before, before)).toEqual([])
  })
  it('is the same table after a tick that writes what is there already', () => {
    const before = edited(emptyTable(2), [1, 0, 1])
    expect(edited(before, [1, 0, 1], [1, 1, 0], [999_999, 0, 0])).toBe(before)
  })
  it('copies a page once, however often a tick writes to it', () => {
    const before = edited(emptyTable(1), [0, 0, 1])
    const editor = new IntEditor(before, 9)
    editor.set(0, 0, 2)
    const page = pageOf({ stride: 1, chunks: (editor as unknown as { chunks: Int32Array[][] }).chunks }, 0)
    editor.set(1, 0, 3)
    expect(pageOf(editor.finish(), 0)).toBe(page)
  })
  it('never writes to the page that stands for all zeros', () => {
    edited(emptyTable(4), [3, 3, 3])
    edited(emptyTable(4), [CHUNK_ROWS, 0, 9], [5, 1, 1])
    const other = edited(emptyTable(4), [PAGE_ROWS * 5, 0, 1])
    for (let row = 0; row < PAGE_ROWS * 5; row++)
      for (let word = 0; word < 4; word++) expect(read(other, row, word)).toBe(0)
    expect(pageOf(other, 0)).toBe(undefined)
  })
  it('grows over chunks, and keeps what is far below', () => {
    let table = edited(emptyTable(1), [0, 0, 1])
    for (let chunk = 1; chunk < 70; chunk += 7) table = edited(table, [chunk * CHUNK_ROWS, 0, chunk])
    expect(read(table, 0, 0)).toBe(1)
    for (let chunk = 1; chunk < 70; chunk += 7) expect(read(table, chunk * CHUNK_ROWS, 0)).toBe(chunk)
    expect(rowsEnd(table)).toBe(65 * CHUNK_ROWS)
  })
  it('grows while it is being edited, without losing what this tick wrote', () => {
    const editor = new IntEditor(emptyTable(1), 11)
    editor.set(3, 0, 7)
    editor.set(40 * CHUNK_ROWS, 0, 8)
    editor.set(3, 0, 9)
    editor.set(4, 0, 10)
    const table = editor.finish()
    expect([3, 4, 40 * CHUNK_ROWS].map((row) => read(table, row, 0))).toEqual([9, 10, 8])
  })
  it('clears a row, and no other', () => {
    const table = edited(emptyTable(2), [4, 0, 1], [5, 0, 2], [5, 1, 3], [6, 1, 4])
    const editor = new IntEditor(table, 9)
    editor.clear(5)
    const after = editor.finish()
    expect([4, 5, 6].map((row) => [read(after, row, 0), read(after, row, 1)])).toEqual([
      [1, 0],
      [0, 0],
      [0, 4],
    ])
  })
})

describe('editors', () => {
  it('do not see each other, one after the other or at the same time', () => {
    const base = edited(emptyTable(1), [0, 0, 1], [CHUNK_ROWS, 0, 1])
    const one = new IntEditor(base, 9)
    one.set(0, 0, 2)
    const two = new IntEditor(base, 9)
    expect(two.get(0, 0)).toBe(1)
    two.set(0, 0, 3)
    two.set(30 * CHUNK_ROWS, 0, 3)
    one.set(0, 0, 4)
    one.set(1, 0, 4)
    const [a, b] = [one.finish(), two.finish()]
    expect([read(a, 0, 0), read(a, 1, 0), read(a, 30 * CHUNK_ROWS, 0)]).toEqual([4, 4, 0])
    expect([read(b, 0, 0), read(b, 1, 0), read(b, 30 * CHUNK_ROWS, 0)]).toEqual([3, 0, 3])
    expect(read(base, 0, 0)).toBe(1)
  })
  it('that were given up leave no trace', () => {
    const base = edited(emptyTable(1), [0, 0, 1])
    new IntEditor(base, 9).set(0, 0, 2)
    expect(read(edited(base, [1, 0, 5]), 0, 0)).toBe(1)
  })
})

describe('a table of objects', () => {
  it('holds what was put last, counts it, and keeps its earlier versions', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(rows, fc.option(fc.string(), { nil: undefined })), { maxLength: 20 }), (puts) => {
        let table: ObjectTable<string> = emptyObjects
        const model = new Map<number, string>()
        for (const [row, value] of puts) {
          const before = table
          const old = model.get(row)
          table = withObject(table, row, value)
          if (value === undefined) model.delete(row)
          else model.set(row, value)
          expect(objectAt(before, row)).toBe(old)
          expect(objectAt(table, row)).toBe(value)
          expect(table.size).toBe(model.size)
        }
        const found: [number, string][] = []
        eachObject(table, (row, value) => found.push([row, value]))
        expect(found).toEqual([...model].sort(([a], [b]) => a - b))
        for (const [row] of model) table = withObject(table, row, undefined)
        expect(table).toBe(emptyObjects)
      }),
      { numRuns: 200 },
    )
  })
  it('is the same table when nothing is new', () => {
    const table = withObject<string>(emptyObjects, 5, 'a')
    expect(withObject(table, 5, 'a')).toBe(table)
    expect(withObject(table, 6, undefined)).toBe(table)
  })
})
