/** The file of a recording: what a reader and a writer must agree on, and which file may be one. */
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { messageOf } from '../../model/misuse.js'
import { openFile } from '../sqlite.js'

/** In the header of the file: "redr". */
export const APPLICATION_ID = 0x72656472
/** Raised whenever an older program could not read what this one writes; nor does this one read what an older one wrote. */
export const FORMAT = 7

/** In place of a path: no file. */
export const MEMORY = ':memory:'

/** A chunk is over once it has so many ticks or bytes: by what happened, not by when it was written. */
export const CHUNK_TICKS = 256
export const CHUNK_BYTES = 1 << 18

/** Before each record in `log`: its length, a word. */
export const RECORD_LENGTH_BYTES = 4

/** In `sums`, for each tick: the digest of the state after it, and the link after it. */
export const SUM_BYTES = 16
export const DIGEST_BYTES = 8

/**
 * Two words that hang on all ticks so far: their records, by a checksum of each, and the states after them. It tells where two recordings part, and
 * where one was damaged. The chain over whole chunks is a real hash, of all links in them.
 */
export type Link = readonly [number, number]
export const FIRST_LINK: Link = [0, 0]

export const linkAfter = (
  [a, b]: Link,
  [c, d]: readonly [number, number],
  bytes: Uint8Array,
  from = 0,
  to = bytes.length,
): Link => {
  const sum = checksumOf(bytes, from, to)
  const x = Math.imul(a ^ c ^ sum, 0x9e3779b1) ^ (to - from)
  const y = Math.imul(b ^ d ^ (sum >>> 7), 0x85ebca6b) ^ x
  return [Math.imul(x ^ (x >>> 15) ^ b, 0xc2b2ae35) | 0, (Math.imul(y ^ (y >>> 13), 0x27d4eb2f) ^ a) | 0]
}

/** A CRC-32. To call out of JavaScript takes as long as so many bytes do here, and most records are shorter. */
export const checksumOf = (bytes: Uint8Array, from: number, to: number): number => {
  if (to - from > 64) return crc32(bytes.subarray(from, to)) | 0
  let sum = -1
  for (let i = from; i < to; i++) sum = REMAINDERS[(sum ^ bytes[i]!) & 255]! ^ (sum >>> 8)
  return ~sum
}
const REMAINDERS = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ 0xedb88320
  return rest
})

const CHAIN_BYTES = 16

/** What the chain begins with: a hash of what a recording says of itself, and of what sources were set to. */
export const sealOf = (about: string, settings: string): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([about, settings]))
    .digest()
    .subarray(0, CHAIN_BYTES)

/**
 * The chain after a chunk: over the links, which hang on each record, and on the state after it. Times are not in it: two recordings of the same are the
 * same, however long it took.
 */
export const chainAfter = (chain: Buffer, sums: Buffer): Buffer =>
  createHash('sha256').update(chain).update(sums).digest().subarray(0, CHAIN_BYTES)

/** What is needed to read a recording, and to go on from it. Nothing of the environment. */
export interface About {
  readonly format: number
  /** Version of the program that wrote it. */
  readonly program: string
  readonly face: 'redo' | 'library'
  readonly policy: string
  /** Rules, sources and actions, with what their results hang on. Empty for do-files alone. */
  readonly rules: readonly {
    readonly name: string
    readonly kind: string
    readonly version: number
    readonly keys: string
    readonly values: string
  }[]
  readonly options: { readonly [name: string]: unknown }
}

/** What the first bytes of a file say, without opening it as a database: 0 for anything else. */
export const headerOf = (path: string): { readonly application: number; readonly version: number } => {
  const header = Buffer.alloc(100)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, header, 0, header.length, 0)
  } finally {
    closeSync(fd)
  }
  return { application: header.readUInt32BE(68), version: header.readUInt32BE(60) }
}

/**
 * Why a new recording may not take the place of what is at `path`, and what to do; undefined: nothing is there, or a recording which is not
 * `read` meanwhile.
 */
export const placeFault = (path: string, read = MEMORY): string | undefined => {
  if (isCutShort(path)) return `${path} ends with a blank, which better-sqlite3 leaves out: name another file`
  // What Node leaves of other bytes: the file would be one of another name.
  if (path.includes('\ufffd')) return `${path} is no UTF-8, as the name of a recording must be: name another file`
  if (read !== MEMORY && isSameFile(path, read)) return `${path} is the recording itself: name another file`
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) {
      const other = OF_SQLITE.map((suffix) => path + suffix).find((file) => existsSync(file))
      return other && `${other} is there, where SQLite would have its own beside ${path}: name another file`
    }
    if (stat.isDirectory()) return `${path} is a folder: name a file in it`
    const { application, version } = stat.isFile() ? headerOf(path) : { application: 0, version: 0 }
    if (application !== APPLICATION_ID) return `${path} is there and is no recording: name another file`
    return version > FORMAT
      ? `${path} was recorded by a later version (format ${version}; this one writes ${FORMAT}), and is kept: name another file`
      : undefined
  } catch (error) {
    return `${path} cannot be looked at: ${messageOf(error)}: name another file`
  }
}

/** What was thrown as a recording was to be put at `path`, as a sentence, with what to do. */
export const unwritableWords = (path: string, error: unknown): string => {
  const why = messageOf(error)
  return `${path} cannot be written: ${why}${why.endsWith('name another file') ? '' : '; name another file'}`
}

/** Why the folder of a new recording cannot hold it. */
export const folderFault = (path: string): Error | undefined =>
  existsSync(dirname(path))
    ? undefined
    : new Error(`there is no folder ${dirname(path)}: make it, or name another file`)

/** Opened as a database, it would be another file: the one of that name without what it ends with. */
export const isCutShort = (path: string): boolean => path !== path.trimEnd()

/** Whether both paths lead to one file that is there. */
export const isSameFile = (a: string, b: string): boolean => {
  try {
    const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }))
    return one !== undefined && one.ino === other?.ino && one.dev === other.dev
  } catch {
    // A path that leads nowhere, as through a file or a circle of links: who opens it tells so.
    return false
  }
}

/** What SQLite may have beside a file. */
const OF_SQLITE = ['-wal', '-shm', '-journal']

/** A recording that somebody made, with what SQLite has beside it. */
export const removeRecording = (path: string): void => {
  if (!existsSync(path)) return
  for (const suffix of ['', ...OF_SQLITE]) rmSync(path + suffix, { force: true })
}

/** Makes a file by `make`, and puts it in place of the recording at `path`, if there is one. @throws Error, and all is as it was */
export const putRecording = (path: string, make: (aside: string) => void): void => {
  const aside = `${path}.${process.pid}.new`
  const noFolder = folderFault(path)
  if (noFolder !== undefined) throw noFolder
  try {
    make(aside)
    if (existsSync(path)) endUse(path)
    renameSync(aside, path)
  } catch (error) {
    // Nobody knows the other name.
    throw new Error(messageOf(error).replaceAll(aside, path), { cause: error })
  } finally {
    removeRecording(aside)
  }
}

/** @throws Error where somebody has it open: what they write beside it would be taken for ours, and ours for theirs */
const endUse = (path: string): void => {
  let mode: unknown
  try {
    const db = openFile(path, { timeout: 0 })
    try {
      mode = db.pragma('journal_mode = delete', { simple: true })
      // Who records and has no log yet is about to write. Who reads one without a log reads on in what they opened.
      db.exec('begin immediate')
      db.exec('rollback')
    } finally {
      db.close()
    }
  } catch (error) {
    if (!(error as { readonly code?: string }).code?.startsWith('SQLITE_BUSY')) {
      // Damaged: nobody goes on with it.
      for (const suffix of OF_SQLITE) rmSync(path + suffix, { force: true })
      return
    }
    mode = 'wal'
  }
  if (mode === 'wal') throw new Error(`${path} is in use, by who records into it or reads it: name another file`)
}

/** Who was killed as it closed its recording left a journal of SQLite beside it: what is there is to be as it was before that. */
export const rollBack = (path: string): void => {
  if (!existsSync(`${path}-journal`)) return
  const db = openFile(path)
  try {
    db.prepare('select count(*) from meta').get()
  } catch {
    // Who reads it is told.
  } finally {
    db.close()
  }
}

/** What `transact` set a source to, as a recording holds it; `undefined`: as if it had never been set. */
export interface RecordedSetting {
  /** Of the source's build, as a byte string. */
  readonly name: string
  readonly to:
    | { readonly _tag: 'value'; readonly text: string }
    | { readonly _tag: 'removed' }
    | { readonly _tag: 'unset' }
}
