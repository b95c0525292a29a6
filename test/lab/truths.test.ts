/** What theory says of schedules, held against the lab: it drives the engine that builds, so both are tested. */
import { setAutoFreeze } from 'immer'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Graph, lowerBound, type Task } from '../../src/lab/graph.js'
import { metricsOf } from '../../src/lab/metrics.js'
import { Random } from '../../src/lab/random.js'
import { type Run, simulate } from '../../src/lab/simulate.js'
import { type Costs, chain, layered, star } from '../../src/lab/synthetic.js'
import { arriving, once, type Workload } from '../../src/lab/workload.js'
import * as policies from '../../src/reduce/policies/index.js'
import { policyNamed, policyNames } from '../../src/reduce/policies/named.js'
import type { Policy } from '../../src/reduce/policies/policy.js'

// These are long runs; what freezing would find, other tests do.
beforeAll(() => setAutoFreeze(false))

const task = (name: string, cost: number, deps: readonly number[] = []): Task => ({
  name,
  cost,
  deps,
  sources: [],
  rule: 'task',
})
const graphOf = (name: string, tasks: readonly Task[]): Graph => ({ name, tasks, sources: [] })

/** Each leaves no slot free while a task could have it: all but the one that waits. Those that take little are asked again at once. */
const conserving: readonly string[] = [
  ...policyNames.filter((name) => name !== 'nagle' && name !== 'perClass'),
  'fairShare(build: 3)',
  'perClass(build: criticalPath)',
  'leastAttained>criticalPath',
  'shortestRemaining+slice(5)',
]

/** Every task ran once, and not before what it needs. */
const expectSound = ({ workload, gantt }: Run): void => {
  const { tasks } = workload.jobs[0]!.graph
  const endOf = new Map(gantt.map(({ name, end }) => [name, end]))
  expect(gantt).toHaveLength(tasks.length)
  for (const { name, start } of gantt) {
    const { deps } = tasks.find((each) => each.name === name)!
    for (const d of deps) expect(endOf.get(tasks[d]!.name)).toBeLessThanOrEqual(start)
  }
}

/** While a task waits for nothing but a slot, all slots are busy. */
const expectConserving = ({ workload, machine, gantt }: Run): void => {
  const { tasks } = workload.jobs[0]!.graph
  const spanOf = new Map(gantt.map(({ name, start, end }) => [name, { start, end }]))
  const times = [...new Set(gantt.map(({ start }) => start).concat(gantt.map(({ end }) => end)))]
  const busy = times.map((at) => gantt.filter(({ start, end }) => start <= at && at < end).length)
  for (const { name, deps } of tasks) {
    const ready = Math.max(0, ...deps.map((d) => spanOf.get(tasks[d]!.name)!.end))
    const { start } = spanOf.get(name)!
    for (const [i, at] of times.entries()) if (ready <= at && at < start) expect(busy[i]).toBe(machine.slots)
  }
}

describe('list scheduling', () => {
  it('stays within the bound of Graham (1966), under every policy that leaves no slot idle', () => {
    const costs: Costs = { _tag: 'logNormal', medianUs: 10_000, sigma: 1.5 }
    for (let seed = 1; seed <= 6; seed++) {
      const graphs = [
        layered({ layers: 6, width: 12, degree: 3 }, costs, seed),
        star(30, costs, seed),
        chain(10, costs, seed),
      ]
      for (const graph of graphs)
        for (const slots of [2, 3, 7])
          for (const name of conserving) {
            const run = simulate(once(graph), { policy: policyNamed(name), machine: { slots }, gantt: true, seed })
            expectSound(run)
            expectConserving(run)
            expect(run.makespan).toBeGreaterThanOrEqual(lowerBound(graph, slots))
            expect(run.makespan).toBeLessThanOrEqual((2 - 1 / slots) * lowerBound(graph, slots))
            expect(metricsOf(run).makespanRatio).toBe(run.makespan / lowerBound(graph, slots))
          }
    }
  })

  it('shows the anomaly of Graham (1969): every task shorter, and the whole takes longer', () => {
    const ms = 1000
    const anomaly = (less: number): Graph =>
      graphOf('anomaly', [
        task('1', (3 - less) * ms),
        task('2', (2 - less) * ms),
        task('3', (2 - less) * ms),
        task('4', (2 - less) * ms),
        task('5', (4 - less) * ms, [3]),
        task('6', (4 - less) * ms, [3]),
        task('7', (4 - less) * ms, [3]),
        task('8', (4 - less) * ms, [3]),
        task('9', (9 - less) * ms, [0]),
      ])
    // In the order in which they are listed, as Graham's list is.
    const makespan = (less: number): number =>
      simulate(once(anomaly(less)), { policy: byName, machine: { slots: 3 } }).makespan / ms
    expect(makespan(0)).toBe(12)
    expect(makespan(1)).toBe(13)
  })
})

/** The smallest id first: tasks have theirs in the order in which they are listed. */
const byName: Policy = (view) => ({
  scan: view.scan(Number.POSITIVE_INFINITY),
  run: view.run(Number.POSITIVE_INFINITY),
  start: [...view.start(100)].sort((a, b) => a - b).slice(0, view.freeSlots),
  answer: [],
})

const single = (sizes: readonly number[], arrivals: readonly number[]): Workload =>
  arriving(
    'single',
    sizes.map((us, i) => graphOf(`job ${i}`, [task(`task ${i}`, us)])),
    { _tag: 'trace', times: arrivals },
    new Random(1),
  )

describe('one slot', () => {
  it('the shortest first has the least mean latency of all orders', () => {
    const random = new Random(11)
    for (let round = 0; round < 20; round++) {
      const sizes = Array.from({ length: 6 }, () => 1000 * (1 + random.below(20)))
      const workload = single(
        sizes,
        sizes.map(() => 0),
      )
      const { answered } = simulate(workload, {
        policy: policies.shortestRemaining({ ageing: 0 }),
        machine: { slots: 1 },
      })
      const least = Math.min(...orders(sizes).map(totalLatency))
      expect(answered.reduce((sum, at) => sum + at, 0)).toBe(least)
      const first = simulate(workload, { policy: policies.firstCome(), machine: { slots: 1 } })
      expect(first.answered.reduce((sum, at) => sum + at, 0)).toBe(totalLatency(sizes))
    }
  })

  it('jobs that can be cut: the shortest remaining is the best of all ways to interleave them', () => {
    const random = new Random(5)
    for (let round = 0; round < 30; round++) {
      // No job comes in the very moment in which a task ends.
      const jobs = Array.from({ length: 3 }, (_, i) => ({
        at: random.below(4) * 1000 + 7 * i * i + i,
        length: 1 + random.below(3),
      }))
      const graphs = jobs.map(({ length }, i) => ({ ...chain(length, { _tag: 'fixed', us: 1000 }), name: `job ${i}` }))
      const workload = arriving('cut', graphs, { _tag: 'trace', times: jobs.map(({ at }) => at) }, random)
      const run = simulate(workload, { policy: policies.shortestRemaining({ ageing: 0 }), machine: { slots: 1 } })
      const total = run.answered.reduce((sum, at, i) => sum + at - run.asked[i]!, 0)
      expect(total).toBe(leastInterleaved(jobs, 0))
    }
  })

  it('a queue is what the recursion of Lindley (1952) says, job by job', () => {
    const { arrivals, sizes } = drawn(exponential, 0.8, 5_000, 4)
    const run = simulate(single(sizes, arrivals), { policy: policies.fullBatch(), machine: { slots: 1 } })
    expect(run.answered).toEqual(lindley(arrivals, sizes))
  })

  it.each([
    ['M/M/1', 20, exponential, 4],
    // 1/µ + ρ / (2 µ (1 - ρ)), after Pollaczek and Khinchine, with 1/µ = 10 ms.
    ['M/D/1', 15, () => 10_000, 2],
  ] as const)(
    'the mean time in an %s queue is that of theory, %d ms at half load, within 1 %%',
    (_, theory, service, seed) => {
      const count = 100_000
      const { arrivals, sizes } = drawn(service, 0.5, count, seed)
      const run = simulate(single(sizes, arrivals), { policy: policies.fullBatch(), machine: { slots: 1 } })
      expect(Math.abs(metricsOf(run).all.mean / theory - 1)).toBeLessThan(0.01)
      // Not by the luck of the seed: as the lab is the recursion, many more jobs may be had by that.
      const many = drawn(service, 0.5, 40 * count, seed + 100)
      const total = lindley(many.arrivals, many.sizes).reduce((sum, at, i) => sum + (at - many.arrivals[i]!), 0)
      expect(Math.abs(total / (40 * count) / 1000 / theory - 1)).toBeLessThan(0.01)
    },
  )
})

const exponential = (random: Random): number => Math.max(1, Math.round(random.exponential(10_000)))

const drawn = (service: (random: Random) => number, load: number, count: number, seed: number) => {
  const random = new Random(seed)
  let at = 0
  const arrivals: number[] = []
  const sizes: number[] = []
  for (let i = 0; i < count; i++) {
    at += random.exponential(10_000 / load)
    arrivals.push(Math.round(at))
    sizes.push(service(random))
  }
  return { arrivals, sizes }
}

/** When each job ends, first come first. */
const lindley = (arrivals: readonly number[], sizes: readonly number[]): readonly number[] => {
  let free = 0
  return arrivals.map((at, i) => {
    free = Math.max(free, at) + sizes[i]!
    return free
  })
}

const totalLatency = (sizes: readonly number[]): number =>
  sizes.reduce(({ now, total }, size) => ({ now: now + size, total: total + now + size }), { now: 0, total: 0 }).total

const orders = (items: readonly number[]): readonly (readonly number[])[] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item, i) => orders([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]))

/** By trying all: the least sum of latencies, in µs, one task of 1 ms at a time, never idle. */
const leastInterleaved = (jobs: readonly { readonly at: number; readonly length: number }[], now: number): number => {
  const open = jobs.filter(({ length }) => length > 0)
  if (open.length === 0) return 0
  const start = Math.max(now, Math.min(...open.map(({ at }) => at)))
  const ready = jobs.flatMap(({ at, length }, i) => (length > 0 && at <= start ? [i] : []))
  return Math.min(
    ...ready.map((i) => {
      const { at, length } = jobs[i]!
      const next = jobs.map((job, j) => (j === i ? { at, length: length - 1 } : job))
      return (length === 1 ? start + 1000 - at : 0) + leastInterleaved(next, start + 1000)
    }),
  )
}
