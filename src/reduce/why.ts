/** Notes in `Fact.WHY` why a build was made and how a source changed. */
import { Fact } from '../model/state.js'
import { packWhy, reasonIn, WHY_SAME, whyOfFile, whyOfValue } from '../model/why.js'
import type { Work } from './work.js'

/** To be called when a run is over, before anything of it is recorded. */
export const noteWhy = (w: Work, x: number): void => w.facts.set(x, Fact.WHY, whyOfFile(w, x))

/** The same of a value. */
export const noteWhyValue = (w: Work, x: number): void => w.facts.set(x, Fact.WHY, whyOfValue(w, x))

/** The run of `x` came to the result that there was. */
export const noteSame = (w: Work, x: number): void => w.facts.set(x, Fact.WHY, w.facts.get(x, Fact.WHY) | WHY_SAME)

/** A look found that the source `x` is another: how, by `Reason`. */
export const noteSourceChange = (w: Work, x: number, reason: number, generation: number): void => {
  w.facts.set(x, Fact.WHY, packWhy(reason))
  w.facts.set(x, Fact.BUILT, generation)
}

/** A look found that the source `x` is the same behind another stat. */
export const noteTouch = (w: Work, x: number, generation: number): void =>
  w.facts.set(x, Fact.WHY, packWhy(reasonIn(w.facts.get(x, Fact.WHY)), generation))
