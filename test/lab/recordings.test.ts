import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { action, codec as C, createEngine, policies, rule } from '../../src/index.js'
import { isRecording, validate } from '../../src/lab/recordings.js'
import { type Settings, scenarioOf } from '../../src/lab/scenarios.js'
import { cellsOf } from '../../src/lab/study.js'

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
    return [...cellsOf({ ...study, policies: made }, () => 0)].map(({ metrics }) => metrics.makespanRatio)
  }
  for (const ratio of ratios(0)) expect(ratio).toBeCloseTo(1, 0)
  for (const ratio of ratios(1)) expect(ratio).toBeCloseTo(2, 0)
  for (const ratio of ratios(4)) expect(ratio).toBeCloseTo(0.5, 0)

  const { recorded, simulated, error, guessed } = validate(path)
  expect(recorded).toBeGreaterThan(60)
  expect(error).toBeCloseTo(Math.abs(simulated - recorded) / recorded, 9)
  expect(error).toBeLessThan(0.2)
  expect(guessed).toBe(0)
  console.log(`the simulation of the recording is off by ${(100 * error).toFixed(2)} %`)
})

it('what is none is not taken for one', () => {
  const path = join(folder, 'x.json')
  writeFileSync(path, '{}')
  expect(isRecording(path)).toBe(false)
  expect(isRecording(folder)).toBe(false)
})
