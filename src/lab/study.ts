/** A study: every policy on every workload, with every seed. */
import type { Policy } from '../reduce/policies/policy.js'
import { nameOf } from '../reduce/policies/policy.js'
import { type Interval, intervalOf } from './bootstrap.js'
import { LabError } from './graph.js'
import { type Metrics, metricsOf, numberOf, ofClass } from './metrics.js'
import { type Ran, type SimulateOptions, simulate } from './simulate.js'
import type { Workload } from './workload.js'

/** What is drawn anew for each seed, and the machine that it is run on. */
export interface Scenario {
  readonly name: string
  readonly draw: (seed: number) => Workload
  readonly options: Omit<SimulateOptions, 'policy' | 'seed'>
  /** In place of a run of what is drawn: a recording says how long all took, and the makespan is by that of the recording. */
  readonly replayed?: (policy: Policy) => Replayed
}

export interface Replayed {
  readonly metrics: Metrics
  /** In ms, by request. */
  readonly latencies: readonly number[]
}

export interface Study {
  readonly scenarios: readonly Scenario[]
  /** Made anew for each cell, so that none of them may remember another. */
  readonly policies: readonly (() => Policy)[]
  readonly seeds: readonly number[]
}

/** One run, and how to have it again. */
export interface Cell {
  readonly scenario: string
  readonly policy: string
  readonly seed: number
  readonly metrics: Metrics
  /** Latencies in ms, by job: kept of the first seed. */
  readonly latencies?: readonly number[]
  readonly occupancy?: readonly number[]
  readonly gantt?: readonly Ran[]
  /** What the policy broke, or why the run came to no end. */
  readonly breach?: string
}

export interface Summary {
  readonly scenario: string
  readonly policy: string
  readonly seeds: number
  readonly classes: readonly string[]
  /** By the names that `numberOf` takes. */
  readonly numbers: Readonly<Record<string, Interval>>
  readonly breach?: string
}

/** Runs it cell by cell; `onCell` is told of each. */
export function* cellsOf({ scenarios, policies, seeds }: Study, clock: () => number): Generator<Cell> {
  for (const { name, draw, options, replayed } of scenarios) {
    for (const [i, seed] of seeds.entries()) {
      if (replayed !== undefined) {
        for (const make of policies) {
          const policy = make()
          yield { scenario: name, policy: nameOf(policy), seed, ...replayed(policy) }
        }
        continue
      }
      const workload = draw(seed)
      for (const make of policies)
        yield cellOf(name, make(), seed, workload, { ...options, gantt: i === 0, clock }, i === 0)
    }
  }
}

export const cellOf = (
  scenario: string,
  policy: Policy,
  seed: number,
  workload: Workload,
  options: Omit<SimulateOptions, 'policy' | 'seed'>,
  withDetails: boolean,
): Cell => {
  const breaches: string[] = []
  const named = { scenario, policy: nameOf(policy), seed }
  try {
    const run = simulate(workload, { ...options, policy, seed, onBreach: (breach) => void breaches.push(breach) })
    const details = {
      latencies: run.answered.map((at, job) => (at - run.asked[job]!) / 1000),
      occupancy: run.batches,
      gantt: run.gantt.toSorted((a, b) => a.start - b.start).slice(0, GANTT_MAX),
    }
    const breach = breaches[0] === undefined ? {} : { breach: breachWords(breaches) }
    return { ...named, metrics: metricsOf(run), ...(withDetails && details), ...breach }
  } catch (error) {
    if (error instanceof LabError) throw error
    throw new LabError(`${named.policy}, on ${scenario}, seed ${seed}: ${(error as Error).message}`)
  }
}

/** So many tasks can be told apart in a picture. */
export const GANTT_MAX = 2000

const breachWords = (breaches: readonly string[]): string =>
  breaches.length === 1 ? breaches[0]! : `${breaches[0]} (and ${breaches.length - 1} more of such)`

/** What tables show, in this order. */
export const COLUMNS = [
  'makespan',
  'makespanRatio',
  'all.mean',
  'all.p50',
  'all.p95',
  'all.p99',
  'all.max',
  'all.slowdown',
  'all.late',
  'jain',
  'utilisation',
  'occupancy',
  'delayP99',
  'longestTurn',
  'longestWait',
  'wasted',
  'shared',
  'realUsPerTick',
] as const

/** What is said of each class of requests. */
export const CLASS_COLUMNS = ['count', 'mean', 'p50', 'p95', 'p99', 'max', 'slowdown', 'late'] as const

/** The classes of runs that have more than one: of one, all is said by the latencies of all. */
export const classesIn = (cells: readonly Cell[]): readonly string[] => {
  const several = cells.map(({ metrics }) => Object.keys(metrics.byClass)).filter(({ length }) => length > 1)
  return [...new Set(several.flat())].sort()
}

/** The columns for each class there is in `cells`. */
export const classColumns = (cells: readonly Cell[]): readonly string[] =>
  classesIn(cells).flatMap((name) => CLASS_COLUMNS.map((column) => ofClass(name, column)))

/** By scenario and policy, with the intervals over seeds. */
export const summariesOf = (cells: readonly Cell[], columns: readonly string[] = COLUMNS): readonly Summary[] => {
  const groups = new Map<string, Cell[]>()
  for (const cell of cells) {
    const key = JSON.stringify([cell.scenario, cell.policy])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [cell])
    else group.push(cell)
  }
  return [...groups.values()].map((group): Summary => {
    const { scenario, policy } = group[0]!
    const breach = group.find((cell) => cell.breach !== undefined)?.breach
    const numbers = [...columns, ...classColumns(group)].map((name) => {
      const values = group.flatMap(({ metrics }) => numberOf(metrics, name) ?? [])
      return [name, intervalOf(values)] as const
    })
    return {
      scenario,
      policy,
      seeds: group.length,
      classes: classesIn(group),
      numbers: Object.fromEntries(numbers),
      ...(breach !== undefined && { breach }),
    }
  })
}
