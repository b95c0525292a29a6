/** What a database holds, read and checked: all of it, or as much as can be trusted. */

import { COST_STRIDE } from '../model/plan.js'
import { emptyTable, type IntTable } from '../model/table.js'
import { loadCosts } from './costs.js'
import { Damage, isDamage } from './database.js'
import { Notes } from './notes.js'
import { type Head, parseHead, parseRecord, RecordKind, type StoreRecord, sumOfPages } from './record.js'
import type { Database } from './sqlite.js'

export interface Contents {
  readonly head: Head
  /** By number. */
  readonly pages: readonly StoreRecord[]
  /** In order. */
  readonly journal: readonly StoreRecord[]
  /** Checksums of the pages by number. */
  readonly pageSums: Map<number, number>
  readonly pageBytes: number
  readonly journalBytes: number
  readonly notes: Notes
  /** Records of the journal that are damaged, or come after one that is; they are not in `journal`. */
  readonly journalLost: number
  /** Notes are missing, or there are some that were never written. */
  readonly notesLost: boolean
  /** What builds cost, as far as it was kept. */
  readonly costs: IntTable
}

/** @throws Damage, or an error of SQLite's, if even the pages cannot be trusted. */
export const readContents = (db: Database): Contents => {
  const head = readHead(db)
  const pages: StoreRecord[] = []
  const pageSums = new Map<number, number>()
  let pageBytes = 0
  for (const [page, bytes] of rowsOf(db, 'select id, record from pages order by id')) {
    const record = parseRecord(bytes, RecordKind.PAGE, page)
    if (record === undefined) throw new Damage(`page ${page} is damaged`)
    pages.push(record)
    pageSums.set(page, record.sum)
    pageBytes += (bytes as Buffer).length
  }
  if (sumOfPages(pageSums) !== head.pages) throw new Damage('pages are missing')
  const journal = readJournal(db, head)
  const { notes, isWhole } = readNotes(db, head)
  return {
    head,
    pages,
    journal: journal.records,
    pageSums,
    pageBytes,
    journalBytes: journal.bytes,
    notes,
    journalLost: journal.lost,
    notesLost: !isWhole,
    costs: costsIn(db),
  }
}

const costsIn = (db: Database): IntTable => {
  try {
    return loadCosts(db)
  } catch (error) {
    if (!isDamage(error)) throw error
    return emptyTable(COST_STRIDE)
  }
}

const readHead = (db: Database): Head => {
  const heads = [...rowsOf(db, 'select id, record from head')]
  const head = heads.length === 1 ? parseHead(heads[0]![1]) : undefined
  if (head === undefined) throw new Damage('its head is damaged')
  return head
}

/** The longest prefix that is as it was written: each record names the checksum of the one before it. */
const readJournal = (db: Database, head: Head): { records: StoreRecord[]; bytes: number; lost: number } => {
  const records: StoreRecord[] = []
  let chain = head.pages
  let bytes = 0
  let found = 0
  try {
    for (const [key, blob] of rowsOf(db, 'select id, record from journal order by id')) {
      found++
      const record = parseRecord(blob, RecordKind.JOURNAL, records.length + 1, chain)
      if (record === undefined || key !== records.length + 1) break
      records.push(record)
      chain = record.sum
      bytes += (blob as Buffer).length
    }
  } catch (error) {
    if (!isDamage(error)) throw error
  }
  if (records.length === head.journal && chain === head.chain && found === records.length)
    return { records, bytes, lost: 0 }
  return { records, bytes, lost: Math.max(head.journal - records.length, 1) }
}

const readNotes = (db: Database, head: Head): { notes: Notes; isWhole: boolean } => {
  try {
    const notes = Notes.load(db)
    return { notes, isWhole: notes.count === head.notes && notes.sum === head.notesSum }
  } catch (error) {
    if (!isDamage(error)) throw error
    return { notes: new Notes(), isWhole: false }
  }
}

const rowsOf = (db: Database, query: string): IterableIterator<[number, unknown]> =>
  db.prepare(query).raw().iterate() as IterableIterator<[number, unknown]>
