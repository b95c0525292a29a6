/** The figures that are claimed for the policies, on real traces. */
import { readFileSync } from 'node:fs'
import { setAutoFreeze } from 'immer'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromBuildTrace, fromChanges } from '../../src/lab/formats/traces.js'
import { meanOf, metricsOf } from '../../src/lab/metrics.js'
import { Random } from '../../src/lab/random.js'
import { scenarioOf } from '../../src/lab/scenarios.js'
import { simulate } from '../../src/lab/simulate.js'
import { arriving, changeJobs, meanBetween, once } from '../../src/lab/workload.js'
import * as policies from '../../src/reduce/policies/index.js'
import type { Policy } from '../../src/reduce/policies/policy.js'
import { settings } from '../support/lab-settings.js'

beforeAll(() => setAutoFreeze(false))

const graph = fromBuildTrace(JSON.parse(readFileSync('test/lab/traces/own-curl-build.json', 'utf8')))

describe('the build of curl', () => {
  it.each([2, 8, 32])(
    'criticalPath ends within 1.05 of the lower bound, with %d slots, where costs are known',
    (slots) => {
      const ratio = (sigma: number, seed: number): number => {
        const estimates = { _tag: 'error', sigma } as const
        return metricsOf(
          simulate(once(graph), { policy: policies.criticalPath(), machine: { slots }, seed, estimates }),
        ).makespanRatio!
      }
      expect(ratio(0, 1)).toBeLessThan(1.05)
      // With costs that are off by a factor of 1.35 and more, one in three of them.
      for (const seed of [1, 2, 3]) expect(ratio(0.3, seed)).toBeLessThan(1.15)
    },
  )
})

describe('its change sets, at load 0.8', () => {
  it('shortestRemaining cuts the mean latency by 40 % and more against the order of arrival, and keeps p99 within 1.5 times', {
    timeout: 120_000,
  }, () => {
    const changes = fromChanges(JSON.parse(readFileSync('test/lab/traces/own-curl-changes.json', 'utf8')))
    const jobs = changeJobs(
      graph,
      changes.slice(0, 300).map(({ sources }) => sources),
    )
    const workload = arriving('changes', jobs, { _tag: 'poisson', meanUs: meanBetween(jobs, 8, 0.8) }, new Random(1))
    const latency = (policy: Policy) => metricsOf(simulate(workload, { policy, machine: { slots: 8 } })).all
    const first = latency(policies.firstCome())
    const shortest = latency(policies.shortestRemaining())
    expect(shortest.mean).toBeLessThan(0.6 * first.mean)
    expect(shortest.p99).toBeLessThan(1.5 * first.p99)
    // Their chains have nothing in common: the longest is not the most urgent.
    expect(latency(policies.criticalPath()).mean).toBeLessThan(1.02 * first.mean)
    // Without ageing, the last of them pay for it.
    expect(latency(policies.shortestRemaining({ ageing: 0 })).max).toBeGreaterThan(shortest.max)
  })

  it('so it does in the mean over seeds, of changes from anywhere in the history, with costs that are not quite known', () => {
    const { draw, options } = scenarioOf({
      source: 'test/lab/traces/own-curl-changes.json',
      settings: { ...settings, machine: { slots: 8 }, estimates: { _tag: 'error', sigma: 0.3 }, load: 0.8, jobs: 60 },
    })
    const seeds = Array.from({ length: 10 }, (_, i) => i + 1)
    const mean = (make: () => Policy) => {
      const all = seeds.map((seed) => metricsOf(simulate(draw(seed), { ...options, seed, policy: make() })).all)
      return { mean: meanOf(all.map(({ mean }) => mean)), p99: meanOf(all.map(({ p99 }) => p99)) }
    }
    const first = mean(policies.firstCome)
    const shortest = mean(policies.shortestRemaining)
    expect(shortest.mean).toBeLessThan(0.6 * first.mean)
    expect(shortest.p99).toBeLessThan(1.5 * first.p99)
    // It is the ageing that keeps it.
    expect(mean(() => policies.shortestRemaining({ ageing: 0 })).p99).toBeGreaterThan(shortest.p99)
  })
})
