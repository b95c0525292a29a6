/** The lower half of {@link Work}: the tables of a state opened for writing, its counters, and the queues of its statuses. */

import type { Draft } from 'immer'
import { Bug, invariant } from '../model/error.js'
import type { Effect, Session } from '../model/event.js'
import { type BuildId, buildId, type EdgeId, type Generation } from '../model/ids.js'
import { PLAN_STRIDE, Track } from '../model/plan.js'
import { Bit, Fact, Flag, Flight, KIND_MASK, Kind, type News, STATUS_MASK, type State, Status } from '../model/state.js'
import { emptyObjects, emptyTable, IntEditor, ObjectEditor, type ObjectTable, objectAt } from '../model/table.js'
import { isCurrentIn } from '../model/why.js'
import { lastAsked } from './asked.js'
import { Fifo } from './fifo.js'
import { slotsOf } from './gather.js'
import { isChanged, type Open, type OpenQueue, open } from './open-queue.js'
import { Tracker } from './track.js'

const TRACKED = Track.RANK | Track.LANES

const requestOf = (news: News): number => (news._tag === 'noticed' || news._tag === 'responded' ? news.request : 0)

export abstract class Tables {
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
  /** In the batch, to be started: some of it may run by now. */
  starting = 0
  readonly slotsMax: number
  readonly park: OpenQueue
  readonly expand: OpenQueue
  readonly scan: OpenQueue
  readonly ready: OpenQueue
  readonly start: OpenQueue
  readonly answer: OpenQueue
  errors: State['errors']
  cycles: State['cycles']
  stamps: State['stamps']
  readonly values: ObjectEditor<unknown>
  kept: readonly BuildId[]
  /** In this tick, after `kept`. */
  protected readonly asked: BuildId[] = []
  keep: number
  readonly ahead: number
  cyclic: number
  costs: IntEditor
  terms: State['terms']
  clock: State['clock']
  carry: unknown
  /** Only where the policy asked for what it keeps up. */
  tracker: Tracker | undefined
  tracks: number
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
  private sessionsBefore: ObjectTable<Session>
  /** Since one began or ended, until somebody asks for all of them. */
  private openSessions: ObjectEditor<Session> | undefined = undefined
  private pools: { size: number; running: number; queue: OpenQueue }[] | undefined = undefined
  private readonly base: State
  private untracked: Pick<State, 'plans' | 'lanes' | 'shares'>

  constructor(base: State) {
    this.base = base
    this.untracked = base
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
    this.slotsMax = base.slotsMax
    this.park = open(base.park)
    this.expand = open(base.expand)
    this.scan = open(base.scan)
    this.ready = open(base.ready)
    this.start = open(base.start)
    this.answer = open(base.answer)
    this.sessionsBefore = base.sessions
    this.errors = base.errors
    this.cycles = base.cycles
    this.stamps = base.stamps
    this.values = new ObjectEditor(base.values)
    this.kept = base.kept
    this.keep = base.keep
    this.ahead = base.ahead
    this.cyclic = base.cyclic
    this.costs = new IntEditor(base.costs)
    this.terms = base.terms
    this.clock = base.clock
    this.carry = base.carry
    this.tracks = base.tracks
    this.tracker = (base.tracks & TRACKED) === 0 ? undefined : new Tracker(this, base)
    this.news = base.news as News[]
  }

  /**
   * Writes what changed into the draft: whole tables and numbers, nothing deeper, so immer copies only the root. Each by its own name: one that is a
   * value V8 has to look up, of every field in every tick.
   */
  close(draft: Draft<State>): void {
    const { base } = this
    const to = draft as unknown as Open<State>
    const facts = this.facts.finish()
    const checked = this.checked.finish()
    const edges = this.edges.finish()
    const flight = this.flight.finish()
    const values = this.values.finish()
    const costs = this.costs.finish()
    if (facts !== base.facts) to.facts = facts
    if (checked !== base.checked) to.checked = checked
    if (edges !== base.edges) to.edges = edges
    if (flight !== base.flight) to.flight = flight
    if (values !== base.values) to.values = values
    if (costs !== base.costs) to.costs = costs
    if (this.generation !== base.generation) to.generation = this.generation
    if (this.version !== base.version) to.version = this.version
    if (this.freeEdge !== base.freeEdge) to.freeEdge = this.freeEdge
    if (this.edgesEnd !== base.edgesEnd) to.edgesEnd = this.edgesEnd
    if (this.inFlight !== base.inFlight) to.inFlight = this.inFlight
    if (this.unknown !== base.unknown) to.unknown = this.unknown
    if (this.scanning !== base.scanning) to.scanning = this.scanning
    if (this.running !== base.running) to.running = this.running
    if (isChanged(this.park, base.park)) to.park = { ...this.park }
    if (isChanged(this.expand, base.expand)) to.expand = { ...this.expand }
    if (isChanged(this.scan, base.scan)) to.scan = { ...this.scan }
    if (isChanged(this.ready, base.ready)) to.ready = { ...this.ready }
    if (isChanged(this.start, base.start)) to.start = { ...this.start }
    if (isChanged(this.answer, base.answer)) to.answer = { ...this.answer }
    if (this.sessions !== base.sessions) to.sessions = this.sessions
    if (this.errors !== base.errors) to.errors = this.errors
    if (this.cycles !== base.cycles) to.cycles = this.cycles
    if (this.stamps !== base.stamps) to.stamps = this.stamps
    if (this.pools !== undefined) to.pools = this.pools.map((p) => ({ ...p, queue: { ...p.queue } }))
    if (this.asked.length > 0) this.keepAsked(this.keep)
    if (this.kept !== base.kept) to.kept = this.kept
    if (this.keep !== base.keep) to.keep = this.keep
    if (this.cyclic !== base.cyclic) to.cyclic = this.cyclic
    if (this.tracks !== base.tracks) to.tracks = this.tracks
    const { plans, lanes, shares } = this.tracker === undefined ? this.untracked : this.tracker.finish()
    if (plans !== base.plans) to.plans = plans
    if (lanes !== base.lanes) to.lanes = lanes
    if (shares !== base.shares) to.shares = shares
    if (this.terms !== base.terms) to.terms = this.terms
    if (this.clock !== base.clock) to.clock = this.clock
    if (this.carry !== base.carry) to.carry = this.carry
    if (this.news !== base.news) to.news = this.news
  }

  /** Another tick is to come before it is closed. */
  endTick(): void {
    this.news = this.base.news as News[]
    if (this.effects.length > 0) this.effects.length = 0
    if (this.asked.length > 2 * this.keep) this.keepAsked(this.keep)
  }

  protected keepAsked(keep: number): void {
    this.kept = lastAsked(this.kept, this.asked, keep)
    this.asked.length = 0
  }

  /** From now on `tracks` is kept up, and so far nothing is. */
  track(tracks: number): void {
    this.tracks = tracks
    this.untracked = { plans: emptyTable(PLAN_STRIDE), lanes: emptyObjects, shares: [] }
    const base = { ...this.base, ...this.untracked, tracks }
    this.tracker = (tracks & TRACKED) === 0 ? undefined : new Tracker(this, base)
  }

  /** First of each queue that a policy chooses from. */
  heads(): readonly BuildId[] {
    const pools = this.pools ?? this.base.pools
    return [this.ready.head, this.start.head, ...pools.map(({ queue }) => queue.head)]
  }

  tell(news: News): void {
    if (this.news === this.base.news) this.news = this.news.slice()
    this.news.push(news)
  }

  /** What was told from `first` on is told by rising request: who asked first hears first. */
  tellInOrder(first: number): void {
    for (let i = first + 1; i < this.news.length; i++) {
      if (requestOf(this.news[i - 1]!) <= requestOf(this.news[i]!)) continue
      const told = this.news.slice(first).sort((a, b) => requestOf(a) - requestOf(b))
      for (const news of told) this.news[first++] = news
      return
    }
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
    return isCurrentIn(this, x, pass, trust)
  }

  session(id: number): Session | undefined {
    return this.openSessions === undefined ? objectAt(this.sessionsBefore, id) : this.openSessions.get(id)
  }

  setSession(id: number, session: Session | undefined): void {
    this.openSessions ??= new ObjectEditor(this.sessionsBefore)
    this.openSessions.set(id, session)
  }

  get sessions(): State['sessions'] {
    if (this.openSessions !== undefined) this.sessionsBefore = this.openSessions.finish()
    this.openSessions = undefined
    return this.sessionsBefore
  }

  // ---------------------------------------------------------------------------------------------- status and queues

  private queueOf(x: BuildId, status: number): OpenQueue | undefined {
    switch (status) {
      case Status.UNKNOWN:
        return this.kind(x) === Kind.VALUE ? undefined : this.expand
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

  /** Moves `x` to `status`, at the end of that status's queue where it has one, and sets the bits of `on`. Keeps the counters. */
  moveTo(x: BuildId, status: number, on = 0): void {
    const row = this.flight.get(x, Flight.STATUS)
    const old = row & STATUS_MASK
    if ((row & Bit.QUEUED) !== 0) this.unlink(x)
    this.count(x, old, -1)
    this.count(x, status, 1)
    const queue = this.queueOf(x, status)
    const bits = (row & ~(STATUS_MASK | Bit.QUEUED)) | on | status
    this.flight.set(x, Flight.STATUS, queue === undefined ? bits : bits | Bit.QUEUED)
    this.tracker?.moved(x, old, status)
    if (queue !== undefined) this.enqueue(x, status, queue)
  }

  /** `x` comes to rest. Nothing is left of its row but who waits for it. */
  leave(x: BuildId): void {
    const row = this.flight.get(x, Flight.STATUS)
    const old = row & STATUS_MASK
    if ((row & Bit.QUEUED) !== 0) this.unlink(x)
    this.count(x, old, -1)
    this.count(x, Status.REST, 1)
    this.flight.clear(x, Flight.WAITER_HEAD)
    this.tracker?.moved(x, old, Status.REST)
  }

  /** Whether it can be started with all that waits before it. */
  hasRoomFor(x: BuildId): boolean {
    const pool = this.flight.get(x, Flight.POOL)
    if (pool === 0) return this.running + this.starting + this.answer.size + this.start.size < slotsOf(this)
    const { running, queue, size } = this.pool(pool)
    return running + this.starting + queue.size < size
  }

  /** What waits to be started, where `x` will, and came last. */
  lastWaiting(x: BuildId): BuildId {
    return this.queueOf(x, Status.START)!.tail
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
      else if (pool > 0) {
        const room = this.pool(pool)
        room.running += by
        invariant(by < 0 || room.running <= room.size, 'takes room that its pool has not', x)
      }
    }
  }

  private enqueue(x: BuildId, status: number, queue: OpenQueue): void {
    this.flight.set(x, Flight.NEXT, 0)
    this.flight.set(x, Flight.PREV, queue.tail)
    if (queue.size === 0) queue.head = x
    else this.flight.set(queue.tail, Flight.NEXT, x)
    queue.tail = x
    queue.size++
    this.tracker?.enqueue(x, status)
  }

  /** Takes `x`, chosen by a batch, out of the queue of `status`. */
  take(x: BuildId, status: number): void {
    invariant(this.status(x) === status, 'is chosen out of turn', x)
    this.dequeue(x)
  }

  /** Whether `x` may be depended on: a target or a value, known or not; no request. */
  isBuild(x: number): boolean {
    const kind = this.kind(x)
    return x > 0 && kind !== Kind.REQUEST && kind !== Kind.LIVE
  }

  /** Whether nothing is known of `id`: a request may have it. */
  isFree(id: number): boolean {
    return this.facts.get(id, Fact.FLAGS) === 0 && this.status(id) === Status.REST
  }

  /** Takes `x` out of the queue of its status, which it keeps: it is being worked on. */
  dequeue(x: BuildId): void {
    this.unlink(x)
    this.setBits(x, 0, Bit.QUEUED)
  }

  private unlink(x: BuildId): void {
    const queue = this.queueOf(x, this.status(x))
    if (queue === undefined || !this.has(x, Bit.QUEUED)) throw new Bug(`build ${x} is in no queue`)
    const next = this.flight.get(x, Flight.NEXT)
    const prev = this.flight.get(x, Flight.PREV)
    if (prev === 0) queue.head = buildId(next)
    else this.flight.set(prev, Flight.NEXT, next)
    if (next === 0) queue.tail = buildId(prev)
    else this.flight.set(next, Flight.PREV, prev)
    queue.size--
    this.tracker?.dequeue(x)
    this.flight.set(x, Flight.NEXT, 0)
    this.flight.set(x, Flight.PREV, 0)
  }
}
