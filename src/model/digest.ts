/**
 * A digest of a state that is kept up from tick to tick: what it costs follows what changed, never the size of the graph. It is a
 * sum over all words that differ from zero of a hash of their place and value (as in M. Bellare and D. Micciancio, "A new paradigm
 * for collision-free hashing", 1997), so that a word that changes is taken out and put in again. It tells honest states apart, 64
 * bits wide; it is no defence against who would forge one.
 *
 * Values are not in it: what they are is said by the content words of `facts`. News is not: it is that of one tick.
 */
import { eachChangedWord, eachWord } from './changed.js'
import type { Json } from './codec.js'
import { canonical } from './codec.js'
import type { Queue, State } from './state.js'
import { changedObjects, eachObject, type IntTable, type ObjectTable, objectAt } from './table.js'

/** Two sums of 32 bits, mixed differently. */
type Sums = { a: number; b: number }

const TABLES = ['facts', 'checked', 'edges', 'flight'] as const
const OBJECTS = ['sessions', 'errors', 'cycles', 'stamps'] as const

/** Of one state after the other. */
export class StateDigest {
  /** Of the tables; what is small is added when somebody asks. */
  private readonly sums: Sums = { a: 0, b: 0 }
  private state: State
  private kept: State['kept'] | undefined
  private readonly keptSums: Sums = { a: 0, b: 0 }

  constructor(state: State) {
    this.state = state
    TABLES.forEach((name, i) => {
      const hasher = new WordSum(this.sums, i)
      eachWord(state[name], 0, (index, word) => hasher.add(index, word))
    })
    OBJECTS.forEach((name, i) => {
      eachObject(state[name] as ObjectTable<unknown>, (row, value) => this.object(i, row, value, 1))
    })
  }

  /** Goes on to `after`; quick where that was made from the state before. */
  advance(after: State): void {
    const before = this.state
    TABLES.forEach((name, i) => this.table(before[name], after[name], i))
    OBJECTS.forEach((name, i) => {
      const [old, now] = [before[name] as ObjectTable<unknown>, after[name] as ObjectTable<unknown>]
      changedObjects(old, now, (row) => {
        this.object(i, row, objectAt(old, row), -1)
        this.object(i, row, objectAt(now, row), 1)
      })
    })
    this.state = after
  }

  private table(before: IntTable, after: IntTable, number: number): void {
    if (before === after) return
    const hasher = new WordSum(this.sums, number)
    eachChangedWord(before, after, (index, old, now) => hasher.change(index, old, now))
  }

  private object(number: number, row: number, value: unknown, sign: number): void {
    if (value === undefined) return
    const text = canonical(JSON.parse(JSON.stringify(value, withoutTrace)) as Json)
    const seed = TABLES.length + number
    this.sums.a = (this.sums.a + sign * textHash(text, mixA(row, seed))) | 0
    this.sums.b = (this.sums.b + sign * textHash(text, mixB(row, seed))) | 0
  }

  /** The two words of the digest. */
  get words(): readonly [number, number] {
    const rest = restOf(this.state)
    if (this.state.kept !== this.kept) {
      this.kept = this.state.kept
      this.keptSums.a = 0
      this.keptSums.b = 0
      const hasher = new WordSum(this.keptSums, REST + 1)
      this.kept.forEach((x, i) => hasher.add(i, x))
    }
    const sums = { a: (this.sums.a + this.keptSums.a) | 0, b: (this.sums.b + this.keptSums.b) | 0 }
    const hasher = new WordSum(sums, REST)
    rest.forEach((word, i) => hasher.add(i, word))
    return [sums.a, sums.b]
  }

  get text(): string {
    return digestText(this.words)
  }
}
/** Where something was thrown is told in the words of a runtime, and hangs on who called. */
const withoutTrace = (name: string, value: unknown): unknown => (name === 'trace' ? undefined : value)

const REST = TABLES.length + OBJECTS.length

export const digestText = (words: readonly [number, number]): string =>
  words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')

/** Of a state by itself: costs its size. */
export const digestOf = (state: State): string => new StateDigest(state).text

const QUEUES = ['park', 'expand', 'scan', 'ready', 'start', 'answer'] as const

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
  ]
  const queue = ({ head, tail, size }: Queue): void => void words.push(head, tail, size)
  for (const name of QUEUES) queue(state[name])
  for (const pool of state.pools) {
    words.push(pool.size, pool.running)
    queue(pool.queue)
  }
  return words
}

/** Adds to sums what the words of one table count. */
class WordSum {
  constructor(
    private readonly sums: Sums,
    private readonly seed: number,
  ) {}

  add(index: number, word: number): void {
    if (word === 0) return
    const { sums, seed } = this
    const place = place32(index, seed)
    sums.a = (sums.a + mixA(word, place)) | 0
    sums.b = (sums.b + mixB(word, place)) | 0
  }

  change(index: number, old: number, now: number): void {
    const { sums, seed } = this
    const place = place32(index, seed)
    let { a, b } = sums
    if (old !== 0) {
      a -= mixA(old, place)
      b -= mixB(old, place)
    }
    if (now !== 0) {
      a += mixA(now, place)
      b += mixB(now, place)
    }
    sums.a = a | 0
    sums.b = b | 0
  }
}

/** A word for a place; indices beyond 32 bits (tables of more than 300 million rows) still differ. */
const place32 = (index: number, seed: number): number =>
  (Math.imul(index | 0, 0x9e3779b1) + Math.imul(seed + 1, 0x85ebca77) + ((index / 4294967296) | 0)) | 0

/** As murmur3 ends; with two sets of constants, the second from a search by C. Wellons. */
const mixA = (word: number, place: number): number => {
  let h = Math.imul(word, 0xcc9e2d51) ^ place
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
const mixB = (word: number, place: number): number => {
  let h = Math.imul(place, 0x1b873593) ^ word
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}

const textHash = (text: string, seed: number): number => {
  let h = seed ^ text.length
  for (let i = 0; i < text.length; i++) h = mixA(text.charCodeAt(i), Math.imul(h, 31) + i)
  return h
}
