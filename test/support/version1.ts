/** Turns the file of a store into one that version 1 wrote: rows of twelve words, and records by their old names. */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import Database from 'better-sqlite3'
import { encodeHead, parseHead, sumOfPages } from '../../src/store/record.js'

const HEADER = 8
const OLD_KIND = { pages: 0x45474150, journal: 0x4c4e524a } as const

const older = (record: Buffer, kind: number, previous: number): Buffer => {
  const ints = new Int32Array(record.buffer.slice(record.byteOffset, record.byteOffset + (record.length & ~3)))
  const rowsEnd = HEADER + ints[4]!
  const rows: number[] = []
  for (let i = HEADER; i < rowsEnd; ) {
    const dependencies = 3 * Math.max(ints[i + 1]!, 0)
    rows.push(...ints.subarray(i, i + 12), ...ints.subarray(i + 13, i + 13 + dependencies))
    i += 13 + dependencies
  }
  const head = Int32Array.from([0, kind, ints[2]!, previous, rows.length, ints[5]!, ints[6]!, ints[7]!, ...rows])
  const made = Buffer.concat([Buffer.from(head.buffer), record.subarray(rowsEnd * 4)])
  made.writeInt32LE(crc32(made.subarray(4)) | 0, 0)
  return made
}

/** The store must be closed. */
export const makeVersion1 = (folder: string): void => {
  const db = new Database(join(folder, 'state.sqlite'))
  const recordsOf = (table: string): { id: number; record: Buffer }[] =>
    db.prepare(`select id, record from ${table} order by id`).all() as { id: number; record: Buffer }[]
  const put = (table: string, id: number, record: Buffer): number => {
    db.prepare(`update ${table} set record = ? where id = ?`).run(record, id)
    return record.readInt32LE(0)
  }
  const sums = new Map(
    recordsOf('pages').map(({ id, record }) => [id, put('pages', id, older(record, OLD_KIND.pages, 0))]),
  )
  const pages = sumOfPages(sums)
  let chain = pages
  for (const { id, record } of recordsOf('journal')) chain = put('journal', id, older(record, OLD_KIND.journal, chain))
  const head = parseHead(recordsOf('head')[0]!.record)!
  put('head', 1, encodeHead({ ...head, pages, chain }))
  db.pragma('user_version = 1')
  db.close()
}
