/** Policies that know nothing but the queues. */
import type { Batch } from '../../model/event.js'
import type { BuildId } from '../../model/ids.js'
import { type ReadyView, slotsOf } from '../gather.js'
import { atLeast, decide, made, type PlainPolicy, type Policy } from './policy.js'

/** Those of this file: they take what they see, and pass over nothing for ever. */
export const isPlain = (policy: Policy): boolean => typeof policy === 'function' && plain.has(policy)
const plain = new WeakSet<PlainPolicy>()
const named = (name: string, policy: PlainPolicy): PlainPolicy => {
  Object.defineProperty(policy, 'name', { value: name })
  plain.add(policy)
  return made(policy)
}

/** At most `max` builds of each kind a tick, first come first; slots go first to do-files that wait for an answer: what began gets done. */
export const cap = (max: number): PlainPolicy => {
  atLeast(1, max, 'cap(max): max')
  return named(`cap(${max})`, (view) => batchOf(view, max, view.run(max)))
}

const batchOf = (view: ReadyView, max: number, run: Batch['run']): Batch => {
  const answer = view.answer(Math.min(max, view.freeSlots))
  const start = [...view.start(view.freeSlots - answer.length), ...view.pooled]
  return { scan: view.scan(max), run, start: start.length > max ? start.slice(0, max) : start, answer }
}

/** Everything that is ready, first come first. */
export const fullBatch = (): PlainPolicy =>
  named('fullBatch', (view) => batchOf(view, Number.POSITIVE_INFINITY, view.run(Number.POSITIVE_INFINITY)))

/** How many builds a tick runs: so few that what it works on stays in the processor's cache, and that a turn may end soon. */
export const NEAR = 256
/** How many more it goes through for them, within the same bounds. */
export const AHEAD = 512

/**
 * To the fixed point the shortest way: what others were found to wait for runs before what was ready earlier, so that little waits at
 * any time, and results are used while they are at hand.
 */
export const fixpoint = (): PlainPolicy =>
  named(
    'fixpoint',
    Object.assign((view: ReadyView) => batchOf(view, Number.POSITIVE_INFINITY, view.newest(NEAR)), { ahead: AHEAD }),
  )

/** Of what is up next, so many stand by at most: all slots may get free in the time that a turn takes. */
const STANDBY_MAX = 4

/**
 * What would be started next, were as many slots free as there are. None where one is free, where an answer comes first, and with one slot
 * in all: who asks for one at a time gets one after the other.
 */
export const upNext = (view: ReadyView, policy: Policy, carry?: unknown): readonly BuildId[] => {
  const { state } = view
  const slots = slotsOf(state)
  if (state.start.size === 0 || state.answer.size > 0 || view.freeSlots > 0 || slots === 1) return []
  const freeSlots = Math.min(slots, STANDBY_MAX)
  return decide(policy, { ...view, freeSlots, pooled: [], rooms: view.rooms.map(() => 0) }, carry).batch.start
}
