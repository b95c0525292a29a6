/** What users do wrong: each is answered with a message that names the input and says what to do instead. */
import { afterEach, describe, expect, it } from 'vitest'
import {
  action,
  type Buildable,
  type BuildEngine,
  type Builder,
  type Building,
  codec as C,
  type Codec,
  type CreateOptions,
  createEngine,
  type Key,
  Misuse,
  type Need,
  policies,
  rule,
  source,
  sqliteStore,
  describe as wordsOfError,
} from '../../src/index.js'
import { freezeDeep } from '../../src/make/freeze.js'

const num = source('num', { key: C.string, value: C.int })
/** In no engine. */
const stranger = source('stranger', { key: C.string, value: C.int })
const list = source('list', { key: C.string, value: C.array(C.int) })
const any = source('any', { key: C.string, value: C.json })
/** Whatever a program without types may hand over. */
const wrong = (value: unknown): never => value as never

/** If nobody hears of it, it ends the process. */
const rejected = (): Promise<never> => Promise.reject(new Error('nobody hears of it'))

const open: BuildEngine[] = []
const engine = (options: Partial<CreateOptions> = {}): BuildEngine => {
  const eng = createEngine({ drive: 'manual', ...options, rules: [num, list, any, ...(options.rules ?? [])] })
  open.push(eng)
  return eng
}
afterEach(() => {
  for (const eng of open.splice(0)) eng.close()
})

/** The words of the error that asking for `bad` ends with; the engine answers others as before. */
const failureOf = async (bad: Buildable<string, unknown, unknown>, options: Partial<CreateOptions> = {}) => {
  const eng = engine({ ...options, rules: [bad] })
  eng.transact((tx) => {
    tx.set(num('x'), 1)
    tx.set(list('x'), [1])
  })
  const request = eng.once(bad('x'))
  const other = eng.once(num('x'))
  await eng.idle()
  expect(other.now).toMatchObject({ right: 1 })
  const result = await request.either()
  if (result._tag === 'Right') throw new Error(`it has a value: ${result.right}`)
  return wordsOfError(result.left)
}

const value = C.int
const key = C.string

describe('a rule', () => {
  const LATER =
    'it returns a promise: rules are synchronous; what has to be waited for belongs into an action or a source'
  const TAKEN_APART = 'it goes through a need in place of waiting for it: write yield* before b.need and the like'
  const UNYIELDED = 'it asks for num("x") and does not wait: write yield* before b.need and the like'

  const rules: readonly (readonly [string, Buildable<string, unknown, unknown>, string])[] = [
    [
      'that does not yield what it needs',
      rule('bad', { key, value }, function* (k, b) {
        b.need(num(k))
        return yield* b.need(num(k))
      }),
      UNYIELDED,
    ],
    [
      'that is plain and asks for something',
      rule('bad', { key, value }, (k, b) => {
        b.need(num(k))
        return 1
      }),
      UNYIELDED,
    ],
    [
      'that does not yield its alternatives',
      rule('bad', { key, value }, function* (k, b) {
        b.first([num(k)])
        return yield* b.need(num(k))
      }),
      UNYIELDED,
    ],
    [
      'of alternatives, none of which it names',
      rule('bad', { key, value }, (_, b) => b.first([])),
      'b.first was given no alternatives: there must be one to have a value',
    ],
    [
      'that throws what throws in turn',
      rule('bad', { key, value }, () => {
        throw Object.defineProperty(new Error(), 'message', {
          get: () => {
            throw new Error()
          },
        })
      }),
      '[object Error]',
    ],
    ['that returns a need', rule('bad', { key, value }, (k, b) => wrong(b.need(num(k)))), UNYIELDED],
    [
      'that takes apart what it needs, in place of waiting for it',
      rule('bad', { key, value: C.json }, (k, b) => wrong([...b.need(num(k))])),
      TAKEN_APART,
    ],
    [
      'that goes through what it needs in a loop',
      rule('bad', { key, value }, function* (k, b) {
        let sum = yield* b.need(num(k))
        for (const one of b.all([num(k), num('x')])) sum += wrong(one)
        return sum
      }),
      TAKEN_APART,
    ],
    [
      'that yields without a star',
      rule('bad', { key, value }, function* (k, b): Building<number> {
        return wrong(yield wrong(b.need(num(k))))
      }),
      'it yields something that is not a need: write yield* b.need(key), with the star',
    ],
    [
      'that yields a promise, of which nobody else hears',
      rule('bad', { key, value }, function* (): Building<number> {
        return wrong(yield wrong(rejected()))
      }),
      LATER.replace('returns', 'yields'),
    ],
    [
      'that catches the failure of a need and goes on',
      rule('bad', { key, value }, function* (_, b) {
        try {
          return yield* b.need(num('absent'))
        } catch {
          return 0
        }
      }),
      'it catches the failure of num("absent") and goes on: use b.attempt to depend on a failure',
    ],
    [
      'that catches it and asks for more',
      rule('bad', { key, value }, function* (_, b) {
        try {
          return yield* b.need(num('absent'))
        } catch {
          return yield* b.need(num('other'))
        }
      }),
      'it catches the failure of num("absent") and goes on: use b.attempt to depend on a failure',
    ],
    [
      'that catches what it fails by and goes on',
      rule('bad', { key, value, error: C.string }, (_, b) => {
        try {
          return b.fail('no')
        } catch {
          return 1
        }
      }),
      'it fails by b.fail or b.first, catches that and goes on: fail only where there is nothing to go on with',
    ],
    [
      'that catches that there is no alternative and goes on',
      rule('bad', { key, value }, function* (_, b) {
        try {
          return yield* b.first([num('absent')])
        } catch {
          return yield* b.need(num('x'))
        }
      }),
      'it fails by b.fail or b.first, catches that and goes on: fail only where there is nothing to go on with',
    ],
    [
      'that collects one key',
      rule('bad', { key, value }, function* (k, b) {
        yield* b.collect(wrong(num(k)))
        return 1
      }),
      'b.collect takes a list of keys, got num("x"): put it into a list',
    ],
    [
      'that declares a list with a hole',
      // biome-ignore lint/suspicious/noSparseArray: what is tried
      rule.static('bad', { key, value, deps: (k) => wrong([num(k), , num(k)]), make: () => 1 }),
      'expected keys, or lists or records of keys, got undefined',
    ],
    [
      'that declares a set',
      rule.static('bad', { key, value, deps: (k) => wrong(new Set([num(k)])), make: () => 1 }),
      'expected keys, or lists or records of keys, got a Set: make a list of it, [...needs]',
    ],
    [
      'that declares promises of keys',
      rule.static('bad', { key, value, deps: () => wrong([rejected(), rejected()]), make: () => 1 }),
      'expected keys, or lists or records of keys, got a Promise: a record of keys must be a plain object',
    ],
    [
      'that asks for promises of keys',
      rule('bad', { key, value }, function* (k, b) {
        yield* b.all(wrong({ one: [num(k)].map(async () => rejected()) }))
        return 1
      }),
      'expected keys, or lists or records of keys, got a Promise: a record of keys must be a plain object',
    ],
    [
      'that asks for a promise of a key',
      rule('bad', { key, value }, function* (_, b) {
        return yield* b.need(wrong(rejected()))
      }),
      "expected a key, such as rule('x'), got a Promise",
    ],
    [
      'that collects promises of keys',
      rule('bad', { key, value }, function* (_, b) {
        return (yield* b.collect(wrong([rejected(), rejected()]))).length
      }),
      "expected a key, such as rule('x'), got a Promise",
    ],
    [
      'that catches a failure and yields a promise',
      rule('bad', { key, value }, function* (_, b): Building<number> {
        try {
          return yield* b.need(num('absent'))
        } catch {
          return wrong(yield wrong(rejected()))
        }
      }),
      'it catches the failure of num("absent") and goes on: use b.attempt to depend on a failure',
    ],
    [
      'that asks, does not wait, and returns a promise',
      rule('bad', { key, value }, (k, b) => {
        b.need(num(k))
        return wrong(rejected())
      }),
      UNYIELDED,
    ],
    [
      'that returns a list of promises',
      rule('bad', { key, value }, () => wrong([rejected()])),
      'its value does not fit its codec: expected int, got an array',
    ],
    [
      'that throws what is no text',
      rule('bad', { key, value }, () => {
        throw Object.create(null)
      }),
      '[object Object]',
    ],
    [
      'that throws what throws when it is asked anything',
      rule('bad', { key, value }, () => {
        const get = () => {
          throw 'nothing'
        }
        throw new Proxy({}, { get })
      }),
      'what was thrown throws when it is asked what it is',
    ],
    [
      'that throws a promise, of which nobody else hears',
      rule('bad', { key, value }, () => {
        throw rejected()
      }),
      '[object Promise]',
    ],
    [
      'that fails by a promise, of which nobody else hears',
      rule('bad', { key, value, error: C.string }, (_, b) => b.fail(wrong(rejected()))),
      'expected string, got a Promise',
    ],
    [
      'that throws what is gone',
      rule('bad', { key, value }, () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        throw proxy
      }),
      'what was thrown throws when it is asked what it is',
    ],
    [
      'of a batch that throws what is gone',
      rule.batch('bad', {
        key,
        value,
        deps: () => [],
        make: () => {
          const { proxy, revoke } = Proxy.revocable({}, {})
          revoke()
          throw proxy
        },
      }),
      'what was thrown throws when it is asked what it is',
    ],
    [
      'that throws a record with a message',
      rule('bad', { key, value }, () => {
        throw { message: 'gone', code: 'E' }
      }),
      'gone',
    ],
    [
      'whose value does not fit',
      rule('bad', { key, value: C.struct({ n: C.array(C.int) }) }, () => ({ n: [1, 0.5] })),
      'its value does not fit its codec: expected int at .n[1], got 0.5',
    ],
    [
      'whose value has a hole',
      rule('bad', { key, value: C.tuple(C.int, C.int) }, () => wrong(new Array(2))),
      'its value does not fit its codec: expected int at [0], got undefined',
    ],
    [
      'that is declared, and whose value does not fit',
      rule.static('bad', { key, value, deps: num, make: () => wrong('one') }),
      'its value does not fit its codec: expected int, got "one"',
    ],
    [
      'that is asynchronous',
      rule(
        'bad',
        { key, value },
        wrong(async () => 1),
      ),
      LATER,
    ],
    [
      'that is asynchronous and throws',
      rule(
        'bad',
        { key, value },
        wrong(async () => {
          throw new Error('nobody hears of it')
        }),
      ),
      LATER,
    ],
    [
      'that is an asynchronous generator',
      rule(
        'bad',
        { key, value },
        wrong(async function* () {}),
      ),
      LATER,
    ],
    [
      'whose generator returns a promise',
      rule('bad', { key, value }, function* (k, b): Building<number> {
        yield* b.need(num(k))
        return wrong(Promise.resolve(1))
      }),
      LATER,
    ],
    [
      'that is declared and returns a promise',
      rule.static('bad', { key, value, deps: num, make: () => wrong(Promise.resolve(1)) }),
      LATER,
    ],
    [
      'that declares a promise',
      rule.static('bad', { key, value, deps: () => wrong(Promise.resolve(num('x'))) as Key, make: () => 1 }),
      LATER,
    ],
    [
      'of a batch that returns a promise',
      rule.batch('bad', { key, value, deps: num, make: () => wrong(Promise.resolve([1])) }),
      LATER,
    ],
    [
      'of a batch that returns promises',
      rule.batch('bad', { key, value, deps: num, make: (units) => wrong(units.map(async () => 1)) }),
      LATER,
    ],
    [
      'of a batch that returns too few values',
      rule.batch('bad', { key, value, deps: num, make: () => [] }),
      'expected an array of 1 values, one for each unit, got an array',
    ],
    [
      'of a batch whose `by` gives a list',
      rule.batch('bad', { key, value, deps: num, batch: { by: (k) => wrong([k]) }, make: () => [1] }),
      'its `by` must give a string or a number, got an array: join what it is made of',
    ],
    [
      'of a batch whose `by` throws',
      rule.batch('bad', {
        key,
        value,
        deps: num,
        batch: {
          by: () => {
            throw new Error('by what?')
          },
        },
        make: () => [1],
      }),
      'by what?',
    ],
    [
      'that changes what it was given',
      rule('bad', { key, value }, function* (k, b) {
        return ((yield* b.need(list(k))) as number[]).push(2)
      }),
      'Cannot add property 1, object is not extensible (values are frozen: copy what you change)',
    ],
    [
      'that needs a rule instead of a key',
      rule('bad', { key, value }, function* (_, b) {
        return yield* b.need(wrong(num))
      }),
      "expected a key, such as rule('x'), got a function: call it with a key",
    ],
    [
      'that needs a list with a rule in it',
      rule('bad', { key, value }, function* (_, b) {
        yield* b.all({ of: [wrong(num)] })
        return 1
      }),
      'expected keys, or lists or records of keys, got a function: call it with a key',
    ],
    [
      'that needs what no rule is for',
      rule('bad', { key, value }, function* (k, b) {
        return yield* b.need(stranger(k))
      }),
      'the engine does not know stranger: add it to `rules` of createEngine',
    ],
    [
      'that declares what no rule is for',
      rule.static('bad', { key, value, deps: stranger, make: (n) => n }),
      'the engine does not know stranger: add it to `rules` of createEngine',
    ],
    [
      'that needs what is no key of a rule',
      rule('bad', { key, value }, function* (_, b) {
        return yield* b.need(num(wrong(1)))
      }),
      'num has no such key: expected string, got 1',
    ],
    [
      'that fails without an error codec',
      rule('bad', { key, value }, (_, b) => b.fail(wrong('no'))),
      'expected no failure: it has no `error` codec, got "no"',
    ],
    [
      'that fails with what its error codec does not fit',
      rule('bad', { key, value, error: C.int }, (_, b) => b.fail(wrong('no'))),
      'expected int, got "no"',
    ],
  ]

  it.each(rules)('%s', async (_, bad, why) => {
    expect(await failureOf(bad)).toBe(`bad("x"): ${why}`)
    // As it is when waiting generators are dropped.
    expect(await failureOf(bad, { continuations: { drop: 1 } })).toBe(`bad("x"): ${why}`)
  })

  it('that asks for something else when it is run again', async () => {
    let runs = 0
    const bad = rule('bad', { key, value }, function* (_, b) {
      return yield* b.need(num(String(++runs)))
    })
    expect(await failureOf(bad, { continuations: { drop: 1 } })).toMatch(
      /^bad\("x"\): .*a rule may depend on nothing but its key and what it needs/,
    )
  })

  it.each(['once', 'live', 'transact', 'tick', 'settle', 'gc', 'wipe', 'drive', 'idle'] as const)(
    'that calls %s of the engine it runs in',
    async (what) => {
      const bad = rule('bad', { key, value }, () => {
        const eng = open.at(-1) as unknown as Record<string, (x: unknown) => void>
        eng[what]!(num('x'))
        return 1
      })
      expect(await failureOf(bad)).toBe(
        `bad("x"): ${what}: a rule called the engine that runs it: ask through the rule's second parameter`,
      )
    },
  )
})

it('the b of another run, or of one that is over, is refused: what it asked for would not be known', async () => {
  let kept: Builder | undefined
  const keeps = rule('keeps', { key, value }, function* (k, b) {
    kept ??= b
    return yield* b.need(num(k))
  })
  const asks = rule('asks', { key, value }, function* (k) {
    return yield* kept!.need(num(k))
  })
  const handed: Need<number>[] = []
  const hands = rule('hands', { key, value }, function* (k, b) {
    handed.push(b.need(num(k)))
    return yield* handed[0]!
  })
  const takes = rule('takes', { key, value }, function* () {
    return yield* handed[0]!
  })
  const eng = engine({ rules: [keeps, asks, hands, takes] })
  eng.transact((tx) => tx.set(num('x'), 1))
  const within = [keeps('x'), hands('x')].map((of) => eng.once(of))
  await eng.idle()
  expect(within.map((request) => request.now)).toMatchObject([{ right: 1 }, { right: 1 }])
  const why = (name: string) =>
    `the b of ${name}("x") is used while that does not run: ask through the b that the rule itself is given`
  const without = [asks('x'), takes('x')].map((of) => eng.once(of))
  await eng.idle()
  expect(without.map((request) => request.now)).toMatchObject([
    { left: { _tag: 'misuse', why: why('keeps') } },
    { left: { _tag: 'misuse', why: why('hands') } },
  ])
  expect(() => kept!.need(num('x'))).toThrow(new Misuse(why('keeps')))
})

it.each(['need', 'all', 'attempt', 'collect', 'first', 'fail'] as const)('%s, taken out of b', async (what) => {
  const bad = rule('bad', { key, value, error: C.int }, function* (_, b) {
    const { [what]: taken } = b as unknown as Record<string, (of: unknown) => Need<number>>
    return yield* taken!(what === 'need' || what === 'attempt' ? num('x') : [num('x')])
  })
  expect(await failureOf(bad)).toBe(
    `bad("x"): it takes ${what} out of b and calls that by itself: write b.${what}(...)`,
  )
})

describe('a store', () => {
  it.each([
    [{ syncronous: 'full' }, 'there is no option `syncronous`: use synchronous, onDamage'],
    [null, 'the options must be an object, got null'],
    [{ onDamage: 'warn' }, "`onDamage` must be a function, got 'warn'"],
  ])('with %j is refused', (options, message) => {
    expect(() => sqliteStore('builds.sqlite', wrong(options))).toThrow(new Misuse(`sqliteStore: ${message}`))
  })
})

describe('a codec that throws', () => {
  const odd = C.map(
    C.int,
    'odd',
    (n) => n,
    (n: number) => {
      if (n % 2 === 0) throw new Error('even')
      return n
    },
  )
  const bad = rule('bad', { key: C.string, value: odd }, () => 2)
  const set = source('set', { key: odd, value: odd })

  it('at a value', async () => {
    expect(await failureOf(bad)).toBe('bad("x"): its value does not fit its codec: even')
  })

  it('at what is asked for, or set', () => {
    const eng = engine({ rules: [set] })
    expect(() => eng.once(set(2))).toThrow(new Misuse('once: set has no such key: even'))
    expect(() => eng.transact((tx) => tx.set(set(1), 2))).toThrow(new Misuse('set: set(1): even'))
  })
})

describe('what is nested too deep', () => {
  type Tree = readonly Tree[]
  const tree: Codec<Tree> = C.lazy('tree', () => C.array(tree))
  const deep = (depth: number): Tree => Array.from({ length: depth }).reduce<Tree>((inner) => [inner], [])
  const set = source('set', { key: tree, value: tree })
  const read = source('read', { key: C.int, value: tree, read: deep })
  const made = rule('made', { key: C.int, value: tree }, deep)
  const done = action('done', { key: C.int, value: tree, run: deep })
  const fails = rule('fails', { key: C.int, value: tree, error: tree }, (depth, b) => b.fail(deep(depth)))
  const asks = rule('asks', { key: C.int, value: tree }, function* (depth, b) {
    return yield* b.need(set(deep(depth)))
  })
  const WHY = 'expected data nested at most 500 deep, and in no circle: make a flat list of it'
  const VALUE = `its value does not fit its codec: ${WHY}`

  // So deep that a stack may hold it, and that none does.
  it.each([1_000, 20_000])('%i deep', async (depth) => {
    const eng = engine({ rules: [set, read, made, done, fails, asks] })
    expect(() => eng.transact((tx) => tx.set(set([]), deep(depth)))).toThrow(new Misuse(`set: set([]): ${WHY}`))
    expect(() => eng.once(set(deep(depth)))).toThrow(new Misuse(`once: set has no such key: ${WHY}`))
    const failing = [
      [read, VALUE],
      [made, VALUE],
      [done, VALUE],
      [fails, WHY],
      [asks, `set has no such key: ${WHY}`],
    ] as const
    const requests = failing.map(([of]) => eng.once(of(depth)))
    await eng.idle()
    expect(requests.map(({ now }) => now)).toMatchObject(failing.map(([, why]) => ({ left: { _tag: 'misuse', why } })))
  })

  it('is no error that tells of what was tried, and of what in that', async () => {
    const tries: Buildable<number, number> = rule('tries', { key: C.int, value: C.int }, function* (depth, b) {
      return yield* b.first(depth === 0 ? [] : [tries(depth - 1)])
    })
    const eng = engine({ rules: [set, fails, tries] })
    const requests = [eng.once(tries(200)), eng.once(fails(499))]
    await eng.idle()
    expect(requests.map(({ now }) => now)).toMatchObject([{ left: { _tag: 'noneOf' } }, { left: { _tag: 'failed' } }])
  })
})

it('a store in memory by the name of one', () => {
  expect(() => sqliteStore(':memory:')).toThrow(new Misuse('sqliteStore: :memory: is no file: use memoryStore()'))
})

it('a store without a path', () => {
  expect(() => sqliteStore(wrong(undefined))).toThrow(
    new Misuse('sqliteStore: expected the path of a file, got undefined'),
  )
})

describe('an action', () => {
  it('whose value does not fit', async () => {
    const bad = action('bad', { key, value, run: async () => wrong('late') })
    expect(await failureOf(bad)).toBe('bad("x"): its value does not fit its codec: expected int, got "late"')
  })

  it('that fails with what its error codec does not fit', async () => {
    const bad = action('bad', { key, value, error: C.int, run: async (_, { fail }) => fail(wrong('no')) })
    expect(await failureOf(bad)).toBe('bad("x"): expected int, got "no"')
  })
})

it('an error of which JSON has no word is told as its codec writes it', async () => {
  const big = C.map(C.string, 'big', BigInt, String)
  const bad = rule('bad', { key, value, error: big }, (_, b) => b.fail(5n))
  expect(await failureOf(bad)).toBe('bad("x"): "5"')
  const all = C.map(
    C.array(C.string),
    'set',
    (list) => new Set(list),
    (set) => [...set],
  )
  const several = rule('several', { key, value, error: all }, (_, b) => b.fail(new Set(['why'])))
  expect(await failureOf(several)).toBe('several("x"): ["why"]')
})

it('an error that its codec does not give back is no failure', async () => {
  const odd = C.map(
    C.string,
    'odd',
    () => {
      throw new Error('not back')
    },
    String,
  )
  const bad = rule('bad', { key, value, error: odd }, (_, b) => b.fail(wrong(5)))
  expect(await failureOf(bad)).toMatch(/^bad\("x"\): .*not back$/)
})

it('what is like a promise may settle with a promise', async () => {
  const later = {
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    then: (done: (value: unknown) => void) => done(Promise.resolve(4)),
  }
  const four = action('four', { key, value, run: () => wrong(later) })
  const eng = engine({ rules: [four], drive: { per: 'fixpoint' } })
  expect(await eng.once(four('x')).promise).toBe(4)
})

it('what is like a promise is heard once', async () => {
  const slow = new Promise((resolve) => setTimeout(resolve, 5, 1))
  const twice = {
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    then: (done: (value: unknown) => void) => {
      done(slow)
      done(2)
    },
  }
  const late = {
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    then: (done: (value: unknown) => void) =>
      setTimeout(done, 1, {
        // biome-ignore lint/suspicious/noThenProperty: that is what it is about
        get then() {
          throw new Error('no more')
        },
      }),
  }
  const first = action('first', { key, value, run: () => wrong(twice) })
  const second = action('second', { key, value, run: () => wrong(late) })
  const eng = engine({ rules: [first, second], drive: { per: 'fixpoint' } })
  expect(await eng.once(first('x')).promise).toBe(1)
  await expect(eng.once(second('x')).promise).rejects.toThrow('no more')
})

it('what is like a promise and throws where it is waited for', async () => {
  const broken = {
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    then: () => {
      throw new Error('no promise')
    },
  }
  expect(await failureOf(action('bad', { key, value, run: () => wrong(broken) }))).toBe('bad("x"): no promise')
  expect(await failureOf(source('bad', { key, value, read: () => wrong(broken) }))).toBe('bad("x"): no promise')
})

it('a source whose read answers what does not fit', async () => {
  const bad = source('bad', { key, value, read: async () => wrong('text') })
  expect(await failureOf(bad)).toBe('bad("x"): its value does not fit its codec: expected int, got "text"')
})

describe('a definition', () => {
  const definitions: readonly (readonly [string, () => unknown, string])[] = [
    [
      'without a name',
      () => rule('', { key, value }, () => 1),
      'the name of a rule must be a non-empty string, got ""',
    ],
    [
      'of a name that no store tells from others',
      () => rule('a\ud800', { key, value }, () => 1),
      'the name of a rule must be text that UTF-8 can tell, got "a\\ud800"',
    ],
    ['without options', () => rule('x', wrong(undefined), () => 1), 'x: the options must be an object, got undefined'],
    [
      'of a misspelt version',
      () => rule('x', wrong({ key, value, vesion: 2 }), () => 1),
      'x: there is no option `vesion`: use key, value, version, error',
    ],
    [
      'with what is of another kind',
      () => source('x', wrong({ key, value, make: () => 1 })),
      'x: there is no option `make`: use key, value, version, read, watch',
    ],
    [
      'with a pool, where nothing runs',
      () => rule.static('x', wrong({ key, value, deps: () => ({}), make: () => 1, pool: 'net' })),
      'x: there is no option `pool`: use key, value, version, deps, make',
    ],
    [
      'with a timeout',
      () => action('x', wrong({ key, value, run: () => 1, timeout: 5 })),
      'x: there is no option `timeout`: use key, value, version, error, pool, run',
    ],
    [
      'with a misspelt batch',
      () => rule.batch('x', wrong({ key, value, deps: () => ({}), make: () => [], batch: { size: 5 } })),
      'x: `batch`: there is no option `size`: use max, by',
    ],
    [
      'of a batch without options',
      () => rule.batch('x', wrong(undefined)),
      'x: the options must be an object, got undefined',
    ],
    ['without codec', () => rule('x', wrong({ key }), () => 1), 'x: `value` must be a codec, such as codec.string'],
    [
      'with an error that is no codec',
      () => rule('x', { key, value, error: wrong('text') }, () => 1),
      'x: `error` must be a codec, such as codec.string',
    ],
    [
      'without function',
      () => rule('x', { key, value }, wrong(undefined)),
      'x: `make` must be a function, got undefined',
    ],
    [
      'without needs',
      () => rule.static('x', wrong({ key, value, make: () => 1 })),
      'x: `deps` must be a function, got undefined',
    ],
    [
      'of a batch of none',
      () => rule.batch('x', { key, value, deps: num, batch: { max: 0 }, make: () => [] }),
      'x: `batch.max` must be a whole number from 1 on, got 0',
    ],
    [
      'of batches of a size in words',
      () => rule.batch('x', { key, value, deps: () => ({}), make: () => [], batch: { max: wrong('3') } }),
      "x: `batch.max` must be a whole number from 1 on, got '3'",
    ],
    [
      'of an action that does nothing',
      () => action('x', wrong({ key, value, run: 'cc' })),
      'x: `run` must be a function, got "cc"',
    ],
    [
      'of a source that is read by a word',
      () => source('x', { key, value, read: wrong('file') }),
      'x: `read` must be a function, got "file"',
    ],
    [
      'of half a version',
      () => rule('x', { key, value, version: 0.5 }, () => 1),
      'x: `version` must be an integer, got 0.5',
    ],
  ]
  it.each(definitions)('%s', (_, define, message) => {
    expect(define).toThrow(new Misuse(message))
  })
})

describe('createEngine with', () => {
  const twin = source('num', { key, value })
  const cc = action('cc', { key, value, pool: 'cpu', run: async () => 1 })
  const optionses: readonly (readonly [string, CreateOptions, string])[] = [
    ['two rules of one name', { rules: [num, twin] }, 'two of `rules` are named num: each needs a name of its own'],
    ['a rule twice', { rules: [num, num] }, 'num is in `rules` twice: name it once'],
    ['no rules', wrong({}), '`rules` must be a list of sources, rules and actions: createEngine({ rules: [...] })'],
    [
      'a key among the rules',
      { rules: [wrong(num('x'))] },
      '`rules` must be sources, rules and actions, and one of them is a key of num: leave out the call',
    ],
    [
      'a pool of no room',
      { rules: [], pools: { cpu: 0 } },
      'pool cpu: its size must be a positive integer, or { threads: N }, got 0',
    ],
    ['an action of no pool', { rules: [cc] }, 'action cc is of pool cpu: add it to `pools`, with its size'],
    ['a negative keep', { rules: [], keep: -1 }, '`keep` must be a whole number from 0 on, got -1'],
    ['a keep in quotes', { rules: [], keep: wrong('5') }, "`keep` must be a whole number from 0 on, got '5'"],
    [
      'a keep by symbol',
      { rules: [], keep: wrong(Symbol('k')) },
      '`keep` must be a whole number from 0 on, got Symbol(k)',
    ],
    ['half a keep', { rules: [], keep: 0.5 }, '`keep` must be a whole number from 0 on, got 0.5'],
    ['one pool', { rules: [], pools: wrong(5) }, '`pools` must be a record of sizes, such as { net: 4 }, got 5'],
    [
      'no record of pools',
      { rules: [], pools: wrong(null) },
      '`pools` must be a record of sizes, such as { net: 4 }, got null',
    ],
    [
      'a chance above 1',
      { rules: [], continuations: { drop: 2 } },
      "`continuations` must be 'keep' or { drop: N }, with N from 0 to 1; and `seed` an integer",
    ],
    [
      'a seed that is no number',
      { rules: [], continuations: { drop: 0.5, seed: Number.NaN } },
      "`continuations` must be 'keep' or { drop: N }, with N from 0 to 1; and `seed` an integer",
    ],
    [
      'what makes a policy',
      { rules: [], policy: wrong(policies.cap) },
      '`policy` is what makes one: call it, as in policies.cap(...)',
    ],
    [
      'a policy by name',
      { rules: [], policy: wrong('fixpoint') },
      '`policy` must be a policy, such as policies.fixpoint() or policies.cap(100), or one of your own: (view) => batch, or { name, initial, choose }',
    ],
    [
      'nothing',
      wrong(undefined),
      '`rules` must be a list of sources, rules and actions: createEngine({ rules: [...] })',
    ],
    [
      'an option that is none',
      wrong({ rules: [], polices: [] }),
      'there is no option `polices`: use rules, store, policy, pools, drive, keep, continuations, freeze, record, onError',
    ],
    [
      'a pool with an option that is none',
      { rules: [], pools: { cpu: wrong({ threads: 2, max: 4 }) } },
      'pool cpu: there is no option `max`: use threads',
    ],
    [
      'a misspelt seed',
      { rules: [], continuations: wrong({ drop: 0.5, sed: 1 }) },
      '`continuations`: there is no option `sed`: use drop, seed',
    ],
    [
      'a drive with an option that is none',
      { rules: [], drive: wrong({ per: 'batch', ms: 5 }) },
      'drive: there is no option `ms`: use per',
    ],
    [
      'a drive with more than ms',
      { rules: [], drive: wrong({ per: { ms: 5, max: 9 } }) },
      'drive: `per`: there is no option `max`: use ms',
    ],
    [
      'a store by name',
      { rules: [], store: wrong('builds.sqlite') },
      "`store` must be memoryStore(), or sqliteStore('builds.sqlite')",
    ],
    ['a record by number', { rules: [], record: wrong(5) }, '`record` must be a path, true or { path }, got 5'],
    ['freeze by name', { rules: [], freeze: wrong('no') }, "`freeze` must be true or false, got 'no'"],
    ['freeze by more', { rules: [], freeze: wrong({}) }, '`freeze` must be true or false, got an object'],
    ['onError that is no function', { rules: [], onError: wrong('log') }, '`onError` must be a function'],
    ...['sometimes', {}, { per: 'tick' }, { per: { ms: 0 } }, { per: { ms: '5' } }, { per: {} }].map(
      (drive) =>
        [
          `drive ${JSON.stringify(drive)}`,
          { rules: [], drive: wrong(drive) },
          "drive: it must be { per: 'fixpoint' }, { per: 'batch' }, { per: { ms: 5 } } or 'manual'",
        ] as const,
    ),
  ]
  it.each(optionses)('%s', (_, options, message) => {
    expect(() => createEngine(options)).toThrow(
      new Misuse(message.startsWith('drive: ') ? message : `createEngine: ${message}`),
    )
  })

  it('good ones is well', () => {
    expect(() =>
      createEngine({ rules: [cc], pools: { cpu: 1 }, keep: Number.POSITIVE_INFINITY, policy: policies.cap(2) }).close(),
    ).not.toThrow()
  })
})

describe('a call', () => {
  const double = rule('double', { key, value }, () => 2)
  const calls: readonly (readonly [string, (eng: BuildEngine) => unknown, string])[] = [
    [
      'with a rule',
      (eng) => eng.once(wrong(num)),
      "once: expected a key, such as rule('x'), got a function: call it with a key",
    ],
    ['with a name', (eng) => eng.live(wrong('num(x)')), 'live: expected a key, such as rule(\'x\'), got "num(x)"'],
    ['with nothing', (eng) => eng.once(wrong(undefined)), "once: expected a key, such as rule('x'), got undefined"],
    [
      'with a key of an unknown rule',
      (eng) => eng.once(stranger('x')),
      'once: the engine does not know stranger: add it to `rules` of createEngine',
    ],
    ['with what is no key', (eng) => eng.live(num(wrong(1))), 'live: num has no such key: expected string, got 1'],
    [
      'that is a generator',
      (eng) =>
        eng.transact(
          wrong(function* () {
            yield 1
          }),
        ),
      'transact: its function is a generator, of which nothing is run: write it without the star',
    ],
    [
      'that sets a rule',
      (eng) => eng.transact((tx) => tx.set(wrong(double('x')), 1)),
      'set: double("x") is made by a rule: set the sources that it needs',
    ],
    [
      'that removes a rule',
      (eng) => eng.transact((tx) => tx.remove(wrong(double('x')))),
      'remove: double("x") is made by a rule: remove the sources that it needs',
    ],
    [
      'that sets what does not fit',
      (eng) => eng.transact((tx) => tx.set(num('x'), wrong('one'))),
      'set: num("x"): expected int, got "one"',
    ],
    [
      'that sets an array with a hole',
      (eng) => eng.transact((tx) => tx.set(any('x'), wrong(new Array(2)))),
      'set: any("x"): expected json at [0], got undefined',
    ],
    [
      'that sets nothing',
      (eng) => eng.transact((tx) => tx.set(num('x'), wrong(undefined))),
      'set: num("x"): use remove to say that it is absent',
    ],
    [
      'that touches an unknown rule',
      (eng) => eng.transact((tx) => tx.touch(stranger('x'))),
      'touch: the engine does not know stranger: add it to `rules` of createEngine',
    ],
    [
      'that transacts later',
      (eng) => eng.transact(async (tx) => tx.set(num('x'), 1)),
      'transact: its function returns a promise: wait for what it needs first, then transact',
    ],
    [
      'that transacts no function',
      (eng) => eng.transact(wrong(5)),
      'transact: expected a function, such as (tx) => tx.set(source(1), 2)',
    ],
    [
      'that says of a request what is no record',
      (eng) => eng.once(num('x'), wrong(5)),
      'once: the options must be an object, got 5',
    ],
    [
      'that keeps less than nothing',
      (eng) => eng.gc({ keep: -1 }),
      'gc: `keep` must be a whole number from 0 on, got -1',
    ],
    [
      'that collects by text',
      (eng) => eng.gc({ keep: wrong('5') }),
      "gc: `keep` must be a whole number from 0 on, got '5'",
    ],
    [
      'that is due by text',
      (eng) => eng.once(num('x'), { deadline: wrong('5') }),
      "once: `deadline` must be a time in ms, got '5'",
    ],
    ['that collects by no options', (eng) => eng.gc(wrong(null)), 'gc: the options must be an object, got null'],
    ['that collects by other options', (eng) => eng.gc(wrong({ kept: 3 })), 'gc: there is no option `kept`: use keep'],
    ['that wipes by no options', (eng) => eng.wipe(wrong(50)), 'wipe: the options must be an object, got 50'],
    ['that wipes too much', (eng) => eng.wipe({ percent: 101 }), 'wipe: `percent` must be from 0 to 100, got 101'],
    [
      'with an unknown drive',
      (eng) => eng.drive(wrong('fast')),
      "drive: it must be { per: 'fixpoint' }, { per: 'batch' }, { per: { ms: 5 } } or 'manual'",
    ],
    [
      'that subscribes nobody',
      (eng) => eng.live(num('x')).subscribe(wrong(undefined)),
      'subscribe: num("x"): expected a function',
    ],
  ]
  it.each(calls)('%s', (_, call, message) => {
    const eng = engine({ rules: [double] })
    const before = eng.state
    expect(() => call(eng)).toThrow(new Misuse(message))
    expect([eng.state, eng.version]).toEqual([before, 0])
  })

  it('of a transaction that is over', () => {
    const eng = engine()
    let tx: Parameters<Parameters<BuildEngine['transact']>[0]>[0] | undefined
    eng.transact((open) => {
      tx = open
    })
    expect(() => tx!.set(num('x'), 1)).toThrow(new Misuse('set: the transaction is over: begin another with transact'))
  })

  it.each(['a value', 'a key'])('of a transaction that changes %s that it spoke of changes nothing', (what) => {
    const areas = source('areas', { key: C.array(C.int), value: C.array(C.int) })
    const eng = engine({ rules: [areas], record: true })
    const [sides, mine] = [[2, 3], [6]]
    const change = () =>
      eng.transact((tx) => {
        tx.set(areas([1]), [1])
        tx.set(areas(sides), mine)
        ;(what === 'a key' ? sides : mine).push(wrong('no'))
      })
    expect(change).toThrow(TypeError)
    const request = eng.once(areas([1]))
    eng.settle()
    expect([eng.version, request.now]).toMatchObject([0, { left: { _tag: 'absent' } }])
  })

  it('of a transaction that throws changes nothing', () => {
    const eng = engine()
    const change = () =>
      eng.transact((tx) => {
        tx.set(num('x'), 1)
        throw new Error('no')
      })
    expect(change).toThrow('no')
    const request = eng.once(num('x'))
    eng.settle()
    expect([eng.version, request.now]).toMatchObject([0, { left: { _tag: 'absent' } }])
  })

  it('after close is refused, but for looking on', async () => {
    const eng = engine()
    const request = eng.once(num('x'))
    const live = eng.live(num('x'))
    eng.close()
    const calls: Readonly<Record<string, () => unknown>> = {
      once: () => eng.once(num('x')),
      live: () => eng.live(num('x')),
      transact: () => eng.transact(() => {}),
      tick: () => eng.tick(),
      settle: () => eng.settle(),
      drive: () => eng.drive('manual'),
      gc: () => eng.gc(),
      wipe: () => eng.wipe(),
    }
    for (const [name, call] of Object.entries(calls))
      expect(call).toThrow(new Misuse(`${name}: the engine is closed: create another`))
    await expect(eng.idle()).rejects.toThrow(new Misuse('idle: the engine is closed: create another'))
    eng.close()
    request.cancel()
    live.cancel()
    expect(await request.either()).toMatchObject({ left: { _tag: 'cancelled' } })
    expect(await live[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
    expect(eng.progress()).toMatchObject({ requests: [], lives: [], pending: [] })
  })

  it('to close ends those who wait until there is no work', async () => {
    const never = action('never', { key, value, run: () => new Promise<number>(() => {}) })
    const eng = engine({ rules: [never], drive: { per: 'fixpoint' } })
    eng.once(never('x'))
    const idle = eng.idle()
    await new Promise(setImmediate)
    eng.close()
    await idle
  })
})

describe('closed in the midst of a turn', () => {
  /** `begun`: what was begun, and whether it was told that nobody wants it. */
  const closing = () => {
    const begun: (readonly [string, AbortSignal])[] = []
    const endless = action('endless', {
      key,
      value,
      run: (name, { signal }) => {
        begun.push([name, signal])
        if (name === 'closes') eng.close()
        if (name === 'closes at its end') signal.addEventListener('abort', () => eng.close())
        return new Promise<number>(() => {})
      },
    })
    const above = rule('above', { key, value }, function* (name, b) {
      return yield* b.need(endless(name))
    })
    const eng = engine({ rules: [endless, above] })
    return { eng, above, endless, begun: () => begun.map(([name, { aborted }]) => [name, aborted]) }
  }

  it('by work that nobody wants: nothing is begun behind it', () => {
    const { eng, above, endless, begun } = closing()
    const request = eng.once(endless('closes at its end'))
    eng.settle()
    request.cancel()
    eng.once(above('x'))
    eng.settle()
    expect(begun()).toEqual([['closes at its end', true]])
  })

  it('by work as it begins: it is ended, and no other of the same batch is begun', () => {
    const { eng, endless, begun } = closing()
    eng.once(endless('x'))
    eng.once(endless('closes'))
    eng.settle()
    expect(begun()).toEqual([['closes', true]])
  })

  it('by work that was cancelled first, as it begins: that is all', async () => {
    const quitting = action('quitting', {
      key,
      value,
      run: () => {
        request.cancel()
        eng.close()
        return 1
      },
    })
    const eng = engine({ rules: [quitting], record: true })
    const request = eng.once(quitting('x'))
    eng.settle()
    expect(await request.either()).toMatchObject({ left: { _tag: 'cancelled' } })
  })

  it.each(['gc', 'wipe', 'idle'] as const)('by a notice within %s: nothing is begun behind it', async (what) => {
    const { eng, above, begun } = closing()
    eng.live(num('x')).subscribe(() => {
      eng.once(above('x'))
      eng.close()
    })
    await eng[what]()
    expect(begun()).toEqual([])
  })
})

describe('from within a notice', () => {
  it.each(['tick', 'settle', 'gc', 'wipe'] as const)('%s is refused', (what) => {
    const thrown: unknown[] = []
    const eng = engine({ onError: (error) => thrown.push(error) })
    const seen: unknown[] = []
    eng.live(num('x')).subscribe(() => eng[what]())
    eng.live(num('x')).subscribe((notice) => seen.push(notice._tag))
    eng.settle()
    expect(thrown).toEqual([
      new Misuse(`${what}: called from within a notice: the engine is at it already, it goes on by itself afterwards`),
    ])
    expect(seen).toEqual(['error'])
  })

  it('requests, transactions and cancels are taken', () => {
    const eng = engine()
    const live = eng.live(num('x'))
    const seen: unknown[] = []
    live.subscribe((notice) => {
      seen.push(notice._tag === 'value' ? notice.value : notice._tag)
      if (notice._tag === 'error') eng.transact((tx) => tx.set(num('x'), 1))
      else live.cancel()
    })
    eng.settle()
    eng.settle()
    eng.transact((tx) => tx.set(num('x'), 2))
    eng.settle()
    expect(seen).toEqual(['error', 1])
    expect(eng.progress().lives).toEqual([])
  })

  it('close is taken', async () => {
    const eng = engine({ drive: { per: 'fixpoint' } })
    const other = eng.live(num('x'))
    let told = 0
    await new Promise<void>((resolve) => {
      eng.live(num('x')).subscribe(() => {
        eng.close()
        resolve()
      })
      eng.live(num('y')).subscribe(() => told++)
    })
    await new Promise(setImmediate)
    expect(told).toBe(0)
    expect((await other[Symbol.asyncIterator]().next()).done).toBe(true)
  })

  it('what a subscriber throws goes to onError, and the others are told', () => {
    const thrown: unknown[] = []
    const eng = engine({ onError: (error) => thrown.push(error) })
    const live = eng.live(num('x'))
    const seen: unknown[] = []
    live.subscribe(() => {
      throw new Error('mine')
    })
    live.subscribe((notice) => seen.push(notice.version))
    eng.settle()
    eng.transact((tx) => tx.set(num('x'), 1))
    eng.settle()
    expect(thrown).toEqual([new Error('mine'), new Error('mine')])
    expect(seen).toEqual([0, 1])
  })
})

describe('from within a tick', () => {
  const calls = ['tick', 'settle', 'gc', 'wipe'] as const
  const refused = (what: string) =>
    `${what}: called from within a tick: the engine is at it already, it goes on by itself afterwards`

  it.each(calls)('%s is refused to a policy', (what) => {
    const thrown: string[] = []
    const eng: BuildEngine = engine({
      onError: (error) => thrown.push((error as Error).message),
      policy: (view) => {
        expect(() => eng[what]()).toThrow(new Misuse(refused(what)))
        return { scan: [], run: view.run(9), start: [], answer: [] }
      },
    })
    const request = eng.once(num('x'))
    eng.settle()
    expect(request.now).toMatchObject({ left: { _tag: 'absent' } })
    expect(thrown).toEqual([])
  })

  it.each(calls)('%s is refused to who is told what a policy breaks', (what) => {
    const thrown: string[] = []
    const eng: BuildEngine = engine({
      policy: (view) => ({ scan: [], run: [...view.run(9), wrong(1_000_000)], start: [], answer: [] }),
      onError: () => {
        try {
          eng[what]()
        } catch (error) {
          thrown.push((error as Error).message)
        }
      },
    })
    const request = eng.once(num('x'))
    eng.settle()
    expect(request.now).toMatchObject({ left: { _tag: 'absent' } })
    expect(new Set(thrown)).toEqual(new Set([refused(what)]))
  })

  it.each(calls)('%s is refused to work that is given up', (what) => {
    const thrown: string[] = []
    const slow = action('slow', {
      key,
      value,
      run: (_, { signal }) =>
        new Promise<number>(() => {
          signal.addEventListener('abort', () => {
            try {
              eng[what]()
            } catch (error) {
              thrown.push((error as Error).message)
            }
          })
        }),
    })
    const eng: BuildEngine = engine({ rules: [slow] })
    const request = eng.once(slow('x'))
    eng.settle()
    request.cancel()
    eng.settle()
    expect(thrown).toEqual([refused(what)])
  })

  it('and a notice, who waits until there is no work is answered behind it', async () => {
    const idles: Promise<void>[] = []
    const slow = action('slow', {
      key,
      value,
      run: (_, { signal }) =>
        new Promise<number>(() => {
          signal.addEventListener('abort', () => idles.push(eng.idle()))
        }),
    })
    const eng: BuildEngine = engine({ rules: [slow] })
    const request = eng.once(slow('x'))
    eng.live(num('x')).subscribe(() => {
      eng.transact((tx) => tx.set(num('y'), 1))
      idles.push(eng.idle())
    })
    eng.settle()
    request.cancel()
    eng.settle()
    expect(idles).toHaveLength(2)
    await Promise.all(idles)
    expect(eng.progress().pending).toEqual([])
  })
})

it('what onError throws is thrown out of the event loop, and the others are told', async () => {
  const uncaught: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  try {
    const eng = engine({
      onError: (error) => {
        throw error
      },
    })
    eng.live(num('x')).subscribe(() => {
      throw new Error('mine')
    })
    const seen: unknown[] = []
    eng.live(num('y')).subscribe((notice) => seen.push(notice._tag))
    eng.settle()
    expect(seen).toEqual(['error'])
    await new Promise(setImmediate)
    expect(uncaught).toEqual([new Error('mine')])
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other)
  }
})

it('a transaction that closes the engine changes nothing', () => {
  const eng = engine()
  const closing = () =>
    eng.transact((tx) => {
      tx.set(num('x'), 1)
      eng.close()
    })
  expect(closing).toThrow(new Misuse('transact: the engine is closed: create another'))
  expect(eng.version).toBe(0)
})

describe('a watch that throws', () => {
  it('is told of, and everyone is answered all the same', () => {
    const thrown: unknown[] = []
    const deaf = source('deaf', {
      key,
      value,
      read: () => 1,
      watch: () => {
        throw new Error('no watches left')
      },
    })
    const eng = engine({ rules: [deaf], onError: (error) => thrown.push(error) })
    const live = eng.live(deaf('x'))
    eng.settle()
    expect(thrown).toEqual([new Error('no watches left')])
    expect(live.now).toMatchObject({ value: 1 })
    live.cancel()
    eng.settle()
  })
})

it('a watch that returns no end is told of', async () => {
  const thrown: unknown[] = []
  const followed = source('followed', { key, value, read: () => 1, watch: async () => () => {} } as never)
  const eng = engine({ rules: [followed], onError: (error) => thrown.push(error) })
  const live = eng.live(followed('x') as Key<number>)
  await eng.idle()
  expect(live.now).toMatchObject({ value: 1 })
  await eng.close()
  expect(thrown).toEqual([new Misuse('watch: followed("x"): it must return a function that ends it, got a Promise')])
})

it('a watch that cannot be ended is told of, and the others are ended', async () => {
  const thrown: unknown[] = []
  const ended: string[] = []
  const ends: Readonly<Record<string, () => void | PromiseLike<void>>> = {
    throws: () => {
      throw new Error('now')
    },
    rejects: () => Promise.reject(new Error('later')),
    none: wrong(undefined),
    good: () => void ended.push('good'),
  }
  const followed = source('followed', { key, value, read: () => 1, watch: (k) => ends[k]! })
  for (const isCancelled of [true, false]) {
    const eng = engine({ rules: [followed], onError: (error) => thrown.push((error as Error).message) })
    const lives = Object.keys(ends).map((k) => eng.live(followed(k)))
    await eng.idle()
    if (isCancelled) for (const live of lives) live.cancel()
    await eng.idle()
    await eng.close()
  }
  expect(ended).toEqual(['good', 'good'])
  expect(thrown).toEqual(['now', 'later', 'now', 'later'])
})

it('no watch is left by one that closes the engine', async () => {
  const log: string[] = []
  let eng: BuildEngine | undefined
  const followed = source('followed', {
    key,
    value,
    read: () => 1,
    watch: (k) => {
      log.push(`${k} begins`)
      if (k === 'y') eng!.close()
      return () => void log.push(`${k} ends`)
    },
  })
  eng = engine({ rules: [followed] })
  for (const k of ['x', 'y', 'z']) eng.live(followed(k))
  eng.settle()
  await eng.close()
  expect(log).toEqual(['x begins', 'y begins', 'x ends', 'y ends'])
})

it('is closed once, by whoever is told of how it ends, too', async () => {
  const log: string[] = []
  const closings: Promise<void>[] = []
  const followed = source('followed', {
    key,
    value,
    read: () => 1,
    watch: (k) => () => {
      log.push(`${k} ends`)
      throw new Error(k)
    },
  })
  const eng = engine({
    rules: [followed],
    onError: (error) => {
      log.push((error as Error).message)
      closings.push(eng.close().then(() => void log.push('closed')))
    },
  })
  for (const k of ['x', 'y']) eng.live(followed(k))
  eng.settle()
  const closed = eng.close()
  expect(log).toEqual(['x ends', 'x', 'y ends', 'y'])
  await Promise.all([closed, ...closings])
  expect(log.slice(4)).toEqual(['closed', 'closed'])
})

describe('what was handed over', () => {
  it('cannot be changed behind the engine: a value that was set', () => {
    const eng = engine()
    const mine = [1]
    eng.transact((tx) => tx.set(list('x'), mine))
    expect(() => mine.push(2)).toThrow(TypeError)
  })

  it('is none of it taken where a value that cannot be frozen is spoilt in its transaction', () => {
    const date = C.map(
      C.string,
      'date',
      (text) => new Date(text),
      (of) => of.toISOString(),
    )
    const day = source('day', { key: C.string, value: C.array(date) })
    // What leads back to itself has an end all the same.
    interface Ring {
      next?: Ring
    }
    const ring = C.map<string, Ring>(
      C.string,
      'ring',
      () => ({}),
      () => 'ring',
    )
    const round = source('round', { key: C.string, value: ring })
    const eng = engine({ rules: [day, round], record: true })
    const request = eng.live(num('x'))
    eng.transact((tx) => {
      const around: Ring = {}
      around.next = around
      tx.set(round('x'), around)
      tx.set(num('x'), 1)
    })
    eng.settle()
    const change = () =>
      eng.transact((tx) => {
        tx.set(num('x'), 2)
        const mine = new Date(0)
        tx.set(day('x'), [mine])
        mine.setTime(Number.NaN)
      })
    expect(change).toThrow(new Misuse('set: day("x"): Invalid time value'))
    eng.transact((tx) => tx.touch(num('x')))
    eng.settle()
    expect([eng.version, request.now]).toMatchObject([2, { value: 1 }])
  })

  it('cannot be changed behind the engine: a key', () => {
    const area = rule('area', { key: C.array(C.int), value }, (sides) => sides.reduce((x, y) => x * y, 1))
    const eng = engine({ rules: [area] })
    const sides = [2, 3]
    eng.once(area(sides))
    expect(() => sides.push(4)).toThrow(TypeError)
  })

  it.each([
    ['bytes', C.bytes, () => new Uint8Array([1]), (bytes: Uint8Array) => bytes.fill(2)],
    ['bytes within', C.array(C.bytes), () => [new Uint8Array([1])], ([bytes]: Uint8Array[]) => bytes!.fill(2)],
    [
      'a set',
      C.map(
        C.array(C.int),
        'set',
        (all) => new Set(all),
        (set) => [...set],
      ),
      () => new Set([1]),
      (set: Set<number>) => set.add(2),
    ],
    [
      'a place',
      C.map(
        C.string,
        'url',
        (text) => new URL(text),
        (url) => url.href,
      ),
      () => new URL('file:///one'),
      (url: URL) => {
        url.pathname = '/two'
      },
    ],
  ] as const)('cannot be changed behind the engine: a key that cannot be frozen, %s', (_, keys, one, change) => {
    const codec = keys as Codec<unknown>
    const shown = rule('shown', { key: codec, value: C.json }, (k) => codec.encode(k))
    const eng = engine({ rules: [shown] })
    const mine = one()
    const request = eng.once(shown(mine))
    ;(change as (key: unknown) => void)(mine)
    eng.settle()
    expect(request.now).toMatchObject({ right: codec.encode(one()) })
    expect(request.key.key).toEqual(one())
    eng.gc()
    // Whoever comes next may be given the id.
    eng.once(num('y'))
    const again = eng.once(shown(one()))
    eng.settle()
    expect(again.now).toMatchObject({ right: codec.encode(one()) })
  })

  it('cannot be changed behind the engine: a key that cannot be frozen, by the rule', () => {
    let runs = 0
    const first = rule('first', { key: C.bytes, value: C.int }, (bytes) => {
      runs++
      const was = bytes[0]!
      bytes.fill(7)
      return was
    })
    const eng = engine({ rules: [first] })
    const seven = eng.live(first(new Uint8Array([7])))
    eng.once(first(new Uint8Array([1])))
    eng.settle()
    eng.gc()
    const again = eng.once(first(new Uint8Array([7])))
    eng.settle()
    expect([seven.now, again.now]).toMatchObject([{ value: 7 }, { right: 7 }])
    expect(runs).toBe(2)
  })

  it('cannot be changed behind the engine: a key that cannot be frozen, within a transaction', () => {
    const at = source('at', { key: C.bytes, value: C.int })
    const eng = engine({ rules: [at] })
    const bytes = new Uint8Array(1)
    eng.transact((tx) => {
      for (let i = 1; i <= 3; i++) {
        bytes[0] = i
        tx.set(at(bytes), i)
      }
    })
    const found = [1, 2, 3].map((i) => eng.once(at(new Uint8Array([i]))))
    eng.settle()
    expect(found.map(({ now }) => now)).toMatchObject([{ right: 1 }, { right: 2 }, { right: 3 }])
  })

  it('is frozen, as far as it can be: a key of bytes and more', async () => {
    const keys = C.struct({ name: C.string, bytes: C.bytes })
    const bad = rule('bad', { key: keys, value }, (k) => {
      ;(k as { name: string }).name = 'other'
      return 1
    })
    const request = engine({ rules: [bad], drive: { per: 'fixpoint' } }).once(
      bad({ name: 'x', bytes: new Uint8Array(1) }),
    )
    await expect(request.promise).rejects.toThrow('values are frozen: copy what you change')
  })

  it('is no key where its codec does not give it back, each time anew', () => {
    const odd = C.map(
      C.string,
      'odd',
      (): Date => {
        throw new Error('not back')
      },
      (date) => date.toISOString(),
    )
    const on = rule('on', { key: odd, value }, () => 1)
    const eng = engine({ rules: [on] })
    for (const _ of [1, 2])
      expect(() => eng.once(on(new Date(0)))).toThrow(new Misuse('once: on has no such key: not back'))
    eng.settle()
  })

  it('cannot be changed behind the engine: what is in a value that was frozen, and that not', async () => {
    const shallow = rule(
      'shallow',
      { key, value: C.array(C.array(C.int)) },
      () => Object.freeze([[1], [2]]) as number[][],
    )
    const greedy = rule('greedy', { key, value }, function* (k, b) {
      const found = yield* b.need(shallow('all'))
      ;(found[0] as number[]).push(k.length)
      return found[0]!.length
    })
    const eng = engine({ rules: [shallow, greedy] })
    const request = eng.once(greedy('x'))
    await eng.idle()
    expect(request.now).toMatchObject({ left: { _tag: 'threw' } })
    const other = eng.once(shallow('all'))
    await eng.idle()
    expect(other.now).toMatchObject({ right: [[1], [2]] })
  })

  it('is walked through once where it is in many values', () => {
    let looks = 0
    const shared = Object.defineProperty([[1]], 0, { enumerable: true, get: () => [looks++] })
    for (let i = 0; i < 10; i++) freezeDeep({ i, shared })
    expect(looks).toBe(1)
  })

  it('stays as it is without freeze', () => {
    const eng = engine({ freeze: false })
    const mine = [1]
    eng.transact((tx) => tx.set(list('x'), mine))
    expect(() => mine.push(2)).not.toThrow()
  })
})
