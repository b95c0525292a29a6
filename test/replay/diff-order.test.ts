/** Ids are given in another order in each: what differs is told by name, and an order alone is no difference in what came out. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffCommand } from '../../src/cli/diff.js'
import { differenceData } from '../../src/cli/difference-words.js'
import { codec, createEngine, type Policy, policies, rule, source } from '../../src/index.js'
import { apart } from '../../src/model/event.js'
import type { BuildId } from '../../src/model/ids.js'
import { diffRecordings } from '../../src/replay/diff-recordings.js'
import { Rewriter } from '../../src/replay/rewriter.js'
import { ACTIONS, hasCircles, type Plan, type Ref } from '../../src/testing/plans.js'
import { everyPolicy, knowing } from '../../src/testing/plays.js'
import { picks, type Step, samples, schedules } from '../../src/testing/scripts.js'
import * as files from '../property/arbitraries.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'
import { opened, recordOps, recordSteps } from './record.js'

const folder = useFolder()

const told = async (...args: readonly string[]): Promise<{ code: number; text: string }> => {
  let text = ''
  const take = (more: string): void => {
    text += more
  }
  return { code: await diffCommand(args, { print: take, say: take }), text: text.replaceAll(`${folder.path}/`, '') }
}

const num = source('num', { key: codec.string, value: codec.int })
const long = source('long', { key: codec.string, value: codec.string })

interface Asked {
  readonly needs: readonly string[]
  readonly first?: readonly string[]
  readonly values?: Readonly<Record<string, number>>
}

/** `top` asks for `needs` one after the other; before that, the program asks for `first`, a tick each. */
const engine = async (name: string, { needs, first = [], values = {} }: Asked): Promise<string> => {
  const top = rule('top', { key: codec.string, value: codec.int }, function* (_, b) {
    let sum = 0
    for (const each of needs) sum += yield* b.need(num(each))
    return sum
  })
  const path = folder.at(name)
  const eng = createEngine({ rules: [num, top], drive: 'manual', record: path })
  eng.transact((tx) => {
    for (const [each, value] of Object.entries({ a: 1, b: 2, c: 3, ...values })) tx.set(num(each), value)
  })
  while (eng.tick());
  const asked = []
  for (const each of first) {
    asked.push(eng.once(num(each)))
    while (eng.tick());
  }
  asked.push(eng.once(top('x')))
  while (eng.tick());
  await eng.close()
  return path
}

describe('two engines', () => {
  it('of which a rule asks for the same in another order: it is named, with what it asks for', async () => {
    const [a, b] = [await engine('oa', { needs: ['a', 'b'] }), await engine('ob', { needs: ['b', 'a'] })]
    const { code, text } = await told(a, b)
    expect(text).toMatch(
      /^tick \d+ is the first that differs: top\("x"\) was made, and differs: what it asked for \(num\("a"\) num\("b"\) in oa, num\("b"\) num\("a"\) in ob\)\n$/,
    )
    expect(code).toBe(1)
    const { names } = JSON.parse((await told('--json', a, b)).text) as { names: Record<string, string> }
    expect(Object.values(names).sort()).toEqual(['num("a")', 'num("b")', 'top("x")'])
  })
  it('of which a rule asks for something else: what is made for that alone is no cause', async () => {
    const [a, b] = [await engine('oa', { needs: ['a', 'b'] }), await engine('oc', { needs: ['c', 'b'] })]
    const { code, text } = await told(a, b)
    expect(text.split('\n')[0]).toMatch(
      /top\("x"\) was made, and differs: what it asked for .*; its value \(3 in oa, 5 in oc\)/,
    )
    expect(text).not.toContain('stands for')
    expect(code).toBe(1)
  })
  it('that were asked for the same in another order: nothing differs in what came out', async () => {
    const needs = ['a', 'b']
    const [a, b] = [
      await engine('oa', { needs, first: ['a', 'b', 'c'] }),
      await engine('ob', { needs, first: ['b', 'a', 'c'] }),
    ]
    const { code, text } = await told(a, b)
    expect(text).toMatch(
      /^nothing differs in what came out: the same was done in another order, from tick \d+ on: num\("a"\) before num\("b"\) in oa, num\("b"\) before num\("a"\) in ob\n$/,
    )
    expect(code).toBe(0)
    expect(JSON.parse((await told('--json', a, b)).text)).toMatchObject({
      result: 'order',
      first: { a: 'num("a")', b: 'num("b")' },
    })
  })
  it('that were asked in another order, and once for something else: that is told first', async () => {
    const [a, b] = [
      await engine('oa', { needs: ['a', 'c'], first: ['a', 'b'] }),
      await engine('ob', { needs: ['c', 'a'], first: ['b', 'a'] }),
    ]
    const { code, text } = await told(a, b)
    expect(text.split('\n')[0]).toMatch(
      /^the first that came out otherwise: top\("x"\) was made, and differs: what it asked for \(num\("a"\) num\("c"\) in oa, num\("c"\) num\("a"\) in ob\) \(tick \d+ of oa, tick \d+ of ob\)$/,
    )
    expect(code).toBe(1)
  })
})

it('a source that is set to something else is told of, and one that is set in one of them only', async () => {
  const record = async (name: string, asked: readonly string[], sets: readonly Readonly<Record<string, number>>[]) => {
    const path = folder.at(name)
    const eng = createEngine({ rules: [num], drive: 'manual', record: path })
    eng.transact((tx) => ['a', 'b', 'c'].map((each) => tx.set(num(each), 1)))
    for (const each of asked) {
      eng.once(num(each))
      while (eng.tick());
    }
    for (const set of sets) {
      eng.transact((tx) => Object.entries(set).map(([each, value]) => tx.set(num(each), value)))
      while (eng.tick());
    }
    await eng.close()
    return opened(path)
  }
  const one = await record('seta', ['a', 'b'], [{ a: 5, b: 6, c: 7 }])
  const other = await record('setb', ['b', 'a'], [{ a: 5, b: 9, c: 7 }])
  const more = await record('setz', ['b', 'a'], [{ z: 3 }, { a: 5, b: 9, c: 7 }])
  const set = (value: number) => ({ what: 'set', to: { _tag: 'value', text: `${value}` } })
  const otherwise = { names: [expect.stringContaining('b')], a: set(6), b: set(9) }
  expect(diffRecordings(one.reader, other.reader)).toMatchObject({ _tag: 'tick', otherwise })
  const first = { names: [expect.stringContaining('z')], b: set(3) }
  expect(diffRecordings(one.reader, more.reader)).toMatchObject({ _tag: 'tick', otherwise: first })
  for (const each of [one, other, more]) each.close()
})

describe('sources that are set in another order', () => {
  /** What each transaction sets, a tick after each; then they are asked for. */
  const record = async (name: string, sets: readonly (readonly (readonly [string, number])[])[], isAsked = true) => {
    const path = folder.at(name)
    const eng = createEngine({ rules: [num], drive: 'manual', record: path })
    if (isAsked) for (const each of ['b', 'a', 'c']) eng.once(num(each))
    while (eng.tick());
    for (const set of sets) {
      eng.transact((tx) => set.map(([each, value]) => tx.set(num(each), value)))
      while (eng.tick());
    }
    for (const each of ['a', 'b', 'c']) eng.once(num(each))
    while (eng.tick());
    await eng.close()
    return path
  }
  const [a, b, c, z] = [['a', 97] as const, ['b', 98] as const, ['c', 99] as const, ['z', 122] as const]

  it.each([true, false])('all at once: nothing differs in what came out (known before: %s)', async (isAsked) => {
    const one = await record('s1', [[a, b, c]], isAsked)
    const { code, text } = await told(one, await record('s2', [[c, b, a]], isAsked))
    expect(text).toMatch(/^nothing differs in what came out: the same was done in another order, from tick \d+ on: num/)
    expect(code).toBe(0)
  })
  it('one after the other: nothing differs in what came out', async () => {
    const one = await record('s1', [[a], [b], [c]])
    const { code, text } = await told(one, await record('s2', [[c], [a], [b]]))
    expect([code, text]).toEqual([0, expect.stringMatching(/^nothing differs in what came out: /)])
  })
  it.each([true, false])('and one more: that alone is told of (known before: %s)', async (isAsked) => {
    const one = await record('s1', [[z, a, b, c]], isAsked)
    const { code, text } = await told(one, await record('s2', [[c, b, a]], isAsked))
    expect(text).toMatch(
      /^tick \d+ is the first that differs: num\("z"\) was set to something else: 122 in s1, not set in s2\n/,
    )
    expect(text.match(/was set to/g)).toHaveLength(1)
    expect(code).toBe(1)
  })
  it('and one to something else: that alone is told of', async () => {
    const one = await record('s1', [[a, b, c]])
    const { code, text } = await told(one, await record('s2', [[c, ['b', 5], a]]))
    expect(text).toMatch(
      /^tick \d+ is the first that differs: num\("b"\) was set to something else: 98 in s1, 5 in s2\n/,
    )
    expect(text.match(/was set to/g)).toHaveLength(1)
    expect(code).toBe(1)
  })
})

it('what a source was set to is shortened', async () => {
  const record = async (name: string, text: string): Promise<string> => {
    const path = folder.at(name)
    const eng = createEngine({ rules: [long], drive: 'manual', record: path })
    eng.once(long('k'))
    while (eng.tick());
    eng.transact((tx) => tx.set(long('k'), text))
    while (eng.tick());
    await eng.close()
    return path
  }
  const one = await record('l1', `${'x'.repeat(10_000)}one${'y'.repeat(10_000)}`)
  const { text } = await told(one, await record('l2', `${'x'.repeat(10_000)}two${'y'.repeat(10_000)}`))
  expect(text.length).toBeLessThan(300)
  expect(text).toMatch(/was set to something else: \.\.\.x+oney+\.\.\. in l1, \.\.\.x+twoy+\.\.\. in l2\n/)
})

it('a build that has the id of one that was forgotten is known by its own name', async () => {
  const [one, other] = [1, 2].map(async (value) => {
    const path = folder.at(`forgotten${value}`)
    const eng = createEngine({ rules: [num], drive: 'manual', record: path })
    for (const name of ['begun', 'early', 'late']) {
      eng.transact((tx) => tx.set(num(name), value))
      eng.once(num(name))
      while (eng.tick());
      if (name === 'early') eng.gc()
    }
    await eng.close()
    const all = opened(path)
    const begun = 2
    const rewriter = new Rewriter(all.reader, begun, `${path}.later`)
    for (let tick = begun + 1; tick <= all.ticks; tick++) rewriter.apply(all.reader.at(tick))
    rewriter.close()
    all.close()
    return opened(`${path}.later`)
  })
  const [a, b] = [await one!, await other!]
  const idOf = (name: string): readonly number[] =>
    Array.from({ length: a.ticks }, (_, i) => a.reader.at(i + 1).names)
      .flat()
      .flatMap(([id, each]) => (each.includes(name) ? [id] : []))
  expect([idOf('late'), idOf('late').length]).toEqual([idOf('early'), 1])
  const found = diffRecordings(a.reader, b.reader)
  a.close()
  b.close()
  expect(found).toMatchObject({
    _tag: 'start',
    end: { builds: [{ is: 'content', tickInA: a.ticks, tickInB: b.ticks }] },
  })
})

it('names are texts in what is told as data, of sources that were set as well', async () => {
  const needs = ['a']
  const [a, b] = [await engine('oa', { needs }), await engine('ob', { needs, values: { a: 7 } })]
  const { parts } = JSON.parse((await told('--json', a, b)).text) as { parts: readonly unknown[] }
  expect(parts[0]).toMatchObject({ part: 'setting', name: 'num("a")' })
  const name = { part: 'name', build: 3 as BuildId, a: '\0num\0"a"', b: undefined } as const
  expect(differenceData(name)).toEqual({ ...name, a: 'num("a")' })
})

describe('do-files that are run in another order', () => {
  it('come to the same: no cause is named', { timeout: 60_000 }, () => {
    const seen = new Set<string>()
    let count = 0
    fc.assert(
      fc.property(files.samples(), files.picks, files.picks, (sample, one, other) => {
        // What a do-file reads behind the engine's back, or is left undone after a failure, does hang on the order.
        fc.pre(sample.rules.every(([, { peeks, failsAt }]) => (peeks ?? failsAt) === undefined))
        const [a, b] = [one, other].map((order) => {
          const path = folder.at(`${count++}.rec`)
          const ends = order.flatMap((which): readonly files.Op[] => [{ op: 'go', which }, { op: 'tick' }])
          const targets = sample.targets.map((_, i) => i)
          const want = { want: 'ifchange', keepGoing: true, jobs: 3, trust: false } as const
          recordOps(path, sample, [{ op: 'request', targets, ...want }, ...ends, { op: 'finish' }], order)
          return opened(path)
        })
        const found = diffRecordings(a!.reader, b!.reader)
        seen.add(found._tag)
        expect(['same', 'measured', 'order']).toContain(found._tag)
        a!.close()
        b!.close()
      }),
      { ...runs(60), endOnFailure: true },
    )
    expect(seen).toContain('order')
  })
})

describe('rules that fail, under different policies', () => {
  const int = { key: codec.int, value: codec.int }

  /** `up` needs what fails, and `two` needs two of those. */
  const failing = async (name: string, policy: Policy, words = 'no'): Promise<string> => {
    const given = source('given', int)
    const r = rule('r', { ...int, error: codec.string }, function* (n, b) {
      yield* b.need(given(n))
      return b.fail(words)
    })
    const up = rule('up', int, function* (n, b) {
      return yield* b.need(r(n))
    })
    const two = rule('two', int, function* (_, b) {
      return (yield* b.all([up(1), up(2)])).length
    })
    const any = rule('any', int, function* (_, b) {
      return yield* b.first([up(1), two(2)])
    })
    const path = folder.at(name)
    const eng = createEngine({ rules: [given, r, up, two, any], record: path, policy })
    eng.transact((tx) => [1, 2].forEach((n) => tx.set(given(n), n)))
    await eng.once(two(2)).promise.catch(() => {})
    await eng.once(any(0)).promise.catch(() => {})
    await eng.close()
    return path
  }

  it.each([
    ['fullBatch', policies.fullBatch()],
    ['cap', policies.cap(1)],
    ['shortestRemaining', policies.shortestRemaining()],
  ])('with the same errors: nothing differs (%s)', async (_, policy) => {
    const [a, b] = [await failing('f1', policies.fixpoint()), await failing('f2', policy)]
    expect((await told(a, b)).text).toMatch(/^nothing differs/)
    expect((await told(a, b)).code).toBe(0)
  })

  it.each([
    ['cap', policies.cap(1)],
    ['shortestRemaining', policies.shortestRemaining()],
  ])('with another error: who broke first is told of (%s)', async (_, policy) => {
    const [a, b] = [await failing('f1', policies.fixpoint()), await failing('f2', policy, 'never')]
    const { code, text } = await told(a, b)
    expect(text).toMatch(/^the first( difference| that came out otherwise): r\([12]\)/m)
    expect(code).toBe(1)
  })

  /** Sources in place of actions: what is under way when sources change may be made to its end, or not, by policy. */
  const soon = (ref: Ref): Ref => (ACTIONS.includes(ref) ? ref - ACTIONS[0]! : ref)
  const atOnce = (plan: Plan): Plan =>
    JSON.parse(JSON.stringify(plan), (name, value) =>
      typeof value === 'number' && name !== 'value' && name !== 'modulo' ? soon(value) : value,
    )

  it('come to the same: no cause is named', { timeout: 120_000 }, () => {
    const choices = fc.constantFrom<Policy>(...everyPolicy, ...knowing)
    const seen = new Map<string, number>()
    let failures = 0
    let count = 0
    fc.assert(
      fc.property(samples(), schedules(), picks, choices, choices, (sample, steps, order, one, other) => {
        fc.pre(!hasCircles(sample.plans))
        const plans = sample.plans.map(atOnce)
        const schedule = steps.map((step): Step => {
          if (step.step === 'wipe') return { ...step, percent: 100 }
          if (step.step === 'once' || step.step === 'live') return { ...step, ref: soon(step.ref) }
          if (step.step === 'change')
            return { ...step, changes: step.changes.map((change) => ({ ...change, waits: false })) }
          return step.step === 'gc' || step.step === 'sweep' ? { ...step, keep: 0 } : step
        })
        const [a, b] = [one, other].map((each) => {
          const path = folder.at(`${count++}.rec`)
          recordSteps(path, { ...sample, plans }, schedule, order, { whole: true, pool: 9, check: false, policy: each })
          return opened(path)
        })
        const found = diffRecordings(a!.reader, b!.reader)
        seen.set(found._tag, (seen.get(found._tag) ?? 0) + 1)
        for (let tick = 1; tick <= a!.ticks; tick++)
          if (apart(a!.reader.at(tick).input.receipts).some(({ _tag }) => _tag === 'broken')) failures++
        a!.close()
        b!.close()
        expect([found, found._tag]).toEqual([found, expect.stringMatching(/^(same|measured|order|alike)$/)])
      }),
      { ...runs(150), endOnFailure: true },
    )
    for (const tag of ['alike', 'order']) expect([...seen.keys()]).toContain(tag)
    expect(failures).toBeGreaterThan(50)
  })
})

describe('values that differ', () => {
  /** Once it is read by a rule: `text` is from outside. */
  const read = async (name: string, text: string, valueMax?: number): Promise<string> => {
    const said = rule('said', { key: codec.string, value: codec.string }, function* (key, b) {
      yield* b.need(long(key))
      return text
    })
    const path = folder.at(name)
    const record = valueMax === undefined ? path : { path, valueMax }
    const eng = createEngine({ rules: [long, said], drive: 'manual', record })
    eng.transact((tx) => tx.set(long('k'), 'same'))
    eng.once(said('k'))
    while (eng.tick());
    await eng.close()
    return path
  }
  it('are told as they are', async () => {
    const [a, b] = [await read('a', 'x'), await read('b', 'a text that does not fit')]
    expect((await told(a, b)).text).toMatch(
      /said\("k"\) was made, and differs: its value \("x" in a, "a text that does not fit" in b\)\n$/,
    )
  })
  it('are told by digests where that does not tell them apart', async () => {
    const start = 'long'.repeat(20)
    const [a, b] = [await read('a', `${start}1`), await read('b', `${start}2`)]
    expect((await told(a, b)).text).toMatch(
      /its value \(another value \(digest \w{12}…\) in a, another value \(digest \w{12}…\) in b\)\n$/,
    )
  })
})
