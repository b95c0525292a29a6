/**
 * The engine: introduces the rooms to each other. One tick chooses a batch, lets make do it, and reduces what came of it; a turn is
 * as many ticks as the driver wants now, and ends with finalize. Which driver it is changes when things happen, never
 * what comes of them.
 */
import { setAutoFreeze } from 'immer'
import { finalize, type Outcome } from './finalize/finalize.js'
import { Bug } from './model/error.js'
import { type Batch, type Effect, type Event, emptyBatch, type Input, type Receipt } from './model/event.js'
import type { BuildId } from './model/ids.js'
import { Track } from './model/plan.js'
import { emptyState, hasWork, type News, type State } from './model/state.js'
import { stateWith } from './model/state-copy.js'
import { gather } from './reduce/gather.js'
import { fullBatch, isPlain, upNext } from './reduce/policies/basic.js'
import { guard } from './reduce/policies/guard.js'
import { type Decision, decide, isEmpty, type Policy, tracksOf } from './reduce/policies/policy.js'
import { endTurn, type Reading, reduce, reduceAll } from './reduce/reduce.js'

export { policyNamed } from './reduce/policies/named.js'
export { isEmpty } from './reduce/policies/policy.js'
export type { Reading } from './reduce/reduce.js'

// Freezing what a tick made walks all of it: worth it to find whoever changes a state in place, so in tests only.
setAutoFreeze(process.env.VITEST !== undefined)

/** Does what a batch says. All of a batch see the same state. Long work is begun, and its end told later by `Engine.settle`. */
export interface Make {
  /** Looks at targets; the receipt covers all of them, in order. */
  readonly scan: (state: State, builds: Batch['scan']) => Extract<Receipt, { _tag: 'scanned' }>
  /** Finds out what each needs before it can start. One receipt a build. */
  readonly run: (state: State, builds: Batch['run']) => readonly Receipt[]
  /** Starts each, now that what it needs is up-to-date. One receipt a build. */
  readonly start: (state: State, builds: Batch['start']) => readonly Receipt[]
  readonly perform: (effect: Effect) => void
  /**
   * Told at the end of a turn which build starts next once a slot is free, if that is known: its `started` may then come by itself, when
   * what holds a slot ends. What it was told before holds as long as that build waits to be started.
   */
  readonly standBy?: (state: State, next: readonly BuildId[]) => void
}

/** How many ticks happen now: all there are, one per turn of the event loop, or as many as fit in a time (ms). */
export type Drive = 'fixpoint' | 'batch' | { readonly ms: number } | 'manual'

export interface EngineOptions {
  readonly make: Make
  readonly state?: State
  readonly policy?: Policy
  /** Told what a policy broke: what cannot be taken is left out. By default it is taken for a fault. */
  readonly onBreach?: ((breach: string) => void) | undefined
  /** Told of each build that a policy passed over for so long that it was taken all the same. */
  readonly onStarved?: ((build: BuildId) => void) | undefined
  readonly drive?: Drive
  /** Time in ms, for drivers and policies that go by it. */
  readonly now?: () => number
  /** Called at the end of each turn in which something changed: the place to commit, and then to answer. */
  readonly onTurn: (outcome: Outcome, before: State, after: State) => void
  /** Called after each tick. */
  readonly onTick?: (input: Input, before: State, after: State) => void
  /** Where a fault of a turn that runs by itself goes; by default it is thrown, out of the event loop. */
  readonly onFault?: (fault: unknown) => void
}

const throwBreach = (breach: string): never => {
  throw new Bug(`the policy ${breach}`)
}

const tracked = (state: State, tracks: number): State =>
  state.tracks === tracks
    ? state
    : reduce(state, { batch: emptyBatch, receipts: [], events: [{ _tag: 'tracked', tracks }] }).state

export class Engine {
  state: State
  private readonly options: EngineOptions
  private policy: Policy
  private readonly now: () => number
  /** When the clock was read last, and what the rest of that tick took, in ms. */
  private readAt = 0
  private reducedMs = 0
  private alarm: NodeJS.Timeout | undefined = undefined
  /** What the policy says of a state, which it is asked more than once. */
  private decided: { readonly state: State; readonly decision: Decision } | undefined
  private drive: Drive
  /** When make should be done with this tick, by the clock: for one that can leave the rest to the next. */
  stopAt = Number.POSITIVE_INFINITY
  /** What the end of the last turn took, in ms. */
  private endedMs = 0
  private events: Event[] = []
  private receipts: Receipt[] = []
  private turnState: State
  /** What happened in this turn. */
  private news: News[] = []
  private scheduled = false
  private closed = false
  /** Within a tick, the choice of one or the end of a turn, all of which call others: whatever these do, it is no time to begin another. */
  isBusy = false

  constructor(options: EngineOptions) {
    this.options = options
    this.now = options.now ?? (() => performance.now())
    const policy = options.policy ?? fullBatch()
    this.policy = this.guarded(policy)
    const first = stateWith(options.state ?? emptyState)
    // Without a policy of its own, as in a replay, what is kept up is what it was.
    this.state = options.policy === undefined ? first : tracked(first, tracksOf(policy))
    this.turnState = this.state
    this.drive = options.drive ?? 'fixpoint'
  }

  /** Tells of something that happened outside; it is reduced in the next tick. */
  dispatch(...events: readonly Event[]): void {
    for (const event of events) this.events.push(event)
    this.schedule()
  }

  /** Tells of the end of long work. */
  settle(receipt: Receipt): void {
    this.receipts.push(receipt)
    this.schedule()
  }

  /** Whether all that happened and was not taken in yet is such. */
  hasOnly(such: (event: Event) => boolean): boolean {
    return this.events.every(such)
  }

  /** Requests of which something happened that was not taken in yet. */
  get requestsToCome(): ReadonlySet<BuildId> {
    const found = new Set<BuildId>()
    for (const event of this.events) if ('request' in event) found.add(event.request)
    return found
  }

  /** Whether a turn is about to run by itself. */
  get isScheduled(): boolean {
    return this.scheduled
  }

  /** Whether a tick would do anything. */
  get isReady(): boolean {
    if (this.closed) return false
    return this.events.length > 0 || this.receipts.length > 0 || !isEmpty(this.choose().batch)
  }

  /** What the policy takes of the present state. */
  get chosen(): Batch {
    return this.choose().batch
  }

  /** One tick; false when there was nothing to do, or it is closed. */
  tick(): boolean {
    if (this.closed) return false
    // A transaction has changed the world already: nothing is made of that before the state knows of it. Collecting garbage takes time of
    // the slice: how much is left for make is known behind it.
    const isHeld = this.events.some(({ _tag }) => _tag === 'transacted' || _tag === 'pruned')
    const { batch, carry } = isHeld ? { batch: emptyBatch, carry: this.state.carry } : this.choose()
    // The policy, too, may have closed it.
    if (this.closed || (this.events.length === 0 && this.receipts.length === 0 && isEmpty(batch))) return false
    this.busily(() => this.advance(carry === this.state.carry ? batch : { ...batch, carry }))
    return true
  }

  /** One tick that does this of what is ready, whatever the policy would. */
  tickOf(batch: Batch): void {
    const isHeld = this.events.some(({ _tag }) => _tag === 'transacted')
    this.busily(() => this.advance(isHeld ? emptyBatch : batch))
  }

  private busily<A>(act: () => A): A {
    const was = this.isBusy
    this.isBusy = true
    try {
      return act()
    } finally {
      this.isBusy = was
    }
  }

  private advance(batch: Batch): void {
    const begun = (this.state.tracks & Track.CLOCK) === 0 ? undefined : this.now()
    const before = this.state
    const wasClosed = this.closed
    const receipts = this.receipts
    this.receipts = []
    const { make } = this.options
    if (batch.scan.length > 0) receipts.push(make.scan(before, batch.scan))
    // One by one: a call takes no more than some 100,000 arguments.
    if (batch.run.length > 0) for (const receipt of make.run(before, batch.run)) receipts.push(receipt)
    if (batch.start.length > 0) for (const receipt of make.start(before, batch.start)) receipts.push(receipt)
    // Who was called closed it, and by that was taken in what happened: the batch may not fit the state any more.
    if (this.closed && !wasClosed) return
    const events = begun === undefined ? this.events : [this.reading(begun), ...this.events]
    this.events = []
    for (const effect of this.apply({ batch, receipts, events })) make.perform(effect)
    if (begun !== undefined) this.reducedMs = this.now() - this.readAt
  }

  /** Folds what happened into the state, whoever says so: a replay goes on with this alone. What is to be done at once is not done. */
  apply(input: Input): readonly Effect[] {
    const before = this.state
    const step = reduce(before, input)
    this.state = step.state
    this.options.onTick?.(input, before, step.state)
    // Taken out at each tick: a turn may have as many ticks as builds, and each would copy the news of all before it.
    for (const news of step.state.news) this.news.push(news)
    this.state = endTurn(step.state)
    return step.effects
  }

  /** As `apply`, of many one after the other, without a state after each: see {@link reduceAll}. */
  applyAll(inputs: Iterable<Input>, told: (w: Reading, news: readonly News[]) => void): void {
    this.state = reduceAll(this.state, inputs, told)
  }

  /** What the tick that began then has cost so far, and the last one since it was read. */
  private reading(begun: number): Event {
    this.readAt = this.now()
    const spent = Math.round((this.readAt - begun + this.reducedMs) * 1000)
    return { _tag: 'read', now: Math.round(begun), spent }
  }

  /** Takes in what happened and what came of earlier work, and begins none. */
  absorb(): void {
    if (this.events.length > 0 || this.receipts.length > 0) this.advance(emptyBatch)
  }

  /** Ticks until nothing is ready, now; then ends the turn. */
  settleAll(): void {
    while (this.tick()) {
      // Each tick does all there is to do in it.
    }
    this.endTurn()
  }

  /** Tells what the ticks since the last turn brought about. */
  endTurn(): void {
    // Whoever was called within this turn may have changed the world: that is committed with the state, which has to know of it.
    while (this.events.some(({ _tag }) => _tag === 'transacted')) this.tickOf(emptyBatch)
    const before = this.turnState
    const after = this.state
    if (before === after) return
    this.busily(() => {
      this.options.make.standBy?.(after, upNext(gather(after), this.policy, after.carry))
      const outcome = finalize(before, { ...after, news: this.news })
      this.news = []
      this.turnState = after
      this.options.onTurn(outcome, before, after)
    })
  }

  private guarded(policy: Policy): Policy {
    const { onBreach = throwBreach, onStarved } = this.options
    return isPlain(policy) ? policy : guard(policy, { onBreach, onStarved })
  }

  get policyName(): string {
    return this.policy.name
  }

  /** From now on `policy` chooses. What it wants to know is kept up from the next tick on. */
  setPolicy(policy: Policy): void {
    this.policy = this.guarded(policy)
    this.decided = undefined
    if (tracksOf(policy) !== this.state.tracks) this.dispatch({ _tag: 'tracked', tracks: tracksOf(policy) })
  }

  setDrive(drive: Drive): void {
    this.drive = drive
    if (this.isReady) this.schedule()
    else this.setAlarm()
  }

  /** Nothing is begun any more, though a turn be under way. */
  close(): void {
    this.closed = true
    clearTimeout(this.alarm)
  }

  private choose(): Decision {
    const { state } = this
    if (!hasWork(state)) {
      // An old state is not to be held on to: it costs what was changed since.
      this.decided = undefined
      return { batch: emptyBatch, carry: state.carry }
    }
    if (this.decided?.state !== state) this.decided = { state, decision: this.decide() }
    return this.decided.decision
  }

  private decide(): Decision {
    const { state } = this
    const decided = this.busily(() => decide(this.policy, gather(state), state.carry))
    const { batch, carry = state.carry, wakeMs } = decided
    return wakeMs === undefined ? { batch, carry } : { batch, carry, wakeMs }
  }

  /** When the policy, which takes nothing of what is ready, wants to be asked again, in ms from now. */
  get wakeMs(): number | undefined {
    const { batch, wakeMs } = this.choose()
    return isEmpty(batch) ? wakeMs : undefined
  }

  /** Lets time go on for a policy that waits. */
  wake(): void {
    this.dispatch({ _tag: 'read', now: Math.round(this.now()), spent: this.state.clock.spent })
  }

  /** The same, if the time has come that it waits for: where no turn runs by itself, nothing else says so. */
  wakeIfDue(): void {
    const { wakeMs } = this
    if (wakeMs !== undefined && Math.round(this.now()) - this.state.clock.now >= wakeMs) this.wake()
  }

  private schedule(): void {
    if (this.scheduled || this.closed || this.drive === 'manual') return
    this.scheduled = true
    setImmediate(this.turn)
  }

  private readonly turn = (): void => {
    this.scheduled = false
    // That ticks happen only when told may have been said since.
    if (this.closed || this.drive === 'manual') return
    try {
      this.runTurn()
    } catch (fault) {
      if (this.options.onFault === undefined) throw fault
      this.options.onFault(fault)
    }
    if (this.isReady) this.schedule()
    else this.setAlarm()
  }

  private setAlarm(): void {
    clearTimeout(this.alarm)
    const wakeMs = this.drive === 'manual' ? undefined : this.wakeMs
    this.alarm = wakeMs === undefined ? undefined : setTimeout(() => this.wake(), Math.max(1, Math.ceil(wakeMs)))
  }

  private runTurn(): void {
    if (this.drive === 'batch') this.tick()
    else if (typeof this.drive === 'object') {
      const { ms } = this.drive
      // The end of the turn is part of it, and takes about as long as that of the last one.
      const end = this.now() + Math.max(ms / 4, ms - this.endedMs)
      // What make came to is yet to be reduced, which takes as long.
      do this.stopAt = (this.now() + end) / 2
      while (this.tick() && this.now() < end - ms / 8)
      this.stopAt = Number.POSITIVE_INFINITY
      const begun = this.now()
      this.endTurn()
      this.endedMs = this.now() - begun
      return
    } else while (this.tick());
    this.endTurn()
  }
}
