/**
 * The spawner over `child_process`, for where there is no C compiler. Slower (2 ms a process, most of it on the event
 * loop), and if this process is killed outright its groups live on until the next start finds their records.
 */
import { isUtf8 } from 'node:buffer'
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import fs from 'node:fs'
import { constants } from 'node:os'
import type { RunRequest } from './forkserver-messages.js'
import { unpackStrings } from './frame.js'
import { bytes } from './path.js'
import { exitOf, Retries, type Spawner, type SpawnHandlers, withUmask } from './spawner.js'

/** What a group gets between SIGTERM and SIGKILL, in ms; as the forkserver. */
const GRACE_MS = 200

export const nodeSpawner = (handlers: SpawnHandlers): Spawner => new NodeSpawner(handlers)

/** A process group: named by its leader, kept after the leader's exit while it has members. */
interface Group {
  readonly pid: number
  readonly isLeaderDone: boolean
}

class NodeSpawner implements Spawner {
  readonly pid = process.pid
  private readonly handlers: SpawnHandlers
  private readonly retries: Retries
  private readonly envs = new Map<number, readonly string[]>()
  private readonly groups = new Map<number, Group>()
  private isClosing = false
  /** Called at each exit while closing. */
  private onExit = (): void => {}

  constructor(handlers: SpawnHandlers) {
    this.handlers = handlers
    this.retries = new Retries(handlers, (request) => this.run(request))
    handlers.begun(this.pid)
  }

  define(envId: number, env: Buffer): void {
    this.envs.set(envId, unpackStrings(env) ?? [])
  }

  run(request: RunRequest): void {
    const { envId, argv } = request
    const env = this.envs.get(envId)
    const [program] = argv
    const opened: number[] = []
    try {
      if (this.isClosing || env === undefined || program === undefined) throw problem('EINVAL', 'environment')
      if (!fs.statSync(bytes(request.cwd)).isDirectory()) throw problem('ENOTDIR', 'cwd')
      const open = (path: string, flags: string, mode: number): number => {
        const fd = fs.openSync(path === '' ? '/dev/null' : bytes(path), flags, mode)
        opened.push(fd)
        return fd
      }
      const stderr = open(request.stderrPath, 'a', 0o600)
      const child = withUmask(request.umask, () => {
        const stdio = ['ignore' as const, open(request.stdoutPath, 'w', 0o666), stderr]
        return spawnBytes(argv, request.cwd, [...env, ...request.extraEnv], { stdio, detached: true })
      })
      this.watch(request, child)
    } catch (error) {
      this.onFailed(request, error as NodeJS.ErrnoException)
    } finally {
      for (const fd of opened) fs.closeSync(fd)
    }
  }

  kill(runId: number, signal: number): void {
    if (this.retries.cancel(runId)) queueMicrotask(() => this.onDone(runId, -1, signal))
    else killGroup(this.groups.get(runId)?.pid, signal)
  }

  async close(): Promise<void> {
    this.isClosing = true
    this.retries.cancelAll()
    this.killAll(constants.signals.SIGTERM)
    if (!(await this.allGone(GRACE_MS))) {
      this.killAll(constants.signals.SIGKILL)
      await this.allGone(GRACE_MS)
    }
  }

  private killAll(signal: number): void {
    for (const { pid } of this.groups.values()) killGroup(pid, signal)
  }

  /** Resolves with true as soon as no group is left, with false when the time is over. */
  private allGone(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      // Members that outlive their leader end without telling us: hence the look every few ms.
      const settle = (isGone: boolean): void => {
        clearInterval(again)
        clearTimeout(timeout)
        this.onExit = () => {}
        resolve(isGone)
      }
      const check = (): void => {
        this.prune()
        if (this.groups.size === 0) settle(true)
      }
      const again = setInterval(check, 5)
      const timeout = setTimeout(() => settle(false), timeoutMs)
      this.onExit = check
      check()
    })
  }

  private watch(request: RunRequest, child: ChildProcess): void {
    const { runId } = request
    // Failures to start are told by this event, in a later turn; so is the start itself, by that one.
    child.once('error', (error) => this.onFailed(request, error))
    child.once('spawn', () => {
      this.retries.forget(runId)
      if (!this.isClosing) this.handlers.started(runId, child.pid!)
    })
    // Not `close`, which would wait for a background child that keeps the files open.
    child.once('exit', (code, signal) => {
      this.groups.set(runId, { pid: child.pid!, isLeaderDone: true })
      this.prune()
      this.onDone(runId, code ?? -1, signal === null ? 0 : constants.signals[signal])
      this.onExit()
    })
    if (child.pid !== undefined) this.groups.set(runId, { pid: child.pid, isLeaderDone: false })
  }

  private onDone(runId: number, exitCode: number, signal: number): void {
    if (!this.isClosing) this.handlers.exited(exitOf(runId, exitCode, signal, this.groups.has(runId)))
  }

  private onFailed(request: RunRequest, error: NodeJS.ErrnoException): void {
    if (this.isClosing) return
    const errno = Math.abs(error.errno ?? constants.errno.EINVAL)
    queueMicrotask(() => this.retries.onFailed(request, errno, error.message))
  }

  /** A number of a group with members is not given to a new process; so groups are kept exactly as long. */
  private prune(): void {
    for (const [runId, { pid, isLeaderDone }] of this.groups)
      if (isLeaderDone && !killGroup(pid, 0)) this.groups.delete(runId)
  }
}

const problem = (code: keyof typeof constants.errno, text: string): Error =>
  Object.assign(new Error(`${text}: ${code}`), { code, errno: constants.errno[code] })

/** False when there is no such group any more. */
const killGroup = (pid: number | undefined, signal: number): boolean => {
  if (pid === undefined) return false
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

type Options = Pick<SpawnOptions, 'stdio' | 'detached'>

/**
 * Spawns with byte strings. Node writes all strings as UTF-8, so what is valid UTF-8 is decoded first; for the rest a
 * shell makes the words from escapes, which are plain ASCII.
 */
const spawnBytes = (argv: readonly string[], cwd: string, env: readonly string[], options: Options): ChildProcess => {
  const odd = [...argv, cwd].some((word) => !isUtf8(bytes(word)))
  const [good, bad] = [env.filter((entry) => isUtf8(bytes(entry))), env.filter((entry) => !isUtf8(bytes(entry)))]
  const all = { ...options, env: envObject(good) }
  if (odd || bad.length > 0) return spawn('/bin/sh', ['-c', shellWords(argv, cwd, bad)], { ...all, cwd: '/' })
  const [program, ...args] = argv.map((word) => bytes(word).toString())
  return spawn(program!, args, { ...all, cwd: bytes(cwd).toString() })
}

const envObject = (entries: readonly string[]): NodeJS.ProcessEnv =>
  Object.fromEntries(
    entries
      .map((entry) => bytes(entry).toString())
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )

/** Sets the shell's variable `redford_word` to these bytes. The x at the end protects newlines, which "$(...)" would strip. */
const setWord = (word: string): string => {
  const escaped = word.replace(/[^A-Za-z0-9/._-]/g, (char) => `\\0${char.charCodeAt(0).toString(8).padStart(3, '0')}`)
  return `redford_word=$(printf %b '${escaped}x'); redford_word=\${redford_word%x}`
}

const shellWords = (argv: readonly string[], cwd: string, env: readonly string[]): string =>
  [
    `${setWord(cwd)}; cd "$redford_word" || exit 126`,
    'set --',
    ...argv.map((word) => `${setWord(word)}; set -- "$@" "$redford_word"`),
    // A shell cannot export other names; such a variable with such a value is left out.
    ...env
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const)
      .filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      .map(([name, value]) => `${setWord(value)}; export ${name}="$redford_word"`),
    'unset redford_word; exec "$@"',
  ].join('\n')
