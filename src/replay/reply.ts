/** What became of a request, to be compared. */
import type { BuildId } from '../model/ids.js'
import type { News } from '../model/state.js'
import { errorIn } from './diff-ids.js'

export interface Reply {
  readonly ok: boolean
  /** As a text: the same if and only if the value is, or the failure. */
  readonly answer: string
}

/** `idOf`: ids in the recording may be given to one name after the other. */
export const replyOf = (
  { ok, answer }: Extract<News, { _tag: 'responded' }>,
  idOf: (id: BuildId) => BuildId = (id) => id,
): Reply => {
  if (answer?._tag !== 'failure') return { ok, answer: JSON.stringify(answer?.value ?? null) }
  const error = errorIn(answer.failure.error, idOf)
  const path = answer.failure.path.map(idOf)
  // Who needs what goes round in a circle is told of up to there: where in it that was found out is a matter of time.
  const end = error._tag === 'cycle' ? path.findIndex((x) => error.path.includes(x)) : -1
  return { ok, answer: JSON.stringify([error, end < 0 ? path : path.slice(0, end)]) }
}
