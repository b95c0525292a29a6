/** What make says of a target: that it cannot be made, before anything was run for it, or what came of its run. */
import * as E from 'fp-ts/lib/Either.js'
import type { BuildError } from '../model/error.js'
import type { Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { type Look, lookAtItself } from './look.js'
import { lookWithContent } from './look-content.js'
import { isThere, mayBeThere } from './look-words.js'
import type { Published } from './publish.js'
import type { Run } from './run.js'

/** `before`: what is in its place. */
export const refusal = (
  build: BuildId,
  before: Look,
  code: number,
  why: string,
): Extract<Receipt, { _tag: 'failed' }> => ({
  _tag: 'failed',
  build,
  error: { _tag: 'refused', code, why },
  exists: mayBeThere(before),
  create: [],
})

/** `result`: how its run ended, once what it made is in place. */
export const receiptOf = (run: Run, result: Published): Receipt => {
  if (E.isRight(result.outcome)) {
    const { look, virtual } = result.outcome.right
    return { _tag: 'done', build: run.build, look, virtual, ...run.timing.cost }
  }
  const error: BuildError = result.outcome.left
  const seen = lookAtItself(run.name)
  const failed = { _tag: 'failed', build: run.build, error, exists: mayBeThere(seen), create: [] } as const
  // Written by its own do-file, if in a way that is not allowed: nothing that a person made, so never a source.
  const isOurs = isThere(seen) && (seen.stat0 !== run.before.stat0 || seen.stat1 !== run.before.stat1)
  return isOurs ? { ...failed, claimed: lookWithContent(run.name) } : failed
}
