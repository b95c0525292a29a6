import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { action, codec as C, createEngine, Misuse, replay, rule, source, sqliteStore } from '../../src/index.js'
import { type Check, type EngineFactory, forAllSchedules, ScheduleFailure, Stuck } from '../../src/testing/index.js'
import { keepTemporaryFilesHere } from '../support/folder.js'

keepTemporaryFilesHere()

const recordings = mkdtempSync(join(tmpdir(), 'schedules-'))
afterAll(() => rmSync(recordings, { recursive: true }))

const n = source('n', { key: C.string, value: C.int })
const double = action('double', { key: C.int, value: C.int, run: async (k) => 2 * k })
const sum = rule('sum', { key: C.string, value: C.int }, function* (name, b) {
  const [one, other] = yield* b.all([n(`${name}1`), n(`${name}2`)])
  const [a, z] = yield* b.all([double(one), double(other)])
  return a + z
})
const factory: EngineFactory = (options) => createEngine({ rules: [n, double, sum], ...options })

const failureOf = async (run: Promise<unknown>): Promise<ScheduleFailure> => {
  const failure = await run.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(failure instanceof ScheduleFailure)) throw new Error(`no failure of a schedule: ${failure}`)
  return failure
}

describe('forAllSchedules', () => {
  it('lets a check ask and await, under every schedule', async () => {
    const { runs } = await forAllSchedules(
      factory,
      async (eng) => {
        eng.transact((tx) => {
          tx.set(n('a1'), 1)
          tx.set(n('a2'), 2)
        })
        expect(await eng.once(sum('a')).promise).toBe(6)
        const told: unknown[] = []
        eng.live(sum('a')).subscribe((notice) => told.push(notice._tag === 'value' && notice.value))
        await eng.idle()
        eng.transact((tx) => tx.set(n('a1'), 5))
        expect(await eng.once(sum('a')).promise).toBe(14)
        await eng.idle()
        expect(told).toEqual([6, 14])
      },
      { runs: 300, seed: 1 },
    )
    expect(runs).toBe(300)
  })
  it('takes both ends of two actions in either order, and shrinks to what tells them apart', async () => {
    const heard: number[] = []
    const race = action('race', { key: C.int, value: C.int, run: async (k) => k })
    const hears = rule('hears', { key: C.int, value: C.int }, function* (k, b) {
      const value = yield* b.need(race(k))
      heard.push(value)
      return value
    })
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      heard.length = 0
      const both = [eng.once(hears(1)).promise, eng.once(hears(2)).promise]
      await Promise.all(both)
      expect(heard[0]).toBe(1)
    }
    const raced: EngineFactory = (options) => createEngine({ rules: [race, hears], ...options })
    const failure = await failureOf(forAllSchedules(raced, check, { seed: 3, recordings }))
    expect(failure.message).toContain(`forAllSchedules(engineFactory, check, { schedule: '${failure.schedule}' })`)
    // All at their simplest, but that the second end is heard of first.
    expect(failure.schedule).toMatch(/^s:(0\.)*[12]$/)
    // The same again, from its text; and from its recording.
    const again = await failureOf(forAllSchedules(raced, check, { schedule: failure.schedule, recordings }))
    expect(again.schedule).toBe(failure.schedule)
    expect(existsSync(failure.recording!)).toBe(true)
    expect(replay(failure.recording!).verify()).toMatchObject({ _tag: 'agrees' })
    await forAllSchedules(raced, check, { schedule: 's:' })
  })
  it('makes actions fail, no more of them than it may', async () => {
    let faults = 0
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      const results = await Promise.all([1, 2, 3].map((k) => eng.once(double(k)).either()))
      const failed = results.filter((one) => one._tag === 'Left').length
      expect(failed).toBeLessThanOrEqual(1)
      faults += failed
    }
    await forAllSchedules(factory, check, { faults: 1, runs: 50, seed: 1 })
    expect(faults).toBeGreaterThan(0)
  })
  it('says with which options a failure is found again: by that line alone', async () => {
    const order: number[] = []
    const seen = rule('seen', { key: C.int, value: C.int }, function* (k, b) {
      const found = yield* b.attempt(double(k))
      order.push(k)
      return found._tag === 'Left' ? -1 : found.right
    })
    const engineFactory: EngineFactory = (options) => createEngine({ rules: [double, seen], ...options })
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      order.length = 0
      const all = await Promise.all([1, 2, 3].map((k) => eng.once(seen(k)).promise))
      if (all.includes(-1) && order[0] === 3) throw new Error('3 was first, and something failed')
    }
    const { message } = await failureOf(forAllSchedules(engineFactory, check, { seed: 5, faults: 1, recordings }))
    const line = /^again: (.*)$/m.exec(message)![1]!
    expect(line).toMatch(/^forAllSchedules\(engineFactory, check, \{ faults: 1, schedule: 's:[\d.]+' \}\)$/)
    const again = new Function('forAllSchedules', 'engineFactory', 'check', `return ${line}`)
    const failure = await failureOf(again(forAllSchedules, engineFactory, check))
    expect(failure.message).toContain('3 was first, and something failed')
    rmSync(failure.recording!)
  })
  it('takes what a subscriber or a watch throws for a failure, unless the engine has somebody who hears of it', async () => {
    const heard: unknown[] = []
    const watched = source('watched', {
      key: C.int,
      value: C.int,
      read: (k) => k,
      watch: () => {
        throw new Error('no watch')
      },
    })
    const watching: EngineFactory = (options) => createEngine({ rules: [watched], ...options })
    const follows: Check = (eng) => {
      eng.live(watched(1)).subscribe(() => {})
      return eng.idle()
    }
    expect((await failureOf(forAllSchedules(watching, follows, { seed: 1, recordings }))).cause).toEqual(
      new Error('no watch'),
    )
    const hearing: EngineFactory = (options) => watching({ ...options, onError: (error) => heard.push(error) })
    await forAllSchedules(hearing, follows, { runs: 1 })
    expect(heard).toEqual([new Error('no watch')])
    const failure = await failureOf(
      forAllSchedules(
        factory,
        async (eng) => {
          await new Promise<void>((done) => {
            const told: string[] = []
            for (const k of [1, 2])
              eng.live(double(k)).subscribe(() => {
                if (told.push(`${k}`) === 2) expect(told).toEqual(['1', '2'])
                if (told.length === 2) done()
              })
          })
        },
        { seed: 1, recordings },
      ),
    )
    expect(failure.message).toContain("to deeply equal [ '1', '2' ]")
    expect(failure.isRepeated).toBe(true)
  })
  it('says so where a check fails by something else than the schedule', async () => {
    let runs = 0
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      await eng.once(double(1)).promise
      if (++runs === 7) throw { what: 'the seventh' }
    }
    const { message, isRepeated } = await failureOf(forAllSchedules(factory, check, { seed: 1, recordings }))
    expect(isRepeated).toBe(false)
    expect(message).toMatch(
      /^after 7 schedules, by seed 1, .*: \{ what: 'the seventh' \}\nrun once more, s:.* passes: /,
    )
  })
  it('says so, too, where it fails ever since an earlier schedule, by what that left', async () => {
    let runs = 0
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      await eng.once(double(1)).promise
      if (++runs > 3) throw new Error('not as before')
    }
    const { message, isRepeated } = await failureOf(forAllSchedules(factory, check, { seed: 1, recordings }))
    expect(isRepeated).toBe(false)
    expect(message).toContain(
      'so does s:: not as before\nrun first, s: passed: the check hangs on more than the schedule',
    )
  })
  it.each([
    ['no check', () => forAllSchedules(factory, undefined as never), 'check must be a function, got undefined'],
    [
      'an engine',
      () => forAllSchedules(createEngine({ rules: [] }) as never, () => {}),
      'engineFactory must be a function',
    ],
    ['no runs', () => forAllSchedules(factory, () => {}, { runs: 0 }), '`runs` must be at least 1, got 0'],
    [
      'a seed in words',
      () => forAllSchedules(factory, () => {}, { seed: 'x' as never }),
      '`seed` must be a whole number',
    ],
    ['fewer than no faults', () => forAllSchedules(factory, () => {}, { faults: -1 }), '`faults` must be at least 0'],
    ['no such option', () => forAllSchedules(factory, () => {}, { run: 9 } as never), 'there is no option `run`'],
    ['no schedule', () => forAllSchedules(factory, () => {}, { schedule: '1.2' }), 'a schedule reads like s:2.0.1'],
  ])('refuses %s', async (_, run, why) => {
    const error = await run().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Misuse)
    expect((error as Misuse).message).toContain(why)
  })
  it('runs no schedule that only goes ways which it knows, and tells apart what was told in another order', async () => {
    let runs = 0
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      runs++
      await Promise.all([1, 2, 3, 4].map((k) => eng.once(double(k)).promise))
    }
    const found = await forAllSchedules(factory, check, { runs: 20_000, seed: 1 })
    expect(found).toMatchObject({ runs: 20_000, ends: 24, played: runs })
    expect(runs).toBeLessThan(3000)
    expect(await forAllSchedules(factory, check, { runs: 20_000, seed: 1 })).toEqual(found)
    const one = await forAllSchedules(factory, (eng) => eng.once(double(1)).promise, { runs: 20_000, seed: 2 })
    expect(one).toMatchObject({ ends: 1, played: 1019 })
  })
  it('finds what goes wrong in one order of many, however many schedules end well before', async () => {
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      const told: number[] = []
      await Promise.all([1, 2, 3, 4, 5, 6].map((k) => eng.once(double(k)).promise.then(() => told.push(k))))
      if (told.join('') === '643512') throw new Error('the order that must not be')
    }
    const failure = await failureOf(forAllSchedules(factory, check, { runs: 100_000, seed: 1, recordings }))
    await expect(forAllSchedules(factory, check, { schedule: failure.schedule, recordings })).rejects.toThrow(
      'the order that must not be',
    )
  })
  it('says that nothing is left to be done for whoever waits for what cannot come', async () => {
    const failure = await failureOf(
      forAllSchedules(factory, () => new Promise(() => {}), { patience: 1, recordings, runs: 1 }),
    )
    expect(failure.cause).toBeInstanceOf(Stuck)
    expect(failure.message).toContain('nothing is left to be done, and the check still waits')
  })
  it('says so of rules without end, though they are asked for by a promise', async () => {
    const up: ReturnType<typeof rule<number, number>> = rule('up', { key: C.int, value: C.int }, function* (k, b) {
      return yield* b.need(up(k + 1))
    })
    const endless: EngineFactory = (options) => createEngine({ rules: [up], ...options })
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => void (await eng.once(up(0)).promise)
    const failure = await failureOf(forAllSchedules(endless, check, { stepsMax: 50, recordings, runs: 1 }))
    expect(failure.message).toContain('after 51 steps it is not over')
    expect(failure.message).toContain("again: forAllSchedules(engineFactory, check, { stepsMax: 50, schedule: 's:")
  })
  it.each([true, false])('lets a check leave open what it asked for, be it that it fails: %s', async (fails) => {
    const unheard: unknown[] = []
    const hear = (error: unknown): void => void unheard.push(error)
    process.on('unhandledRejection', hear)
    try {
      const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
        const left = eng.once(double(2)).promise
        if (fails && (await eng.once(n('a1')).either())._tag === 'Left') throw new Error('it is not there')
        void left
      }
      const run = forAllSchedules(factory, check, { recordings, runs: 20, seed: 1 })
      if (fails) expect((await failureOf(run)).message).toContain('it is not there')
      else await run
      await new Promise(setImmediate)
      expect(unheard).toEqual([])
    } finally {
      process.off('unhandledRejection', hear)
    }
  })
  it('waits for what is really under way', async () => {
    const slow = action('slow', {
      key: C.int,
      value: C.int,
      run: (k) => new Promise<number>((resolve) => setTimeout(() => resolve(k), 5)),
    })
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(await eng.once(slow(1)).promise).toBe(1)
    }
    await forAllSchedules((options) => createEngine({ rules: [slow], ...options }), check, { runs: 3 })
  })
  it('tells apart in which order actions were begun, though nobody is told', async () => {
    // Two of the 24 orders in which four are begun.
    for (const order of ['2431', '4213']) {
      let log = ''
      const acts = action('acts', {
        key: C.int,
        value: C.int,
        run: async (k) => {
          log += k
          return 0
        },
      })
      const check = async (eng: ReturnType<EngineFactory>): Promise<void> => {
        log = ''
        await Promise.all([1, 2, 3, 4].map((k) => eng.once(acts(k)).promise))
        if (log === order) throw new Error(order)
      }
      const run = forAllSchedules((options) => createEngine({ rules: [acts], ...options }), check, {
        runs: 20_000,
        seed: 1,
        recordings,
      })
      expect((await failureOf(run)).message).toContain(order)
    }
  })
  it('refuses engines that know something of those before them', async () => {
    const kept = rule('kept', { key: C.int, value: C.int }, (k) => k)
    const one: EngineFactory = (options) =>
      createEngine({ rules: [kept], store: sqliteStore(join(recordings, 'store')), ...options })
    const check = async (eng: ReturnType<EngineFactory>): Promise<void> => void (await eng.once(kept(1)).promise)
    await expect(forAllSchedules(one, check, { runs: 5 })).rejects.toThrow('knows something of the schedules before')
  })
  it('keeps each recording, though the seed is the same', async () => {
    const check = (): never => {
      throw new Error('it fails')
    }
    const options = { runs: 1, seed: 5, recordings }
    const first = await failureOf(forAllSchedules(factory, check, options))
    const second = await failureOf(forAllSchedules(factory, check, options))
    expect([first.recording, second.recording]).toEqual(
      ['5-1.redford', '5-1-2.redford'].map((name) => join(recordings, name)),
    )
  })
  it('refuses a factory that keeps the options to itself', async () => {
    await expect(
      forAllSchedules(
        () => createEngine({ rules: [] }),
        () => {},
      ),
    ).rejects.toThrow(Misuse)
  })
})
