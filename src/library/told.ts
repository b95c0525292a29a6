/** What the state answers, in the words of those who asked. */
import * as E from 'fp-ts/lib/Either.js'
import { fromTable } from '../make/answers.js'
import { type Keys, wordsOf } from '../make/keys.js'
import { type BuildError, buildErrorOf } from '../model/build-error.js'
import type { Failure } from '../model/error.js'
import type { Answer } from '../model/state.js'
import type { Notice } from './request.js'

const errorOf = (keys: Keys, failure: Failure): BuildError => buildErrorOf(failure, (id) => keys.keyOf(id)!, wordsOf)

export const eitherOf = (keys: Keys, answer: Answer): E.Either<BuildError, unknown> =>
  answer._tag === 'value' ? E.right(fromTable(answer.value)) : E.left(errorOf(keys, answer.failure))

/** `since`: the version at which it was asked for. */
export const noticeOf = (keys: Keys, answer: Answer, since: number, tick: number): Notice<unknown> => {
  const version = Math.max(since, answer.version)
  return answer._tag === 'value'
    ? { _tag: 'value', version, tick, value: fromTable(answer.value) }
    : { _tag: 'error', version, tick, error: errorOf(keys, answer.failure) }
}
