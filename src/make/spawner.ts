/**
 * Starting processes for do-files: what every spawner promises, and what all of them do when the system is short of
 * something. `forkserver.ts` and `node-spawner.ts` are the two there are.
 */
import { constants } from 'node:os'
import type { Exit, Note, RunRequest } from './forkserver-messages.js'

export interface SpawnHandlers {
  /** The process that starts runs has begun, and none runs under it yet: the forkserver, or this process. */
  begun(pid: number): void
  /** The program runs, or did: never told later than its end. `pid` is also its process group. */
  started(runId: number, pid: number): void
  exited(exit: Exit): void
  /** A run has read sources. Told before its end, of a spawner that takes `notes`. */
  noted(note: Note): void
  /** The run could not be started, and trying again would not help. `text` names what was tried. */
  failed(runId: number, errno: number, text: string): void
  /** The system is out of processes, descriptors or memory: the run waits and is tried again. For the status line. */
  retrying(runId: number, errno: number, delayMs: number): void
  /** The spawner itself is gone; every run in flight has been reported failed. Never called after `close`. */
  lost(why: string): void
}

/** How a do-file ended, or why it could not be started. */
export type End = Exit | { readonly errno: number; readonly text: string }

/** An end of which nothing else is known. */
export const exitOf = (runId: number, exitCode: number, signal: number, hasCompany = false): Exit => ({
  runId,
  exitCode,
  signal,
  hasCompany,
  isStdoutUnused: false,
  isStderrUnused: false,
})

export interface Spawner {
  /** As `begun` told of it last. */
  readonly pid: number
  /** `env`: NAME=value strings, each with a NUL behind it. To be called before the first run that names `envId`. */
  define(envId: number, env: Buffer): void
  run(request: RunRequest): void
  /**
   * Has it started as soon as another run exits with 0, without a way to here and back in between. One at a time; it is over with
   * `started`, `exited` or `failed`, like others. Not all spawners have it.
   */
  standby?(request: RunRequest): void
  /** Starts what stands by, if it was not started by itself meanwhile. */
  go?(runId: number): void
  /** To the whole process group, also after the exit of its leader. A run that waits, to be tried again or for another, ends by it. */
  kill(runId: number, signal: number): void
  /** Tells of the notes that do-files leave; the working folder must be the project's root. Not all spawners do. */
  notes?(): void
  /** Bulk stat; not all spawners have it. Four words a path: kind, errno or 0, stat0, stat1 (`look.ts`). `paths`: each with a NUL behind it. */
  stat?(paths: Buffer): Promise<Int32Array>
  /** Ends all groups and the spawner; resolves when that is done. */
  close(): Promise<void>
}

/** Failures that pass: someone else's processes end, and ours do. Never a broken build. */
const PASSING: readonly number[] = [
  constants.errno.EAGAIN,
  constants.errno.EMFILE,
  constants.errno.ENFILE,
  constants.errno.ENOMEM,
]

export const isPassing = (errno: number): boolean => PASSING.includes(errno)

const RETRY_DELAY_MS = 10
const RETRY_DELAY_MS_MAX = 1000

/** Tries runs again that failed for want of something the system will have later, ever more slowly. */
export class Retries {
  private readonly waiting = new Map<number, NodeJS.Timeout>()
  private readonly delays = new Map<number, number>()
  private readonly handlers: SpawnHandlers
  private readonly again: (request: RunRequest) => void

  constructor(handlers: SpawnHandlers, again: (request: RunRequest) => void) {
    this.handlers = handlers
    this.again = again
  }

  /** Reports the failure, or arranges for another attempt. */
  onFailed(request: RunRequest, errno: number, text: string): void {
    const { runId } = request
    if (!isPassing(errno)) {
      this.forget(runId)
      return this.handlers.failed(runId, errno, text)
    }
    const delayMs = this.delays.get(runId) ?? RETRY_DELAY_MS
    this.delays.set(runId, Math.min(delayMs * 2, RETRY_DELAY_MS_MAX))
    const timer = setTimeout(() => {
      this.waiting.delete(runId)
      this.again(request)
    }, delayMs)
    this.waiting.set(runId, timer)
    this.handlers.retrying(runId, errno, delayMs)
  }

  /** To be called when a run has started: its next failure, in another run of that number, is a first one again. */
  forget(runId: number): void {
    this.delays.delete(runId)
  }

  /** Gives up a run that waits. True if it did. */
  cancel(runId: number): boolean {
    const timer = this.waiting.get(runId)
    if (timer === undefined) return false
    clearTimeout(timer)
    this.waiting.delete(runId)
    this.forget(runId)
    return true
  }

  /** Gives up all that wait; which they were. */
  cancelAll(): readonly number[] {
    return [...this.waiting.keys()].filter((runId) => this.cancel(runId))
  }
}

/** Does `work`, which must not wait for anything, with another file mode creation mask of this process. */
export const withUmask = <A>(umask: number, work: () => A): A => {
  const own = process.umask(umask)
  try {
    return work()
  } finally {
    process.umask(own)
  }
}
