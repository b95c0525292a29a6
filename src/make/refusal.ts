/** What make says of a target that cannot be made, before anything was run for it. */
import type { Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { Look } from './look.js'
import { isThere } from './look-words.js'

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
  exists: isThere(before),
  create: [],
})
