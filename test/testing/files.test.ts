import { describe, expect, it } from 'vitest'
import type { Rule, World } from '../../src/testing/files.js'
import { forAllFileSchedules } from '../../src/testing/files-schedules.js'

/** 1 and 2 are sources; 10 and 11 are made of them, 12 of both. */
const world = (rules: readonly (readonly [number, Rule])[] = []): World => ({
  files: new Map([
    [1, 4],
    [2, 7],
  ]),
  rules: new Map<number, Rule>([
    [10, { asks: [[1]], output: 'sum' }],
    [11, { asks: [[1, 2]], output: 'parity' }],
    [12, { asks: [[10], [11]], output: 'sum', ifOdd: [2] }],
    ...rules,
  ]),
})

describe('builds of files', () => {
  it('come out right after any schedule, and any fault in it', async () => {
    const begun = performance.now()
    expect(await forAllFileSchedules(world(), { targets: [12], runs: 500, faults: 2 })).toBe(500)
    // Processes that would take milliseconds each.
    expect(performance.now() - begun).toBeLessThan(60_000)
  })
  it('come out wrong where a process reads what it did not ask for, which the smallest schedule shows', async () => {
    const peeking = world([[12, { asks: [[10]], output: 'sum', peeks: 2 }]])
    const failure = await forAllFileSchedules(peeking, { targets: [12], runs: 500, faults: 1 }).then(
      () => undefined,
      (error: Error) => error,
    )
    expect(failure?.message).toMatch(/^s:[\d.]+: the file of 12 holds \d+, and should hold \d+$/)
    const schedule = failure!.message.split(': ')[0]!
    await expect(forAllFileSchedules(peeking, { targets: [12], schedule })).rejects.toThrow(failure!.message)
  })
})
