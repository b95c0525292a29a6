/**
 * Holds: which values a live request stands on. Counted along the remembered dependencies, so that a change of what is
 * watched costs what it changes. Counts alone cannot tell a circle that holds itself: then all is counted anew.
 */
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, Fact, Kind } from '../model/state.js'
import { eachRow } from './collect.js'
import type { Work } from './work.js'

/** One more (`by` 1), or one less (-1), holds `x`. */
export const hold = (w: Work, x: number, by: 1 | -1): void => {
  // Mostly it is held already, and nothing more is to be done.
  if (!isPassedOn(w, x, by)) return
  const { edges, facts } = w
  const stack: number[] = [x]
  while (stack.length > 0) {
    const u = stack.pop() as number
    for (let e = facts.get(u, Fact.DEP_HEAD); e !== 0; e = edges.get(e, Edge.NEXT_DEP)) {
      const d = edges.get(e, Edge.DEPENDENCY)
      if (isPassedOn(w, d, by)) stack.push(d)
    }
  }
}

/** Counts one hold; whether what `x` depends on is held by it from now on, or not any more. */
const isPassedOn = (w: Work, x: number, by: 1 | -1): boolean => {
  const { facts } = w
  if (w.kind(x) !== Kind.VALUE) return false
  const count = facts.get(x, Fact.HOLD) + by
  facts.set(x, Fact.HOLD, count)
  return count === (by === 1 ? 1 : 0)
}

/** Walks the whole graph: only while something is broken by a cycle. */
export const recountHolds = (w: Work): void => {
  const lives: BuildId[] = []
  eachRow(w.facts.view(), (x) => {
    if (w.kind(x) === Kind.VALUE) w.facts.set(x, Fact.HOLD, 0)
    else if (w.kind(x) === Kind.LIVE) lives.push(buildId(x))
  })
  for (const live of lives) hold(w, targetOf(w, live), 1)
}

/** What a live request follows. */
export const targetOf = (w: Work, live: BuildId): BuildId =>
  buildId(w.edges.get(w.facts.get(live, Fact.DEP_HEAD), Edge.DEPENDENCY))
