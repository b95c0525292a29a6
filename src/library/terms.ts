/** What can be said of a request besides its key, for policies that know requests. */
import type { Event } from '../model/event.js'
import { optionsIn, shownOption } from '../model/expect.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import type { Terms } from '../model/plan.js'

export interface RequestTerms {
  /** Policies treat requests of one class alike: `fairShare`, `perClass`. */
  readonly class?: string
  /** When the answer should be there, in ms of `performance.now()`: for `deadline`. */
  readonly deadline?: number
}

type Told = { readonly terms?: Terms }
const NONE: Told = {}

/** Its part of an event. @throws Misuse */
export const termsOf = (what: string, terms?: RequestTerms): Told => {
  if (terms === undefined) return NONE
  const { class: of, deadline } = optionsIn(what, terms, ['class', 'deadline'])
  if (of !== undefined && typeof of !== 'string')
    throw new Misuse(`${what}: \`class\` must be a string, got ${shownOption(of)}`)
  if (deadline !== undefined && !Number.isFinite(deadline))
    throw new Misuse(`${what}: \`deadline\` must be a time in ms, got ${shownOption(deadline)}`)
  if (of === undefined && deadline === undefined) return NONE
  return { terms: { ...(of !== undefined && { class: of }), ...(deadline !== undefined && { deadline }) } }
}

/** A request for one answer. */
export const onceEvent = (id: BuildId, target: BuildId, told: Told): Event => ({
  _tag: 'requested',
  request: id,
  by: 0 as BuildId,
  session: id,
  targets: [target],
  want: 'value',
  keepGoing: true,
  jobs: 1,
  trust: true,
  ...told,
})

/** A live request. */
export const liveEvent = (request: BuildId, target: BuildId, { terms }: Told): Event =>
  terms === undefined ? { _tag: 'followed', request, target } : { _tag: 'followed', request, target, terms }
