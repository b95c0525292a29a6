/**
 * What a recording says of the world: what was asked of it and when, and for each build what each of its runs did, as answers to what
 * the engine told it, each so long after that. Played by `counterfactual.ts` to an engine that decides otherwise.
 */
import { type EngineOptions, policyNamed } from '../engine.js'
import { groupsOf } from '../model/dependencies.js'
import type { BuildError } from '../model/error.js'
import {
  type Ahead,
  type Alone,
  apart,
  type Event,
  type Groups,
  LOOK_STRIDE,
  type Look,
  type Receipt,
} from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { lookIn } from '../model/look.js'
import { Misuse } from '../model/misuse.js'
import { Bit, Flight, Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import type { RecordingReader } from '../store/recording/reader.js'
import { errorIn } from './diff-ids.js'
import { type Reply, replyOf } from './reply.js'
import { eachRow } from './rows.js'
import { endAs, isBegun, isFound, isLast, type RunScript } from './run-script.js'
import { Shares, sharesOf } from './shares.js'
import { Walker } from './walker.js'

/** What somebody outside did. `isHeard`: when all that was asked for before was answered, so that it may be for these answers. */
export interface Outside {
  readonly at: number
  readonly event: Event
  readonly isHeard: boolean
}

export interface Script {
  /** The state before the first tick, and the first id that nothing has. */
  readonly start: State
  readonly idsEnd: number
  /** From outside, in order, in microseconds from the beginning. */
  readonly events: readonly Outside[]
  readonly names: ReadonlyMap<BuildId, string>
  readonly runs: ReadonlyMap<BuildId, readonly RunScript[]>
  /** What was under way at the beginning, and what came of it. */
  readonly underWay: ReadonlyMap<BuildId, RunScript>
  /** What looks at files found, in order. */
  readonly looks: ReadonlyMap<BuildId, readonly Look[]>
  /** Answers to requests from outside, in the order in which they were asked. */
  readonly answers: readonly (Reply | undefined)[]
  /** How long each of these took, in microseconds. */
  readonly latencies: readonly (number | undefined)[]
  /** Microseconds from the first request, or live one, to the last answer, or notice of a live one. */
  readonly makespan: number
  readonly ticks: number
  /** What the engine itself took for each build that a tick took. */
  readonly shares: Shares
}

export const markOf = (state: State, x: BuildId): number => (isFile(state, x) ? state.generation : state.version)

// What was never asked for before it was made ahead, is a value.
const isFile = (state: State, x: BuildId): boolean => {
  const kind = kindOf(state, x)
  return kind !== Kind.VALUE && kind !== Kind.UNKNOWN
}

/** A value that is to be run from its beginning again, since what it saw may have changed. */
export const isAnew = (state: State, x: BuildId): boolean => (read(state.flight, x, Flight.STATUS) & Bit.ANEW) !== 0

/**
 * A value that had asked for `groups` and is to be run: whether the engine ended that run, since it was on a circle. Whatever is run now is another
 * one.
 */
export const wasOnCircle = (state: State, x: BuildId, groups: Groups): boolean =>
  objectAt(state.errors, x)?._tag === 'cycle' && groupsOf(state, x) === 0 && groups.some(({ length }) => length > 0)

export const scriptOf = (reader: RecordingReader): Script => new Scribe(reader).script()

/** Ids as the recording has them may be given to one name after the other: here each name has one, and each request. */
class Scribe {
  private readonly walker: Walker
  private readonly ids = new Map<string, BuildId>()
  private readonly given = new Set<BuildId>()
  private readonly current = new Map<number, BuildId>()
  private nextId: number
  private now = 0
  private readonly events: Outside[] = []
  private readonly unanswered = new Set<BuildId>()
  private readonly runs = new Map<BuildId, RunScript[]>()
  private readonly underWay = new Map<BuildId, RunScript>()
  private readonly looks = new Map<BuildId, Look[]>()
  private readonly asked: BuildId[] = []
  private readonly replies = new Map<BuildId, Reply>()
  private readonly askedAt = new Map<BuildId, number>()
  private readonly latencies = new Map<BuildId, number>()
  /** The run that each build is at, and when it was last told to go on. */
  private readonly open = new Map<BuildId, { readonly run: RunScript; since: number }>()
  /** Looked at in this tick, though the policy did not choose that. */
  private noted: ReadonlySet<BuildId> = new Set()
  private firstAsked: number | undefined = undefined
  private lastAnswered = 0
  private readonly shares = new Shares()
  /** Actions that nobody wanted any more, and that were begun again so long after they were told to go on. */
  private readonly givenUp: { readonly x: BuildId; readonly run: RunScript; readonly after: number }[] = []
  /** Who made which request. */
  private readonly askers = new Map<number, BuildId>()
  /** When one that stood by began, in place of one that ended: which it was is yet to be told. */
  private readonly begun: number[] = []

  constructor(private readonly reader: RecordingReader) {
    this.walker = new Walker(reader)
    const { state } = this.walker
    for (const [id, name] of this.walker.named) {
      this.ids.set(name, id)
      this.given.add(id)
    }
    this.nextId = Math.max(state.facts.end, state.flight.end, lastId(this.walker.named.keys(), reader)) + 1
    eachRow(state, (x) => {
      const status = statusOf(state, x)
      if (status === Status.REST || status === Status.UNKNOWN) return
      const run: RunScript = { mark: 0, groups: [], turns: [[]] }
      this.underWay.set(x, run)
      this.open.set(x, { run, since: 0 })
    })
  }

  script(): Script {
    const { walker } = this
    const start = walker.state
    const idsStart = this.nextId
    for (let tick = walker.next(); tick !== undefined; tick = walker.next()) {
      this.now += tick.elapsed
      for (const [id, name] of tick.names) this.name(id, name)
      const before = walker.state
      const { batch, receipts, events } = tick.input
      const told = apart(receipts)
      const run = begunIn(batch.run, receipts, told)
      for (const { part, x, share } of sharesOf({ ...batch, run }, tick.elapsed)) {
        const id = part === 'answer' ? (this.askers.get(x) ?? x) : this.idOf(x)
        this.shares.add(part === 'run' && this.open.has(id) && !isAnew(before, id) ? 'goOn' : part, id, share)
      }
      for (const x of run) this.goOn(before, this.idOf(x), true)
      for (const x of batch.start) this.goOn(before, this.idOf(x), false)
      this.noted = this.notedIn(batch.scan, told)
      this.exits(told, events)
      for (const receipt of told) this.receipt(before, receipt)
      for (const event of events) this.event(event)
      walker.step()
      for (const news of walker.news) {
        if (news._tag === 'noticed') this.lastAnswered = this.now
        if (news._tag !== 'responded') continue
        if (news.by !== 0) this.goOn(before, this.idOf(news.by), false)
        else {
          this.replies.set(this.idOf(news.request), replyOf(news, this.idOf))
          this.latencies.set(this.idOf(news.request), this.now - (this.askedAt.get(this.idOf(news.request)) ?? 0))
          this.unanswered.delete(this.idOf(news.request))
          this.lastAnswered = this.now
        }
      }
    }
    for (const { x, run, after } of this.givenUp.reverse()) {
      const runs = this.runs.get(x) ?? []
      const next = runs[runs.indexOf(run) + 1]
      if (next !== undefined) endAs(run, next, after)
    }
    return {
      start,
      idsEnd: Math.max(idsStart, this.nextId),
      events: this.events,
      names: new Map(Array.from(this.ids, ([name, x]) => [x, name])),
      runs: this.runs,
      underWay: this.underWay,
      looks: this.looks,
      answers: this.asked.map((request) => this.replies.get(request)),
      latencies: this.asked.map((request) => this.latencies.get(request)),
      makespan: Math.max(0, this.lastAnswered - (this.firstAsked ?? 0)),
      ticks: this.reader.ticks,
      shares: this.shares,
    }
  }

  private name(id: BuildId, name: string): void {
    let known = this.ids.get(name)
    if (known === undefined) {
      // Its own, since who is equal goes by id; but that may have been another one's before.
      known = this.given.has(id) ? buildId(this.nextId++) : id
      this.given.add(known)
      this.ids.set(name, known)
    }
    this.current.set(id, known)
  }

  private readonly idOf = (id: BuildId): BuildId => this.current.get(id) ?? id

  /** The engine tells `x` to go on; `anew`: maybe with a new run. */
  private goOn(state: State, x: BuildId, anew: boolean): void {
    const at = this.open.get(x)
    const isGivenUp = anew && at !== undefined && isBegun(at.run)
    if (isGivenUp) this.givenUp.push({ x, run: at.run, after: this.now - at.since })
    const isOver = anew && at !== undefined && wasOnCircle(state, x, at.run.groups)
    if (at !== undefined && !isGivenUp && !isOver && !(anew && isAnew(state, x))) {
      // Its do-file is looked for again, or room asked for, since something changed before it was started: only what is found at last counts.
      if (anew && at.run.turns.length === 1 && isFound(at.run)) at.run.turns[0] = []
      else at.run.turns.push([])
      at.since = this.now
      return
    }
    if (!anew) return
    const run: RunScript = { mark: markOf(state, x), groups: [], turns: [[]] }
    const known = this.runs.get(x)
    if (known === undefined) this.runs.set(x, [run])
    else known.push(run)
    this.open.set(x, { run, since: this.now })
  }

  private notedIn(scan: readonly BuildId[], receipts: readonly Receipt[]): ReadonlySet<BuildId> {
    const looked = receipts.flatMap((receipt) => (receipt._tag === 'scanned' ? receipt.builds : []))
    if (looked.length === scan.length) return new Set()
    const chosen = new Set(scan)
    return new Set(looked.filter((x) => !chosen.has(x)).map(this.idOf))
  }

  private say(x: BuildId, term: Receipt | Event): void {
    const at = this.open.get(x)
    if (at === undefined) return
    const { groups, turns } = at.run
    if ('groups' in term) groups.push(...term.groups)
    if (term._tag !== 'needs')
      turns[turns.length - 1]!.push({
        delay: this.now - at.since,
        term: 'groups' in term ? { ...term, groups: [] } : term,
        ...(term._tag === 'requested' && { noted: term.targets.filter((target) => this.noted.has(target)) }),
      })
  }

  /** All it waits for is a slot, and nothing tells it to start. */
  private standsBy(x: BuildId): boolean {
    const said = this.open.get(x)?.run.turns.at(-1)
    return said?.some(({ term }) => term._tag === 'blocked') === true
  }

  /** Who ended had the next one begin, if that began without being told to. */
  private exits(receipts: readonly Receipt[], events: readonly Event[]): void {
    const ended = events.flatMap((event) => (event._tag === 'ended' ? [this.idOf(event.build)] : []))
    // Of one whose place was taken only the result is told.
    for (const receipt of receipts) {
      if (receipt._tag !== 'done' && receipt._tag !== 'failed') continue
      const x = this.idOf(receipt.build)
      if (
        this.open
          .get(x)
          ?.run.turns.flat()
          .some(({ term }) => term._tag === 'ended') === false
      )
        ended.push(x)
    }
    for (const x of ended.splice(0, this.begun.length)) this.exited(x, this.begun.shift()!)
    for (const receipt of receipts) {
      if (receipt._tag !== 'started' || !this.standsBy(this.idOf(receipt.build))) continue
      const x = ended.shift()
      if (x === undefined) this.begun.push(this.now)
      else this.exited(x, this.now)
    }
  }

  private exited(x: BuildId, when: number): void {
    const at = this.open.get(x)
    at?.run.turns.at(-1)?.push({ delay: Math.max(0, when - at.since), term: { _tag: 'exited' } })
  }

  private receipt(before: State, receipt: Exclude<Receipt, Ahead>): void {
    // Neither is a run.
    if (receipt._tag === 'holds' || receipt._tag === 'unjudged') return
    if (receipt._tag === 'scanned') {
      receipt.builds.forEach((x, i) => this.look(this.idOf(x), lookIn(receipt.looks, i * LOOK_STRIDE)))
      return
    }
    const term = renumbered(receipt, this.idOf)
    const x = term.build
    if (term._tag === 'started' && this.standsBy(x)) this.goOn(before, x, false)
    this.say(x, term)
    if (isLast(term)) this.open.delete(x)
    if (term._tag === 'done') this.look(x, term.look)
  }

  private look(x: BuildId, look: Look): void {
    const known = this.looks.get(x)
    if (known === undefined) this.looks.set(x, [look])
    else known.push(look)
  }

  private event(event: Event): void {
    if (event._tag === 'requested' || event._tag === 'followed') {
      const id = buildId(this.nextId++)
      this.current.set(event.request, id)
      if (event._tag === 'followed' || event.by === 0) {
        this.asked.push(id)
        this.askedAt.set(id, this.now)
        this.firstAsked ??= this.now
      } else this.askers.set(event.request, this.idOf(event.by))
    }
    const term = renumbered(event, this.idOf)
    const by = speakerOf(term)
    if (by !== 0) return this.say(by, term)
    this.events.push({ at: this.now, event: term, isHeard: this.unanswered.size === 0 })
    if (term._tag === 'requested') this.unanswered.add(term.request)
    else if (term._tag === 'cancelled') this.unanswered.delete(term.request)
  }
}

/** The policy by its name; undefined for one that is somebody's own. */
export const policyOf = (name: string): EngineOptions['policy'] => {
  try {
    return policyNamed(name)
  } catch (error) {
    if (!(error instanceof Misuse)) throw error
    return undefined
  }
}

/** What the recorded clock said at the beginning, in ms. */
export const clockOf = ({ start, events }: Script): number => {
  for (const { at, event } of events) if (event._tag === 'read') return event.now - at / 1000
  return start.clock.now
}

/** The last id that anything has. */
const lastId = (known: Iterable<BuildId>, reader: RecordingReader): number => {
  let last = 1
  for (const id of known) last = Math.max(last, id)
  for (let tick = 1; tick <= reader.ticks; tick++) {
    const { names, input } = reader.at(tick)
    for (const [id] of names) last = Math.max(last, id)
    for (const event of input.events)
      if (event._tag === 'requested' || event._tag === 'followed') last = Math.max(last, event.request)
  }
  return last
}

/** What was run in a tick: those of the batch that were begun and not only judged, and others that they need. */
const begunIn = (batch: readonly BuildId[], receipts: readonly Receipt[], told: readonly Receipt[]): BuildId[] => {
  const runs = new Set(batch)
  for (const receipt of receipts) {
    if (receipt._tag !== 'ahead') continue
    for (const { build } of [...receipt.done, ...receipt.open]) runs.add(build)
    for (const x of receipt.later) runs.delete(x)
  }
  for (const receipt of told) if (receipt._tag === 'holds' || receipt._tag === 'unjudged') runs.delete(receipt.build)
  return [...runs]
}

/** The build whose process says so; 0: somebody outside does. */
export const speakerOf = (event: Event): BuildId | 0 => {
  switch (event._tag) {
    case 'requested':
      return event.by
    case 'ended':
    case 'always':
    case 'stamped':
      return event.build
    default:
      return 0
  }
}

/** In place of a run of which nothing was recorded. */
export const nothingKnown = (state: State, build: BuildId): Receipt =>
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

const IDS = new Set(['build', 'request', 'by', 'session', 'target', 'cause'])
const LISTS = new Set(['builds', 'needs', 'create', 'targets', 'changed'])

/** The same with other ids. */
export const renumbered = <T extends Alone | Event>(term: T, idOf: (id: BuildId) => BuildId): T => {
  const other: Record<string, unknown> = { ...term }
  for (const [name, value] of Object.entries(term)) {
    if (IDS.has(name) && value !== 0 && value !== undefined) other[name] = idOf(value as BuildId)
    else if (LISTS.has(name)) other[name] = (value as BuildId[]).map(idOf)
    else if (name === 'error' && value !== undefined) other[name] = errorIn(value as BuildError, idOf)
    else if (name === 'groups') other[name] = (value as BuildId[][]).map((group) => group.map(idOf))
  }
  return other as T
}
