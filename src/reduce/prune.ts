/**
 * Garbage collection in portions, for a state that is too large to be walked in one tick. A value that nothing depends on is given up, and
 * then whatever only that depended on. Its id is free once nothing says that it was made for it, which takes a look at all rows: so
 * whoever prunes goes through all of them three times, once for each `step`. Circles, which are only among what is broken, stay: `sweep` finds them.
 */
import type { Event } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { BARE, isBare, isNeedless } from '../model/needless.js'
import { Edge, Fact } from '../model/state.js'
import { rowsEnd } from '../model/table.js'
import { forgetSubject } from './collect.js'
import type { Work } from './work.js'

type Pruned = Extract<Event, { _tag: 'pruned' }>

/** For a value that is given up, or an edge of one, so many rows can be gone through: what is more than that is left to another portion. */
const ROWS_PER_PIECE = 2

export const onPruned = (w: Work, { step, keep, from, to }: Pruned): void => {
  const kept = new Set<number>(w.keepOnly(keep))
  const end = Math.min(to, rowsEnd(w.facts.view()))
  let left = Math.ceil((to - from) / ROWS_PER_PIECE)
  for (let x = from; x < end; x++) {
    if (step === 'unname') forgetSubject(w, x, (d) => !(isBare(w, d) && isNeedless(w, d, kept)))
    else if (!isNeedless(w, x, kept)) continue
    else if (step === 'giveUp') left = giveUp(w, buildId(x), kept, left)
    else if (isBare(w, x)) {
      w.facts.clear(x)
      w.tell({ _tag: 'forgotten', build: buildId(x) })
    }
  }
}

/** Gives `x` up, and what only that needed, as long as there is room for `left`. Returns for how much there still is. */
const giveUp = (w: Work, x: BuildId, kept: ReadonlySet<number>, left: number): number => {
  const stack = [x]
  while (stack.length > 0 && left > 0) {
    const y = stack.pop()!
    if (isBare(w, y) || !isNeedless(w, y, kept)) continue
    left--
    const head = w.facts.get(y, Fact.DEP_HEAD)
    for (let e = head; e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
      stack.push(buildId(w.edges.get(e, Edge.DEPENDENCY)))
      left--
    }
    w.freeList(head)
    w.forgetResult(y)
    w.facts.clear(y)
    w.facts.set(y, Fact.FLAGS, BARE)
  }
  return left
}
