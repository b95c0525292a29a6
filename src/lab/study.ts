/** A study: every policy on every workload, with every seed. */
import { PATIENCE } from '../reduce/policies/guard.js'
import { isSound, nameOf, type Policy } from '../reduce/policies/policy.js'
import { type Interval, intervalOf } from './bootstrap.js'
import { LabError } from './graph.js'
import { type ByClass, type Column, keyOf, type Metrics, metricsOf, numberOf } from './metrics.js'
import { type Ran, type Run, type SimulateOptions, simulate } from './simulate.js'
import { watched } from './watched.js'
import type { Workload } from './workload.js'

/** What is drawn anew for each seed, and the machine that it is run on. */
export interface Scenario {
  readonly name: string
  readonly draw: (seed: number) => Workload
  readonly options: Omit<SimulateOptions, 'policy' | 'seed'>
  /** In place of a run of what is drawn: a recording says how long all took, and the makespan is by that of the recording. */
  readonly replayed?: (policy: Policy, onBreach: (breach: string) => void) => Replayed
}

export interface Replayed {
  readonly metrics: Metrics
  /** In ms, by request. */
  readonly latencies: readonly number[]
  /** What ran in slots. */
  readonly gantt: readonly Ran[]
}

export interface Study {
  readonly scenarios: readonly Scenario[]
  /** Made anew for each cell, so that none of them may remember another. */
  readonly policies: readonly (() => Policy)[]
  readonly seeds: readonly number[]
  /** Told when a policy of somebody's own is asked, and again when it has answered. */
  readonly onQuestion?: () => void
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
  /** What the policy broke. */
  readonly breach?: string
  /** Of somebody's own policy: what it need not do, and may. */
  readonly starves?: string
}

export interface Summary {
  readonly scenario: string
  readonly policy: string
  readonly seeds: number
  /** How many one run has, at most. */
  readonly jobs: number
  readonly classes: readonly string[]
  /** By `keyOf` their columns; those that no run has are absent. */
  readonly numbers: Readonly<Record<string, Interval>>
  readonly breach?: string
  readonly starves?: string
}

/** Runs it cell by cell; `onCell` is told of each. */
export function* cellsOf({ scenarios, policies, seeds, onQuestion }: Study, clock: () => number): Generator<Cell> {
  for (const { name, draw, options, replayed } of scenarios) {
    for (const [i, seed] of seeds.entries()) {
      const workload = draw(seed)
      const isFirst = i === 0
      for (const make of policies) {
        yield cellOf({ scenario: name, seed, make, onQuestion }, (policy, onBreach) => {
          if (replayed !== undefined) return replayed(policy, onBreach)
          const run = simulate(workload, { ...options, gantt: isFirst, clock, policy, seed, onBreach })
          return { metrics: metricsOf(run), ...(isFirst && detailsOf(run)) }
        })
      }
    }
  }
}

const detailsOf = (run: Run): Pick<Cell, 'latencies' | 'occupancy' | 'gantt'> => ({
  latencies: run.answered.map((at, job) => (at - run.asked[job]!) / 1000),
  occupancy: run.batches,
  gantt: run.gantt.toSorted((a, b) => a.start - b.start).slice(0, GANTT_MAX),
})

interface Asked {
  readonly scenario: string
  readonly seed: number
  readonly make: () => Policy
  readonly onQuestion: (() => void) | undefined
}

type Found = Pick<Cell, 'metrics' | 'latencies' | 'occupancy' | 'gantt'>

const cellOf = (
  { scenario, seed, make, onQuestion }: Asked,
  work: (policy: Policy, onBreach: (breach: string) => void) => Found,
): Cell => {
  const breaches: string[] = []
  const onBreach = (breach: string): void => void breaches.push(breach)
  const policy = make()
  const named = { scenario, policy: nameOf(policy), seed }
  try {
    const found = work(watched(policy, make, onBreach, onQuestion), onBreach)
    const { starved } = found.metrics
    const starves = `${named.policy}: it starves builds: ${starved} were taken only when it had passed them over in ${PATIENCE} ticks`
    return {
      ...named,
      ...found,
      ...(breaches.length > 0 && { breach: breachWords(breaches) }),
      ...(starved > 0 && !isSound(policy) && { starves }),
    }
  } catch (error) {
    if (error instanceof LabError) throw error
    throw new LabError(`${named.policy}, on ${scenario}, seed ${seed}: ${(error as Error).message}`)
  }
}

/** So many tasks can be told apart in a picture. */
export const GANTT_MAX = 2000

/** Each kind once: they differ in numbers. */
const breachWords = (breaches: readonly string[]): string => {
  const kinds = new Map<string, { readonly first: string; count: number }>()
  for (const breach of breaches) {
    const kind = breach.replace(/\d+/g, '')
    const known = kinds.get(kind)
    if (known === undefined) kinds.set(kind, { first: breach, count: 1 })
    else known.count++
  }
  return [...kinds.values()]
    .map(({ first, count }) => (count === 1 ? first : `${first} (and ${count - 1} more of such)`))
    .join('; ')
}

/** What tables show, in this order. */
export const COLUMNS = [
  'makespan',
  'makespanRatio',
  'makespanByRecorded',
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
  'starved',
  'wasted',
  'shared',
  'realUsPerTick',
] as const

/** What is said of each class of requests. */
export const CLASS_COLUMNS = ['count', 'mean', 'p50', 'p95', 'p99', 'max', 'slowdown', 'late'] as const

/** The classes of runs that have more than one: of one, all is said by the latencies of all. */
const classesIn = (cells: readonly Cell[]): readonly string[] => {
  const several = cells.map(({ metrics }) => Object.keys(metrics.byClass)).filter(({ length }) => length > 1)
  return [...new Set(several.flat())].sort()
}

/** The columns for each class there is in `cells`. */
export const classColumns = (cells: readonly Cell[]): readonly ByClass[] =>
  classesIn(cells).flatMap((name) => CLASS_COLUMNS.map((number) => ({ class: name, number })))

/** By scenario and policy, with the intervals over seeds. */
export const summariesOf = (cells: readonly Cell[], columns: readonly Column[] = COLUMNS): readonly Summary[] => {
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
    const starves = group.find((cell) => cell.starves !== undefined)?.starves
    const numbers = [...columns, ...classColumns(group)].flatMap((column) => {
      const values = group.flatMap(({ metrics }) => numberOf(metrics, column) ?? [])
      return values.length === 0 ? [] : [[keyOf(column), intervalOf(values)] as const]
    })
    return {
      scenario,
      policy,
      seeds: group.length,
      jobs: Math.max(...group.map(({ metrics }) => metrics.all.count)),
      classes: classesIn(group),
      numbers: Object.fromEntries(numbers),
      ...(breach !== undefined && { breach }),
      ...(starves !== undefined && { starves }),
    }
  })
}
