/** The library's engine: requests, transactions and notices, in front of the same engine that builds files. */
import { Engine as Inner } from '../engine.js'
import type { Outcome } from '../finalize/finalize.js'
import { Keys } from '../make/keys.js'
import { Threads } from '../make/threads.js'
import { ValueMake } from '../make/value.js'
import { World } from '../make/world.js'
import type { Key } from '../model/definition.js'
import { digestOf } from '../model/digest.js'
import { finite, isCount, optionsIn, shownOption } from '../model/expect.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import { Kind, kindOf, type State } from '../model/state.js'
import type { Why } from '../replay/why.js'
import type { WhyNot } from '../replay/why-not.js'
import type { Recorder } from '../store/recording/recorder.js'
import { guardedMake, whenEnded } from './control.js'
import { INSIDE, type Inside } from './inside.js'
import { Keeper } from './keeper.js'
import { type CreateOptions, type Drive, innerDrive, type Settings, settingsOf } from './options.js'
import { firstState, type Origin, originState, requestsIn, underWay } from './origin.js'
import { type Progress, progressOf } from './progress.js'
import { exportTo, recorderFor, recordSetting } from './recording.js'
import { Live, Request } from './request.js'
import { Sweeper } from './sweeper.js'
import { liveEvent, onceEvent, type RequestTerms, termsOf } from './terms.js'
import { eitherOf, noticesOf, tellAll } from './told.js'
import { Transaction } from './transaction.js'
import { attempter, Watches } from './watches.js'
import { type Known, whyNotOf, whyOf } from './why.js'

export const createEngine = (options: CreateOptions): BuildEngine => new BuildEngine(options)

export class BuildEngine {
  private readonly options: CreateOptions
  private readonly settings: Settings
  private readonly keys: Keys
  private readonly world = new World()
  private readonly threads: Threads
  private readonly make: ValueMake
  private readonly inner: Inner
  /** Until it is closed, where there is a store that lasts. */
  private keeper: Keeper | undefined = undefined
  private readonly recorder: Recorder | undefined
  private readonly requests = new Map<BuildId, Request<unknown>>()
  /** By id; an array, since there may be as many as builds. */
  private readonly lives: (Live<unknown> | undefined)[] = []
  private readonly watches: Watches
  /** Ids of requests that are over, once the state has heard of it. */
  private readonly over: BuildId[] = []
  private readonly idlers: (() => void)[] = []
  private versionNow = 0
  private ticks = 0
  private readonly sweeper: Sweeper
  private isManual: boolean
  private isClosed = false
  private closed: Promise<void> | undefined = undefined
  private isTelling = false
  private isMaking = false

  /** `origin`: what it goes on from, in place of a store. */
  constructor(options: CreateOptions, origin?: Origin) {
    this.options = options
    this.settings = settingsOf(options)
    const { known, pools, keep, isDropped, freeze, control } = this.settings
    this.keys = new Keys(known, freeze)
    this.threads = new Threads(new Map(pools.map(({ name, size }) => [name, size])), this.settings.onError)
    const { drive = { per: 'fixpoint' }, store } = options
    const perTurn = control?.isPumped ? 'manual' : innerDrive(drive)
    this.isManual = drive === 'manual' && control?.isPumped !== true
    if (store?._tag === 'sqlite') this.keeper = Keeper.open(store, this.keys, this.world, known, keep)
    origin?.enter(this.keys, this.world)
    this.versionNow = this.keeper?.version ?? origin?.version ?? 0
    this.sweeper = new Sweeper(this.keys.size)
    this.watches = new Watches(
      this.keys,
      (key) => void (this.isClosed || this.transact((tx) => tx.touch(key))),
      attempter(this.settings.onError),
    )
    this.make = new ValueMake({
      keys: this.keys,
      world: this.world,
      poolOf: (name) => pools.findIndex((pool) => pool.name === name),
      inThread: (run, pool, key, signal) => this.threads.run(run, pool, key, signal),
      recall: (state, build) => this.keeper?.recall(state, build),
      isDropped,
      now: this.settings.now,
      timeLeft: () => this.inner.stopAt - performance.now(),
      freeze,
      ...(control?.fault && { fault: control.fault }),
      settle: (receipt) =>
        whenEnded(control, receipt, () => {
          this.inner.settle(receipt)
          if (this.isManual) this.wakeIdlers()
        }),
    })
    this.inner = new Inner({
      make: guardedMake(this.make, control, (isMaking) => {
        this.isMaking = isMaking
      }),
      state:
        origin === undefined
          ? firstState(this.settings, this.keeper?.state, this.keys.size === 0 ? 0 : this.versionNow)
          : originState(this.settings, origin),
      drive: perTurn,
      policy: this.settings.policy,
      onBreach: this.settings.onBreach,
      onTick: (input, before, after) => {
        this.ticks++
        this.recorder?.onTick(input, after)
        control?.onTick?.(input, before, after)
      },
      onTurn: (outcome, _, after) => this.onTurn(outcome, after),
    })
    try {
      this.recorder = recorderFor(options.record, this.settings, this.keys, this.world, this.inner.state)
    } catch (error) {
      this.keeper?.close()
      throw error
    }
    if (origin === undefined) return
    // What was under way is begun again; who waited for it is gone.
    this.make.resume(underWay(origin.state))
    for (const request of requestsIn(origin.state)) this.letGo(request)
  }

  // ---------------------------------------------------------------------------------------------- requests

  /** Asks for one answer. Those who ask for the same share one build. */
  once<V, F>(key: Key<V, F>, terms?: RequestTerms): Request<V, F> {
    this.checkOpen('once')
    const told = termsOf('once', terms)
    const target = this.keys.internFor('once', key)
    const id = this.keys.lend()
    const withdraw = (): void => {
      this.requests.delete(id)
      this.letGo(id)
    }
    const request = new Request<V, F>(this.keys.own(target, key), withdraw, this.settings.control?.isPumped)
    this.requests.set(id, request as unknown as Request<unknown>)
    this.inner.dispatch(onceEvent(id, target, told))
    return request
  }

  /** Asks to be told of the answer, and of every other one that takes its place. */
  live<V, F>(key: Key<V, F>, terms?: RequestTerms): Live<V, F> {
    this.checkOpen('live')
    const told = termsOf('live', terms)
    const target = this.keys.internFor('live', key)
    const id = this.keys.lend()
    const live = new Live<V, F>(this.keys.own(target, key), this.versionNow, id, this.endLive, this.settings.onError)
    while (this.lives.length < id) this.lives.push(undefined)
    this.lives[id] = live as unknown as Live<unknown>
    this.inner.dispatch(liveEvent(id, target, told))
    return live
  }

  /** One function for all live requests, of which there may be many. */
  private readonly endLive = (id: BuildId): void => {
    this.lives[id] = undefined
    this.letGo(id)
  }

  private letGo(request: BuildId): void {
    if (this.isClosed) return
    this.inner.dispatch({ _tag: 'cancelled', request })
    this.over.push(request)
  }

  /** Changes sources, all in one new version; nobody sees some of it without the rest. Returns the version. */
  transact(change: (tx: Transaction) => void): number {
    this.checkOpen('transact')
    const changes = new Transaction(this.keys, this.settings.freeze).write(change)
    this.checkOpen('transact')
    this.versionNow++
    const builds: BuildId[] = []
    for (const { key, setting, isRead } of changes) {
      if (key.of.kind === 'source' && (!isRead || key.of.read !== undefined)) {
        this.world.set(key, setting)
        this.keeper?.set(key, setting)
        if (this.recorder !== undefined) recordSetting(this.recorder, key, setting)
      }
      const id = this.keys.find(key)
      if (id !== undefined) builds.push(id)
    }
    this.inner.dispatch({ _tag: 'transacted', version: this.versionNow, builds })
    return this.versionNow
  }

  // ---------------------------------------------------------------------------------------------- driving

  /** One tick, now; false where there was nothing to do. */
  tick(): boolean {
    this.checkCalm('tick')
    this.inner.wakeIfDue()
    const didSomething = this.inner.tick()
    this.inner.endTurn()
    return didSomething
  }

  /** Ticks until nothing is ready, now. */
  settle(): void {
    this.checkCalm('settle')
    this.inner.wakeIfDue()
    this.inner.settleAll()
    this.afterTurn()
  }

  /** Resolved once nothing is ready and no read or action is under way. A rule is refused at once: it would hear of no rejection. */
  idle(): Promise<void> {
    if (this.isMaking) this.checkOpen('idle')
    return this.untilIdle()
  }

  private async untilIdle(): Promise<void> {
    this.checkOpen('idle')
    // Whoever calls it from within a tick waits for the end of that, too.
    if (this.inner.isBusy) await undefined
    while (!this.isClosed) {
      // The end of a turn may leave something to do for the next.
      if (this.isManual)
        do this.settle()
        while (this.inner.isReady)
      if (this.isQuiet) return
      await new Promise<void>((resolve) => {
        this.idlers.push(resolve)
        const wakeMs = this.isManual ? this.inner.wakeMs : undefined
        if (wakeMs !== undefined) setTimeout(resolve, Math.ceil(wakeMs))
      })
    }
  }

  /** From now on, ticks happen so. */
  drive(drive: Drive): void {
    this.checkOpen('drive')
    this.inner.setDrive(innerDrive(drive))
    this.isManual = drive === 'manual'
    this.wakeIdlers()
  }

  // ---------------------------------------------------------------------------------------------- state

  get [INSIDE](): Inside {
    const { inner, options, settings, keys, world } = this
    return { inner, options, settings, keys, world }
  }

  get state(): State {
    return this.inner.state
  }

  /** A digest of the state: equal where states are, on every machine. Kept up where the engine records, else worked out anew. */
  get digest(): string {
    return this.recorder?.digestText ?? digestOf(this.inner.state)
  }

  /** Copies what was recorded so far into a file of its own, in place of a recording that is there. @throws Misuse */
  export(path: string): void {
    this.checkOpen('export')
    exportTo(this.recorder, path)
  }

  /** Counts the transactions. */
  get version(): number {
    return this.versionNow
  }

  progress(): Progress {
    return progressOf(this.inner.state, {
      version: this.versionNow,
      tick: this.ticks,
      pending: this.make.underWay.map((id) => this.keys.keyOf(id)!),
      requests: [...this.requests.values()].map((request) => request.key),
      lives: this.lives.flatMap((live) => live?.key ?? []),
    })
  }

  /** Why the build was last made: from it to what changed. Data, with keys for builds. */
  why(key: Key): Why<Known> {
    return whyOf(this.inner.state, this.keys, key)
  }

  /** Why the build was not made since the last request or transaction. */
  whyNot(key: Key): WhyNot<Known> {
    return whyNotOf(this.inner.state, this.keys, key)
  }

  /** Forgets what no request holds, but for the last `keep` answers to `once`. */
  gc(options: { readonly keep?: number } = {}): void {
    this.checkCalm('gc')
    const { keep = 0 } = optionsIn('gc', options, ['keep'])
    if (!isCount(keep)) throw new Misuse(`gc: \`keep\` must be a whole number from 0 on, got ${shownOption(keep)}`)
    this.sweeper.rest(Number.POSITIVE_INFINITY)
    this.inner.settleAll()
    this.inner.dispatch({ _tag: 'swept', keep: finite(keep) })
    this.inner.settleAll()
    this.sweeper.rest(this.keys.size)
    this.afterTurn()
  }

  /** Gives up so much of the values; they are made again when needed. */
  wipe(options: { readonly percent?: number } = {}): void {
    this.checkCalm('wipe')
    const { percent = 100 } = optionsIn('wipe', options, ['percent'])
    if (!(percent >= 0 && percent <= 100)) throw new Misuse(`wipe: \`percent\` must be from 0 to 100, got ${percent}`)
    this.inner.settleAll()
    this.inner.dispatch({ _tag: 'wiped', builds: this.keys.part(percent) })
    this.inner.settleAll()
    this.afterTurn()
  }

  /** Ends every request and all work, at once, and lets go of the store; nothing may be asked any more. Resolved when nothing is left of what it opened, for whoever calls it as it begins, too. */
  close(): Promise<void> {
    if (!this.isClosed) this.closed = this.end()
    return this.closed ?? Promise.resolve().then(() => this.closed)
  }

  private async end(): Promise<void> {
    this.isClosed = true
    this.inner.close()
    this.make.close()
    this.inner.absorb()
    this.keeper?.commitOrTell(this.inner.state, this.versionNow, [], [], this.settings.onError)
    this.recorder?.close()
    this.keeper?.close()
    this.keeper = undefined
    for (const request of [...this.requests.values()]) request.cancel()
    for (const live of this.lives) live?.cancel()
    this.wakeIdlers()
    await Promise.all([this.watches.close(), this.threads.close()])
  }

  // ---------------------------------------------------------------------------------------------- turns

  private onTurn(outcome: Outcome, after: State): void {
    // Told of by `onError`, a failure costs no answer: the next commit makes up for it.
    this.keeper?.commitOrTell(after, this.versionNow, outcome.forgotten, outcome.renewed, this.settings.onError)
    const answers = outcome.responses.map(({ answer }) => answer && eitherOf(this.keys, answer))
    const notices = noticesOf(this.keys, outcome.followers, this.lives, this.ticks)
    // Answers may speak of these still; who is told may ask for them again.
    for (const id of outcome.forgotten) this.keys.forget(id)
    this.isTelling = true
    try {
      this.watches.apply(outcome)
      outcome.responses.forEach(({ request }, i) => {
        const open = this.requests.get(request)
        const answer = answers[i]
        if (open === undefined || answer === undefined) return
        this.requests.delete(request)
        this.over.push(request)
        open.answer(answer)
      })
      tellAll(notices)
    } finally {
      this.isTelling = false
    }
    if (this.over.length > 0) this.freeOver(after)
    if (after.inFlight === 0) this.make.rest()
    this.afterTurn()
  }

  private freeOver(after: State): void {
    const { requestsToCome } = this.inner
    for (const id of this.over.splice(0)) {
      if (kindOf(after, id) === Kind.UNKNOWN && !requestsToCome.has(id)) this.keys.forget(id)
      else this.over.push(id)
    }
  }

  private afterTurn(): void {
    if (this.isClosed) return
    if (!this.isMaking) this.sweeper.turn(this.inner, this.keys, this.settings.keep)
    if (this.isQuiet) this.wakeIdlers()
  }

  /** Those who wait in `idle` look again. */
  private wakeIdlers(): void {
    for (const resolve of this.idlers.splice(0)) resolve()
  }

  private get isQuiet(): boolean {
    return this.isClosed || (this.inner.state.inFlight === 0 && !this.inner.isReady)
  }

  // ---------------------------------------------------------------------------------------------- checks

  private checkOpen(what: string): void {
    if (this.isClosed) throw new Misuse(`${what}: the engine is closed: create another`)
    if (this.isMaking)
      throw new Misuse(`${what}: a rule called the engine that runs it: ask through the rule's second parameter`)
  }

  private checkCalm(what: string): void {
    this.checkOpen(what)
    if (this.inner.isBusy)
      throw new Misuse(
        `${what}: called from within ${this.isTelling ? 'a notice' : 'a tick'}: the engine is at it already, it goes on by itself afterwards`,
      )
  }
}
