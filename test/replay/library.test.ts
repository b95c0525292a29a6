/** A recording of rules, with the rules at hand: run again, and gone on from. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  action,
  type BuildEngine,
  buildId,
  codec as C,
  type Codec,
  type CreateOptions,
  checkInvariants,
  createEngine,
  type Json,
  Kind,
  kindOf,
  memoryStore,
  policies,
  type Reexecution,
  type Replay,
  replay,
  rule,
  source,
  sqliteStore,
  thread,
} from '../../src/index.js'
import { everyPolicy } from '../../src/testing/plays.js'
import { picks, samples, schedules } from '../../src/testing/scripts.js'
import { until, useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'
import { recordSteps } from './record.js'

const folder = useFolder()
const open: { close(): unknown }[] = []
beforeEach(() => void open.splice(0))
afterEach(async () => {
  for (const each of open) await each.close()
})
const kept = <A extends { close(): unknown }>(each: A): A => {
  open.push(each)
  return each
}

const int = { key: C.string, value: C.int }
const given = source('given', int)

/** Records what `work` asks of an engine with `rules`, and opens that. */
const recorded = async (
  rules: CreateOptions['rules'],
  work: (eng: BuildEngine) => Promise<void>,
  options: Partial<CreateOptions> = {},
): Promise<Replay> => {
  const eng = kept(createEngine({ rules, record: true, ...options }))
  await work(eng)
  const path = folder.at('a.rec')
  eng.export(path)
  return kept(replay(path, { rules }))
}

describe('run again', () => {
  const again = async (make: (n: number) => number, version = 1): Promise<Reexecution | unknown> => {
    const twice = rule('twice', { ...int, version }, function* (name, b) {
      return make(yield* b.need(given(name)))
    })
    const path = await recorded([given, twice], async (eng) => {
      eng.transact((tx) => {
        tx.set(given('a'), 1)
        tx.set(given('b'), 2)
      })
      await eng.once(twice('a')).promise
      await eng.once(twice('b')).promise
      eng.transact((tx) => tx.set(given('a'), 3))
      await eng.once(twice('a')).promise
    })
    return path.verify({ mode: 'reexecute' })
  }

  it('pure rules come to what was recorded', async () => {
    expect(await again((n) => 2 * n)).toMatchObject({ _tag: 'agrees', skipped: 0 })
  })
  it('a clock is found, with rule, key and what differs', async () => {
    let now = 0
    const found = await again((n) => n + 1000 * now++)
    expect(found).toMatchObject({ _tag: 'impure', rule: 'twice', key: 'twice("a")' })
    expect((found as { difference: string }).difference).toMatch(/^recorded: 1; now: \d+$/)
  })
  it('a random number is found', async () => {
    expect(await again((n) => n + Math.floor(Math.random() * 1e9))).toMatchObject({ _tag: 'impure', rule: 'twice' })
  })
  it('a shared object that changes from run to run is found', async () => {
    const seen: number[] = []
    expect(await again((n) => seen.push(n))).toMatchObject({ _tag: 'impure', rule: 'twice' })
  })
  it('even one whose first run is as it was, in a process that begins anew', async () => {
    let calls = 0
    const count = rule('count', int, () => ++calls)
    const recording = await recorded([count], async (eng) => {
      await eng.once(count('x')).promise
    })
    calls = 0
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({
      _tag: 'impure',
      rule: 'count',
      difference: 'recorded: 1; now: 2',
    })
  })
  it('a rule that asks for something else is found', async () => {
    let flips = 0
    const odd = rule('odd', int, function* (_, b) {
      return yield* b.need(given(flips++ === 0 ? 'a' : 'b'))
    })
    const recording = await recorded([given, odd], async (eng) => {
      eng.transact((tx) => {
        tx.set(given('a'), 1)
        tx.set(given('b'), 1)
      })
      await eng.once(odd('x')).promise
    })
    const found = recording.verify({ mode: 'reexecute' })
    expect(found).toMatchObject({ _tag: 'impure', rule: 'odd' })
    expect((found as { difference: string }).difference).toMatch(/given\("a"\).*given\("b"\)/)
  })
  it('says where in a large value it differs first', async () => {
    let n = 0
    const big = rule('big', { key: C.string, value: C.json }, () => ({ list: [1, 2, { deep: n++ }], same: true }))
    const recording = await recorded([big], async (eng) => {
      await eng.once(big('x')).promise
    })
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({
      difference: 'recorded at .list[2].deep: 0; now: 1',
    })
  })
  it('and in an error that is nested as deep as may be', async () => {
    const differenceOf = async (make: (fail: (error: Json) => never) => number): Promise<string> => {
      const nested = rule('nested', { ...int, error: C.json }, (_, b) =>
        make((leaf) => b.fail(Array.from({ length: 500 }).reduce<Json>((inner) => [inner], leaf))),
      )
      const recording = await recorded([nested], async (eng) => void (await eng.once(nested('')).either()))
      rmSync(folder.at('a.rec'))
      return (recording.verify({ mode: 'reexecute' }) as { difference: string }).difference
    }
    let n = 0
    expect(await differenceOf((fail) => fail(n++))).toMatch(
      /^recorded: it fails \(error(\[0\]){500}: 0\); now: it fails \(error(\[0\]){500}: 1\)$/,
    )
    expect(await differenceOf((fail) => (n++ === 2 ? fail(0) : 1))).toMatch(/^recorded: it fails \(.*\); now: it is 1$/)
  })
  it('shows long texts that begin alike from where they part, and of an error what it says', async () => {
    let n = 0
    const differenceOf = async (make: () => string): Promise<string> => {
      const odd = rule('odd', { key: C.string, value: C.string }, make)
      const recording = await recorded([odd], async (eng) => void (await eng.once(odd('')).either()))
      rmSync(folder.at('a.rec'))
      return (recording.verify({ mode: 'reexecute' }) as { difference: string }).difference
    }
    const long = 'x'.repeat(500)
    expect(await differenceOf(() => `${long}${n++}`)).toBe('recorded: ...xxxxxxxxxx0"; now: ...xxxxxxxxxx1"')
    const failure = await differenceOf(() => {
      throw new Error(`no ${n++}`)
    })
    expect(failure).toBe('recorded: it fails (message: "no 2"); now: it fails (message: "no 3")')
  })
  it('static and batch rules, failures and attempts are run again too', async () => {
    const pair = rule.static('pair', {
      ...int,
      deps: (k: string) => ({ a: given(k), b: given('b') }),
      make: ({ a, b }) => a + b,
    })
    const many = rule.batch('many', {
      ...int,
      deps: (k: string) => given(k),
      batch: { max: 2 },
      make: (units) => units.map(({ deps }) => (deps as number) * 2),
    })
    const top = rule('top', { key: C.string, value: C.json }, function* (_, b) {
      const missing = yield* b.attempt(given('none'))
      const all = yield* b.all([pair('a'), many('a'), many('b')])
      return { missing: missing._tag, all }
    })
    const recording = await recorded([given, pair, many, top], async (eng) => {
      eng.transact((tx) => {
        tx.set(given('a'), 1)
        tx.set(given('b'), 2)
      })
      await eng.once(top('')).promise
    })
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 0 })
    expect((recording.verify({ mode: 'reexecute' }) as { makes: number }).makes).toBeGreaterThanOrEqual(5)
  })
  it('a rule whose declared needs are another time after time is found, with key and what differs', async () => {
    let grown = 1
    const listed = rule.static('listed', {
      ...int,
      deps: (name: string) => Array.from({ length: grown }, (_, i) => given(`${name}${i}`)),
      make: (all) => all.reduce((x, y) => x + y, 0),
    })
    const recording = await recorded([given, listed], async (eng) => {
      eng.transact((tx) => {
        for (const name of ['a0', 'a1', 'b0', 'b1']) tx.set(given(name), 1)
      })
      await eng.once(listed('a')).promise
      await eng.once(listed('b')).promise
    })
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 0 })
    grown = 2
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({
      _tag: 'impure',
      rule: 'listed',
      key: 'listed("a")',
      difference: 'recorded: it asks for given("a0"); now: for given("a0") and given("a1")',
    })
  })
  it('one whose declared needs change in their order is found', async () => {
    let turns = 0
    const pair = rule.static('pair', {
      ...int,
      deps: (name: string) => {
        const both = [given(`${name}0`), given(`${name}1`)]
        return turns++ % 2 === 0 ? both : both.reverse()
      },
      make: (all) => all[0]! - all[1]!,
    })
    const recording = await recorded([given, pair], async (eng) => {
      eng.transact((tx) => {
        tx.set(given('a0'), 1)
        tx.set(given('a1'), 2)
      })
      await eng.once(pair('a')).promise
    })
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({
      _tag: 'impure',
      rule: 'pair',
      key: 'pair("a")',
      difference: expect.stringMatching(/^recorded: it asks for given\("a\d"\) and given\("a\d"\); now: for given/),
    })
  })
  it('what needs a value that was left out is skipped, and counted', async () => {
    const far = action('far', { key: C.string, value: C.string, run: () => 'x'.repeat(100) })
    const long = rule('long', { key: C.string, value: C.string }, function* (k, b) {
      return `${yield* b.need(far(k))}!`
    })
    const length = rule('length', int, function* (k, b) {
      return (yield* b.need(long(k))).length
    })
    const work = async (eng: BuildEngine): Promise<void> => {
      expect(await eng.once(length('a')).promise).toBe(101)
    }
    const left = await recorded([far, long, length], work, { record: { valueMax: 50 } })
    expect(left.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 2 })
    rmSync(folder.at('a.rec'))
    const beside = await recorded([far, long, length], work, { record: { valueMax: 50, beside: true } })
    expect(beside.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 0 })
  })
  it('what comes out of a rule again need not be in the recording', async () => {
    const long = rule('long', { key: C.string, value: C.string }, () => 'x'.repeat(100))
    const length = rule('length', int, function* (k, b) {
      return (yield* b.need(long(k))).length
    })
    const recording = await recorded(
      [long, length],
      async (eng) => {
        await eng.once(length('a')).promise
      },
      { record: { valueMax: 50 } },
    )
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 0 })
  })
  it('keys are as frozen as they were', async () => {
    const greedy = rule('greedy', { key: C.array(C.int), value: C.int }, (sides) => (sides as number[]).push(1))
    const recording = await recorded([greedy], async (eng) => {
      await eng.once(greedy([7])).either()
    })
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', makes: 1 })
    const eng = kept(recording.fork(0))
    expect(await eng.once(greedy([7])).either()).toMatchObject({ left: { _tag: 'threw' } })
  })
  it('other rules are named', async () => {
    const recording = await recorded([given], async (eng) => {
      eng.transact((tx) => tx.set(given('a'), 1))
      await eng.once(given('a')).promise
    })
    const other = kept(replay(recording.reader.path, { rules: [source('given', { ...int, version: 2 })] }))
    expect(other.verify({ mode: 'reexecute' })).toEqual({ _tag: 'otherRules', rules: ['given'] })
  })
})

describe('a fork', () => {
  const slow = action('slow', { ...int, run: (k: string) => Promise.resolve(k.length) })
  const sum = rule('sum', int, function* (name, b) {
    const [a, n] = yield* b.all([given(name), slow(name)])
    return a + n
  })
  const rules = [given, slow, sum]
  const work = async (eng: BuildEngine): Promise<void> => {
    eng.transact((tx) => tx.set(given('a'), 1))
    await eng.once(sum('a')).promise
    eng.transact((tx) => tx.set(given('a'), 10))
    await eng.once(sum('a')).promise
  }

  it('goes on from any tick, and has the past in common', { timeout: 30_000 }, async () => {
    const recording = await recorded(rules, work)
    for (let tick = 0; tick <= recording.ticks; tick++) {
      const eng = kept(recording.fork(tick, { drive: 'manual' }))
      eng.settle()
      const { version } = recording.stateAt(tick).state
      expect(eng.version).toBe(version)
      const asked = eng.once(sum('a')).promise.catch(() => 'absent')
      await eng.idle()
      expect(await asked).toBe(version === 0 ? 'absent' : version === 1 ? 2 : 11)
      checkInvariants(eng.state)
      eng.transact((tx) => tx.set(given('a'), 5))
      const other = eng.once(sum('a')).promise
      await eng.idle()
      expect(await other).toBe(6)
      eng.gc({ keep: 0 })
      await eng.idle()
      expect(eng.state.inFlight).toBe(0)
      expect(eng.progress()).toMatchObject({ inFlight: 0, requests: [], lives: [] })
    }
  })
  it('goes on from any tick, though no value was recorded', { timeout: 60_000 }, async () => {
    const text = { key: C.string, value: C.string }
    const long = source('long', text)
    const late = action('late', { ...int, run: (k: string) => Promise.resolve(k.length) })
    const one = rule('one', int, function* (k, b) {
      const given = yield* b.need(long(k))
      return given.length + (yield* b.need(late(k)))
    })
    const two = rule('two', int, function* (k, b) {
      const [given, below] = yield* b.all([long(k), one(k)])
      return given.length + below + (yield* b.need(late(`${k}${below}`)))
    })
    const recording = await recorded(
      [long, late, one, two],
      async (eng) => {
        eng.transact((tx) => tx.set(long('a'), 'x'.repeat(500)))
        expect(await eng.once(two('a')).promise).toBe(1005)
        eng.transact((tx) => tx.set(long('a'), 'x'.repeat(100)))
        expect(await eng.once(two('a')).promise).toBe(205)
      },
      { record: { valueMax: 0 } },
    )
    for (let tick = 0; tick <= recording.ticks; tick++) {
      const eng = kept(recording.fork(tick))
      checkInvariants(eng.state)
      const { version } = recording.stateAt(tick).state
      const asked = eng.once(two('a')).promise.catch(() => 'absent')
      expect([tick, await asked]).toEqual([tick, version === 0 ? 'absent' : version === 1 ? 1005 : 205])
      checkInvariants(eng.state)
    }
  })
  it('makes nothing that the past made', async () => {
    let makes = 0
    const counted = rule('counted', int, function* (name, b) {
      makes++
      return yield* b.need(given(name))
    })
    const recording = await recorded([given, counted], async (eng) => {
      eng.transact((tx) => tx.set(given('a'), 1))
      await eng.once(counted('a')).promise
    })
    makes = 0
    const eng = kept(recording.fork(recording.ticks))
    expect(await eng.once(counted('a')).promise).toBe(1)
    expect(makes).toBe(0)
  })
  it('goes as far ahead of its batch as its own policy says, and makes nothing that holds', async () => {
    const made: string[] = []
    const half = rule('half', int, function* (name, b) {
      const value = yield* b.need(given(name))
      made.push('half')
      return value >> 1
    })
    const top = rule('top', int, function* (name, b) {
      const value = yield* b.need(half(name))
      made.push('top')
      return value
    })
    for (const [by, then] of [
      [policies.fixpoint(), policies.cap(1)],
      [policies.cap(1), policies.fixpoint()],
    ] as const) {
      const recording = await recorded(
        [given, half, top],
        async (eng) => {
          eng.live(top('a'))
          eng.transact((tx) => tx.set(given('a'), 2))
          await eng.idle()
          eng.transact((tx) => tx.set(given('a'), 3))
          await eng.idle()
        },
        { policy: by },
      )
      const ticksOf = async (eng: BuildEngine): Promise<number> => {
        await eng.idle()
        eng.transact((tx) => tx.set(given('b'), 9))
        const asked = eng.once(top('b')).promise
        const before = eng.progress().tick
        await eng.idle()
        expect(await asked).toBe(4)
        return eng.progress().tick - before
      }
      const fresh = await ticksOf(kept(createEngine({ rules: [given, half, top], policy: then, drive: 'manual' })))
      const first = recording.firstTick((moment) => moment.look(top('a'))._tag === 'value')!
      for (let tick = 0; tick <= recording.ticks; tick++) {
        made.splice(0)
        const eng = kept(recording.fork(tick, { policy: then, drive: 'manual' }))
        eng.once(top('a')).promise.catch(() => {})
        await eng.idle()
        // Of 3 it is the same half as of 2.
        if (tick >= first) expect([tick, made]).toEqual([tick, made.filter((name) => name !== 'top')])
        expect([tick, await ticksOf(eng)]).toEqual([tick, fresh])
      }
    }
  })
  it('counts transactions on, though nothing of them is kept', async () => {
    const recording = await recorded([given], async (eng) => {
      eng.transact((tx) => tx.set(given('a'), 1))
      eng.gc()
      await eng.once(given('a')).promise
      expect(eng.version).toBe(1)
    })
    const versions = Array.from({ length: recording.ticks + 1 }, (_, tick) => kept(recording.fork(tick)).version)
    expect(versions).toEqual([0, ...Array.from({ length: recording.ticks }, () => 1)])
  })
  it('knows from the first state on what sources were set to before that', async () => {
    const plain = rule('plain', int, function* (name, b) {
      return yield* b.need(given(name))
    })
    const store = () => sqliteStore(folder.at('state.sqlite'))
    const first = createEngine({ rules: [given, plain], store: store() })
    first.transact((tx) => tx.set(given('a'), 1))
    await first.close()
    const eng = kept(createEngine({ rules: [given, plain], store: store(), record: folder.at('later.rec') }))
    eng.transact((tx) => tx.set(given('b'), 2))
    expect(await eng.once(plain('a')).promise).toBe(1)
    await eng.close()
    const recording = kept(replay(folder.at('later.rec'), { rules: [given, plain] }))
    const begun = kept(recording.fork(0, { record: folder.at('fork.rec') }))
    expect(await begun.once(plain('a')).promise).toBe(1)
    await expect(begun.once(plain('b')).promise).rejects.toThrow()
    await begun.close()
    // And so does a fork of that, and one of the end.
    const forked = kept(replay(folder.at('fork.rec'), { rules: [given, plain] }))
    expect(await kept(forked.fork(0)).once(plain('a')).promise).toBe(1)
    const end = kept(recording.fork(recording.ticks))
    expect(await end.once(plain('b')).promise).toBe(2)
    expect(await end.once(plain('a')).promise).toBe(1)
  })
  it('makes again what failed with what another error codec does not take, and what is of another kind', async () => {
    const failing = (error: Codec<never>, what: unknown) =>
      rule('odd', { ...int, error }, (_, b): number => b.fail(what as never))
    const first = failing(C.int as never, 3)
    const recording = await recorded([first], async (eng) => void (await eng.once(first('a')).either()))
    for (const [odd, said] of [
      [failing(C.string as never, 'no'), { left: { _tag: 'failed', error: 'no' } }],
      [rule('odd', int, () => 4), { right: 4 }],
      [action('odd', { ...int, run: () => 5 }), { right: 5 }],
      [rule.static('odd', { ...int, deps: () => [], make: () => 6 }), { right: 6 }],
    ] as const) {
      const eng = kept(kept(replay(recording.reader.path, { rules: [odd] })).fork(recording.ticks))
      expect(await eng.once(odd('a')).either()).toMatchObject(said)
    }
  })
  it('has the pools that were recorded, with their threads, whatever is said of some of them in which order', async () => {
    writeFileSync(folder.at('thread.mjs'), 'export default (name) => name.length')
    const far = action('far', { ...int, pool: 'cpu', run: thread(pathToFileURL(folder.at('thread.mjs'))) })
    let begun = 0
    const near = action('near', {
      ...int,
      pool: 'net',
      run: () => {
        begun++
        return new Promise<number>(() => {})
      },
    })
    const rules = [far, near]
    const eng = createEngine({ rules, record: true, pools: { net: 2, cpu: { threads: 1 } } })
    for (const name of ['a', 'b', 'c']) eng.once(near(name)).promise.catch(() => {})
    await until(() => begun === 2)
    eng.export(folder.at('pools.rec'))
    await eng.close()
    const recording = kept(replay(folder.at('pools.rec'), { rules }))
    expect(recording.stateAt(recording.ticks).state.pools.map(({ running }) => running)).toEqual([2, 0])
    for (const [pools, sizes] of [
      [undefined, [2, 1]],
      [{ cpu: { threads: 3 } }, [2, 3]],
      [{ other: 4, cpu: { threads: 1 }, net: 5 }, [5, 1, 4]],
    ] as const) {
      const fork = kept(recording.fork(recording.ticks, pools && { pools }))
      expect(fork.state.pools.map(({ size }) => size)).toEqual(sizes)
      expect(await fork.once(far('abc')).promise).toBe(3)
    }
    expect(() => recording.fork(recording.ticks, { pools: { 0: 1 } })).toThrow('fork: `pools`: 0 would come before')
  })
  it('needs the rules, and says so', async () => {
    const recording = await recorded(rules, work)
    expect(() => kept(replay(recording.reader.path)).fork(1)).toThrow(/rules/)
    const record = recording.reader.path
    for (const which of [record, { path: record }])
      expect(() => recording.fork(1, { record: which })).toThrow(/fork: record: .* is the recording itself/)
    expect(() => recording.verify({ mode: 'counterfactual', record })).toThrow(/verify: record: .* is the recording/)
    expect(() => recording.verify({ mode: 'counterfactual', policy: 'fullBatch' as never })).toThrow(
      '`policy` must be a policy, such as policies.fullBatch()',
    )
    expect(() => recording.verify({ cap: 2 } as never)).toThrow('verify: there is no option `cap`: use mode, ')
    expect(recording.verify()).toEqual({ _tag: 'agrees', ticks: recording.ticks })
    expect(() => recording.fork(recording.ticks + 1)).toThrow(/is not in the recording/)
    expect(() => kept(replay(recording.reader.path, { rules: [given] })).fork(recording.ticks)).toThrow(
      'fork: sum("a") was recorded, and is of none of `rules`',
    )
  })
})

it('an engine that forgets nothing is recorded as one', async () => {
  const same = rule('same', int, function* (name, b) {
    return yield* b.need(given(name))
  })
  const ask = async (eng: BuildEngine) => {
    eng.transact((tx) => {
      for (let i = 0; i < 9; i++) tx.set(given(`${i}`), i)
    })
    for (let i = 0; i < 9; i++) await eng.once(same(`${i}`)).promise
    eng.gc({ keep: Number.POSITIVE_INFINITY })
    eng.gc({ keep: 3 })
    await eng.once(same('0')).promise
  }
  const found = await recorded([given, same], ask, { keep: Number.POSITIVE_INFINITY })
  expect(found.verify()).toMatchObject({ _tag: 'agrees' })
  expect(found.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees' })
  const fork = kept(found.fork(found.ticks))
  expect(await fork.once(same('8')).promise).toBe(8)
})

describe('a moment', () => {
  it('is asked by keys: what a build is, why it was made, why it was not', async () => {
    const twice = rule('twice', int, function* (name, b) {
      return 2 * (yield* b.need(given(name)))
    })
    const bad = rule('bad', int, function* (name, b) {
      return (yield* b.need(twice(name))) + (yield* b.need(given('none')))
    })
    const recording = await recorded([given, twice, bad], async (eng) => {
      eng.transact((tx) => tx.set(given('a'), 1))
      await eng.once(bad('a')).promise.catch(() => {})
      eng.transact((tx) => tx.set(given('a'), 3))
      await eng.once(twice('a')).promise
    })
    const end = recording.stateAt(recording.ticks)
    expect(end.look(twice('a'))).toEqual({ _tag: 'value', value: 6 })
    expect(end.look(twice('b'))).toEqual({ _tag: 'unknown' })
    expect(end.look(bad('a'))).toEqual({ _tag: 'outOfDate' })
    const first = recording.firstTick(({ look }) => look(bad('a'))._tag === 'error')!
    expect(recording.stateAt(first).look(bad('a'))).toMatchObject({ _tag: 'error', error: { _tag: 'dependency' } })
    expect(recording.stateAt(first).look(twice('a'))).toEqual({ _tag: 'value', value: 2 })
    expect(recording.why(twice('a'))).toMatchObject({
      _tag: 'made',
      chain: [{}, { cause: { _tag: 'set', version: 2 } }],
    })
    expect(recording.why(twice('a'), first)).toMatchObject({ _tag: 'made', chain: [{ cause: { _tag: 'first' } }] })
    expect(recording.whyNot(given('z'))).toMatchObject({ _tag: 'unknown' })
    expect(() => kept(replay(recording.reader.path)).why(twice('a'))).toThrow(/rules/)
    const without = kept(replay(recording.reader.path, { rules: [bad, twice] }))
    expect(() => without.stateAt(first).look(bad('a'))).toThrow(
      'look: given("none") was recorded, and is of none of `rules`: name them all, so that its error can be told',
    )
  })
  it('says which error does not fit the error codec that there is now', async () => {
    const failing = rule('failing', { ...int, error: C.int }, (_, b): number => b.fail(3))
    const path = (await recorded([failing], async (eng) => void (await eng.once(failing('a')).either()))).reader.path
    const other = rule('failing', { ...int, error: C.string }, () => 1)
    const recording = kept(replay(path, { rules: [other] }))
    expect(() => recording.stateAt(recording.ticks).look(other('a'))).toThrow(
      'look: what failing("a") failed with does not fit an `error` codec: expected string, got 3',
    )
  })
})

describe('misuse', () => {
  it('is told what to do instead', async () => {
    const eng = kept(createEngine({ rules: [] }))
    expect(() => eng.export(folder.at('x'))).toThrow(/record: true/)
    expect(() => replay(folder.at('none'))).toThrow(/there is no such file/)
    writeFileSync(folder.at('text'), 'a text that somebody may want to keep')
    const recorder = kept(createEngine({ rules: [], record: folder.at('own') }))
    for (const [file, why] of [
      ['text', /^export: .* is there and is no recording: name another file$/],
      ['own', /^export: .* is the recording itself: name another file$/],
      ['.', /^export: .* is a folder: name a file in it$/],
    ] as const)
      expect(() => recorder.export(folder.at(file))).toThrow(why)
    expect(() => recorder.export(folder.at('no/such/folder'))).toThrow(
      /^export: .*such\/folder cannot be written: there is no folder .*no\/such: make it, or name another file$/,
    )
    expect(() => recorder.export(7 as never)).toThrow('export: expected the path of a file, got 7')
    for (let i = 0; i < 2; i++) recorder.export(folder.at('twice'))
    expect(kept(replay(folder.at('twice'))).verify()).toMatchObject({ _tag: 'agrees' })
    expect(readFileSync(folder.at('text'), 'utf8')).toBe('a text that somebody may want to keep')
    expect(() => replay(folder.at('text'))).toThrow(/no recording/)
    expect(() => createEngine({ rules: [], record: folder.at('text') })).toThrow(/is no recording/)
    expect(readFileSync(folder.at('text'), 'utf8')).toMatch(/^a text/)
    expect(() => createEngine({ rules: [], record: folder.at('no/such/folder') })).toThrow(/cannot be made/)
  })

  it('of what is otherwise, and of rules that are no list, is told what to do instead', async () => {
    const recording = await recorded([given], async (eng) => void (await eng.once(given('a')).promise.catch(() => {})))
    for (const options of [{ policy: everyPolicy[0] }, { mode: 'reexecute', jobs: 2 }, { pools: {} }])
      expect(() => recording.verify(options as never)).toThrow(
        /^verify: `(policy|jobs|pools)` says what would be otherwise: it needs mode: 'counterfactual'$/,
      )
    expect(() => replay(folder.at('a.rec'), { rules: 7 as never })).toThrow(
      'replay: `rules` must be a list of sources, rules and actions: replay(path, { rules: [...] })',
    )
    expect(() => recording.fork(1, { rules: {} as never })).toThrow(/^fork: `rules` must be a list /)
  })

  it('names what is no path, no function, no policy, no key and no moment', async () => {
    const recording = await recorded([given], async (eng) => {
      eng.transact((tx) => tx.set(given('a'), 1))
      await eng.once(given('a')).promise
      for (const path of ['', ':memory:'])
        expect(() => eng.export(path)).toThrow(`export: expected the path of a file, got '${path}'`)
    })
    const otherwise = (options: object) => () => recording.verify({ mode: 'counterfactual', ...options } as never)
    const moment = recording.stateAt(recording.ticks)
    for (const [ask, why] of [
      [() => replay(''), "replay: expected the path of a recording, got ''"],
      [() => replay(folder.at('a.rec'), { rules: [given, given] }), 'replay: given is in `rules` twice: name it once'],
      [() => recording.verify({ mode: Symbol('odd') } as never), 'got Symbol(odd)'],
      [() => recording.verify({ onProgress: 3 } as never), 'verify: `onProgress` must be a function, got 3'],
      [otherwise({ onBreach: 3 }), 'verify: `onBreach` must be a function, got 3'],
      [otherwise({ policy: policies.cap }), 'verify: `policy` must be a policy, such as policies.fullBatch()'],
      [otherwise({ pools: null }), 'verify: `pools` must be sizes by name, such as { cpu: 2 }, got null'],
      [otherwise({ record: 3 }), 'verify: `record` must be the path of a file, got 3'],
      [otherwise({ record: '' }), "verify: `record` must be the path of a file, got ''"],
      [otherwise({ record: ':memory:' }), "verify: `record` must be the path of a file, got ':memory:'"],
      [() => recording.stateAt('1' as never), 'tick "1" is not in the recording: it has ticks 0 to '],
      [() => recording.firstTick((async () => false) as never), 'firstTick: the predicate gave a promise'],
      [() => recording.why('a' as never), "why: expected a key, such as total('a'), got 'a'"],
      [() => recording.whyNot(given(3 as never)), 'whyNot: given has no such key: expected string, got 3'],
      [() => moment.look(undefined as never), "look: expected a key, such as total('a'), got undefined"],
      [() => moment.look(given(3 as never)), 'look: given has no such key: expected string, got 3'],
      [() => moment.why('a' as never), "why: expected a key, such as total('a'), got 'a'"],
      [() => recording.fork(1, null as never), 'fork: the options must be an object, got null'],
      [() => recording.fork(1, { record: null } as never), '`record` must be a path, true or { path }, got null'],
    ] as const)
      expect(ask).toThrow(why)
  })

  it('is not gone on from in a store that lasts, which has a past of its own', async () => {
    const recording = await recorded([given], async (eng) => {
      eng.transact((tx) => tx.set(given('a'), 1))
      await eng.once(given('a')).promise
    })
    const store = () => sqliteStore(folder.at('state.sqlite'))
    const eng = createEngine({ rules: [given], store: store() })
    eng.transact((tx) => tx.set(given('b'), 2))
    await eng.once(given('b')).promise
    await eng.close()
    expect(() => recording.fork(recording.ticks, { store: store() })).toThrow(
      'fork: `store`: it goes on from the recording, not from a store: leave it out',
    )
    expect(await kept(recording.fork(recording.ticks, { store: memoryStore() })).once(given('a')).promise).toBe(1)
    expect(await kept(createEngine({ rules: [given], store: store() })).once(given('b')).promise).toBe(2)
  })

  it('is not put in the place of one by a later version', () => {
    kept(createEngine({ rules: [], record: folder.at('later') })).close()
    const db = new Database(folder.at('later'))
    db.pragma('user_version = 99')
    db.close()
    const why =
      /later was recorded by a later version \(format 99; this one writes \d+\), and is kept: name another file$/
    expect(() => createEngine({ rules: [], record: folder.at('later') })).toThrow(why)
    const eng = kept(createEngine({ rules: [], record: true }))
    expect(() => eng.export(folder.at('later'))).toThrow(why)
    eng.export(folder.at('own'))
    const recording = kept(replay(folder.at('own'), { rules: [] }))
    expect(() => recording.fork(0, { record: folder.at('later') })).toThrow(why)
  })

  it('is not to be asked once it is closed', async () => {
    const recording = await recorded([given], async (eng) => {
      eng.transact((tx) => tx.set(given('a'), 1))
      await eng.once(given('a')).promise
    })
    recording.stateAt(recording.ticks)
    recording.close()
    recording.close()
    for (const ask of [
      () => recording.verify(),
      () => recording.verify({ mode: 'reexecute' }),
      () => recording.verify({ mode: 'counterfactual' }),
      () => recording.stateAt(1),
      () => recording.diff(0, 1),
      () => recording.firstTick(() => true),
      () => recording.why(given('a')),
      () => recording.whyNot(given('a')),
      () => recording.fork(1),
    ])
      expect(ask).toThrow(/^.*a.rec: the recording is closed: open it again, or close it later$/)
    expect(recording.ticks).toBeGreaterThan(0)
  })

  it.each([
    [{}, /record: an object must say one of path, valueMax, beside; true records in memory$/],
    ['', /record: `path` must be the path of a file, got ''$/],
    [{ path: 7 }, /record: `path` must be the path of a file, got 7$/],
    [{ valueMax: -1 }, /record: `valueMax` must be a number of chars from 0 on, got -1$/],
    [{ valueMax: Number.NaN }, /got NaN$/],
    [{ valueMax: '9' }, /got '9'$/],
    [{ beside: 1 }, /record: `beside` must be true or false, got 1$/],
    [{ to: 'a.rec' }, /record: there is no option `to`: use path, valueMax, beside$/],
  ])('is not made of options that make no sense: %j', (record, why) => {
    expect(() => createEngine({ rules: [], record: record as never })).toThrow(why)
  })
})

describe('random builds', () => {
  const config = { pools: { pool: 1 }, drive: 'manual' } as const

  it('are pure, and found to be', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(samples(), schedules(), picks, fc.nat(4), (sample, steps, order, policy) => {
        const path = folder.at('random.rec')
        rmSync(path, { force: true })
        const { rules } = recordSteps(path, sample, steps, order, { policy: everyPolicy[policy]! })
        const recording = replay(path, { rules: rules! })
        const found = recording.verify({ mode: 'reexecute' })
        recording.close()
        expect(found).toMatchObject({ _tag: 'agrees', skipped: 0 })
      }),
      runs(100),
    )
  })
  it('can be gone on from anywhere; nothing of them stays when nobody wants it', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(samples(), schedules(), picks, fc.nat(), (sample, steps, order, at) => {
        const path = folder.at('random.rec')
        rmSync(path, { force: true })
        const { rules } = recordSteps(path, sample, steps, order)
        const recording = replay(path, { rules: rules! })
        const eng = recording.fork(at % (recording.ticks + 1), config)
        recording.close()
        eng.settle()
        checkInvariants(eng.state)
        eng.gc({ keep: 0 })
        eng.settle()
        checkInvariants(eng.state)
        expect(eng.state.inFlight).toBe(0)
        expect(dependentsLeft(eng)).toBe(0)
        void eng.close()
      }),
      runs(100),
    )
  })
})

/** Rows of facts that still say something. */
const dependentsLeft = ({ state }: BuildEngine): number => {
  let left = 0
  for (let x = 1; x < state.facts.end; x++) if (kindOf(state, buildId(x)) !== Kind.UNKNOWN) left++
  return left
}
