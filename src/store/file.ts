/** The open file: its statements, its transactions, and what becomes of it when one of them fails. */
import { statSync } from 'node:fs'
import { Bug } from '../model/error.js'
import type { IntTable } from '../model/table.js'
import { saveCosts } from './costs.js'
import { closeQuietly, isDamage, refusalOf, type StoreError, StoreFault, setAside } from './database.js'
import { type NoteStatements, noteStatements } from './notes.js'
import type { Database, Statement } from './sqlite.js'

/** Prepared once; all of them are for use inside a transaction. */
export interface Statements extends NoteStatements {
  readonly setHead: Statement
  readonly setPage: Statement
  readonly dropPage: Statement
  readonly dropPages: Statement
  readonly append: Statement
  readonly dropJournal: Statement
  readonly pageBytes: Statement
}

const prepare = (db: Database): Statements => ({
  ...noteStatements(db),
  setHead: db.prepare('update head set record = ? where id = 1'),
  setPage: db.prepare('insert or replace into pages (id, record) values (?, ?)'),
  dropPage: db.prepare('delete from pages where id = ?'),
  dropPages: db.prepare('delete from pages'),
  append: db.prepare('insert into journal (id, record) values (?, ?)'),
  dropJournal: db.prepare('delete from journal'),
  pageBytes: db.prepare('select total(length(record)) from pages').pluck(),
})

/** Texts by id: a table that only some files have. */
export interface TextStatements {
  readonly get: Statement
  readonly set: Statement
  readonly drop: Statement
}

/** Makes the table of texts, where it is not there. */
export const createTexts = (db: Database): void => {
  db.exec('create table if not exists texts (id integer primary key, text text not null)')
}

const prepareTexts = (db: Database): TextStatements => ({
  get: db.prepare('select text from texts where id = ?').pluck(),
  set: db.prepare('insert or replace into texts (id, text) values (?, ?)'),
  drop: db.prepare('delete from texts where id = ?'),
})

type Transaction = ReturnType<typeof transactionOf>
const transactionOf = (db: Database) => db.transaction((work: () => unknown) => work())

const inodeOf = (path: string): bigint | undefined => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino

export class StoreFile {
  private readonly path: string
  private readonly connect: () => Database
  private db: Database
  private statements: Statements
  private preparedTexts: TextStatements | undefined = undefined
  /** Made once a handle: SQLite's transaction around a function. */
  private transaction: Transaction
  private inode: bigint | undefined = undefined
  /** Why this handle is not to be trusted any more: what it failed to write may have reached the file, or not. */
  private fault: StoreError | undefined = undefined

  /** `connect` opens the file as `db` was opened. */
  constructor(path: string, connect: () => Database, db: Database) {
    this.path = path
    this.connect = connect
    this.db = db
    this.statements = prepare(db)
    this.transaction = transactionOf(db)
    this.inode = inodeOf(path)
  }

  /** Of a file that was opened with {@link createTexts}. */
  get texts(): TextStatements {
    this.preparedTexts ??= prepareTexts(this.db)
    return this.preparedTexts
  }

  /** Until all is rewritten, nothing is written. */
  get isSuspect(): boolean {
    return this.fault !== undefined
  }

  /** Whether the file is still where it was opened: 2 µs. */
  get isInPlace(): boolean {
    return inodeOf(this.path) === this.inode
  }

  /** Does all of `work`, or nothing. @throws StoreFault; Bug. */
  transact<A>(work: (statements: Statements) => A): A {
    if (this.fault !== undefined) throw new StoreFault(this.fault)
    return this.run(work)
  }

  /** The same for a `work` that leaves nothing as it was: after it, what went wrong before does not matter any more. */
  rewrite<A>(work: (statements: Statements) => A): A {
    if (this.fault !== undefined) this.reopen(this.fault)
    const done = this.run(work)
    this.fault = undefined
    return done
  }

  /** Does what writes beside the file: nothing is worth anything there without it. @throws StoreFault */
  record(work: () => void): void {
    if (!this.isInPlace) throw new StoreFault({ _tag: 'gone', path: this.path })
    try {
      work()
    } catch (error) {
      const fault = refusalOf(this.path, error)
      throw fault === undefined ? error : new StoreFault(fault)
    }
  }

  /** As far as the disk lets it: nothing hangs on it. */
  saveCosts(before: IntTable, after: IntTable): boolean {
    if (before === after || this.fault !== undefined || !this.isInPlace) return false
    try {
      this.transaction.immediate(() => saveCosts(this.db, before, after))
      return true
    } catch (error) {
      if (refusalOf(this.path, error) === undefined && !isDamage(error)) throw error
      return false
    }
  }

  close(): void {
    closeQuietly(this.db)
  }

  private run<A>(work: (statements: Statements) => A): A {
    if (!this.isInPlace) throw new StoreFault({ _tag: 'gone', path: this.path })
    try {
      return this.transaction.immediate(() => work(this.statements)) as A
    } catch (error) {
      throw this.faultOf(error)
    }
  }

  /** A new handle; on a new file where the old one's content, not the disk, is what is wrong. */
  private reopen(fault: StoreError): void {
    closeQuietly(this.db)
    try {
      if (fault._tag === 'io' && !fault.code.startsWith('SQLITE_IOERR')) setAside(this.path)
      this.db = this.connect()
    } catch (error) {
      throw this.faultOf(error)
    }
    this.statements = prepare(this.db)
    this.preparedTexts = undefined
    this.transaction = transactionOf(this.db)
    this.inode = inodeOf(this.path)
  }

  /**
   * After a failed sync nobody knows what is on the disk, and the next sync may claim success over lost pages; so no retry
   * on this handle. A full disk or a busy file is told before anything is written, and may pass.
   */
  private faultOf(error: unknown): unknown {
    if (error instanceof Bug || error instanceof StoreFault) return error
    const { code, message } = error as { code?: string; message: string }
    const refusal = refusalOf(this.path, error)
    if (refusal === undefined && !isDamage(error)) return error
    const fault: StoreError = refusal ?? { _tag: 'io', path: this.path, code: code ?? 'SQLITE_CORRUPT', why: message }
    if (refusal === undefined || code?.startsWith('SQLITE_IOERR')) this.fault = fault
    return new StoreFault(fault)
  }
}
