/**
 * What would the recorded build have done, had it been decided otherwise? The same requests and changes come at the same times, though none
 * before the answers that it came after. Every run says what it said then, after as long, and the engine takes as long for it; but another
 * policy picks the batches, in other pools, with other slots. The time is a number: nothing waits.
 */
import { Engine, type EngineOptions, isEmpty, type Make } from '../engine.js'
import { isAtHand, isToBeRecalled } from '../model/dependencies.js'
import type { Effect, Event, Look, Receipt } from '../model/event.js'
import { LOOK_STRIDE } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { writeLook } from '../model/look.js'
import { Bit, Flag, Flight, hasFlag, Kind, kindOf, type News, type State, Status, statusOf } from '../model/state.js'
import { read } from '../model/table.js'
import { isReceipt } from '../store/recording/fields.js'
import type { About } from '../store/recording/format.js'
import type { RecordingReader } from '../store/recording/reader.js'
import type { Recorder } from '../store/recording/recorder.js'
import type { RecordedValue } from '../store/recording/value.js'
import { Agenda } from './agenda.js'
import type { Counterfactual, Otherwise } from './otherwise.js'
import { recorderInto } from './recorder-into.js'
import { replyOf } from './reply.js'
import { Requests } from './requests.js'
import { isFound, isLast, isRecall, type Output, type RunScript } from './run-script.js'
import {
  clockOf,
  isAnew,
  markOf,
  nothingKnown,
  type Outside,
  policyOf,
  renumbered,
  type Script,
  scriptOf,
  wasOnCircle,
} from './script.js'
import { Spending } from './shares.js'
import { Spans } from './spans.js'
import { PROGRESS_TICKS } from './walker.js'

/** Plays it anew, though it may be that nothing is otherwise. @throws Error where `record` cannot be made. */
export const played = (reader: RecordingReader, otherwise: Otherwise = {}): Counterfactual =>
  new World(scriptOf(reader), otherwise, otherwise.policy ?? policyOf(reader.about.policy), reader.about).play()

/** More ticks than this for one that was recorded are taken for a fault of the policy: it takes nothing, for ever. */
const TICKS_MAX = 1000

interface Going {
  readonly script: RunScript
  turn: number
  /** How many of its groups it asked for. */
  asked: number
  /** It was told to start; its receipt may be on its way. */
  isStarted: boolean
  isKilled: boolean
}

/** What broke it is broken here, too. */
const isSo = (state: State, said: Receipt): boolean =>
  said._tag !== 'broken' || said.cause === undefined || hasFlag(state, said.cause, Flag.BROKEN)

class World {
  private readonly engine: Engine
  private readonly recorder: Recorder | undefined
  private readonly queue = new Agenda<() => void>()
  private now = 0
  private began = 0
  private ticks = 0
  private readonly onProgress: Otherwise['onProgress']
  private runs = 0
  private guessed = 0
  private readonly going = new Map<BuildId, Going>()
  private readonly used = new Map<BuildId, number>()
  private readonly looked = new Map<BuildId, number>()
  private readonly lastLook = new Map<BuildId, Look>()
  private readonly requests: Requests
  private readonly spending: Spending
  private readonly unanswered = new Set<BuildId>()
  /** What came from outside too early. */
  private readonly held: Outside[] = []
  /** What stands by, in the order in which it begins. */
  private next: BuildId[] = []
  /** Something is to be taken in before anything else is done. */
  private isHeld = false
  private nextId: number

  constructor(
    private readonly script: Script,
    private readonly otherwise: Otherwise,
    policy: NonNullable<EngineOptions['policy']> | undefined,
    about: About,
  ) {
    this.nextId = script.idsEnd
    this.requests = new Requests(script)
    this.spending = new Spending(script.shares, (x) => this.going.has(x) && !isAnew(this.engine.state, x))
    const { start } = script
    const clock = clockOf(script)
    const make: Make = {
      scan: (_, builds) => this.scan(builds),
      run: (state, builds) => builds.flatMap((x) => this.run(state, x)),
      start: (_, builds) => builds.flatMap((x) => this.start(x)),
      perform: (effect) => this.perform(effect),
      standBy: (state, next) => this.standBy(state, next),
    }
    const state: State = {
      ...start,
      // What is run, and when, is asked of each build by itself.
      ahead: 0,
      slotsMax: start.slotsMax > 0 ? (otherwise.jobs ?? start.slotsMax) : 0,
      pools: start.pools.map((pool, i) => ({
        ...pool,
        size: Math.max(pool.running, otherwise.pools?.[i] ?? pool.size),
      })),
    }
    const { onRan } = otherwise
    this.onProgress = otherwise.onProgress
    const spans = onRan && new Spans((span) => onRan(script.names.get(span.build) ?? '', span))
    this.engine = new Engine({
      make,
      state,
      drive: 'manual',
      now: () => clock + this.clock() / 1000,
      ...(policy && { policy }),
      onTurn: () => {},
      onBreach: otherwise.onBreach,
      onStarved: otherwise.onStarved,
      onTick: (input, before, after) => {
        this.recorder?.onTick(input, after)
        spans?.onTick(input, before, after, this.now)
        this.onNews(after.news)
      },
    })
    if (otherwise.record !== undefined)
      this.recorder = recorderInto(otherwise.record, this.engine.state, {
        about: { ...about, policy: policy === undefined ? about.policy : policy.name },
        nameOf: (x) => script.names.get(x),
        textOf: (_, value) => value as RecordedValue,
        now: () => this.now,
      })
    for (const each of script.events) {
      const { _tag } = each.event
      // The engine reads a clock of its own, and keeps up what its own policy asks for.
      if (_tag !== 'read' && _tag !== 'tracked') this.queue.push(each.at, () => this.outside(each))
    }
    for (const [x, run] of script.underWay) {
      this.going.set(x, { script: run, turn: 0, asked: 0, isStarted: false, isKilled: false })
      this.say(x, run.turns[0]!)
    }
  }

  play(): Counterfactual {
    const { script, engine } = this
    while (this.deliver()) {
      engine.tick()
      if (++this.ticks % PROGRESS_TICKS === 0) this.onProgress?.(this.ticks)
      if (this.ticks > TICKS_MAX * (script.ticks + 1)) throw new Error('the policy keeps builds waiting for ever')
      if (!engine.isReady) engine.endTurn()
    }
    this.recorder?.close()
    const { makespan, latencies, others } = this.requests
    return {
      recorded: { makespan: script.makespan, ticks: script.ticks },
      latencies,
      makespan,
      ticks: this.ticks,
      runs: this.runs,
      guessed: this.guessed,
      otherAnswers: others,
    }
  }

  /** Goes on to the end of the next tick, which takes in what has happened by then. False: nothing will ever happen. */
  private deliver(): boolean {
    const { engine, queue } = this
    const { chosen } = engine
    let end = this.now
    this.began = end
    if (!isEmpty(chosen)) end = Math.round(this.now + this.spending.costOf(chosen))
    else if (!engine.isReady) {
      const { wakeMs } = engine
      const wakeAt = wakeMs === undefined ? Number.POSITIVE_INFINITY : this.now + Math.max(1, Math.ceil(wakeMs)) * 1000
      end = Math.max(this.now, Math.min(queue.nextAt, wakeAt))
      if (end === Number.POSITIVE_INFINITY) return false
      this.began = end
      if (wakeAt < queue.nextAt) engine.wake()
      this.began = end
    }
    this.isHeld = false
    while (queue.nextAt <= end && !this.isHeld) {
      const { at, item: act } = queue.pop()
      this.now = Math.max(this.now, at)
      act()
    }
    if (this.isHeld) return true
    this.now = end
    this.spending.take(chosen)
    return true
  }

  /** A tick reads it when it begins, and then again. */
  private clock(): number {
    const { began } = this
    this.began = this.now
    return began
  }

  private outside(outside: Outside): void {
    const { event, isHeard } = outside
    // Who asked after an answer does not ask before it, nor does anybody after that.
    if (this.held.length > 0 || (isHeard && this.unanswered.size > 0)) return void this.held.push(outside)
    // It is taken in before anything else is done.
    this.isHeld ||= event._tag === 'transacted'
    if (event._tag === 'requested' || event._tag === 'followed') this.requests.add(event, this.now, outside.at)
    if (event._tag === 'requested') this.unanswered.add(event.request)
    else if (event._tag === 'cancelled') this.unanswered.delete(event.request)
    const { jobs } = this.otherwise
    this.engine.dispatch(event._tag === 'requested' && jobs !== undefined ? { ...event, jobs } : event)
  }

  private onNews(news: readonly News[]): void {
    for (const each of news) {
      if (each._tag === 'noticed') this.requests.noticed(this.now)
      if (each._tag !== 'responded') continue
      if (each.by === 0) {
        this.requests.answered(each.request, replyOf(each), this.now)
        this.unanswered.delete(each.request)
        if (this.unanswered.size === 0)
          for (const held of this.held.splice(0)) this.queue.push(this.now, () => this.outside(held))
      } else {
        for (const receipt of this.goOn(each.by)) this.engine.settle(receipt)
      }
    }
  }

  private scan(builds: readonly BuildId[]): Extract<Receipt, { _tag: 'scanned' }> {
    const looks = new Int32Array(builds.length * LOOK_STRIDE)
    builds.forEach((x, i) => {
      const look = this.lookAt(x)
      if (look !== undefined) writeLook(looks, i * LOOK_STRIDE, look)
    })
    return { _tag: 'scanned', builds, looks }
  }

  /** As it was built here; else as it was found the so-manieth time. */
  private lookAt(x: BuildId): Look | undefined {
    const last = this.lastLook.get(x)
    const looks = this.script.looks.get(x)
    if (last !== undefined || looks === undefined) return last
    const n = this.looked.get(x) ?? 0
    this.looked.set(x, n + 1)
    return looks[Math.min(n, looks.length - 1)]
  }

  /** Begins a run, or goes on with the one that waits. */
  private run(state: State, x: BuildId): readonly Receipt[] {
    // It was put there by an engine that went ahead.
    if ((read(state.flight, x, Flight.STATUS) & (Bit.UNJUDGED | Bit.ANEW)) === Bit.UNJUDGED)
      return [{ _tag: 'unjudged', build: x }]
    const waiting = this.going.get(x)
    const isOver = waiting !== undefined && wasOnCircle(state, x, waiting.script.groups.slice(0, waiting.asked))
    if (waiting !== undefined && !isOver && !isAnew(state, x)) {
      if (waiting.turn === 0 && isFound(waiting.script)) return this.say(x, waiting.script.turns[0]!)
      return waiting.script.groups.length > 0 ? [this.ask(state, x, waiting)] : this.goOn(x)
    }
    this.runs++
    const script = this.choose(state, x)
    // What was recalled does not say what it is made of: where it does not hold, nothing came of it.
    if (script === undefined || (isRecall(script) && !isToBeRecalled(state, x))) {
      this.guessed++
      return [nothingKnown(state, x)]
    }
    const going = { script, turn: 0, asked: 0, isStarted: false, isKilled: false }
    this.going.set(x, going)
    return script.groups.length > 0 ? [this.ask(state, x, going)] : this.say(x, script.turns[0]!)
  }

  /** A rule asks for one group after the other, as far as it gets now, and comes to what it came to. */
  private ask(state: State, build: BuildId, going: Going): Receipt {
    const { groups, turns } = going.script
    const fresh: (readonly BuildId[])[] = []
    while (going.asked < groups.length) {
      const group = groups[going.asked++]!
      fresh.push(group)
      if (!group.every((x) => isAtHand(state, x))) return { _tag: 'needs', build, groups: fresh }
    }
    const last = turns.flat().at(-1)?.term as Receipt | undefined
    this.going.delete(build)
    // It was ended before it came to anything; or something broke it that it finds well now.
    if (last === undefined || !('groups' in last) || !isSo(state, last)) {
      this.guessed++
      return { ...nothingKnown(state, build), groups: fresh } as Receipt
    }
    return { ...last, groups: fresh }
  }

  /** Of what was recorded of `x` and not used yet: the first run of that version, or else of the last one before it. */
  private choose(state: State, x: BuildId): RunScript | undefined {
    const runs = this.script.runs.get(x) ?? []
    const mark = markOf(state, x)
    const used = this.used.get(x) ?? 0
    let chosen = Math.min(used, runs.length - 1)
    for (let i = chosen + 1; i < runs.length && runs[i]!.mark <= mark; i++)
      if (runs[i]!.mark > runs[chosen]!.mark) chosen = i
    if (chosen < 0) return undefined
    if (used > chosen) this.guessed++
    this.used.set(x, chosen + 1)
    return runs[chosen]
  }

  private start(x: BuildId): readonly Receipt[] {
    if (this.next.includes(x)) this.next = this.next.filter((other) => other !== x)
    else if (this.going.get(x)?.isStarted) return []
    return this.goOn(x)
  }

  private standBy(state: State, next: readonly BuildId[]): void {
    this.next = this.next.filter((x) => statusOf(state, x) === Status.START)
    for (const x of next) if (this.next.length < next.length && !this.next.includes(x)) this.next.push(x)
  }

  private goOn(x: BuildId): readonly Receipt[] {
    const at = this.going.get(x)
    if (at === undefined || at.isKilled) return []
    at.turn++
    const outputs = at.script.turns[at.turn]
    // More answers than were recorded: it goes on to what it came to.
    return outputs === undefined ? [] : this.say(x, outputs)
  }

  /** Receipts that come at once; the rest comes when it is time. */
  private say(x: BuildId, outputs: readonly Output[]): readonly Receipt[] {
    const at = this.going.get(x)!
    const now: Receipt[] = []
    for (const { delay, term, noted = [] } of outputs) {
      at.isStarted ||= term._tag === 'started'
      if (delay === 0 && isReceipt(term)) {
        now.push(term)
        if (isLast(term)) this.end(x, term)
        continue
      }
      this.queue.push(this.now + delay, () => {
        if (at.isKilled || this.going.get(x) !== at) return
        if (isReceipt(term)) {
          this.engine.settle(term)
          if (isLast(term)) this.end(x, term)
        } else if (term._tag === 'exited') this.startNext()
        else {
          this.note(noted)
          this.engine.dispatch(this.fresh(term))
        }
      })
    }
    return now
  }

  /** What a do-file asks for is looked at as it asks, where it is not known. */
  private note(builds: readonly BuildId[]): void {
    const { state } = this.engine
    const fresh = builds.filter((x) => kindOf(state, x) === Kind.UNKNOWN && statusOf(state, x) === Status.REST)
    if (fresh.length > 0) this.engine.settle(this.scan(fresh))
  }

  /** A do-file ended: what stands by begins. */
  private startNext(): void {
    const x = this.next.shift()
    if (x === undefined || statusOf(this.engine.state, x) !== Status.START || this.going.get(x)?.isStarted) return
    for (const receipt of this.goOn(x)) this.engine.settle(receipt)
  }

  /** A request of a do-file has an id of its own each time. */
  private fresh(event: Event): Event {
    if (event._tag !== 'requested') return event
    const request = buildId(this.nextId++)
    this.spending.asked(request, event.by)
    return renumbered(event, (id) => (id === event.request ? request : id))
  }

  private end(x: BuildId, receipt: Receipt): void {
    this.going.delete(x)
    if (receipt._tag === 'done') this.lastLook.set(x, receipt.look)
  }

  private perform({ build }: Effect): void {
    const at = this.going.get(build)
    if (at === undefined) return
    at.isKilled = true
    this.going.delete(build)
    if (kindOf(this.engine.state, build) === Kind.VALUE) return
    this.queue.push(this.now, () =>
      this.engine.settle({ _tag: 'failed', build, error: { _tag: 'interrupted' }, exists: false, create: [] }),
    )
  }
}
