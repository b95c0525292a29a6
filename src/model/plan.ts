/**
 * What policies know besides the queues: what builds cost, what they are urgent for, whose they are, and what time it is. All of it is
 * data that came in by receipts and events. It may be wrong or absent, and costs time then, never a result.
 */
import type { Queue } from './queue.js'

/** Words of a row of `costs`, in µs; 0: not known. The store keeps the first. Row 0 has the means of all. */
export const Cost = {
  /** Of a run: the last ones, the newest counts half. */
  OWN: 0,
  /** Of a do-file: what its runs cost on average. */
  MEAN: 1,
} as const
export const COST_STRIDE = 2
/** A run that took longer counts as one of so many µs: half an hour. */
export const COST_MAX = 1_800_000_000

/** Words of a row of `plans`: of builds in flight, and only while a policy asks for it ({@link Track}). */
export const Plan = {
  /** The request that it is charged to, and how much, in µs. */
  LANE: 0,
  CHARGE: 1,
  /** Its rank: what it costs and, on the most expensive way, all that waits for it, in µs; and the pass that this is of. */
  RANK: 2,
  RANK_PASS: 3,
  /** Neighbours in the lane's queue. */
  NEXT: 4,
  PREV: 5,
  /** Number of that queue + 1; 0: in none. */
  QUEUE: 6,
} as const
export const PLAN_STRIDE = 7

/** What the reducer keeps up for the policy: bits of `State.tracks`. */
export const Track = {
  RANK: 1,
  /** A queue for each request, what it still costs, and what it has cost. */
  LANES: 2,
  /** Time and the cost of the last tick, read at each tick. */
  CLOCK: 4,
} as const

/** What is done for one request, while anything is. */
export interface Lane {
  /** That of the request. */
  readonly class: string
  /** In µs, by estimate, of all that is in flight for it and has not begun to be made. */
  readonly remaining: number
  /** In µs: what was made for it, and is being made. */
  readonly attained: number
  /** When it was asked for, in ms. */
  readonly since: number
  /** How much of it is in flight. */
  readonly size: number
  /** By number: those to be run, those that wait for a slot, and those that wait for room in each pool. */
  readonly queues: readonly Queue[]
}
export const LaneQueue = { RUN: 0, START: 1, POOLS: 2 } as const

/** What was said of a request that has no session, since it is a live one; and the terms of those that have. */
export interface Terms {
  /** Requests of one class are treated alike. */
  readonly class?: string
  /** When it should be answered, in ms of the engine's clock. */
  readonly deadline?: number
}

/** What was made for each class of requests, in µs, since there was nothing at all; by name. */
export type Shares = readonly (readonly [name: string, attained: number])[]

export interface Clock {
  /** In ms. */
  readonly now: number
  /** What the last tick cost, in µs. */
  readonly spent: number
}
export const emptyClock: Clock = { now: 0, spent: 0 }
