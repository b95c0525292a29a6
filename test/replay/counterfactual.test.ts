/** The same requests and runs under another policy, in other pools, with other slots. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { replayCommand } from '../../src/cli/replay.js'
import {
  action,
  type Building,
  codec as C,
  createEngine,
  type Policy,
  policies,
  replay,
  rule,
  source,
  sqliteStore,
} from '../../src/index.js'
import type { BuildId } from '../../src/model/ids.js'
import { diffRecordings } from '../../src/replay/diff-recordings.js'
import { played } from '../../src/replay/played.js'
import { policyOf, scriptOf } from '../../src/replay/script.js'
import type { Recorder } from '../../src/store/recording/recorder.js'
import { everyPolicy } from '../../src/testing/plays.js'
import * as files from '../property/arbitraries.js'
import { edit } from '../property/laws.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'
import { Play } from '../support/world.js'
import { opened, plainRecorder } from './record.js'

const folder = useFolder()
const int = { key: C.int, value: C.int }

describe('rules', () => {
  const graph = (deps: readonly (readonly number[])[]) => {
    const given = source('given', int)
    const node = rule('node', int, function* (n, b) {
      const own = yield* b.need(given(n % 3))
      const below = yield* b.all((deps[n] ?? []).map((d) => node(d)))
      return below.reduce((sum, v) => (sum + v) % 1000, own + n)
    }) as ReturnType<typeof rule<number, number>>
    return { given, node }
  }

  it('that were recalled from a store say nothing of what is to be made anew', async () => {
    const given = source('given', int)
    const twice = rule('twice', int, function* (n, b) {
      return 2 * (yield* b.need(given(n)))
    })
    const rules = [given, twice]
    const store = (): ReturnType<typeof sqliteStore> => sqliteStore(folder.at('store'))
    const before = createEngine({ rules, store: store() })
    before.transact((tx) => tx.set(given(1), 5))
    expect(await before.once(twice(1)).promise).toBe(10)
    await before.close()
    const path = folder.at('recalled.rec')
    const eng = createEngine({ rules, store: store(), record: path, drive: 'manual' })
    eng.live(twice(1))
    eng.settle()
    eng.transact((tx) => tx.touch(twice(1)))
    // It is not made any more.
    eng.tick()
    await eng.close()
    const recording = replay(path)
    const receipts = Array.from({ length: recording.ticks }, (_, i) => recording.reader.at(i + 1).input.receipts).flat()
    expect(receipts.map(({ _tag }) => _tag)).toEqual(['recalled'])
    for (const policy of [undefined, policies.cap(1)])
      expect(recording.counterfactual(policy && { policy }).otherAnswers).toBe(0)
    recording.close()
  })

  it('that have none of their alternatives fail with what the rules fail with again', async () => {
    const given = source('given', int)
    const node = rule('node', int, function* (n, b) {
      return yield* b.first([given(2 * n), given(2 * n + 1)])
    })
    const top = rule('top', int, function* (n, b) {
      return (yield* b.collect([node(1), given(100), node(n)])).length
    })
    const rules = [given, node, top]
    const path = folder.at('none.rec')
    const eng = createEngine({ rules, record: path, keep: 0 })
    for (const n of [3, 2, 5]) {
      await eng.once(top(n)).either()
      await eng.once(node(n + 1)).either()
      // Ids are given again, to others.
      eng.gc()
    }
    await eng.close()
    const otherwise = folder.at('otherwise.rec')
    const { guessed, otherAnswers } = replay(path).verify({
      mode: 'counterfactual',
      policy: policies.cap(1),
      record: otherwise,
    })
    expect({ guessed, otherAnswers }).toEqual({ guessed: 0, otherAnswers: 0 })
    expect(replay(otherwise, { rules }).verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 0 })
  })

  it('come to the same answers under every policy, and nothing is guessed', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 2, maxLength: 12 }),
        fc.array(fc.nat(2), { maxLength: 3 }),
        fc.nat(4),
        async (refs, edits, recordedBy) => {
          const deps = refs.map((each, n) => (n === 0 ? [] : each.map((r) => r % n)))
          const { given, node } = graph(deps)
          const eng = createEngine({ rules: [given, node], record: true, policy: everyPolicy[recordedBy]! })
          eng.transact((tx) => [0, 1, 2].forEach((n) => tx.set(given(n), n)))
          await eng.once(node(deps.length - 1)).promise
          for (const [i, n] of edits.entries()) {
            eng.transact((tx) => tx.set(given(n), 10 + i))
            await eng.once(node(deps.length - 1)).promise
          }
          const path = folder.at(`${Math.random()}.rec`)
          eng.export(path)
          await eng.close()
          const recording = replay(path)
          try {
            const like = played(recording.reader)
            expect(Math.abs(like.makespan - like.recorded.makespan)).toBeLessThan(1000)
            const copy = folder.at(`${Math.random()}.rec`)
            const policy = everyPolicy[recordedBy]!
            // What somebody's own policy does, its name does not tell.
            const own = policyOf(policy.name) === undefined ? {} : { policy }
            for (const same of [recording.counterfactual(), recording.counterfactual({ ...own, record: copy })]) {
              expect(same).toMatchObject({ guessed: 0, otherAnswers: 0 })
              expect([same.makespan, same.ticks]).toEqual([same.recorded.makespan, recording.ticks])
            }
            const copied = replay(copy)
            expect(diffRecordings(recording.reader, copied.reader)._tag).toBe('same')
            copied.close()
            for (const policy of everyPolicy)
              expect(recording.counterfactual({ policy })).toMatchObject({ guessed: 0, otherAnswers: 0 })
          } finally {
            recording.close()
          }
        },
      ),
      runs(40),
    )
  })

  /** What was forgotten gives its ids to what comes later. */
  const forgetting = async (recordedBy: Policy, asked: readonly number[]): Promise<string> => {
    const given = source('given', int)
    const r = rule('r', { ...int, error: C.string }, function* (n, b) {
      const value = yield* b.need(given(n))
      return n % 2 === 0 ? b.fail(`no ${n}`) : value
    })
    const up = rule('up', int, function* (n, b) {
      return yield* b.need(r(n))
    })
    const top = rule('top', int, function* (n, b) {
      return n % 3 === 0 ? yield* b.first([up(n), r(n)]) : (yield* b.all([up(n), up(n + 2)])).length
    })
    const eng = createEngine({ rules: [given, r, up, top], record: true, policy: recordedBy })
    eng.transact((tx) => [...Array(12).keys()].forEach((n) => tx.set(given(n), n)))
    for (const n of asked) {
      if (n < 0) await eng.gc({ keep: 0 })
      else await eng.once(top(n)).promise.catch(() => {})
    }
    const path = folder.at(`${Math.random()}.rec`)
    eng.export(path)
    await eng.close()
    return path
  }

  it('that were forgotten, and fail: the failure is the same', async () => {
    const path = await forgetting(policies.fixpoint(), [1, 5, -1, 4, 2])
    const recording = replay(path)
    for (const policy of everyPolicy)
      expect(recording.counterfactual({ policy })).toMatchObject({ guessed: 0, otherAnswers: 0 })
    recording.close()
    let text = ''
    const take = (more: string): void => {
      text += more
    }
    const words = ['--mode', 'counterfactual', '--policy', 'cap(1)', path]
    expect([await replayCommand(words, { print: take, say: take }), text]).toEqual([
      0,
      expect.not.stringMatching(/otherwise/),
    ])
  })

  it('that fail and are forgotten come to the same answers under every policy', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -4, max: 9 }), { minLength: 2, maxLength: 8 }),
        fc.nat(4),
        async (asked, by) => {
          const recording = replay(await forgetting(everyPolicy[by]!, asked))
          try {
            expect(played(recording.reader, { policy: everyPolicy[by]! })).toMatchObject({
              guessed: 0,
              otherAnswers: 0,
            })
            for (const policy of everyPolicy)
              expect(recording.counterfactual({ policy })).toMatchObject({ guessed: 0, otherAnswers: 0 })
          } finally {
            recording.close()
          }
        },
      ),
      runs(40),
    )
  })

  it('that are only followed take from the first until the last notice', async () => {
    const { given, node } = graph([[], [0]])
    const eng = createEngine({ rules: [given, node], record: true })
    eng.transact((tx) => [0, 1, 2].forEach((n) => tx.set(given(n), n)))
    eng.live(node(1)).subscribe(() => {})
    await eng.idle()
    await new Promise((resolve) => setTimeout(resolve, 30))
    eng.transact((tx) => tx.set(given(0), 7))
    await eng.idle()
    eng.export(folder.at('live.rec'))
    await eng.close()
    const recording = replay(folder.at('live.rec'))
    const same = recording.counterfactual()
    expect(same.recorded.makespan).toBeGreaterThan(20_000)
    expect(same.makespan).toBe(same.recorded.makespan)
    expect(recording.counterfactual({ policy: policies.cap(1) }).makespan).toBeGreaterThan(20_000)
    recording.close()
  })

  it('with actions that take a while end as soon as the pool allows', async () => {
    const wait = action('wait', {
      ...int,
      pool: 'p',
      run: (n) => new Promise<number>((done) => setTimeout(() => done(n), 150)),
    })
    const all = rule('all', int, function* (_, b) {
      return (yield* b.all([1, 2, 3, 4].map((n) => wait(n)))).length
    })
    const eng = createEngine({ rules: [wait, all], record: true, pools: { p: 2 } })
    await eng.once(all(0)).promise
    eng.export(folder.at('a.rec'))
    await eng.close()
    const recording = replay(folder.at('a.rec'))
    const span = (p: number): number => recording.counterfactual({ pools: [p] }).makespan
    const same = recording.counterfactual({ policy: policies.fullBatch() })
    expect(same).toMatchObject({ guessed: 0, otherAnswers: 0 })
    expect(same.makespan / same.recorded.makespan).toBeCloseTo(1, 2)
    // What the engine itself took is the same.
    expect(span(1) - span(2)).toBeGreaterThan(0.9 * 30_000)
    expect(span(4)).toBeLessThanOrEqual(span(2))
    recording.close()
  })

  /** With room for one: two actions are asked for, the one that is given is taken back, and asked for again. */
  const takenBack = async (given: number): Promise<ReturnType<typeof replay>> => {
    const ends = new Map<number, () => void>()
    const wait = action('wait', {
      ...int,
      pool: 'p',
      run: (n) => new Promise<number>((resolve) => ends.set(n, () => resolve(n))),
    })
    const path = folder.at(`back${given}.rec`)
    const eng = createEngine({ rules: [wait], record: path, pools: { p: 1 }, drive: 'manual' })
    const settled = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve))
      eng.settle()
    }
    const asked = [1, 2].map((n) => eng.once(wait(n)))
    eng.settle()
    asked[given - 1]!.cancel()
    await asked[given - 1]!.promise.catch(() => {})
    await settled()
    const again = eng.once(wait(given)).promise
    await settled()
    for (let i = 0; i < 4; i++) {
      for (const end of ends.values()) end()
      await settled()
    }
    expect(await again).toBe(given)
    await eng.close()
    return replay(path, { rules: [wait] })
  }

  it('with actions that were taken back and asked for again come to what they came to then', async () => {
    const running = await takenBack(1)
    for (const otherwise of [{ policy: policies.cap(1) }, { policy: policies.fullBatch() }])
      expect(running.verify({ mode: 'counterfactual', ...otherwise })).toMatchObject({ guessed: 0, otherAnswers: 0 })
    running.close()
    const waiting = await takenBack(2)
    for (const p of [1, 2, 3]) {
      const { latencies } = waiting.verify({ mode: 'counterfactual', pools: { p }, policy: policies.fullBatch() })
      expect(latencies.at(-1)!.otherwise, `with room for ${p}`).toBeDefined()
    }
    waiting.close()
  })

  it('that were on a circle, and are run again, have two runs, each of which asks for what it asked for', async () => {
    const needs = source('needs', { key: C.int, value: C.array(C.int) })
    const cell = rule('cell', int, function* (n, b): Building<number> {
      const below = yield* b.all((yield* b.need(needs(n))).map((d) => cell(d)))
      return below.reduce((sum, v) => sum + v, n)
    })
    const rules = [needs, cell]
    const eng = createEngine({ rules, record: true })
    const edits: readonly (readonly (readonly [cell: number, below: readonly number[]])[])[] = [
      [[1, [1, 4]]],
      [[4, []]],
      [
        [2, [1]],
        [3, []],
      ],
      [[4, []]],
      [[1, []]],
    ]
    for (const edit of edits) {
      eng.transact((tx) => {
        for (const [n, below] of edit) tx.set(needs(n), below)
      })
      await eng.once(cell(edit[0]![0])).either()
    }
    const path = folder.at('circle.rec')
    eng.export(path)
    await eng.close()
    const recording = replay(path, { rules })
    const { runs, names } = scriptOf(recording.reader)
    const nameOf = (x: BuildId): string => names.get(x)!.replaceAll('\0', ' ').trim()
    const asked = [...runs].flatMap(([x, each]) =>
      nameOf(x) === 'cell 1' ? [each.map(({ groups }) => groups.map((group) => group.map(nameOf)))] : [],
    )
    expect(asked).toEqual([[[['needs 1'], ['cell 1', 'cell 4']], [['needs 1'], ['cell 1', 'cell 4']], [['needs 1']]]])
    for (const policy of [policies.cap(1), policies.fullBatch()])
      expect(recording.verify({ mode: 'counterfactual', policy })).toMatchObject({ guessed: 0, otherAnswers: 0 })
    recording.close()
  })
})

describe('do-files', () => {
  it('come to the same answers under every policy and number of slots', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        files.samples({ tolerant: false }),
        fc.array(files.edits, { maxLength: 2 }),
        fc.constantFrom(policies.fixpoint(), policies.fullBatch(), policies.cap(1), policies.cap(3)),
        fc.integer({ min: 1, max: 4 }),
        (sample, history, policy, jobs) => {
          const path = folder.at(`${Math.random()}.rec`)
          const world = files.worldOf(sample)
          let recorder: Recorder | undefined
          let now = 0
          const play = new Play(world, {
            onTick: (input, before, after) => {
              recorder ??= plainRecorder(path, before, { now: () => (now += 1000) })
              recorder.onTick(input, after)
            },
          })
          for (const edits of [[], ...history]) {
            edit(play, world, edits, true)
            play.request(sample.targets, 'ifchange', { jobs: 2 })
            play.finish()
            // Whatever is done otherwise, it is over before files change: else it may well come to another answer.
            now += 1e9
          }
          recorder!.close()
          const recording = opened(path)
          try {
            const same = played(recording.reader)
            expect(recording.counterfactual({ jobs: 2 })).toEqual(same)
            expect(same).toMatchObject({ guessed: 0, otherAnswers: 0, ticks: same.recorded.ticks })
            expect(same.makespan).toBe(same.recorded.makespan)
            expect(recording.counterfactual({ policy, jobs })).toMatchObject({ otherAnswers: 0 })
          } finally {
            recording.close()
          }
        },
      ),
      runs(60),
    )
  })
})
