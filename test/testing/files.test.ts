import { setAutoFreeze } from 'immer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildId } from '../../src/model/ids.js'
import { emptyState } from '../../src/model/state.js'
import { Disk } from '../../src/testing/disk.js'
import { canonical, type Rule, type World } from '../../src/testing/files.js'
import { Play } from '../../src/testing/files-play.js'
import { forAllFileSchedules } from '../../src/testing/files-schedules.js'
import { Kept } from '../../src/testing/kept.js'

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
  // Freezing what each tick made takes most of the time; whether a state is changed in place is looked at by other tests.
  beforeAll(() => setAutoFreeze(false))
  afterAll(() => setAutoFreeze(true))
  it('come out right after any schedule, and any fault in it', async () => {
    expect(await forAllFileSchedules(world(), { targets: [12], clients: 1, runs: 80, faults: 2 })).toBe(80)
  })
  it('are answered once, and as they are, whichever clients come and go, and however often the daemon is killed', async () => {
    expect(await forAllFileSchedules(world(), { targets: [12, 10], clients: 4, runs: 120, faults: 5 })).toBe(120)
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

describe('a disk', () => {
  const source = buildId(1)
  const made = buildId(10)
  it('does not tell two writes of one moment apart, says so, and tells what was put in place', () => {
    const disk = new Disk(
      [
        [1, 4],
        [10, 7],
      ],
      (file) => file === 10,
    )
    const [first, firstMade] = [disk.look(source), disk.look(made)]
    expect(first.racy).toBe(true)
    disk.set(1, 5).set(10, 7)
    expect(disk.look(source)).toEqual({ ...first, content0: 6 })
    expect(disk.look(made).stat1).not.toBe(firstMade.stat1)
    disk.tick()
    expect(disk.look(source)).toEqual({ ...first, racy: false, content0: 6 })
    disk.set(1, 6)
    expect(disk.look(source).stat0).not.toBe(first.stat0)
    disk.delete(1)
    expect(disk.look(source).kind).toBe(0)
  })
})

describe('what is kept', () => {
  it('is what was committed last, at rest, and nothing that came after', () => {
    const kept = new Kept(64)
    expect(kept.load()).toEqual(emptyState)
    const files = world()
    const play = new Play(files, { onTurn: (after) => kept.commit(after) })
    play.build([12])
    const known = (of: Play): unknown => canonical(of.engine.state, [1, 2, 10, 11, 12])
    const restarted = new Play(files, { state: kept.load(), firstRequest: play.nextRequest })
    play.runs.length = 0
    expect([restarted.build([12]), restarted.runs]).toEqual([true, []])
    play.build([12])
    expect(known(restarted)).toEqual(known(play))
    // Begun, and not committed.
    files.files.set(1, 5)
    restarted.request([12])
    restarted.engine.settleAll()
    expect(kept.load().inFlight).toBe(0)
  })
})
