/** The file of a recording while it is written: what goes into it, when, and what others may do with it meanwhile. */
import { crc32 } from 'node:zlib'
import { closeQuietly } from '../database.js'
import { type Database, openFile, type Statement } from '../sqlite.js'
import { APPLICATION_ID, chainAfter, FORMAT, MEMORY, putRecording } from './format.js'

/**
 * `meta`: `about`, see `About` of `format.ts`; `settings`, what sources were set to before the first tick; `seal`, a hash of both, which the chain
 * begins with; `end`, how many ticks, once it was ended in order.
 * `chunks`: ticks `first` and on, `count` of them; `log` holds one record for each, with its length before it; `sums` the digest of the
 * state after each, and the link (see `linkAfter` there); `times` for each how many microseconds after the one before. `chain`: a hash
 * of all that up to here. `snapshots`: the state after `tick`; 0 is the state before the first.
 */
const SCHEMA = `
  create table meta (key text primary key, value text not null) without rowid;
  create table chunks (id integer primary key, first integer not null, count integer not null, chain blob not null,
    sums blob not null, times blob not null, log blob not null);
  create table snapshots (tick integer primary key, sum integer not null, bytes blob not null);
  create table beside (digest text primary key, bytes blob not null) without rowid;
`

/** Logs lie in chains of pages: larger ones take less time, smaller ones leave more of a file that was cut off. */
const PAGE_BYTES = 16384
/** What is written is not read again: pages are used anew, rather than memory that nobody touched before. */
const CACHE_KIB = 128

const NONE = Buffer.alloc(0)

/** What a recording says of itself, see the schema's `meta`, and the state before the first tick. */
export interface Beginning {
  readonly about: string
  readonly settings: string
  readonly seal: Buffer
  readonly snapshot: Buffer
}

/** Ticks that follow one another. */
export interface WrittenChunk {
  readonly id: number
  readonly first: number
  readonly count: number
  readonly sums: Buffer
  readonly times: Buffer
  readonly log: Buffer
}

/** What is to be in the file, and is not yet. */
export interface News {
  readonly closed: readonly WrittenChunk[]
  /** That which more is to come to. */
  readonly filling: WrittenChunk | undefined
  /** Texts beside the log, by digest. */
  readonly besides: ReadonlyMap<string, string>
  /** How many ticks there are, where that is all. */
  readonly end: number | undefined
}

export class WrittenFile {
  private readonly db: Database
  private readonly insertChunk: Statement
  private readonly insertBeside: Statement
  /** After the last chunk that is over. */
  private chain: Buffer
  /** It says that it was ended in order. */
  private hasEnd = false
  /** What is written goes to SQLite's log, so that others may read meanwhile. A short build has no need of it. */
  private hasLog = false

  /** In place of the recording that is at `path`; or `:memory:`. @throws Error, and what is there stays */
  constructor(path: string, beginning: Beginning) {
    this.chain = beginning.seal
    this.db = create(path, beginning)
    this.insertChunk = this.db.prepare('insert or replace into chunks values (?, ?, ?, ?, ?, ?, ?)')
    this.insertBeside = this.db.prepare('insert or ignore into beside values (?, ?)')
  }

  write(news: News): void {
    this.useLog()
    this.insert(news)
  }

  writeSnapshot(tick: number, bytes: Buffer): void {
    this.useLog()
    insertSnapshot(this.db, tick, bytes)
  }

  private useLog(): void {
    if (this.hasLog) return
    unclaim(this.db)
    this.db.pragma('journal_mode = wal')
    this.hasLog = true
  }

  private insert({ closed, filling, besides, end }: News): void {
    const { db } = this
    db.transaction(() => {
      for (const chunk of closed) this.chain = this.insertInto(chunk)
      if (filling !== undefined) this.insertInto(filling)
      for (const [digest, text] of besides) this.insertBeside.run(digest, Buffer.from(text))
      if (end !== undefined) insertEnd(db, end)
      else if (this.hasEnd) db.prepare("delete from meta where key = 'end'").run()
    })()
    this.hasEnd = end !== undefined
  }

  /** Gives the chain after it. */
  private insertInto({ id, first, count, sums, times, log }: WrittenChunk): Buffer {
    const chain = chainAfter(this.chain, sums)
    this.insertChunk.run(id, first, count, chain, sums, times, log)
    return chain
  }

  /** What was written is in the file itself: who copies it need not copy SQLite's log beside it. */
  emptyLog(): void {
    this.db.pragma('wal_checkpoint(truncate)')
  }

  /** Copies what was written into a file of its own, in place of what is there, as one that has `ticks` and ends. */
  copyTo(path: string, ticks: number): void {
    putRecording(path, (aside) => {
      this.db.prepare('vacuum into ?').run(aside)
      const copy = openFile(aside)
      try {
        copy.pragma('synchronous = off')
        insertEnd(copy, ticks)
      } finally {
        copy.close()
      }
    })
  }

  /** The file is whole from then on; and alone, unless somebody has it open: then SQLite's log stays beside it. */
  end(news: News): void {
    const { db } = this
    unclaim(db)
    // What is not in the file yet is written there at once, not to SQLite's log and from there: of a short build that is all there is.
    const fault = faultOf(() => db.pragma('journal_mode = delete'))
    this.insert(news)
    if (isBusy(fault)) {
      // Somebody reads it. All is in SQLite's log by now, and from there in the file itself, as far as the reader lets it.
      faultOf(() => db.pragma('wal_checkpoint(passive)'))
    } else if (fault !== undefined) throw fault
    db.close()
  }

  /** With what is in it. */
  giveUp(): void {
    closeQuietly(this.db)
  }
}

const create = (path: string, beginning: Beginning): Database => {
  if (path === MEMORY) return begun(MEMORY, beginning)
  putRecording(path, (aside) => {
    begun(aside, beginning).close()
  })
  return openedBy(path, claim)
}

/**
 * From now on it is seen to be in use: as long as this goes on, or where SQLite has a log. Others read it meanwhile; whoever would put another
 * recording in its place is told: see `putRecording`.
 */
const claim = (db: Database): void => void db.exec('begin immediate')

const unclaim = (db: Database): void => {
  if (db.inTransaction) db.exec('commit')
}

const begun = (path: string, { about, settings, seal, snapshot }: Beginning): Database =>
  openedBy(path, (db) => {
    db.pragma(`page_size = ${PAGE_BYTES}`)
    db.pragma('journal_mode = off')
    db.transaction(() => {
      db.exec(SCHEMA)
      // It fills the table's first page, so that SQLite finds the first chunks by a page that lies right behind them: by this one it would be
      // moved to behind the eighth, and a file that was cut off before that would be of no use.
      db.prepare('insert into chunks values (0, 0, 0, ?, ?, ?, zeroblob(?))').run(NONE, NONE, NONE, PAGE_BYTES - 64)
      db.pragma(`application_id = ${APPLICATION_ID}`)
      db.pragma(`user_version = ${FORMAT}`)
      const meta = db.prepare('insert into meta values (?, ?), (?, ?), (?, ?)')
      meta.run('about', about, 'settings', settings, 'seal', seal.toString('hex'))
      insertSnapshot(db, 0, snapshot)
    })()
  })

const openedBy = (path: string, begin: (db: Database) => void): Database => {
  const db = openFile(path)
  try {
    db.pragma(`cache_size = -${CACHE_KIB}`)
    // What a power loss leaves is known by the chain; waiting for the disk would cost more than all else.
    db.pragma('synchronous = off')
    begin(db)
    return db
  } catch (error) {
    closeQuietly(db)
    throw error
  }
}

const insertEnd = (db: Database, ticks: number): void =>
  void db.prepare("insert or replace into meta values ('end', ?)").run(JSON.stringify({ ticks }))

const insertSnapshot = (db: Database, tick: number, bytes: Buffer): void =>
  void db.prepare('insert or replace into snapshots values (?, ?, ?)').run(tick, crc32(bytes), bytes)

/** What `act` throws. */
const faultOf = (act: () => void): unknown => {
  try {
    act()
    return undefined
  } catch (error) {
    return error
  }
}

const isBusy = (fault: unknown): boolean =>
  /^SQLITE_(BUSY|LOCKED)/.test((fault as { readonly code?: string } | undefined)?.code ?? '')
