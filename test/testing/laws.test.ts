import { afterEach, describe, expect, it } from 'vitest'
import { action, type Buildable, type BuildEngine, codec as C, createEngine, rule, source } from '../../src/index.js'
import '../../src/testing/vitest.js'
import { type EngineFactory, explore, Impure, laws, matchers, purity } from '../../src/testing/index.js'
import { keepTemporaryFilesHere } from '../support/folder.js'

keepTemporaryFilesHere()

const n = source('n', { key: C.string, value: C.int })
const double = action('double', { key: C.int, value: C.int, pool: 'cpu', run: async (k) => 2 * k })
const sum = rule('sum', { key: C.string, value: C.int }, function* (name, b) {
  const [one, two] = yield* b.all([n(`${name}1`), n(`${name}2`)])
  return (yield* b.need(double(one))) + two
})
const even = rule('even', { key: C.string, value: C.boolean, error: C.string }, function* (name, b) {
  const found = yield* b.attempt(sum(name))
  return found._tag === 'Right' ? found.right % 2 === 0 : b.fail('no sum')
})
const factory: EngineFactory = (options) =>
  createEngine({ rules: [n, double, sum, even], pools: { cpu: 1 }, ...options })
const changes = [
  (tx: Parameters<Parameters<BuildEngine['transact']>[0]>[0]) => {
    tx.set(n('a1'), 1)
    tx.set(n('a2'), 2)
  },
  (tx: Parameters<Parameters<BuildEngine['transact']>[0]>[0]) => tx.set(n('a1'), 3),
  (tx: Parameters<Parameters<BuildEngine['transact']>[0]>[0]) => tx.remove(n('a2')),
]
const requests = [even('a'), sum('a')]

laws(factory, { requests, changes, runs: 40, seed: 1, runner: { describe, it } })
it('each law has two minutes of its runner, or as long as it is told to', () => {
  const limits = new Set<number>()
  const runner = {
    describe: (_: string, all: () => void) => all(),
    it: (_: string, __: unknown, ms: number) => void limits.add(ms),
  }
  laws(factory, { requests, runner })
  laws(factory, { requests, runner, timeout: 7 })
  expect([...limits]).toEqual([120_000, 7])
})

describe('the laws of builds find', () => {
  /** The tests that fail, of those that `laws` registers. */
  const broken = async (
    of: EngineFactory,
    keys: typeof requests | readonly ReturnType<typeof sum>[],
  ): Promise<string[]> => {
    const tests: (readonly [string, () => Promise<void>])[] = []
    laws(of, {
      requests: keys,
      changes,
      runs: 40,
      seed: 1,
      runner: { describe: (_, register) => register(), it: (name, test) => void tests.push([name, test]) },
    })
    const failed: string[] = []
    for (const [name, test] of tests) await test().catch(() => failed.push(name))
    return failed
  }
  let seen = 0
  afterEach(() => {
    seen = 0
  })
  it('nothing in good rules', async () => expect(await broken(factory, requests)).toEqual([]))
  it('nothing in good rules where the factory sets sources itself', async () => {
    const sets: EngineFactory = (options) => {
      const eng = factory(options)
      eng.transact((tx) => tx.set(n('a2'), 8))
      return eng
    }
    expect(await broken(sets, requests)).toEqual([])
  })
  it('a rule that counts its runs', async () => {
    const counts = rule('counts', { key: C.string, value: C.int }, function* (name, b) {
      const run = ++seen
      return (yield* b.need(n(`${name}1`))) + run
    })
    const failed = await broken((options) => createEngine({ rules: [n, counts], ...options }), [counts('a')])
    expect(failed).toContain('rules hang on nothing but their key and what they ask for')
    expect(failed).toContain('every schedule comes to the same')
  })
  it('a rule that counts its runs, where nothing changes', async () => {
    const counts = rule('counts', { key: C.int, value: C.int }, () => ++seen)
    const failed: string[] = []
    const it = (name: string, test: () => Promise<void>): void => void tests.push([name, test])
    const tests: (readonly [string, () => Promise<void>])[] = []
    const runner = { describe: (_: string, register: () => void) => register(), it }
    laws((options) => createEngine({ rules: [counts], ...options }), {
      requests: [counts(1)],
      runs: 5,
      seed: 1,
      runner,
    })
    for (const [name, test] of tests) await test().catch(() => failed.push(name))
    expect(failed).toContain('garbage collected at any time, or values given up, change nothing that is told')
  })
  it('a rule that keeps what it came to once', async () => {
    const kept = new Map<string, number>()
    const keeps = rule('keeps', { key: C.string, value: C.int }, function* (name, b) {
      const found = kept.get(name) ?? (yield* b.need(n(`${name}1`)))
      kept.set(name, found)
      return found
    })
    const failed = await broken((options) => createEngine({ rules: [n, keeps], ...options }), [keeps('a')])
    expect(failed).toContain('rules hang on nothing but their key and what they ask for')
  })
  it('a codec that loses something', async () => {
    const lossy = { ...C.int, decode: () => 0 }
    const loses = rule('loses', { key: C.string, value: lossy }, function* (name, b) {
      return yield* b.need(n(`${name}1`))
    })
    const failed = await broken((options) => createEngine({ rules: [n, loses], ...options }), [loses('a')])
    expect(failed).toContain('keys and values come back from what they are written as')
  })
})

describe('purity', () => {
  const impurity = async (of: (key: string) => number): Promise<Impure> => {
    const suspect = rule('suspect', { key: C.string, value: C.number }, function* (name, b) {
      const before = of(name)
      return (yield* b.need(n(`${name}1`))) + before
    })
    const run = purity((options) => createEngine({ rules: [n, suspect], ...options }), {
      requests: [suspect('a')],
      changes: changes.slice(0, 1),
    })
    const found = await run.catch((error: unknown) => error)
    if (!(found instanceof Impure)) throw new Error(`nothing impure was found: ${found}`)
    return found
  }
  it('tells of what is only then asked for, and found out later', async () => {
    const late = rule('late', { key: C.int, value: C.int }, function* (k, b) {
      return Date.now() > 1_000_000_000_000 ? yield* b.need(double(k + 1)) : yield* b.need(double(k))
    })
    const rules: EngineFactory = (options) => createEngine({ rules: [double, late], pools: { cpu: 1 }, ...options })
    await expect(purity(rules, { requests: [late(1)] })).rejects.toThrow('by another clock, it asked for double(2)')
  })
  it('holds nothing against circles, nor does the oracle', async () => {
    const circle: ReturnType<typeof rule<number, number>> = rule(
      'circle',
      { key: C.int, value: C.int },
      function* (k, b) {
        return yield* b.need(circle((k + 1) % 3))
      },
    )
    const rules: EngineFactory = (options) => createEngine({ rules: [circle], ...options })
    await purity(rules, { requests: [circle(0)] })
    const eng = rules({})
    expect(await matchers.toMatchOracle(eng, circle(0))).toMatchObject({ pass: true })
    await eng.close()
  })
  it('knows dates as dates', async () => {
    const dated = rule('dated', { key: C.int, value: C.int }, (k) => {
      const date = new Date(86_400_000 * k)
      return date instanceof Date && Object.getPrototypeOf(date) === Date.prototype ? date.getUTCDate() : 0
    })
    const rules: EngineFactory = (options) => createEngine({ rules: [dated], ...options })
    await purity(rules, { requests: [dated(4)] })
    const eng = rules({})
    expect(await eng.once(dated(4)).promise).toBe(5)
    await eng.close()
  })
  it('names a batch whose units hang on one another', async () => {
    const wide = rule.batch('wide', {
      key: C.int,
      value: C.int,
      deps: (k) => [double(k)],
      make: (units) => units.map(({ key }) => key + units.length),
    })
    const rules: EngineFactory = (options) => createEngine({ rules: [double, wide], pools: { cpu: 1 }, ...options })
    await expect(purity(rules, { requests: [wide(1), wide(2)] })).rejects.toThrow(
      'wide(1) is impure: made in one batch with wide(2), it came to 3, and alone to 2',
    )
  })
  it('a batch whose `by` throws for one unit makes the others', async () => {
    const split = rule.batch('split', {
      key: C.int,
      value: C.int,
      deps: (k) => double(k),
      batch: {
        by: (k) => {
          if (k === 2) throw new Error('alike what?')
          return 'all'
        },
      },
      make: (units) => units.map(({ deps }) => deps),
    })
    const rules: EngineFactory = (options) => createEngine({ rules: [double, split], pools: { cpu: 2 }, ...options })
    await purity(rules, { requests: [split(1), split(2)] })
    await explore(rules, [{ once: split(1) }, { once: split(2) }])
    const eng = rules({})
    const found = await Promise.all([eng.once(split(1)).either(), eng.once(split(2)).either()])
    expect(found).toMatchObject([{ right: 2 }, { left: { _tag: 'threw', message: 'alike what?' } }])
    await eng.close()
  })
  it('names a rule that keeps something from one need to the next', async () => {
    let last = 0
    const keeps = rule('keeps', { key: C.int, value: C.int }, function* (k, b) {
      last = k
      yield* b.need(double(k))
      return last
    })
    const rules: EngineFactory = (options) => createEngine({ rules: [double, keeps], pools: { cpu: 1 }, ...options })
    await expect(purity(rules, { requests: [keeps(1), keeps(2)] })).rejects.toThrow(
      'keeps(1) is impure: with keeps(2) made in the midst of it, it came to 2, and before to 1',
    )
  })
  it('blames who changes what it asked for, as the engine does, and not who made it', async () => {
    const list = rule('list', { key: C.int, value: C.array(C.int) }, (k) => [k])
    const adds = rule('adds', { key: C.int, value: C.int }, function* (k, b) {
      const values = (yield* b.need(list(k))) as number[]
      return values.push(9)
    })
    const rules: EngineFactory = (options) => createEngine({ rules: [list, adds], ...options })
    await purity(rules, { requests: [adds(1)] })
    const eng = rules({})
    await expect(eng).toMatchOracle(adds(1))
    await eng.close()
  })
  it('holds nothing against who catches what ends a rule, and throws something else', async () => {
    const odd = action('odd', { key: C.int, value: C.int, run: async (k) => Promise.reject(new Error(`odd ${k}`)) })
    const chain: Buildable<number, number, string> = rule(
      'chain',
      { key: C.int, value: C.int, error: C.string },
      function* (k, b) {
        try {
          return k === 0 ? yield* b.need(double(1)) : 1 + (yield* b.need(chain(k - 1)))
        } catch {
          return b.fail('it was not to be had')
        }
      },
    )
    const wraps = rule('wraps', { key: C.int, value: C.int }, function* (k, b) {
      try {
        return yield* b.need(odd(k))
      } catch (error) {
        throw new Error('wrapped', { cause: error })
      }
    })
    const rules: EngineFactory = (options) =>
      createEngine({ rules: [double, odd, chain, wraps], pools: { cpu: 1 }, ...options })
    await purity(rules, { requests: [chain(300), wraps(1)] })
    await explore(rules, [{ once: chain(2) }, { live: wraps(1) }], { choices: 'singles' })
    const eng = rules({})
    await expect(eng).toMatchOracle(chain(300), wraps(1))
    await eng.close()
  })
  it('names who made a value that does not fit, asked for what is no key, or made too few in a batch', async () => {
    const wrong = action('wrong', { key: C.int, value: C.int, run: async () => 'text' as never })
    const reads = rule('reads', { key: C.int, value: C.int }, function* (k, b) {
      return yield* b.need(wrong(k))
    })
    const asks = rule('asks', { key: C.int, value: C.int }, function* (_, b) {
      return yield* b.need('x' as never)
    })
    const few = rule.batch('few', { key: C.int, value: C.int, deps: (k) => double(k), make: () => [1] })
    const rules: EngineFactory = (options) =>
      createEngine({ rules: [double, wrong, reads, asks, few], pools: { cpu: 1 }, ...options })
    const why = 'wrong(1): its value does not fit its codec: expected int, got "text"'
    await expect(purity(rules, { requests: [reads(1)] })).rejects.toThrow(why)
    await expect(explore(rules, [{ once: reads(1) }])).rejects.toThrow(why)
    const eng = rules({})
    await expect(expect(eng).toMatchOracle(reads(1))).rejects.toThrow(why)
    // As the engine has it.
    await expect(eng).toMatchOracle(asks(1))
    await eng.close()
    await purity(rules, { requests: [asks(1)] })
    await expect(purity(rules, { requests: [few(1), few(2)] })).rejects.toThrow(
      'few(1) is impure: made in one batch with few(2), it came to few(1): expected an array of 2 values',
    )
  })
  it('names what was left on globalThis', async () => {
    const world = globalThis as { seenByRule?: number }
    const leaves = rule('leaves', { key: C.int, value: C.int }, (k) => {
      world.seenByRule ??= k
      return world.seenByRule
    })
    const rules: EngineFactory = (options) => createEngine({ rules: [leaves], ...options })
    try {
      await expect(purity(rules, { requests: [leaves(1), leaves(2)] })).rejects.toThrow(
        'leaves(2) is impure: with nothing that other runs left on globalThis, it came to 2, and before to 1',
      )
    } finally {
      delete world.seenByRule
    }
  })
  it('is told of what makes no sense, and waits for nothing without end', async () => {
    const endless = action('endless', { key: C.int, value: C.int, run: () => new Promise<number>(() => {}) })
    const rules: EngineFactory = (options) => createEngine({ rules: [endless], ...options })
    await expect(purity(rules, { requests: [endless(1)], patience: 20 })).rejects.toThrow(
      'endless(1) did not end within 20 ms',
    )
    await expect(explore(rules, [{ once: endless(1) }], { patience: 20 })).rejects.toThrow(
      'endless(1) did not end within 20 ms',
    )
    await expect(purity(rules, { requests: [double(1)] })).rejects.toThrow('the engine does not know double')
    await expect(purity((async () => rules({})) as never, { requests: [endless(1)] })).rejects.toThrow(
      'purity: the engine factory must return an engine at once',
    )
    await expect(purity(undefined as never, { requests })).rejects.toThrow('engineFactory must be a function')
    await expect(purity(rules, undefined as never)).rejects.toThrow('purity: the options must be an object')
    await expect(purity(rules, { requests: [3] as never })).rejects.toThrow('entry 0 must be a key')
    await expect(purity(rules, { request: [] } as never)).rejects.toThrow('there is no option `request`')
  })
  it('passes what is pure, run many times', async () => {
    expect(await purity(factory, { requests, changes: changes.slice(0, 1) })).toBeGreaterThan(10)
  })
  it.each([
    ['a clock', () => Date.now(), 'by another clock'],
    ['the hour', () => new Date().getUTCHours(), 'by another clock'],
    ['the time in words', () => Date().length + Date.parse(Date()), 'by another clock'],
    ['chance', () => (Math.random() > 0.5 ? 1 : 0), 'by other random numbers'],
    ['office hours', () => (new Date().getUTCHours() > 8 && new Date().getUTCHours() < 17 ? 1 : 0), 'by another clock'],
    ['a day to come', () => (Date.now() > Date.UTC(2024, 0, 1) ? 1 : 0), 'by another clock'],
    ['the time since a start', () => process.hrtime()[0], 'by another clock'],
    ['a chance in the middle', () => (Math.random() > 0.6 && Math.random() < 0.7 ? 1 : 0), 'by other random numbers'],
    ['a small chance', () => (Math.random() < 0.1 ? 1 : 0), 'by other random numbers'],
    [
      'what the last run left',
      (() => {
        let i = 0
        return () => i++
      })(),
      'run a second time',
    ],
  ] as const)('names %s', async (_, of, when) => {
    const found = await impurity(of)
    expect(found).toMatchObject({ rule: 'suspect', key: 'suspect("a")' })
    expect(found.message).toContain(when)
  })
})

describe('matchers', () => {
  it('are told of what makes no sense, also where the opposite is expected', async () => {
    const eng = factory({})
    try {
      await expect(expect(factory).not.toMatchOracle(requests[0]!)).rejects.toThrow('expected an engine, got')
      await expect(expect(factory).not.toBeEmptyAfterCancel()).rejects.toThrow('expected an engine, got')
      await expect(expect(undefined).not.toReplay()).rejects.toThrow('expected an engine, got undefined')
      await expect(expect(eng).toMatchOracle()).rejects.toThrow('toMatchOracle: `keys` names nothing to be asked for')
      await expect(expect(eng).not.toMatchOracle('sum' as never)).rejects.toThrow('entry 0 must be a key')
      await expect(expect(factory).not.toBeConfluent(undefined as never)).rejects.toThrow('say what is asked for')
      await expect(expect(factory).not.toBeConfluent({ requests: [] })).rejects.toThrow('names nothing to be asked for')
      const odd = { requests, changes: [1] } as never
      await expect(expect(factory).not.toBeConfluent(odd)).rejects.toThrow('`changes` must be a list of functions')
    } finally {
      await eng.close()
    }
  })
  it('know what is deep down, and circles far away', async () => {
    const deep: Buildable<number, number, never> = rule('deep', { key: C.int, value: C.int }, function* (k, b) {
      return k === 0 ? 0 : 1 + (yield* b.need(deep(k - 1)))
    })
    const around: Buildable<number, number, never> = rule('around', { key: C.int, value: C.int }, function* (k, b) {
      return yield* b.need(around((k + 1) % 1000))
    })
    const fails: Buildable<number, number, never> = rule('fails', { key: C.int, value: C.int }, function* (k, b) {
      return k === 0 ? yield* b.need(n('none')) : yield* b.need(fails(k - 1))
    })
    const eng = createEngine({ rules: [n, deep, around, fails] })
    await expect(eng).toMatchOracle(deep(20_000), around(1), fails(20_000))
    await eng.close()
  })
  it('judge an engine', async () => {
    const eng = factory({ record: true })
    eng.transact(changes[0]!)
    expect(await matchers.toMatchOracle(eng, ...requests)).toMatchObject({ pass: true })
    expect(await matchers.toReplay(eng)).toMatchObject({ pass: true })
    const live = eng.live(sum('a'))
    await eng.idle()
    expect((await matchers.toBeEmptyAfterCancel(eng)).message()).toContain('is not cancelled')
    live.cancel()
    expect(await matchers.toBeEmptyAfterCancel(eng)).toMatchObject({ pass: true })
    await eng.close()
  })
  it('judge a factory', async () => {
    await expect(factory).toBeConfluent({ requests, changes, runs: 20 })
    await expect(factory).toReplay({ requests, changes })
    expect(await matchers.toReplay(factory, { requests, changes })).toMatchObject({ pass: true })
  })
  it('say how a schedule that is told of is run again, and then it is told of again', async () => {
    let last = 0
    const seen = action('seen', {
      key: C.int,
      value: C.int,
      run: async (k) => {
        const found = last > k ? 0 : k
        last = k
        return found
      },
    })
    const asked = rule('asked', { key: C.int, value: C.array(C.int) }, function* (_, b) {
      return yield* b.all([seen(1), seen(2), seen(3)])
    })
    const ordered: EngineFactory = (options) => {
      last = 0
      return createEngine({ rules: [seen, asked], ...options })
    }
    const { pass, message } = await matchers.toBeConfluent(ordered, { requests: [asked(0)], runs: 200, seed: 1 })
    expect(pass).toBe(false)
    const line =
      /^again: expect\(engineFactory\).toBeConfluent\(\{ requests, changes, \.\.\.\{ schedule: '(s:[\d.]+)' \} \}\)$/m
    const schedule = line.exec(message())?.[1]
    expect(schedule, message()).toBeDefined()
    const again = await matchers.toBeConfluent(ordered, { requests: [asked(0)], schedule: schedule! })
    expect(again.pass).toBe(false)
  })
})
