/**
 * A project opened for work: the engine with its store, make and watcher, and the requests that are open. The daemon is
 * a host behind a socket; without a daemon it serves one command and goes.
 */
import { lstatSync, mkdirSync, statSync } from 'node:fs'
import { Engine } from '../engine.js'
import type { Outcome } from '../finalize/finalize.js'
import { DoFileMake } from '../make/do-file.js'
import type { EarlyLooks } from '../make/early-look.js'
import { nativeSpawner } from '../make/forkserver.js'
import type { Note } from '../make/forkserver-messages.js'
import { look } from '../make/look.js'
import { lookWithContent } from '../make/look-content.js'
import { MixedMake } from '../make/mixed.js'
import { nodeSpawner } from '../make/node-spawner.js'
import { bytes } from '../make/path.js'
import { RuleMake } from '../make/rules.js'
import type { Run } from '../make/run.js'
import type { Event } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { ABSENT } from '../model/look.js'
import { Misuse } from '../model/misuse.js'
import { Fact, Flag, hasFlag, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { criticalPath } from '../reduce/policies/order.js'
import { type Store, StoreFault } from '../store/store.js'
import { badName } from './arguments.js'
import { toByteString, variableOf } from './byte-strings.js'
import { aboutRules, configFault, type LoadedConfig } from './config.js'
import { killSession, recordGroup } from './leftovers.js'
import { Looking } from './looking.js'
import type { Native } from './native.js'
import { Observers } from './observers.js'
import { Resolver } from './project.js'
import { leftWords, namedRows } from './rows.js'
import { type Session, Sessions } from './sessions.js'
import { Watching } from './watching.js'

export interface HostOptions {
  /** Real path of the root, which must be the process's working folder. */
  readonly root: string
  readonly store: Store
  readonly native: Native
  /** The project's own rules, if it has any. */
  readonly rules: LoadedConfig | undefined
  /** Watch the project's folders, so that commands need not look at every file. */
  readonly watch: boolean
  /** For one command, in a process that ends with it: what only saves the next one time is left undone. */
  readonly brief: boolean
  /** Program and script that serve as JavaScript client, for do-files. */
  readonly node: string
  readonly main: string
}

/** How many ids of runs one process sets aside, and where they begin anew. */
const [RUNS_ASIDE, RUNS_END] = [100_000, 2_000_000_000]
/** How long what nobody waits for may go unrecorded, in ms. */
const RECORD_MS = 100

/** How often the live line of a terminal is drawn, in ms. */
const STATUS_MS = 100

export class Host {
  readonly engine: Engine
  readonly make: DoFileMake
  readonly store: Store
  readonly sessions: Sessions
  readonly observers: Observers
  readonly watching: Watching
  readonly looking: Looking
  readonly root: string
  readonly rules: RuleMake | undefined
  private readonly mixed: MixedMake | undefined
  /** Everything was looked at while the state was loaded, and nothing happened since. */
  early: EarlyLooks | undefined = undefined
  /** Everyone who waits was told that the state folder is gone. */
  isSaidToBeGone = false
  /** Called when the last request was answered. */
  onIdle: () => void = () => {}
  /** Called when a do-file has left a note. */
  onNote: (run: Run, note: Note) => void = () => {}
  /** Called when something happened to the state folder's own files. */
  onStateEvent: () => void = () => {}
  private readonly options: HostOptions
  private readonly answers = new Map<BuildId, (response: Outcome['responses'][number], state: State) => void>()
  private statusTimer: NodeJS.Timeout | undefined = undefined
  private recordTimer: NodeJS.Timeout | undefined = undefined

  constructor(options: HostOptions) {
    const { store, native, root } = options
    this.options = options
    this.store = store
    this.root = root
    const nameOf = (build: BuildId): string => store.names.nameOf(build)
    prepareFolders()
    this.sessions = new Sessions(
      (envId, env) => this.make.define(envId, env),
      nameOf,
      () => this.rules,
    )
    this.observers = new Observers({
      nameOf,
      isNamed: (build) => store.names.isNamed(build),
      rules: aboutRules(options.rules),
      record: options.rules?.record,
      fault: options.rules && configFault(options.rules),
    })
    this.looking = new Looking({
      engine: () => this.engine,
      nameOf,
      scan: (state, builds) => (this.mixed ?? this.make).scan(state, builds),
    })
    this.watching = new Watching(root, options.watch, store.names, {
      changed: (builds) => this.looking.onFileEvents(builds),
      state: () => this.onStateEvent(),
      lost: () => this.doubt(namedRows(this.state)),
    })
    const firstRun = Number(store.meta('nextRun') ?? '1') % RUNS_END
    this.make = new DoFileMake({
      root,
      naming: store.names,
      spawner: (handlers) =>
        native._tag === 'native' ? nativeSpawner(native.program, native.warmShell, handlers) : nodeSpawner(handlers),
      program: native._tag === 'native' ? native.program : undefined,
      settingsOf: (session) => this.sessions.settingsOf(session),
      firstRun,
      ended: (build) => this.engine.dispatch({ _tag: 'ended', build }),
      settle: (receipt) => this.engine.settle(receipt),
      intend: (files) => {
        const fault = this.write(() => store.intend(files))
        if (fault !== undefined) throw fault
      },
      onStart: (run) => {
        this.observers.tracer.onRun(run.build, run.session, run.candidate.doFile)
        this.sessions.onStart(this.engine.state, run)
      },
      onEnd: (run, ended, isSilent) => {
        this.sessions.keepLog(run, isSilent)
        this.sessions.onEnd(run, ended)
      },
      onTrouble: (text) => this.warnAll(text),
      onSpawner: (pid) => {
        recordGroup(store, pid)
        // Ids of runs name files: many are set aside, so that none is used twice soon, even after a sudden end.
        store.setMeta('nextRun', String(firstRun + RUNS_ASIDE))
      },
      onLost: (pid) => killSession(pid),
      // What rules make, their own files say: a do-file cannot know what is a source.
      onNote: options.rules === undefined ? (run, note) => this.onNote(run, note) : undefined,
    })
    if (options.rules !== undefined) {
      const resolver = new Resolver(root, root)
      this.rules = new RuleMake({
        rules: options.rules,
        naming: store.names,
        resolve: (path) => {
          const bad = badName(toByteString(path))
          if (bad !== undefined) throw new Misuse(bad)
          return resolver.nameOf(toByteString(path))
        },
        onRun: (build, session, config) => this.observers.tracer.onRun(build, session, config),
      })
      this.mixed = new MixedMake(this.make, this.rules, store.names)
    }
    this.engine = new Engine({
      make: this.mixed ?? this.make,
      state: store.state,
      policy: options.rules?.policy ?? criticalPath(),
      onBreach: (breach) => this.warnAll(`the policy ${breach}`),
      onTick: (input, before, after) => this.observers.onTick(input, before, after),
      onTurn: (outcome, _, after) => this.onTurn(outcome, after),
    })
    if (this.watching.isOn) this.watching.watch(namedRows(store.state))
    this.adopt()
  }

  get state(): State {
    return this.engine.state
  }

  /**
   * Asks the engine, and hands the answer to `onAnswer` once the state that holds it is committed. `isAwaited`: the do-file that asks
   * does nothing meanwhile.
   */
  ask(
    event: Extract<Event, { _tag: 'requested' }>,
    onAnswer: (ok: boolean, state: State, outOfDate: readonly BuildId[]) => void,
    isAwaited = true,
  ): void {
    const timing = isAwaited ? this.make.runOf(event.by)?.timing : undefined
    timing?.ask()
    this.answers.set(event.request, ({ ok, outOfDate }, state) => {
      timing?.answered()
      onAnswer(ok, state, outOfDate)
    })
    this.engine.dispatch(event)
    this.drawStatus()
  }

  /**
   * Looks at everything in one go, where that is to be had: what is as it was need then not be demanded one by one. False: it was not
   * done.
   */
  lookAtAll(): boolean {
    const builds = namedRows(this.state)
    const changed = this.make.changedOf(this.state, builds, this.early?.wordsOf(builds))
    this.early = undefined
    if (changed === undefined) return false
    this.engine.dispatch({ _tag: 'looked', changed })
    return true
  }

  /** These may not be what they were. */
  doubt(builds: readonly BuildId[]): void {
    if (builds.length > 0) this.engine.dispatch({ _tag: 'changed', builds })
  }

  /** The request's client is gone: it is not answered any more. */
  cancel(request: BuildId): void {
    if (!this.answers.delete(request)) return
    this.engine.dispatch({ _tag: 'cancelled', request })
  }

  /** Whether anybody waits for anything. */
  get isIdle(): boolean {
    return this.answers.size === 0 && this.make.runs.size === 0
  }

  /** What a running do-file's client gives as its token. */
  runOf(token: string): Run | undefined {
    return this.make.runWithToken(token)
  }

  /** Variables that every do-file gets. */
  variablesFor(variables: readonly string[]): readonly string[] {
    const { native, node, main } = this.options
    const path = variableOf(variables, 'PATH')
    const bin = Buffer.from(native.binFolder).toString('latin1')
    return [
      `PATH=${path === '' ? `${bin}:/usr/bin:/bin` : path.startsWith(`${bin}:`) ? path : `${bin}:${path}`}`,
      `REDFORD_ROOT=${this.root}`,
      `REDFORD_NODE=${Buffer.from(node).toString('latin1')}`,
      `REDFORD_MAIN=${Buffer.from(main).toString('latin1')}`,
    ]
  }

  /** The state folder is still the one that was opened, in the place where it was. */
  get isInPlace(): boolean {
    try {
      const here = statSync('.')
      const there = statSync(bytes(this.root))
      return here.ino === there.ino && here.dev === there.dev && this.hasState
    } catch {
      return false
    }
  }

  get hasState(): boolean {
    return lstatSync('.redford/lock.sqlite', { throwIfNoEntry: false }) !== undefined
  }

  /** Ends what runs, then writes everything down. */
  async close(): Promise<void> {
    clearInterval(this.statusTimer)
    clearTimeout(this.recordTimer)
    this.engine.settleAll()
    this.engine.close()
    this.watching.close()
    await this.make.close()
    this.observers.endAll()
    if (!this.hasState) return
    // The end of the process closes the file: the next one finds a journal, and SQLite's log, as after a sudden end.
    // Where the disk refuses, it loses nothing that was answered.
    this.write(() => {
      if (this.options.brief) {
        this.store.commit(this.engine.state)
        this.store.costs.keep(this.engine.state.costs)
      } else this.store.close(this.engine.state)
    })
  }

  private onTurn(outcome: Outcome, after: State): void {
    const { store } = this
    // What a do-file is told is worth nothing without its target: that is recorded with the next one, or when there is time.
    // What is not on disk is not claimed.
    const isRecorded =
      outcome.responses.some(({ by }) => by === 0) || this.isIdle ? this.record(after) === undefined : this.recordSoon()
    for (const notice of outcome.notices) this.sessions.onNotice(after, notice)
    this.observers.tracer.flush()
    for (const response of outcome.responses) {
      const answer = this.answers.get(response.request)
      this.answers.delete(response.request)
      answer?.(isRecorded ? response : { ...response, ok: false }, after)
    }
    // Behind the answers, which do-files wait for: what changed before it is watched is found by looking.
    this.watching.follow(outcome)
    for (const { request } of outcome.responses) store.names.free(request)
    for (const build of outcome.forgotten) store.names.free(build)
    if (this.isIdle) {
      this.sessions.onIdle()
      if (after.inFlight === 0) this.mixed?.rest()
      this.drawStatus()
      this.onIdle()
    }
  }

  private recordSoon(): true {
    this.recordTimer ??= setTimeout(() => this.record(this.state), RECORD_MS)
    return true
  }

  /** Commits; the next commit makes up for one that fails. */
  private record(after: State): StoreFault | undefined {
    clearTimeout(this.recordTimer)
    this.recordTimer = undefined
    return this.write(() => this.store.commit(after, this.make.takeSettled(after)))
  }

  /** Gives the fault when the disk refuses, which everyone who waits is told. */
  private write(work: () => void): StoreFault | undefined {
    try {
      work()
      return undefined
    } catch (error) {
      if (!(error instanceof StoreFault)) throw error
      const { fault } = error
      const isGone = fault._tag === 'gone'
      if (!isGone || !this.isSaidToBeGone)
        this.warnAll(
          `the build cannot be recorded in .redford: ${'why' in fault ? fault.why : 'the folder is gone (205)'}`,
        )
      this.isSaidToBeGone ||= isGone
      return error
    }
  }

  /** What do-files made, or began to make, for a process that ended before it could record it. */
  private adopt(): void {
    const { store } = this
    const events: Event[] = []
    for (const { name, ino } of store.intents) {
      if (String(inodeOf(name)) !== String(ino)) continue
      events.push({ _tag: 'adopted', build: store.names.intern(name), look: lookWithContent(name) })
    }
    for (const { name, stat0, stat1 } of this.make.begun) {
      const seen = look(name)
      if (seen.kind === ABSENT || (seen.stat0 === stat0 && seen.stat1 === stat1)) continue
      const build = store.names.intern(name)
      const [known0, known1] = [read(this.state.facts, build, Fact.STAT), read(this.state.facts, build, Fact.STAT + 1)]
      // Recorded as it was before the run, so the run was not; and not what it was: its do-file made it in place.
      if (known0 === stat0 && known1 === stat1 && !hasFlag(this.state, build, Flag.VIRTUAL))
        events.push({ _tag: 'adopted', build, look: lookWithContent(name, seen) })
    }
    if (events.length > 0) {
      this.engine.dispatch(...events)
      this.engine.settleAll()
    }
    store.dropIntents(store.intents.map(({ name }) => name))
  }

  private warnAll(text: string): void {
    for (const session of this.sessions.open.values()) session.console.warn(text)
  }

  private drawStatus(): void {
    const watched = [...this.sessions.open.values()].filter((session) => session.client.hello.stderrTty)
    if (watched.length === 0) {
      clearInterval(this.statusTimer)
      this.statusTimer = undefined
      return
    }
    this.statusTimer ??= setInterval(() => this.drawStatus(), STATUS_MS)
    for (const session of watched) session.console.status(this.statusLine(session))
  }

  private statusLine(session: Session): string {
    const { state } = this
    const running = [...this.make.runs.values()].map((run) => session.resolver.shown(run.name))
    const known = session.runs + running.length + state.start.size + state.ready.size
    const seconds = ((performance.now() - session.startedMs) / 1000).toFixed(1)
    return `redo  ${session.runs} of ${known} done, ${running.length} running, ${seconds} s${leftWords(state)}  ${running.slice(0, 8).join(' ')}`
  }
}

const prepareFolders = (): void => {
  for (const folder of ['.redford/tmp', '.redford/log']) mkdirSync(folder, { recursive: true, mode: 0o700 })
}

/** Undefined: it is gone, or cannot be had any more. */
const inodeOf = (name: string): bigint | undefined => {
  try {
    return lstatSync(bytes(name), { throwIfNoEntry: false, bigint: true })?.ino
  } catch {
    return undefined
  }
}
