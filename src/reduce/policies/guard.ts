/** Makes any policy safe: nothing is taken that cannot be, and nothing is passed over for ever. */
import type { Batch } from '../../model/event.js'
import type { BuildId } from '../../model/ids.js'
import { messageOf } from '../../model/misuse.js'
import { Bit, Flight, type State, Status } from '../../model/state.js'
import { read } from '../../model/table.js'
import type { ReadyView } from '../gather.js'
import { fullBatch } from './basic.js'
import { type CarryPolicy, type Decision, decide, isEmpty, isSound, nameOf, type Policy, tracksOf } from './policy.js'

/** A policy that waits is asked again after so long at the latest, in ms. */
const WAIT_MAX = 1000

/** Each queue's oldest build is taken when others were taken in its place, or nothing was, in so many ticks in which it could have been. */
export const PATIENCE = 64

export interface GuardOptions {
  readonly patience?: number
  /** Told what the policy broke, if it is not one of ours. Without it, it is taken at its word that it takes only what is ready, once each. */
  readonly onBreach?: ((breach: string) => void) | undefined
  /** Told of each build that was taken only since it had been passed over for so long. */
  readonly onStarved?: ((build: BuildId) => void) | undefined
}

/** A queue's oldest build, and in how many ticks it was passed over. */
type Passed = readonly [head: BuildId, passed: number]
const NEVER: Passed = [0 as BuildId, 0]

interface Guarded {
  /** The policy whose this is: another one begins anew. */
  readonly of: string
  readonly carry: unknown
  /** By queue. */
  readonly heads: readonly Passed[]
}

export const guard = (
  policy: Policy,
  { patience = PATIENCE, onBreach, onStarved }: GuardOptions = {},
): CarryPolicy<Guarded> => {
  const name = nameOf(policy)
  const initial: Guarded = { of: name, carry: null, heads: [] }
  const doubt = isSound(policy) ? undefined : onBreach
  return {
    name,
    initial,
    tracks: tracksOf(policy),
    choose(view, known) {
      const old = known.of === name ? known : initial
      const decision =
        doubt === undefined ? decide(policy, view, old.carry) : decided(policy, view, old.carry, name, doubt)
      const sound = doubt === undefined ? decision.batch : checked(view, decision.batch, name, doubt)
      let batch = sound
      // Nothing would ever happen again.
      const { wakeMs = 0 } = decision
      const isStuck = isEmpty(sound) && !(wakeMs > 0) && !isBusy(view)
      if (isStuck && doubt !== undefined && isReady(view))
        doubt(`${name}: it takes nothing, though nothing runs and it names no \`wakeMs\` after which to ask it again`)
      const heads = headsOf(view).map(([part, head, isOpen], i): Passed => {
        const before = old.heads[i] ?? NEVER
        const passed = before[0] === head ? before : NEVER
        if (head === 0 || batch[part].includes(head)) return NEVER
        if (!isOpen) return passed
        const count = passed[1] + 1
        if (count < patience && !isStuck) return [head, count]
        if (!isStuck) onStarved?.(head)
        batch = withFirst(batch, part, head, view)
        return NEVER
      })
      const carry = 'carry' in decision ? (decision.carry ?? null) : old.carry
      const isSame = old === known && carry === old.carry && heads.every((head, i) => head === (old.heads[i] ?? NEVER))
      const kept = isSame ? known : { of: name, carry, heads }
      // Not by `...`: objects made so have each a layout of their own for V8.
      if (wakeMs > 0 && batch === sound) return { batch, carry: kept, wakeMs: Math.min(wakeMs, WAIT_MAX) }
      return { batch, carry: kept }
    },
  }
}

/** What the policy decides; where it throws, or decides nothing, all that is ready is taken, and it is told of. */
const decided = (
  policy: Policy,
  view: ReadyView,
  carry: unknown,
  name: string,
  onBreach: (breach: string) => void,
): Decision => {
  try {
    const decision = decide(policy, view, carry) as Partial<Decision> | null | undefined
    if (typeof decision?.batch === 'object' && decision.batch !== null) {
      const { carry: next, ...rest } = decision as Decision
      const why = next === undefined ? undefined : noData(next)
      if (why === undefined) return decision as Decision
      onBreach(`${name}: its carry is no plain data, so it is left as it was: ${why}`)
      return rest
    }
    const what = typeof policy === 'function' ? 'it must give' : 'its `choose` must give { batch }, with'
    onBreach(`${name}: it decides nothing: ${what} { scan, run, start, answer }, each a list of builds of the view`)
  } catch (error) {
    onBreach(`${name}: it throws: ${messageOf(error)}`)
  }
  return { batch: fullBatch()(view) }
}

/** What of `value` would not come out of a recording as it went in. */
const noData = (value: unknown, at = 'it'): string | undefined => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))
    return undefined
  if (Array.isArray(value)) return firstOf(value.entries(), (i) => `${at}[${i}]`)
  if (typeof value !== 'object') return `${at} is ${typeof value === 'number' ? value : `of type ${typeof value}`}`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return `${at} is a ${value.constructor?.name ?? 'class'}`
  return firstOf(Object.entries(value), (name) => `${at}.${name}`)
}

const firstOf = <K>(entries: Iterable<readonly [K, unknown]>, place: (key: K) => string): string | undefined => {
  for (const [key, value] of entries) {
    const why = noData(value, place(key))
    if (why !== undefined) return why
  }
  return undefined
}

const isReady = (view: ReadyView): boolean => headsOf(view).some(([, head, isOpen]) => head !== 0 && isOpen)

const isBusy = ({ state }: ReadyView): boolean => state.running > 0 || state.pools.some(({ running }) => running > 0)

type Part = 'scan' | 'run' | 'start' | 'answer'

/** Each queue's oldest build, and whether it could be taken now. */
const headsOf = ({ state, freeSlots, rooms }: ReadyView): readonly (readonly [Part, BuildId, boolean])[] => [
  ['scan', state.scan.head, true],
  ['run', state.ready.head, true],
  ['answer', state.answer.head, freeSlots > 0],
  ['start', state.start.head, freeSlots > 0],
  ...state.pools.map(({ queue }, i) => ['start', queue.head, rooms[i]! > 0] as const),
]

/** Adds `head`; where it needs a room that others were given, the last of those goes without. */
const withFirst = (batch: Batch, part: Part, head: BuildId, view: ReadyView): Batch => {
  const added = { ...batch, [part]: [head, ...batch[part]] }
  return part === 'start' || part === 'answer' ? withinRooms(view, added, part) : added
}

/** Leaves out what there is no room for: answers go first, unless one of `first` was put in front. */
const withinRooms = (view: ReadyView, batch: Batch, first: Part): Batch => {
  let slots = view.freeSlots
  const rooms = [...view.rooms]
  const fits = (pool: number): boolean => (pool === 0 ? --slots >= 0 : --rooms[pool - 1]! >= 0)
  const poolOf = (x: BuildId): number => read(view.state.flight, x, Flight.POOL)
  const startsHead = first === 'start' ? batch.start.slice(0, 1).filter((x) => fits(poolOf(x))) : []
  const answer = batch.answer.filter(() => fits(0))
  const rest = batch.start.slice(startsHead.length).filter((x) => fits(poolOf(x)))
  return { ...batch, answer, start: [...startsHead, ...rest] }
}

const wanted: Readonly<Record<Part, readonly [status: number, words: string]>> = {
  scan: [Status.SCAN, 'to be scanned'],
  run: [Status.READY, 'ready to run'],
  start: [Status.START, 'waiting to be started'],
  answer: [Status.ANSWER, 'waiting to be answered'],
}

/** What of `batch` may be taken. */
const checked = (view: ReadyView, batch: Batch, name: string, onBreach: (breach: string) => void): Batch => {
  const seen = new Set<BuildId>()
  const part = (of: Part): readonly BuildId[] => {
    const builds: unknown = (batch as Batch | undefined)?.[of]
    if (!Array.isArray(builds)) {
      onBreach(`${name}: its batch has no list \`${of}\`, but ${typeof builds}`)
      return []
    }
    return builds.filter((x: BuildId) => {
      const breach = breachOf(view.state, x, of, seen)
      if (breach !== undefined) onBreach(`${name}: ${breach}`)
      return breach === undefined
    })
  }
  const sound: Batch = { scan: part('scan'), run: part('run'), start: part('start'), answer: part('answer') }
  const fitting = withinRooms(view, sound, 'answer')
  const over = sound.start.length + sound.answer.length - fitting.start.length - fitting.answer.length
  if (over > 0) onBreach(`${name}: it starts ${over} more than there are slots and rooms for`)
  return over > 0 ? fitting : sound
}

const breachOf = (state: State, x: BuildId, part: Part, seen: Set<BuildId>): string | undefined => {
  const [status, words] = wanted[part]
  if (!Number.isSafeInteger(x) || x <= 0) return `its \`${part}\` holds ${String(x)}, which is no build`
  const row = read(state.flight, x, Flight.STATUS)
  if ((row & 15) !== status || (row & Bit.QUEUED) === 0)
    return `its \`${part}\` holds build ${x}, which is not ${words}`
  if (seen.has(x)) return `it takes build ${x} twice`
  seen.add(x)
  return undefined
}
