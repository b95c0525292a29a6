/**
 * Keeps up what a policy asked to know: the rank of what waits to be started, and for each request its own queues and what it costs.
 * Called from where a build changes its status, and only while `State.tracks` says so; nothing but policies reads what it writes.
 */
import { termsOf } from '../model/costs.js'
import { type BuildId, buildId } from '../model/ids.js'
import { COST_MAX, Cost, type Lane, LaneQueue, PLAN_STRIDE, Plan, Track } from '../model/plan.js'
import { emptyQueue, type Queue } from '../model/queue.js'
import { Edge, Fact, Flight, Kind, Mode, type State, Status } from '../model/state.js'
import { emptyTable, IntEditor, ObjectEditor, objectAt } from '../model/table.js'

/** What it sees of the tables that are open for writing. */
export interface Tracked {
  readonly facts: IntEditor
  readonly edges: IntEditor
  readonly flight: IntEditor
  readonly costs: IntEditor
  readonly sessions: State['sessions']
  readonly terms: State['terms']
  readonly clock: State['clock']
  readonly tracker: Tracker | undefined
  readonly kind: (x: number) => number
  readonly status: (x: number) => number
  readonly hasRoomFor: (x: BuildId) => boolean
  readonly lastWaiting: (x: BuildId) => BuildId
}

interface OpenLane {
  readonly class: string
  remaining: number
  attained: number
  since: number
  size: number
  queues: { head: BuildId; tail: BuildId; size: number }[]
}

export class Tracker {
  plans: IntEditor
  private readonly opened = new Map<number, OpenLane>()
  private readonly base: State['lanes']
  private readonly baseShares: State['shares']
  /** In place of those, once something was made. */
  private made: Map<string, number> | undefined = undefined
  private readonly hasRanks: boolean
  private readonly hasLanes: boolean

  constructor(
    private readonly t: Tracked,
    { plans, lanes, shares, tracks }: State,
  ) {
    this.plans = new IntEditor(plans)
    this.base = lanes
    this.baseShares = shares
    this.hasRanks = (tracks & Track.RANK) !== 0
    this.hasLanes = (tracks & Track.LANES) !== 0
  }

  /** What it kept up, closed. */
  finish(): Pick<State, 'plans' | 'lanes' | 'shares'> {
    return { plans: this.plans.finish(), lanes: this.lanes(), shares: this.shares() }
  }

  private lanes(): State['lanes'] {
    if (this.opened.size === 0) return this.base
    const editor = new ObjectEditor<Lane>(this.base)
    for (const [request, lane] of this.opened) {
      const { size, queues } = lane
      editor.set(request, size === 0 ? undefined : { ...lane, queues: queues.map((queue) => closed(queue)) })
    }
    return editor.finish()
  }

  private shares(): State['shares'] {
    if (this.made === undefined) return this.baseShares
    return [...this.made].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** No build is left. */
  clear(): void {
    this.plans = new IntEditor(emptyTable(PLAN_STRIDE))
    this.made = new Map()
  }

  /** `x` has changed its status. */
  moved(x: BuildId, from: number, to: number): void {
    const kind = this.t.kind(x)
    if (kind === Kind.REQUEST || kind === Kind.LIVE) return
    if (to === Status.REST) return this.rested(x, from)
    if (this.hasLanes) {
      if (to === Status.UNKNOWN) this.charge(x)
      else if (to === Status.START) this.chargeAnew(x)
      else if (to === Status.RUNNING && (from === Status.START || from === Status.READY))
        this.attain(x, this.plans.get(x, Plan.CHARGE))
    }
    if (this.hasRanks && to === Status.START && !this.t.hasRoomFor(x)) this.rankWaiting(x)
  }

  /** It has cost so much, in µs. */
  cost(x: BuildId, cost: number): void {
    const lane = this.laneOf(x)
    if (lane === undefined) return
    this.attain(x, this.plans.get(x, Plan.CHARGE))
    // The estimate, in place of which the cost is counted.
    this.attained(lane, cost + this.plans.get(x, Plan.CHARGE))
    this.plans.set(x, Plan.CHARGE, -Math.max(cost, 1))
  }

  // ---------------------------------------------------------------------------------------------- charges

  private laneOf(x: BuildId): OpenLane | undefined {
    const request = this.plans.get(x, Plan.LANE)
    return request === 0 ? undefined : this.open(request)
  }

  private open(request: number): OpenLane {
    let lane = this.opened.get(request)
    if (lane !== undefined) return lane
    const known = objectAt(this.base, request)
    lane =
      known === undefined
        ? {
            class: termsOf(this.t, request).class ?? '',
            remaining: 0,
            attained: 0,
            since: this.t.clock.now,
            size: 0,
            queues: [],
          }
        : { ...known, queues: known.queues.map((queue) => ({ ...queue })) }
    this.opened.set(request, lane)
    return lane
  }

  /** `x` is begun for the request of its session. */
  private charge(x: BuildId): void {
    this.discharge(x)
    const request = this.t.flight.get(x, Flight.SESSION)
    const lane = this.open(request)
    const kind = this.t.kind(x)
    // A source is looked at, and costs nothing.
    const cost = kind === Kind.SOURCE || kind === Kind.ABSENT ? 0 : this.estimate(x, 0)
    this.plans.set(x, Plan.LANE, request)
    this.plans.set(x, Plan.CHARGE, cost)
    lane.size++
    lane.remaining += cost
  }

  private discharge(x: BuildId): void {
    const lane = this.laneOf(x)
    if (lane === undefined) return
    lane.size--
    lane.remaining -= Math.max(this.plans.get(x, Plan.CHARGE), 0)
    this.plans.set(x, Plan.LANE, 0)
    this.plans.set(x, Plan.CHARGE, 0)
  }

  /** What makes it is known by now, and so is what that costs. */
  private chargeAnew(x: BuildId): void {
    const lane = this.laneOf(x)
    const old = this.plans.get(x, Plan.CHARGE)
    if (lane === undefined || old < 0 || this.t.costs.get(x, Cost.OWN) !== 0) return
    const cost = this.estimate(x, ruleOf(this.t, x))
    this.plans.set(x, Plan.CHARGE, cost)
    lane.remaining += cost - old
  }

  /** What is left of it becomes what was made. Negative from then on: so much was counted as made. */
  private attain(x: BuildId, charge: number): void {
    const lane = this.laneOf(x)
    if (lane === undefined || charge < 0) return
    lane.remaining -= charge
    this.attained(lane, charge)
    this.plans.set(x, Plan.CHARGE, -charge)
  }

  private attained(lane: OpenLane, cost: number): void {
    lane.attained += cost
    this.made ??= new Map(this.baseShares)
    this.made.set(lane.class, (this.made.get(lane.class) ?? 0) + cost)
  }

  private rested(x: BuildId, from: number): void {
    if (from === Status.READY || from === Status.START) this.attain(x, this.plans.get(x, Plan.CHARGE))
    this.discharge(x)
    this.plans.clear(x)
  }

  private estimate(x: BuildId, rule: number): number {
    const { costs } = this.t
    return costs.get(x, Cost.OWN) || (rule && costs.get(rule, Cost.MEAN)) || costs.get(0, Cost.MEAN) || 1
  }

  // ---------------------------------------------------------------------------------------------- ranks

  private hasRank(x: number): boolean {
    const pass = this.plans.get(x, Plan.RANK_PASS)
    return pass !== 0 && pass === this.t.flight.get(x, Flight.PASS)
  }

  /** `x` waits to be started. Where there is room for all that do, nothing is chosen: only now those before it are to be told from it. */
  private rankWaiting(x: BuildId): void {
    for (let y: number = this.t.lastWaiting(x); y !== 0 && !this.hasRank(y); y = this.t.flight.get(y, Flight.PREV))
      this.rank(buildId(y))
    this.rank(x)
  }

  /**
   * Works out the rank of `x`, and of all in flight that depends on it, unless it is known: each once for a request, and then it stays
   * (upward rank, after Topcuoglu and others, "Performance-effective and low-complexity task scheduling", 2002).
   */
  private rank(x: BuildId): void {
    if (this.hasRank(x)) return
    const { edges, facts, flight } = this.t
    const { plans } = this
    const path: number[] = []
    const cursors: number[] = []
    const enter = (u: number): void => {
      plans.set(u, Plan.RANK, 0)
      plans.set(u, Plan.RANK_PASS, flight.get(u, Flight.PASS))
      path.push(u)
      cursors.push(facts.get(u, Fact.DEPENDENT_HEAD))
    }
    const raise = (u: number, rank: number): void => {
      if (plans.get(u, Plan.RANK) < rank) plans.set(u, Plan.RANK, rank)
    }
    enter(x)
    while (path.length > 0) {
      const u = path[path.length - 1]!
      const e = cursors[cursors.length - 1]!
      if (e === 0) {
        path.pop()
        cursors.pop()
        plans.set(u, Plan.RANK, Math.min(COST_MAX, plans.get(u, Plan.RANK) + this.estimate(buildId(u), 0)))
        if (path.length > 0) raise(path[path.length - 1]!, plans.get(u, Plan.RANK))
        continue
      }
      cursors[cursors.length - 1] = edges.get(e, Edge.NEXT_DEPENDENT)
      const d = edges.get(e, Edge.DEPENDENT)
      if (this.t.status(d) === Status.REST || (edges.get(e, Edge.MODE) & Mode.CREATE) !== 0) continue
      const kind = this.t.kind(d)
      if (kind === Kind.REQUEST || kind === Kind.LIVE) continue
      if (this.hasRank(d)) raise(u, plans.get(d, Plan.RANK))
      else enter(d)
    }
  }

  // ---------------------------------------------------------------------------------------------- queues

  enqueue(x: BuildId, status: number): void {
    if (!this.hasLanes || (status !== Status.READY && status !== Status.START)) return
    const lane = this.laneOf(x)
    if (lane === undefined) return
    const pool = this.t.flight.get(x, Flight.POOL)
    const number = status === Status.READY ? LaneQueue.RUN : pool === 0 ? LaneQueue.START : LaneQueue.POOLS + pool - 1
    while (lane.queues.length <= number) lane.queues.push({ ...emptyQueue })
    const queue = lane.queues[number]!
    this.plans.set(x, Plan.QUEUE, number + 1)
    this.plans.set(x, Plan.NEXT, 0)
    this.plans.set(x, Plan.PREV, queue.tail)
    if (queue.size === 0) queue.head = x
    else this.plans.set(queue.tail, Plan.NEXT, x)
    queue.tail = x
    queue.size++
  }

  dequeue(x: BuildId): void {
    const number = this.plans.get(x, Plan.QUEUE) - 1
    if (number < 0) return
    const queue = this.laneOf(x)!.queues[number]!
    const next = this.plans.get(x, Plan.NEXT)
    const prev = this.plans.get(x, Plan.PREV)
    if (prev === 0) queue.head = buildId(next)
    else this.plans.set(prev, Plan.NEXT, next)
    if (next === 0) queue.tail = buildId(prev)
    else this.plans.set(next, Plan.PREV, prev)
    queue.size--
    this.plans.set(x, Plan.QUEUE, 0)
  }
}

const closed = ({ head, tail, size }: Queue): Queue => (size === 0 ? emptyQueue : { head, tail, size })

/** A run of `x` cost so much, in µs: for the next time, and for others of its do-file. Whole numbers: the same on every machine. */
export const onCost = (t: Tracked, x: BuildId, measured: number | undefined): void => {
  if (measured === undefined) return
  const cost = Math.min(COST_MAX, Math.max(1, Math.round(measured)))
  const { costs } = t
  const own = costs.get(x, Cost.OWN)
  costs.set(x, Cost.OWN, own === 0 ? cost : Math.max(1, own + ((cost - own) >> 1)))
  const rule = t.kind(x) === Kind.VALUE ? 0 : ruleOf(t, x)
  for (const of of rule === 0 ? [0] : [0, rule]) {
    const mean = costs.get(of, Cost.MEAN)
    costs.set(of, Cost.MEAN, mean === 0 ? cost : Math.max(1, mean + ((cost - mean) >> 3)))
  }
  t.tracker?.cost(x, cost)
}

/** What made `x`, if that is a do-file: what it asked for first. */
const ruleOf = ({ edges, flight, facts }: Tracked, x: BuildId): number => {
  let e = flight.get(x, Flight.NEW_HEAD) || facts.get(x, Fact.DEP_HEAD)
  while (e !== 0 && (edges.get(e, Edge.MODE) & Mode.CREATE) !== 0) e = edges.get(e, Edge.NEXT_DEP)
  return e === 0 ? 0 : edges.get(e, Edge.DEPENDENCY)
}
