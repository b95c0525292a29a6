/**
 * The file: how it is made, known, opened, migrated and set aside. Everything that can be wrong with it ends here, as one
 * of three: the system refuses (`io`), it is newer than this program (`newer`), or it is damaged, which is no error.
 */
import { closeSync, existsSync, openSync, readSync, renameSync, rmSync } from 'node:fs'
import { encodeHead, type Head, sumOfPages } from './record.js'
import { type Database, openFile } from './sqlite.js'

export type StoreError =
  /** Written by a later version of this program; the file is as it was. */
  | { readonly _tag: 'newer'; readonly path: string; readonly found: number; readonly known: number }
  /** The system refuses to read or write. `code` is SQLite's: SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR_FSYNC... */
  | { readonly _tag: 'io'; readonly path: string; readonly code: string; readonly why: string }
  /** The file is not where it was opened any more. */
  | { readonly _tag: 'gone'; readonly path: string }

/** What a commit throws. Nothing was written; the next one writes this one's changes too. */
export class StoreFault extends Error {
  override readonly name = 'StoreFault'
  readonly fault: StoreError

  constructor(fault: StoreError) {
    super(`${fault._tag}: ${fault.path}`)
    this.fault = fault
  }
}

/** The file is not, to the last bit, what was written. Never leaves this room. */
export class Damage extends Error {
  override readonly name = 'Damage'
}

/** How soon others' writing (a person with the sqlite3 tool) must end, in ms. */
const BUSY_TIMEOUT_MS = 2000
/** A write-ahead log that one large checkpoint left behind is cut to this many bytes. */
const WAL_BYTES_MAX = 8 << 20

/** How much of the file SQLite may keep in memory: it is read once, and mostly written after that. */
const CACHE_KIB = 512

/** In the header of the file, so that `file` and this program know it: "redf". */
const APPLICATION_ID = 0x72656466

/** Brings the tables from one version to the next, inside a transaction. */
export type Migration = (db: Database) => void
/** The first of them leads from version 1 to 2. */
export const MIGRATIONS: readonly Migration[] = [
  // Rows got a word more. Each record tells how long its rows are, so what is there stays as it is, with its checksums.
  () => {},
]

export const emptyHead: Head = {
  generation: 0,
  journal: 0,
  chain: sumOfPages(new Map()),
  pages: sumOfPages(new Map()),
  notes: 0,
  notesSum: 0,
}

const SCHEMA = `
  create table head (id integer primary key, record blob not null);
  create table pages (id integer primary key, record blob not null);
  create table journal (id integer primary key, record blob not null);
  create table notes (id integer primary key, kind integer not null, key blob not null, value text not null, sum integer not null);
`

export type Synchronous = 'normal' | 'full' | 'off'

/**
 * Opens the file, makes it if it is not there, migrates it if it is older.
 * @throws StoreFault with `newer` or `io`; `Damage`, or an error of SQLite's, if it is damaged.
 */
export const openDatabase = (path: string, synchronous: Synchronous, migrations = MIGRATIONS): Database => {
  const known = migrations.length + 1
  refuseNewer(path, versionInHeader(path), known)
  const db = openFile(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    if (db.pragma('page_count', { simple: true }) === 0) create(db, known)
    if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) throw new Damage('it is something else')
    const version = db.pragma('user_version', { simple: true }) as number
    refuseNewer(path, version, known)
    if (version < 1) throw new Damage('it has no version')
    if (version < known) migrate(db, path, version, migrations)
    db.pragma('journal_mode = wal')
    db.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`)
    db.pragma(`cache_size = -${CACHE_KIB}`)
    db.pragma(`synchronous = ${synchronous}`)
    probe(db, known)
    return db
  } catch (error) {
    closeQuietly(db)
    throw error
  }
}

/** In one transaction, and with a rollback journal, so that the file is made whole or not at all, and never lives in a log only. */
const create = (db: Database, version: number): void => {
  db.transaction(() => {
    db.exec(SCHEMA)
    db.prepare('insert into head (id, record) values (1, ?)').run(encodeHead(emptyHead))
    db.pragma(`application_id = ${APPLICATION_ID}`)
    db.pragma(`user_version = ${version}`)
  })()
}

/** Says now, and not at the first commit, that nothing can be written: to begin a transaction is always allowed. */
const probe = (db: Database, version: number): void => {
  db.exec(`begin immediate; pragma user_version = ${version}`)
  db.exec('rollback')
}

const migrate = (db: Database, path: string, version: number, migrations: readonly Migration[]): void => {
  const backup = `${path}.v${version}`
  rmSync(backup, { force: true })
  db.prepare('vacuum into ?').run(backup)
  db.transaction(() => {
    for (const step of migrations.slice(version - 1)) step(db)
    db.pragma(`user_version = ${migrations.length + 1}`)
  })()
}

const refuseNewer = (path: string, found: number, known: number): void => {
  if (found > known) throw new StoreFault({ _tag: 'newer', path, found, known })
}

/** The version that the file's own first bytes tell, or 0: a newer file is not even opened, since that may write to it. */
const versionInHeader = (path: string): number => {
  if (!existsSync(path)) return 0
  const header = Buffer.alloc(100)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, header, 0, header.length, 0)
  } finally {
    closeSync(fd)
  }
  if (header.readUInt32BE(68) !== APPLICATION_ID) return 0
  // Otherwise SQLite takes the file for one that is not to be written.
  if (header[18]! > 2) throw new Damage('its header is damaged')
  return header.readUInt32BE(60)
}

/** The system's refusals, by SQLite's code. Any other error of SQLite's means that the file is not what it was. */
const REFUSALS = /^(SQLITE_(CANTOPEN|READONLY|PERM|FULL|IOERR|BUSY|LOCKED|NOMEM|PROTOCOL|TOOBIG)|E[A-Z]+$)/

/** The operating error that `error` is, if it is one. */
export const refusalOf = (path: string, error: unknown): StoreError | undefined => {
  if (error instanceof StoreFault) return error.fault
  const { code, message } = error as { code?: string; message: string }
  // What better-sqlite3 throws, without a code, for a folder that is not there.
  if (error instanceof TypeError && /director/.test(message)) return { _tag: 'io', path, code: 'ENOENT', why: message }
  // Of a text of more than a billion bytes, likewise.
  if (error instanceof RangeError && /too big/.test(message))
    return { _tag: 'io', path, code: 'SQLITE_TOOBIG', why: message }
  if (code !== undefined && REFUSALS.test(code)) return { _tag: 'io', path, code, why: message }
  return undefined
}

/** Whether `error` says that the file is damaged. Faults of this program are neither damage nor refusals. */
export const isDamage = (error: unknown): boolean =>
  error instanceof Damage || (error instanceof Error && error.constructor.name === 'SqliteError')

/** Renames the file, and what SQLite keeps beside it, to the first free `.bad-<n>`; the new name. */
export const setAside = (path: string): string => {
  let n = 1
  while (existsSync(`${path}.bad-${n}`)) n++
  const bad = `${path}.bad-${n}`
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, bad + suffix)
  }
  return bad
}

/** Closes what may be too damaged to be closed in order. */
export const closeQuietly = (db: Database): void => {
  try {
    db.close()
  } catch {
    // The handle is gone all the same; the file is dealt with by whoever closes.
  }
}
