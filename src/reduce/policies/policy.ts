/**
 * What a policy is: it chooses the batch of the next tick from what is ready. Pure; it may delay a build, never break one: what it takes is
 * looked over, and what it passes over too long is taken all the same (`guard.ts`).
 */
import { type Batch, emptyBatch } from '../../model/event.js'
import { shownOption } from '../../model/expect.js'
import type { BuildId } from '../../model/ids.js'
import { Misuse } from '../../model/misuse.js'
import type { LaneView, ReadyView } from '../gather.js'

/** How many builds that those of a batch need make may go through with them (`State.ahead`). Left out: none. */
interface Ahead {
  readonly ahead?: number
}

/** Knows nothing but what it sees. */
export type PlainPolicy = ((view: ReadyView) => Batch) & Ahead

/** Knows, besides, what it decided to carry on: plain data, which is part of the state and of every recording. */
export interface CarryPolicy<C = unknown> extends Ahead {
  readonly name: string
  readonly initial: C
  /** What is to be kept up for it: bits of `Track`. */
  readonly tracks?: number
  choose(view: ReadyView, carry: C): Decision<C>
  /** What is taken first, where that can be said of one request or one build at a time: for `lexicographic`. */
  readonly order?: Order
}

export interface Decision<C = unknown> {
  readonly batch: Batch
  /** Left out: what it was. Kept only when something happens in this tick. */
  readonly carry?: C
  /** Where the batch is empty though something is ready: when to ask again at the latest, in ms from now. */
  readonly wakeMs?: number
}

export type Policy = PlainPolicy | CarryPolicy

/** Smaller first; equal ones in the order in which they came. */
export type Order =
  | { readonly _tag: 'ofRequest'; readonly key: (lane: LaneView, view: ReadyView) => number }
  | { readonly _tag: 'ofBuild'; readonly key: (x: BuildId, view: ReadyView) => number }

/** Policies of this folder: they take only what is ready, and no more than there is room for. */
const sound = new WeakSet<Policy>()
export const isSound = (policy: Policy): boolean => sound.has(policy)
/** `policy` is sound if all that it asks are. */
export const made = <P extends Policy>(policy: P, ...asked: readonly Policy[]): P => {
  if (asked.every(isSound)) sound.add(policy)
  return policy
}

/** Whether a program, or a person, gave what may be used as a policy: what makes a policy takes no view. */
export const isPolicy = (policy: unknown): policy is Policy =>
  typeof policy === 'function'
    ? policy.length > 0
    : typeof (policy as { readonly choose?: unknown } | null | undefined)?.choose === 'function'

/** `value`, which must be a number from `least` on, and to `most`. @throws Misuse */
export const atLeast = (least: number, value: number, what: string, most = Number.POSITIVE_INFINITY): number => {
  if (typeof value === 'number' && value >= least && value <= most) return value
  const range = most === Number.POSITIVE_INFINITY ? `from ${least} on` : `from ${least} to ${most}`
  throw new Misuse(`${what} must be a number ${range}, got ${shownOption(value)}`)
}

export const nameOf = (policy: Policy): string => policy.name || 'policy'

/** `policy` under another name. */
export const renamed = (policy: Policy, name: string): Policy => {
  const { ahead } = policy
  const rest = ahead === undefined ? {} : { ahead }
  if (typeof policy === 'function') {
    const plain: PlainPolicy = Object.assign((view: ReadyView) => policy(view), rest)
    Object.defineProperty(plain, 'name', { value: name })
    return made(plain, policy)
  }
  const { initial, tracks, order } = policy
  const choose: CarryPolicy['choose'] = (view, carry) => policy.choose(view, carry)
  return made({ name, initial, choose, ...rest, ...(tracks && { tracks }), ...(order && { order }) }, policy)
}

export const tracksOf = (policy: Policy): number => (typeof policy === 'function' ? 0 : (policy.tracks ?? 0))

/** What `policy` takes, given what it carried on; null: nothing yet. */
export const decide = (policy: Policy, view: ReadyView, carry: unknown): Decision => {
  if (typeof policy === 'function') return { batch: policy(view) }
  return policy.choose(view, carry ?? policy.initial)
}

/** The view as it is once only `batch` could be taken: for policies that take a part of what another one chose. */
export const viewOf = (view: ReadyView, batch: Batch): ReadyView => {
  const upTo = (builds: readonly BuildId[]) => (max: number) => (builds.length <= max ? builds : builds.slice(0, max))
  const { scan, run, start, answer } = batch
  return {
    ...view,
    scan: upTo(scan),
    run: upTo(run),
    newest: upTo(run),
    start: upTo(start),
    answer: upTo(answer),
    freeSlots: start.length + answer.length,
    pooled: [],
  }
}

export const isEmpty = (batch: Batch): boolean =>
  batch === emptyBatch || batch.scan.length + batch.run.length + batch.start.length + batch.answer.length === 0
