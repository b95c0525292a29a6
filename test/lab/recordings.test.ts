import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { action, codec as C, createEngine, policies, replay, rule } from '../../src/index.js'
import { metricsOf } from '../../src/lab/metrics.js'
import { isRecording, replayed, validate } from '../../src/lab/recordings.js'
import { csvOf, tableOf } from '../../src/lab/report/table.js'
import { type Settings, scenarioOf } from '../../src/lab/scenarios.js'
import { simulate } from '../../src/lab/simulate.js'
import { cellsOf, type Replayed, summariesOf } from '../../src/lab/study.js'
import { policyNamed } from '../../src/reduce/policies/named.js'
import { closeSpaces, space } from '../support/space.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const int = { key: C.int, value: C.int }
const settings = (slots: number): Settings => ({
  machine: { slots },
  estimates: { _tag: 'exact' },
  load: 1,
  jobs: 1,
  speed: 1,
  clients: 0,
})

it('a recording runs again with what it took, under other policies and in other room', async () => {
  const wait = action('wait', {
    ...int,
    pool: 'p',
    run: (n) => new Promise<number>((done) => setTimeout(() => done(n), 30)),
  })
  const all = rule('all', int, function* (_, b) {
    return (yield* b.all([1, 2, 3, 4].map((n) => wait(n)))).length
  })
  const eng = createEngine({ rules: [wait, all], record: true, pools: { p: 2 } })
  await eng.once(all(0)).promise
  const path = join(folder, 'four.rec')
  eng.export(path)
  await eng.close()

  expect(isRecording(path)).toBe(true)
  const ratios = (slots: number): readonly number[] => {
    const study = { scenarios: [scenarioOf({ source: path, settings: settings(slots) })], seeds: [1] }
    const made = [() => policies.fixpoint(), () => policies.criticalPath(), () => policies.random(1)]
    return [...cellsOf({ ...study, policies: made }, () => 0)].map(({ metrics }) => metrics.makespanByRecorded!)
  }
  for (const ratio of ratios(0)) expect(ratio).toBeCloseTo(1, 0)
  for (const ratio of ratios(1)) expect(ratio).toBeGreaterThan(1)
  for (const ratio of ratios(4)) expect(ratio).toBeLessThanOrEqual(1)

  const { recorded, simulated, guessed } = validate(path)
  expect(recorded).toBeGreaterThan(60)
  expect(Math.abs(simulated - recorded)).toBeLessThan(1)
  expect(guessed).toBe(0)
})

it.each([
  ['one build', 'own-curl-build.json', 'criticalPath'],
  ['many that share', 'edits:own-curl-changes.json', 'shortestRemaining>criticalPath'],
  ['many that share nothing', 'own-curl-changes.json', 'fairShare'],
  ['tasks on the thread of the engine', 'queue:exponential', 'nagle(4,5)'],
])(
  'a run of %s is exported as a recording that replays, and takes as long again',
  { timeout: 60_000 },
  (_, trace, name) => {
    const record = join(folder, `${name}.rec`)
    const source = trace.replace('own', 'test/lab/traces/own')
    const machine = { slots: trace.startsWith('queue') ? 0 : 3, perTick: 100, perBuild: 50 }
    const { draw, options } = scenarioOf({ source, settings: { ...settings(2), machine, jobs: 10, load: 0.8 } })
    const own = metricsOf(simulate(draw(1), { ...options, policy: policyNamed(name), record }))
    const recording = replay(record)
    expect(recording.about.policy).toBe(policyNamed(name).name)
    expect(recording.verify()).toEqual({ _tag: 'agrees', ticks: recording.ticks })
    recording.close()
    const { recorded, simulated, guessed } = validate(record)
    expect(Math.abs(simulated - recorded)).toBeLessThan(1)
    expect(guessed).toBe(0)
    // What the lab says of it is what is said of its recording, but that nobody knows there how late the thread heard of a request.
    const { metrics } = replayed(record, policyNamed(name), 0)
    expect(Math.abs(metrics.makespan - own.makespan)).toBeLessThan(1)
    expect(metrics.makespanByRecorded).toBeCloseTo(1, 2)
    expect(metrics.all.count).toBe(own.all.count)
    expect(Object.keys(metrics.byClass)).toEqual(Object.keys(own.byClass))
    if (machine.slots > 0) {
      expect(Math.abs(metrics.all.mean - own.all.mean)).toBeLessThan(1)
      expect(Math.abs(metrics.all.max - own.all.max)).toBeLessThan(1)
    } else expect(metrics.all.mean).toBeLessThan(own.all.mean)

    // So does what would have been.
    const otherwise = join(folder, `${name}, otherwise.rec`)
    replayed(record, policyNamed('fullBatch'), 2, { record: otherwise })
    expect(validate(otherwise).recorded).toBeGreaterThan(0)
    const other = replay(otherwise)
    expect(other.verify()._tag).toBe('agrees')
    other.close()
  },
)

it('of a recording each request is told of, by its class', async () => {
  const wait = action('wait', { ...int, run: (n) => new Promise<number>((done) => setTimeout(() => done(n), n)) })
  const eng = createEngine({ rules: [wait], record: true, policy: policies.deadline() })
  await eng.once(wait(20), { class: 'ui', deadline: performance.now() + 5 }).promise
  await eng.once(wait(60), { class: 'batch', deadline: performance.now() + 1000 }).promise
  const path = join(folder, 'classes.rec')
  eng.export(path)
  await eng.close()
  const { metrics, latencies } = replayed(path, policies.fixpoint(), 0)
  const { all, byClass } = metrics
  expect(latencies).toEqual([byClass.ui!.mean, byClass.batch!.mean])
  expect(all.count).toBe(2)
  expect(all.p50).toBeLessThan(all.max)
  expect(byClass).toMatchObject({ batch: { count: 1, late: 0 }, ui: { count: 1, late: 1 } })
  expect(byClass.ui!.mean).toBeGreaterThan(15)
  expect(byClass.batch!.mean).toBeGreaterThan(55)
  expect(byClass.batch!.slowdown).toBeCloseTo(1, 1)
})

it('of a recording it is told what ran when, in how many slots', () => {
  const record = join(folder, 'gantt.rec')
  const { draw, options } = scenarioOf({
    source: 'layered:5x5',
    settings: { ...settings(3), jobs: 1 },
  })
  const own = simulate(draw(1), { ...options, policy: policies.criticalPath(), record, gantt: true })
  const spans = (all: Replayed['gantt']) =>
    all.map(({ name, start, end }) => `${name} ${start} ${end}`).toSorted((a, b) => a.localeCompare(b))
  const same = replayed(record, policies.criticalPath(), 0).gantt
  expect(spans(same)).toEqual(spans(own.gantt))
  expect(new Set(same.map(({ slot }) => slot))).toEqual(new Set([0, 1, 2]))
  const one = replayed(record, policies.criticalPath(), 1).gantt
  expect(one).toHaveLength(25)
  expect(new Set(one.map(({ slot }) => slot))).toEqual(new Set([0]))
})

it('a do-file that waits for an answer has no slot meanwhile', async () => {
  const s = space({
    'all.do': 'sleep 0.05; redo-ifchange a; sleep 0.05',
    'a.do': 'sleep 0.1; echo a',
  })
  expect((await s.redo('-j1', '--no-daemon', '--record', 'waits.rec', 'all')).code).toBe(0)
  const { gantt } = replayed(String(s.path('waits.rec')), policies.criticalPath(), 0)
  expect(gantt.map(({ name, slot }) => [name, slot])).toEqual([
    ['all', 0],
    ['a', 0],
    ['all', 0],
  ])
  await closeSpaces()
})

it('of a machine of so many slots another one can be asked for, however many requests there are', () => {
  const record = join(folder, 'slots.rec')
  const machine = { slots: 2 }
  const { draw, options } = scenarioOf({
    source: 'queue:fixed',
    settings: { ...settings(2), machine, jobs: 20, load: 10 },
  })
  simulate(draw(1), { ...options, policy: policies.fullBatch(), record })
  const makespan = (slots: number): number => replayed(record, policies.fullBatch(), slots).metrics.makespan
  expect(makespan(1) / makespan(0)).toBeCloseTo(2, 1)
  expect(makespan(4) / makespan(0)).toBeCloseTo(0.5, 1)
})

it('what a recording does not tell is absent, and not 0', () => {
  const path = join(folder, 'unknown.rec')
  const machine = { slots: 2 }
  const { draw, options } = scenarioOf({
    source: 'queue:fixed',
    settings: { ...settings(2), machine, jobs: 20, load: 10 },
  })
  simulate(draw(1), { ...options, policy: policies.fullBatch(), record: path })
  const study = { scenarios: [scenarioOf({ source: path, settings: settings(1) })], seeds: [1] }
  const cells = [...cellsOf({ ...study, policies: [() => policies.firstCome()] }, () => 0)]
  const { metrics, latencies = [] } = cells[0]!
  expect(Object.keys(metrics).sort()).toEqual(
    ['all', 'byClass', 'jain', 'makespan', 'makespanByRecorded', 'runs', 'starved', 'ticks'].sort(),
  )
  expect(metrics.all).not.toHaveProperty('late')
  const recorded = replayed(path, policies.fullBatch(), 0).latencies
  const speeds = latencies.map((ms, i) => recorded[i]! / ms)
  const sum = speeds.reduce((a, b) => a + b, 0)
  expect(metrics.jain).toBeCloseTo(sum ** 2 / 20 / speeds.reduce((a, b) => a + b * b, 0), 9)
  expect(metrics.jain).toBeLessThan(0.99)

  const [head, line] = csvOf(cells)
    .split('\n')
    .map((text) => text.replace(/"[^"]*"/, '').split(','))
  const inCsv = Object.fromEntries(head!.map((name, i) => [name, line![i]]))
  expect(inCsv).toMatchObject({ makespanRatio: '', utilisation: '', occupancy: '', wasted: '', realUsPerTick: '' })
  expect(Number(inCsv.makespanByRecorded)).toBeCloseTo(2, 1)
  const table = tableOf(summariesOf(cells))
  expect(table).toContain(' makespan/recorded ')
  expect(table).not.toMatch(/bound|utilisation|late|wait/)
})

it('what is none is not taken for one', () => {
  const path = join(folder, 'x.json')
  writeFileSync(path, '{}')
  expect(isRecording(path)).toBe(false)
  expect(isRecording(folder)).toBe(false)
})
