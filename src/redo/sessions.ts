/** Open top-level requests as people see them: who is told what, in whose words, with which environment. */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, renameSync, rmSync, statSync, truncateSync, unlinkSync } from 'node:fs'
import type { RunSettings } from '../make/do-file-options.js'
import { isFull, type Published } from '../make/publish.js'
import type { RuleMake } from '../make/rules.js'
import type { Run } from '../make/run.js'
import type { BuildId } from '../model/ids.js'
import { buildId } from '../model/ids.js'
import { Edge, Fact, Flag, Flight, hasFlag, Kind, kindOf, Mode, type News, type State } from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import type { Options } from './arguments.js'
import { Console } from './console.js'
import type { Resolver } from './project.js'
import type { Client } from './server.js'
import { makersOf } from './unbuilt.js'
import { errorWords, noRuleWords, printable, targetWord } from './words.js'

/** Holds a file for each build whose last run wrote to its standard error, by id. */
const LOG_FOLDER = '.redford/log'
/** How much of what a run said is kept where the disk is full. */
const LOG_SIZE_FULL = 65_536
/** How many environments are kept apart at a time. */
const ENVIRONMENTS_MAX = 64

export interface Session {
  readonly id: BuildId
  readonly client: Client
  readonly options: Options
  readonly console: Console
  readonly resolver: Resolver
  readonly startedMs: number
  /** Builds whose failure was told to anybody in it. */
  readonly told: Set<BuildId>
  readonly warned: Set<BuildId>
  /** Builds whose last run was told here with all it said: they may turn out broken all the same. */
  readonly shown: Set<BuildId>
  runs: number
  /** Exit code to give once everything it started has ended, after a signal. */
  signalled: number | undefined
}

export class Sessions {
  readonly open = new Map<BuildId, Session>()
  /** Kept behind a session's end, since a do-file shared with another one may outlive it. */
  private readonly settings = new Map<BuildId, RunSettings>()
  private readonly environments = new Map<string, number>()
  /** Requests of do-files whose standard error is not the do-file's own: what they bring about is shown there. */
  private readonly redirected = new Map<BuildId, Console>()
  /** Where the output of a build's last run went, if not to the session. */
  private readonly sinks = new Map<BuildId, Console>()
  /** Builds whose last run had something to say. */
  private readonly logs: Set<BuildId>
  private readonly define: (envId: number, env: Buffer) => void
  private readonly nameOf: (build: BuildId) => string

  private readonly rules: () => RuleMake | undefined

  constructor(
    define: (envId: number, env: Buffer) => void,
    nameOf: (build: BuildId) => string,
    rules: () => RuleMake | undefined,
  ) {
    this.define = define
    this.rules = rules
    this.logs = new Set(readdirSync(LOG_FOLDER).map((name) => buildId(Number(name))))
    this.nameOf = nameOf
  }

  begin(id: BuildId, client: Client, options: Options, resolver: Resolver): Session {
    const { hello, environment } = client
    // A dumb one, as in an editor, would show the codes themselves.
    const tty = hello.stderrTty && !environment.includes('TERM=dumb')
    const console = new Console(client, {
      tty,
      color: tty && !hello.noColor,
      columns: hello.columns,
    })
    const session: Session = {
      id,
      client,
      options,
      console,
      resolver,
      startedMs: performance.now(),
      told: new Set(),
      warned: new Set(),
      shown: new Set(),
      runs: 0,
      signalled: undefined,
    }
    this.open.set(id, session)
    return session
  }

  /** What the do-files of session `id` run with. `more` variables take the place of the client's own. */
  setEnvironment(id: BuildId, { environment, hello }: Client, more: readonly string[], shellFlags: string): void {
    const names = new Set([
      ...more.map((variable) => variable.slice(0, variable.indexOf('='))),
      'CDPATH',
      'REDFORD_TOKEN',
    ])
    const kept = environment.filter((variable) => !names.has(variable.slice(0, variable.indexOf('='))))
    const env = Buffer.from([...kept, ...more].map((variable) => `${variable}\0`).join(''), 'latin1')
    const key = createHash('sha256').update(env).digest('base64')
    let envId = this.environments.get(key)
    if (envId === undefined) {
      envId = this.environments.size + 1
      this.environments.set(key, envId)
      this.define(envId, env)
    }
    this.settings.set(id, { envId, shellFlags, umask: hello.umask })
  }

  settingsOf(session: BuildId): RunSettings {
    // A session that is long over may have started what still goes on: any of the present ones will do.
    const { settings } = this
    return (
      settings.get(session) ?? [...settings.values()].pop() ?? { envId: 0, shellFlags: '-e', umask: process.umask() }
    )
  }

  /**
   * `request` was made in `run`. Its client wants its output for itself, if its standard error is not that of the do-file; else it has it where
   * that of the do-file is shown.
   */
  redirect(request: BuildId, client: Client, { build, stderr }: Run): void {
    const isOwn = client.hello.stderrFile !== fileIdentity(stderr)
    const console = isOwn ? new Console(client, { tty: false, color: false, columns: 0 }) : this.sinks.get(build)
    if (console !== undefined) this.redirected.set(request, console)
  }

  endRedirect(request: BuildId): void {
    this.redirected.delete(request)
  }

  /** Nothing is in flight: what ended sessions left behind goes. */
  onIdle(): void {
    this.sinks.clear()
    for (const id of this.settings.keys()) if (!this.open.has(id)) this.settings.delete(id)
    if (this.environments.size > ENVIRONMENTS_MAX && this.settings.size === 0) this.environments.clear()
  }

  // ---------------------------------------------------------------------------------------------- what is told

  onStart(state: State, run: Run): void {
    const sink = this.redirected.size === 0 ? undefined : this.sinkFor(state, run.build)
    if (sink === undefined) this.sinks.delete(run.build)
    else this.sinks.set(run.build, sink)
    const session = this.open.get(run.session)
    if (session === undefined) return
    session.shown.delete(run.build)
    const depth = session.options.verbose ? depthOf(state, run.build) : 0
    ;(sink ?? session.console).started(session.resolver.shown(run.name), depth)
  }

  /** Follows who waits for whom up to a do-file's request that is redirected. */
  private sinkFor(state: State, build: BuildId): Console | undefined {
    const seen = new Set<number>()
    for (let x: number = build; !seen.has(x); ) {
      seen.add(x)
      const e = read(state.flight, x, Flight.WAITER_HEAD)
      if (e === 0) return undefined
      const asked = (read(state.edges, e, Edge.MODE) & Mode.ASKED) !== 0
      const console = asked ? this.redirected.get(buildId(read(state.edges, e, Edge.SEEN))) : undefined
      if (console !== undefined) return console
      x = read(state.edges, e, Edge.DEPENDENT)
    }
    return undefined
  }

  onEnd(run: Run, ended: Published): void {
    const session = this.open.get(run.session)
    if (session === undefined) return
    session.runs++
    const console = this.sinks.get(run.build) ?? session.console
    if (ended.outcome._tag !== 'Right') return
    session.shown.add(run.build)
    console.output(session.resolver.shown(run.name), this.logOf(run.build))
  }

  /** What the run said on standard error is kept until the next run of the same target. `isSilent`: nothing, and its file is not ours. */
  keepLog({ build, stderr }: Run, isSilent: boolean): void {
    try {
      const size = isSilent ? 0 : (statSync(stderr, { throwIfNoEntry: false })?.size ?? 0)
      if (size > 0) {
        // It may be what fills the disk, and would go on doing so.
        if (size > LOG_SIZE_FULL && isFull(stderr)) truncateSync(stderr, LOG_SIZE_FULL)
        renameSync(stderr, logPath(build))
        this.logs.add(build)
        return
      }
      if (!isSilent) rmSync(stderr, { force: true })
      if (this.logs.delete(build)) unlinkSync(logPath(build))
    } catch {
      // The state folder is gone; whoever asks next is told.
    }
  }

  onNotice(state: State, news: News): void {
    switch (news._tag) {
      case 'askedBroken': {
        const session = this.open.get(news.session)
        const console = this.redirected.get(news.request) ?? session?.console
        if (session && console) this.failure(state, session, news.build, console)
        return
      }
      case 'modified': {
        const session = this.open.get(news.session)
        if (session === undefined || session.warned.has(news.build)) return
        session.warned.add(news.build)
        const name = session.resolver.shown(this.nameOf(news.build))
        const word = targetWord(name)
        const how = this.isMade(session, news.build) ? `, redo --overwrite ${word} builds over it` : ''
        session.console.warn(`${printable(name)}: you modified it; skipping (redo --take ${word} keeps it${how})`)
        return
      }
      case 'becameSource': {
        const session = this.open.get(news.session)
        const name = session?.resolver.shown(this.nameOf(news.build))
        if (name !== undefined)
          session?.console.warn(`${printable(name)}: nothing makes it any more; a source from now on`)
        return
      }
      case 'leftAlone': {
        const session = this.open.get(news.session)
        if (session === undefined) return
        const name = session.resolver.shown(this.nameOf(news.build))
        const how = this.isMade(session, news.build) ? ` (redo --overwrite ${targetWord(name)} builds over it)` : ''
        session.console.warn(`${printable(name)}: exists, and was not built by redo; left alone${how}`)
        return
      }
    }
  }

  private isMade({ resolver }: Session, build: BuildId): boolean {
    const name = this.nameOf(build)
    return !isOutside(name) && makersOf('', this.rules(), resolver, name).isMade
  }

  /**
   * Tells `console`, once, why `build` is broken: first what broke it, if it is not itself to blame. Of that its do-file, which asked for it,
   * was told before, wherever it has its standard error, if it ran here.
   */
  private failure(state: State, session: Session, build: BuildId, console: Console): void {
    if (console.told.has(build)) return
    console.told.add(build)
    session.told.add(build)
    const error = objectAt(state.errors, build)
    const cause = buildId(read(state.facts, build, Fact.CAUSE))
    const isTold = error?._tag === 'exit' && session.told.has(cause)
    if (cause !== 0 && !isTold && hasFlag(state, cause, Flag.BROKEN)) this.failure(state, session, cause, console)
    const shown = (x: BuildId): string => printable(session.resolver.shown(this.nameOf(x)))
    const words =
      error?._tag === 'noRule'
        ? noRuleWords(kindOf(state, build) !== Kind.ABSENT, isOutside(this.nameOf(build)))
        : errorWords(error, shown)
    const doFile = this.doFileOf(state, build)
    console.failed({
      target: session.resolver.shown(this.nameOf(build)),
      why: cause === 0 ? words : `${words}, since ${shown(cause)} failed`,
      doFile: doFile === undefined ? undefined : session.resolver.shown(this.nameOf(doFile)),
      log: session.shown.has(build) ? undefined : this.logOf(build),
    })
  }

  /** Whatever of the answer's targets is broken and not yet told. */
  tellBroken(state: State, session: Session, targets: readonly BuildId[]): void {
    for (const target of targets)
      if (hasFlag(state, target, Flag.BROKEN)) this.failure(state, session, target, session.console)
  }

  /** The do-file is what a run asks for first. */
  doFileOf(state: State, build: BuildId): BuildId | undefined {
    for (let e = read(state.facts, build, Fact.DEP_HEAD); e !== 0; e = read(state.edges, e, Edge.NEXT_DEP)) {
      const d = buildId(read(state.edges, e, Edge.DEPENDENCY))
      if ((read(state.edges, e, Edge.MODE) & Mode.CREATE) === 0) return this.nameOf(d).endsWith('.do') ? d : undefined
    }
    return undefined
  }

  private logOf(build: BuildId): string | undefined {
    return this.logs.has(build) ? logPath(build) : undefined
  }
}

/** "dev:ino", as clients say it of their standard error. */
const fileIdentity = (path: string): string => {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`
}

/** Names outside the project are absolute. */
const isOutside = (name: string): boolean => name.startsWith('/')

/** How many do-files wait, one for the other, for `build`. */
const depthOf = (state: State, build: BuildId): number => {
  let depth = 0
  for (let x: number = build; ; depth++) {
    const e = read(state.flight, x, Flight.WAITER_HEAD)
    if (e === 0 || (read(state.edges, e, Edge.MODE) & Mode.ASKED) === 0) return depth
    x = read(state.edges, e, Edge.DEPENDENT)
  }
}

/** File with what the last run of a build wrote to its standard error; there is none when it wrote nothing. */
const logPath = (build: BuildId): string => `${LOG_FOLDER}/${build}`
