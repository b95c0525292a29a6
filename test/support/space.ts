/**
 * A project of its own in a temporary folder, worked on only through the real commands: what the acceptance and fault tests stand on.
 * Nothing here knows how the engine works inside; the little it reads of `.redford` is what users may rely on too.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { commandLineOf, enginesOf, processesOf } from './processes.js'

/** A file's name under the project root. A Buffer where it is not UTF-8. */
export type Name = string | Buffer
export type Files = Readonly<Record<string, string | Buffer>> | readonly (readonly [Name, string | Buffer])[]

export interface Result {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Under the project root; the root itself when absent. */
  readonly cwd?: string
  /** Added to the space's own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What the command reads; nothing when absent. */
  readonly stdin?: string | Buffer
  /** A command that takes longer is killed and the test fails. Default 15 s. */
  readonly timeoutMs?: number
}

/** One line of REDFORD_TRACE. Names are relative to the project root. */
export interface TraceEvent {
  readonly event: 'demand' | 'scan' | 'run' | 'block' | 'resume' | 'respond' | 'done' | 'broken'
  readonly target: string
  readonly targets?: readonly string[]
  readonly verdict?: string
  readonly on?: readonly string[]
  readonly ok?: boolean
  readonly changed?: boolean
}

export interface Running {
  readonly pid: number
  readonly done: Promise<Result>
  /** To the command and all it started in its own process group, as a terminal does at ^C. */
  readonly kill: (signal: NodeJS.Signals) => void
  readonly trace: () => readonly TraceEvent[]
}

const packageRoot = fileURLToPath(new URL('../../', import.meta.url))
export const packageVersion: string = JSON.parse(
  fs.readFileSync(path.join(packageRoot, 'package.json'), 'utf8'),
).version

/** One cache for all tests, so that the C programs are compiled once; a changed C file gets a new one. */
const cacheFolder = (): string => {
  const folder = path.join(packageRoot, 'native')
  const hash = createHash('sha256').update(packageRoot)
  for (const name of fs.readdirSync(folder).sort()) hash.update(fs.readFileSync(path.join(folder, name)))
  return path.join(os.tmpdir(), `redford-test-cache-${hash.digest('hex').slice(0, 12)}`)
}

/** The text of a do-file that first notes its run, for `runs()`. */
export const noted = (...lines: readonly string[]): string => ['printf "%s\\n" "$1" >>"$RUNS"', ...lines, ''].join('\n')

/** A line of sh that waits for a file to appear, and gives up with exit 99 after some five seconds. */
export const waitsFor = (file: string): string =>
  `n=0; until [ -e "${file}" ]; do sleep 0.02; n=$((n+1)); [ $n -lt 250 ] || exit 99; done`

/** Waits until `isSo()`, looking every 10 ms; throws with `what` when it is not so in time. */
export const until = async (what: string, isSo: () => boolean, timeoutMs = 6_000): Promise<void> => {
  const end = performance.now() + timeoutMs
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`)
    await delay(10)
  }
}

const parseTrace = (file: string): readonly TraceEvent[] =>
  fs.existsSync(file)
    ? fs
        .readFileSync(file, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as TraceEvent)
    : []

export class Space {
  /** Holds the project and, outside it, the home folder, the traces and the list of runs. */
  readonly base: string
  /** The project's folder, without symlinks in its path. */
  root: string
  /** Where do-files made by `noted` write a line each. */
  readonly runsFile: string
  readonly #children = new Set<Running>()
  #traces = 0

  constructor(files: Files, folder: string) {
    this.base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'redford-')))
    this.root = path.join(this.base, folder)
    this.runsFile = path.join(this.base, 'runs')
    // `.git` marks the root, so that a space whose do-files all lie deeper is one project too.
    fs.mkdirSync(path.join(this.root, '.git'), { recursive: true })
    for (const own of ['home', 'runtime']) fs.mkdirSync(path.join(this.base, own), { mode: 0o700 })
    fs.writeFileSync(this.runsFile, '')
    for (const [name, text] of Array.isArray(files) ? files : Object.entries(files)) this.write(name, text)
  }

  /** The full path of a name under the root. A Buffer stays one. */
  path(name: Name): string | Buffer {
    return typeof name === 'string'
      ? path.resolve(this.root, name)
      : Buffer.concat([Buffer.from(`${this.root}/`), name])
  }

  /** Writes a file, and the folders above it. */
  write(name: Name, text: string | Buffer): void {
    if (typeof name === 'string') fs.mkdirSync(path.dirname(path.resolve(this.root, name)), { recursive: true })
    fs.writeFileSync(this.path(name), text)
  }

  /** The text of a file, or undefined where there is none. */
  read(name: Name): string | undefined {
    return this.exists(name) ? fs.readFileSync(this.path(name), 'utf8') : undefined
  }

  /** Is there anything of that name? A dangling symlink counts. */
  exists(name: Name): boolean {
    return fs.lstatSync(this.path(name), { throwIfNoEntry: false }) !== undefined
  }

  remove(name: Name): void {
    fs.rmSync(this.path(name), { recursive: true, force: true })
  }

  /** Gives a file a new mtime and keeps its content. */
  touch(name: Name, date = new Date(Date.now() + 5_000)): void {
    fs.utimesSync(this.path(name), date, date)
  }

  mode(name: Name): number {
    return fs.lstatSync(this.path(name)).mode & 0o7777
  }

  /** Names in a folder of the project without what the engine and the tests keep there. Sorted. */
  list(folder = '.'): readonly string[] {
    return fs
      .readdirSync(this.path(folder))
      .filter((name) => name !== '.redford' && name !== '.git')
      .sort()
  }

  /** Moves the whole project; later commands run in its new place. */
  move(folder: string): void {
    const to = path.join(this.base, folder)
    fs.renameSync(this.root, to)
    this.root = to
  }

  /** The do-files that ran since the last call, by their `$1`. Sorted: two may start at once. */
  runs(): readonly string[] {
    const names = fs.readFileSync(this.runsFile, 'utf8').split('\n').filter(Boolean).sort()
    fs.writeFileSync(this.runsFile, '')
    return names
  }

  /** The trace of the command started last. */
  trace(): readonly TraceEvent[] {
    return parseTrace(this.#traceFile())
  }

  /** Processes of this space: clients, daemon, do-files and whatever they left behind. */
  processes(): readonly number[] {
    return processesOf(this.base)
  }

  /** The engines at work on the project: the daemon, mostly. */
  engines(): readonly number[] {
    return enginesOf(this.base)
  }

  /** The one daemon of the project. Throws when there is none, or more than one. */
  daemon(): number {
    const [one, ...others] = this.engines()
    if (one === undefined || others.length > 0)
      throw new Error(`one daemon is expected, not: ${this.engines().join(' ') || 'none'}`)
    return one
  }

  environment(): Record<string, string> {
    return {
      PATH: [path.join(packageRoot, 'bin'), path.dirname(process.execPath), '/usr/local/bin:/usr/bin:/bin'].join(':'),
      HOME: path.join(this.base, 'home'),
      XDG_CACHE_HOME: cacheFolder(),
      XDG_RUNTIME_DIR: path.join(this.base, 'runtime'),
      TMPDIR: os.tmpdir(),
      LANG: 'C.UTF-8',
      REDFORD_IDLE_SECONDS: '20',
      REDFORD_TRACE: this.#traceFile(),
      RUNS: this.runsFile,
    }
  }

  /** Starts a command and does not wait for it. Whatever still runs when the space closes is killed. */
  start(command: string, args: readonly string[] = [], options: RunOptions = {}): Running {
    this.#traces += 1
    const traceFile = this.#traceFile()
    const merged: Record<string, string | undefined> = { ...this.environment(), ...options.env }
    const env = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined))
    const child = spawn(command, args, { cwd: path.resolve(this.root, options.cwd ?? '.'), env, detached: true })
    const kill = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal)
      } catch {
        // Already gone, and that is well.
      }
    }
    const end = this.#result(child, [command, ...args].join(' '), options.timeoutMs ?? 15_000, kill)
    const running: Running = { pid: child.pid ?? -1, done: end, kill, trace: () => parseTrace(traceFile) }
    this.#children.add(running)
    end.then(
      () => this.#children.delete(running),
      () => this.#children.delete(running),
    )
    child.stdin.on('error', () => undefined) // a command need not read what it is given
    child.stdin.end(options.stdin ?? '')
    return running
  }

  /** Runs a command to its end, by which its output must be closed too: a daemon that keeps it open is a fault. */
  run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Result> {
    return this.start(command, args, options).done
  }

  /** Runs a line of shell. */
  sh(script: string, options: RunOptions = {}): Promise<Result> {
    return this.run('sh', ['-c', script], options)
  }

  redo(...targets: readonly string[]): Promise<Result> {
    return this.run('redo', targets)
  }

  ifchange(...targets: readonly string[]): Promise<Result> {
    return this.run('redo-ifchange', targets)
  }

  /** Kills the daemon as a crash would, and waits until the kernel has taken it away. */
  async crash(): Promise<void> {
    for (const pid of this.engines()) process.kill(pid, 'SIGKILL')
    await until('the killed daemon is gone', () => this.engines().length === 0)
  }

  /** Stops the daemon and takes the folder away. Throws when a process of the space is left. */
  async close(): Promise<void> {
    for (const running of this.#children) running.kill('SIGKILL')
    await Promise.allSettled([...this.#children].map((running) => running.done))
    try {
      if (this.processes().length > 0) await this.run('redford', ['stop'])
      await until('the last process is gone', () => this.processes().length === 0, 4_000)
    } catch (error) {
      const left = this.processes().map((pid) => `${pid} ${commandLineOf(pid)}`)
      throw new Error(`processes left behind: ${left.join('; ') || 'none'} (${String(error)})`)
    } finally {
      for (const pid of this.processes()) process.kill(pid, 'SIGKILL')
      fs.rmSync(this.base, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  #traceFile(): string {
    return path.join(this.base, `trace-${this.#traces}.ndjson`)
  }

  #result(child: ChildProcess, what: string, timeoutMs: number, kill: Running['kill']): Promise<Result> {
    const texts = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8')
      child[name]?.on('data', (text: string) => {
        texts[name] += text
      })
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        kill('SIGKILL')
        child.stdout?.destroy()
        child.stderr?.destroy()
        reject(
          new Error(`${what}: still running after ${timeoutMs} ms\nstdout: ${texts.stdout}\nstderr: ${texts.stderr}`),
        )
      }, timeoutMs)
      child.on('error', (error) => {
        clearTimeout(timer)
        reject(new Error(`${what}: ${error.message}`))
      })
      child.on('close', (code, signal) => {
        clearTimeout(timer)
        resolve({ code, signal, ...texts })
      })
    })
  }
}

const spaces = new Set<Space>()

/** A new project with these files. `folder` is its path under the space's own folder, for tests of long or odd roots. */
export const space = (files: Files = {}, folder = 'project'): Space => {
  const made = new Space(files, folder)
  spaces.add(made)
  return made
}

/** Closes every open space. Each test file hands it to `afterEach` (or `afterAll`, where its tests share one). */
export const closeSpaces = async (): Promise<void> => {
  const open = [...spaces]
  spaces.clear()
  const ends = await Promise.allSettled(open.map((one) => one.close()))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
