/** Answers: what those are told who asked for a value. */
import { type BuildId, buildId } from '../model/ids.js'
import { type Answer, Fact } from '../model/state.js'
import { objectAt } from '../model/table.js'
import type { Work } from './work.js'

/** The result of `x`, at rest. */
export const answerOf = (w: Work, x: BuildId): Answer => {
  // It holds now, and may not have held between the change that it follows from and the last one.
  const { version } = w
  if (!w.isBroken(x)) return { _tag: 'value', version, value: w.values.get(x) }
  const path = [x]
  for (let d = w.facts.get(x, Fact.CAUSE); d !== 0; d = w.facts.get(d, Fact.CAUSE)) path.push(buildId(d))
  const error = objectAt(w.errors, path[path.length - 1]!) ?? { _tag: 'interrupted' }
  return { _tag: 'failure', version, failure: { path, error } }
}
