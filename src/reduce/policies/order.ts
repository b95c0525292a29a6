/** Policies that take in an order: which request, and which of its builds, comes first. */
import type { Batch } from '../../model/event.js'
import { optionsIn, shownOption } from '../../model/expect.js'
import type { BuildId } from '../../model/ids.js'
import { Misuse } from '../../model/misuse.js'
import { Track } from '../../model/plan.js'
import { Flight } from '../../model/state.js'
import { read } from '../../model/table.js'
import { type LaneView, type ReadyView, slotsOf } from '../gather.js'
import { AHEAD, NEAR } from './basic.js'
import { atLeast, type CarryPolicy, made, type Order, type Policy } from './policy.js'

/** How many that wait, those that came first, are looked at to find the best: a tick costs no more, however many wait. */
export const WINDOW = 256
/** So many for each slot there is are enough, and no fewer than so many in all. */
const PER_SLOT = 8
const WINDOW_MIN = 32

type OfRequest = Extract<Order, { _tag: 'ofRequest' }>

/** Takes by `orders`, the first counts most; ties go by id. `asked`: whose they are, if not ours. */
export const ordered = (
  name: string,
  orders: readonly Order[],
  tracks: number,
  ...asked: readonly Policy[]
): CarryPolicy<undefined> => {
  const policy: CarryPolicy<undefined> = {
    name,
    initial: undefined,
    tracks,
    choose: (view) => ({
      batch: orders[0]?._tag === 'ofBuild' ? byBuild(view, bestBy(view, orders)) : byRequest(view, orders),
    }),
    ...(orders.length === 1 ? { order: orders[0]! } : {}),
  }
  return made(policy, ...asked)
}

/** As much as there is room for, from what each `take` gives in turn. */
class Taken {
  readonly run: BuildId[] = []
  readonly start: BuildId[] = []
  readonly answer: readonly BuildId[]
  private readonly rooms: number[]
  private slots: number

  constructor(
    private readonly view: ReadyView,
    private readonly runMax: number,
  ) {
    this.answer = view.answer(view.freeSlots)
    this.slots = view.freeSlots - this.answer.length
    this.rooms = [...view.rooms]
  }

  get isFull(): boolean {
    return this.run.length >= this.runMax && this.slots <= 0 && this.rooms.every((room) => room <= 0)
  }

  /** `best` puts what waits for the same in order, and gives the first `max`. */
  take(from: Pick<LaneView, 'newest' | 'start' | 'pooled'>, best: Best = asTheyCome): void {
    const { run, start, runMax, rooms } = this
    if (run.length < runMax) for (const x of best((max) => from.newest(max), runMax - run.length)) run.push(x)
    if (this.slots > 0) {
      const found = best((max) => from.start(max), this.slots)
      this.slots -= found.length
      for (const x of found) start.push(x)
    }
    for (let pool = 0; pool < rooms.length; pool++) {
      if (rooms[pool]! <= 0) continue
      const found = best((max) => from.pooled(pool, max), rooms[pool]!)
      rooms[pool]! -= found.length
      for (const x of found) start.push(x)
    }
  }

  get batch(): Batch {
    const { run, start, answer } = this
    return { scan: this.view.scan(Number.POSITIVE_INFINITY), run, start, answer }
  }
}

type Best = (list: (max: number) => readonly BuildId[], max: number) => readonly BuildId[]
const asTheyCome: Best = (list, max) => list(max)

const byRequest = (view: ReadyView, orders: readonly Order[]): Batch => {
  const isOfBuild = orders.findIndex(({ _tag }) => _tag === 'ofBuild')
  const ofRequests = (isOfBuild < 0 ? orders : orders.slice(0, isOfBuild)) as readonly OfRequest[]
  const best = isOfBuild < 0 ? asTheyCome : bestBy(view, orders.slice(isOfBuild))
  const taken = new Taken(view, NEAR)
  for (const lane of lanesBy(view, ofRequests)) {
    taken.take(lane, best)
    if (taken.isFull) break
  }
  return taken.batch
}

/** Best first. Mostly the first few are all that there is room for: these are looked for, and the rest is put in order only after them. */
function* lanesBy(view: ReadyView, orders: readonly OfRequest[]): Generator<LaneView> {
  const keyed = view.lanes().map((lane) => ({ lane, keys: orders.map(({ key }) => numberOf(key(lane, view))) }))
  // They come by id, and both ways keep that where all is equal.
  for (let picked = 0; picked < FEW && keyed.length > 0; picked++) {
    let best = 0
    for (let i = 1; i < keyed.length; i++) if (compare(keyed[i]!.keys, keyed[best]!.keys) < 0) best = i
    yield keyed.splice(best, 1)[0]!.lane
  }
  keyed.sort((a, b) => compare(a.keys, b.keys))
  for (const { lane } of keyed) yield lane
}
const FEW = 4

const byBuild = (view: ReadyView, best: Best): Batch => {
  const taken = new Taken(view, Number.POSITIVE_INFINITY)
  // What is to be run is as good as done: only rooms are scarce.
  const all: Pick<LaneView, 'newest' | 'start' | 'pooled'> = { newest: view.run, start: view.start, pooled: view.pool }
  taken.take(all, (list, max) => (max === Number.POSITIVE_INFINITY ? list(max) : best(list, max)))
  return taken.batch
}

const bestBy =
  (view: ReadyView, orders: readonly Order[]): Best =>
  (list, max) => {
    const found = list(Math.max(windowOf(view), max))
    // All of them, then.
    if (found.length <= max) return found
    if (orders.length === 1 && max <= FEW) return least(view, orders[0]!, found, max)
    const keyed = found.map((x) => ({ x, keys: orders.map((order) => keyOf(view, order, x)) }))
    keyed.sort((a, b) => compare(a.keys, b.keys) || a.x - b.x)
    return keyed.slice(0, max).map(({ x }) => x)
  }

const windowOf = ({ state }: ReadyView): number => Math.min(WINDOW, Math.max(WINDOW_MIN, PER_SLOT * slotsOf(state)))

/** The first few by one order: at every tick of a build, so without an object for each that waits. */
const least = (view: ReadyView, order: Order, found: readonly BuildId[], max: number): readonly BuildId[] => {
  const left = [...found]
  const keys = left.map((x) => keyOf(view, order, x))
  const taken: BuildId[] = []
  while (taken.length < max && left.length > 0) {
    let best = 0
    for (let i = 1; i < left.length; i++) {
      const key = keys[i]!
      if (key < keys[best]! || (key === keys[best]! && left[i]! < left[best]!)) best = i
    }
    taken.push(left[best]!)
    // Ties go by id, so the last may come in its place.
    left[best] = left.at(-1)!
    keys[best] = keys.at(-1)!
    left.pop()
    keys.pop()
  }
  return taken
}

const keyOf = (view: ReadyView, order: Order, x: BuildId): number => {
  if (order._tag === 'ofBuild') return numberOf(order.key(x, view))
  const lane = view.laneOf(x)
  return lane === undefined ? 0 : numberOf(order.key(lane, view))
}

/** Nothing comes before or after what is no number. @throws Misuse */
const numberOf = (key: number): number => {
  if (typeof key === 'number' && !Number.isNaN(key)) return key
  throw new Misuse(`the key of an order must be a number, got ${shownOption(key)}`)
}

const compare = (a: readonly number[], b: readonly number[]): number => {
  for (let i = 0; i < a.length; i++) if (a[i]! !== b[i]!) return a[i]! < b[i]! ? -1 : 1
  return 0
}

const REQUESTS = Track.LANES | Track.CLOCK
const ofRequest = (name: string, key: (lane: LaneView) => number): CarryPolicy<undefined> =>
  made({ ...ordered(name, [{ _tag: 'ofRequest', key }], REQUESTS), ahead: AHEAD })

/** The request that came first comes first. */
export const firstCome = (): CarryPolicy<undefined> => ofRequest('firstCome', ({ request }) => request)

/** How much cheaper, in µs, a request counts for each µs that it has waited. */
const AGEING = 0.5

/**
 * The request that has the least left to be made comes first: the least mean latency there is, if costs are known. With `ageing`, what waits
 * comes forward, so that a large one is not passed by for ever: its key falls as fast as that of all others, so only when it came matters.
 */
export const shortestRemaining = (options: { readonly ageing?: number } = {}): CarryPolicy<undefined> => {
  const { ageing = AGEING } = optionsIn('shortestRemaining', options, ['ageing'])
  atLeast(0, ageing, 'shortestRemaining({ ageing }): ageing', AGEING_MAX)
  return ofRequest(ageing === AGEING ? 'shortestRemaining' : `shortestRemaining(${ageing})`, ({ remaining, since }) =>
    Math.round(remaining + ageing * 1000 * since),
  )
}
/** Only when it came matters from there on. */
const AGEING_MAX = 1000

/** The request that got the least so far comes first: near to the shortest first, without knowing what anything costs. */
export const leastAttained = (): CarryPolicy<undefined> => ofRequest('leastAttained', ({ attained }) => attained)

/** The request that is due first comes first; those without a deadline after all others. */
export const deadline = (): CarryPolicy<undefined> => ofRequest('deadline', (lane) => lane.deadline)

const rankOf: Order = { _tag: 'ofBuild', key: (x, view) => -view.rank(x) }

/** So many of those that wait are looked at to find the request that came first. */
const MANY = 4096
const bestOfFirst =
  (view: ReadyView): Best =>
  (list, max) => {
    const sessionOf = (x: BuildId): number => read(view.state.flight, x, Flight.SESSION)
    let left = list(Math.max(MANY, max))
    if (left.length <= max) return left
    const taken: BuildId[] = []
    while (taken.length < max) {
      let first = Number.POSITIVE_INFINITY
      for (const x of left) first = Math.min(first, sessionOf(x))
      const own = left.filter((x) => sessionOf(x) === first)
      for (const x of bestBy(view, [rankOf])(() => own, max - taken.length)) taken.push(x)
      left = left.filter((x) => sessionOf(x) !== first)
    }
    return taken
  }

/**
 * What the most costly chain of builds waits for starts first: the shortest makespan, mostly, of one large build. Of several requests, which
 * have no chain in common, the one that came first comes first: by their chains alone the largest would.
 */
export const criticalPath = (): CarryPolicy<undefined> =>
  made({
    ...ordered('criticalPath', [rankOf], Track.RANK),
    choose: (view) => ({
      batch: byBuild(view, view.state.sessions.size > 1 ? bestOfFirst(view) : bestBy(view, [rankOf])),
    }),
  })
