/**
 * What builds cost, as the store keeps it: a table that only some files have, of pages of words. It is written when all else is brought up to
 * date, and not with each commit: what of it is lost, or wrong, costs time and no result.
 */

import { changedPages } from '../model/changed.js'
import { COST_MAX, COST_STRIDE } from '../model/plan.js'
import { emptyTable, IntEditor, type IntTable, PAGE_ROWS, pageOf } from '../model/table.js'
import type { Database } from './sqlite.js'

const WORDS = PAGE_ROWS * COST_STRIDE

/** Commits between two times that what builds cost is written: each version of the table since is held on to. */
const EVERY = 256

/** When they are written. */
export class Costs {
  private commits = 0

  /** `written`: what the file has. */
  constructor(
    private readonly write: (before: IntTable, after: IntTable) => boolean,
    private written: IntTable,
  ) {}

  /** A commit has been made. */
  committed(costs: IntTable): void {
    if (++this.commits % EVERY === 0) this.keep(costs)
  }

  /** If the disk lets it. */
  keep(costs: IntTable): void {
    if (this.write(this.written, costs)) this.written = costs
  }
}

/** Empty, where there is none. */
export const loadCosts = (db: Database): IntTable => {
  const table = db.prepare("select 1 from sqlite_master where type = 'table' and name = 'costs'").get()
  if (table === undefined) return emptyTable(COST_STRIDE)
  const editor = new IntEditor(emptyTable(COST_STRIDE))
  const pages = db.prepare('select id, words from costs').raw().all() as [number, Uint8Array][]
  for (const [page, bytes] of pages) {
    if (bytes.length !== WORDS * 4) continue
    const words = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
    for (let i = 0; i < WORDS; i++) {
      const word = words[i]!
      if (word > 0 && word <= COST_MAX)
        editor.set(page * PAGE_ROWS + Math.floor(i / COST_STRIDE), i % COST_STRIDE, word)
    }
  }
  return editor.finish()
}

/** Writes what is another than it was, inside a transaction. */
export const saveCosts = (db: Database, before: IntTable, after: IntTable): void => {
  if (before === after) return
  db.exec('create table if not exists costs (id integer primary key, words blob not null)')
  const set = db.prepare('insert or replace into costs (id, words) values (?, ?)')
  changedPages(before, after, (page) => {
    const words = (pageOf(after, page) ?? new Int32Array(WORDS)).slice()
    set.run(page, new Uint8Array(words.buffer))
  })
}
