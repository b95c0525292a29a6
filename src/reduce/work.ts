/**
 * What a reduction works on: the tables of the state opened for writing, the counters, and the lists that link rows.
 * It knows how rows hang together, not what a status means; that is in the transitions beside it.
 */

import type { Draft } from 'immer'
import { original } from 'immer'
import { Bug, type BuildError, invariant } from '../model/error.js'
import { type BuildId, buildId, type EdgeId, edgeId, generation } from '../model/ids.js'
import { COST_STRIDE, emptyClock } from '../model/plan.js'
import {
  EDGE_STRIDE,
  Edge,
  FACT_STRIDE,
  Fact,
  FLIGHT_STRIDE,
  Flight,
  GROUP_SHIFT,
  Mode,
  type State,
  Status,
} from '../model/state.js'
import { emptyTable, IntEditor, objectAt, rowsEnd, withObject } from '../model/table.js'
import { Tables } from './tables.js'

/** What a new edge is written from: the words that are not set stay 0. */
const row = new Int32Array(EDGE_STRIDE)

export class Work extends Tables {
  static of(draft: Draft<State>): Work {
    return new Work(original(draft) as State)
  }

  // ---------------------------------------------------------------------------------------------- edges

  /** A new edge, linked into the dependents of `dependency`; its place among the dependencies is up to the caller. */
  newEdge(dependent: BuildId, dependency: BuildId, group: number, create: boolean, seen = 0): EdgeId {
    const { edges, facts } = this
    if (!this.isBuild(dependency)) throw new Bug(`build ${dependent} asks for ${dependency}, which is none`)
    let e = this.freeEdge
    if (e !== 0) this.freeEdge = edges.get(e, Edge.NEXT_DEP) as EdgeId
    else e = this.edgesEnd++ as EdgeId
    row[Edge.DEPENDENCY] = dependency
    row[Edge.DEPENDENT] = dependent
    row[Edge.MODE] = (group << GROUP_SHIFT) | (create ? Mode.CREATE : 0)
    row[Edge.SEEN] = seen
    row[Edge.NEXT_DEPENDENT] = facts.get(dependency, Fact.DEPENDENT_HEAD)
    edges.write(e, row)
    facts.set(dependency, Fact.DEPENDENT_HEAD, e)
    return e
  }

  /** Appends `e` to the dependencies asked for in the present run of `x`. */
  append(x: BuildId, e: EdgeId): void {
    const tail = this.flight.get(x, Flight.NEW_TAIL)
    if (tail === 0) this.flight.set(x, Flight.NEW_HEAD, e)
    else this.edges.set(tail, Edge.NEXT_DEP, e)
    this.flight.set(x, Flight.NEW_TAIL, e)
  }

  /** Number for the next group of the present run of `x`. */
  nextGroup(x: BuildId): number {
    return Math.max(
      this.groupAfter(this.flight.get(x, Flight.NEW_TAIL)),
      this.groupAfter(this.flight.get(x, Flight.KEPT)),
    )
  }

  private groupAfter(e: number): number {
    return e === 0 ? 0 : (this.edges.get(e, Edge.MODE) >>> GROUP_SHIFT) + 1
  }

  /** Frees one edge: out of every list but that of its dependent, which the caller rewrites. */
  freeOne(e: number): void {
    const { edges, facts } = this
    if ((edges.get(e, Edge.MODE) & Mode.LISTED) !== 0) this.unlist(e)
    const next = edges.get(e, Edge.NEXT_DEPENDENT)
    const d = edges.get(e, Edge.DEPENDENCY)
    const prev = facts.get(d, Fact.DEPENDENT_HEAD) === e ? 0 : this.newerThan(e, d)
    if (prev === 0) facts.set(d, Fact.DEPENDENT_HEAD, next)
    else edges.set(prev, Edge.NEXT_DEPENDENT, next)
    if (next !== 0) edges.set(next, Edge.PREV_DEPENDENT, prev)
    edges.clear(e)
    edges.set(e, Edge.NEXT_DEP, this.freeEdge)
    this.freeEdge = edgeId(e)
  }

  /** The edge before `e`, which is not the newest, among the dependents of `d`. */
  private newerThan(e: number, d: number): number {
    const { edges } = this
    if (edges.get(e, Edge.PREV_DEPENDENT) === 0) {
      let newer = this.facts.get(d, Fact.DEPENDENT_HEAD)
      for (
        let f = edges.get(newer, Edge.NEXT_DEPENDENT);
        f !== 0 && edges.get(f, Edge.PREV_DEPENDENT) === 0;
        f = edges.get(f, Edge.NEXT_DEPENDENT)
      ) {
        edges.set(f, Edge.PREV_DEPENDENT, newer)
        newer = f
      }
    }
    return edges.get(e, Edge.PREV_DEPENDENT)
  }

  /** Frees a whole list of dependencies. */
  freeList(head: number): void {
    for (let e = head; e !== 0; ) {
      const next = this.edges.get(e, Edge.NEXT_DEP)
      this.freeOne(e)
      e = next
    }
  }

  // ---------------------------------------------------------------------------------------------- waiters

  /** Who waits through `e`: its dependent, or the request that the dependent's do-file made. */
  waiterOf(e: number): BuildId {
    const asked = (this.edges.get(e, Edge.MODE) & Mode.ASKED) !== 0
    return buildId(this.edges.get(e, asked ? Edge.SEEN : Edge.DEPENDENT))
  }

  /** Lets the waiter of `e` wait for the dependency. */
  list(e: number): void {
    const { edges, flight } = this
    const d = edges.get(e, Edge.DEPENDENCY)
    const head = flight.get(d, Flight.WAITER_HEAD)
    edges.set(e, Edge.MODE, edges.get(e, Edge.MODE) | Mode.LISTED)
    edges.set(e, Edge.NEXT_WAITER, head)
    edges.set(e, Edge.PREV_WAITER, 0)
    if (head !== 0) edges.set(head, Edge.PREV_WAITER, e)
    flight.set(d, Flight.WAITER_HEAD, e)
    const waiter = this.waiterOf(e)
    flight.set(waiter, Flight.WAITING, flight.get(waiter, Flight.WAITING) + 1)
  }

  /** Ends the waiting through `e`; returns how many edges its waiter still waits for. */
  unlist(e: number): number {
    const { edges, flight } = this
    const next = edges.get(e, Edge.NEXT_WAITER)
    const prev = edges.get(e, Edge.PREV_WAITER)
    if (prev === 0) flight.set(edges.get(e, Edge.DEPENDENCY), Flight.WAITER_HEAD, next)
    else edges.set(prev, Edge.NEXT_WAITER, next)
    if (next !== 0) edges.set(next, Edge.PREV_WAITER, prev)
    const waiter = this.waiterOf(e)
    edges.set(e, Edge.NEXT_WAITER, 0)
    edges.set(e, Edge.PREV_WAITER, 0)
    edges.set(e, Edge.MODE, edges.get(e, Edge.MODE) & ~Mode.LISTED)
    const waiting = flight.get(waiter, Flight.WAITING) - 1
    flight.set(waiter, Flight.WAITING, waiting)
    return waiting
  }

  /** The first remembered dependency of `x` through which it waits, or 0. */
  listedDep(x: BuildId): number {
    let e = this.facts.get(x, Fact.DEP_HEAD)
    while (e !== 0 && (this.edges.get(e, Edge.MODE) & Mode.LISTED) === 0) e = this.edges.get(e, Edge.NEXT_DEP)
    return e
  }

  /** The smallest id that is unknown. Looks at all that is in flight: only for when nothing else can move. */
  firstUnknown(): BuildId {
    const end = rowsEnd(this.flight.view())
    for (let x = 1; x < end; x++) if (this.status(x) === Status.UNKNOWN) return buildId(x)
    throw new Bug('no build is unknown')
  }

  /** Whether something in flight depends on `x`. */
  hasLiveDependent(x: number): boolean {
    for (let e = this.facts.get(x, Fact.DEPENDENT_HEAD); e !== 0; e = this.edges.get(e, Edge.NEXT_DEPENDENT)) {
      if (this.status(this.edges.get(e, Edge.DEPENDENT)) !== Status.REST) return true
    }
    return false
  }

  setCycle(x: BuildId, path: readonly BuildId[] | undefined): void {
    if (path !== undefined || this.cycles.size > 0) this.cycles = withObject(this.cycles, x, path)
  }

  setError(x: BuildId, error: BuildError | undefined): void {
    if (error === undefined && this.errors.size === 0) return
    const old = objectAt(this.errors, x)
    this.cyclic += (error?._tag === 'cycle' ? 1 : 0) - (old?._tag === 'cycle' ? 1 : 0)
    this.errors = withObject(this.errors, x, error)
  }

  /** Nothing is left of what `x` came to, but for its row of facts. */
  forgetResult(x: BuildId): void {
    this.setError(x, undefined)
    this.stamps = withObject(this.stamps, x, undefined)
    this.values.set(x, undefined)
    this.checked.set(x, 0, 0)
    this.costs.clear(x)
  }

  /** The first edge of the list through which `x` may be waiting now: remembered ones, or those of the present run. */
  waitsFrom(x: BuildId): number {
    const status = this.status(x)
    if (status === Status.WAITING) return this.flight.get(x, Flight.CURSOR)
    if (status === Status.BLOCKED) return this.flight.get(x, Flight.NEW_HEAD)
    return 0
  }

  /** Keeps `x`, asked for once, from being swept, in place of what was asked for longest ago. */
  keepLast(x: BuildId): void {
    if (this.keep > 0) this.asked.push(x)
  }

  /** Keeps no more than the last `keep` of them; which these are. */
  keepOnly(keep: number): readonly BuildId[] {
    this.keepAsked(Math.min(keep, this.keep))
    // Another list in any case: a portion in which nothing is found asks for another turn by that, and what changes nothing ends none.
    this.kept = [...this.kept]
    return this.kept
  }

  /** What no build is left for: the state is the empty one again, but for what it was set up with. */
  clear(): void {
    let free = 0
    for (let e: number = this.freeEdge; e !== 0; e = this.edges.get(e, Edge.NEXT_DEP)) free++
    invariant(free === this.edgesEnd - 1, `${this.edgesEnd - 1 - free} edges of no build are left`)
    this.facts = new IntEditor(emptyTable(FACT_STRIDE))
    this.checked = new IntEditor(emptyTable(1))
    this.costs = new IntEditor(emptyTable(COST_STRIDE))
    this.tracker?.clear()
    this.carry = null
    this.clock = emptyClock
    this.edges = new IntEditor(emptyTable(EDGE_STRIDE))
    this.flight = new IntEditor(emptyTable(FLIGHT_STRIDE))
    this.generation = generation(0)
    this.version = 0
    this.freeEdge = edgeId(0)
    this.edgesEnd = 1
  }
}
