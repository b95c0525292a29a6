// What one tick of the core costs, in process: no file, no do-file, no store.
//
// Over N builds at rest, each depending on the next hundred's first, k of them chosen from all over the tables are requested, looked at
// and found changed: two ticks, of which each touches exactly those k. Half of the time of the pair is the figure.
// Immutable state must not make it depend on N.
import { buildId, emptyState, endTurn, gather, policies, reduce } from '../../dist/index.js'

const sizes = [1_000, 10_000, 100_000, 1_000_000]
const counts = [1, 100, 10_000]
/** At most this many times the cost at the smallest N; and the goal in µs at a million builds, k = 1. */
const limits = { goal: 10, boundRatio: 3 }
const lookStride = 8

const median = (/** @type {number[]} */ values) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

/** A step of the engine whose make finds content `content` in every file it looks at. */
const tick = (state, events, content) => {
  const batch = policies.fullBatch()(gather(state))
  const receipts = []
  if (batch.scan.length > 0) {
    const looks = new Int32Array(batch.scan.length * lookStride)
    for (let i = 0; i < batch.scan.length; i++) looks.set([1, 0, content, 0, content, 0, 0, 0], i * lookStride)
    receipts.push({ _tag: 'scanned', builds: batch.scan, looks })
  }
  return reduce(state, { batch, receipts, events }).state
}

const requested = (request, targets) => ({
  _tag: 'requested',
  request: buildId(request),
  by: buildId(0),
  session: buildId(request),
  targets,
  want: 'ifchange',
  keepGoing: true,
  jobs: 1,
  trust: false,
})

/** Builds 1..n, all at rest as sources. */
const atRest = (n) => {
  let state = tick(
    emptyState,
    [
      requested(
        n + 1,
        Array.from({ length: n }, (_, i) => buildId(i + 1)),
      ),
    ],
    1,
  )
  state = endTurn(tick(state, [], 1))
  if (state.inFlight !== 0) throw new Error('not at rest')
  return state
}

/** Seeded, so that every run visits the same rows. */
const random = (seed) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0
  return (seed >>> 0) / 2 ** 32
}

const measure = (state, n, k, content) => {
  const next = random(k)
  const pick = () => [...new Set(Array.from({ length: k }, () => buildId(1 + Math.floor(next() * n))))]
  const rounds = k === 1 ? 400 : k === 100 ? 100 : 7
  const times = []
  for (let round = 0; round < rounds; round++) {
    const targets = pick()
    const begun = process.hrtime.bigint()
    state = tick(state, [requested(n + 1, targets)], ++content.value)
    state = endTurn(tick(state, [], content.value))
    times.push(Number(process.hrtime.bigint() - begun) / 2000)
  }
  if (state.inFlight !== 0) throw new Error('not at rest')
  return [state, median(times)]
}

/**
 * @param {import('./support.mjs').World} world
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* tickRows(world) {
  const used = world.quick ? sizes.slice(0, 3) : sizes
  const states = new Map(used.map((n) => [n, atRest(n)]))
  const content = { value: 1 }
  for (const k of counts) {
    /** @type {Record<string, number>} */
    const figures = {}
    // Interleaved, and the first round of each thrown away: the machine and the compiler warm up alike for all.
    const rounds = used.filter((n) => n >= k)
    const taken = new Map(rounds.map((n) => [n, []]))
    for (let round = 0; round < 6; round++) {
      for (const n of rounds) {
        const [state, time] = measure(states.get(n), n, k, content)
        states.set(n, state)
        if (round > 0) taken.get(n).push(time)
      }
    }
    for (const n of rounds) figures[`N=${n}`] = median(taken.get(n))
    const [first, last] = [figures[`N=${rounds[0]}`], figures[`N=${rounds.at(-1)}`]]
    yield {
      name: `tick that changes ${k} of N builds`,
      unit: 'µs',
      figures,
      value: last / first,
      against: `N=${rounds[0]}`,
      ...(k === 1 ? { goal: 1, bound: limits.boundRatio } : {}),
      note:
        k === 1
          ? `judged: largest N beside smallest; goal ${limits.goal} µs at 1,000,000: ${last <= limits.goal ? 'reached' : 'not reached'}`
          : 'not judged',
    }
  }
}
