/** What differs between two versions of a table of integers: read from the notes between them, where one was made from the other. */

import { rowOfNote, wordOfNote } from './note.js'
import { type IntTable, PAGE_ROWS, pageOf, pagesEnd, read } from './table.js'

/**
 * Calls `visit` with the number of each page that may not be the same in both tables, rising. Where `after` was made from `before`,
 * this reads the notes between them, and nothing else.
 */
export const changedPages = (before: IntTable, after: IntTable, visit: (page: number) => void): void => {
  if (before === after) return
  const changed = new Set<number>()
  let version: IntTable | undefined = before
  for (; version !== undefined && version !== after; version = version.next) {
    const { note } = version
    if (note !== undefined)
      for (let i = 0; i < note.length; i += 2) changed.add(Math.floor(rowOfNote(note[i]!) / PAGE_ROWS))
  }
  const end = Math.max(pagesEnd(before), pagesEnd(after))
  if (version === after) {
    const from = Math.min(before.end, after.end)
    for (let row = from; row < Math.max(before.end, after.end); row += PAGE_ROWS - (row % PAGE_ROWS))
      changed.add(Math.floor(row / PAGE_ROWS))
  } else {
    for (let page = 0; page < end; page++) if (!isSame(pageOf(before, page), pageOf(after, page))) changed.add(page)
  }
  for (const page of Array.from(changed).sort((a, b) => a - b)) visit(page)
}

/**
 * Calls `visit` with each row in which one of `words` may not be the same in both tables, rising, and with what those words were and are.
 * As {@link changedPages}, without making pages of the older version. The lists are used again for the next row.
 */
export const changedRows = (
  before: IntTable,
  after: IntTable,
  words: readonly number[],
  visit: (row: number, were: readonly number[], are: readonly number[]) => void,
): void => {
  const { stride } = after
  const were = words.map(() => 0)
  const are = words.map(() => 0)
  const noted = words.map(() => new Map<number, number>())
  const rows: number[] = []
  // By word: which of `words` it is. Most notes are of others.
  const places = new Int8Array(stride).fill(-1)
  words.forEach((word, k) => {
    places[word] = k
  })
  let version: IntTable | undefined = before
  for (; version !== undefined && version !== after; version = version.next) {
    const { note } = version
    if (note === undefined) continue
    for (let i = 0; i < note.length; i += 2) {
      const row = rowOfNote(note[i]!)
      const k = places[wordOfNote(note[i]!)]!
      if (k < 0 || row >= before.end) continue
      const grew = noted[k]!.get(row)
      noted[k]!.set(row, ((grew ?? 0) + note[i + 1]!) | 0)
      if (grew === undefined) rows.push(row)
    }
  }
  const isChain = version === after
  if (!isChain) for (let row = 0; row < before.end; row++) rows.push(row)
  rows.sort((a, b) => a - b)
  let last = -1
  for (const row of rows) {
    if (row === last) continue
    last = row
    for (let k = 0; k < words.length; k++) {
      are[k] = read(after, row, words[k]!)
      were[k] = isChain ? (are[k]! - (noted[k]!.get(row) ?? 0)) | 0 : read(before, row, words[k]!)
    }
    visit(row, were, are)
  }
  were.fill(0)
  for (let row = before.end; row < after.end; ) {
    const page = pageOf(after, Math.floor(row / PAGE_ROWS))!
    const end = Math.min(after.end, row - (row % PAGE_ROWS) + PAGE_ROWS)
    for (; row < end; row++) {
      const at = (row % PAGE_ROWS) * stride
      for (let k = 0; k < words.length; k++) are[k] = page[at + words[k]!]!
      visit(row, were, are)
    }
  }
}

const isSame = (a: Int32Array | undefined, b: Int32Array | undefined): boolean => {
  const length = Math.max(a?.length ?? 0, b?.length ?? 0)
  for (let i = 0; i < length; i++) if ((a?.[i] ?? 0) !== (b?.[i] ?? 0)) return false
  return true
}
