/** `eng.why` and `eng.whyNot`: reasons of builds that are values, with keys. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  action,
  type BuildEngine,
  codec as C,
  createEngine,
  type Key,
  rule,
  source,
  sqliteStore,
  type Why,
  type WhyNot,
} from '../../src/index.js'

const text = source('text', { key: C.string, value: C.string })
let outside = 'one'
const read = source('read', { key: C.string, value: C.string, read: () => outside })
const count = rule('count', { key: C.string, value: C.int }, function* (name, b) {
  return (yield* b.need(text(name))).split(' ').length
})
const sum = rule('sum', { key: C.array(C.string), value: C.int }, function* (names, b) {
  return (yield* b.all(names.map((name) => count(name)))).reduce((x, y) => x + y, 0)
})
const shout = rule('shout', { key: C.string, value: C.string }, function* (name, b) {
  return (yield* b.need(read(name))).toUpperCase()
})
const strict = rule('strict', { key: C.string, value: C.string, error: C.string }, function* (name, b) {
  const found = yield* b.need(text(name))
  return found === '' ? b.fail('empty') : found
})
const above = rule('above', { key: C.string, value: C.string }, function* (name, b) {
  return yield* b.need(strict(name))
})
const rules = [text, read, count, sum, shout, strict, above]

const show = (key: Key | undefined): string => (key === undefined ? '?' : `${key.of.name}(${JSON.stringify(key.key)})`)
type Made = Extract<Why<Key | undefined>, { _tag: 'made' }>
const madeOf = (eng: BuildEngine, key: Key): Made => {
  const found = eng.why(key)
  if (found._tag !== 'made') throw new Error(`${found._tag}, not made`)
  return found
}
const chainOf = (eng: BuildEngine, key: Key): readonly unknown[] =>
  madeOf(eng, key).chain.map((link) => {
    if (link._tag !== 'made') return [show(link.build), link._tag]
    const { cause } = link
    return [
      show(link.build),
      cause._tag,
      'dependency' in cause ? show(cause.dependency) : 'version' in cause ? cause.version : '',
    ]
  })

const engine = (): BuildEngine => {
  const eng = createEngine({ rules })
  eng.transact((tx) => {
    for (const name of ['a', 'b']) tx.set(text(name), 'to build')
  })
  return eng
}

describe('why', () => {
  it('was it never made before, and from there down to the source that a version set', async () => {
    const eng = engine()
    const key = sum(['a', 'b'])
    expect(eng.why(key)).toEqual({ _tag: 'unknown', build: key })
    await eng.once(key).promise
    expect(chainOf(eng, key)).toEqual([['sum(["a","b"])', 'first', '']])
    eng.transact((tx) => {
      tx.set(text('a'), 'to build or')
      tx.set(text('b'), 'not build')
    })
    await eng.idle()
    expect(eng.whyNot(key)).toMatchObject({
      _tag: 'notAsked',
      steps: [{ build: key }, { build: count('a') }, { build: text('a'), cause: { _tag: 'set', version: 2 } }],
    })
    await eng.once(key).promise
    expect(chainOf(eng, key)).toEqual([
      ['sum(["a","b"])', 'changed', 'count("a")'],
      ['count("a")', 'changed', 'text("a")'],
      ['text("a")', 'set', 2],
    ])
    expect(madeOf(eng, key)).toMatchObject({ result: 'changed', cutoffs: [count('b')], alsoChanged: [], unchanged: [] })
    expect(madeOf(eng, count('b'))).toMatchObject({ result: 'same', neededBy: [key] })
    await eng.close()
  })

  it('is it to be made again, once it is wanted', async () => {
    const eng = engine()
    await eng.once(count('a')).promise
    eng.transact((tx) => tx.touch(count('a')))
    await eng.idle()
    expect(madeOf(eng, count('a'))).toMatchObject({ pending: { _tag: 'set', version: 2 } })
    await eng.once(count('a')).promise
    expect(madeOf(eng, count('a'))).toMatchObject({ result: 'same', chain: [{ cause: { _tag: 'set', version: 2 } }] })
    expect(madeOf(eng, count('a'))).not.toHaveProperty('pending')
    await eng.close()
  })

  it('is what a source was set to since no reason for what was made before', async () => {
    const eng = engine()
    const key = sum(['a'])
    const set = (to: string): number => eng.transact((tx) => tx.set(text('a'), to))
    await eng.once(key).promise
    const version = set('to build or')
    await eng.once(key).promise
    const made = madeOf(eng, text('a'))
    expect(made.chain).toMatchObject([{ cause: { _tag: 'set', version } }])
    expect(madeOf(eng, count('a'))).toMatchObject({ neededBy: [key] })
    const next = set('to build')
    await eng.idle()
    const chain = [
      ['sum(["a"])', 'changed', 'count("a")'],
      ['count("a")', 'changed', 'text("a")'],
      ['text("a")', 'unknown', ''],
    ]
    expect(chainOf(eng, key)).toEqual(chain)
    expect(chainOf(eng, text('a'))).toEqual(chain.slice(2))
    expect(madeOf(eng, text('a'))).toMatchObject({
      generation: made.generation,
      pending: { _tag: 'set', version: next },
    })
    await eng.close()
  })

  it('is how something failed not known any more that is mended since: it is not said to have been cut short', async () => {
    const eng = createEngine({ rules })
    eng.transact((tx) => tx.set(text('a'), ''))
    await eng.once(above('a')).promise.catch(() => {})
    expect(madeOf(eng, above('a')).fault).toMatchObject({ path: [above('a'), strict('a')], error: { error: 'empty' } })
    eng.transact((tx) => tx.set(text('a'), 'to build'))
    await eng.once(strict('a')).promise
    expect(madeOf(eng, above('a'))).toMatchObject({ fault: { path: [above('a')], error: { _tag: 'unmet' } } })
    await eng.close()
  })

  it('is it not said of what is to be made again that it changed: whether it did is not known any more', async () => {
    const eng = engine()
    const key = sum(['a', 'b'])
    await eng.once(key).promise
    eng.transact((tx) => {
      tx.set(text('a'), 'to build or')
      tx.touch(count('b'))
    })
    await eng.once(key).promise
    expect(madeOf(eng, key)).toMatchObject({ cutoffs: [count('b')], alsoChanged: [] })
    expect(madeOf(eng, count('b'))).toMatchObject({ result: 'same' })
    eng.transact((tx) => tx.touch(count('b')))
    await eng.idle()
    expect(madeOf(eng, key)).toMatchObject({ cutoffs: [], alsoChanged: [], unchanged: [] })
    await eng.close()
  })

  it('is it not known what for, while what it depends on is gone through', async () => {
    const eng = engine()
    const key = sum(['a', 'b'])
    await eng.once(key).promise
    eng.drive('manual')
    eng.transact((tx) => tx.set(text('a'), 'to build or'))
    const asked = eng.once(key)
    eng.tick()
    expect(madeOf(eng, key)).toMatchObject({ result: 'pending', unchanged: [count('b')], alsoChanged: [] })
    expect(chainOf(eng, key)).toEqual([['sum(["a","b"])', 'unknown', '']])
    // What it was needed by before is not forgotten for that.
    expect(madeOf(eng, count('b'))).toMatchObject({ neededBy: [key] })
    eng.settle()
    await asked.promise
    expect(chainOf(eng, key).at(-1)).toEqual(['text("a")', 'set', 2])
    await eng.close()
  })

  it('was its value given up', async () => {
    const eng = engine()
    await eng.once(sum(['a'])).promise
    eng.wipe()
    await eng.once(sum(['a'])).promise
    expect(chainOf(eng, sum(['a']))).toEqual([['sum(["a"])', 'wiped', '']])
    expect(madeOf(eng, sum(['a'])).result).toBe('same')
    await eng.close()
  })

  it('is it by what requests that came together share, whichever of them it was made for', async () => {
    const eng = engine()
    const both = (): Promise<unknown> =>
      Promise.all([sum(['a', 'b']), sum(['a']), count('a')].map((key) => eng.once(key).promise))
    await both()
    eng.transact((tx) => tx.set(text('a'), 'to build or'))
    await both()
    const [first, last] = [madeOf(eng, sum(['a', 'b'])), madeOf(eng, count('a'))]
    expect(last.generation).toBeGreaterThan(first.generation)
    expect(chainOf(eng, sum(['a', 'b']))).toEqual([
      ['sum(["a","b"])', 'changed', 'count("a")'],
      ['count("a")', 'changed', 'text("a")'],
      ['text("a")', 'set', 2],
    ])
    expect(last.neededBy).toEqual([sum(['a', 'b']), sum(['a'])])
    // It is another once more, which those have not seen.
    eng.transact((tx) => tx.set(text('a'), 'a'))
    await eng.once(count('a')).promise
    expect(chainOf(eng, sum(['a', 'b']))).toEqual([
      ['sum(["a","b"])', 'changed', 'count("a")'],
      ['count("a")', 'madeSince'],
    ])
    expect(madeOf(eng, count('a')).neededBy).toEqual([])
    await eng.close()
  })

  it('was what it saw changed for a request that came together with its own, and is that to be made again by now', async () => {
    const eng = engine()
    const key = count('a')
    const both = (): Promise<unknown> => Promise.all([eng.once(key).promise, eng.once(text('a')).promise])
    await both()
    eng.transact((tx) => tx.set(text('a'), 'to build or'))
    await both()
    expect(madeOf(eng, text('a')).generation).toBeGreaterThan(madeOf(eng, key).generation)
    eng.transact((tx) => tx.set(text('a'), 'to'))
    await eng.idle()
    // Nobody made it again yet.
    const changed = ['count("a")', 'changed', 'text("a")']
    expect(chainOf(eng, key)).toEqual([changed, ['text("a")', 'unknown', '']])
    await eng.once(text('a')).promise
    expect(chainOf(eng, key)).toEqual([changed, ['text("a")', 'madeSince']])
    await eng.close()
  })

  it('did another one change too, for a request that came together with its own', async () => {
    const joined = rule('joined', { key: C.string, value: C.string }, function* (name, b) {
      return (yield* b.need(text(name))) + (yield* b.need(text(`${name}2`)))
    })
    const eng = createEngine({ rules: [text, joined] })
    const both = (): Promise<unknown> =>
      Promise.all([joined('a'), text('a'), text('a2')].map((key) => eng.once(key).promise))
    const set = (word: string): number =>
      eng.transact((tx) => {
        tx.set(text('a'), word)
        tx.set(text('a2'), word)
      })
    set('x')
    await both()
    set('y')
    await both()
    expect(madeOf(eng, joined('a'))).toMatchObject({ alsoChanged: [text('a2')], unchanged: [] })
    await eng.close()
  })

  it('did it fail, by what, and why it was made all the same', async () => {
    const eng = engine()
    await eng.once(above('a')).promise
    eng.transact((tx) => tx.set(text('a'), ''))
    await eng.once(above('a')).either()
    expect(madeOf(eng, above('a'))).toMatchObject({
      result: 'failed',
      fault: { path: [above('a'), strict('a')], error: { _tag: 'failed', error: 'empty' } },
    })
    expect(chainOf(eng, above('a'))).toEqual([
      ['above("a")', 'changed', 'strict("a")'],
      ['strict("a")', 'changed', 'text("a")'],
      ['text("a")', 'set', 2],
    ])
    expect(eng.whyNot(above('a'))).toMatchObject({ _tag: 'broken', isKept: true })
    // Once that is another, it is to be run again, whether what needs it was made since or not.
    eng.transact((tx) => tx.set(text('a'), 'full'))
    await eng.idle()
    expect(eng.whyNot(above('a'))).toMatchObject({ _tag: 'broken', isKept: false })
    await eng.once(strict('a')).promise
    expect(eng.whyNot(above('a'))).toMatchObject({ _tag: 'broken', isKept: false })
    await eng.close()
  })

  it('is what failed once more, as it had failed, no reason for what was made before', async () => {
    const both = rule('both', { key: C.string, value: C.string, error: C.string }, function* (name, b) {
      const [one, other] = yield* b.all([text(name), text(`${name}2`)])
      return one === '' ? b.fail('empty') : one + other
    })
    const after = rule('after', { key: C.string, value: C.string }, function* (name, b) {
      return yield* b.need(both(name))
    })
    const eng = createEngine({ rules: [text, both, after] })
    const key = after('a')
    const set = async (name: string, to: string): Promise<void> => {
      eng.transact((tx) => tx.set(text(name), to))
      await eng.once(key).either()
    }
    await set('a', 'x')
    await set('a2', 'y')
    await set('a', '')
    const made = madeOf(eng, key)
    expect(chainOf(eng, key)).toEqual([
      ['after("a")', 'changed', 'both("a")'],
      ['both("a")', 'changed', 'text("a")'],
      ['text("a")', 'set', 3],
    ])
    expect(madeOf(eng, both('a')).neededBy).toEqual([key])
    // It is not run for that.
    await set('a2', 'z')
    expect(madeOf(eng, key)).toMatchObject({ generation: made.generation, result: 'failed' })
    expect(chainOf(eng, key)).toEqual([
      ['after("a")', 'changed', 'both("a")'],
      ['both("a")', 'madeSince'],
    ])
    expect(madeOf(eng, both('a'))).toMatchObject({ result: 'failed', neededBy: [] })
    await eng.close()
  })

  it('forgets no id that it speaks of, and speaks of none that is forgotten', async () => {
    const pick = rule('pick', { key: C.string, value: C.string }, function* (_, b) {
      const which = yield* b.need(text('which'))
      return yield* b.need(text(which))
    })
    const eng = createEngine({ rules: [text, pick] })
    eng.transact((tx) => {
      tx.set(text('which'), 'x')
      tx.set(text('x'), '1')
      tx.set(text('y'), '1')
    })
    const live = eng.live(pick(''))
    await eng.idle()
    eng.transact((tx) => tx.set(text('x'), '2'))
    await eng.idle()
    expect(chainOf(eng, pick(''))[0]).toEqual(['pick("")', 'changed', 'text("x")'])
    eng.transact((tx) => {
      tx.set(text('x'), '3')
      tx.set(text('which'), 'y')
    })
    await eng.idle()
    expect(chainOf(eng, pick(''))[0]).toEqual(['pick("")', 'changed', 'text("which")'])
    live.cancel()
    await eng.close()
  })

  it.each([false, true])(
    'outlives the engine, in a store; another version of the rule is told: %s',
    async (isOther) => {
      const folder = mkdtempSync(join(tmpdir(), 'redford-why-'))
      const path = join(folder, 'store')
      outside = 'one'
      const open = (version: number): { eng: BuildEngine; twice: (key: string) => Key<string> } => {
        const twice = rule('twice', { key: C.string, value: C.string, version }, function* (name, b) {
          return (yield* b.need(shout(name))) + version
        })
        return { eng: createEngine({ rules: [...rules, twice], store: sqliteStore(path) }), twice }
      }
      try {
        const first = open(1)
        await first.eng.once(first.twice('a')).promise
        await first.eng.close()
        outside = 'two'
        const second = open(isOther ? 2 : 1)
        await second.eng.once(second.twice('a')).promise
        const made = [
          ['twice("a")', 'changed', 'shout("a")'],
          ['shout("a")', 'changed', 'read("a")'],
          ['read("a")', 'unread', ''],
        ]
        expect(chainOf(second.eng, second.twice('a'))).toEqual(isOther ? [['twice("a")', 'redefined', '']] : made)
        await second.eng.close()
        const third = open(isOther ? 2 : 1)
        expect(chainOf(third.eng, third.twice('a'))).toEqual(isOther ? [['twice("a")', 'redefined', '']] : made)
        await third.eng.close()
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )
})

it('why looks at each of many dependencies once, though all are made again since', async () => {
  const eng = engine()
  const names = Array.from({ length: 20_000 }, (_, i) => `n${i}`)
  eng.transact((tx) => {
    for (const name of names) tx.set(text(name), name)
  })
  await eng.once(sum(names)).promise
  eng.transact((tx) => {
    for (const name of names) tx.set(text(name), `${name} ${name}`)
  })
  await Promise.all(names.map((name) => eng.once(count(name)).promise))
  const begun = performance.now()
  expect(madeOf(eng, sum(names)).unchanged).toHaveLength(20_000)
  expect(performance.now() - begun).toBeLessThan(3_000)
  await eng.close()
}, 30_000)

describe('why not', () => {
  it('did nothing change that it stands on, and what nearly did', async () => {
    const eng = engine()
    const key = sum(['a', 'b'])
    await eng.once(key).promise
    eng.transact((tx) => tx.set(text('a'), 'as many'))
    await eng.once(key).promise
    const found = eng.whyNot(key) as Extract<WhyNot<Key>, { _tag: 'unchanged' }>
    expect(found._tag).toBe('unchanged')
    expect(found.nearly.map(({ build, how }) => [show(build), how])).toEqual([['count("a")', 'same']])
    expect(eng.whyNot(count('b'))).toMatchObject({ _tag: 'unchanged', nearly: [] })
    await eng.close()
  })

  it('is it under way, or waits for an action that is', async () => {
    let finish = (_: string): void => {}
    const slow = action('slow', {
      key: C.string,
      value: C.string,
      run: () =>
        new Promise<string>((resolve) => {
          finish = resolve
        }),
    })
    const after = rule('after', { key: C.string, value: C.string }, function* (name, b) {
      return yield* b.need(slow(name))
    })
    const eng = createEngine({ rules: [slow, after] })
    const asked = eng.once(after('x'))
    while (eng.progress().pending.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(eng.whyNot(after('x'))).toMatchObject({ _tag: 'underWay', stage: 'waiting', waitsFor: [slow('x')] })
    expect(eng.whyNot(slow('x'))).toMatchObject({ _tag: 'underWay', stage: 'running' })
    expect(madeOf(eng, slow('x'))).toMatchObject({ result: 'pending', request: { targets: [after('x')] } })
    finish('done')
    await asked.promise
    expect(eng.whyNot(after('x'))).toMatchObject({ _tag: 'made', result: 'changed' })
    await eng.close()
  })

  it('is it out-of-date since it was made, though that was last', async () => {
    const eng = engine()
    eng.transact((tx) => tx.set(text('a'), 'one two'))
    await eng.once(count('a')).promise
    expect(eng.whyNot(count('a'))).toMatchObject({ _tag: 'made' })
    eng.transact((tx) => tx.set(text('a'), 'one'))
    await eng.idle()
    expect(eng.whyNot(count('a'))).toMatchObject({ _tag: 'notAsked', build: count('a') })
    await eng.close()
  })

  it('is it nothing that the engine knows', async () => {
    const eng = engine()
    expect(eng.whyNot(count('z'))).toEqual({ _tag: 'unknown', build: count('z') })
    const stranger = source('stranger', { key: C.string, value: C.int })
    expect(() => eng.why(stranger('x'))).toThrow('why: the engine does not know stranger: add it')
    expect(() => eng.whyNot('x' as never)).toThrow('whyNot: expected a key')
    await eng.close()
  })
})
