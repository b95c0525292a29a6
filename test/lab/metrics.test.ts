/** What is said of a run: what was made for several, what was made for nobody, who waited, and how each class fared. */
import { describe, expect, it } from 'vitest'
import type { Graph, Task } from '../../src/lab/graph.js'
import { type Metrics, metricsOf } from '../../src/lab/metrics.js'
import { csvOf, tableOf } from '../../src/lab/report/table.js'
import { simulate } from '../../src/lab/simulate.js'
import { cellsOf, summariesOf } from '../../src/lab/study.js'
import { edits, type Workload } from '../../src/lab/workload.js'
import * as policies from '../../src/reduce/policies/index.js'

const task = (name: string, ms: number, deps: readonly number[], sources: readonly number[] = []): Task => ({
  name,
  cost: ms * 1000,
  deps,
  sources,
  rule: 'task',
})
const graphOf = (...tasks: readonly Task[]): Graph => ({ name: 'graph', tasks, sources: ['s', 't'] })
/** b needs a, c needs b. */
const chained = graphOf(task('a', 10, [], [0]), task('b', 10, [0]), task('c', 10, [1]))
const told = (workload: Workload, slots = 1): Metrics =>
  metricsOf(simulate(workload, { policy: policies.firstCome(), machine: { slots } }))

describe('of changes to one tree', () => {
  const of = (...changes: readonly (readonly [ms: number, source: number])[]) =>
    edits(
      chained,
      changes.map(([ms, source]) => [ms * 1000, [source]]),
    )

  it('what two need and one run makes is shared', () => {
    expect(told(of([0, 0], [0, 0]))).toMatchObject({ runs: 3, shared: 3, wasted: 0 })
  })
  it('what is made again before anybody has it is wasted, though as much is shared', () => {
    // All ask for both tasks, so the second has to wait for the long one, and a is made again meanwhile.
    const both = graphOf(task('long', 100, [], [1]), task('a', 10, [], [0]))
    const jobs = edits(both, [
      [0, [1]],
      [5000, [0]],
      [50_000, [0]],
    ])
    expect(told(jobs, 2)).toMatchObject({ runs: 3, shared: 1, wasted: 1 })
  })
  it('what comes after the answer shares nothing', () => {
    expect(told(of([0, 0], [100, 0]))).toMatchObject({ runs: 6, shared: 0, wasted: 0 })
  })
  it('what changes while that which needs it waits for something else is made when that goes on, under every policy', () => {
    const both = graphOf(task('a', 10, [], [0]), task('b', 4, [], [1]), task('c', 10, [0, 1]))
    const jobs = edits(both, [
      [0, [0]],
      [5000, [1]],
    ])
    for (const make of [policies.fullBatch, policies.fixpoint, policies.firstCome, policies.criticalPath]) {
      const { gantt, longestWait } = simulate(jobs, { policy: make(), machine: { slots: 8 }, gantt: true })
      expect(gantt.map(({ name, start }) => [name, start])).toEqual([
        ['a', 0],
        ['b', 10_000],
        ['c', 14_000],
      ])
      expect(longestWait).toBe(5000)
    }
  })
  it('a task waits from when it was asked for, and not from the beginning', () => {
    expect(told(of([500, 0])).longestWait).toBe(0)
    const both = graphOf(task('a', 10, [], [0]), task('b', 10, [], [1]))
    expect(told(edits(both, [[0, [0, 1]]])).longestWait).toBe(10)
    const later = edits(both, [
      [0, [0]],
      [7000, [1]],
    ])
    expect(told(later).longestWait).toBe(3)
  })
})

describe('of classes', () => {
  const one = graphOf(task('x', 10, []))
  const draw = (): Workload => ({
    name: 'mixed',
    jobs: [
      { at: 0, graph: one, class: 'ui', due: 10_000 },
      { at: 0, graph: one, class: 'ui', due: 15_000 },
      { at: 0, graph: one, class: 'a.b, "c"' },
    ],
  })
  const cells = [
    ...cellsOf(
      {
        scenarios: [{ name: 'mixed', draw, options: { machine: { slots: 1 } } }],
        policies: [() => policies.firstCome()],
        seeds: [1],
      },
      () => 0,
    ),
  ]

  it('the table says how each fared, with how many of those that were due came late', () => {
    const lines = tableOf(summariesOf(cells)).split('\n')
    expect(lines[1]).toMatch(/^policy +makespan ms +makespan\/bound +mean ms .* slowdown +late /)
    expect(lines.slice(4, 7).map((line) => line.split(/ {2,}/).join('|'))).toEqual([
      'class|policy|count|mean ms|p50 ms|p95 ms|p99 ms|max ms|slowdown|late',
      'a.b, "c"|firstCome|1|30.0|30.0|30.0|30.0|30.0|3.00|-',
      'ui|firstCome|2|15.0|10.0|20.0|20.0|20.0|1.50|0.500',
    ])
  })
  it('so does CSV', () => {
    const [head, line] = csvOf(cells).split('\n')
    expect(head).toContain(',"byClass.a.b, ""c"".p99",')
    expect(head).toMatch(/,byClass\.ui\.mean,byClass\.ui\.p50,.*,byClass\.ui\.late,breach$/)
    expect(line).toMatch(/,2,15,10,20,20,20,1\.5,0\.5,$/)
  })
})

it('requests that all take as long have latencies all the same', () => {
  const one = graphOf(task('x', 10, []))
  const draw = (): Workload => ({
    name: 'equal',
    jobs: Array.from({ length: 20 }, (_, i) => ({ at: 20_000 * i, graph: one, class: 'build' })),
  })
  const scenarios = [{ name: 'equal', draw, options: { machine: { slots: 1 } } }]
  const of = (jobs: () => Workload): string =>
    tableOf(
      summariesOf([
        ...cellsOf(
          { scenarios: [{ ...scenarios[0]!, draw: jobs }], policies: [() => policies.firstCome()], seeds: [1] },
          () => 0,
        ),
      ]),
    )
  expect(of(draw)).toMatch(/^equal, 1 seed\npolicy .* mean ms +p50 ms .* max ms +slowdown +jain /)
  expect(of(() => ({ ...draw(), jobs: draw().jobs.slice(0, 1) }))).not.toMatch(/p50|jain/)
})

describe('a change that makes nothing necessary', () => {
  const apart = graphOf(task('a', 10, [], [0]))
  const nothing = [0, [1]] as const

  it('has a latency, and no slowdown', () => {
    const { all, jain } = told(edits(apart, [nothing, [50_000, [0]], [50_000, [1]]]))
    expect(all).toMatchObject({ count: 3, slowdown: 1, slowdownP99: 1 })
    expect(jain).toBe(1)
  })
  it('alone, leaves slowdown and fairness unknown', () => {
    const metrics = told(edits(apart, [nothing]))
    expect(metrics.all).toMatchObject({ count: 1, mean: 0 })
    expect(metrics.all).not.toHaveProperty('slowdown')
    expect(metrics).not.toHaveProperty('jain')
  })
})

describe('of a machine', () => {
  const jobs = (...at: readonly number[]): Workload => ({
    name: 'some',
    jobs: at.map((ms) => ({ at: ms * 1000, graph: graphOf(task('x', 10, [])), class: 'build' })),
  })
  it('utilisation is the busy part of all slots, occupancy how many builds a tick takes', () => {
    // Three are run, which ask for a slot; two are started, and then the last.
    expect(told(jobs(0, 0, 0), 2)).toMatchObject({ makespan: 20, utilisation: 0.75, occupancy: 2, occupancyP99: 3 })
    const { mean, p50, p95, max } = told(jobs(0, 0, 0), 2).all
    expect([mean, p50, p95, max]).toEqual([40 / 3, 10, 20, 20])
  })
  it('of one thread, what comes during a turn is heard of after it', () => {
    const machine = { slots: 0, perTurn: 1000, commit: 2000 }
    const run = simulate(jobs(0, 5), { policy: policies.firstCome(), machine })
    // A turn of 1 + 10 + 2 ms, and 8 of these were left when the second came.
    expect(metricsOf(run)).toMatchObject({ makespan: 26, turns: 2, longestTurn: 13, delayP99: 8, utilisation: 20 / 26 })
    expect(run.delays).toEqual([0, 8000])
  })
  it('without overheads a turn of one thread is as long as what it makes', () => {
    const of = (drive: 'fixpoint' | { readonly ms: number }): Metrics =>
      metricsOf(simulate(jobs(0, 0, 0, 0), { policy: policies.firstCome(), machine: { slots: 0 }, drive }))
    expect(of('fixpoint')).toMatchObject({ turns: 1, longestTurn: 40 })
    expect(of({ ms: 15 }).longestTurn).toBeLessThanOrEqual(20)
  })
})

describe('the bound of a makespan', () => {
  const single = (ms: number): Graph => graphOf(task('x', ms, []))
  it('counts from the first request, as the makespan does', () => {
    const late = { name: 'late', jobs: [{ at: 500_000, graph: single(10), class: 'build' }] }
    expect(told(late)).toMatchObject({ makespan: 10, makespanRatio: 1 })
    const same = { ...late, jobs: [...late.jobs, { ...late.jobs[0]!, at: 505_000 }] }
    expect(told(same)).toMatchObject({ makespan: 20, makespanRatio: 1 })
    expect(told(edits(chained, [[500_000, [0]]]))).toMatchObject({ makespan: 30, makespanRatio: 1 })
  })
  it('knows that a client asks for one after the other, each of which has its longest chain', () => {
    const closed = (clients: number, ...graphs: readonly Graph[]): Workload => ({
      name: 'closed',
      clients,
      jobs: graphs.map((graph) => ({ at: 5000, graph, class: 'build' })),
    })
    expect(told(closed(1, chained, chained), 8)).toMatchObject({ makespan: 65, makespanRatio: 1 })
    expect(told(closed(2, single(10), chained, single(10), single(10)), 8)).toMatchObject({
      makespan: 45,
      makespanRatio: 1,
    })
    expect(told(closed(4, single(10), single(10), single(10), single(10)))).toMatchObject({
      makespan: 40,
      makespanRatio: 1,
    })
  })
})
