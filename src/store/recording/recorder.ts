/**
 * Writes a recording while the engine runs. A tick costs what happened in it; the file is written now and then, in one transaction. A disk
 * that refuses ends the recording, never the build.
 */
import { createHash } from 'node:crypto'
import { StateDigest } from '../../model/digest.js'
import type { Input } from '../../model/event.js'
import type { BuildId } from '../../model/ids.js'
import { messageOf } from '../../model/misuse.js'
import { isKnown, type State } from '../../model/state.js'
import { ByteWriter } from './bytes.js'
import {
  type About,
  CHUNK_BYTES,
  CHUNK_TICKS,
  FIRST_LINK,
  FORMAT,
  linkAfter,
  MEMORY,
  RECORD_LENGTH_BYTES,
  SUM_BYTES,
  sealOf,
} from './format.js'
import { type Name, type NumberedNames, textOfName } from './names.js'
import { type NamedSetting, TickEncoder } from './record.js'
import { bytesOf, encodeSnapshot, endOfNames, packed, packedLater } from './snapshot.js'
import type { RecordedValue } from './value.js'
import { type News, type WrittenChunk, WrittenFile } from './written.js'

export interface RecorderOptions {
  /** A file that is not there yet; or `:memory:`, to be exported later. */
  readonly path: string
  readonly about: Omit<About, 'format'>
  /** What sources are set to before the first tick. */
  readonly settings?: readonly NamedSetting[]
  /** The name of a build as a byte string; undefined for a request. */
  readonly nameOf: (build: BuildId) => Name | undefined
  /** The names in two parts, the same as by `nameOf`. */
  readonly numbered?: NumberedNames
  /** The canonical text of a value that does not fit into its content words; or the value as another recording holds it. */
  readonly textOf: (build: BuildId, value: unknown) => string | RecordedValue
  /** A longer text, in chars, is not put into the log. */
  readonly valueMax: number
  /** Whether longer texts are kept beside the log, instead of by their digest alone. */
  readonly beside: boolean
  /** How many bytes of log lie between two snapshots at least, where the state is not large. Default 4 MiB. */
  readonly snapshotBytes?: number
  /** In microseconds, from whenever. */
  readonly now: () => number
  /** Told once, when the disk refuses; nothing more is recorded then. */
  readonly onTrouble: (error: Error) => void
}

/** How long what happened may be in memory only, in ms. */
const FLUSH_MS = 100
const SNAPSHOT_BYTES = 4 << 20
/** And so much of the bytes of its tables where it is large: a snapshot then takes a fifteenth of what the builds in between take. */
const SNAPSHOT_PART = 1 / 2

export class Recorder {
  private readonly options: RecorderOptions
  private readonly file: WrittenFile
  private readonly digest: StateDigest
  private readonly encoder: TickEncoder
  private link = FIRST_LINK
  private ticks = 0
  // The chunk that is being filled.
  private chunk = 1
  private first = 1
  private log = takeLog()
  private sums = new ByteWriter(CHUNK_TICKS * SUM_BYTES)
  private readonly times = new ByteWriter()
  private lastTime: number
  /** Some of the chunk is not in the file. */
  private isAhead = false
  /** A record is being written to the log. A codec of somebody's own is called for that, and may close the engine. */
  private isWriting = false
  private closedChunks: WrittenChunk[] = []
  /** What they were written to. */
  private closedLogs: ByteWriter[] = []
  private besides = new Map<string, string>()
  private sinceSnapshot = 0
  private isPacking = false
  /** Nothing is expected for now, and what is in the file is all there is. */
  private isSettled = false
  private timer: NodeJS.Timeout | undefined = undefined
  private isOver = false
  /** What ended it early. */
  private trouble: string | undefined = undefined

  /** @throws an error of SQLite's where the file cannot be made */
  constructor(options: RecorderOptions, state: State) {
    this.options = options
    const about: About = { format: FORMAT, ...options.about }
    const settings = (options.settings ?? []).map(({ name, to }) => ({ name: textOfName(name), to }))
    const [aboutText, settingsText] = [JSON.stringify(about), JSON.stringify(settings)]
    this.encoder = new TickEncoder({
      nameOf: options.nameOf,
      numbered: options.numbered,
      recorded: (build, value) => this.recorded(build, value),
    })
    // The name of an id that is not in use may be that of a build before it: it is told when it is used.
    for (let x = 1 as BuildId; x < endOfNames(state); x++)
      if (isKnown(state, x) && options.nameOf(x) !== undefined) this.encoder.know(x)
    const seal = sealOf(aboutText, settingsText)
    const beginning = { about: aboutText, settings: settingsText, seal, snapshot: packed(this.encoded(state)) }
    this.file = new WrittenFile(options.path, beginning)
    this.digest = new StateDigest(state)
    this.lastTime = options.now()
  }

  /** How many ticks it has; undefined once it is over. */
  get length(): number | undefined {
    return this.isOver ? undefined : this.ticks
  }

  /** The digest of the state after the last tick; undefined once it is over: what comes then is not followed. */
  get digestText(): string | undefined {
    return this.isOver ? undefined : this.digest.text
  }

  /** A source was set; told before the tick that takes it in. */
  set(setting: NamedSetting): void {
    if (!this.isOver) this.encoder.set(setting)
  }

  /** As `set`, where the key and the value are integers of 32 bits. */
  setInteger(prefix: string, number: number, value: number): void {
    if (!this.isOver) this.encoder.setInteger(prefix, number, value)
  }

  /** What `textOf` says to be beside, where it gives no text. */
  keepBeside(digest: string, text: string): void {
    this.besides.set(digest, text)
  }

  onTick(input: Input, after: State): void {
    if (this.isOver) return
    const { log } = this
    const from = log.length + RECORD_LENGTH_BYTES
    log.word(0)
    this.isWriting = true
    try {
      this.encoder.write(log, input)
    } catch (error) {
      // A codec of somebody's own takes no more what it took before. What was begun of this tick is not to be in the file.
      log.end = from - RECORD_LENGTH_BYTES
      return this.giveUp(error)
    } finally {
      this.isWriting = false
    }
    if (this.isOver) return
    this.ticks++
    this.digest.advance(after)
    const digest = this.digest.words
    const { news } = after
    for (let i = 0; i < news.length; i++) {
      const each = news[i]!
      if (each._tag === 'forgotten') this.encoder.forget(each.build)
    }
    const bytes = log.length - from
    log.dataView.setInt32(from - RECORD_LENGTH_BYTES, bytes, true)
    this.link = linkAfter(this.link, digest, log.bytes, from, log.length)
    this.sums.word(digest[0])
    this.sums.word(digest[1])
    this.sums.word(this.link[0])
    this.sums.word(this.link[1])
    const now = this.options.now()
    this.times.count(Math.max(0, Math.round(now - this.lastTime)))
    this.lastTime = now
    this.isAhead = true
    this.sinceSnapshot += bytes
    if (log.length >= CHUNK_BYTES || this.ticks - this.first + 1 >= CHUNK_TICKS) this.closeChunk()
    const least = this.options.snapshotBytes ?? SNAPSHOT_BYTES
    if (this.sinceSnapshot >= least && !this.isPacking && this.sinceSnapshot >= SNAPSHOT_PART * bytesOf(after))
      this.snapshotLater(after)
    if (this.timer === undefined) this.flushLater()
  }

  private flushLater(): void {
    this.timer = setTimeout(() => this.flush(), FLUSH_MS).unref()
    leaveAtExit(this)
  }

  private stopTimer(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    untilExit.delete(this)
  }

  private closeChunk(): void {
    this.closedChunks.push(this.filling())
    this.chunk++
    this.first = this.ticks + 1
    // The chunk holds what was written, until it is in the file.
    this.closedLogs.push(this.log)
    this.log = takeLog()
    this.sums = new ByteWriter(CHUNK_TICKS * SUM_BYTES)
    this.times.clear()
    this.isAhead = false
    if (this.closedChunks.length * CHUNK_BYTES > BUFFERED_BYTES) this.flush()
  }

  private filling(): WrittenChunk {
    const { chunk, first, ticks, sums, times, log } = this
    return {
      id: chunk,
      first,
      count: ticks - first + 1,
      sums: sums.view(),
      times: Buffer.from(times.view()),
      log: log.view(),
    }
  }

  /** Puts into the file what is not there yet. */
  flush(): void {
    this.stopTimer()
    if (this.isOver) return
    this.guarded(() => this.write())
  }

  private write(): void {
    this.file.write(this.news(this.isSettled))
    this.closedChunks = []
    keepLogs(this.closedLogs)
    this.closedLogs = []
    this.besides = new Map()
    this.isAhead = false
  }

  private news(isEnd: boolean): News {
    return {
      closed: this.closedChunks,
      filling: this.isAhead ? this.filling() : undefined,
      besides: this.besides,
      end: isEnd ? this.ticks : undefined,
    }
  }

  /** While one is being packed there is no other. */
  private snapshotLater(state: State): void {
    const { ticks } = this
    let whole: Buffer
    try {
      whole = this.encoded(state)
    } catch (error) {
      return this.giveUp(error)
    }
    this.isPacking = true
    packedLater(whole, (bytes) => {
      this.isPacking = false
      if (this.isOver) return
      this.guarded(() => this.file.writeSnapshot(ticks, bytes))
    })
    this.sinceSnapshot = 0
  }

  private encoded(state: State): Buffer {
    // What is not known may be the name of a build before it, and that of another by now.
    const nameOf = (build: BuildId): string | undefined => {
      const name = this.encoder.knows(build) ? this.options.nameOf(build) : undefined
      return name && textOfName(name)
    }
    return encodeSnapshot(state, nameOf, (build, value) => this.recorded(build, value))
  }

  private recorded(build: BuildId, value: unknown): RecordedValue {
    const text = this.options.textOf(build, value)
    if (typeof text !== 'string') return text
    if (text.length <= this.options.valueMax) return { _tag: 'text', text }
    if (!this.options.beside) return { _tag: 'left' }
    const digest = createHash('sha256').update(text).digest('hex')
    this.besides.set(digest, text)
    return { _tag: 'beside', digest }
  }

  /** All there is so far is in the file itself, and ended in order: who copies it need not copy SQLite's log beside it. */
  settle(): void {
    this.isSettled = true
    this.flush()
    if (!this.isOver) this.guarded(() => this.file.emptyLog())
  }

  /** More is to come: what is in the file from the next tick on is not all. */
  goOn(): void {
    this.isSettled = false
  }

  get path(): string {
    return this.options.path
  }

  /** Copies all there is so far into a file of its own, in place of what is there. @throws an error of SQLite's, or that it is over */
  exportTo(path: string): void {
    this.flush()
    if (this.isOver) {
      const rest = this.path === MEMORY ? 'what was recorded is gone' : `what was recorded is in ${this.path}`
      throw new Error(`nothing more is recorded, as was told (${this.trouble}): ${rest}`)
    }
    this.file.copyTo(path, this.ticks)
  }

  /** The file is whole from then on; and alone, unless somebody has it open: then SQLite's log stays beside it. */
  close(): void {
    this.leave(true)
  }

  /** `isEnd`: it is all there was to be. */
  leave(isEnd: boolean): void {
    if (this.isOver) return
    this.stopTimer()
    this.guarded(() => {
      this.file.end(this.news(isEnd))
      keepLogs(this.isWriting ? this.closedLogs : [...this.closedLogs, this.log])
    })
    this.isOver = true
  }

  /** Ends it with what there is so far. */
  private giveUp(error: unknown): void {
    if (this.isOver) return
    this.guarded(() => {
      this.write()
      throw error
    })
  }

  private guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.isOver = true
      this.trouble = messageOf(error)
      this.stopTimer()
      this.file.giveUp()
      this.options.onTrouble(error as Error)
    }
  }
}

/**
 * Those of which something is in memory only: no longer than their timers, so that who forgets one need not keep it for ever. Where a program
 * ends without closing them, be it by an exception, what led to that is in the file.
 */
const untilExit = new Set<Recorder>()
let isExitAwaited = false

const leaveAtExit = (recorder: Recorder): void => {
  untilExit.add(recorder)
  if (isExitAwaited) return
  isExitAwaited = true
  process.once('exit', () => {
    for (const one of untilExit) one.leave(false)
  })
}

/** A chunk, and a record that goes beyond it. */
const LOG_BYTES = 2 * CHUNK_BYTES
/** So much may wait for the timer. */
const BUFFERED_BYTES = 16 << 20

/**
 * Logs that are in a file, to be written to once more, by whichever recorder is next. Memory that nobody touched before costs a page fault for every
 * 4 KiB, and these take longer than to write what is in it.
 */
const spareLogs: ByteWriter[] = []
const SPARE_LOGS = 16

const takeLog = (): ByteWriter => spareLogs.pop() ?? new ByteWriter(LOG_BYTES)

const keepLogs = (logs: readonly ByteWriter[]): void => {
  for (const log of logs) {
    if (log.bytes.length !== LOG_BYTES || spareLogs.length >= SPARE_LOGS) continue
    log.clear()
    spareLogs.push(log)
  }
}
