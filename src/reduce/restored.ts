/**
 * A state that an earlier process left behind, made ready to go on from. Nothing of what it tells was looked at by this process; a value can
 * only have become another where it is `stale`, where a dependent saw another revision, or where it stands on such a one.
 */
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, FACT_STRIDE, Fact, Flag, KIND_MASK, Kind, type State } from '../model/state.js'
import { IntEditor, PAGE_ROWS, pageOf, pagesEnd, read, rowsEnd, tableOf } from '../model/table.js'
import { packWhy } from '../model/why.js'

/** The state in which each of `stale`, all of them values, is made again when it is next wanted, for `reason`. */
export const withStale = (state: State, stale: readonly BuildId[], reason: number): State => {
  const facts = new IntEditor(state.facts)
  for (const x of stale) {
    // What it was to be made again for before still holds.
    if ((facts.get(x, Fact.FLAGS) & Flag.STALE) === 0) facts.set(x, Fact.WHY, packWhy(reason))
    facts.set(x, Fact.FLAGS, facts.get(x, Fact.FLAGS) | Flag.STALE)
  }
  return { ...state, facts: facts.finish() }
}

/** The state in which nothing equals what the results of `others` were, so that all that saw them is made again. */
export const withOthers = (state: State, others: readonly BuildId[]): State => {
  const facts = new IntEditor(state.facts)
  for (const x of others) facts.set(x, Fact.REVISION, (facts.get(x, Fact.REVISION) + 1) | 0)
  return { ...state, facts: facts.finish() }
}

/**
 * The state in which all values are known to hold but those that may be others, found in one pass. What nothing stands on
 * was asked for by somebody, and is kept, the newest `state.keep` of it, as if it had been asked for just now.
 */
export const restored = (state: State): State => {
  const { facts, edges } = state
  const checked = new Int32Array(rowsEnd(facts))
  const pass = Math.max(1, state.generation)
  const doubtful: BuildId[] = []
  const tops: (readonly [built: number, x: BuildId])[] = []
  for (let p = 0; p < pagesEnd(facts); p++) {
    const page = pageOf(facts, p)
    if (page === undefined) continue
    for (let r = 0; r < PAGE_ROWS; r++) {
      const at = r * FACT_STRIDE
      const flags = page[at + Fact.FLAGS]!
      if ((flags & KIND_MASK) !== Kind.VALUE) continue
      const x = buildId(p * PAGE_ROWS + r)
      checked[x] = pass
      let isSame = (flags & Flag.STALE) === 0
      for (let e = page[at + Fact.DEP_HEAD]!; e !== 0 && isSame; e = read(edges, e, Edge.NEXT_DEP))
        isSame = read(facts, read(edges, e, Edge.DEPENDENCY), Fact.REVISION) === read(edges, e, Edge.SEEN)
      if (!isSame) doubtful.push(x)
      if (page[at + Fact.DEPENDENT_HEAD] === 0) tops.push([page[at + Fact.BUILT]!, x])
    }
  }
  for (const x of doubtful) checked[x] = 0
  for (let u = doubtful.pop(); u !== undefined; u = doubtful.pop()) {
    for (let e = read(facts, u, Fact.DEPENDENT_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEPENDENT)) {
      const p = buildId(read(edges, e, Edge.DEPENDENT))
      if (checked[p] === 0) continue
      checked[p] = 0
      doubtful.push(p)
    }
  }
  tops.sort(([a, x], [b, y]) => a - b || x - y)
  const kept = tops.slice(Math.max(0, tops.length - state.keep)).map(([, x]) => x)
  return { ...state, checked: tableOf(1, checked), kept }
}
