/**
 * Reads a recording: as much of it as is, to the last bit, what was written. It never writes to the file, and needs nothing else.
 */

import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { digestOf, digestText } from '../../model/digest.js'
import { Misuse } from '../../model/misuse.js'
import { closeQuietly, Damage, isDamage } from '../database.js'
import { type Database, openFile, type Statement } from '../sqlite.js'
import { ByteReader } from './bytes.js'
import {
  type About,
  APPLICATION_ID,
  FORMAT,
  headerOf,
  isCutShort,
  type RecordedSetting,
  rollBack,
  SUM_BYTES,
  sealOf,
} from './format.js'
import type { RecordingError } from './reading-error.js'
import { decodeTick, type TickRecord } from './record.js'
import { decodeSnapshot, type Snapshot } from './snapshot.js'
import {
  besideIn,
  type Chunk,
  isBesideWhole,
  isFitting,
  type Seals,
  snapshotsOf,
  startOf,
  validChunks,
} from './valid.js'

export interface RecordedTick extends TickRecord {
  readonly tick: number
  /** Of the state after it. */
  readonly digest: string
  /** Microseconds since the tick before it. */
  readonly elapsed: number
}

interface Decoded {
  readonly log: Buffer
  /** Where each record begins in it. */
  readonly starts: readonly number[]
  readonly sums: Buffer
  readonly times: readonly number[]
}

const CACHED_CHUNKS = 8

export class RecordingReader {
  /** How many ticks can be used. */
  readonly ticks: number
  /** It was ended in order: neither is it being written, nor was who did so killed. */
  readonly isEnded: boolean
  /** What it says of itself, or of what sources were set to before the first tick, is not what was written. */
  readonly isAltered: boolean
  /** Where it ends too early: what comes after tick `ticks` is damaged or missing. */
  readonly damage: string | undefined
  /** No value that is kept beside the log is known to be damaged or missing. One that is missing is known once it is looked for. */
  isBesideWhole: boolean
  private readonly chunks: readonly Chunk[]
  private snapshotTicks: readonly number[]
  /** Those that are known to be of the tick that they are found by. */
  private readonly checkedSnapshots = new Set([0])
  /** The one that was looked at last, until somebody has it: it is theirs then. */
  private snapshot: { readonly tick: number; readonly snapshot: Snapshot } | undefined = undefined
  private readonly cache = new Map<number, Decoded>()
  private lastSums: { readonly id: number; readonly sums: Buffer } | undefined

  private chunkById: Statement | undefined = undefined
  /** The chunk that was looked for last. */
  private last: Chunk | undefined = undefined
  private isClosed = false
  /** Told of the first tick of a part, as that is read from the file: who goes through all of a long one may take a while. */
  onRead: ((tick: number) => void) | undefined = undefined

  private constructor(
    private readonly database: Database,
    readonly path: string,
    readonly about: About,
    /** What sources were set to before the first tick. */
    private readonly settings: readonly RecordedSetting[],
    seals: Seals,
    end: string | undefined,
  ) {
    const { db } = this
    const start = startOf(db, seals)
    const { chunks, damage } = validChunks(db, start)
    this.chunks = chunks
    const last = chunks[chunks.length - 1]
    this.ticks = last === undefined ? 0 : last.first + last.count - 1
    // One that was ended may be gone on with while it is read.
    this.isEnded = end !== undefined && metaIn(db).get('end') === end
    const missing = this.isEnded ? endIn(end!) - this.ticks : 0
    this.isAltered =
      (!seals.stored.equals(seals.computed) && (start !== seals.computed || !isFitting(db, start))) || missing < 0
    this.damage = damage ?? (missing > 0 ? `${missing} tick${missing === 1 ? ' is' : 's are'} missing` : undefined)
    this.snapshotTicks = snapshotsOf(db).filter((tick) => tick <= this.ticks)
    this.isBesideWhole = isBesideWhole(db)
    if (this.snapshotTicks[0] !== 0) throw new Damage('its first state is damaged')
  }

  static open(path: string): E.Either<RecordingError, RecordingReader> {
    let header: ReturnType<typeof headerOf>
    try {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat?.isDirectory()) return E.left({ _tag: 'folder', path })
      if (stat === undefined) return E.left({ _tag: 'absent', path })
      if (!stat.isFile()) return E.left({ _tag: 'noFile', path })
      header = headerOf(path)
    } catch (error) {
      return E.left({ _tag: 'unreadable', path, why: (error as Error).message })
    }
    const { application, version } = header
    if (application !== APPLICATION_ID)
      return E.left({ _tag: 'unreadable', path, why: 'it is no recording of Redford' })
    if (version !== FORMAT)
      return E.left({ _tag: version > FORMAT ? 'newer' : 'older', path, found: version, known: FORMAT })
    if (isCutShort(path)) {
      const why = 'its name ends with a blank, which better-sqlite3 leaves out: rename it'
      return E.left({ _tag: 'unreadable', path, why })
    }
    let db: Database | undefined
    try {
      rollBack(path)
      // To better-sqlite3 a file may have a name by which it means none.
      db = openFile(resolve(path), { readonly: true })
      // A file that was cut off has fewer pages than its header says: SQLite refuses all of it, but in this mode, which is for repairs.
      db.unsafeMode(true)
      db.pragma('writable_schema = on')
      const meta = metaIn(db)
      const about = aboutIn(meta.get('about'))
      if (about === undefined)
        throw new Damage(
          `it does not say what it is: where it was copied while it was written, ${path}-wal belongs to it`,
        )
      const settings = String(meta.get('settings'))
      const seals = {
        stored: Buffer.from(String(meta.get('seal')), 'hex'),
        computed: sealOf(String(meta.get('about')), settings),
      }
      return E.right(new RecordingReader(db, path, about, settingsIn(settings), seals, meta.get('end')))
    } catch (error) {
      if (db !== undefined) closeQuietly(db)
      if (!isDamage(error) && !(error instanceof SyntaxError)) throw error
      const why = error instanceof Damage ? error.message : openingWords(path, error as Error)
      return E.left({ _tag: 'unreadable', path, why })
    }
  }

  close(): void {
    this.isClosed = true
    this.cache.clear()
    this.lastSums = undefined
    this.snapshot = undefined
    closeQuietly(this.database)
  }

  /** @throws Misuse once it is closed */
  private get db(): Database {
    if (this.isClosed) throw new Misuse(`${this.path}: the recording is closed: open it again, or close it later`)
    return this.database
  }

  /** Tick `tick`, from 1 to `ticks`. */
  at(tick: number): RecordedTick {
    const chunk = this.chunkOf(tick)
    const decoded = this.decoded(chunk)
    const i = tick - chunk.first
    return {
      tick,
      ...decodeTick(decoded.log, decoded.starts[i]!),
      digest: digestAt(decoded.sums, i),
      elapsed: decoded.times[i] ?? 0,
    }
  }

  /** What happened in it alone: for those who read many. */
  recordAt(tick: number): TickRecord {
    const chunk = this.chunkOf(tick)
    const { log, starts } = this.decoded(chunk)
    return decodeTick(log, starts[tick - chunk.first]!)
  }

  /** The digest of the state after tick `tick`. */
  digestAt(tick: number): string {
    const chunk = this.chunkOf(tick)
    return digestAt(this.decoded(chunk).sums, tick - chunk.first)
  }

  /** What sources are set to after tick `tick`, by name as a byte string. */
  settingsAt(tick: number): readonly RecordedSetting[] {
    const found = new Map(this.settings.map((setting) => [setting.name, setting]))
    for (let t = 1; t <= tick; t++)
      for (const setting of this.at(t).settings) {
        if (setting.to._tag === 'unset') found.delete(setting.name)
        else found.set(setting.name, setting)
      }
    return Array.from(found.values())
  }

  /** The tick of the newest snapshot that is not after `tick`: of one that no digest fits, that tick may be damaged. */
  snapshotTickFor(tick: number): number {
    const at = this.snapshotTicks.findLast((each) => each <= tick)!
    if (this.checkedSnapshots.has(at)) return at
    const snapshot = this.snapshotAt(at)
    if (digestOf(snapshot.state) !== this.digestAt(at)) {
      this.snapshotTicks = this.snapshotTicks.filter((each) => each !== at)
      return this.snapshotTickFor(tick)
    }
    this.checkedSnapshots.add(at)
    this.snapshot = { tick: at, snapshot }
    return at
  }

  /** That snapshot. */
  snapshotFor(tick: number): Snapshot {
    const at = this.snapshotTickFor(tick)
    const known = this.snapshot
    this.snapshot = undefined
    return known?.tick === at ? known.snapshot : this.snapshotAt(at)
  }

  private snapshotAt(tick: number): Snapshot {
    return decodeSnapshot(this.db.prepare('select bytes from snapshots where tick = ?').pluck().get(tick) as Buffer)
  }

  /** What was kept beside the log; undefined: it is not there, or not what was written. */
  beside(digest: string): string | undefined {
    const bytes = besideIn(this.db, digest)
    if (bytes === undefined) this.isBesideWhole = false
    return bytes?.toString()
  }

  /** The first tick at which `other` is not the same, by the chains and links; undefined: one is a beginning of the other. */
  firstDifference(other: RecordingReader): number | undefined {
    const ticks = Math.min(this.ticks, other.ticks)
    for (let tick = 1; tick <= ticks; tick++) {
      const [mine, others] = [this.chunkOf(tick), other.chunkOf(tick)]
      if (mine.chain.length > 0 && mine.chain.equals(others.chain)) tick = mine.first + mine.count - 1
      else if (!this.sumAt(mine, tick).equals(other.sumAt(others, tick))) return tick
    }
    return undefined
  }

  private sumAt({ id, first }: Chunk, tick: number): Buffer {
    if (this.lastSums?.id !== id) {
      const sums = this.db.prepare('select sums from chunks where id = ?').pluck().get(id) as Buffer
      this.lastSums = { id, sums }
    }
    const at = (tick - first) * SUM_BYTES
    return this.lastSums.sums.subarray(at, at + SUM_BYTES)
  }

  private chunkOf(tick: number): Chunk {
    const { last } = this
    if (last !== undefined && tick >= last.first && tick < last.first + last.count) return last
    this.last = this.searched(tick)
    return this.last
  }

  private searched(tick: number): Chunk {
    let [low, high] = [0, this.chunks.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.chunks[middle]!.first <= tick) low = middle
      else high = middle - 1
    }
    return this.chunks[low]!
  }

  private decoded(chunk: Chunk): Decoded {
    const known = this.cache.get(chunk.id)
    if (known !== undefined) return known
    const { db } = this
    this.onRead?.(chunk.first)
    this.chunkById ??= chunkQuery(db)
    const row = this.chunkById.get(chunk.id) as Buffer[]
    const decoded = decodeChunk(row[0]!, row[1]!, row[2]!, chunk.count)
    if (this.cache.size >= CACHED_CHUNKS) this.cache.delete(this.cache.keys().next().value!)
    this.cache.set(chunk.id, decoded)
    return decoded
  }
}

/** Sums, times and log of a chunk. Nothing is checked by the times: where the file does not say any more which they are, all else holds without. */
const chunkQuery = (db: Database): Statement => {
  const columns = (times: string): Statement => db.prepare(`select sums, ${times}, log from chunks where id = ?`).raw()
  try {
    return columns('times')
  } catch (error) {
    if (!isDamage(error)) throw error
    return columns("x''")
  }
}

const digestAt = (sums: Buffer, i: number): string =>
  digestText([sums.readInt32LE(i * SUM_BYTES), sums.readInt32LE(i * SUM_BYTES + 4)])

const decodeChunk = (sums: Buffer, times: Buffer, log: Buffer, count: number): Decoded => {
  const r = new ByteReader(log)
  const starts: number[] = []
  for (let i = 0; i < count; i++) {
    const length = r.length()
    starts.push(r.at)
    r.at += length
  }
  const t = new ByteReader(times)
  const elapsed: number[] = []
  try {
    while (!t.isAtEnd) elapsed.push(t.count())
  } catch (error) {
    // Nothing but times hangs on them, and the chain says nothing of them.
    if (!isDamage(error)) throw error
  }
  return { log, starts, sums, times: elapsed }
}

/** What is said of it, by key. */
const metaIn = (db: Database): ReadonlyMap<string, string> =>
  new Map(db.prepare('select key, value from meta').raw().all() as [string, string][])

/** What it says of itself, where that may be damaged: rules and options as far as they are such. Undefined: not even what it is of. */
const aboutIn = (text = 'null'): About | undefined => {
  const found = JSON.parse(text) as Partial<About> | null
  if (typeof found?.face !== 'string') return undefined
  const { policy, rules, options } = found
  return {
    ...(found as About),
    policy: typeof policy === 'string' ? policy : '',
    rules: Array.isArray(rules) ? rules.filter((rule) => typeof rule?.name === 'string') : [],
    options: typeof options === 'object' && options !== null ? options : {},
  }
}

/** After how many ticks it was ended, in order: fewer than none where that is damaged. */
const endIn = (text: string): number => {
  try {
    const { ticks } = JSON.parse(text) as { readonly ticks?: unknown }
    return Number.isSafeInteger(ticks) ? (ticks as number) : -1
  } catch {
    return -1
  }
}

/** None where it is no list. */
const settingsIn = (text: string): readonly RecordedSetting[] => {
  try {
    const found = JSON.parse(text) as unknown
    return Array.isArray(found) ? found.filter((each) => typeof each?.name === 'string' && each.to) : []
  } catch {
    return []
  }
}

/** Of one that was not ended, and lies where nothing may be written, SQLite reads nothing. */
const openingWords = (path: string, error: Error & { readonly code?: string }): string =>
  /^SQLITE_(CANTOPEN|READONLY|PERM)/.test(error.code ?? '')
    ? `it was not ended in order, and SQLite may not write beside it (${error.message}): copy it, with ${path}-wal, to where you may`
    : `it is damaged from its beginning on (${error.message})`
