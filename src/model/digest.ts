/**
 * A digest of a state that is kept up from tick to tick: what it costs follows what changed, never the size of the graph. 64 bits, a sum
 * (`word-sum.ts`) over all that is in the state.
 *
 * Values are not in it: what they are is said by the content words of `facts`. News is not: it is that of one tick.
 */
import { canonical, type Json } from './codec.js'
import type { Queue } from './queue.js'
import type { State } from './state.js'
import { changedObjects, eachObject, type ObjectTable, objectAt, summed } from './table.js'
import { WordSum } from './word-sum.js'

const TABLES = ['facts', 'checked', 'edges', 'flight', 'costs', 'plans'] as const
const OBJECTS = ['sessions', 'errors', 'cycles', 'stamps', 'lanes', 'terms'] as const
const QUEUES = ['park', 'expand', 'scan', 'ready', 'start', 'answer'] as const

/** Tells tables apart, by their place in all of them. */
const seedOf = (number: number): number => Math.imul(number + 1, 0x632be59b)
const REST = TABLES.length + OBJECTS.length

/** Of one state after the other. */
export class StateDigest {
  /** Of the few objects. */
  private readonly objects = new WordSum(seedOf(REST))
  private kept = new WordSum(seedOf(REST + 1))
  private carried = new WordSum(seedOf(REST + 3))
  private state: State

  constructor(state: State) {
    this.state = state
    OBJECTS.forEach((name, i) => {
      eachObject(state[name] as ObjectTable<unknown>, (row, value) => this.object(i, row, value, 1))
    })
    this.keep(state.kept)
    this.carry(state)
    TABLES.forEach((name, i) => summed(state[name], seedOf(i)))
  }

  /** Goes on to `after`; quick where that was made from the state before. */
  advance(after: State): void {
    const before = this.state
    OBJECTS.forEach((name, i) => {
      const [old, now] = [before[name] as ObjectTable<unknown>, after[name] as ObjectTable<unknown>]
      changedObjects(old, now, (row) => {
        this.object(i, row, objectAt(old, row), -1)
        this.object(i, row, objectAt(now, row), 1)
      })
    })
    if (before.kept !== after.kept) this.keep(after.kept)
    if (before.carry !== after.carry || before.shares !== after.shares) this.carry(after)
    this.state = after
  }

  private object(number: number, row: number, value: unknown, sign: number): void {
    if (value !== undefined) this.objects.add(Math.imul(row, REST) + number, sign * hashOf(value))
  }

  /** What the policy keeps, and what is kept for it. */
  private carry({ carry, shares }: State): void {
    this.carried = new WordSum(this.carried.seed)
    if (carry !== null) this.carried.add(0, hashOf(carry))
    shares.forEach((share, i) => this.carried.add(1 + i, hashOf(share)))
  }

  private keep(kept: State['kept']): void {
    this.kept = new WordSum(this.kept.seed)
    kept.forEach((x, i) => this.kept.add(i, x))
  }

  /** The two words of the digest. */
  get words(): readonly [number, number] {
    const { state } = this
    const rest = new WordSum(seedOf(REST + 2))
    restOf(state).forEach((word, i) => rest.add(i, word))
    const sums = [
      this.objects,
      this.kept,
      this.carried,
      rest,
      ...TABLES.map((name, i) => summed(state[name], seedOf(i))),
    ]
    return [sums.reduce((sum, { a }) => (sum + a) | 0, 0), sums.reduce((sum, { b }) => (sum + b) | 0, 0)]
  }

  get text(): string {
    return digestText(this.words)
  }
}

export const digestText = (words: readonly [number, number]): string =>
  words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')

/** Of a state by itself: costs its size, the first time. */
export const digestOf = (state: State): string => new StateDigest(state).text

const hashOf = (value: unknown): number => {
  const text = canonical(JSON.parse(JSON.stringify(value, withoutTrace)) as Json)
  let h = text.length
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) ^ (h >>> 15)
  return h | 0
}

/** Where something was thrown is told in the words of a runtime, and hangs on who called. */
const withoutTrace = (name: string, value: unknown): unknown => (name === 'trace' ? undefined : value)

/** All numbers that are in no table. */
const restOf = (state: State): readonly number[] => {
  const words: number[] = [
    state.generation,
    state.version,
    state.freeEdge,
    state.edgesEnd,
    state.inFlight,
    state.unknown,
    state.scanning,
    state.running,
    state.keep,
    state.cyclic,
    state.slotsMax,
    state.tracks,
    state.clock.now,
    state.clock.spent,
  ]
  const queue = ({ head, tail, size }: Queue): void => void words.push(head, tail, size)
  for (const name of QUEUES) queue(state[name])
  for (const pool of state.pools) {
    words.push(pool.size, pool.running)
    queue(pool.queue)
  }
  return words
}
