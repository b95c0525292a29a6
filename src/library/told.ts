/** What the state answers, in the words of those who asked. */
import * as E from 'fp-ts/lib/Either.js'
import type { Outcome } from '../finalize/finalize.js'
import { fromTable } from '../make/answers.js'
import { type Keys, wordsOf } from '../make/keys.js'
import { type BuildError, buildErrorOf } from '../model/build-error.js'
import type { Failure } from '../model/error.js'
import type { Answer } from '../model/state.js'
import type { Live, Notice } from './request.js'

const errorOf = (keys: Keys, failure: Failure): BuildError => buildErrorOf(failure, (id) => keys.keyOf(id)!, wordsOf)

export const eitherOf = (keys: Keys, answer: Answer): E.Either<BuildError, unknown> =>
  answer._tag === 'value' ? E.right(fromTable(answer.value)) : E.left(errorOf(keys, answer.failure))

/** `since`: the version at which it was asked for. */
const noticeOf = (keys: Keys, answer: Answer, since: number, tick: number): Notice<unknown> => {
  const version = Math.max(since, answer.version)
  return answer._tag === 'value'
    ? { _tag: 'value', version, tick, value: fromTable(answer.value) }
    : { _tag: 'error', version, tick, error: errorOf(keys, answer.failure) }
}

type Notices = readonly (readonly [Live<unknown>, Notice<unknown>])[]

/** What is to be told to whom; those who are gone are told nothing. `lives`: by id. */
export const noticesOf = (
  keys: Keys,
  followers: Outcome['followers'],
  lives: readonly (Live<unknown> | undefined)[],
  tick: number,
): Notices => {
  const notices: (readonly [Live<unknown>, Notice<unknown>])[] = []
  for (const { request, answer } of followers) {
    const live = lives[request]
    if (live !== undefined) notices.push([live, noticeOf(keys, answer, live.since, tick)])
  }
  return notices
}

/** Every `now` is of this turn before anyone is told: who is told of one may look at others. */
export const tellAll = (notices: Notices): void => {
  const whom = notices.map(([live, notice]) => live.take(notice))
  notices.forEach(([live, notice], i) => {
    live.tell(notice, whom[i]!)
  })
}
