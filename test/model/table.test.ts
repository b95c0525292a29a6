import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changedPages } from '../../src/model/changed.js'
import {
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
  summed,
  tableOf,
  withObject,
} from '../../src/model/table.js'
import type { WordSum } from '../../src/model/word-sum.js'
import { runs } from '../support/runs.js'

const CHUNK_ROWS = 128 * PAGE_ROWS
const edited = (
  table: IntTable,
  ...writes: readonly (readonly [row: number, word: number, value: number])[]
): IntTable => {
  const editor = new IntEditor(table)
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
  it('holds what was written last, and every earlier version holds what it held', () => {
    const write = fc.tuple(rows, fc.nat(2), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
    fc.assert(
      fc.property(fc.array(fc.array(write, { maxLength: 10 }), { maxLength: 6 }), (ticks) => {
        let table = emptyTable(3)
        const model = new Map<string, number>()
        const versions: { table: IntTable; model: Map<string, number> }[] = []
        for (const writes of ticks) {
          versions.push({ table, model: new Map(model) })
          const editor = new IntEditor(table)
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
      runs(200),
    )
  })
  it('has the sum of its words, however it came to them', () => {
    const near = fc.oneof(fc.nat(5), rows)
    const write = fc.tuple(near, fc.nat(2), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
    const tick = fc.tuple(fc.nat(), fc.boolean(), fc.array(write, { minLength: 1, maxLength: 12 }))
    const sumOf = ({ a, b }: WordSum) => [a | 0, b | 0]
    fc.assert(
      fc.property(fc.array(tick, { maxLength: 8 }), fc.boolean(), (ticks, isSparse) => {
        const versions = [edited(emptyTable(3), [0, 0, 1])]
        summed(versions[0]!, 5, isSparse)
        for (const [of, isWide, writes] of ticks) {
          // Mostly the newest one; some of so many words that no note is kept.
          const wide = isWide ? Array.from({ length: 6000 }, (_, row) => [row, row % 3, of + row] as const) : []
          versions.push(edited(versions[Math.max(0, versions.length - 1 - (of % 3))]!, ...writes, ...wide))
        }
        for (const table of versions) {
          const words = new Int32Array(3 * rowsEnd(table))
          for (let i = 0; i < words.length; i++) words[i] = read(table, Math.floor(i / 3), i % 3)
          expect(sumOf(summed(table, 5))).toEqual(sumOf(summed(tableOf(3, words), 5)))
        }
      }),
      runs(100),
    )
  })
  it.each([true, false])(
    'has that sum, too, where it is asked for while the next version is begun (sparse: %s)',
    (isSparse) => {
      const base = edited(emptyTable(1), [3, 0, 1])
      const editor = new IntEditor(base)
      summed(base, 5, isSparse)
      editor.set(3, 0, 7)
      editor.set(70, 0, 9)
      const { a, b } = summed(editor.finish(), 5)
      expect(summed(edited(emptyTable(1), [3, 0, 7], [70, 0, 9]), 5)).toMatchObject({ a, b })
    },
  )
  it.each([true, false])(
    'holds zeros beyond its end, whatever an editor that was given up wrote there (sparse: %s)',
    (isSparse) => {
      const base = edited(emptyTable(2), [3, 0, 1])
      summed(base, 5, isSparse)
      const given = new IntEditor(base)
      for (const row of [2, 5, 40, CHUNK_ROWS]) for (const value of [8, 9]) given.set(row, 1, value)
      given.write(41, Int32Array.of(6, 7))
      const after = edited(base, [CHUNK_ROWS + 1, 0, 4])
      for (const row of [2, 5, 40, 41, CHUNK_ROWS]) expect([read(after, row, 0), read(after, row, 1)]).toEqual([0, 0])
      const { a, b } = summed(after, 5)
      expect(summed(edited(emptyTable(2), [3, 0, 1], [CHUNK_ROWS + 1, 0, 4]), 5)).toMatchObject({ a, b })
    },
  )
  it('knows which pages a tick wrote to', () => {
    const before = edited(emptyTable(2), [1, 0, 1], [PAGE_ROWS + 2, 0, 1], [CHUNK_ROWS + 1, 0, 1])
    const after = edited(before, [PAGE_ROWS + 3, 1, 5])
    expect(changed(before, after)).toEqual([1])
    expect(changed(before, before)).toEqual([])
    const last = edited(after, [CHUNK_ROWS + 1, 0, 2])
    expect(changed(before, last)).toEqual([1, CHUNK_ROWS / PAGE_ROWS])
    // Of another branch nothing is known, so all of it is compared.
    const other = edited(before, [1, 0, 7])
    expect(changed(other, last)).toEqual([0, 1, CHUNK_ROWS / PAGE_ROWS])
  })
  it('is the same table after a tick that writes what is there already', () => {
    const before = edited(emptyTable(2), [1, 0, 1])
    expect(edited(before, [1, 0, 1], [1, 1, 0], [999_999, 0, 0])).toBe(before)
  })
  it('keeps what it held, though most of it is written over in one tick', () => {
    const writes = (add: number) => Array.from({ length: 20_000 }, (_, row) => [row, row % 3, row + add] as const)
    const before = edited(emptyTable(3), ...writes(1))
    const after = edited(before, ...writes(2), [30_000, 0, 1])
    for (const row of [0, 1, 63, 64, 4095, 4096, 19_999]) {
      expect(read(before, row, row % 3)).toBe(row + 1)
      expect(read(after, row, row % 3)).toBe(row + 2)
    }
    expect([read(before, 30_000, 0), rowsEnd(before), rowsEnd(after)]).toEqual([0, 20_000, 30_001])
  })
  it('may have two tables that come after it', () => {
    const base = edited(emptyTable(1), [0, 0, 1], [CHUNK_ROWS, 0, 1])
    const one = edited(base, [0, 0, 2], [CHUNK_ROWS + 5, 0, 2])
    const two = edited(base, [0, 0, 3])
    const three = edited(one, [1, 0, 4])
    expect([base, one, two, three].map((t) => [read(t, 0, 0), read(t, 1, 0), read(t, CHUNK_ROWS + 5, 0)])).toEqual([
      [1, 0, 0],
      [2, 0, 2],
      [3, 0, 0],
      [2, 4, 2],
    ])
  })
  it('grows over chunks, and keeps what is far below', () => {
    let table = edited(emptyTable(1), [0, 0, 1])
    for (let chunk = 1; chunk < 70; chunk += 7) table = edited(table, [chunk * CHUNK_ROWS, 0, chunk])
    expect(read(table, 0, 0)).toBe(1)
    for (let chunk = 1; chunk < 70; chunk += 7) expect(read(table, chunk * CHUNK_ROWS, 0)).toBe(chunk)
    expect(rowsEnd(table)).toBe(64 * CHUNK_ROWS + 1)
  })
  it('grows while it is being edited, without losing what this tick wrote', () => {
    const editor = new IntEditor(emptyTable(1))
    editor.set(3, 0, 7)
    editor.set(40 * CHUNK_ROWS, 0, 8)
    editor.set(3, 0, 9)
    editor.set(4, 0, 10)
    const table = editor.finish()
    expect([3, 4, 40 * CHUNK_ROWS].map((row) => read(table, row, 0))).toEqual([9, 10, 8])
  })
  it('clears a row, and no other', () => {
    const table = edited(emptyTable(2), [4, 0, 1], [5, 0, 2], [5, 1, 3], [6, 1, 4])
    const editor = new IntEditor(table)
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
  it('are one at a time: a second one, or whoever reads the table, undoes the first', () => {
    const base = edited(emptyTable(1), [0, 0, 1], [CHUNK_ROWS, 0, 1])
    const one = new IntEditor(base)
    one.set(0, 0, 2)
    one.set(30 * CHUNK_ROWS, 0, 3)
    const two = new IntEditor(base)
    expect([two.get(0, 0), two.get(30 * CHUNK_ROWS, 0)]).toEqual([1, 0])
    two.set(0, 0, 3)
    expect(read(base, 0, 0)).toBe(1)
    for (const editor of [one, two]) {
      expect(() => editor.set(0, 0, 4)).toThrow('given up')
      expect(() => editor.finish()).toThrow('given up')
    }
    expect(read(base, 0, 0)).toBe(1)
  })
  it('may be looked at before they are finished', () => {
    const editor = new IntEditor(edited(emptyTable(1), [0, 0, 1]))
    editor.set(5, 0, 6)
    expect([read(editor.view(), 0, 0), read(editor.view(), 5, 0)]).toEqual([1, 6])
    editor.set(5, 0, 7)
    expect(read(editor.finish(), 5, 0)).toBe(7)
  })
  it('may go on with another table', () => {
    const base = edited(emptyTable(1), [0, 0, 1])
    const editor = new IntEditor(base)
    editor.set(0, 0, 2)
    editor.replace(edited(emptyTable(1), [1, 0, 5]))
    editor.set(2, 0, 6)
    const table = editor.finish()
    expect([0, 1, 2].map((row) => read(table, row, 0))).toEqual([0, 5, 6])
    expect(read(base, 0, 0)).toBe(1)
  })
  it('that were given up leave no trace', () => {
    const base = edited(emptyTable(1), [0, 0, 1])
    new IntEditor(base).set(0, 0, 2)
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
      runs(200),
    )
  })
  it('is the same table when nothing is new', () => {
    const table = withObject<string>(emptyObjects, 5, 'a')
    expect(withObject(table, 5, 'a')).toBe(table)
    expect(withObject(table, 6, undefined)).toBe(table)
  })
})
