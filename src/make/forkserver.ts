/**
 * The spawner over the C program: half a millisecond a process, off the event loop, and with it all it started ends when
 * this process does, however it does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import * as E from 'fp-ts/lib/Either.js'
import {
  decodeReply,
  encodeCommand,
  type ForkserverCommand,
  type ForkserverReply,
  type RunRequest,
} from './forkserver-messages.js'
import { FrameDecoder } from './frame.js'
import { exitOf, isPassing, Retries, type Spawner, type SpawnHandlers } from './spawner.js'

/** One command's worth of paths: a stretch the forkserver looks at in about 10 ms, so that starts need not wait long. */
const STAT_COUNT_MAX = 16_384
const STAT_SIZE_MAX = 4 * 1024 * 1024

/** Cuts NUL-terminated paths into pieces the forkserver likes. */
export const statPieces = (paths: Buffer): readonly Buffer[] => {
  const pieces: Buffer[] = []
  let begin = 0
  let count = 0
  let end = 0
  while (end < paths.length) {
    const nul = paths.indexOf(0, end)
    const next = nul < 0 ? paths.length : nul + 1
    if (count === STAT_COUNT_MAX || (count > 0 && next - begin > STAT_SIZE_MAX)) {
      pieces.push(paths.subarray(begin, end))
      begin = end
      count = 0
    }
    end = next
    count++
  }
  if (begin < end) pieces.push(paths.subarray(begin, end))
  return pieces
}

/** A statistics request on its way: filled piece by piece, in order. */
interface StatWaiter {
  readonly resolve: (words: Int32Array) => void
  readonly reject: (error: Error) => void
}

/**
 * How the forkserver is started. With `warmShell`, a library made of its source, it lives in a shell that is forked in
 * place of being started for each do-file (`native/redford.c` tells how, decision 021 why); where the system does not load the
 * library, this command line makes the shell start the plain program. `ps` shows do-files in the room of the last argument.
 */
export const forkserverCommand = (
  program: string,
  warmShell: string | undefined,
  face = '--forkserver',
): { readonly file: string; readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv } => {
  // A colon or blank would part the path in two; a user's own library wants to be loaded by a shell that is really started.
  if (warmShell === undefined || /[\s:]/.test(warmShell) || process.env.LD_PRELOAD)
    return { file: program, args: [face], env: process.env }
  const args = ['-c', 'exec "$0" "$1"', program, face, ' '.repeat(1024)]
  return { file: '/bin/sh', args, env: { ...process.env, LD_PRELOAD: warmShell } }
}

/** Spawner over the C program: `program --forkserver`, in a warm shell if there is one, started at once. */
export const nativeSpawner = (program: string, warmShell: string | undefined, handlers: SpawnHandlers): Spawner =>
  new NativeSpawner(program, warmShell, handlers)

class NativeSpawner implements Spawner {
  /** Of the process that was started last; 0: none was yet. */
  pid = 0
  private readonly command: ReturnType<typeof forkserverCommand>
  /** Not there while the system is too short of something to start one. */
  private process: ChildProcess | undefined = undefined
  /** That it could not be started was thrown, and is told at once. */
  private hasThrown = false
  private decoder = new FrameDecoder()
  private readonly handlers: SpawnHandlers
  private readonly retries: Retries
  /** What each process is told first. */
  private readonly envs = new Map<number, Buffer>()
  private takesNotes = false
  /** Runs that have been sent and are not over. */
  private readonly running = new Map<number, RunRequest>()
  /** Those that are to stand by, and have not been told to go. */
  private readonly standing = new Set<number>()
  private readonly stats = new Map<number, StatWaiter>()
  private sequence = 0
  private isClosing = false
  private isLost = false
  private ended: Promise<void> = Promise.resolve()

  constructor(program: string, warmShell: string | undefined, handlers: SpawnHandlers) {
    this.handlers = handlers
    this.command = forkserverCommand(program, warmShell)
    this.retries = new Retries(handlers, (request) =>
      this.send(this.standing.has(request.runId) ? 'standby' : 'run', request),
    )
    this.begin()
  }

  /** Starts the process, if there is none. */
  private begin(): void {
    if (this.process !== undefined || this.hasThrown || this.isClosing) return
    const { file, args, env } = this.command
    let child: ChildProcess
    try {
      child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    } catch (error) {
      // Some of what the system may be short of is thrown, some is told by an error of the process.
      this.hasThrown = true
      queueMicrotask(() => {
        this.hasThrown = false
        this.onNotStarted(undefined, error as NodeJS.ErrnoException)
      })
      return
    }
    this.process = child
    this.decoder = new FrameDecoder()
    // They are not there if it could not be started for want of open files.
    child.stdin?.on('error', () => {}) // Told by the exit.
    child.stdout?.on('data', (chunk: Buffer) => this.onData(chunk))
    this.ended = new Promise((resolve) => {
      // `close` and not `exit`: replies may still be in the pipe. Nobody but the forkserver holds its other end.
      child.on('close', (code, signal) => {
        if (child.pid !== undefined) this.onLost(`the forkserver ended (${signal ?? `exit ${code}`})`)
        resolve()
      })
      child.on('error', (error) => {
        this.onNotStarted(child, error)
        resolve()
      })
    })
    if (child.pid === undefined) return
    this.pid = child.pid
    this.handlers.begun(child.pid)
    for (const [envId, env] of this.envs) this.tell({ _tag: 'define', envId, env })
    if (this.takesNotes) this.tell({ _tag: 'notes' })
  }

  /** Where that passes, whatever was to run waits, and has it started when it is tried again. */
  private onNotStarted(child: ChildProcess | undefined, error: NodeJS.ErrnoException): void {
    const why = `the forkserver does not start: ${error.message}`
    const errno = Math.abs(error.errno ?? 0)
    if (!isPassing(errno)) return this.onLost(why)
    if (this.isLost || this.process !== child) return
    this.process = undefined
    this.rejectStats(why)
    const requests = [...this.running.values()]
    this.running.clear()
    if (!this.isClosing) for (const request of requests) this.retries.onFailed(request, errno, why)
  }

  define(envId: number, env: Buffer): void {
    this.envs.set(envId, env)
    this.tell({ _tag: 'define', envId, env })
  }

  run(request: RunRequest): void {
    this.send('run', request)
  }

  standby(request: RunRequest): void {
    this.standing.add(request.runId)
    this.send('standby', request)
  }

  go(runId: number): void {
    this.standing.delete(runId)
    if (!this.isLost && !this.isClosing) this.tell({ _tag: 'go', runId })
  }

  notes(): void {
    this.takesNotes = true
    this.tell({ _tag: 'notes' })
  }

  private send(_tag: 'run' | 'standby', request: RunRequest): void {
    if (this.isLost || this.isClosing) {
      queueMicrotask(() => this.handlers.failed(request.runId, constants.errno.EPIPE, 'the forkserver is gone'))
      return
    }
    this.begin()
    this.running.set(request.runId, request)
    this.tell({ _tag, ...request })
  }

  /** All that is said in one go wakes it once. */
  private tell(command: ForkserverCommand): void {
    const input = this.process?.stdin
    if (!input) return
    if (input.writableCorked === 0) {
      input.cork()
      process.nextTick(() => input.uncork())
    }
    input.write(encodeCommand(command))
  }

  kill(runId: number, signal: number): void {
    // Or it was not sent to anybody.
    if (this.retries.cancel(runId) || (this.process?.pid === undefined && this.running.delete(runId))) {
      this.standing.delete(runId)
      queueMicrotask(() => this.handlers.exited(exitOf(runId, -1, signal)))
    } else if (!this.isLost && !this.isClosing) this.tell({ _tag: 'kill', runId, signal })
  }

  async stat(paths: Buffer): Promise<Int32Array> {
    const pieces = await Promise.all(statPieces(paths).map((piece) => this.statPiece(piece)))
    if (pieces.length === 1) return pieces[0]!
    const words = new Int32Array(pieces.reduce((size, piece) => size + piece.length, 0))
    let at = 0
    for (const piece of pieces) {
      words.set(piece, at)
      at += piece.length
    }
    return words
  }

  close(): Promise<void> {
    this.isClosing = true
    this.retries.cancelAll()
    this.process?.stdin?.end()
    return this.ended
  }

  private statPiece(paths: Buffer): Promise<Int32Array> {
    return new Promise((resolve, reject) => {
      if (this.isLost || this.isClosing) return reject(new Error('the forkserver is gone'))
      this.begin()
      const sequence = ++this.sequence >>> 0
      this.stats.set(sequence, { resolve, reject })
      this.tell({ _tag: 'stat', sequence, paths })
    })
  }

  private onData(chunk: Buffer): void {
    const { frames, error } = this.decoder.push(chunk)
    for (const frame of frames) {
      const reply = decodeReply(frame)
      if (E.isRight(reply)) this.onReply(reply.right)
      // Whoever left it did not get it from us.
      else if (reply.left._tag === 'malformed' && reply.left.type === 'Q') continue
      else this.process?.kill('SIGKILL')
    }
    if (error !== undefined) this.process?.kill('SIGKILL')
  }

  private onReply(reply: ForkserverReply): void {
    switch (reply._tag) {
      case 'started':
        this.standing.delete(reply.runId)
        this.retries.forget(reply.runId)
        return this.handlers.started(reply.runId, reply.pid)
      case 'noted':
        return this.handlers.noted(reply)
      case 'exited':
        this.standing.delete(reply.runId)
        this.running.delete(reply.runId)
        return this.handlers.exited(reply)
      case 'failed': {
        // It was to start by then.
        this.standing.delete(reply.runId)
        const request = this.running.get(reply.runId)
        this.running.delete(reply.runId)
        if (request !== undefined && !this.isClosing) this.retries.onFailed(request, reply.errno, reply.text)
        return
      }
      case 'stats': {
        this.stats.get(reply.sequence)?.resolve(reply.words)
        this.stats.delete(reply.sequence)
      }
    }
  }

  private rejectStats(why: string): void {
    for (const { reject } of this.stats.values()) reject(new Error(why))
    this.stats.clear()
  }

  /** Also the ordinary end after `close`, when nothing is told but to those who wait for stats. */
  private onLost(why: string): void {
    if (this.isLost) return
    this.isLost = true
    this.rejectStats(why)
    const interrupted = [...this.running.keys(), ...this.retries.cancelAll()]
    if (this.isClosing) return
    this.running.clear()
    for (const runId of interrupted) this.handlers.failed(runId, constants.errno.EPIPE, why)
    this.handlers.lost(why)
  }
}
