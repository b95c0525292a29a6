/** Answers: what those are told who asked for a value. */
import { failureFrom } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { type Answer, Fact } from '../model/state.js'
import { objectAt } from '../model/table.js'
import type { Work } from './work.js'

/** The result of `x`, at rest. */
export const answerOf = (w: Work, x: BuildId): Answer => {
  // It holds now, and may not have held between the change that it follows from and the last one.
  const { version } = w
  if (!w.isBroken(x)) return { _tag: 'value', version, value: w.values.get(x) }
  const causeOf = (d: BuildId): number => w.facts.get(d, Fact.CAUSE)
  return { _tag: 'failure', version, failure: failureFrom(x, causeOf, (d) => objectAt(w.errors, d)) }
}
