/** Notes in `Fact.WHY` why a build was made and how a source changed. */
import { Fact, Flight, Kind } from '../model/state.js'
import { isOfSource, packWhy, Reason, reasonIn, WHY_SAME, whyOfFile, whyOfValue } from '../model/why.js'
import type { Work } from './work.js'

/** To be called when a run is over, before anything of it is recorded. */
export const noteWhy = (w: Work, x: number): void => w.facts.set(x, Fact.WHY, whyOfFile(w, x))

/** The same of a value. `first`: as for `whyOfValue`. */
export const noteWhyValue = (w: Work, x: number, first: number | undefined): void =>
  w.facts.set(x, Fact.WHY, whyOfValue(w, x, first))

/** The run of `x` came to the result that there was. */
export const noteSame = (w: Work, x: number): void => w.facts.set(x, Fact.WHY, w.facts.get(x, Fact.WHY) | WHY_SAME)

/** A look found that the source `x` is another: how, by `Reason`. */
export const noteSourceChange = (w: Work, x: number, reason: number, generation: number): void => {
  w.facts.set(x, Fact.WHY, packWhy(reason, w.kind(x) === Kind.ABSENT ? generation : 0))
  w.facts.set(x, Fact.BUILT, generation)
}

/** It is not there, and nothing makes it. `before`: its word before it was tried. */
export const noteNoRule = (w: Work, x: number, before: number): void =>
  w.facts.set(x, Fact.WHY, isOfSource(reasonIn(before)) ? before : packWhy(Reason.WENT, w.flight.get(x, Flight.PASS)))

/**
 * A look found that the source `x` is the same behind another stat. Where it was tried to be made meanwhile (`redo --overwrite`), its word
 * says why, and not how it changed: a generation would be taken for the build that this was for.
 */
export const noteTouch = (w: Work, x: number, generation: number): void => {
  const reason = reasonIn(w.facts.get(x, Fact.WHY))
  w.facts.set(x, Fact.WHY, packWhy(isOfSource(reason) ? reason : Reason.NONE, generation))
}
