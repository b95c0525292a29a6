/** What is to be said of one run. Times in ms. */
import type { Run } from './simulate.js'
import { leastOf, makespanBound } from './workload.js'

export interface Latency {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
  /** Latency by what the job takes at least, were it alone: mean, and of the worst but one in a hundred. */
  readonly slowdown: number
  readonly slowdownP99: number
  /** Part of those with a deadline that were answered after it; 0 without any. */
  readonly late: number
}

export interface Metrics {
  readonly makespan: number
  /** By what no schedule is better than. */
  readonly makespanRatio: number
  readonly all: Latency
  readonly byClass: Readonly<Record<string, Latency>>
  /** How late the engine heard of what happened outside, and its longest turn. */
  readonly delayP99: number
  readonly longestTurn: number
  /** Builds a tick, of those ticks that took any. */
  readonly occupancy: number
  readonly occupancyP99: number
  /** Part of the time in which a slot was busy. */
  readonly utilisation: number
  /** Jain's index over the speeds of jobs (1 / slowdown): 1, if all are slowed down alike. */
  readonly jain: number
  /** As in `Run`. */
  readonly wasted: number
  readonly shared: number
  /** The longest that a task waited for a slot. */
  readonly longestWait: number
  /** Builds that the policy passed over until they were taken all the same. */
  readonly starved: number
  readonly ticks: number
  readonly turns: number
  readonly runs: number
  /** What a tick, and a build, took of the engine's own time, in µs: measured, so another each time. */
  readonly realUsPerTick: number
  readonly realUsPerBuild: number
}

export const metricsOf = (run: Run): Metrics => {
  const { workload, machine, asked, answered } = run
  const slots = Math.max(1, machine.slots)
  const latencies = answered.map((at, job) => (at - asked[job]!) / 1000)
  const slowdowns = latencies.map((ms, job) => (ms * 1000) / Math.max(1, leastOf(workload.jobs[job]!.graph, slots)))
  const jobs = workload.jobs.map(({ class: of, due }, i) => ({
    class: of,
    ms: latencies[i]!,
    slowdown: slowdowns[i]!,
    ...(due !== undefined && { dueMs: due / 1000 }),
  }))
  const occupancy = sorted(run.batches)
  const builds = Math.max(1, run.runs)
  return {
    makespan: run.makespan / 1000,
    makespanRatio: run.makespan / Math.max(1, makespanBound(workload, slots)),
    ...latenciesOf(jobs),
    delayP99: quantile(sorted(run.delays), 0.99) / 1000,
    longestTurn: run.longestTurn / 1000,
    occupancy: meanOf(run.batches),
    occupancyP99: quantile(occupancy, 0.99),
    utilisation: run.makespan === 0 ? 0 : run.busy / run.makespan / slots,
    jain: jainOf(slowdowns.map((slowdown) => 1 / slowdown)),
    wasted: run.wasted,
    shared: run.shared,
    longestWait: run.longestWait / 1000,
    starved: run.starved,
    ticks: run.ticks,
    turns: run.turns,
    runs: run.runs,
    realUsPerTick: (run.realMs * 1000) / Math.max(1, run.ticks),
    realUsPerBuild: (run.realMs * 1000) / builds,
  }
}

/** How long one request took, and how long it might have. */
export interface Answered {
  readonly class: string
  readonly ms: number
  readonly slowdown: number
  readonly dueMs?: number
}

/** Of all, and of each class. */
export const latenciesOf = (all: readonly Answered[]): Pick<Metrics, 'all' | 'byClass'> => {
  const classes = [...new Set(all.map((one) => one.class))].sort()
  const byClass = classes.map((name) => [name, latencyOf(all.filter((one) => one.class === name))] as const)
  return { all: latencyOf(all), byClass: Object.fromEntries(byClass) }
}

const latencyOf = (all: readonly Answered[]): Latency => {
  const latencies = all.map(({ ms }) => ms)
  const slowdowns = all.map(({ slowdown }) => slowdown)
  const order = sorted(latencies)
  const due = all.filter(({ dueMs }) => dueMs !== undefined)
  return {
    count: all.length,
    mean: meanOf(latencies),
    p50: quantile(order, 0.5),
    p95: quantile(order, 0.95),
    p99: quantile(order, 0.99),
    max: quantile(order, 1),
    slowdown: meanOf(slowdowns),
    slowdownP99: quantile(sorted(slowdowns), 0.99),
    late: due.filter(({ ms, dueMs }) => ms > dueMs!).length / Math.max(1, due.length),
  }
}

export const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b)

export const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

/** The smallest value that this part of all do not exceed (nearest rank). `order` rises. */
export const quantile = (order: readonly number[], part: number): number =>
  order.length === 0 ? 0 : order[Math.max(0, Math.ceil(part * order.length) - 1)]!

const jainOf = (speeds: readonly number[]): number => {
  const sum = speeds.reduce((a, b) => a + b, 0)
  const squares = speeds.reduce((a, b) => a + b * b, 0)
  return squares === 0 ? 1 : (sum * sum) / (speeds.length * squares)
}

/** A number of the latencies of a class, by the name that `numberOf` takes. The class may have any name. */
export const ofClass = (name: string, column: string): string => `byClass.${name}.${column}`

/** One number by its name, as in `all.p99`; undefined, if there is none. */
export const numberOf = (metrics: Metrics, name: string): number | undefined => {
  const [, of, column] = /^byClass\.(.*)\.(\w+)$/s.exec(name) ?? []
  let found: unknown = metrics
  for (const part of column === undefined ? name.split('.') : ['byClass', of!, column])
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, part)
        ? (found as Record<string, unknown>)[part]
        : undefined
  return typeof found === 'number' ? found : undefined
}
