/**
 * What would the recorded build have done, had it been decided otherwise? The same requests and changes come at the same times, and every
 * run says what it said then, after as long; but another policy picks the batches, in other pools, with other slots. The time is a
 * number: nothing waits.
 */
import { Engine, type EngineOptions, type Make } from '../engine.js'
import { isAtHand } from '../model/dependencies.js'
import type { Effect, Event, Look, Receipt } from '../model/event.js'
import { LOOK_STRIDE } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { writeLook } from '../model/look.js'
import { Kind, kindOf, type News, type State } from '../model/state.js'
import { isReceipt } from '../store/recording/fields.js'
import type { RecordingReader } from '../store/recording/reader.js'
import {
  isAnew,
  isLast,
  markOf,
  type Output,
  type Reply,
  type RunScript,
  renumbered,
  type Script,
  scriptOf,
} from './script.js'

export interface Otherwise {
  readonly policy?: NonNullable<EngineOptions['policy']>
  /** Slots for do-files, in place of those that were asked for. */
  readonly jobs?: number
  /** Sizes of pools, by their place in `State.pools`. */
  readonly pools?: readonly number[]
}

export interface Counterfactual {
  readonly recorded: { readonly makespan: number; readonly ticks: number }
  /** In microseconds, from the first request to the last answer. */
  readonly makespan: number
  readonly ticks: number
  /** Runs of rules and do-files. */
  readonly runs: number
  /** Runs of which nothing was recorded, or with other answers than now: what they say is a guess. */
  readonly guessed: number
  /** Requests whose answer is another one than the recorded, or that got none. */
  readonly otherAnswers: number
}

export const counterfactual = (reader: RecordingReader, otherwise: Otherwise = {}): Counterfactual =>
  new World(scriptOf(reader), otherwise).play()

/** More ticks than this for one that was recorded are taken for a fault of the policy: it takes nothing, for ever. */
const TICKS_MAX = 1000

interface Going {
  readonly script: RunScript
  turn: number
  /** How many of its groups it asked for. */
  asked: number
  isKilled: boolean
}

class World {
  private readonly engine: Engine
  private readonly queue = new Agenda()
  private now = 0
  private ticks = 0
  private runs = 0
  private guessed = 0
  private readonly going = new Map<BuildId, Going>()
  private readonly used = new Map<BuildId, number>()
  private readonly looked = new Map<BuildId, number>()
  private readonly lastLook = new Map<BuildId, Look>()
  private readonly replies = new Map<BuildId, Reply>()
  private readonly asked: BuildId[] = []
  private firstAsked: number | undefined
  private lastAnswered = 0
  private nextId: number

  constructor(
    private readonly script: Script,
    private readonly otherwise: Otherwise,
  ) {
    this.nextId = script.idsEnd
    const { start } = script
    const make: Make = {
      scan: (_, builds) => this.scan(builds),
      run: (state, builds) => builds.flatMap((x) => this.run(state, x)),
      start: (_, builds) => builds.flatMap((x) => this.goOn(x)),
      perform: (effect) => this.perform(effect),
    }
    this.engine = new Engine({
      make,
      state: {
        ...start,
        pools: start.pools.map((pool, i) => ({
          ...pool,
          size: Math.max(pool.running, otherwise.pools?.[i] ?? pool.size),
        })),
      },
      drive: 'manual',
      ...(otherwise.policy && { policy: otherwise.policy }),
      onTurn: () => {},
      onTick: (_, __, after) => this.onNews(after.news),
    })
    for (const { at, event } of script.events) this.queue.add(at, () => this.outside(event))
    for (const [x, run] of script.underWay) {
      this.going.set(x, { script: run, turn: 0, asked: 0, isKilled: false })
      this.say(x, run.turns[0]!)
    }
  }

  play(): Counterfactual {
    const { script, engine, queue } = this
    for (;;) {
      for (;;) {
        const { runs } = this
        if (!engine.tick()) break
        this.now += (this.runs - runs) * script.runCost
        if (++this.ticks > TICKS_MAX * (script.ticks + 1)) throw new Error('the policy keeps builds waiting for ever')
      }
      engine.endTurn()
      const next = queue.take()
      if (next === undefined) break
      this.now = Math.max(this.now, next.at)
      next.act()
    }
    const others = script.answers.filter((reply, i) => {
      const now = this.replies.get(this.asked[i]!)
      return now?.ok !== reply?.ok || JSON.stringify(now?.answer) !== JSON.stringify(reply?.answer)
    })
    return {
      recorded: { makespan: script.makespan, ticks: script.ticks },
      makespan: Math.max(0, this.lastAnswered - (this.firstAsked ?? 0)),
      ticks: this.ticks,
      runs: this.runs,
      guessed: this.guessed,
      otherAnswers: others.length,
    }
  }

  private outside(event: Event): void {
    if (event._tag === 'requested' || event._tag === 'followed') {
      this.asked.push(event.request)
      this.firstAsked ??= this.now
    }
    const { jobs } = this.otherwise
    this.engine.dispatch(event._tag === 'requested' && jobs !== undefined ? { ...event, jobs } : event)
  }

  private onNews(news: readonly News[]): void {
    for (const each of news) {
      if (each._tag !== 'responded') continue
      if (each.by === 0) {
        this.replies.set(each.request, { ok: each.ok, answer: each.answer })
        this.lastAnswered = this.now
      } else {
        const by = each.by
        this.queue.add(this.now, () => {
          for (const receipt of this.goOn(by)) this.engine.settle(receipt)
        })
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
    const waiting = this.going.get(x)
    if (waiting !== undefined && !isAnew(state, x))
      return waiting.script.groups.length > 0 ? [this.ask(state, x, waiting)] : this.goOn(x)
    this.runs++
    const script = this.choose(state, x)
    if (script === undefined) {
      this.guessed++
      return [nothingKnown(state, x)]
    }
    const going = { script, turn: 0, asked: 0, isKilled: false }
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
    // It was ended before it came to anything.
    if (last === undefined || !('groups' in last)) {
      this.guessed++
      return { ...nothingKnown(state, build), groups: fresh } as Receipt
    }
    return { ...last, groups: fresh }
  }

  /** Of what was recorded of `x`: the last run of that version or of an earlier one that was not used yet, if there is one. */
  private choose(state: State, x: BuildId): RunScript | undefined {
    const runs = this.script.runs.get(x) ?? []
    const mark = markOf(state, x)
    const used = this.used.get(x) ?? 0
    let chosen = Math.min(used, runs.length - 1)
    while (chosen + 1 < runs.length && runs[chosen + 1]!.mark <= mark) chosen++
    if (chosen < 0) return undefined
    if (used > chosen) this.guessed++
    this.used.set(x, chosen + 1)
    return runs[chosen]
  }

  private goOn(x: BuildId): readonly Receipt[] {
    const at = this.going.get(x)
    if (at === undefined || at.isKilled) return []
    at.turn++
    const outputs = at.script.turns[at.turn]
    if (outputs !== undefined) return this.say(x, outputs)
    // More answers than were recorded: it goes on to what it came to.
    return []
  }

  /** Receipts that come at once; the rest comes when it is time. */
  private say(x: BuildId, outputs: readonly Output[]): readonly Receipt[] {
    const at = this.going.get(x)!
    const now: Receipt[] = []
    for (const { delay, term } of outputs) {
      if (delay === 0 && isReceipt(term)) {
        now.push(term)
        if (isLast(term)) this.end(x, term)
        continue
      }
      this.queue.add(this.now + delay, () => {
        if (at.isKilled || this.going.get(x) !== at) return
        if (isReceipt(term)) {
          this.engine.settle(term)
          if (isLast(term)) this.end(x, term)
        } else this.engine.dispatch(this.fresh(term))
      })
    }
    return now
  }

  /** A request of a do-file has an id of its own each time. */
  private fresh(event: Event): Event {
    if (event._tag !== 'requested') return event
    const request = buildId(this.nextId++)
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
    this.queue.add(this.now, () =>
      this.engine.settle({ _tag: 'failed', build, error: { _tag: 'interrupted' }, exists: false, create: [] }),
    )
  }
}

const nothingKnown = (state: State, build: BuildId): Receipt =>
  kindOf(state, build) === Kind.VALUE
    ? {
        _tag: 'broken',
        build,
        groups: [],
        error: { _tag: 'threw', message: NOTHING, trace: '' },
        content: [0, 0, 0, 1],
      }
    : { _tag: 'failed', build, error: { _tag: 'refused', code: 1, why: NOTHING }, exists: false, create: [] }
const NOTHING = 'no run of it was recorded'

/** Acts by their times, those of one time in the order in which they came. A binary heap. */
class Agenda {
  private readonly heap: { at: number; order: number; act: () => void }[] = []
  private count = 0

  add(at: number, act: () => void): void {
    const { heap } = this
    const item = { at, order: this.count++, act }
    let i = heap.push(item) - 1
    while (i > 0) {
      const parent = (i - 1) >>> 1
      if (isBefore(heap[parent]!, item)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = item
  }

  take(): { readonly at: number; readonly act: () => void } | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(last, heap[child]!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return first
  }
}

const isBefore = (a: { at: number; order: number }, b: { at: number; order: number }): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order)
