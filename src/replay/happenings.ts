/** What happened in one tick, as plain data: what was asked, found, made and answered. */
import type { BuildError } from '../model/error.js'
import { apart, LOOK_STRIDE, LookWord } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Flag, hasFlag, Kind, kindOf } from '../model/state.js'
import { objectAt } from '../model/table.js'
import type { RecordedTick } from '../store/recording/reader.js'
import { type Transacted, transactedIn } from './version-of.js'
import { shownName } from './view.js'
import type { Walker } from './walker.js'

/** Names are byte strings. A request is the number of the generation that it began, as why counts them; one of a do-file has none. */
export type Happening =
  /** `by`: the build whose do-file asks; undefined: a person, or the program. */
  | {
      readonly what: 'asked'
      readonly request?: number
      readonly by?: string
      readonly want: string
      readonly targets: readonly string[]
    }
  | { readonly what: 'cancelled'; readonly request?: number; readonly isQuestion?: true }
  /** They may not be what they were. */
  | { readonly what: 'doubted' | 'taken' | 'wiped' | 'adopted'; readonly targets: readonly string[] }
  /** Sources were set; those in `touched` are to be read or made again all the same. `to`: the text of the value, or how it is without one. */
  | ({ readonly what: 'transacted' } & Transacted)
  /** Everything was looked at, and only these are not what they were. */
  | { readonly what: 'looked'; readonly targets: readonly string[] }
  | { readonly what: 'found'; readonly there: readonly string[]; readonly absent: readonly string[] }
  | { readonly what: 'needs'; readonly target: string; readonly needs: readonly string[] }
  | { readonly what: 'started' | 'ended'; readonly target: string }
  | { readonly what: 'made'; readonly target: string; readonly changed: boolean }
  | { readonly what: 'broken'; readonly target: string; readonly error?: BuildError; readonly cause?: string }
  /** `outOfDate`: to a question, a request that wants no more than a look, what is. */
  | {
      readonly what: 'answered'
      readonly request?: number
      readonly by?: string
      readonly ok: boolean
      readonly outOfDate?: readonly string[]
    }
  | { readonly what: 'noticed'; readonly request?: number }
  | { readonly what: 'forgotten'; readonly targets: readonly string[] }
  /** An event that changes how something is judged, or what is kept. */
  | { readonly what: 'told'; readonly event: string; readonly target?: string }

/** `walker` has just taken in `tick`. */
export const happeningsOf = (record: RecordedTick, walker: Walker): readonly Happening[] => {
  const { input } = record
  const name = (x: BuildId): string => shownName(walker.nameOf, x)
  const names = (builds: readonly BuildId[]): readonly string[] => builds.map(name)
  const numbered = (request: BuildId): { readonly request?: number } => {
    const number = walker.numberOf(request)
    return number === undefined ? {} : { request: number }
  }
  const isSound = (build: BuildId): boolean =>
    kindOf(walker.state, build) === Kind.SOURCE && !hasFlag(walker.state, build, Flag.BROKEN)
  const isOnCircle = (build: BuildId): boolean => objectAt(walker.state.errors, build)?._tag === 'cycle'
  const broken = (build: BuildId): Happening => {
    const error = objectAt(walker.state.errors, build)
    return { what: 'broken', target: name(build), ...(error !== undefined && { error }) }
  }
  const found: Happening[] = []
  const same = walker.same()
  const changed = new Map(walker.news.flatMap((news) => (news._tag === 'built' ? [[news.build, news.changed]] : [])))
  for (const receipt of apart(input.receipts)) {
    switch (receipt._tag) {
      case 'scanned': {
        const isThere = (_: BuildId, i: number): boolean => receipt.looks[i * LOOK_STRIDE + LookWord.KIND] !== 0
        const there = names(receipt.builds.filter(isThere))
        found.push({ what: 'found', there, absent: names(receipt.builds.filter((x, i) => !isThere(x, i))) })
        break
      }
      case 'blocked':
        if (receipt.needs.length > 0)
          found.push({ what: 'needs', target: name(receipt.build), needs: names(receipt.needs) })
        break
      case 'needs':
        found.push({ what: 'needs', target: name(receipt.build), needs: names(receipt.groups.at(-1) ?? []) })
        break
      case 'started':
        found.push({ what: 'started', target: name(receipt.build) })
        break
      case 'done':
        // It ended well, and is broken all the same where it is on a circle.
        if (changed.has(receipt.build))
          found.push({ what: 'made', target: name(receipt.build), changed: changed.get(receipt.build)! })
        else found.push(broken(receipt.build))
        break
      case 'made':
        found.push({ what: 'made', target: name(receipt.build), changed: !same.has(receipt.build) })
        break
      case 'failed':
        // Nothing makes it any more, and it is there.
        if (receipt.error._tag === 'noRule' && isSound(receipt.build))
          found.push({ what: 'taken', targets: names([receipt.build]) })
        else if (isOnCircle(receipt.build)) found.push(broken(receipt.build))
        else found.push({ what: 'broken', target: name(receipt.build), error: receipt.error })
        break
      case 'broken': {
        const { error, cause } = receipt
        const why = {
          ...(error === undefined ? {} : { error }),
          ...(cause === undefined ? {} : { cause: name(cause) }),
        }
        found.push({ what: 'broken', target: name(receipt.build), ...why })
        break
      }
      case 'pooled':
      case 'recalled':
      case 'holds':
        found.push({ what: 'told', event: receipt._tag, target: name(receipt.build) })
    }
  }
  for (const news of walker.news) if (news._tag === 'circle') found.push(broken(news.build))
  const transacted = new Map(transactedIn(record, name).map((one) => [one.since ?? one.version, one]))
  for (const event of input.events) {
    switch (event._tag) {
      case 'requested':
        found.push({
          what: 'asked',
          ...(event.by === 0 ? numbered(event.request) : { by: name(event.by) }),
          want: event.want,
          targets: names(event.targets),
        })
        break
      case 'followed':
        found.push({ what: 'asked', ...numbered(event.request), want: 'live', targets: [name(event.target)] })
        break
      case 'cancelled':
        found.push({
          what: 'cancelled',
          ...numbered(event.request),
          ...(walker.isQuestion(event.request) ? { isQuestion: true } : {}),
        })
        break
      case 'changed':
        found.push({ what: 'doubted', targets: names(event.builds) })
        break
      case 'looked':
        found.push({ what: 'looked', targets: names(event.changed) })
        break
      case 'transacted': {
        const one = transacted.get(event.version)
        if (one !== undefined) found.push({ what: 'transacted', ...one })
        break
      }
      case 'taken':
      case 'wiped':
        found.push({ what: event._tag, targets: names(event.builds) })
        break
      case 'adopted':
        found.push({ what: 'adopted', targets: [name(event.build)] })
        break
      case 'ended':
        found.push({ what: 'ended', target: name(event.build) })
        break
      case 'always':
      case 'stamped':
        found.push({ what: 'told', event: event._tag, target: name(event.build) })
        break
      case 'rechecked':
      case 'collect':
      case 'swept':
      case 'pruned':
        found.push({ what: 'told', event: event._tag })
    }
  }
  const forgotten: string[] = []
  for (const news of walker.news) {
    if (news._tag === 'responded')
      found.push({
        what: 'answered',
        ...(news.by === 0 ? numbered(news.request) : { by: name(news.by) }),
        ok: news.ok,
        ...(news.by === 0 && walker.isQuestion(news.request) ? { outOfDate: names(news.outOfDate) } : {}),
      })
    else if (news._tag === 'noticed') found.push({ what: 'noticed', ...numbered(news.request) })
    else if (news._tag === 'forgotten' && walker.nameOf(news.build) !== undefined) forgotten.push(name(news.build))
  }
  if (forgotten.length > 0) found.push({ what: 'forgotten', targets: forgotten })
  return found
}
