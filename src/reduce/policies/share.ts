/** Policies that share among classes of requests, or among policies. */
import { type Batch, emptyBatch } from '../../model/event.js'
import { shownOption } from '../../model/expect.js'
import type { BuildId } from '../../model/ids.js'
import { Misuse } from '../../model/misuse.js'
import { Track } from '../../model/plan.js'
import { Flight } from '../../model/state.js'
import { read } from '../../model/table.js'
import type { LaneView, ReadyView } from '../gather.js'
import { NEAR } from './basic.js'
import { ordered } from './order.js'
import { type CarryPolicy, decide, isPolicy, made, nameOf, type Policy, tracksOf, viewOf } from './policy.js'

/** By class, what it is taken to have got, beyond what it got, in µs by its weight: pairs, since a class may have any name. */
export interface Shared {
  /** What the class that has the least of those who want something has got. */
  readonly least: number
  readonly given: readonly (readonly [name: string, given: number])[]
}

/**
 * Every class of requests gets its part of what is made, by `weights` (1, if it has none), as long as it wants it; what it did not want is not
 * saved up (start-time fair queueing, Goyal, Vin and Cheng, 1996). Within a class, first come first.
 */
export const fairShare = (weights: Readonly<Record<string, number>> = {}): CarryPolicy<Shared> => {
  const all = entriesOf('fairShare(weights): `weights`', 'numbers by class, as in { ui: 3, batch: 1 }', weights)
  for (const [name, weight] of all)
    if (!(typeof weight === 'number' && weight > 0 && Number.isFinite(weight)))
      throw new Misuse(`fairShare(weights): the weight of ${name} must be a number above 0, got ${shownOption(weight)}`)
  return made({
    name: all.length === 0 ? 'fairShare' : `fairShare(${all.map(([name, weight]) => `${name}: ${weight}`).join(', ')})`,
    initial: { least: 0, given: [] },
    tracks: Track.LANES,
    choose: (view, { least, given }) => {
      const dealers = new Map<string, Dealer>()
      for (const lane of view.lanes()) {
        const weight = Object.hasOwn(weights, lane.class) ? weights[lane.class]! : 1
        if (!dealers.has(lane.class)) dealers.set(lane.class, new Dealer(weight))
        dealers.get(lane.class)!.lanes.push(lane)
      }
      if (dealers.size === 0) return { batch: dealt(view, []) }
      const all = new Map(given)
      for (const [name, dealer] of dealers) {
        const own = Math.round(view.attained(name) / dealer.weight)
        dealer.served = Math.max(own + (all.get(name) ?? 0), least)
        all.set(name, dealer.served - own)
      }
      const now = Math.min(...[...dealers.values()].map(({ served }) => served))
      return { batch: dealt(view, [...dealers.values()]), carry: { least: now, given: [...all] } }
    },
  })
}

/** @throws Misuse */
const entriesOf = <A>(
  what: string,
  wanted: string,
  of: Readonly<Record<string, A>>,
): readonly (readonly [string, A])[] => {
  if (typeof of !== 'object' || of === null || Array.isArray(of))
    throw new Misuse(`${what} must be ${wanted}, got ${shownOption(of)}`)
  return Object.entries(of)
}

/** @throws Misuse */
const expectPolicy = (what: string, policy: unknown): void => {
  if (!isPolicy(policy))
    throw new Misuse(`${what} must be a policy, such as policies.shortestRemaining(), got ${shownPolicy(policy)}`)
}

/** What is no policy, in words. */
const shownPolicy = (policy: unknown): string =>
  typeof policy === 'function' ? 'a function that makes one and is not called' : shownOption(policy)

/** What one class could have done, next first. */
class Dealer {
  readonly lanes: LaneView[] = []
  served = 0
  private readonly lists = new Map<string, BuildId[]>()
  constructor(readonly weight: number) {}

  next(kind: string, list: (lane: LaneView) => readonly BuildId[]): BuildId | undefined {
    let found = this.lists.get(kind)
    if (found === undefined) {
      found = this.lanes.flatMap(list).reverse()
      this.lists.set(kind, found)
    }
    return found.pop()
  }
}

/** Room by room, to whoever got the least. */
const dealt = (view: ReadyView, dealers: Dealer[]): Batch => {
  const answer = view.answer(view.freeSlots)
  const deal = (room: number, kind: string, list: (lane: LaneView) => readonly BuildId[]): readonly BuildId[] => {
    const given: BuildId[] = []
    let open = dealers
    while (given.length < room && open.length > 0) {
      const least = open.reduce((a, b) => (b.served < a.served ? b : a))
      const x = least.next(kind, list)
      if (x === undefined) open = open.filter((dealer) => dealer !== least)
      else {
        given.push(x)
        least.served += view.cost(x) / least.weight
      }
    }
    return given
  }
  const slots = view.freeSlots - answer.length
  const start = [...deal(slots, 'start', (lane) => lane.start(slots))]
  view.rooms.forEach((room, pool) => void start.push(...deal(room, `pool ${pool}`, (lane) => lane.pooled(pool, room))))
  return { scan: view.scan(Number.POSITIVE_INFINITY), run: deal(NEAR, 'run', (lane) => lane.run(NEAR)), start, answer }
}

/** Takes by the first; what that holds for equal, by the second, and so on. */
export const lexicographic = (...policies: readonly CarryPolicy<undefined>[]): CarryPolicy<undefined> => {
  if (policies.length === 0) throw new Misuse('lexicographic: it takes one policy or more, got none')
  const orders = policies.map((policy) => {
    if (policy?.order === undefined)
      throw new Misuse(
        `lexicographic: ${isPolicy(policy) ? nameOf(policy) : shownPolicy(policy)} has no order: it takes firstCome, shortestRemaining, leastAttained, deadline, criticalPath`,
      )
    return policy.order
  })
  return ordered(policies.map(nameOf).join('>'), orders, allTracks(policies) | Track.LANES, ...policies)
}

/** What `first` chooses, cut down by each of `others` in turn: `compose(shortestRemaining(), slice(5))`. */
export const compose = (first: Policy, ...others: readonly Policy[]): CarryPolicy<readonly unknown[]> => {
  const all = [first, ...others]
  all.forEach((each, i) => expectPolicy(`compose: its policy ${i + 1}`, each))
  const policy: CarryPolicy<readonly unknown[]> = {
    name: all.map(nameOf).join('+'),
    initial: [],
    tracks: allTracks(all),
    choose: (view, carries) => {
      let seen = view
      let batch: Batch = emptyBatch
      let wakeMs: number | undefined
      const next = all.map((policy, i) => {
        const decision = decide(policy, seen, carries[i])
        batch = decision.batch
        seen = viewOf(view, batch)
        wakeMs = decision.wakeMs ?? wakeMs
        return ('carry' in decision ? decision.carry : carries[i]) ?? null
      })
      return { batch, carry: next, ...(wakeMs === undefined ? {} : { wakeMs }) }
    },
  }
  return made(policy, ...all)
}

/** Each class of requests by a policy of its own, the first named first; what is of none of them, by that of class `''`, or else as it comes. */
export const perClass = (policies: Readonly<Record<string, Policy>>): CarryPolicy<readonly unknown[]> => {
  const named = entriesOf('perClass(policies): `policies`', 'policies by class, as in { ui: firstCome() }', policies)
  if (named.length === 0) throw new Misuse('perClass(policies): `policies` names no class, and must name one or more')
  for (const [name, policy] of named) expectPolicy(`perClass(policies): that of ${name}`, policy)
  const classes = named.map(([name]) => name)
  const isOther = (lane: LaneView): boolean => !classes.includes(lane.class)
  const all: readonly (readonly [(lane: LaneView) => boolean, Policy])[] = [
    ...classes.map((name) => [(lane: LaneView) => lane.class === name, policies[name]!] as const),
    [isOther, Object.hasOwn(policies, '') ? policies['']! : ordered('asTheyCome', [], Track.LANES)],
  ]
  const policy: CarryPolicy<readonly unknown[]> = {
    name: `perClass(${classes.map((name) => `${name}: ${nameOf(policies[name]!)}`).join(', ')})`,
    initial: [],
    tracks: allTracks(Object.values(policies)) | Track.LANES,
    choose: (view, carries) => {
      const lanes = view.lanes()
      const answer = view.answer(view.freeSlots)
      let batch: Batch = { ...emptyBatch, scan: view.scan(Number.POSITIVE_INFINITY), answer }
      let wakeMs = Number.POSITIVE_INFINITY
      const next = all.map(([isOfClass, policy], i) => {
        const own = lanes.filter(isOfClass)
        if (own.length === 0) return carries[i] ?? null
        const decision = decide(policy, without(viewOfLanes(view, own), batch), carries[i])
        const { run, start } = decision.batch
        wakeMs = Math.min(wakeMs, decision.wakeMs ?? wakeMs)
        batch = { ...batch, run: [...batch.run, ...run], start: [...batch.start, ...start] }
        return ('carry' in decision ? decision.carry : carries[i]) ?? null
      })
      return { batch, carry: next, ...(wakeMs < Number.POSITIVE_INFINITY && { wakeMs }) }
    },
  }
  return made(policy, ...all.map(([, each]) => each))
}

/** Only these requests. */
const viewOfLanes = (view: ReadyView, lanes: readonly LaneView[]): ReadyView => {
  const listOf = (list: (lane: LaneView, max: number) => readonly BuildId[]) => (max: number) => {
    const found: BuildId[] = []
    for (const lane of lanes) if (found.length < max) found.push(...list(lane, max - found.length))
    return found
  }
  const pool = (number: number, max: number): readonly BuildId[] => listOf((lane, n) => lane.pooled(number, n))(max)
  const run = listOf((lane, max) => lane.run(max))
  return {
    ...view,
    scan: () => [],
    answer: () => [],
    run,
    newest: run,
    start: listOf((lane, max) => lane.start(max)),
    pool,
    pooled: view.rooms.flatMap((room, number) => pool(number, room)),
    lanes: () => lanes,
  }
}

/** As if what `batch` takes were taken. */
const without = (view: ReadyView, { start, answer }: Batch): ReadyView => {
  const rooms = [...view.rooms]
  let slots = view.freeSlots - answer.length
  for (const x of start) {
    // Of another class, it is in none of the lists of this view.
    const pool = read(view.state.flight, x, Flight.POOL)
    if (pool === 0) slots--
    else rooms[pool - 1]!--
  }
  return { ...view, rooms, freeSlots: slots, pooled: rooms.flatMap((room, number) => view.pool(number, room)) }
}

const allTracks = (policies: readonly Policy[]): number =>
  policies.reduce((tracks, policy) => tracks | tracksOf(policy), 0)
