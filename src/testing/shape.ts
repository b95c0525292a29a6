/**
 * A digest of what a state means: of two states that differ only in how edges are numbered, and in which order those who wait, depend or are ready
 * are listed, it is the same. Whoever chooses from all that is ready, in any order, finds the same choices in both.
 */
import { Edge, Fact, Flight, type State } from '../model/state.js'
import { eachObject, pageOf, read, rowsEnd } from '../model/table.js'

/** Words that are the same in equal shapes; of `facts`, all but the heads of lists. */
const FACTS = [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]
const FLIGHTS = [
  Flight.STATUS,
  Flight.PASS,
  Flight.WAITING,
  Flight.ORDER,
  Flight.BY,
  Flight.SESSION,
  Flight.POOL,
] as const

let a = 0
let b = 0
const mix = (word: number): void => {
  a = Math.imul(a ^ word, 0x85ebca6b)
  a ^= a >>> 13
  b = Math.imul(b + word, 0xc2b2ae35) ^ (b >>> 15)
}

/** 64 bits, as text. `more`: numbers that belong to it. */
export const shapeOf = (state: State, more: readonly number[] = []): string => {
  a = 0x9e3779b9
  b = 0x632be59b
  const { facts, flight, edges, checked } = state
  // One page each, as a rule: read at once.
  const rows = Math.max(rowsEnd(facts), rowsEnd(flight))
  const isSmall = rows <= 64
  const factPage = isSmall ? pageOf(facts, 0) : undefined
  const flightPage = isSmall ? pageOf(flight, 0) : undefined
  const fact = (x: number, word: number): number =>
    isSmall ? (factPage === undefined ? 0 : factPage[x * facts.stride + word]!) : read(facts, x, word)
  const inFlight = (x: number, word: number): number =>
    isSmall ? (flightPage === undefined ? 0 : flightPage[x * flight.stride + word]!) : read(flight, x, word)
  const list = (head: number, cursor: number, kept: number): void => {
    for (let e = head; e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
      mix(read(edges, e, Edge.DEPENDENCY))
      mix(read(edges, e, Edge.MODE))
      mix(read(edges, e, Edge.SEEN) + (e === cursor ? 0x10000 : 0) + (e === kept ? 0x20000 : 0))
    }
  }
  for (let x = 1; x < rows; x++) {
    const status = inFlight(x, Flight.STATUS)
    const flags = fact(x, Fact.FLAGS)
    if (status === 0 && flags === 0) continue
    mix(x)
    for (const word of FACTS) mix(fact(x, word))
    mix(read(checked, x, 0))
    list(fact(x, Fact.DEP_HEAD), inFlight(x, Flight.CURSOR), inFlight(x, Flight.KEPT))
    if (status === 0) continue
    mix(-1)
    for (const word of FLIGHTS) mix(inFlight(x, word))
    list(inFlight(x, Flight.NEW_HEAD), 0, 0)
  }
  eachObject(state.cycles, (x, path) => {
    mix(x)
    for (const y of path) mix(y)
  })
  for (const x of state.kept) mix(x)
  mix(state.generation)
  mix(state.version)
  mix(state.inFlight)
  for (const word of more) mix(word)
  return `${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`
}
