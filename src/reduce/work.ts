/**
 * What a reduction works on: the tables of the state opened for writing, the counters, and the lists that link rows.
 * It knows how rows hang together, not what a status means; that is in the transitions beside it.
 */

import type { Draft } from 'immer'
import { original } from 'immer'
import { Bug, type BuildError, invariant } from '../model/error.js'
import type { Effect, Session } from '../model/event.js'
import { type BuildId, buildId, type EdgeId, edgeId, type Generation, generation } from '../model/ids.js'
import {
  Bit,
  EDGE_STRIDE,
  Edge,
  FACT_STRIDE,
  Fact,
  FLIGHT_STRIDE,
  Flag,
  Flight,
  GROUP_SHIFT,
  KIND_MASK,
  Kind,
  Mode,
  type News,
  type Queue,
  STATUS_MASK,
  type State,
  Status,
} from '../model/state.js'
import { emptyTable, IntEditor, ObjectEditor, type ObjectTable, objectAt, rowsEnd, withObject } from '../model/table.js'
import { Fifo } from './fifo.js'

interface OpenQueue {
  head: BuildId
  tail: BuildId
  size: number
}
const open = (queue: Queue): OpenQueue => ({ head: queue.head, tail: queue.tail, size: queue.size })

export class Work {
  facts: IntEditor
  checked: IntEditor
  edges: IntEditor
  flight: IntEditor
  generation: Generation
  version: number
  freeEdge: EdgeId
  edgesEnd: number
  inFlight: number
  unknown: number
  scanning: number
  running: number
  readonly park: OpenQueue
  readonly expand: OpenQueue
  readonly scan: OpenQueue
  readonly ready: OpenQueue
  readonly start: OpenQueue
  readonly answer: OpenQueue
  sessions: ObjectTable<Session>
  errors: State['errors']
  cycles: State['cycles']
  stamps: State['stamps']
  readonly values: ObjectEditor<unknown>
  kept: readonly BuildId[]
  keep: number
  cyclic: number
  news: News[]
  readonly effects: Effect[] = []
  /** To be judged, told of: what this tick still has to follow up, first come first. Depth costs no recursion. */
  readonly toJudge = new Fifo<BuildId>()
  readonly toTell = new Fifo<BuildId>()
  /** Given up by one receipt while another one of the same tick is yet to tell what became of them. */
  readonly givenUp: BuildId[] = []
  /** Live requests whose result may be another one, since the transaction of this event. */
  readonly toRefresh: BuildId[] = []
  /** In flight, and reached by the transaction of this event. */
  readonly toReview: BuildId[] = []
  private pools: { size: number; running: number; queue: OpenQueue }[] | undefined
  private readonly base: State

  constructor(base: State) {
    this.base = base
    this.facts = new IntEditor(base.facts)
    this.checked = new IntEditor(base.checked)
    this.edges = new IntEditor(base.edges)
    this.flight = new IntEditor(base.flight)
    this.generation = base.generation
    this.version = base.version
    this.freeEdge = base.freeEdge
    this.edgesEnd = base.edgesEnd
    this.inFlight = base.inFlight
    this.unknown = base.unknown
    this.scanning = base.scanning
    this.running = base.running
    this.park = open(base.park)
    this.expand = open(base.expand)
    this.scan = open(base.scan)
    this.ready = open(base.ready)
    this.start = open(base.start)
    this.answer = open(base.answer)
    this.sessions = base.sessions
    this.errors = base.errors
    this.cycles = base.cycles
    this.stamps = base.stamps
    this.values = new ObjectEditor(base.values)
    this.kept = base.kept
    this.keep = base.keep
    this.cyclic = base.cyclic
    this.news = base.news as News[]
  }

  static of(draft: Draft<State>): Work {
    return new Work(original(draft) as State)
  }

  /** Writes what changed into the draft: whole tables and numbers, nothing deeper, so immer copies only the root. */
  close(draft: Draft<State>): void {
    const next: State = {
      generation: this.generation,
      version: this.version,
      facts: this.facts.finish(),
      checked: this.checked.finish(),
      edges: this.edges.finish(),
      flight: this.flight.finish(),
      freeEdge: this.freeEdge,
      edgesEnd: this.edgesEnd,
      inFlight: this.inFlight,
      unknown: this.unknown,
      scanning: this.scanning,
      running: this.running,
      park: this.closed(this.park, this.base.park),
      expand: this.closed(this.expand, this.base.expand),
      scan: this.closed(this.scan, this.base.scan),
      ready: this.closed(this.ready, this.base.ready),
      start: this.closed(this.start, this.base.start),
      answer: this.closed(this.answer, this.base.answer),
      sessions: this.sessions,
      errors: this.errors,
      cycles: this.cycles,
      stamps: this.stamps,
      values: this.values.finish(),
      pools: this.pools === undefined ? this.base.pools : this.pools.map((p) => ({ ...p, queue: { ...p.queue } })),
      kept: this.kept,
      keep: this.keep,
      cyclic: this.cyclic,
      news: this.news,
    }
    const target = draft as unknown as Record<string, unknown>
    for (const key of Object.keys(next) as (keyof State)[]) {
      if (next[key] !== this.base[key]) target[key] = next[key]
    }
  }

  private closed(queue: OpenQueue, base: Queue): Queue {
    return queue.head === base.head && queue.tail === base.tail && queue.size === base.size ? base : { ...queue }
  }

  tell(news: News): void {
    if (this.news === this.base.news) this.news = this.news.slice()
    this.news.push(news)
  }

  // ---------------------------------------------------------------------------------------------- rows

  status(x: number): number {
    return this.flight.get(x, Flight.STATUS) & STATUS_MASK
  }

  has(x: number, bit: number): boolean {
    return (this.flight.get(x, Flight.STATUS) & bit) !== 0
  }

  setBits(x: number, on: number, off = 0): void {
    this.flight.set(x, Flight.STATUS, (this.flight.get(x, Flight.STATUS) & ~off) | on)
  }

  kind(x: number): number {
    return this.facts.get(x, Fact.FLAGS) & KIND_MASK
  }

  flag(x: number, flag: number): boolean {
    return (this.facts.get(x, Fact.FLAGS) & flag) !== 0
  }

  isBroken(x: number): boolean {
    return (this.facts.get(x, Fact.FLAGS) & Flag.BROKEN) !== 0
  }

  revision(x: number): number {
    return this.facts.get(x, Fact.REVISION)
  }

  /**
   * What a dependent remembers of `d`. A failed file is never seen again as it was: made good, it differs, whatever came of it.
   * The error of a value is as good a result as any.
   */
  seen(d: number, create: boolean): number {
    return !create && this.isBroken(d) && this.kind(d) !== Kind.VALUE ? -1 : this.revision(d)
  }

  /** At rest, and known to hold for `pass`. */
  isCurrent(x: number, pass: number, trust: boolean): boolean {
    if (this.status(x) !== Status.REST) return false
    const checked = this.checked.get(x, 0)
    return (checked < 0 ? -checked : checked) >= pass && checked !== 0 ? true : trust && checked > 0
  }

  session(id: number): Session | undefined {
    return objectAt(this.sessions, id)
  }

  // ---------------------------------------------------------------------------------------------- status and queues

  private queueOf(x: BuildId, status: number): OpenQueue | undefined {
    switch (status) {
      case Status.UNKNOWN:
        return this.expand
      case Status.SCAN:
        return this.scan
      case Status.READY:
        return this.ready
      case Status.PARKED:
        return this.park
      case Status.START: {
        const pool = this.flight.get(x, Flight.POOL)
        return pool === 0 ? this.start : this.pool(pool).queue
      }
      case Status.ANSWER:
        return this.answer
      default:
        return undefined
    }
  }

  /** Moves `x` to `status`, at the end of that status's queue where it has one. Keeps the counters. */
  moveTo(x: BuildId, status: number): void {
    const row = this.flight.get(x, Flight.STATUS)
    const old = row & STATUS_MASK
    if ((row & Bit.QUEUED) !== 0) this.dequeue(x)
    this.count(x, old, -1)
    this.count(x, status, 1)
    this.flight.set(x, Flight.STATUS, (this.flight.get(x, Flight.STATUS) & ~STATUS_MASK) | status)
    if (this.queueOf(x, status) !== undefined) this.enqueue(x, status)
  }

  private pool(number: number): { size: number; running: number; queue: OpenQueue } {
    this.pools ??= this.base.pools.map((p) => ({ size: p.size, running: p.running, queue: open(p.queue) }))
    const pool = this.pools[number - 1]
    if (pool === undefined) throw new Bug(`there is no pool ${number}`)
    return pool
  }

  private count(x: BuildId, status: number, by: number): void {
    if (status === Status.REST) this.inFlight -= by
    else if (status === Status.UNKNOWN) this.unknown += by
    else if (status === Status.SCAN) this.scanning += by
    else if (status === Status.RUNNING) {
      const pool = this.flight.get(x, Flight.POOL)
      if (pool === 0) this.running += by
      else if (pool > 0) this.pool(pool).running += by
    }
  }

  private enqueue(x: BuildId, status: number): void {
    const queue = this.queueOf(x, status)!
    this.flight.set(x, Flight.NEXT, 0)
    this.flight.set(x, Flight.PREV, queue.tail)
    if (queue.size === 0) queue.head = x
    else this.flight.set(queue.tail, Flight.NEXT, x)
    queue.tail = x
    queue.size++
    this.setBits(x, Bit.QUEUED)
  }

  /** Takes `x` out of the queue of its status, which it keeps: it is being worked on. */
  dequeue(x: BuildId): void {
    const queue = this.queueOf(x, this.status(x))
    if (queue === undefined || !this.has(x, Bit.QUEUED)) throw new Bug(`build ${x} is in no queue`)
    const next = this.flight.get(x, Flight.NEXT)
    const prev = this.flight.get(x, Flight.PREV)
    if (prev === 0) queue.head = buildId(next)
    else this.flight.set(prev, Flight.NEXT, next)
    if (next === 0) queue.tail = buildId(prev)
    else this.flight.set(next, Flight.PREV, prev)
    queue.size--
    this.flight.set(x, Flight.NEXT, 0)
    this.flight.set(x, Flight.PREV, 0)
    this.setBits(x, 0, Bit.QUEUED)
  }

  // ---------------------------------------------------------------------------------------------- edges

  /** A new edge, linked into the dependents of `dependency`; its place among the dependencies is up to the caller. */
  newEdge(dependent: BuildId, dependency: BuildId, group: number, create: boolean): EdgeId {
    let e = this.freeEdge
    if (e !== 0) this.freeEdge = edgeId(this.edges.get(e, Edge.NEXT_DEP))
    else e = edgeId(this.edgesEnd++)
    const { edges, facts } = this
    edges.set(e, Edge.DEPENDENCY, dependency)
    edges.set(e, Edge.DEPENDENT, dependent)
    edges.set(e, Edge.MODE, (group << GROUP_SHIFT) | (create ? Mode.CREATE : 0))
    edges.set(e, Edge.NEXT_DEP, 0)
    edges.set(e, Edge.SEEN, 0)
    const head = facts.get(dependency, Fact.DEPENDENT_HEAD)
    edges.set(e, Edge.NEXT_DEPENDENT, head)
    edges.set(e, Edge.PREV_DEPENDENT, 0)
    if (head !== 0) edges.set(head, Edge.PREV_DEPENDENT, e)
    facts.set(dependency, Fact.DEPENDENT_HEAD, e)
    return e
  }

  /** Appends `e` to the dependencies asked for in the present run of `x`. */
  append(x: BuildId, e: EdgeId): void {
    const tail = this.flight.get(x, Flight.NEW_TAIL)
    if (tail === 0) this.flight.set(x, Flight.NEW_HEAD, e)
    else this.edges.set(tail, Edge.NEXT_DEP, e)
    this.flight.set(x, Flight.NEW_TAIL, e)
  }

  /** Number for the next group of the present run of `x`. */
  nextGroup(x: BuildId): number {
    const after = (e: number): number => (e === 0 ? 0 : (this.edges.get(e, Edge.MODE) >>> GROUP_SHIFT) + 1)
    return Math.max(after(this.flight.get(x, Flight.NEW_TAIL)), after(this.flight.get(x, Flight.KEPT)))
  }

  /** Frees one edge: out of every list but that of its dependent, which the caller rewrites. */
  freeOne(e: number): void {
    const { edges, facts } = this
    if ((edges.get(e, Edge.MODE) & Mode.LISTED) !== 0) this.unlist(e)
    const next = edges.get(e, Edge.NEXT_DEPENDENT)
    const prev = edges.get(e, Edge.PREV_DEPENDENT)
    if (prev === 0) facts.set(edges.get(e, Edge.DEPENDENCY), Fact.DEPENDENT_HEAD, next)
    else edges.set(prev, Edge.NEXT_DEPENDENT, next)
    if (next !== 0) edges.set(next, Edge.PREV_DEPENDENT, prev)
    edges.clear(e)
    edges.set(e, Edge.NEXT_DEP, this.freeEdge)
    this.freeEdge = edgeId(e)
  }

  /** Frees a whole list of dependencies. */
  freeList(head: number): void {
    for (let e = head; e !== 0; ) {
      const next = this.edges.get(e, Edge.NEXT_DEP)
      this.freeOne(e)
      e = next
    }
  }

  // ---------------------------------------------------------------------------------------------- waiters

  /** Who waits through `e`: its dependent, or the request that the dependent's do-file made. */
  waiterOf(e: number): BuildId {
    const asked = (this.edges.get(e, Edge.MODE) & Mode.ASKED) !== 0
    return buildId(this.edges.get(e, asked ? Edge.SEEN : Edge.DEPENDENT))
  }

  /** Lets the waiter of `e` wait for the dependency. */
  list(e: number): void {
    const { edges, flight } = this
    const d = edges.get(e, Edge.DEPENDENCY)
    const head = flight.get(d, Flight.WAITER_HEAD)
    edges.set(e, Edge.MODE, edges.get(e, Edge.MODE) | Mode.LISTED)
    edges.set(e, Edge.NEXT_WAITER, head)
    edges.set(e, Edge.PREV_WAITER, 0)
    if (head !== 0) edges.set(head, Edge.PREV_WAITER, e)
    flight.set(d, Flight.WAITER_HEAD, e)
    const waiter = this.waiterOf(e)
    flight.set(waiter, Flight.WAITING, flight.get(waiter, Flight.WAITING) + 1)
  }

  /** Ends the waiting through `e`; returns how many edges its waiter still waits for. */
  unlist(e: number): number {
    const { edges, flight } = this
    const next = edges.get(e, Edge.NEXT_WAITER)
    const prev = edges.get(e, Edge.PREV_WAITER)
    if (prev === 0) flight.set(edges.get(e, Edge.DEPENDENCY), Flight.WAITER_HEAD, next)
    else edges.set(prev, Edge.NEXT_WAITER, next)
    if (next !== 0) edges.set(next, Edge.PREV_WAITER, prev)
    const waiter = this.waiterOf(e)
    edges.set(e, Edge.NEXT_WAITER, 0)
    edges.set(e, Edge.PREV_WAITER, 0)
    edges.set(e, Edge.MODE, edges.get(e, Edge.MODE) & ~Mode.LISTED)
    const waiting = flight.get(waiter, Flight.WAITING) - 1
    flight.set(waiter, Flight.WAITING, waiting)
    return waiting
  }

  /** The first remembered dependency of `x` through which it waits, or 0. */
  listedDep(x: BuildId): number {
    let e = this.facts.get(x, Fact.DEP_HEAD)
    while (e !== 0 && (this.edges.get(e, Edge.MODE) & Mode.LISTED) === 0) e = this.edges.get(e, Edge.NEXT_DEP)
    return e
  }

  /** The smallest id that is unknown. Looks at all that is in flight: only for when nothing else can move. */
  firstUnknown(): BuildId {
    const end = rowsEnd(this.flight.view())
    for (let x = 1; x < end; x++) if (this.status(x) === Status.UNKNOWN) return buildId(x)
    throw new Bug('no build is unknown')
  }

  /** Whether something in flight depends on `x`. */
  hasLiveDependent(x: number): boolean {
    for (let e = this.facts.get(x, Fact.DEPENDENT_HEAD); e !== 0; e = this.edges.get(e, Edge.NEXT_DEPENDENT)) {
      if (this.status(this.edges.get(e, Edge.DEPENDENT)) !== Status.REST) return true
    }
    return false
  }

  /** Whether a request waits for exactly `x`. */
  isAskedFor(x: BuildId): boolean {
    for (let e = this.flight.get(x, Flight.WAITER_HEAD); e !== 0; e = this.edges.get(e, Edge.NEXT_WAITER)) {
      if (this.kind(this.waiterOf(e)) === Kind.REQUEST) return true
    }
    return false
  }

  setCycle(x: BuildId, path: readonly BuildId[] | undefined): void {
    this.cycles = withObject(this.cycles, x, path)
  }

  setError(x: BuildId, error: BuildError | undefined): void {
    const old = objectAt(this.errors, x)
    this.cyclic += (error?._tag === 'cycle' ? 1 : 0) - (old?._tag === 'cycle' ? 1 : 0)
    this.errors = withObject(this.errors, x, error)
  }

  /** The first edge of the list through which `x` may be waiting now: remembered ones, or those of the present run. */
  waitsFrom(x: BuildId): number {
    const status = this.status(x)
    if (status === Status.WAITING) return this.flight.get(x, Flight.CURSOR)
    if (status === Status.BLOCKED) return this.flight.get(x, Flight.NEW_HEAD)
    return 0
  }

  /** Keeps `x`, asked for once, from being swept, in place of what was asked for longest ago. */
  keepLast(x: BuildId): void {
    if (this.keep === 0 || this.kept[this.kept.length - 1] === x) return
    this.kept = [...this.kept.filter((k) => k !== x), x].slice(-this.keep)
  }

  /** What no build is left for: the state is the empty one again, but for what it was set up with. */
  clear(): void {
    let free = 0
    for (let e: number = this.freeEdge; e !== 0; e = this.edges.get(e, Edge.NEXT_DEP)) free++
    invariant(free === this.edgesEnd - 1, `${this.edgesEnd - 1 - free} edges of no build are left`)
    this.facts = new IntEditor(emptyTable(FACT_STRIDE))
    this.checked = new IntEditor(emptyTable(1))
    this.edges = new IntEditor(emptyTable(EDGE_STRIDE))
    this.flight = new IntEditor(emptyTable(FLIGHT_STRIDE))
    this.generation = generation(0)
    this.version = 0
    this.freeEdge = edgeId(0)
    this.edgesEnd = 1
  }
}
