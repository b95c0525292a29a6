// What the slice driver is for: while a large request is answered, the event loop is free now and then, and a small request passes.
import { median } from './support.mjs'

const { codec, createEngine, rule, source } = await import('../../dist/index.js')

const LATE = 20
/** Of the large request, so many of each driver; before those, some that warm the code up. */
const ROUNDS = 41
const WARM_UP = 3
const LEAVES = 50_000
const SLICE = /** @type {const} */ ({ per: { ms: 5 } })

const leaf = source('leaf', { key: codec.int, value: codec.int, read: (i) => i })
const sum = rule('sum', { key: codec.tuple(codec.int, codec.int), value: codec.int }, function* ([from, to], b) {
  if (to - from === 2) {
    const [x, y] = yield* b.all([leaf(from), leaf(from + 1)])
    return (x + y) | 0
  }
  // Halves that begin at an even leaf.
  const middle = from + 2 * ((to - from + 2) >> 2)
  const [x, y] = yield* b.all([sum([from, middle]), sum([middle, to])])
  return (x + y) | 0
})

const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The time between one turn of the event loop and the next, until `stop` is called. */
const watchTurns = () => {
  /** @type {{ ms: number, cpu: number }[]} */
  const turns = []
  let isOver = false
  let [at, cpuAt] = [performance.now(), cpuMs()]
  const look = () => {
    const [now, cpu] = [performance.now(), cpuMs()]
    turns.push({ ms: now - at, cpu: cpu - cpuAt })
    at = now
    cpuAt = cpu
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  return () => {
    isOver = true
    return turns
  }
}

const percentile = (/** @type {readonly number[]} */ all, /** @type {number} */ part) =>
  [...all].sort((a, b) => a - b)[Math.ceil(all.length * part) - 1] ?? Number.NaN

/** The large request alone. */
const large = async (/** @type {import('../../dist/index.js').Drive} */ drive) => {
  const eng = createEngine({ rules: [leaf, sum], drive })
  const begun = cpuMs()
  const stop = watchTurns()
  await eng.once(sum([0, LEAVES])).promise
  const cpu = cpuMs() - begun
  const turns = stop()
  await eng.close()
  return { cpu, turns }
}

/** How long a small request takes that comes after so many ms. */
const small = async (/** @type {number} */ round) => {
  const eng = createEngine({ rules: [leaf, sum], drive: SLICE })
  const answer = eng.once(sum([0, LEAVES])).promise
  await new Promise((resolve) => {
    setTimeout(resolve, 5 + round * 5)
  })
  const begun = performance.now()
  // Four leaves and three sums, none of which the large request has a part in.
  const from = 1_000_000 + round * 10
  await eng.once(sum([from, from + 4])).promise
  if (eng.progress().requests.length === 0) throw new Error('the large request was answered before the small one')
  const ms = performance.now() - begun
  await answer
  await eng.close()
  return ms
}

/** @returns {AsyncGenerator<import('./report.mjs').Row>} */
export async function* sliceRows() {
  const times = []
  for (let round = 0; round < LATE; round++) times.push(await small(round))
  yield {
    name: 'a request of 7 builds during one of 100,000',
    unit: 'ms',
    figures: { median: median(times), most: Math.max(...times) },
    value: median(times),
    goal: 10,
    bound: 20,
    note: `${LATE} rounds, driver { per: { ms: 5 } }`,
  }
  const taken = []
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    // Each round is begun by another.
    const fixpoint = round % 2 === 0 ? await large({ per: 'fixpoint' }) : undefined
    const slice = await large(SLICE)
    const pair = { slice, fixpoint: fixpoint ?? (await large({ per: 'fixpoint' })) }
    if (round >= WARM_UP) taken.push(pair)
  }
  const turns = (/** @type {'ms' | 'cpu'} */ what, /** @type {number} */ part) =>
    median(
      taken.map(({ slice }) =>
        percentile(
          slice.turns.map((turn) => turn[what]),
          part,
        ),
      ),
    )
  yield {
    name: '99 % of the turns during 100,000 builds',
    unit: 'ms',
    figures: {
      wall: turns('ms', 0.99),
      cpu: turns('cpu', 0.99),
      'wall, most': turns('ms', 1),
      'cpu, most': turns('cpu', 1),
    },
    value: turns('ms', 0.99),
    goal: 10,
    bound: 10,
  }
  const slices = median(taken.map(({ slice }) => slice.cpu))
  const fixpoint = median(taken.map(({ fixpoint }) => fixpoint.cpu))
  yield {
    name: 'CPU of 100,000 builds in slices',
    unit: 'ms',
    figures: { slices, 'fixed point': fixpoint },
    value: slices / fixpoint,
    against: 'the fixed point',
    goal: 1.05,
    bound: 1.1,
  }
}
