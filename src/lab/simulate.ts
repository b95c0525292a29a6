/**
 * Runs a workload on the real engine, reducer and policy, under a clock of its own: only the making is pretended. A machine has so many
 * slots, in each of which one task runs at a time, or a single thread, on which tasks run inside the engine's own turns.
 */
import { type Drive, Engine, type Make } from '../engine.js'
import type { Outcome } from '../finalize/finalize.js'
import { type Input, LOOK_STRIDE, LookWord, type Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { emptyState, Flight, type State } from '../model/state.js'
import { read } from '../model/table.js'
import type { Policy } from '../reduce/policies/policy.js'
import { Agenda } from '../replay/agenda.js'
import type { Recorder } from '../store/recording/recorder.js'
import { expectRun } from './checked.js'
import { LabError } from './graph.js'
import { Random } from './random.js'
import { recorderOf } from './recorder.js'
import { type Estimates, Units } from './units.js'
import type { Workload } from './workload.js'

export interface Machine {
  /** How many tasks run at once, beside the engine; 0: they run on the engine's own thread, within its ticks. */
  readonly slots: number
  /** What the engine itself takes, in µs of the machine's time: for a turn, a tick, a build in it, a commit. */
  readonly perTurn?: number
  readonly perTick?: number
  readonly perBuild?: number
  readonly commit?: number
}

export interface SimulateOptions {
  readonly policy: Policy
  readonly machine: Machine
  readonly drive?: Exclude<Drive, 'manual'>
  readonly estimates?: Estimates
  readonly seed?: number
  /** Keep when and where each task ran. */
  readonly gantt?: boolean
  readonly onBreach?: (breach: string) => void
  /** A file, for a recording of the run, to be replayed. */
  readonly record?: string
  /** Ends a run that gets nowhere: so many ticks a task. */
  readonly ticksMax?: number
  readonly clock?: () => number
}

export interface Ran {
  readonly name: string
  readonly job: number
  readonly slot: number
  readonly start: number
  readonly end: number
}

/** What happened; times in µs of the pretended clock, but for `realMs`. */
export interface Run {
  readonly workload: Workload
  readonly machine: Machine
  /** By job: when it was asked for, and answered. */
  readonly asked: readonly number[]
  readonly answered: readonly number[]
  /** From the first request to the last answer. */
  readonly makespan: number
  /** Of all slots together. */
  readonly busy: number
  readonly runs: number
  /** Runs that nobody had anything of: the task was made again before any job that needed it was answered. */
  readonly wasted: number
  /** Tasks that need not be made for a job, since the run that it was answered with was for another job, too. */
  readonly shared: number
  readonly ticks: number
  readonly turns: number
  /** How many builds each tick took to run and start, where it took any. */
  readonly batches: readonly number[]
  /** How late what happened outside was heard of; and the longest turn. */
  readonly delays: readonly number[]
  readonly longestTurn: number
  /** The longest that a task waited for a slot since all it needs was there. */
  readonly longestWait: number
  /** Builds that were taken only since the policy had passed them over in as many ticks as it may. */
  readonly starved: number
  /** What the engine's ticks took in truth, in ms. */
  readonly realMs: number
  readonly gantt: readonly Ran[]
}

/** @throws LabError where the run gets nowhere, or what is asked for makes no sense. */
export const simulate = (workload: Workload, options: SimulateOptions): Run => {
  expectRun(workload, options)
  return new Simulation(workload, options).run()
}

type Happening =
  | { readonly _tag: 'job'; readonly job: number }
  | { readonly _tag: 'end'; readonly build: BuildId; readonly slot: number }

class Simulation {
  private readonly units: Units
  private readonly engine: Engine
  private readonly happenings = new Agenda<Happening>()
  private readonly asked: number[] = []
  private readonly answered: number[] = []
  private readonly batches: number[] = []
  private readonly delays: number[] = []
  private readonly gantt: Ran[] = []
  private readonly freeSlots: number[] = []
  private readonly startedAt = new Map<BuildId, number>()
  /** By build: when its last run ended, and which of all runs that was. */
  private readonly endedAt: number[] = []
  private readonly lastRun: number[] = []
  /** By build: when it was asked for, where it was not begun since. */
  private readonly wantedAt = new Map<BuildId, number>()
  /** Runs that jobs were answered with, and how many tasks these needed. */
  private readonly had = new Set<number>()
  private needed = 0
  private readonly starved = new Set<BuildId>()
  private readonly contents: number[] = []
  private readonly nextOf: number[][] = []
  private readonly jobOf = new Map<BuildId, number>()
  private readonly recorder: Recorder | undefined
  private nextId: number
  private nextContent = 1
  private now = 0
  /** When no more is run in this tick. */
  private stopAt = Number.POSITIVE_INFINITY
  private counted = { busy: 0, runs: 0, ticks: 0, turns: 0, longestTurn: 0, longestWait: 0, realMs: 0 }

  constructor(
    private readonly workload: Workload,
    private readonly options: SimulateOptions,
  ) {
    const { machine, policy, onBreach, seed = 1, estimates = { _tag: 'exact' } } = options
    this.units = new Units(workload, estimates, new Random(seed).fork(7))
    this.nextId = this.units.end
    for (let slot = machine.slots - 1; slot >= 0; slot--) this.freeSlots.push(slot)
    const state: State = {
      ...emptyState,
      costs: this.units.costs,
      slotsMax: machine.slots,
    }
    this.engine = new Engine({
      make: this.make(),
      state,
      policy,
      drive: 'manual',
      now: () => this.now / 1000,
      onTurn: (outcome) => this.onTurn(outcome),
      onTick: (input, _, after) => this.onTick(input, after),
      onBreach,
      onStarved: (x) => void this.starved.add(x),
    })
    if (this.units.shared.length > 0) this.prepare()
    // What is made beforehand is no part of it.
    if (options.record !== undefined)
      this.recorder = recorderOf(options.record, workload, policy, this.units, {
        state: this.engine.state,
        now: () => this.now,
      })
  }

  run(): Run {
    const { workload, options } = this
    const { jobs, clients } = workload
    if (clients === undefined) jobs.forEach(({ at }, job) => void this.happenings.push(at, { _tag: 'job', job }))
    else {
      for (let client = 0; client < clients; client++) this.nextOf.push([])
      jobs.forEach((_, job) => void this.nextOf[job % clients]!.push(job))
      for (const next of this.nextOf) this.askNext(next)
    }
    const ticksMax = options.ticksMax ?? 100 * (this.units.end + jobs.length) + 1000
    for (;;) {
      if (this.counted.ticks > ticksMax) throw new LabError(`${workload.name}: ${this.counted.ticks} ticks, and no end`)
      this.deliver()
      if (this.engine.isReady) this.turn()
      else if (!this.sleep()) break
    }
    this.recorder?.close()
    const missing = jobs.findIndex((_, job) => this.answered[job] === undefined)
    if (missing >= 0) throw new LabError(`${workload.name}: job ${missing} is never answered`)
    const { asked, answered, batches, delays, gantt } = this
    const used = {
      wasted: this.counted.runs - this.had.size,
      shared: this.needed - this.had.size,
      starved: this.starved.size,
    }
    const last = answered.reduce((a, b) => Math.max(a, b), 0)
    const makespan = last - asked.reduce((a, b) => Math.min(a, b), last)
    const { machine } = options
    return { workload, machine, asked, answered, makespan, batches, delays, gantt, ...used, ...this.counted }
  }

  /** To the next thing that happens, or until the policy wants to be asked again. */
  private sleep(): boolean {
    const { wakeMs } = this.engine
    const wakeAt = wakeMs === undefined ? Number.POSITIVE_INFINITY : this.now + Math.max(1, Math.ceil(wakeMs)) * 1000
    const at = Math.min(this.happenings.nextAt, wakeAt)
    if (at === Number.POSITIVE_INFINITY) return false
    this.now = Math.max(this.now, at)
    if (wakeAt <= this.happenings.nextAt) this.engine.wake()
    return true
  }

  /** Tells the engine of what has happened by now. */
  private deliver(): void {
    while (this.happenings.nextAt <= this.now) {
      const { at, item } = this.happenings.pop()
      this.delays.push(this.now - at)
      if (item._tag === 'job') this.ask(item.job, at)
      else this.end(item.build, item.slot, at)
    }
  }

  private askNext(next: number[]): void {
    const job = next.shift()
    if (job !== undefined) this.happenings.push(this.now + this.workload.jobs[job]!.at, { _tag: 'job', job })
  }

  private ask(job: number, at: number): void {
    const { targets, changed, needed } = this.units.placed[job]!
    const { class: of, due } = this.workload.jobs[job]!
    this.asked[job] = at
    for (const x of needed) if (!this.wantedAt.has(x)) this.wantedAt.set(x, at)
    for (const source of changed) this.contents[source] = this.nextContent++
    if (changed.length > 0) this.engine.dispatch({ _tag: 'changed', builds: changed })
    this.request(targets, { class: of, ...(due !== undefined && { deadline: (at + due) / 1000 }) }, job)
  }

  private request(targets: readonly BuildId[], terms: { class: string; deadline?: number }, job: number): void {
    const request = buildId(this.nextId++)
    this.jobOf.set(request, job)
    this.engine.dispatch({
      _tag: 'requested',
      request,
      by: buildId(0),
      session: request,
      targets,
      want: 'ifchange',
      keepGoing: true,
      jobs: Math.max(1, this.options.machine.slots),
      trust: true,
      terms,
    })
  }

  /** Brings a shared graph up to date, at no cost and before the clock starts. */
  private prepare(): void {
    this.isPreparing = true
    this.request(this.units.shared, { class: '' }, -1)
    while (this.engine.tick()) {
      // All at once.
    }
    this.engine.endTurn()
    this.isPreparing = false
    this.batches.length = 0
    this.counted = { ...this.counted, runs: 0, ticks: 0 }
    this.starved.clear()
  }
  private isPreparing = false

  private turn(): void {
    const { drive = 'fixpoint', machine, clock = () => 0 } = this.options
    const began = this.now
    this.now += machine.perTurn ?? 0
    const end =
      typeof drive === 'object' ? began + drive.ms * 1000 : drive === 'batch' ? began : Number.POSITIVE_INFINITY
    do {
      // As the engine's own driver has it: what make came to is yet to be reduced.
      this.stopAt = typeof drive === 'object' ? (this.now + end) / 2 : Number.POSITIVE_INFINITY
      const before = clock()
      const ticked = this.engine.tick()
      this.counted.realMs += clock() - before
      if (!ticked) break
    } while (this.now < end)
    this.engine.endTurn()
    this.counted.turns++
    this.counted.longestTurn = Math.max(this.counted.longestTurn, this.now - began)
  }

  private onTick(input: Input, after: State): void {
    const { batch, receipts } = input
    const { scan, run, start } = batch
    const { machine } = this.options
    const left = receipts.reduce((sum, each) => sum + (each._tag === 'ahead' ? each.later.length : 0), 0)
    const size = run.length + start.length - left
    this.counted.ticks++
    if (size > 0) this.batches.push(size)
    if (!this.isPreparing) this.now += (machine.perTick ?? 0) + (machine.perBuild ?? 0) * (size + scan.length)
    this.recorder?.onTick(input, after)
  }

  private onTurn({ responses }: Outcome): void {
    if (responses.length > 0 && !this.isPreparing) this.now += this.options.machine.commit ?? 0
    for (const { request, ok } of responses) {
      const job = this.jobOf.get(request)
      this.jobOf.delete(request)
      if (job === undefined || job < 0) continue
      if (!ok) throw new LabError(`${this.workload.name}: job ${job} failed`)
      this.answered[job] = this.now
      const { needed } = this.units.placed[job]!
      this.needed += needed.length
      for (const x of needed) this.had.add(this.lastRun[x]!)
      if (this.workload.clients !== undefined) this.askNext(this.nextOf[job % this.workload.clients]!)
    }
  }

  // ---------------------------------------------------------------------------------------------- make

  private make(): Make {
    return {
      scan: (_, builds) => {
        const looks = new Int32Array(builds.length * LOOK_STRIDE)
        builds.forEach((x, i) => {
          const content = this.contentOf(x)
          if (content === 0) return
          looks[i * LOOK_STRIDE + LookWord.KIND] = 1
          looks[i * LOOK_STRIDE + LookWord.STAT] = content
          looks[i * LOOK_STRIDE + LookWord.CONTENT] = content
        })
        return { _tag: 'scanned', builds, looks }
      },
      run: (state, builds) => this.runEach(state, builds),
      start: (_, builds) => builds.map((x) => this.start(x)),
      perform: () => {},
    }
  }

  private contentOf(x: BuildId): number {
    return this.contents[x] ?? (this.units.isSource[x] === true ? 1 : 0)
  }

  /** As make does it for a policy that lets it go ahead: what the time of a turn is over for is left to a later tick. */
  private runEach(state: State, builds: readonly BuildId[]): readonly Receipt[] {
    const receipts: Receipt[] = []
    const mayStop = this.options.policy.ahead !== undefined && !this.isPreparing
    for (const [i, x] of builds.entries()) {
      if (i > 0 && mayStop && this.now >= this.stopAt)
        return [...receipts, { _tag: 'ahead', build: x, done: [], open: [], later: builds.slice(i) }]
      receipts.push(this.runOne(state, x))
    }
    return receipts
  }

  private runOne(state: State, x: BuildId): Receipt {
    const needs = this.units.deps[x]!
    if (this.units.isSource[x]) return { _tag: 'failed', build: x, error: { _tag: 'noRule' }, exists: true, create: [] }
    const hasAsked = needs.length === 0 || read(state.flight, x, Flight.NEW_TAIL) !== 0
    const isSlotted = this.options.machine.slots > 0 && !this.isPreparing
    if (!hasAsked || isSlotted) return { _tag: 'blocked', build: x, needs, create: [], slot: isSlotted }
    if (this.isPreparing) return this.done(x)
    const began = this.now
    this.now += this.units.cost[x]!
    this.note(x, 0, began, this.now)
    return this.done(x)
  }

  private start(x: BuildId): Receipt {
    const slot = this.freeSlots.pop()
    if (slot === undefined) throw new LabError(`${this.workload.name}: more is started than there are slots`)
    this.startedAt.set(x, this.now)
    // It cannot be run twice at once, either.
    let ready = Math.max(this.wantedAt.get(x) ?? 0, this.endedAt[x] ?? 0)
    this.wantedAt.delete(x)
    for (const d of this.units.deps[x]!) ready = Math.max(ready, this.endedAt[d] ?? 0)
    this.counted.longestWait = Math.max(this.counted.longestWait, this.now - ready)
    this.happenings.push(this.now + this.units.cost[x]!, { _tag: 'end', build: x, slot })
    return { _tag: 'started', build: x }
  }

  private end(x: BuildId, slot: number, at: number): void {
    this.freeSlots.push(slot)
    this.note(x, slot, this.startedAt.get(x)!, at)
    this.startedAt.delete(x)
    this.engine.settle(this.done(x))
  }

  private note(x: BuildId, slot: number, start: number, end: number): void {
    this.endedAt[x] = end
    this.lastRun[x] = this.counted.runs
    this.counted.busy += end - start
    this.counted.runs++
    if (this.options.gantt) this.gantt.push({ name: this.units.names[x]!, job: this.units.job[x]!, slot, start, end })
  }

  private done(x: BuildId): Receipt {
    const content = this.nextContent++
    this.contents[x] = content
    const look = {
      kind: 1,
      racy: false,
      stat0: content,
      stat1: 0,
      content0: content,
      content1: 0,
      content2: 0,
      content3: 0,
    }
    return { _tag: 'done', build: x, look, virtual: false, cost: this.units.cost[x]! }
  }
}
