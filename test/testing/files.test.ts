import { setAutoFreeze } from 'immer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { replay } from '../../src/index.js'
import { buildId } from '../../src/model/ids.js'
import { emptyState } from '../../src/model/state.js'
import { Disk } from '../../src/testing/disk.js'
import { canonical, type Rule, type World } from '../../src/testing/files.js'
import { Play } from '../../src/testing/files-play.js'
import { type FileOptions, forAllFileSchedules } from '../../src/testing/files-schedules.js'
import { Kept } from '../../src/testing/kept.js'
import { discard, temporary } from '../support/store.js'

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

let folder: string
beforeAll(() => {
  folder = temporary()
})
afterAll(() => discard(folder))

const failureOf = (run: Promise<unknown>): Promise<Error> =>
  run.then(
    () => Promise.reject(new Error('it passes')),
    (error: Error) => error,
  )

describe('builds of files', () => {
  // Freezing what each tick made takes most of the time; whether a state is changed in place is looked at by other tests.
  beforeAll(() => setAutoFreeze(false))
  afterAll(() => setAutoFreeze(true))
  it('come out right after any schedule, and any fault in it', async () => {
    const all = await forAllFileSchedules(world(), { targets: [12], clients: 1, runs: 80, faults: 2 })
    expect(all).toMatchObject({ runs: 80, played: 80 })
  })
  it('are answered once, and as they are, whichever clients come and go, and however often the daemon is killed', async () => {
    const all = await forAllFileSchedules(world(), { targets: [12, 10], clients: 4, runs: 120, faults: 5 })
    expect(all.runs).toBe(120)
  })
  it('come out wrong where a process reads what it did not ask for, which the smallest schedule shows', async () => {
    const peeking = world([[12, { asks: [[10]], output: 'sum', peeks: 2 }]])
    const options = { targets: [12], runs: 500, faults: 1, seed: 3, recordings: folder }
    const failure = await failureOf(forAllFileSchedules(peeking, options))
    const schedule =
      /^after \d+ schedules, by seed 3, one fails, and so does (s:[\d.]+): the file of 12 holds \d+, and should hold \d+$/m.exec(
        failure.message,
      )![1]!
    expect(failure.message).toContain(
      `again: forAllFileSchedules(world, { targets: [12], faults: 1, schedule: '${schedule}' })`,
    )
    // Pasted, it fails alike.
    const again = await failureOf(
      forAllFileSchedules(peeking, { targets: [12], faults: 1, schedule, recordings: folder }),
    )
    expect(again.cause).toEqual(failure.cause)
    const recording = /^recorded: (.*)$/m.exec(failure.message)![1]!
    const replayed = replay(recording)
    try {
      expect(replayed.verify()).toMatchObject({ _tag: 'agrees' })
      expect(replayed.ticks).toBeGreaterThan(3)
    } finally {
      replayed.close()
    }
  })
  it('go on alike where they are in the same situation: most of very many schedules need not be run, and what is wrong is found', async () => {
    const all = await forAllFileSchedules(world(), { targets: [12], clients: 1, runs: 20_000, faults: 0, seed: 1 })
    expect(all.runs).toBe(20_000)
    expect(all.played).toBeLessThan(10_000)
    const peeking = world([[12, { asks: [[10]], output: 'sum', peeks: 2 }]])
    const failure = await failureOf(
      forAllFileSchedules(peeking, { targets: [12], runs: 20_000, faults: 1, seed: 4, recordings: folder }),
    )
    expect(failure.message).toContain('the file of 12 holds')
  })
  it('are told of by name where they make no sense', async () => {
    const told = async (world: unknown, options: unknown): Promise<string> =>
      (await failureOf(forAllFileSchedules(world as World, options as FileOptions))).message
    const targets = [12]
    expect(await told({}, { targets })).toContain('a world is { files: new Map(')
    expect(await told(world(), {})).toContain('`targets` names nothing')
    expect(await told(world(), { targets: [99] })).toContain('from 1 to 63, got 99 among the targets')
    expect(await told(world(), { targets: [5] })).toContain('the target 5 is no file of this world')
    expect(await told(world(), { targets, run: 3 })).toContain('there is no option `run`')
    expect(await told(world(), { targets, runs: 0 })).toContain('`runs` must be at least 1')
    expect(await told(world(), { targets, schedule: '2.1' })).toContain('a schedule reads like s:2.0.1')
    const rule = (more: object): World => world([[13, { asks: [[1]], output: 'sum', ...more } as never]])
    expect(await told(rule({ output: 'product' }), { targets })).toContain('`output of rule 13` is one of')
    expect(await told(rule({ asks: [[70]] }), { targets })).toContain('got 70 in rule 13')
    expect(await told(rule({ asks: undefined }), { targets })).toContain('rule 13: `asks` lists')
    expect(await told(rule({ ifodd: [1] }), { targets })).toContain('rule 13: there is no `ifodd`')
    expect(await told(rule({ ifcreate: 7 }), { targets })).toContain('`ifcreate` must be a list of files, got 7')
    expect(await told(rule({ script: [1] }), { targets })).toContain('as `script` of rule 13')
    expect(await told(rule({ failsAt: 'a' }), { targets })).toContain('`failsAt` is a rest by 5')
    expect(await told(rule({ inMake: true, peeks: 1 }), { targets })).toContain('which alone knows `peeks`')
    expect(await told(rule({ asks: [[13]], tolerant: true }), { targets })).toContain('13 needs itself')
    expect(await told({ ...world(), byHand: new Set([10]) }, { targets })).toContain('and no `byHand`')
    expect(await told({ ...world(), files: new Map([[10, 3]]) }, { targets })).toContain('file 10 has a rule')
    expect(await told({ ...world(), files: new Map([[1, -1.5]]) }, { targets })).toContain('must hold a whole number')
    expect(await told(world(), { targets, clients: Number.POSITIVE_INFINITY })).toContain('`clients` must be a whole')
    expect(await told(world(), { targets, recordings: 5, runs: 1 })).toContain('`recordings` must be the name')
  })
  it('are wrong where a stamp says less than what is made, and where a file that was not there is looked at', async () => {
    const stamped = world([
      [13, { asks: [[1]], output: 'sum', stamps: true }],
      [14, { asks: [[13]], output: 'sum' }],
    ])
    const looked = world([[14, { asks: [[1]], output: 'sum', peeks: 5 }]])
    for (const wrong of [stamped, looked]) {
      const options = { targets: [14], runs: 2000, seed: 1, recordings: folder }
      expect((await failureOf(forAllFileSchedules(wrong, options))).message).toContain('the file of 14 holds')
    }
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
