/**
 * The engine: introduces the rooms to each other. One tick chooses a batch, lets make do it, and reduces what came of it; a turn is
 * as many ticks as the driver wants now, and ends with finalize. Which driver it is changes when things happen, never
 * what comes of them.
 */
import { setAutoFreeze } from 'immer'
import { finalize, type Outcome } from './finalize/finalize.js'
import { type Batch, type Effect, type Event, emptyBatch, type Input, type Receipt } from './model/event.js'
import type { BuildId } from './model/ids.js'
import { emptyState, hasWork, type News, type State } from './model/state.js'
import { gather } from './reduce/gather.js'
import { fullBatch, type Policy, upNext } from './reduce/policies/basic.js'
import { endTurn, reduce } from './reduce/reduce.js'

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
  readonly standBy?: (state: State, next: BuildId | undefined) => void
}

/** How many ticks happen now: all there are, one per turn of the event loop, or as many as fit in a time (ms). */
export type Drive = 'fixpoint' | 'batch' | { readonly ms: number } | 'manual'

export interface EngineOptions {
  readonly make: Make
  readonly state?: State
  readonly policy?: Policy
  readonly drive?: Drive
  /** Called at the end of each turn in which something changed: the place to commit, and then to answer. */
  readonly onTurn: (outcome: Outcome, before: State, after: State) => void
  /** Called after each tick. */
  readonly onTick?: (input: Input, before: State, after: State) => void
  /** Where a fault of a turn that runs by itself goes; by default it is thrown, out of the event loop. */
  readonly onFault?: (fault: unknown) => void
}

export class Engine {
  state: State
  private readonly options: EngineOptions
  private readonly policy: Policy
  private drive: Drive
  private events: Event[] = []
  private receipts: Receipt[] = []
  private turnState: State
  /** What happened in this turn. */
  private news: News[] = []
  private scheduled = false
  private closed = false

  constructor(options: EngineOptions) {
    this.options = options
    this.state = options.state ?? emptyState
    this.turnState = this.state
    this.policy = options.policy ?? fullBatch()
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

  /** Whether a turn is about to run by itself. */
  get isScheduled(): boolean {
    return this.scheduled
  }

  /** Whether a tick would do anything. */
  get isReady(): boolean {
    return this.events.length > 0 || this.receipts.length > 0 || this.hasBatch(this.choose())
  }

  /** One tick; false when there was nothing to do. */
  tick(): boolean {
    // A transaction has changed the world already: nothing is made of that before the state knows of it.
    const batch = this.events.some(({ _tag }) => _tag === 'transacted') ? emptyBatch : this.choose()
    if (this.events.length === 0 && this.receipts.length === 0 && !this.hasBatch(batch)) return false
    this.advance(batch)
    return true
  }

  private advance(batch: Batch): void {
    const before = this.state
    const receipts = this.receipts
    this.receipts = []
    const { make } = this.options
    if (batch.scan.length > 0) receipts.push(make.scan(before, batch.scan))
    // One by one: a call takes no more than some 100,000 arguments.
    if (batch.run.length > 0) for (const receipt of make.run(before, batch.run)) receipts.push(receipt)
    if (batch.start.length > 0) for (const receipt of make.start(before, batch.start)) receipts.push(receipt)
    const events = this.events
    this.events = []
    for (const effect of this.apply({ batch, receipts, events })) make.perform(effect)
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
    const before = this.turnState
    const after = this.state
    if (before === after) return
    this.options.make.standBy?.(after, upNext(gather(after), this.policy))
    const outcome = finalize(before, { ...after, news: this.news })
    this.news = []
    this.turnState = after
    this.options.onTurn(outcome, before, after)
  }

  setDrive(drive: Drive): void {
    this.drive = drive
    if (this.isReady) this.schedule()
  }

  /** No turn runs by itself any more. */
  close(): void {
    this.closed = true
  }

  private choose(): Batch {
    return hasWork(this.state) ? this.policy(gather(this.state)) : emptyBatch
  }

  private hasBatch(batch: Batch): boolean {
    return batch.scan.length + batch.run.length + batch.start.length + batch.answer.length > 0
  }

  private schedule(): void {
    if (this.scheduled || this.closed || this.drive === 'manual') return
    this.scheduled = true
    setImmediate(this.turn)
  }

  private readonly turn = (): void => {
    this.scheduled = false
    if (this.closed) return
    try {
      this.runTurn()
    } catch (fault) {
      if (this.options.onFault === undefined) throw fault
      this.options.onFault(fault)
    }
    if (this.isReady) this.schedule()
  }

  private runTurn(): void {
    if (this.drive === 'batch') this.tick()
    else if (typeof this.drive === 'object') {
      const end = performance.now() + this.drive.ms
      while (this.tick() && performance.now() < end);
    } else while (this.tick());
    this.endTurn()
  }
}
