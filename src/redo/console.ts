/**
 * What one person sees of a build: a line for each do-file that starts, its output in one piece when it has ended, every
 * failure once and again at the end, and on a terminal one live line. Everything goes to standard error; no build waits for it.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import pc from 'picocolors'
import { bytes } from '../make/path.js'
import type { BuildId } from '../model/ids.js'
import type { ClientWriter } from './server.js'
import { printable, targetWord } from './words.js'

/** How much of one do-file's output is shown; the rest is told to be in the log. */
const SHOWN_MAX = 32 * 1024 * 1024
const PIECE = 256 * 1024

export interface ConsoleOptions {
  readonly tty: boolean
  readonly color: boolean
  readonly columns: number
}

/** One failure, as it is told at once and again at the end. */
export interface Failure {
  /** Name of the target as the client calls it. */
  readonly target: string
  readonly why: string
  readonly doFile: string | undefined
  /** File with the do-file's output. */
  readonly log: string | undefined
}

export class Console {
  /** Builds whose failure was told here. */
  readonly told = new Set<BuildId>()
  private readonly out: ClientWriter
  private readonly options: ConsoleOptions
  private readonly colors: ReturnType<typeof pc.createColors>
  private readonly failures: Failure[] = []
  private lastStarted = ''
  private lastStatus = ''

  constructor(out: ClientWriter, options: ConsoleOptions) {
    this.out = out
    this.options = options
    this.colors = pc.createColors(options.color)
  }

  started(target: string, depth = 0): void {
    this.lastStarted = target
    this.line(`${this.colors.green('redo')}  ${'  '.repeat(depth)}${this.colors.bold(printable(target))}`)
  }

  /** A do-file ended well; what it had to say is shown, if anything. */
  output(target: string, log: string | undefined): void {
    if (log === undefined) return
    if (this.lastStarted !== target) this.line(`${this.colors.green('redo')}  ${printable(target)} (its output)`)
    this.lastStarted = target
    this.show(log)
  }

  failed(failure: Failure): void {
    if (failure.log !== undefined) this.output(failure.target, failure.log)
    this.sayFailure(failure)
    if (failure.doFile !== undefined) this.line(`redo    to repeat: redo ${targetWord(failure.target)}`)
    this.failures.push(failure)
  }

  warn(text: string): void {
    this.line(`${this.colors.yellow('redo')}  ${text}`)
  }

  error(text: string): void {
    this.line(`${this.colors.red('redo')}  ${text}`)
  }

  /** The failures again, since they may have scrolled away. */
  summary(): void {
    this.status('')
    if (this.failures.length === 0) return
    this.line(
      `${this.colors.red('redo')}  ${this.failures.length === 1 ? 'one target' : `${this.failures.length} targets`} failed:`,
    )
    for (const failure of this.failures) this.sayFailure(failure)
  }

  /** The live line; only drawn on a terminal. */
  status(text: string): void {
    if (!this.options.tty || text === this.lastStatus) return
    this.lastStatus = text
    const width = this.options.columns > 0 ? this.options.columns - 1 : 79
    this.out.status(Buffer.from([...text].slice(0, width).join('')).toString('latin1'))
  }

  private sayFailure({ target, why, doFile }: Failure): void {
    const by = doFile === undefined ? '' : ` (${printable(doFile)})`
    this.line(`${this.colors.red('redo')}  ${this.colors.bold(printable(target))}: failed, ${why}${by}`)
  }

  private line(text: string): void {
    this.out.stderr(Buffer.from(`${text}\n`))
  }

  /** Copies a log, piece by piece. */
  private show(log: string): void {
    let fd: number
    try {
      fd = openSync(bytes(log), 'r')
    } catch {
      return
    }
    try {
      const { size } = fstatSync(fd)
      const end = Math.min(size, SHOWN_MAX)
      let last = 0x0a
      for (let at = 0; at < end; ) {
        const piece = Buffer.alloc(Math.min(PIECE, end - at))
        const n = readSync(fd, piece, 0, piece.length, at)
        if (n === 0) break
        this.out.stderr(piece.subarray(0, n))
        last = piece[n - 1]!
        at += n
      }
      if (last !== 0x0a) this.out.stderr(Buffer.from('\n'))
      if (size > end) this.line(`redo    ... ${size - end} bytes more in ${printable(log)}`)
    } finally {
      closeSync(fd)
    }
  }
}
