/** Why a build was made: found when its run is over, from what was known of it before, and kept in `Fact.WHY`. */
import { Bit, Edge, Fact, Flag, Flight, Kind, Mode } from '../model/state.js'
import { objectAt } from '../model/table.js'
import { packWhy, Reason, reasonIn, WHY_SAME } from '../model/why.js'
import { differs } from './judge.js'
import type { Work } from './work.js'

/** Of a file's build. To be called before anything of the run is recorded. */
export const noteWhy = (w: Work, x: number): void => {
  const e = firstDiffering(w, x)
  const own = ownReason(w, x)
  const reason = own === Reason.NONE ? reasonOf(w, e) : own
  w.facts.set(x, Fact.WHY, packWhy(reason, own === Reason.FIRST ? 0 : w.edges.get(e, Edge.DEPENDENCY)))
}

/** What had it run whatever became of its dependencies. */
const ownReason = (w: Work, x: number): number => {
  const kind = w.kind(x)
  const isBroken = w.isBroken(x)
  if (kind !== Kind.TARGET && kind !== Kind.SOURCE && !isBroken) return Reason.FIRST
  if (w.has(x, Bit.FORCED)) return Reason.FORCED
  if (isBroken) return objectAt(w.errors, x)?._tag === 'interrupted' ? Reason.INTERRUPTED : Reason.FAILED
  if (w.has(x, Bit.EDITED)) return Reason.OUTPUT_CHANGED
  if (!w.has(x, Bit.EXISTS) && !w.flag(x, Flag.VIRTUAL)) return Reason.OUTPUT_GONE
  if (w.flag(x, Flag.ALWAYS) && w.facts.get(x, Fact.BUILT) < w.flight.get(x, Flight.PASS)) return Reason.ALWAYS
  return Reason.NONE
}

/** The first remembered dependency that is known to be another than the last run saw; else 0, whose row is all zeros. */
const firstDiffering = (w: Work, x: number): number => {
  const [pass, trust] = [w.flight.get(x, Flight.PASS), w.has(x, Bit.TRUST)]
  let e = w.facts.get(x, Fact.DEP_HEAD)
  for (; e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
    const isCreate = (w.edges.get(e, Edge.MODE) & Mode.CREATE) !== 0
    if ((isCreate || w.isCurrent(w.edges.get(e, Edge.DEPENDENCY), pass, trust)) && differs(w, e)) break
  }
  return e
}

const reasonOf = (w: Work, e: number): number => {
  // A dependency that waited for this very build counts as changed.
  if (e === 0) return Reason.UNSURE
  const d = w.edges.get(e, Edge.DEPENDENCY)
  if ((w.edges.get(e, Edge.MODE) & Mode.CREATE) !== 0) return Reason.APPEARED
  if (w.kind(d) === Kind.VALUE) return Reason.CHANGED
  if (w.kind(d) === Kind.ABSENT) return Reason.MISSING
  if (w.isBroken(d)) return Reason.BROKEN
  return w.edges.get(e, Edge.SEEN) < 0 ? Reason.UNSURE : Reason.CHANGED
}

/** Of a value. As {@link noteWhy}; that it is to be made in any case was noted by whoever said so. */
export const noteWhyValue = (w: Work, x: number): void => {
  if (w.revision(x) === 0) w.facts.set(x, Fact.WHY, packWhy(Reason.FIRST))
  else if (w.flag(x, Flag.STALE)) w.facts.set(x, Fact.WHY, w.facts.get(x, Fact.WHY) & ~WHY_SAME)
  else {
    const e = firstDiffering(w, x)
    const reason = e === 0 && w.flag(x, Flag.WIPED) ? Reason.WIPED : reasonOf(w, e)
    w.facts.set(x, Fact.WHY, packWhy(reason, w.edges.get(e, Edge.DEPENDENCY)))
  }
}

/** The run of `x` came to the result that there was. */
export const noteSame = (w: Work, x: number): void => w.facts.set(x, Fact.WHY, w.facts.get(x, Fact.WHY) | WHY_SAME)

/** A look found that the source `x` is another: how, by {@link Reason}. */
export const noteSourceChange = (w: Work, x: number, reason: number, generation: number): void => {
  w.facts.set(x, Fact.WHY, packWhy(reason))
  w.facts.set(x, Fact.BUILT, generation)
}

/** A look found that the source `x` is the same behind another stat. */
export const noteTouch = (w: Work, x: number, generation: number): void =>
  w.facts.set(x, Fact.WHY, packWhy(reasonIn(w.facts.get(x, Fact.WHY)), generation))
