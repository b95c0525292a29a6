/** Gather: what could be done in the next tick, as a policy sees it. */

import { costOf, termsOf } from '../model/costs.js'
import { type BuildId, buildId } from '../model/ids.js'
import { type Lane, LaneQueue, Plan } from '../model/plan.js'
import type { Queue } from '../model/queue.js'
import { Flight, type State } from '../model/state.js'
import { eachObject, type IntTable, objectAt, read } from '../model/table.js'

/** A read-only look at the queues. Each lists at most `max` builds, first come first. */
export interface ReadyView {
  readonly state: State
  readonly scan: (max: number) => readonly BuildId[]
  readonly run: (max: number) => readonly BuildId[]
  /** As `run`, last come first: what others were just found to wait for. */
  readonly newest: (max: number) => readonly BuildId[]
  readonly start: (max: number) => readonly BuildId[]
  readonly answer: (max: number) => readonly BuildId[]
  /** How many more do-files may run. */
  readonly freeSlots: number
  /** Those that wait for room in a pool, as many as there is room for, whatever the pool. */
  readonly pooled: readonly BuildId[]
  /** How many more builds each pool has room for, and the first that wait for it. */
  readonly rooms: readonly number[]
  readonly pool: (pool: number, max: number) => readonly BuildId[]
  /** What a run of it costs, in µs, as far as is known; at least 1. */
  readonly cost: (x: BuildId) => number
  /** What it and all that waits for it cost, in µs, on the most expensive way: only where the policy asked for `Track.RANK`. */
  readonly rank: (x: BuildId) => number
  /** The requests for which something could be done now, by id: only where the policy asked for `Track.LANES`. */
  readonly lanes: () => readonly LaneView[]
  /** The request that a build is made for. */
  readonly laneOf: (x: BuildId) => LaneView | undefined
  /** What was made for a class of requests, in µs: only where the policy asked for `Track.LANES`. */
  readonly attained: (name: string) => number
  /** Time in ms, and what the last tick cost in µs: only where the policy asked for `Track.CLOCK`. */
  readonly now: number
  readonly spent: number
}

/** One request, and what could be done for it. What several ask for is done for the first of them. */
export interface LaneView {
  readonly request: BuildId
  readonly class: string
  /** In ms; infinity, if there is none. */
  readonly deadline: number
  readonly since: number
  readonly remaining: number
  readonly attained: number
  /** How many builds are in flight for it. */
  readonly size: number
  run(max: number): readonly BuildId[]
  /** As `run`, last come first. */
  newest(max: number): readonly BuildId[]
  start(max: number): readonly BuildId[]
  /** Those that wait for room in a pool. */
  pooled(pool: number, max: number): readonly BuildId[]
}

const first = (state: State, queue: Queue, max: number): readonly BuildId[] =>
  along(state.flight, Flight.NEXT, queue, max)

const along = (table: IntTable, next: number, queue: Queue, max: number): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let x: number = queue.head; x !== 0 && found.length < max; x = read(table, x, next)) found.push(buildId(x))
  return found
}

const last = (state: State, queue: Queue, max: number): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let x: number = queue.tail; x !== 0 && found.length < max; x = read(state.flight, x, Flight.PREV))
    found.push(buildId(x))
  return found
}

/**
 * Slots: as many as the most generous open session allows, and one more for every other session: a do-file may wait for
 * another session's answer without our knowing it, and must not keep that from being worked out.
 */
export const slotsOf = ({ sessions, slotsMax }: Pick<State, 'sessions' | 'slotsMax'>): number =>
  slotsMax === 0 ? slotsFor(sessions) : Math.min(slotsMax, slotsFor(sessions))

const slotsFor = (sessions: State['sessions']): number => {
  const known = slotsKnown.get(sessions)
  if (known !== undefined) return known
  let slots = 1
  eachObject(sessions, (_, session) => {
    slots = Math.max(slots, session.jobs)
  })
  slots += Math.max(0, sessions.size - 1)
  slotsKnown.set(sessions, slots)
  return slots
}

/** Asked in each tick, and changed by the first and the last of a session. */
const slotsKnown = new WeakMap<State['sessions'], number>()

export const gather = (state: State): ReadyView => ({
  state,
  scan: (max) => first(state, state.scan, max),
  run: (max) => first(state, state.ready, max),
  newest: (max) => last(state, state.ready, max),
  start: (max) => first(state, state.start, max),
  answer: (max) => first(state, state.answer, max),
  freeSlots: Math.max(0, slotsOf(state) - state.running),
  pooled: state.pools.flatMap((pool) => first(state, pool.queue, pool.size - pool.running)),
  rooms: state.pools.length === 0 ? none : state.pools.map((pool) => pool.size - pool.running),
  pool: (pool, max) => first(state, state.pools[pool]!.queue, max),
  cost: (x) => costOf(state, x),
  rank: (x) => read(state.plans, x, Plan.RANK) || costOf(state, x),
  lanes: () => lanesOf(state),
  laneOf: (x) => {
    const request = read(state.plans, x, Plan.LANE)
    const lane = objectAt(state.lanes, request)
    return lane && new LaneOf(state, buildId(request), lane)
  },
  attained: (name) => state.shares.find(([of]) => of === name)?.[1] ?? 0,
  now: state.clock.now,
  spent: state.clock.spent,
})

const none: readonly number[] = []

const lanesOf = (state: State): readonly LaneView[] => {
  const found: LaneView[] = []
  eachObject(state.lanes, (request, lane) => {
    if (lane.queues.some(({ size }) => size > 0)) found.push(new LaneOf(state, buildId(request), lane))
  })
  return found
}

/** There may be as many as requests, at every tick: made without a closure. */
class LaneOf implements LaneView {
  readonly class: string
  readonly since: number
  readonly remaining: number
  readonly attained: number
  readonly size: number

  constructor(
    private readonly state: State,
    readonly request: BuildId,
    private readonly lane: Lane,
  ) {
    this.class = lane.class
    this.since = lane.since
    this.remaining = lane.remaining
    this.attained = lane.attained
    this.size = lane.size
  }

  get deadline(): number {
    return termsOf(this.state, this.request).deadline ?? Number.POSITIVE_INFINITY
  }

  run(max: number): readonly BuildId[] {
    return this.queue(LaneQueue.RUN, max)
  }

  newest(max: number): readonly BuildId[] {
    const found: BuildId[] = []
    const tail = this.lane.queues[LaneQueue.RUN]?.tail ?? 0
    for (let x: number = tail; x !== 0 && found.length < max; x = read(this.state.plans, x, Plan.PREV))
      found.push(buildId(x))
    return found
  }

  start(max: number): readonly BuildId[] {
    return this.queue(LaneQueue.START, max)
  }

  pooled(pool: number, max: number): readonly BuildId[] {
    return this.queue(LaneQueue.POOLS + pool, max)
  }

  private queue(number: number, max: number): readonly BuildId[] {
    const queue = this.lane.queues[number]
    return queue === undefined || queue.size === 0 ? [] : along(this.state.plans, Plan.NEXT, queue, max)
  }
}
