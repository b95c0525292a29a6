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
  /** Latency by what the job takes at least, were it alone: mean, and of the worst but one in a hundred. Absent where none takes anything. */
  readonly slowdown?: number
  readonly slowdownP99?: number
  /** Part of those with a deadline that were answered after it; absent without any. */
  readonly late?: number
}

/** What is not known of a run is absent: a recording that is run again does not tell all that a simulation does. */
export interface Metrics {
  /** From the first request to the last answer. */
  readonly makespan: number
  /** By what no schedule is better than. */
  readonly makespanRatio?: number
  /** By that of the recording, of one. */
  readonly makespanByRecorded?: number
  readonly all: Latency
  readonly byClass: Readonly<Record<string, Latency>>
  /** How late the engine heard of what happened outside, and its longest turn. */
  readonly delayP99?: number
  readonly longestTurn?: number
  /** Builds a tick, of those ticks that took any. */
  readonly occupancy?: number
  readonly occupancyP99?: number
  /** Part of the time in which a slot was busy. */
  readonly utilisation?: number
  /** Jain's index over the speeds of jobs (1 / slowdown) that take anything: 1, if all are slowed down alike. */
  readonly jain?: number
  /** As in `Run`. */
  readonly wasted?: number
  readonly shared?: number
  /** The longest that a task waited since all it needs was there, whether for a slot or for its turn to be looked at. */
  readonly longestWait?: number
  /** Builds that the policy passed over until they were taken all the same. */
  readonly starved: number
  readonly ticks: number
  readonly turns?: number
  readonly runs: number
  /** What a tick, and a build, took of the engine's own time, in µs: measured, so another each time. */
  readonly realUsPerTick?: number
  readonly realUsPerBuild?: number
}

export const metricsOf = (run: Run): Metrics => {
  const { workload, machine, asked, answered } = run
  const slots = Math.max(1, machine.slots)
  const latencies = answered.map((at, job) => (at - asked[job]!) / 1000)
  const jobs = workload.jobs.map(({ class: of, due, graph }, i) => ({
    class: of,
    ms: latencies[i]!,
    ...slowdownBy(latencies[i]!, leastOf(graph, slots) / 1000),
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
  /** Absent where it need not take anything, as a change that nothing reads. */
  readonly slowdown?: number
  readonly dueMs?: number
}

/** By what it takes at least, or took; nothing, if that is no time. */
export const slowdownBy = (ms: number, by: number): Pick<Answered, 'slowdown'> => (by > 0 ? { slowdown: ms / by } : {})

/** Of all, and of each class. */
export const latenciesOf = (all: readonly Answered[]): Pick<Metrics, 'all' | 'byClass' | 'jain'> => {
  const classes = [...new Set(all.map((one) => one.class))].sort()
  const byClass = classes.map((name) => [name, latencyOf(all.filter((one) => one.class === name))] as const)
  // What took no time at all, since another made it, has no speed.
  const speeds = all.flatMap(({ slowdown = 0 }) => (slowdown > 0 ? [1 / slowdown] : []))
  return {
    all: latencyOf(all),
    byClass: Object.fromEntries(byClass),
    ...(speeds.length > 0 && { jain: jainOf(speeds) }),
  }
}

const latencyOf = (all: readonly Answered[]): Latency => {
  const latencies = all.map(({ ms }) => ms)
  const slowdowns = all.flatMap(({ slowdown }) => slowdown ?? [])
  const order = sorted(latencies)
  const due = all.filter(({ dueMs }) => dueMs !== undefined)
  return {
    count: all.length,
    mean: meanOf(latencies),
    p50: quantile(order, 0.5),
    p95: quantile(order, 0.95),
    p99: quantile(order, 0.99),
    max: quantile(order, 1),
    ...(slowdowns.length > 0 && { slowdown: meanOf(slowdowns), slowdownP99: quantile(sorted(slowdowns), 0.99) }),
    ...(due.length > 0 && { late: due.filter(({ ms, dueMs }) => ms > dueMs!).length / due.length }),
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
  return (sum * sum) / (speeds.length * squares)
}

/** A number of a run: by its name, as `makespan` or `all.p99`, or one of the latencies of a class, which may have any name. */
export type Column = string | ByClass

export interface ByClass {
  readonly class: string
  readonly number: keyof Latency
}

/** What it is called in CSV and JSON. Nothing is read out of it again. */
export const keyOf = (column: Column): string =>
  typeof column === 'string' ? column : `byClass.${column.class}.${column.number}`

/** undefined, if there is none. */
export const numberOf = (metrics: Metrics, column: Column): number | undefined => {
  const path = typeof column === 'string' ? column.split('.') : ['byClass', column.class, column.number]
  let found: unknown = metrics
  for (const part of path)
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, part)
        ? (found as Record<string, unknown>)[part]
        : undefined
  return typeof found === 'number' ? found : undefined
}
