/**
 * A run mostly asks for what the last one asked for. As long as it does, in the same order and groups, the remembered edges are
 * kept: new ones are made only for what has to be waited for or is not what it was. So a target with 100,000 dependencies,
 * one of which changed, costs a look at each and no more. Nothing remembered is written to before the run ends: a state
 * recorded meanwhile still tells of the last run.
 */
import type { BuildId } from '../model/ids.js'
import { Bit, Edge, Fact, Flight, Mode } from '../model/state.js'
import type { Work } from './work.js'

/** The same dependency, asked for in the same group and way. */
const isSame = ({ edges }: Work, a: number, b: number): boolean =>
  edges.get(a, Edge.DEPENDENCY) === edges.get(b, Edge.DEPENDENCY) &&
  ((edges.get(a, Edge.MODE) ^ edges.get(b, Edge.MODE)) & ~(Mode.LISTED | Mode.ASKED)) === 0

/** The remembered edge of what the last run asked for next, if this run of `x` did as the last one up to now; else 0. */
export const nextKept = (w: Work, x: BuildId): number => {
  const { edges, flight, facts } = w
  if (w.has(x, Bit.DIVERGED)) return 0
  const kept = flight.get(x, Flight.KEPT)
  if (kept !== 0) return edges.get(kept, Edge.NEXT_DEP)
  // By its first edge and the generation of its run the store tells whether a list is another one; the first will stay.
  if (facts.get(x, Fact.BUILT) >= flight.get(x, Flight.PASS)) return 0
  // Its first group, the do-file, has edges already: it was not certain then that the run would come to begin.
  let last = 0
  let old = facts.get(x, Fact.DEP_HEAD)
  for (let e = flight.get(x, Flight.NEW_HEAD); e !== 0; e = edges.get(e, Edge.NEXT_DEP)) {
    if (old === 0 || !isSame(w, old, e)) return 0
    last = old
    old = edges.get(old, Edge.NEXT_DEP)
  }
  flight.set(x, Flight.KEPT, last)
  return old
}

/**
 * The dependencies of a run that is over take the place of the remembered ones: the kept edges, if any, with what new ones of
 * the same say, and the rest of the new ones. Returns whether there are such others, which may repeat what was asked before.
 */
export const replaceList = (w: Work, x: BuildId): boolean => {
  const { edges, flight, facts } = w
  const kept = flight.get(x, Flight.KEPT)
  const old = facts.get(x, Fact.DEP_HEAD)
  let e = flight.get(x, Flight.NEW_HEAD)
  flight.set(x, Flight.NEW_HEAD, 0)
  flight.set(x, Flight.NEW_TAIL, 0)
  flight.set(x, Flight.KEPT, 0)
  if (kept === 0) {
    facts.set(x, Fact.DEP_HEAD, e)
    w.freeList(old)
    return e !== 0
  }
  const end = edges.get(kept, Edge.NEXT_DEP)
  // New edges of what is kept come first, and in its order.
  for (let k = old; e !== 0 && k !== end; k = edges.get(k, Edge.NEXT_DEP)) {
    if (!isSame(w, k, e)) continue
    const next = edges.get(e, Edge.NEXT_DEP)
    edges.set(k, Edge.SEEN, edges.get(e, Edge.SEEN))
    w.freeOne(e)
    e = next
  }
  edges.set(kept, Edge.NEXT_DEP, e)
  w.freeList(end)
  return e !== 0
}
