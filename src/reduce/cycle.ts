/**
 * Cycles are found when the waiting begins that would close them. Everything that waits has a number below that of
 * what it waits for; a new wait that fits the numbers cannot close a cycle and costs nothing. Where it does not fit, the numbers
 * behind it are raised, and a cycle shows by reaching the waiter again (the idea is that of Bender, Fineman, Gilbert
 * and Tarjan's incremental level numbers, over unfinished builds only).
 */
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, Flight, Kind, Mode, Status } from '../model/state.js'
import { runAnew, unlistAll } from './withdraw.js'
import type { Work } from './work.js'

/** Whether `x` may wait for `d`: undefined if so, else the path from `d` to `x`, along which each waits for the next. */
export const pathBack = (w: Work, x: BuildId, d: BuildId): BuildId[] | undefined => {
  if (x === d) return [x]
  const { flight, edges } = w
  const floor = flight.get(x, Flight.ORDER)
  if (flight.get(d, Flight.ORDER) > floor) return undefined
  const cameFrom = new Map<BuildId, BuildId>()
  const before = new Map<BuildId, number>()
  const stack: BuildId[] = []
  const raise = (u: BuildId, order: number): void => {
    if (!before.has(u)) before.set(u, flight.get(u, Flight.ORDER))
    flight.set(u, Flight.ORDER, order)
    stack.push(u)
  }
  raise(d, floor + 1)
  let found = false
  while (stack.length > 0) {
    const u = stack.pop() as BuildId
    const order = flight.get(u, Flight.ORDER)
    for (let e = w.waitsFrom(u); e !== 0; e = edges.get(e, Edge.NEXT_DEP)) {
      if ((edges.get(e, Edge.MODE) & Mode.LISTED) === 0) continue
      const v = buildId(edges.get(e, Edge.DEPENDENCY))
      if (v === x) {
        if (!found) cameFrom.set(v, u)
        found = true
        // At rest: whoever waits for it is about to be told.
      } else if (flight.get(v, Flight.ORDER) <= order && w.status(v) !== Status.REST) {
        cameFrom.set(v, u)
        raise(v, order + 1)
      }
    }
  }
  if (!found) return undefined
  // The wait is not to be: numbers raised behind it would pass what waits for `x` off as waiting for nothing before it.
  for (const [u, order] of before) flight.set(u, Flight.ORDER, order)
  const path = [x]
  for (let u = cameFrom.get(x); u !== undefined; u = u === d ? undefined : cameFrom.get(u)) path.push(u)
  return path.reverse()
}

/**
 * As {@link pathBack}, after cutting every cycle that only a remembered dependency closes: such a dependency counts as changed, so
 * that its dependent runs and asks for what it needs now. So does who asked for what was before a transaction. What is left needs itself.
 */
export const cycleThrough = (w: Work, x: BuildId, d: BuildId): BuildId[] | undefined => {
  for (;;) {
    const path = pathBack(w, x, d)
    if (path === undefined) return undefined
    const unsure = path.find((u) => u !== x && looksAgain(w, u))
    if (unsure !== undefined) {
      runAnew(w, unsure)
      continue
    }
    const guess = path.find((u) => u !== x && w.status(u) === Status.WAITING)
    if (guess === undefined) return path
    // What only it needed is given up later: that may be `x`, which is yet to say all that it needs.
    unlistAll(w, guess, w.givenUp)
    w.moveTo(guess, Status.READY)
  }
}

/** Whether `x`, a value that runs, waits for what it has seen, and that may be another now: it may not need what it asked for after that. */
const looksAgain = (w: Work, x: BuildId): boolean => {
  if (w.kind(x) !== Kind.VALUE || w.status(x) !== Status.BLOCKED) return false
  for (let e = w.flight.get(x, Flight.NEW_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP))
    if ((w.edges.get(e, Edge.MODE) & Mode.LISTED) !== 0 && w.edges.get(e, Edge.SEEN) !== 0) return true
  return false
}

const smallest = (builds: readonly BuildId[]): BuildId => builds.reduce((a, b) => (b < a ? b : a))

/**
 * Builds that wait for each other's scan, since their remembered dependencies form a circle, are started off at the smallest id on it.
 * Called only when nothing else can move; that they need each other is found, or not, when they are judged.
 */
export const breakScanCycle = (w: Work): void => {
  const first = w.firstUnknown()
  const seen = new Set<BuildId>()
  let x = first
  while (!seen.has(x)) {
    seen.add(x)
    x = buildId(w.edges.get(w.listedDep(x), Edge.DEPENDENCY))
  }
  const circle = [...seen].slice([...seen].indexOf(x))
  const release = smallest(circle)
  for (let e = w.listedDep(release); e !== 0; e = w.listedDep(release)) w.unlist(e)
  w.moveTo(release, Status.SCAN)
}
