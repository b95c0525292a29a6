/** Garbage collection: rows that no anchor reaches are freed. Anchors are what is in flight and, unless told otherwise, targets. */
import { buildId } from '../model/ids.js'
import { Edge, Fact, Kind, Status } from '../model/state.js'
import { type IntTable, objectAt, PAGE_ROWS, pageOf, pagesEnd } from '../model/table.js'
import { isAboutBuild, packWhy, reasonIn, subjectIn, WHY_SAME } from '../model/why.js'
import type { Work } from './work.js'

/** Calls `visit` for each row of `table` that is not all zeros. */
export const eachRow = (table: IntTable, visit: (row: number) => void): void => {
  for (let p = 0; p < pagesEnd(table); p++) {
    const page = pageOf(table, p)
    if (page === undefined) continue
    for (let r = 0; r < PAGE_ROWS; r++) {
      for (let word = 0; word < table.stride; word++) {
        if (page[r * table.stride + word] !== 0) {
          visit(p * PAGE_ROWS + r)
          break
        }
      }
    }
  }
}

/** Walks the whole graph once; done when idle, and never needed for a right answer. */
export const collect = (w: Work, keep: 'targets' | 'nothing'): void =>
  free(w, (x) => keep === 'targets' && w.kind(x) === Kind.TARGET)

const free = (w: Work, isKept: (x: number) => boolean): void => {
  const facts = w.facts.view()
  const isReached = new Uint8Array(facts.end)
  const stack: number[] = []
  const reach = (x: number): void => {
    if (isReached[x] !== 0) return
    isReached[x] = 1
    stack.push(x)
  }
  const isBusy = w.inFlight > 0
  eachRow(facts, (x) => {
    // What is held is kept, and so is all that it stands on.
    const isHeld = w.kind(x) === Kind.VALUE && w.facts.get(x, Fact.HOLD) > 0
    if (isHeld && w.cyclic === 0) isReached[x] = 1
    else if (isHeld || isKept(x)) reach(x)
    // The edges of a present run are not among the remembered ones that are followed below.
    else if (isBusy && (w.status(x) !== Status.REST || w.hasLiveDependent(x))) reach(x)
  })
  while (stack.length > 0) {
    const x = stack.pop() as number
    for (let e = w.facts.get(x, Fact.DEP_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP))
      reach(w.edges.get(e, Edge.DEPENDENCY))
    for (const d of circleOf(w, x)) reach(d)
  }
  const forgotten: number[] = []
  eachRow(facts, (x) => {
    if (isReached[x] !== 0) return forgetSubject(w, x, (d) => isReached[d] !== 0)
    forgotten.push(x)
    w.freeList(w.facts.get(x, Fact.DEP_HEAD))
    w.facts.set(x, Fact.DEP_HEAD, 0)
    w.forgetResult(buildId(x))
    w.tell({ _tag: 'forgotten', build: buildId(x) })
  })
  for (const x of forgotten) w.facts.clear(x)
  if (!isBusy && !isReached.includes(1)) w.clear()
}

/** Who is told of a circle that `x` was found on is told the names of all on it, though not all of them came to their end. */
const circleOf = (w: Work, x: number): readonly number[] => {
  if (w.cyclic === 0 && w.cycles.size === 0) return []
  const error = objectAt(w.errors, x)
  return error?._tag === 'cycle' ? error.path : (objectAt(w.cycles, x) ?? [])
}

/** What is left speaks of none that is forgotten: its id may be given to another. */
export const forgetSubject = (w: Work, x: number, isKept: (d: number) => boolean): void => {
  const word = w.facts.get(x, Fact.WHY)
  const d = subjectIn(word)
  if (d === 0 || !isAboutBuild(reasonIn(word)) || isKept(d)) return
  w.facts.set(x, Fact.WHY, packWhy(reasonIn(word)) | (word & WHY_SAME))
}

/**
 * Frees every value that no live request, none of the last `keep` answered ones, and nothing in flight stands on; in the end,
 * the state is the empty one again. Walks the whole graph, so done only where at least half of it may go.
 */
export const sweep = (w: Work, keep: number): void => {
  const kept = new Set<number>(w.keepOnly(keep))
  free(w, (x) => kept.has(x) || w.kind(x) === Kind.LIVE || w.kind(x) === Kind.TARGET)
}
