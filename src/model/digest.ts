/**
 * A digest of a state that is kept up from tick to tick: what it costs follows what changed, never the size of the graph. 64 bits, a sum
 * (`word-sum.ts`) over all that is in the state.
 *
 * Values are not in it: what they are is said by the content words of `facts`. News is not: it is that of one tick.
 */
import type { Queue } from './queue.js'
import type { State } from './state.js'
import { changedObjects, eachObject, type ObjectTable, objectAt, summed } from './table.js'
import { WordSum } from './word-sum.js'

/** The parts of a state that are tables of words, and of objects: all but `values`. */
export const TABLES = ['facts', 'checked', 'edges', 'flight', 'costs', 'plans'] as const
export const OBJECTS = ['sessions', 'errors', 'cycles', 'stamps', 'lanes', 'terms'] as const

/** Those of what is under way, or was measured: of few builds at a time, anywhere among all. */
const IS_SPARSE = TABLES.map((name) => name === 'flight' || name === 'costs' || name === 'plans')

/** Tells tables apart, by their place in all of them. */
const seedOf = (number: number): number => Math.imul(number + 1, 0x632be59b)
/** Head, tail and size. */
const QUEUE_WORDS = 3
const REST = TABLES.length + OBJECTS.length
const SEEDS = TABLES.map((_, i) => seedOf(i))

/** Of one state after the other. */
export class StateDigest {
  /** Of the few objects. */
  private readonly objects = new WordSum(seedOf(REST))
  private kept = new WordSum(seedOf(REST + 1))
  /** Of all numbers that are in no table, and what they were. */
  private readonly rest = new WordSum(seedOf(REST + 2))
  private readonly restWords: number[] = []
  private queues: readonly Queue[] = []
  private pools: State['pools'] | undefined = undefined
  private carried = new WordSum(seedOf(REST + 3))
  private state: State

  constructor(state: State) {
    this.state = state
    OBJECTS.forEach((name, i) => {
      eachObject(state[name] as ObjectTable<unknown>, (row, value) => this.object(i, row, value, 1))
    })
    this.keep(state.kept)
    this.carry(state)
    this.takeRest(state)
    for (let i = 0; i < TABLES.length; i++) sumIn(state, i)
  }

  /** Goes on to `after`; quick where that was made from the state before. */
  advance(after: State): void {
    const before = this.state
    for (let i = 0; i < OBJECTS.length; i++) {
      const name = OBJECTS[i]!
      const [old, now] = [before[name] as ObjectTable<unknown>, after[name] as ObjectTable<unknown>]
      if (old === now) continue
      changedObjects(old, now, (row) => {
        this.object(i, row, objectAt(old, row), -1)
        this.object(i, row, objectAt(now, row), 1)
      })
    }
    this.takeRest(after)
    if (before.kept !== after.kept) this.keep(after.kept)
    if (before.carry !== after.carry || before.shares !== after.shares) this.carry(after)
    this.state = after
  }

  private object(number: number, row: number, value: unknown, sign: number): void {
    if (value !== undefined) this.objects.add(row, number, sign * hashOf(value))
  }

  /** What the policy keeps, and what is kept for it. */
  private carry({ carry, shares }: State): void {
    this.carried = new WordSum(this.carried.seed)
    if (carry !== null) this.carried.add(0, 0, hashOf(carry))
    shares.forEach((share, i) => this.carried.add(1 + i, 0, hashOf(share)))
  }

  private keep(kept: State['kept']): void {
    this.kept = new WordSum(this.kept.seed)
    kept.forEach((x, i) => this.kept.add(i, 0, x))
  }

  /** The two words of the digest. */
  get words(): readonly [number, number] {
    const { state, objects, kept, rest, carried } = this
    let a = objects.a + kept.a + rest.a + carried.a
    let b = objects.b + kept.b + rest.b + carried.b
    for (let i = 0; i < TABLES.length; i++) {
      const sum = sumIn(state, i)
      a += sum.a
      b += sum.b
    }
    return [a | 0, b | 0]
  }

  /** Each by its own name: one that is a value V8 has to look up. */
  private takeRest(state: State): void {
    const { clock, park, expand, scan, ready, start, answer } = state
    const numbers = [
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
      state.ahead,
      clock.now,
      clock.spent,
    ]
    for (let n = 0; n < numbers.length; n++) this.put(n, numbers[n]!)
    const queues = [park, expand, scan, ready, start, answer]
    // Most are as they were: they are told by what they are, without their words.
    for (let n = 0; n < queues.length; n++)
      if (queues[n] !== this.queues[n]) this.putQueue(numbers.length + n * QUEUE_WORDS, queues[n]!)
    this.queues = queues
    if (state.pools !== this.pools) this.putPools(numbers.length + queues.length * QUEUE_WORDS, state.pools)
    this.pools = state.pools
  }

  private putPools(at: number, pools: State['pools']): void {
    let i = at
    for (const pool of pools) {
      this.put(i, pool.size)
      this.put(i + 1, pool.running)
      this.putQueue(i + 2, pool.queue)
      i += 2 + QUEUE_WORDS
    }
    for (; i < this.restWords.length; i++) this.put(i, 0)
  }

  private putQueue(i: number, { head, tail, size }: Queue): void {
    this.put(i, head)
    this.put(i + 1, tail)
    this.put(i + 2, size)
  }

  private put(i: number, word: number): void {
    const was = this.restWords[i] ?? 0
    if (was === word) return
    this.restWords[i] = word
    this.rest.add(i, 0, word - was)
  }

  get text(): string {
    return digestText(this.words)
  }
}

/** That of the table of that place. */
const sumIn = (state: State, place: number): WordSum => summed(state[TABLES[place]!], SEEDS[place]!, IS_SPARSE[place]!)

export const digestText = (words: readonly [number, number]): string =>
  words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')

/** Of a state by itself: costs its size, the first time. */
export const digestOf = (state: State): string => new StateDigest(state).text

/** Of plain data, in whatever order its fields come; what JSON leaves out is nothing. */
const hashOf = (value: unknown): number => {
  if (typeof value === 'number') return hashOfNumber(value)
  if (typeof value === 'string') return hashOfText(value)
  if (typeof value !== 'object' || value === null) return value === true ? 3 : value === false ? 5 : 7
  if (Array.isArray(value)) {
    let h = value.length
    for (let i = 0; i < value.length; i++) h = mixed(h, hashOf(value[i]))
    return h
  }
  let sum = 11
  const record = value as Readonly<Record<string, unknown>>
  for (const name in record) {
    const field = record[name]
    // Where something was thrown is told in the words of a runtime, and hangs on who called.
    if (field !== undefined && name !== 'trace') sum = (sum + mixed(hashOfText(name), hashOf(field))) | 0
  }
  return sum
}

const hashOfNumber = (n: number): number => {
  if (n === (n | 0)) return mixed(13, n)
  if (!Number.isFinite(n)) return hashOf(null)
  float[0] = n
  return mixed(mixed(17, floatWords[0]!), floatWords[1]!)
}
const float = new Float64Array(1)
const floatWords = new Int32Array(float.buffer)

const hashOfText = (text: string): number => {
  let h = text.length
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) ^ (h >>> 15)
  return mixed(19, h)
}

const mixed = (h: number, more: number): number => {
  const x = Math.imul(h ^ Math.imul(more, 0x85ebca6b), 0x9e3779b1)
  return (x ^ (x >>> 15)) | 0
}
