/** The daemon: a host behind the project's socket, alone by a lock that the kernel frees, gone after a while without work. */

import { chmodSync, lstatSync, rmSync, statSync } from 'node:fs'
import type { Server } from 'node:net'
import * as E from 'fp-ts/lib/Either.js'
import { EarlyLook } from '../make/early-look.js'
import { makeFolder } from '../make/folder.js'
import { isTidy } from '../make/temporary.js'
import { acquireLock, type Lock } from '../store/lock.js'
import { openStore, type StoreError, type StoreWarning } from '../store/store.js'
import { SOCKET } from './client.js'
import { Commands } from './commands.js'
import { isCurrent, type LoadedConfig, loadRules } from './config.js'
import { Host } from './host.js'
import { endLeftovers } from './leftovers.js'
import { nativeProgram, packageVersion } from './native.js'
import { takeNote } from './notes.js'
import { STATE_FOLDER } from './project.js'
import { MAKE_WAY, PROTOCOL, STAYS } from './protocol.js'
import { leftWords, secondsLeft } from './rows.js'
import { type Client, serve } from './server.js'

export type StartError =
  /** Another process serves this project. */
  | { readonly _tag: 'locked' }
  /** `why` is a sentence for the user. */
  | { readonly _tag: 'refused'; readonly why: string }

export interface DaemonOptions {
  /** Real path of the project's root, as a byte string; it is the working folder. */
  readonly root: string
  readonly node: string
  readonly main: string
  readonly idleMs: number
  /** Watch folders; without, every command looks at every file. */
  readonly watch: boolean
  /** For one command only, see {@link Host}. */
  readonly brief: boolean
  /** Called once nothing is left of it. */
  readonly onEnd: (code: number) => void
}

/** How long after the last request garbage is collected, in ms. */
const TIDY_MS = 500

/** Longest that ending processes may take, in ms, before we go without them. */
const END_MS = 1500

const CONTROL: ReadonlySet<string> = new Set(['redford-stop', 'redford-status', MAKE_WAY])

const TOLD_TO_END = 'the daemon was told to end in the middle of the request; run the command again'

export class Daemon {
  readonly commands: Commands
  readonly host: Host
  warning: string | undefined = undefined
  private readonly options: DaemonOptions
  private readonly lock: Lock
  private readonly startedMs = Date.now()
  private server: Server | undefined = undefined
  private idleTimer: NodeJS.Timeout | undefined = undefined
  private tidyTimer: NodeJS.Timeout | undefined = undefined
  private isEnding = false

  /** Opens the project in the working folder, and serves. */
  static async start(options: DaemonOptions): Promise<E.Either<StartError, Daemon>> {
    try {
      makeFolder(STATE_FOLDER, 0o700)
      const folder = statSync(STATE_FOLDER)
      if (folder.uid !== process.getuid?.())
        return E.left({ _tag: 'refused', why: `${STATE_FOLDER} belongs to another user` })
      if ((folder.mode & 0o077) !== 0) chmodSync(STATE_FOLDER, 0o700)
    } catch (error) {
      return E.left({ _tag: 'refused', why: `the state folder cannot be made: ${(error as Error).message}` })
    }
    const lock = acquireLock(`${STATE_FOLDER}/lock.sqlite`)
    if (E.isLeft(lock))
      return E.left(
        lock.left._tag === 'locked'
          ? lock.left
          : { _tag: 'refused', why: `${STATE_FOLDER} cannot be locked: ${lock.left.why} (205)` },
      )
    const native = nativeProgram()
    const early = options.brief && native._tag === 'native' ? new EarlyLook(native.program) : undefined
    const wasTidy = isTidy()
    const store = openStore(STATE_FOLDER, { onNames: (names) => early?.check(names) })
    if (E.isLeft(store)) {
      lock.right.release()
      return E.left({ _tag: 'refused', why: storeWords(store.left) })
    }
    const hadLeftovers = await endLeftovers(store.right)
    const rules = await loadRules(options.root)
    let host: Host
    try {
      host = new Host({ ...options, store: store.right, native, rules })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
      store.right.close()
      lock.right.release()
      return E.left({ _tag: 'refused', why: `${STATE_FOLDER} cannot be used: ${(error as Error).message} (205)` })
    }
    const daemon = new Daemon(options, host, lock.right, rules)
    daemon.warning = store.right.warning && warningWords(store.right.warning)
    try {
      await daemon.listen()
    } catch (error) {
      await host.close()
      lock.right.release()
      return E.left({ _tag: 'refused', why: `the socket cannot be opened: ${(error as Error).message}` })
    }
    const looks = await early?.end()
    // What still ran, or had to be put right, may have changed files behind the look.
    if (wasTidy && !hadLeftovers && store.right.intents.length === 0) host.early = looks
    return E.right(daemon)
  }

  private constructor(options: DaemonOptions, host: Host, lock: Lock, rules: LoadedConfig | undefined) {
    this.options = options
    this.host = host
    this.lock = lock
    this.commands = new Commands(host, {
      hasRules: () => isCurrent(rules),
    })
    host.onStateEvent = () => this.checkState()
    host.onNote = (run, note) => takeNote(host, run, note)
    host.onIdle = () => {
      // What is wrong with a config may be put right anywhere: the next process looks again.
      if (host.isIdle && (this.commands.isDraining || rules?.fault !== undefined)) this.end(0)
      else this.waitIdle()
    }
    this.waitIdle()
  }

  private async listen(): Promise<void> {
    // Whatever is in the socket's place is a leftover, since the lock is ours.
    rmSync(SOCKET, { force: true, recursive: true })
    const umask = process.umask(0o177)
    try {
      this.server = await serve(SOCKET, {
        onRequest: (client) => {
          clearTimeout(this.idleTimer)
          // (What a do-file is told matters once its target is put in place, which is noted first.)
          if (client.hello.token === '' && !this.host.hasState) return this.lost(client)
          if (this.isEnding) return client.notMine()
          if (this.isControl(client)) return this.control(client)
          this.say(client)
          this.commands.onRequest(client)
          this.waitIdle()
        },
        onSignal: (client, signal) => this.commands.onSignal(client, signal),
        onGone: (client) => this.commands.onGone(client),
      })
    } finally {
      process.umask(umask)
    }
  }

  /** What is answered at any time, also by one that has only to finish what others asked for. */
  private isControl({ hello }: Client): boolean {
    const isOurs = hello.protocol === PROTOCOL && hello.version === packageVersion && this.host.isInPlace
    return isOurs && CONTROL.has(hello.command)
  }

  private control(client: Client): void {
    const { command } = client.hello
    if (command === 'redford-status') this.status(client, client.args.includes('--json'))
    else if (command === MAKE_WAY && this.options.brief) client.exit(STAYS)
    else return this.end(0, client)
    this.waitIdle()
  }

  /** The state folder must be there; a socket that was removed is made again, or nobody would find us. */
  private checkState(): void {
    if (this.isEnding) return
    if (!this.host.hasState) this.lost()
    else if (!this.isServing && this.server !== undefined) {
      this.server.close()
      this.server = undefined
      this.listen().catch(() => this.end(1))
    }
  }

  /** Something to be told once, to whoever comes first. */
  private say(client: Client): void {
    if (this.warning === undefined) return
    client.stderr(Buffer.from(`redo  ${this.warning}\n`))
    this.warning = undefined
  }

  private waitIdle(): void {
    clearTimeout(this.idleTimer)
    clearTimeout(this.tidyTimer)
    if (this.isEnding || !this.host.isIdle) return
    this.tidyTimer = setTimeout(() => globalThis.gc?.(), TIDY_MS)
    this.tidyTimer.unref()
    this.idleTimer = setTimeout(() => {
      if (this.host.isIdle) this.end(0)
    }, this.options.idleMs)
    this.idleTimer.unref()
  }

  /** The state folder was removed: nothing more can be recorded, so nothing more is built. */
  private lost(client?: Client): void {
    client?.notMine()
    const again = 'run the command again'
    const why = `the state folder .redford was removed while it was in use; ${again} (205)`
    this.end(1, undefined, this.host.isSaidToBeGone ? again : why)
  }

  private status(client: Client, json: boolean): void {
    const { host } = this
    const status = {
      pid: process.pid,
      version: packageVersion,
      root: host.root,
      uptimeSeconds: Math.round((Date.now() - this.startedMs) / 1000),
      sessions: host.sessions.open.size,
      running: [...host.make.runs.values()].map((run) => ({ target: run.name, pid: run.pid })),
      waiting: host.state.start.size + host.state.ready.size,
      secondsLeft: secondsLeft(host.state),
      watching: host.watching.words,
    }
    const text = json
      ? `${JSON.stringify(status)}\n`
      : [
          `daemon ${status.pid} of ${status.root}, version ${status.version}, up ${status.uptimeSeconds} s`,
          `requests open: ${status.sessions}; do-files running: ${status.running.length}, waiting: ${status.waiting}${leftWords(host.state)}`,
          ...status.running.map(
            ({ target, pid }) => `  ${target} (${pid === undefined ? 'starting' : `process ${pid}`})`,
          ),
          `watching: ${status.watching}`,
          '',
        ].join('\n')
    client.stdout(Buffer.from(text, 'latin1'))
    client.exit(0)
  }

  /** Ends, but first finishes what others have asked for meanwhile. False: there is none of that. */
  endAfterOthers(code: number): boolean {
    if (this.host.sessions.open.size === 0) {
      this.end(code)
      return false
    }
    this.commands.isDraining = true
    return !this.isEnding
  }

  /** Takes no more requests, ends what runs, records, and goes. `client` hears of it last; who waits for a build is told `why` there is none. */
  end(code: number, client?: Client, why: string = TOLD_TO_END): void {
    if (this.isEnding) {
      client?.exit(0)
      return
    }
    this.isEnding = true
    clearTimeout(this.idleTimer)
    this.server?.close()
    // Taken away now, so that the next command starts a daemon of its own rather than meeting one that goes.
    if (this.host.hasState) rmSync(SOCKET, { force: true })
    for (const session of this.host.sessions.open.values()) {
      session.client.stderr(Buffer.from(`redo  ${why}\n`))
      session.client.exit(code >= 128 ? code : 1)
    }
    void this.finish(code, client)
  }

  private async finish(code: number, client: Client | undefined): Promise<void> {
    const { host } = this
    for (const request of host.sessions.open.keys()) host.cancel(request)
    for (const run of host.make.runs.values()) host.make.endRun(run)
    const end = performance.now() + END_MS
    while (host.make.runs.size > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
    try {
      await host.close()
    } finally {
      this.lock.release()
      client?.exit(0)
      setTimeout(() => this.options.onEnd(code), client === undefined ? 0 : 20)
    }
  }

  /** Whether a socket is there, to be found by clients. */
  private get isServing(): boolean {
    return lstatSync(SOCKET, { throwIfNoEntry: false }) !== undefined
  }
}

const storeWords = (error: StoreError): string => {
  switch (error._tag) {
    case 'newer':
      return `the state in ${STATE_FOLDER} is of a newer version (${error.found}) than this program understands (${error.known}); it was left untouched`
    case 'io':
      return `the state in ${STATE_FOLDER} cannot be opened: ${error.why}`
    case 'gone':
      return `the state folder ${STATE_FOLDER} is gone (205)`
  }
}

const warningWords = ({ setAside, kept }: StoreWarning): string => {
  const lost = {
    nothing: 'everything is built anew',
    older: 'the last builds are made again',
    state: 'nothing is lost',
  }[kept]
  return `the state in ${STATE_FOLDER} was damaged and is kept as ${setAside}; ${lost}`
}
