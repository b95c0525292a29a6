/**
 * Plays a schedule on an engine, in a world whose sources and actions answer when the schedule says so, and throws at the first
 * breach of a law. What is right is known from the oracle alone.
 */
import * as E from 'fp-ts/lib/Either.js'
import {
  action,
  type BuildEngine,
  type BuildId,
  codec as C,
  type CreateOptions,
  checkInvariants,
  createEngine,
  type DriveOption,
  Flight,
  type Input,
  type Key,
  type Live,
  type Policy,
  type Receipt,
  type Request,
  reduce,
  type SourceKey,
  type State,
  Status,
  source,
  statusOf,
} from '../../src/index.js'
import { read } from '../../src/model/table.js'
import { fingerprint } from './fingerprint.js'
import { insideOf } from './inside.js'
import {
  ACTIONS,
  broken,
  type Evaluation,
  evaluate,
  FIRST_PLAN,
  inCircles,
  ofAction,
  type Plans,
  READ_SOURCES,
  type Ref,
  type Result,
  rulesOf,
  SET_SOURCES,
  textOf,
} from './plans.js'
import type { Step } from './schedules.js'

export interface Config {
  readonly policy?: Policy
  readonly drive?: DriveOption
  /** Chance that a generator that waits is dropped. */
  readonly drop?: number
  /** Room in the pool of the actions. */
  readonly pool?: number
  readonly permute?: (receipts: readonly Receipt[]) => readonly Receipt[]
  /** Reduces every input twice, and compares; looks at the invariants of rows. Default true. */
  readonly check?: boolean
  /** Every `tick` of the schedule goes on until nothing is ready. */
  readonly whole?: boolean
  /** Records it all, in memory. */
  readonly record?: boolean
  /** Called after each tick. */
  readonly onTick?: (input: Input, before: State, after: State) => void
  /** Plans may need one another in circles; `at once`: and ask for all they need at once. */
  readonly cyclic?: boolean | 'at once'
}

const TICKS_MAX = 3_000

/** A read or action under way. Settled twice or late, it is of no account. */
interface Under {
  readonly ref: Ref
  readonly settle: () => void
  readonly signal: AbortSignal
  isSettled: boolean
}

interface Asked {
  readonly ref: Ref
  readonly since: number
  readonly request: Request<number>
  isCancelled: boolean
  answers: number
}

interface Followed {
  readonly ref: Ref
  readonly since: number
  readonly live: Live<number>
  readonly told: { readonly version: number; readonly text: string }[]
  isCancelled: boolean
}

const fail = (why: string): never => {
  throw new Error(why)
}
const ensure = (holds: boolean, why: () => string): void => {
  if (!holds) fail(why())
}

export class Play {
  readonly eng: BuildEngine
  readonly rules: CreateOptions['rules']
  readonly keyOf: (ref: Ref) => Key<number>
  readonly asked: Asked[] = []
  readonly followed: Followed[] = []
  /** What was outside at each version, sources that are set included. */
  private readonly truths: (number | undefined)[][]
  /** What `read` finds, whatever a transaction set. */
  private readonly outside: (number | undefined)[]
  private readonly waits = new Set<Ref>()
  private readonly under: Under[] = []
  private readonly watched = new Set<Ref>()
  /** The version that the state knows of. */
  private reduced = 0
  /** That at the end of the last turn: what is told at the end of this one is not older. */
  private told = 0
  private ticks = 0
  /** In which version each build was last made, unless it may have been given up since; and touched. */
  private readonly madeAt = new Map<Ref, number>()
  private readonly touchedAt = new Map<Ref, number>()
  private readonly evaluations: Evaluation[] = []
  /** Breaches found where they cannot be thrown. */
  private readonly faults: unknown[] = []

  constructor(
    readonly plans: Plans,
    truth: readonly (number | undefined)[],
    private readonly config: Config = {},
  ) {
    this.truths = [[...truth]]
    this.outside = [...truth]
    const key = { key: C.int, value: C.int }
    const set = source('set', key)
    const read = source('read', {
      ...key,
      read: (ref, { signal }) => this.begin(ref, signal, () => this.outside[ref]),
      watch: (ref) => {
        ensure(!this.watched.has(ref), () => `${ref} is watched twice`)
        this.watched.add(ref)
        return () => ensure(this.watched.delete(ref), () => `${ref} is not watched, and is to be no more`)
      },
    })
    const pooled = action('pooled', {
      ...key,
      pool: 'pool',
      run: (ref, { signal }) => {
        const { pool = 1 } = config
        const running = this.open.filter((u) => u.ref !== ref && ACTIONS.includes(u.ref)).length
        ensure(running < pool, () => `${running + 1} actions in a pool of ${pool}`)
        return this.begin(ref, signal, () => ofAction(ref), true) as never
      },
    })
    const free = action('free', { ...key, run: ofAction })
    const leafKey = (ref: Ref): Key<number> =>
      SET_SOURCES.includes(ref)
        ? set(ref)
        : READ_SOURCES.includes(ref)
          ? read(ref)
          : ref === ACTIONS.at(-1)
            ? free(ref)
            : pooled(ref)
    const { rules, keyOf } = rulesOf(plans, leafKey)
    this.keyOf = keyOf
    this.rules = [set, read, pooled, free, ...rules]
    this.eng = createEngine({
      rules: this.rules,
      pools: { pool: config.pool ?? 1 },
      drive: config.drive ?? 'manual',
      keep: 5,
      onError: (fault) => this.faults.push(fault),
      record: config.record ?? false,
      ...(config.policy && { policy: config.policy }),
      ...(config.drop && { continuations: { drop: config.drop } }),
    })
    this.instrument()
    this.eng.transact((tx) => {
      for (const ref of SET_SOURCES) if (truth[ref] !== undefined) tx.set(set(ref), truth[ref]!)
    })
    this.truths.push([...truth])
  }

  /** Under way, and wanted. */
  private get open(): readonly Under[] {
    return this.under.filter((u) => !u.isSettled && !u.signal.aborted).sort((a, b) => a.ref - b.ref)
  }

  /** Answers now; or, where it is to wait, when the schedule says so: what was there when it was asked. */
  private begin(ref: Ref, signal: AbortSignal, find: () => number | undefined, waits = this.waits.has(ref)): never {
    ensure(!this.open.some((u) => u.ref === ref), () => `${ref} is under way twice`)
    if (!waits) return find() as never
    let found: { value: number | undefined } | { error: unknown }
    try {
      found = { value: find() }
    } catch (error) {
      found = { error }
    }
    const promise = {
      // biome-ignore lint/suspicious/noThenProperty: settles at once, not a turn later
      then: (done: (value: unknown) => void, failed: (error: unknown) => void) => {
        const settle = (): void => {
          if ('error' in found) failed(found.error)
          else done(found.value)
        }
        this.under.push({ ref, settle, signal, isSettled: false })
      },
    }
    return promise as never
  }

  // ---------------------------------------------------------------------------------------------- the engine watched

  private instrument(): void {
    const { options } = insideOf(this.eng)
    const { make, onTick } = options
    const { permute = (receipts) => receipts } = this.config
    options.make = Object.assign(Object.create(make), {
      run: (state: State, builds: readonly BuildId[]) => permute(make.run(state, builds)),
      start: (state: State, builds: readonly BuildId[]) => permute(make.start(state, builds)),
    })
    options.onTick = (input, before, after) => {
      onTick?.(input, before, after)
      this.onTick(input, before, after)
      this.config.onTick?.(input, before, after)
    }
  }

  private onTick(input: Input, before: State, after: State): void {
    ensure(this.ticks++ < TICKS_MAX, () => 'the ticks do not end')
    if (this.config.check !== false) {
      checkInvariants(after)
      const words = fingerprint(before)
      const again = reduce(before, { ...input, receipts: [...input.receipts].reverse() })
      ensure(
        fingerprint(again.state) === fingerprint(after),
        () => 'reduced again, in another order, it is another state',
      )
      ensure(fingerprint(before) === words, () => 'the state before was changed')
    }
    for (const receipt of input.receipts.flatMap(each)) {
      if (receipt._tag === 'made' || receipt._tag === 'broken') this.onMade(this.refOf(receipt.build))
    }
    // Whatever was given up may be made again.
    if (input.events.some(({ _tag }) => _tag === 'swept' || _tag === 'wiped')) this.madeAt.clear()
    this.reduced = this.eng.version
  }

  /** Nothing is made twice in a version, nor unless something that it asks for is not what it was. */
  private onMade(ref: Ref): void {
    const last = this.madeAt.get(ref)
    this.madeAt.set(ref, this.reduced)
    if (last === undefined || this.config.cyclic) return
    ensure(last < this.reduced, () => `${ref} is made twice in version ${last}`)
    if (ref < FIRST_PLAN || (this.touchedAt.get(ref) ?? 0) > last) return
    const then = this.at(last)
    then.result(ref)
    for (let version = last + 1; version <= this.reduced; version++) {
      const now = this.at(version)
      if (then.needsOf(ref).some((need) => textOf(now.result(need)) !== textOf(then.result(need)))) return
    }
    fail(`${ref} is made in version ${this.reduced} as in ${last}, and nothing it needs changed`)
  }

  private refOf(x: BuildId): Ref {
    return insideOf(this.eng).keys.keyOf(x)!.key as Ref
  }

  private at(version: number): Evaluation {
    this.evaluations[version] ??= evaluate(this.plans, this.truths[version]!)
    return this.evaluations[version]
  }

  // ---------------------------------------------------------------------------------------------- what is told

  /** The result of `ref` is what it was in one of the versions from `since` on, and in none that was over before this turn. */
  private expectRight(ref: Ref, text: string, since: number): void {
    if (this.config.cyclic) return
    const from = Math.max(since, this.told)
    const right: string[] = []
    for (let version = from; version <= this.eng.version; version++) right.push(textOf(this.at(version).result(ref)))
    ensure(
      right.includes(text),
      () => `${ref} is answered ${text}, and is ${right} in versions ${from} to ${this.eng.version}`,
    )
  }

  private once(ref: Ref): void {
    const asked: Asked = {
      ref,
      since: this.eng.version,
      request: this.eng.once(this.keyOf(ref)),
      isCancelled: false,
      answers: 0,
    }
    this.asked.push(asked)
    const { request } = asked
    const answer = request.answer.bind(request)
    request.answer = (result) => {
      answer(result)
      if (asked.isCancelled) return
      ensure(++asked.answers === 1, () => `${ref} is answered twice`)
      this.expectRight(ref, textOfResult(result), asked.since)
    }
  }

  private follow(ref: Ref): void {
    const followed: Followed = {
      ref,
      since: this.eng.version,
      live: this.eng.live(this.keyOf(ref)),
      told: [],
      isCancelled: false,
    }
    this.followed.push(followed)
    followed.live.subscribe((notice) => {
      ensure(!followed.isCancelled, () => `${ref} is told of though its request was cancelled`)
      const text = textOfResult(notice._tag === 'value' ? E.right(notice.value) : E.left(notice.error))
      const last = followed.told.at(-1)
      followed.told.push({ version: notice.version, text })
      ensure(
        notice.version <= this.eng.version && notice.version >= followed.since,
        () => `${ref} is told of with version ${notice.version}`,
      )
      ensure(last?.text !== text, () => `${ref} is told twice that it is ${text}`)
      ensure(
        last === undefined || last.version < notice.version,
        () => `${ref} is told of version ${notice.version} after ${last?.version}`,
      )
      this.expectRight(ref, text, followed.since)
      if (this.config.cyclic) return
      const right = textOf(this.at(notice.version).result(ref))
      ensure(right === text, () => `${ref} is ${text} as of version ${notice.version}, when it was ${right}`)
    })
  }

  // ---------------------------------------------------------------------------------------------- steps

  step(step: Step): void {
    this.perform(step)
    for (const fault of this.faults) throw fault
  }

  private perform(step: Step): void {
    const { eng } = this
    switch (step.step) {
      case 'once':
        return this.once(this.target(step.ref))
      case 'live':
        return this.follow(this.target(step.ref))
      case 'cancel': {
        const open = this.openRequests
        return open[step.which % Math.max(1, open.length)]?.()
      }
      case 'change':
        return this.change(
          step.changes,
          step.touches.map((n) => this.target(n)),
        )
      case 'settle': {
        const { open } = this
        const all = [...this.under].sort((a, b) => a.ref - b.ref)
        const under = step.stale
          ? all[step.which % Math.max(1, all.length)]
          : open[step.which % Math.max(1, open.length)]
        under?.settle()
        if (under !== undefined) under.isSettled = true
        return
      }
      case 'tick':
        if (this.config.whole) return this.run()
        eng.tick()
        this.told = this.reduced
        return
      case 'run':
        return this.run()
      case 'gc':
        eng.gc({ keep: step.keep })
        return this.expectRest()
      case 'sweep':
        // In the midst of it all, as the engine does now and then by itself.
        insideOf(eng).inner.dispatch({ _tag: 'swept', keep: step.keep })
        return
      case 'wipe':
        eng.wipe({ percent: step.percent })
        return this.expectRest()
    }
  }

  /** Negative: the plans, from the last one on, around and around. */
  private target(ref: number): Ref {
    return ref >= 0 ? ref : FIRST_PLAN + this.plans.length - 1 - ((-ref - 1) % this.plans.length)
  }

  private get openRequests(): readonly (() => void)[] {
    const end = (one: Asked | Followed, request: { cancel(): void }) => (): void => {
      one.isCancelled = true
      request.cancel()
    }
    return [
      ...this.asked.filter((a) => !a.isCancelled && a.answers === 0).map((a) => end(a, a.request)),
      ...this.followed.filter((f) => !f.isCancelled).map((f) => end(f, f.live)),
    ]
  }

  private change(changes: Extract<Step, { step: 'change' }>['changes'], touches: readonly Ref[]): void {
    const truth = [...this.truths.at(-1)!]
    this.eng.transact((tx) => {
      for (const { source: ref, value, how, waits } of changes) {
        const isRead = READ_SOURCES.includes(ref)
        if (isRead && how === 'outside') {
          this.outside[ref] = value
          if (waits) this.waits.add(ref)
          else this.waits.delete(ref)
          tx.touch(this.keyOf(ref))
        } else if (value === undefined) tx.remove(this.keyOf(ref) as SourceKey)
        else tx.set(this.keyOf(ref) as SourceKey<number>, value)
        truth[ref] = value
      }
      for (const ref of touches) {
        // Read again: what was set is of no account any more.
        if (READ_SOURCES.includes(ref)) truth[ref] = this.outside[ref]
        tx.touch(this.keyOf(ref))
        this.touchedAt.set(ref, this.eng.version + 1)
      }
    })
    this.truths.push(truth)
  }

  /** Ticks until nothing is ready; then all that can be known is. */
  run(): void {
    this.eng.settle()
    for (const fault of this.faults) throw fault
    this.expectRest()
  }

  /** As `run`, under a driver that takes turns of the event loop. */
  async runInTurns(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (insideOf(this.eng).isScheduled)
    for (const fault of this.faults) throw fault
    this.expectRest()
  }

  // ---------------------------------------------------------------------------------------------- at rest

  /** Nothing is ready: whatever does not wait for what is under way is answered, and nothing else is under way. */
  expectRest(): void {
    const { eng, open } = this
    this.told = this.reduced
    const pooled = ACTIONS.filter((ref) => {
      const id = insideOf(eng).keys.find(this.keyOf(ref))
      return id !== undefined && statusOf(eng.state, id) === Status.START
    })
    const waits = new Set([...open.map((u) => u.ref), ...pooled])
    const pending = eng.progress().pending.map((key) => key.key as Ref)
    same(
      sorted(pending),
      open.map((u) => u.ref),
      'pending',
    )
    if (this.config.cyclic) {
      if (waits.size > 0) return
      ensure(eng.state.inFlight === 0, () => `${eng.state.inFlight} are left in flight`)
      if (this.config.cyclic === 'at once') this.expectCircles()
      return
    }
    const now = evaluate(this.plans, this.truths.at(-1)!, waits)
    for (const { ref, request, isCancelled } of this.asked) {
      if (isCancelled || request.now !== undefined) continue
      const result = now.result(ref)
      ensure(result === 'wait', () => `${ref} is not answered, and is ${textOf(result)}`)
    }
    for (const { ref, told, isCancelled } of this.followed) {
      if (isCancelled) continue
      const result = now.result(ref)
      if (result !== 'wait') same(told.at(-1)?.text, textOf(result), `${ref} was last told to be`)
    }
    // A run that has to look again keeps what it asked for until it has asked anew.
    const kept = [...waits].filter((ref) => now.reached.has(ref) || this.isWaitedFor(ref))
    same(sorted(kept), sorted([...waits]), 'under way')
    if (this.openRequests.length === 0) same(sorted([...waits]), [], 'under way for nobody')
    if (waits.size > 0) return
    ensure(eng.state.inFlight === 0, () => `${eng.state.inFlight} are left in flight`)
    same(sorted([...this.watched]), sorted(this.followedNow.filter((ref) => READ_SOURCES.includes(ref))), 'watched')
  }

  private expectCircles(): void {
    for (const { ref, told, isCancelled } of this.followed) {
      if (isCancelled) continue
      const is = told.at(-1)!.text
      const should = inCircles(this.plans, this.truths.at(-1)!, ref)
      if (should === 'cycle') ensure(is.includes(': cycle'), () => `${ref} is on a circle, and is told to be ${is}`)
      else if (should === 'broken') ensure(is.includes(':'), () => `${ref} needs a circle, and is told to be ${is}`)
      else same(is, textOf(should), `${ref} was last told to be`)
    }
  }

  private isWaitedFor(ref: Ref): boolean {
    const id = insideOf(this.eng).keys.find(this.keyOf(ref))!
    return read(this.eng.state.flight, id, Flight.WAITER_HEAD) !== 0
  }

  /** What live requests stand on. */
  private get followedNow(): readonly Ref[] {
    const now = evaluate(this.plans, this.truths.at(-1)!)
    for (const { ref, isCancelled } of this.followed) if (!isCancelled) now.result(ref)
    return [...now.reached]
  }

  /** Lets all that is under way end. */
  finish(pick: (n: number) => number): void {
    this.run()
    while (this.settleOne(pick)) this.run()
    this.expectAnswered()
  }

  async finishInTurns(pick: (n: number) => number): Promise<void> {
    await this.runInTurns()
    while (this.settleOne(pick)) await this.runInTurns()
    this.expectAnswered()
  }

  private settleOne(pick: (n: number) => number): boolean {
    const { open } = this
    const under = open[pick(Math.max(1, open.length))]
    if (under === undefined) return false
    under.settle()
    under.isSettled = true
    return true
  }

  private expectAnswered(): void {
    ensure(this.eng.state.inFlight === 0, () => `${this.eng.state.inFlight} are left in flight`)
    for (const { ref, request } of this.asked) ensure(request.now !== undefined, () => `${ref} was never answered`)
  }

  /** What is kept is what live requests stand on: no more, no less. */
  expectSmall(): void {
    this.eng.gc({ keep: 0 })
    const { keys } = insideOf(this.eng)
    const kept = keys.part(100).map((id) => keys.keyOf(id)!.key as Ref)
    same(sorted(kept), sorted([...this.followedNow]), 'kept')
  }

  /** Everything is cancelled and collected: nothing is left. */
  expectEmptied(fresh: State): void {
    for (const cancel of this.openRequests) cancel()
    this.eng.settle()
    same(
      this.open.map((u) => u.ref),
      [],
      'under way though nobody waits',
    )
    same([...this.watched], [], 'watched though nobody follows')
    this.eng.gc({ keep: 0 })
    same(insideOf(this.eng).keys.size, 0, 'keys that are known')
    ensure(fingerprint(this.eng.state) === fingerprint(fresh), () => 'the state is not the empty one')
  }

  /** All that was told, request by request. */
  get history(): readonly string[] {
    return [
      ...this.asked.map(
        ({ ref, request, isCancelled }) =>
          `${ref}: ${isCancelled || request.now === undefined ? '' : textOfResult(request.now)}`,
      ),
      ...this.followed.map(
        ({ ref, told }) => `${ref}: ${told.map(({ version, text }) => `${version} ${text}`).join(', ')}`,
      ),
    ]
  }
}

const each = (receipt: Receipt): readonly Receipt[] =>
  receipt._tag === 'ahead' ? [...receipt.done, ...receipt.open] : [receipt]

const textOfResult = (result: E.Either<Parameters<typeof broken>[0], number>): string =>
  textOf((E.isRight(result) ? { value: result.right } : broken(result.left)) as Result)

const sorted = (refs: readonly Ref[]): readonly Ref[] => [...refs].sort((a, b) => a - b)

const same = (is: unknown, should: unknown, what: string): void => {
  const [one, other] = [JSON.stringify(is), JSON.stringify(should)]
  ensure(one === other, () => `${what}: ${one}, and should be ${other}`)
}
