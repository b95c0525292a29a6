/** What of a recording is as it was written: its ticks from the first on, its snapshots, and what is kept beside the log. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isDamage } from '../database.js'
import type { Database } from '../sqlite.js'
import { ByteReader } from './bytes.js'
import { chainAfter, DIGEST_BYTES, FIRST_LINK, type Link, linkAfter, SUM_BYTES } from './format.js'

export interface Seals {
  readonly stored: Buffer
  readonly computed: Buffer
}

/** A chunk, or as much of it as can be used. */
export interface Chunk {
  readonly id: number
  readonly first: number
  readonly count: number
  /** Empty where some of it cannot be used. */
  readonly chain: Buffer
}

/** What the chain of the first chunk was begun with: where it is not what is said now, that is not what was written. */
export const startOf = (db: Database, { stored, computed }: Seals): Buffer =>
  stored.equals(computed) || isFitting(db, computed) || !isFitting(db, stored) ? computed : stored

/** Whether the first chunk, if there is one, goes on from `start`. */
export const isFitting = (db: Database, start: Buffer): boolean => {
  const row = unlessDamaged(() => db.prepare('select chain, sums from chunks where id = 1').raw().get()) as
    | readonly unknown[]
    | undefined
  if (row === undefined || !row.every(Buffer.isBuffer)) return false
  const [chain, sums] = row as readonly Buffer[]
  return chainAfter(start, sums!).equals(chain!)
}

/**
 * The longest run of chunks, from the first, whose chain fits; the last of them may be cut. Which ticks are in each follows from the links before and in
 * it: what the row says of that, no hash covers.
 */
export const validChunks = (db: Database, start: Buffer): { chunks: readonly Chunk[]; damage: string | undefined } => {
  const chunks: Chunk[] = []
  const query = db.prepare('select chain, sums, log from chunks where id = ?').raw()
  let chain = start
  let link = FIRST_LINK
  let next = 1
  for (let id = 1; ; id++) {
    let row: unknown[] | undefined
    try {
      row = query.get(id) as unknown[] | undefined
      if (row === undefined) {
        const more = db.prepare('select count(*) from chunks where id > ?').pluck().get(id) as number
        return { chunks, damage: more > 0 ? `what comes after tick ${next - 1} is missing` : undefined }
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      return { chunks, damage: `what comes after tick ${next - 1} cannot be read: ${(error as Error).message}` }
    }
    if (!isChunkRow(row)) return { chunks, damage: `what comes after tick ${next - 1} is damaged` }
    const [end, sums, log] = row
    const first = next
    const count = Math.floor(sums.length / SUM_BYTES)
    const reached = chainAfter(chain, sums)
    const { valid, link: linked } = validTicks(link, sums, log, count)
    const isWhole = reached.equals(end) && valid === count
    if (valid > 0) chunks.push({ id, first, count: valid, chain: isWhole ? reached : NO_CHAIN })
    if (!isWhole) return { chunks, damage: `what comes after tick ${first + valid - 1} is damaged` }
    chain = reached
    link = linked
    next = first + count
  }
}

const NO_CHAIN = Buffer.alloc(0)

const isChunkRow = (row: readonly unknown[]): row is readonly [Buffer, Buffer, Buffer] => row.every(Buffer.isBuffer)

/** How many ticks, from the first, fit to the link before them. */
const validTicks = (before: Link, sums: Buffer, log: Buffer, count: number): { valid: number; link: Link } => {
  let link = before
  const r = new ByteReader(log)
  for (let i = 0; i < count; i++) {
    let from: number
    try {
      const length = r.length()
      from = r.at
      r.skip(length)
    } catch {
      return { valid: i, link }
    }
    const at = i * SUM_BYTES
    const next = linkAfter(link, [sums.readInt32LE(at), sums.readInt32LE(at + 4)], log, from, r.at)
    if (next[0] !== sums.readInt32LE(at + DIGEST_BYTES) || next[1] !== sums.readInt32LE(at + DIGEST_BYTES + 4))
      return { valid: i, link }
    link = next
  }
  return { valid: count, link }
}

/** Ticks of which there is a snapshot that is as it was written, and found by its tick. */
export const snapshotsOf = (db: Database): readonly number[] => {
  const query = db.prepare('select sum, bytes from snapshots where tick = ?').raw()
  const isWhole = (tick: unknown): boolean => {
    const [sum, bytes] = (unlessDamaged(() => query.get(tick)) ?? []) as [unknown?, unknown?]
    return Number.isSafeInteger(tick) && Buffer.isBuffer(bytes) && crc32(bytes) === sum
  }
  // The first can be found though the list of all cannot be read.
  const all = unlessDamaged(() => db.prepare('select tick from snapshots order by tick').pluck().all()) ?? [0]
  return (all as number[]).filter(isWhole)
}

/** What `read` gives; undefined where the file is damaged. */
const unlessDamaged = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch (error) {
    if (!isDamage(error)) throw error
    return undefined
  }
}

/** Whether all that is kept beside the log can be read, and is what was written. */
export const isBesideWhole = (db: Database): boolean =>
  unlessDamaged(() => {
    for (const row of db.prepare('select digest, bytes from beside').raw().iterate())
      if (!isOfDigest((row as readonly unknown[])[1], (row as readonly unknown[])[0])) return false
    return true
  }) ?? false

/** What is kept beside the log under `digest`; undefined: it is not there, or not what was written. */
export const besideIn = (db: Database, digest: string): Buffer | undefined => {
  const bytes = unlessDamaged(() => db.prepare('select bytes from beside where digest = ?').pluck().get(digest))
  return isOfDigest(bytes, digest) ? bytes : undefined
}

const isOfDigest = (bytes: unknown, digest: unknown): bytes is Buffer =>
  Buffer.isBuffer(bytes) && createHash('sha256').update(bytes).digest('hex') === digest
