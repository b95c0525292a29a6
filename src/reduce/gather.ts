/** Gather: what could be done in the next tick, as a policy sees it. */
import { type BuildId, buildId } from '../model/ids.js'
import { Flight, type Queue, type State } from '../model/state.js'
import { eachObject, read } from '../model/table.js'

/** A read-only look at the queues. Each lists at most `max` builds, first come first. */
export interface ReadyView {
  readonly state: State
  readonly scan: (max: number) => readonly BuildId[]
  readonly run: (max: number) => readonly BuildId[]
  /** As `run`, last come first: what others were just found to wait for. */
  readonly newest: (max: number) => readonly BuildId[]
  readonly start: (max: number) => readonly BuildId[]
  readonly answer: (max: number) => readonly BuildId[]
  /** How many more do-files may run. */
  readonly freeSlots: number
  /** Those that wait for room in a pool, as many as there is room for, whatever the pool. */
  readonly pooled: readonly BuildId[]
}

const first = (state: State, queue: Queue, max: number): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let x: number = queue.head; x !== 0 && found.length < max; x = read(state.flight, x, Flight.NEXT))
    found.push(buildId(x))
  return found
}

const last = (state: State, queue: Queue, max: number): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let x: number = queue.tail; x !== 0 && found.length < max; x = read(state.flight, x, Flight.PREV))
    found.push(buildId(x))
  return found
}

/**
 * Slots: as many as the most generous open session allows, and one more for every other session: a do-file may wait for
 * another session's answer without our knowing it, and must not keep that from being worked out.
 */
export const slotsOf = ({ sessions }: Pick<State, 'sessions'>): number => {
  const known = slotsKnown.get(sessions)
  if (known !== undefined) return known
  let slots = 1
  eachObject(sessions, (_, session) => {
    slots = Math.max(slots, session.jobs)
  })
  slots += Math.max(0, sessions.size - 1)
  slotsKnown.set(sessions, slots)
  return slots
}

/** Asked in each tick, and changed by the first and the last of a session. */
const slotsKnown = new WeakMap<State['sessions'], number>()

export const gather = (state: State): ReadyView => ({
  state,
  scan: (max) => first(state, state.scan, max),
  run: (max) => first(state, state.ready, max),
  newest: (max) => last(state, state.ready, max),
  start: (max) => first(state, state.start, max),
  answer: (max) => first(state, state.answer, max),
  freeSlots: Math.max(0, slotsOf(state) - state.running),
  pooled: state.pools.flatMap((pool) => first(state, pool.queue, pool.size - pool.running)),
})
