/**
 * A digest of what a state means: of two states that differ only in how edges are numbered, and in which order those who wait, depend or are ready
 * are listed, it is the same. Whoever chooses from all that is ready, in any order, finds the same choices in both.
 */
import { Edge, Fact, Flight, type State } from '../model/state.js'
import { eachObject, pageOf, read, rowsEnd } from '../model/table.js'

/** Words that are the same in equal shapes; of `facts`, all but the heads of lists and the cause. */
const FACTS = [0, 1, 2, 5, 6, 7, 8, 9, 10]
const FLIGHTS = [Flight.STATUS, Flight.PASS, Flight.WAITING, Flight.POOL] as const

let a = 0
let b = 0
const mix = (word: number): void => {
  a = Math.imul(a ^ word, 0x85ebca6b)
  a ^= a >>> 13
  b = Math.imul(b + word, 0xc2b2ae35) ^ (b >>> 15)
}
const begin = (): void => {
  a = 0x9e3779b9
  b = 0x632be59b
}
const end = (more: readonly number[], text = ''): string => {
  for (const word of more) mix(word)
  for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i))
  return `${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`
}

/** 64 bits, as text. `more`: numbers that belong to it. */
export const shapeOf = (state: State, more: readonly number[] = []): string => {
  begin()
  eachRow(state, itself, (x) => mix(read(state.flight, x, Flight.ORDER)))
  eachObject(state.cycles, (x, path) => {
    mix(x)
    for (const y of path) mix(y)
  })
  for (const x of state.kept) mix(x)
  mix(state.generation)
  mix(state.version)
  mix(state.inFlight)
  return end(more)
}
const itself = (x: number): number => x

/** As {@link shapeOf}, and the same, too, where only ids are others: `nameOf` tells a build from all others by what it stands for. `text` belongs to it, too. */
export const meaningOf = (
  state: State,
  nameOf: (x: number) => number,
  more: readonly number[],
  text?: string,
): string => {
  let [sumA, sumB] = [state.generation | 0, state.version | 0]
  begin()
  eachRow(
    state,
    (x) => (x === 0 ? 0 : nameOf(x)),
    () => {
      sumA = (sumA + Math.imul(a ^ (b >>> 7), 0x9e3779b1)) | 0
      sumB = (sumB + Math.imul(b ^ (a >>> 9), 0x85ebca6b)) | 0
      begin()
    },
  )
  let cyclic = 0
  eachObject(state.cycles, (_, path) => {
    for (const y of path) cyclic = (cyclic + nameOf(y)) | 0
  })
  begin()
  mix(sumA)
  mix(sumB)
  mix(cyclic)
  return end(more, text)
}

/** Mixes what counts of each row that is in use, and then does `after`. */
const eachRow = (state: State, nameOf: (x: number) => number, after: (x: number) => void): void => {
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
      mix(nameOf(read(edges, e, Edge.DEPENDENCY)))
      mix(read(edges, e, Edge.MODE))
      mix(read(edges, e, Edge.SEEN) + (e === cursor ? 0x10000 : 0) + (e === kept ? 0x20000 : 0))
    }
  }
  for (let x = 1; x < rows; x++) {
    const status = inFlight(x, Flight.STATUS)
    const flags = fact(x, Fact.FLAGS)
    if (status === 0 && flags === 0) continue
    mix(nameOf(x))
    for (const word of FACTS) mix(fact(x, word))
    mix(nameOf(fact(x, Fact.CAUSE)))
    mix(read(checked, x, 0))
    list(fact(x, Fact.DEP_HEAD), inFlight(x, Flight.CURSOR), inFlight(x, Flight.KEPT))
    if (status !== 0) {
      mix(-1)
      for (const word of FLIGHTS) mix(inFlight(x, word))
      mix(inFlight(x, Flight.BY))
      mix(nameOf(inFlight(x, Flight.SESSION)))
      list(inFlight(x, Flight.NEW_HEAD), 0, 0)
    }
    after(x)
  }
}
