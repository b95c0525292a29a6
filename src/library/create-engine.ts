/** The library's engine: requests, transactions and notices, in front of the same engine that builds files. */
import * as E from 'fp-ts/lib/Either.js'
import { Engine as Inner, type Drive as InnerDrive } from '../engine.js'
import type { Outcome } from '../finalize/finalize.js'
import { fromTable } from '../make/answers.js'
import { Keys, wordsOf } from '../make/keys.js'
import { isKey } from '../make/shape.js'
import { ValueMake } from '../make/value.js'
import { World } from '../make/world.js'
import { type BuildError, buildErrorOf } from '../model/build-error.js'
import type { Definition, Key } from '../model/definition.js'
import type { BuildId } from '../model/ids.js'
import { type Answer, emptyQueue, emptyState, Kind, kindOf, type State } from '../model/state.js'
import type { Policy } from '../reduce/policies/fixpoint.js'
import type { Buildable } from './define.js'
import { Misuse } from './misuse.js'
import { Live, Request } from './request.js'
import { Transaction } from './transaction.js'

/** When ticks happen: all there are in one turn of the event loop, one a turn, as many as fit into `ms`, or when told. */
export type Drive = { readonly per: 'fixpoint' | 'batch' } | { readonly per: { readonly ms: number } } | 'manual'

export interface CreateOptions {
  // biome-ignore lint/suspicious/noExplicitAny: whatever their types are
  readonly rules: readonly Buildable<any, any, any>[]
  readonly policy?: Policy
  /** Room in each pool: how many actions of it run at once. */
  readonly pools?: Readonly<Record<string, number>>
  readonly drive?: Drive
  /** How many of the last answers to `once` stay known though nobody holds them. Default 1000. */
  readonly keep?: number
  /** Generators that wait are kept, or dropped with a chance of `drop` (0 to 1): costs time, changes nothing. */
  readonly continuations?: 'keep' | { readonly drop: number; readonly seed?: number }
  /** Whether values are frozen. Default true. */
  readonly freeze?: boolean
  /** Where an error goes that a subscriber threw. Default: thrown out of the event loop. */
  readonly onError?: (error: unknown) => void
}

export interface Progress {
  readonly version: number
  readonly tick: number
  /** Builds that are not at rest; those of them that could be done now; reads and actions under way. */
  readonly inFlight: number
  readonly ready: number
  readonly pending: readonly Key[]
  /** Open requests for one answer, and live ones. */
  readonly requests: readonly Key[]
  readonly lives: readonly Key[]
}

const DROP_SEED = 1

export const createEngine = (options: CreateOptions): BuildEngine => new BuildEngine(options)

export class BuildEngine {
  private readonly keys = new Keys()
  private readonly world = new World()
  private readonly known = new Set<Definition>()
  private readonly make: ValueMake
  private readonly inner: Inner
  private readonly poolNames: readonly string[]
  private readonly requests = new Map<BuildId, { readonly request: Request<unknown>; readonly version: number }>()
  private readonly lives = new Map<BuildId, { readonly live: Live<unknown>; readonly version: number }>()
  private readonly watches = new Map<BuildId, () => void>()
  /** Ids of requests that are over, once the state has heard of it. */
  private readonly over: BuildId[] = []
  private idlers: (() => void)[] = []
  private versionNow = 0
  private ticks = 0
  private sizeAfterSweep = 0
  private isManual: boolean
  private isClosed = false
  private isTelling = false
  private isMaking = false

  constructor(private readonly options: CreateOptions) {
    for (const { definition } of options.rules) {
      if (definition === undefined) throw new Misuse('`rules` must be sources, rules and actions')
      for (const other of this.known)
        if (other.name === definition.name)
          throw new Misuse(`two rules are named ${definition.name}: each needs a name of its own`)
      this.known.add(definition)
    }
    this.poolNames = Object.keys(options.pools ?? {})
    for (const [name, size] of Object.entries(options.pools ?? {}))
      if (!Number.isSafeInteger(size) || size < 1)
        throw new Misuse(`pool ${name}: its size must be a positive integer, got ${size}`)
    for (const of of this.known)
      if (of.kind === 'action' && of.pool !== undefined && !this.poolNames.includes(of.pool))
        throw new Misuse(`action ${of.name} is of pool ${of.pool}, which \`pools\` does not have`)
    const drive = options.drive ?? { per: 'fixpoint' }
    this.isManual = drive === 'manual'
    this.make = new ValueMake({
      keys: this.keys,
      world: this.world,
      poolOf: (name) => this.poolNames.indexOf(name),
      inThread: () => Promise.reject(new Error('threads')),
      isDropped: dropper(options.continuations ?? 'keep'),
      freeze: options.freeze ?? true,
      settle: (receipt) => this.inner.settle(receipt),
    })
    this.inner = new Inner({
      make: this.guarded(),
      state: this.emptyState(),
      drive: innerDrive(drive),
      ...(options.policy && { policy: options.policy }),
      onTick: () => this.ticks++,
      onTurn: (outcome, _, after) => this.onTurn(outcome, after),
    })
  }

  private emptyState(): State {
    const pools = Object.values(this.options.pools ?? {}).map((size) => ({ size, running: 0, queue: emptyQueue }))
    return { ...emptyState, pools, keep: this.options.keep ?? 1000 }
  }

  /** Rules may not call the engine that runs them. */
  private guarded(): ValueMake {
    const { make } = this
    const guard =
      <A extends readonly unknown[], B>(act: (...args: A) => B) =>
      (...args: A): B => {
        this.isMaking = true
        try {
          return act(...args)
        } finally {
          this.isMaking = false
        }
      }
    return Object.assign(Object.create(make) as ValueMake, { run: guard(make.run), start: guard(make.start) })
  }

  // ---------------------------------------------------------------------------------------------- requests

  /** Asks for one answer. Those who ask for the same share one build. */
  once<V, F>(key: Key<V, F>): Request<V, F> {
    this.check('once', key)
    const target = this.keys.intern(key)
    const id = this.keys.lend()
    const request = new Request<V, F>(key, () => {
      this.requests.delete(id)
      if (this.isClosed) return
      this.inner.dispatch({ _tag: 'cancelled', request: id })
      this.over.push(id)
    })
    this.requests.set(id, { request: request as unknown as Request<unknown>, version: this.versionNow })
    this.inner.dispatch({
      _tag: 'requested',
      request: id,
      by: 0 as BuildId,
      session: id,
      targets: [target],
      want: 'value',
      keepGoing: true,
      jobs: 1,
      trust: true,
    })
    return request
  }

  /** Asks to be told of the answer, and of every other one that takes its place. */
  live<V, F>(key: Key<V, F>): Live<V, F> {
    this.check('live', key)
    const target = this.keys.intern(key)
    const id = this.keys.lend()
    const live = new Live<V, F>(key, () => {
      this.lives.delete(id)
      if (this.isClosed) return
      this.inner.dispatch({ _tag: 'cancelled', request: id })
      this.over.push(id)
    })
    this.lives.set(id, { live: live as unknown as Live<unknown>, version: this.versionNow })
    this.inner.dispatch({ _tag: 'followed', request: id, target })
    return live
  }

  /** Changes sources, all in one new version; nobody sees some of it without the rest. Returns the version. */
  transact(change: (tx: Transaction) => void): number {
    this.checkOpen('transact')
    const tx = new Transaction((what, key) => this.checkKey(what, key))
    change(tx)
    const changes = tx.close()
    this.versionNow++
    const builds: BuildId[] = []
    for (const { key, setting, isRead } of changes) {
      if (key.of.kind === 'source' && !isRead) this.world.set(key, setting)
      else if (key.of.kind === 'source' && key.of.read !== undefined) this.world.set(key, undefined)
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
    const didSomething = this.inner.tick()
    this.inner.endTurn()
    return didSomething
  }

  /** Ticks until nothing is ready, now. */
  settle(): void {
    this.checkCalm('settle')
    this.inner.settleAll()
    this.afterTurn()
  }

  /** Resolved once nothing is ready and no read or action is under way. */
  async idle(): Promise<void> {
    this.checkOpen('idle')
    for (;;) {
      if (this.isManual) this.settle()
      if (this.isQuiet) return
      await new Promise<void>((resolve) => {
        this.idlers.push(resolve)
      })
    }
  }

  /** From now on, ticks happen so. */
  drive(drive: Drive): void {
    this.checkOpen('drive')
    this.isManual = drive === 'manual'
    this.inner.setDrive(innerDrive(drive))
  }

  // ---------------------------------------------------------------------------------------------- state

  get state(): State {
    return this.inner.state
  }

  /** Counts the transactions. */
  get version(): number {
    return this.versionNow
  }

  progress(): Progress {
    const { state } = this.inner
    const keyOf = (id: BuildId): Key => this.keys.keyOf(id)!
    return {
      version: this.versionNow,
      tick: this.ticks,
      inFlight: state.inFlight - this.requests.size,
      ready: state.ready.size + state.start.size + state.pools.reduce((sum, pool) => sum + pool.queue.size, 0),
      pending: this.make.underWay.map(keyOf),
      requests: [...this.requests.values()].map(({ request }) => request.key),
      lives: [...this.lives.values()].map(({ live }) => live.key),
    }
  }

  /** Forgets what no request holds, but for the last `keep` answers to `once`. */
  gc({ keep = 0 }: { readonly keep?: number } = {}): void {
    this.checkCalm('gc')
    if (!(keep >= 0)) throw new Misuse(`gc: \`keep\` must be a number from 0 on, got ${keep}`)
    this.inner.settleAll()
    this.inner.dispatch({ _tag: 'swept', keep })
    this.inner.settleAll()
    this.sizeAfterSweep = this.keys.size
    this.afterTurn()
  }

  /** Gives up so much of the values; they are made again when needed. */
  wipe({ percent = 100 }: { readonly percent?: number } = {}): void {
    this.checkCalm('wipe')
    if (!(percent >= 0 && percent <= 100)) throw new Misuse(`wipe: \`percent\` must be from 0 to 100, got ${percent}`)
    this.inner.settleAll()
    const builds = [...this.keys.all()].map(([id]) => id)
    this.inner.dispatch({
      _tag: 'wiped',
      builds: builds.filter((_, i) => Math.floor(((i + 1) * percent) / 100) > Math.floor((i * percent) / 100)),
    })
    this.inner.settleAll()
    this.afterTurn()
  }

  /** Ends every request and all work; nothing may be asked any more. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.inner.close()
    this.make.close()
    for (const { request } of [...this.requests.values()]) request.cancel()
    for (const { live } of [...this.lives.values()]) live.cancel()
    for (const stop of this.watches.values()) stop()
    this.watches.clear()
    for (const resolve of this.idlers.splice(0)) resolve()
  }

  // ---------------------------------------------------------------------------------------------- turns

  private onTurn(outcome: Outcome, after: State): void {
    this.isTelling = true
    try {
      this.watch(outcome)
      for (const { request, answer } of outcome.responses) {
        const open = this.requests.get(request)
        if (open === undefined || answer === undefined) continue
        this.requests.delete(request)
        this.over.push(request)
        open.request.answer(this.resultOf(answer))
      }
      for (const { request, answer } of outcome.followers) {
        const open = this.lives.get(request)
        if (open === undefined) continue
        const version = Math.max(open.version, answer.version)
        const result = this.resultOf(answer)
        open.live.tell(
          E.isRight(result)
            ? { _tag: 'value', version, tick: this.ticks, value: result.right }
            : { _tag: 'error', version, tick: this.ticks, error: result.left },
          this.options.onError ?? throwLater,
        )
      }
    } finally {
      this.isTelling = false
    }
    for (const id of outcome.forgotten) this.keys.forget(id)
    for (const id of this.over.splice(0)) {
      if (kindOf(after, id) === Kind.UNKNOWN) this.keys.forget(id)
      else this.over.push(id)
    }
    if (after.inFlight === 0) this.make.rest()
    this.afterTurn()
  }

  private afterTurn(): void {
    if (this.isClosed) return
    const limit = 2 * this.sizeAfterSweep + 1000
    if (this.keys.size > limit && !this.isMaking) {
      this.sizeAfterSweep = this.keys.size
      this.inner.dispatch({ _tag: 'swept', keep: this.options.keep ?? 1000 })
    }
    if (this.isQuiet) for (const resolve of this.idlers.splice(0)) resolve()
  }

  private get isQuiet(): boolean {
    return this.inner.state.inFlight === 0 && !this.inner.isReady
  }

  private watch({ watch, unwatch }: Outcome): void {
    for (const id of unwatch) {
      this.watches.get(id)?.()
      this.watches.delete(id)
    }
    for (const id of watch) {
      const key = this.keys.keyOf(id)
      if (key?.of.kind !== 'source' || key.of.watch === undefined) continue
      this.watches.set(
        id,
        key.of.watch(key.key, () => {
          if (!this.isClosed) this.transact((tx) => tx.touch(key))
        }),
      )
    }
  }

  private resultOf(answer: Answer): E.Either<BuildError, unknown> {
    if (answer._tag === 'value') return E.right(fromTable(answer.value))
    return E.left(buildErrorOf(answer.failure, (id) => this.keys.keyOf(id)!, wordsOf))
  }

  // ---------------------------------------------------------------------------------------------- checks

  private check(what: string, key: unknown): void {
    this.checkOpen(what)
    this.checkKey(what, key)
  }

  private checkKey(what: string, key: unknown): asserts key is Key {
    if (!isKey(key))
      throw new Misuse(
        `${what}: expected a key, such as rule('x'), got ${typeof key === 'function' ? 'a function: call it with a key' : String(key)}`,
      )
    if (!this.known.has(key.of))
      throw new Misuse(`${what}: the engine does not know ${key.of.name}: add it to \`rules\` of createEngine`)
  }

  private checkOpen(what: string): void {
    if (this.isClosed) throw new Misuse(`${what}: the engine is closed`)
    if (this.isMaking)
      throw new Misuse(`${what}: a rule called the engine that runs it: ask through the rule's second parameter`)
  }

  private checkCalm(what: string): void {
    this.checkOpen(what)
    if (this.isTelling)
      throw new Misuse(
        `${what}: called from within a notice: the engine is at it already, it goes on by itself afterwards`,
      )
  }
}

const innerDrive = (drive: Drive): InnerDrive => {
  if (drive === 'manual') return 'manual'
  const { per } = drive ?? {}
  if (per === 'fixpoint' || per === 'batch') return per
  if (typeof per === 'object' && per.ms > 0) return per
  throw new Misuse("`drive` must be { per: 'fixpoint' }, { per: 'batch' }, { per: { ms: 5 } } or 'manual'")
}

/** Says now and then, by a seeded generator (mulberry32, by Tommy Ettinger), that a continuation is to be dropped. */
const dropper = (continuations: NonNullable<CreateOptions['continuations']>): (() => boolean) => {
  if (continuations === 'keep') return () => false
  let seed = continuations.seed ?? DROP_SEED
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296 < continuations.drop
  }
}

const throwLater = (error: unknown): void => {
  setImmediate(() => {
    throw error
  })
}
