/** Results in a file: what a second engine makes, and does not make, of what the first one left. */
import { cpSync, existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  action,
  type Buildable,
  type BuildEngine,
  codec as C,
  type Codec,
  type CreateOptions,
  checkInvariants,
  createEngine,
  emptyState,
  type Key,
  memoryStore,
  rule,
  type SqliteOptions,
  StoreFailed,
  source,
  sqliteStore,
  type TypeOf,
} from '../../src/index.js'
import { until } from '../support/folder.js'
import { discard, temporary } from '../support/store.js'

let folder: string
let path: string
const open: BuildEngine[] = []
beforeEach(() => {
  folder = temporary()
  path = join(folder, 'builds.sqlite')
})
afterEach(() => {
  for (const eng of open.splice(0)) eng.close()
  discard(folder)
})

// biome-ignore lint/suspicious/noExplicitAny: whatever their types are
type Rules = readonly Buildable<any, any, any>[]
const opened = (rules: Rules, options: Partial<CreateOptions> = {}, store: SqliteOptions = {}): BuildEngine => {
  const eng = createEngine({ rules, drive: 'manual', store: sqliteStore(path, store), ...options })
  checkInvariants(eng.state)
  open.push(eng)
  return eng
}

const ask = <V, F>(eng: BuildEngine, key: Key<V, F>): E.Either<unknown, V> | undefined => {
  const request = eng.once(key)
  eng.settle()
  checkInvariants(eng.state)
  return request.now
}

/** Sources and rules of a small world, and what of them was called. */
const world = ({ version = 1, shift = 0 } = {}) => {
  const log: string[] = []
  const disk = new Map<string, string>([['x', 'one']])
  const set = source('set', { key: C.string, value: C.string })
  const file = source('file', {
    key: C.string,
    value: C.string,
    read: (key) => {
      log.push(`read ${key}`)
      return disk.get(key)
    },
  })
  const length = rule('length', { key: C.string, value: C.int, version }, function* (key, b) {
    log.push(`length ${key}`)
    return (yield* b.need(file(key))).length + shift
  })
  const long = rule('long', { key: C.string, value: C.array(C.string) }, function* (key, b) {
    log.push(`long ${key}`)
    const [n, word] = yield* b.all([length(key), set(key)])
    return Array.from({ length: n }, () => word)
  })
  const shown = rule('shown', { key: C.string, value: C.string }, function* (key, b) {
    log.push(`shown ${key}`)
    return (yield* b.need(long(key))).join(', ')
  })
  const said = (): string[] => log.splice(0).sort()
  return { rules: [set, file, length, long, shown], set, file, length, long, shown, disk, said }
}

describe('opened again', () => {
  it('asking again makes nothing, and reads what is to be read', () => {
    const w = world()
    const first = opened(w.rules)
    first.transact((tx) => tx.set(w.set('x'), 'ä\u{1f600} word'))
    const expected = ask(first, w.shown('x'))
    expect(expected).toEqual(E.right('ä\u{1f600} word, ä\u{1f600} word, ä\u{1f600} word'))
    expect(w.said()).toEqual(['length x', 'long x', 'read x', 'shown x'])
    first.close()

    const second = opened(w.rules)
    expect(ask(second, w.shown('x'))).toEqual(expected)
    expect(ask(second, w.long('x'))).toEqual(E.right(['ä\u{1f600} word', 'ä\u{1f600} word', 'ä\u{1f600} word']))
    expect(ask(second, w.length('x'))).toEqual(E.right(3))
    expect(ask(second, w.set('x'))).toEqual(E.right('ä\u{1f600} word'))
    expect(w.said()).toEqual(['read x'])
  })

  it('a source that changed meanwhile: what stands on it is made again, as far as results differ', () => {
    const w = world()
    const first = opened(w.rules)
    first.transact((tx) => tx.set(w.set('x'), 'a'))
    ask(first, w.shown('x'))
    first.close()
    w.said()
    w.disk.set('x', 'two')
    const second = opened(w.rules)
    expect(ask(second, w.shown('x'))).toEqual(E.right('a, a, a'))
    expect(w.said()).toEqual(['length x', 'read x'])
    second.close()
    w.disk.set('x', 'three')
    const third = opened(w.rules)
    expect(ask(third, w.shown('x'))).toEqual(E.right('a, a, a, a, a'))
    expect(w.said()).toEqual(['length x', 'long x', 'read x', 'shown x'])
  })

  it('versions of transactions go on rising, and what was set keeps its value', () => {
    const w = world()
    const first = opened(w.rules)
    expect(first.transact((tx) => tx.set(w.set('x'), 'a'))).toBe(1)
    expect(first.transact((tx) => tx.set(w.set('y'), 'b'))).toBe(2)
    first.close()
    const second = opened(w.rules)
    expect(second.version).toBe(2)
    expect(ask(second, w.set('y'))).toEqual(E.right('b'))
    expect(second.transact((tx) => tx.remove(w.set('y')))).toBe(3)
    second.close()
    const third = opened(w.rules)
    expect(ask(third, w.set('y'))).toMatchObject({ left: { _tag: 'absent' } })
    expect(ask(third, w.set('x'))).toEqual(E.right('a'))
    const live = third.live(w.set('x'))
    third.settle()
    expect(live.now).toMatchObject({ version: 3, value: 'a' })
  })

  it('what was set and never asked for, or touched to be read again, is known too', () => {
    const w = world()
    const first = opened(w.rules)
    first.transact((tx) => tx.set(w.file('x'), 'set'))
    ask(first, w.length('x'))
    first.transact((tx) => tx.touch(w.file('x')))
    first.close()
    const second = opened(w.rules)
    w.disk.set('x', 'read')
    w.said()
    expect(ask(second, w.length('x'))).toEqual(E.right(4))
    expect(w.said()).toEqual(['length x', 'read x'])
  })

  for (const how of ['set', 'remove'] as const)
    it(`what is ${how} and not asked for before the next start reaches all that stands on it`, () => {
      const w = world()
      const first = opened(w.rules)
      expect(ask(first, w.length('x'))).toEqual(E.right(3))
      first.close()
      const second = opened(w.rules)
      second.transact((tx) => (how === 'set' ? tx.set(w.file('x'), 'longer') : tx.remove(w.file('x'))))
      second.close()
      const third = opened(w.rules)
      if (how === 'set') expect(ask(third, w.length('x'))).toEqual(E.right(6))
      else expect(ask(third, w.length('x'))).toMatchObject({ left: { _tag: 'dependency', cause: { _tag: 'absent' } } })
    })

  it('a touch outlives the engine that it was told', () => {
    const w = world()
    const first = opened(w.rules)
    first.transact((tx) => tx.set(w.set('x'), 'a'))
    ask(first, w.shown('x'))
    first.transact((tx) => tx.touch(w.long('x')))
    first.close()
    w.said()
    expect(ask(opened(w.rules), w.shown('x'))).toEqual(E.right('a, a, a'))
    expect(w.said()).toEqual(['long x', 'read x'])
  })

  it('what had changed, and was not asked for since, is made again', () => {
    const number = source('number', { key: C.string, value: C.int })
    const calls: string[] = []
    const onTopOf = (name: string, below: (key: string) => Key<number>): Buildable<string, number, never> =>
      rule(name, { key: C.string, value: C.int }, function* (key, b) {
        calls.push(name)
        return (yield* b.need(below(key))) + 1
      })
    const low = onTopOf('low', number)
    const high = onTopOf('high', low)
    const top = onTopOf('top', high)
    const rules: Rules = [number, low, high, top]
    const first = opened(rules)
    first.transact((tx) => tx.set(number('x'), 1))
    expect(ask(first, top('x'))).toEqual(E.right(4))
    first.transact((tx) => tx.set(number('x'), 2))
    expect(ask(first, low('x'))).toEqual(E.right(3))
    first.close()
    calls.splice(0)
    expect(ask(opened(rules), top('x'))).toEqual(E.right(5))
    expect(calls).toEqual(['high', 'top'])
  })

  it('a live request does not survive, and a new one is told of what follows', () => {
    const w = world()
    const first = opened(w.rules)
    first.transact((tx) => tx.set(w.set('x'), 'a'))
    first.live(w.shown('x'))
    first.settle()
    first.close()
    w.said()
    const second = opened(w.rules)
    expect(second.progress()).toMatchObject({ lives: [], requests: [], inFlight: 0 })
    const live = second.live(w.shown('x'))
    second.settle()
    expect(live.now).toMatchObject({ version: 1, value: 'a, a, a' })
    second.transact((tx) => tx.set(w.set('x'), 'b'))
    second.settle()
    expect(live.now).toMatchObject({ version: 2, value: 'b, b, b' })
    expect(w.said()).toEqual(['long x', 'read x', 'shown x'])
    live.cancel()
    second.gc()
    expect(second.state).toEqual({ ...emptyState, keep: 1000, ahead: 512 })
    second.close()
    const third = opened(w.rules)
    expect(third.progress().inFlight).toBe(0)
    expect(ask(third, w.set('x'))).toEqual(E.right('b'))
    expect(ask(third, w.length('x'))).toEqual(E.right(3))
    expect(w.said()).toEqual(['length x', 'read x'])
  })

  it('errors are found as they were, with all that they name', () => {
    const calls: string[] = []
    const none = source('none', { key: C.string, value: C.int })
    const big = C.map(
      C.string,
      'bigint',
      (s) => BigInt(s),
      (n: bigint) => String(n),
    )
    const fails = rule('fails', { key: C.string, value: C.int, error: big }, (key, b) => {
      calls.push(`fails ${key}`)
      return b.fail(BigInt(key.length))
    })
    const throws = rule('throws', { key: C.string, value: C.int }, () => {
      calls.push('throws')
      throw new Error('out')
    })
    const first = rule('first', { key: C.string, value: C.int }, function* (key, b) {
      calls.push('first')
      return yield* b.first<Key<number>>([none(key), fails(key), throws(key)])
    })
    const above = rule('above', { key: C.string, value: C.int }, function* (key, b) {
      calls.push('above')
      return yield* b.need(first(key))
    })
    const rules = [none, fails, throws, first, above]
    const a = opened(rules)
    const expected = ask(a, above('abc'))
    expect(expected).toMatchObject({
      left: {
        _tag: 'dependency',
        cause: {
          _tag: 'noneOf',
          tried: [{ _tag: 'absent' }, { _tag: 'failed', error: 3n }, { _tag: 'threw', message: 'out' }],
        },
      },
    })
    a.close()
    calls.splice(0)
    expect(ask(opened(rules), above('abc'))).toEqual(expected)
    expect(calls).toEqual([])
  })

  it('a cycle is found again, and its end', () => {
    const way = source('way', { key: C.string, value: C.string })
    const walk: Buildable<string, string, never> = rule('walk', { key: C.string, value: C.string }, function* (key, b) {
      const next = yield* b.need(way(key))
      return next === '' ? key : yield* b.need(walk(next))
    })
    const first = opened([way, walk])
    first.transact((tx) => {
      tx.set(way('a'), 'b')
      tx.set(way('b'), 'a')
    })
    const expected = ask(first, walk('a'))
    expect(expected).toMatchObject({ left: { _tag: 'cycle' } })
    first.close()
    const second = opened([way, walk])
    expect(ask(second, walk('a'))).toEqual(expected)
    second.transact((tx) => tx.set(way('b'), ''))
    expect(ask(second, walk('a'))).toEqual(E.right('b'))
    second.gc()
    expect(second.state).toEqual({ ...emptyState, keep: 1000, ahead: 512 })
  })

  it('results of actions are kept, also those that nobody was told of', async () => {
    let runs = 0
    const act = action('act', { key: C.int, value: C.bytes, run: async (n) => Uint8Array.of(++runs, n) })
    const first = opened([act], { drive: { per: 'fixpoint' } })
    expect(await first.once(act(7)).promise).toEqual(Uint8Array.of(1, 7))
    first.close()
    const second = opened([act])
    expect(ask(second, act(7))).toEqual(E.right(Uint8Array.of(1, 7)))
    const request = second.once(act(8))
    second.settle()
    await until(() => runs === 2)
    second.close()
    expect(request.now).toMatchObject({ left: { _tag: 'cancelled' } })
    expect(runs).toBe(2)
    const third = opened([act], { drive: { per: 'fixpoint' } })
    expect(await third.once(act(8)).promise).toEqual(Uint8Array.of(2, 8))
    expect(runs).toBe(2)
  })

  it('what is in flight is not stored', () => {
    const never = source('never', { key: C.int, value: C.int, read: () => new Promise<number>(() => {}) })
    const above = rule('above', { key: C.int, value: C.int }, function* (key, b) {
      return yield* b.need(never(key))
    })
    const first = opened([never, above])
    first.once(above(1))
    first.settle()
    first.close()
    expect(opened([never, above]).progress()).toMatchObject({ inFlight: 0, pending: [], requests: [] })
  })

  it('keys and values of every form come back, the largest too', () => {
    const forms = C.struct({ a: C.optional(C.number), b: C.nullable(C.json), c: C.record(C.bytes) })
    let makes = 0
    const any = rule('\u{1f600} ü/\n', { key: forms, value: forms }, (key) => {
      makes++
      return key
    })
    const echo = rule('echo', { key: C.string, value: C.string }, (key) => {
      makes++
      return key
    })
    const big = rule('big', { key: C.int, value: C.string }, (n) => {
      makes++
      return 'é'.repeat(n)
    })
    const keys: readonly TypeOf<typeof forms>[] = [
      { a: Number.NaN, b: null, c: {} },
      { a: -0, b: { z: 1, a: ['\u0000\ud800'] }, c: { __proto__x: Uint8Array.of(0, 255) } },
      { a: undefined, b: '\u{10ffff}', c: {} },
    ]
    const texts = ['', 'a', '\0', 'twelve chars', 'more than twelve chars', 'é', '\ud800', '["a"]', '漢字', '\u{1f600}']
    const rules = [any, echo, big]
    const first = opened(rules)
    for (const key of keys) expect(ask(first, any(key))).toEqual(E.right(key))
    for (const text of texts) expect(ask(first, echo(text))).toEqual(E.right(text))
    expect(ask(first, big(5_000_000))).toEqual(E.right('é'.repeat(5_000_000)))
    first.close()
    makes = 0
    const second = opened(rules)
    for (const key of keys) expect(ask(second, any(key))).toEqual(E.right(key))
    for (const text of texts) expect(ask(second, echo(text))).toEqual(E.right(text))
    expect(ask(second, big(5_000_000))).toEqual(E.right('é'.repeat(5_000_000)))
    expect(makes).toBe(0)
  })

  it('a value that is `undefined` comes back', () => {
    let makes = 0
    const done = rule('done', { key: C.int, value: C.nothing }, () => void makes++)
    const maybe = rule('maybe', { key: C.int, value: C.optional(C.int) }, () => void makes++)
    for (let i = 0; i < 2; i++) {
      const eng = opened([done, maybe])
      expect([ask(eng, done(1)), ask(eng, maybe(1))]).toEqual([E.right(undefined), E.right(undefined)])
      eng.close()
    }
    expect(makes).toBe(2)
  })

  it('a value that fits its codec no more, since it was changed, costs no answer, and is made again', () => {
    const day = C.map(
      C.string,
      'day',
      (text) => new Date(text),
      (date) => date.toISOString(),
    )
    let makes = 0
    const begin = rule('begin', { key: C.int, value: day }, (n) => {
      makes++
      return new Date(n)
    })
    const spoilt = rule('spoilt', { key: C.int, value: C.int }, function* (n, b) {
      return (yield* b.need(begin(n))).setTime(Number.NaN) > 0 ? 1 : n
    })
    const plain = rule('plain', { key: C.int, value: C.string }, (n) => `${n}`.repeat(40))
    const rules = [begin, spoilt, plain]
    const first = opened(rules, { onError: (error) => expect(error).toBeUndefined() })
    expect(ask(first, spoilt(7))).toEqual(E.right(7))
    expect(ask(first, plain(7))).toEqual(E.right('7'.repeat(40)))
    first.close()
    const second = opened(rules)
    expect(ask(second, spoilt(7))).toEqual(E.right(7))
    expect(makes).toBe(1)
    expect(ask(second, begin(7))).toEqual(E.right(new Date(7)))
    expect(makes).toBe(2)
  })

  it('values are frozen, as made ones are', () => {
    const list = rule('list', { key: C.int, value: C.array(C.int) }, (n) => [n, n])
    const first = opened([list])
    ask(first, list(1))
    first.close()
    const answer = ask(opened([list]), list(1)) as E.Right<number[]>
    expect(answer.right).toEqual([1, 1])
    expect(Object.isFrozen(answer.right)).toBe(true)
  })

  it('what is forgotten and asked for again in one turn is known as it is then', () => {
    const which = source('which', { key: C.string, value: C.string })
    const text = source('text', { key: C.string, value: C.string })
    const picked = rule('picked', { key: C.string, value: C.string }, function* (key, b) {
      return yield* b.need(text(yield* b.need(which(key))))
    })
    const rules = [which, text, picked]
    const first = opened(rules)
    first.transact((tx) => {
      tx.set(which('x'), 'a')
      tx.set(text('a'), 'same')
      tx.set(text('b'), 'same')
    })
    ask(first, picked('x'))
    // As an engine does by itself, now and then.
    const { inner } = first as unknown as { inner: { dispatch(event: object): void } }
    inner.dispatch({ _tag: 'swept', keep: 0 })
    first.transact((tx) => tx.set(which('x'), 'b'))
    expect(ask(first, picked('x'))).toEqual(E.right('same'))
    first.close()
    const second = opened(rules)
    second.transact((tx) => tx.set(text('b'), 'other'))
    expect(ask(second, picked('x'))).toEqual(E.right('other'))
  })

  it('what was asked for last is not swept away because nobody holds it yet', () => {
    const echo = rule('echo', { key: C.int, value: C.int }, (key) => key)
    let makes = 0
    const sum = rule('sum', { key: C.int, value: C.int }, function* (n, b) {
      makes++
      return (yield* b.all(Array.from({ length: 2000 }, (_, i) => echo(n + i)))).length
    })
    const first = opened([echo, sum])
    ask(first, sum(0))
    first.close()
    const second = opened([echo, sum], { keep: 5 })
    for (let i = 1; i < 4; i++) ask(second, sum(i * 10_000))
    second.gc({ keep: 4 })
    expect(second.state.kept).toHaveLength(4)
    makes = 0
    expect(ask(second, sum(0))).toEqual(E.right(2000))
    expect(makes).toBe(0)
  })
})

it('what is set within a tick, by work that hears that nobody wants it, is committed with all that follows', async () => {
  const set = source('set', { key: C.string, value: C.int })
  const twice = rule('twice', { key: C.string, value: C.int }, function* (name, b) {
    return 2 * (yield* b.need(set(name)))
  })
  const endless = action('endless', {
    key: C.string,
    value: C.int,
    run: (name, { signal }) =>
      new Promise(() => signal.addEventListener('abort', () => first.transact((tx) => tx.set(set(name), 7)))),
  })
  const rules = [set, twice, endless]
  const first = opened(rules)
  first.transact((tx) => tx.set(set('x'), 1))
  expect(ask(first, twice('x'))).toEqual(E.right(2))
  const request = first.once(endless('x'))
  first.settle()
  request.cancel()
  first.tick()
  // Without another turn, as where the process is killed.
  const copy = join(folder, 'copy.sqlite')
  for (const end of ['', '-wal'].filter((end) => existsSync(`${path}${end}`))) cpSync(`${path}${end}`, `${copy}${end}`)
  const second = opened(rules, { store: sqliteStore(copy) })
  expect([ask(second, set('x')), ask(second, twice('x'))]).toEqual([E.right(7), E.right(14)])
})

describe('definitions that are others', () => {
  const filled = (): void => {
    const w = world()
    const eng = opened(w.rules)
    eng.transact((tx) => tx.set(w.set('x'), 'a'))
    ask(eng, w.shown('x'))
    eng.close()
  }

  it('another version: made again, and what saw the result only if it differs', () => {
    filled()
    const same = world({ version: 2 })
    const second = opened(same.rules)
    expect(ask(second, same.shown('x'))).toEqual(E.right('a, a, a'))
    expect(same.said()).toEqual(['length x', 'read x'])
    second.close()
    const other = world({ version: 3, shift: 1 })
    const third = opened(other.rules)
    expect(ask(third, other.shown('x'))).toEqual(E.right('a, a, a, a'))
    expect(other.said()).toEqual(['length x', 'long x', 'read x', 'shown x'])
  })

  it('another version, and closed before it was asked for: still made again', () => {
    filled()
    opened(world({ version: 2 }).rules).close()
    const w = world({ version: 2, shift: 1 })
    expect(ask(opened(w.rules), w.shown('x'))).toEqual(E.right('a, a, a, a'))
    expect(w.said()).toEqual(['length x', 'long x', 'read x', 'shown x'])
  })

  it('a rule that is no longer known, and is known again', () => {
    filled()
    const w = world()
    const plain = rule('shown', { key: C.string, value: C.string }, function* (key, b) {
      return yield* b.need(w.set(key))
    })
    const second = opened([w.set, plain])
    expect(ask(second, plain('x'))).toEqual(E.right('a'))
    second.close()
    const again = world({ shift: 1 })
    const third = opened(again.rules)
    expect(ask(third, again.length('x'))).toEqual(E.right(4))
    expect(ask(third, again.shown('x'))).toEqual(E.right('a'))
    expect(again.said()).toEqual(['length x', 'read x'])
  })

  it('a codec that says the same text of something else: what saw it is made again', () => {
    const of = (unit: string, by: number) => {
      const time = C.map(
        C.int,
        unit,
        (n) => n * by,
        (n: number) => n / by,
      )
      const start = source('start', { key: C.string, value: time })
      const shown = rule('shown', { key: C.string, value: C.string }, function* (key, b) {
        return `${yield* b.need(start(key))} ms`
      })
      return { start, shown, rules: [start, shown] }
    }
    const ms = of('ms', 1)
    const first = opened(ms.rules)
    first.transact((tx) => tx.set(ms.start('x'), 5))
    expect(ask(first, ms.shown('x'))).toEqual(E.right('5 ms'))
    first.close()
    const s = of('s', 1000)
    expect(ask(opened(s.rules), s.shown('x'))).toEqual(E.right('5000 ms'))
  })

  it('a codec within another one that is another: what saw it is made again', () => {
    const rules = <A>(inside: Codec<A>, value: A) => {
      const part = rule('part', { key: C.int, value: C.array(C.struct({ a: inside })) }, () => [{ a: value }])
      const whole = rule('whole', { key: C.int, value: C.string }, function* (n, b) {
        return JSON.stringify(yield* b.need(part(n)))
      })
      return { part, whole }
    }
    const before = rules(C.int, 1)
    const first = opened([before.part, before.whole])
    expect(ask(first, before.whole(1))).toEqual(E.right('[{"a":1}]'))
    first.close()
    const after = rules(C.string, 'one')
    expect(ask(opened([after.part, after.whole]), after.whole(1))).toEqual(E.right('[{"a":"one"}]'))
  })

  it('a source that is read no more: what came of reading it is no more', () => {
    const options = { key: C.int, value: C.int }
    const read = source('s', {
      ...options,
      read: (n) => {
        if (n === 1) throw new Error('cannot be read')
        return n
      },
    })
    const first = opened([read])
    expect([ask(first, read(1)), ask(first, read(2))]).toMatchObject([{ left: { _tag: 'threw' } }, { right: 2 }])
    first.close()
    const set = source('s', options)
    const second = opened([set])
    const absent = { left: { _tag: 'absent' } }
    expect([ask(second, set(1)), ask(second, set(2))]).toMatchObject([absent, absent])
  })

  it('a value that cannot be read any more is made again', () => {
    const of = (decode: (s: string) => string) => {
      const made: string[] = []
      const word = C.map(C.string, 'word', decode, (s: string) => s)
      const low = rule('low', { key: C.string, value: word }, (key) => {
        made.push('low')
        return key.repeat(5)
      })
      const high = rule('high', { key: C.string, value: C.string }, function* (key, b) {
        made.push('high')
        return `${yield* b.need(low(key))}!`
      })
      return { low, high, made, rules: [low, high] }
    }
    const one = of((s) => s)
    const first = opened(one.rules)
    ask(first, one.high('abc'))
    first.close()
    const two = of(() => {
      throw new Error('no word')
    })
    const second = opened(two.rules)
    expect(ask(second, two.high('abc'))).toEqual(E.right('abcabcabcabcabc!'))
    expect(two.made).toEqual([])
    expect(ask(second, two.low('abc'))).toEqual(E.right('abcabcabcabcabc'))
    expect(ask(second, two.high('abc'))).toEqual(E.right('abcabcabcabcabc!'))
    expect(two.made).toEqual(['low'])
  })
})

it('an error that cannot be read any more is made again', () => {
  const of = (decode: (s: string) => string) => {
    let makes = 0
    const why = C.map(C.string, 'why', decode, (s: string) => s)
    const fails = rule('fails', { key: C.string, value: C.int, error: why }, (key, b) => {
      makes++
      return b.fail(key)
    })
    return { fails, makes: () => makes }
  }
  const one = of((s) => s)
  const first = opened([one.fails])
  expect(ask(first, one.fails('x'))).toMatchObject({ left: { _tag: 'failed', error: 'x' } })
  first.close()
  let isKnown = false
  const two = of((s) => {
    if (!isKnown) throw new Error('never')
    return s
  })
  const second = opened([two.fails])
  isKnown = true
  expect(ask(second, two.fails('x'))).toMatchObject({ left: { _tag: 'failed', error: 'x' } })
  expect(two.makes()).toBe(1)
})

describe('the file', () => {
  it('whose last commit is damaged: sources have what they were set to, and the rest follows', () => {
    const w = world()
    const first = opened(w.rules)
    for (const word of ['a', 'b']) {
      first.transact((tx) => tx.set(w.set('x'), word))
      ask(first, w.shown('x'))
    }
    first.close()
    const db = new Database(path)
    db.exec('update journal set record = zeroblob(80) where id = (select max(id) from journal)')
    db.close()
    const damages: unknown[] = []
    const second = opened(w.rules, {}, { onDamage: (damage) => damages.push(damage) })
    expect(damages).toMatchObject([{ kept: 'older' }])
    expect(ask(second, w.shown('x'))).toEqual(E.right('b, b, b'))
  })

  it('is a file, in a folder that is there: else nothing is left behind', () => {
    const at = (place: string) => () => createEngine({ rules: [], store: sqliteStore(place) })
    const before = readdirSync(folder)
    expect(at(folder)).toThrow(StoreFailed)
    expect(at(folder)).toThrow(`${folder}: it is a folder: name a file in it (EISDIR)`)
    expect(existsSync(`${folder}.lock`)).toBe(false)
    const inner = join(folder, 'none')
    expect(at(join(inner, 'x'))).toThrow(StoreFailed)
    expect(at(join(inner, 'x'))).toThrow(`there is no folder ${inner}: make it, or name another file (ENOENT)`)
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(at(join(file, 'x'))).toThrow(`${file} is no folder: name a file in one (ENOTDIR)`)
    rmSync(file)
    const long = join(folder, 'long'.repeat(100))
    expect(at(join(long, 'x'))).toThrow(`${long} cannot be looked at: name another file (ENAMETOOLONG)`)
    expect(readdirSync(folder)).toEqual(before)
  })

  it('is for one engine at a time', () => {
    const w = world()
    const first = opened(w.rules)
    expect(() => opened(w.rules)).toThrow(StoreFailed)
    expect(() => opened(w.rules)).toThrow(`${path}: another engine has it open`)
    first.close()
    opened(w.rules)
  })

  it('is for one engine at a time, by whatever name', () => {
    const w = world()
    opened(w.rules)
    const link = join(folder, 'link.sqlite')
    symlinkSync(path, link)
    expect(() => opened(w.rules, { store: sqliteStore(link) })).toThrow(`${path}: another engine has it open`)
  })

  it('is for one engine at a time, by whatever name, before it is there', () => {
    const w = world()
    const [link, other] = [join(folder, 'link.sqlite'), join(folder, 'other')]
    symlinkSync('builds.sqlite', link)
    symlinkSync(folder, other)
    opened(w.rules, { store: sqliteStore(link) })
    for (const name of [path, join(other, 'builds.sqlite'), join(other, 'link.sqlite')])
      expect(() => opened(w.rules, { store: sqliteStore(name) })).toThrow('another engine has it open')
  })

  it('is where it was when it was named, though the working folder is another', () => {
    const cwd = process.cwd()
    const w = world()
    const told: unknown[] = []
    try {
      process.chdir(folder)
      const eng = opened(w.rules, { store: sqliteStore('builds.sqlite'), onError: (error) => told.push(error) })
      process.chdir(cwd)
      ask(eng, w.length('x'))
      expect(told).toEqual([])
    } finally {
      process.chdir(cwd)
    }
    expect(existsSync(path)).toBe(true)
  })

  it('is refused where it is of a later version, or cannot be made, and the lock is given back', () => {
    const w = world()
    opened(w.rules).close()
    const db = new Database(path)
    db.pragma('user_version = 99')
    db.close()
    for (let i = 0; i < 2; i++) expect(() => opened(w.rules)).toThrow(`${path}: it was written by a later version`)
    path = join(folder, 'no', 'where')
    expect(() => opened(w.rules)).toThrow(path)
  })

  it('is set aside where it is damaged, which is told', () => {
    writeFileSync(path, 'this is no database, and it is long enough to be looked at'.repeat(10))
    const damages: unknown[] = []
    const w = world()
    const eng = opened(w.rules, {}, { onDamage: (damage) => damages.push(damage) })
    expect(damages).toMatchObject([{ _tag: 'damaged', kept: 'nothing', setAside: `${path}.bad-1` }])
    expect(existsSync(`${path}.bad-1`)).toBe(true)
    ask(eng, w.length('x'))
    eng.close()
    w.said()
    expect(ask(opened(w.rules), w.length('x'))).toEqual(E.right(3))
    expect(w.said()).toEqual(['read x'])
  })

  it('with a text that is not what was written: that value is made again', () => {
    const w = world()
    const first = opened(w.rules)
    first.transact((tx) => tx.set(w.set('x'), 'a'))
    ask(first, w.shown('x'))
    first.close()
    const db = new Database(path)
    expect(db.prepare(`update texts set text = '["lie"]'`).run().changes).toBe(1)
    db.close()
    w.said()
    const second = opened(w.rules)
    expect(ask(second, w.long('x'))).toEqual(E.right(['a', 'a', 'a']))
    expect(w.said()).toEqual(['long x', 'read x'])
    second.close()
    expect(ask(opened(w.rules), w.long('x'))).toEqual(E.right(['a', 'a', 'a']))
    expect(w.said()).toEqual(['read x'])
  })

  it('with a text that is no JSON, as a codec made something else: that value is made again', () => {
    let makes = 0
    const holes: typeof C.json = { name: 'holes', encode: (value) => value, decode: (json) => json }
    const bad = rule('bad', { key: C.int, value: holes }, () => {
      makes++
      return new Array(2)
    })
    const above = rule('above', { key: C.int, value: C.int }, function* (n, b) {
      return ((yield* b.need(bad(n))) as unknown[]).length
    })
    const first = opened([bad, above])
    expect(ask(first, above(1))).toEqual(E.right(2))
    first.close()
    const second = opened([bad, above])
    expect(ask(second, above(1))).toEqual(E.right(2))
    expect(makes).toBe(1)
    expect(ask(second, bad(1))).toEqual(E.right(new Array(2)))
    expect(ask(second, above(1))).toEqual(E.right(2))
    expect(makes).toBe(2)
  })

  it('holds nothing of what was swept', () => {
    const w = world()
    const eng = opened(w.rules)
    eng.transact((tx) => tx.set(w.set('x'), 'a'))
    ask(eng, w.shown('x'))
    eng.gc()
    eng.close()
    const second = opened(w.rules)
    expect(second.state).toEqual({ ...emptyState, keep: 1000, ahead: 512 })
    second.close()
    const db = new Database(path)
    expect(db.prepare('select count(*) from texts').pluck().get()).toBe(0)
    db.close()
  })

  it('that cannot be written: answers come all the same, and the next commit makes up for it', () => {
    const errors: unknown[] = []
    const w = world()
    const eng = opened(w.rules, { onError: (error) => errors.push(error) })
    const other = new Database(path)
    other.exec('begin immediate')
    eng.transact((tx) => tx.set(w.set('x'), 'a'))
    expect(ask(eng, w.shown('x'))).toEqual(E.right('a, a, a'))
    expect(errors).toMatchObject([{ name: 'StoreFailed', reason: { _tag: 'io', code: 'SQLITE_BUSY', path } }])
    other.exec('rollback')
    other.close()
    eng.close()
    w.said()
    expect(ask(opened(w.rules), w.shown('x'))).toEqual(E.right('a, a, a'))
    expect(w.said()).toEqual(['read x'])
    expect(errors).toHaveLength(1)
  })

  it('that is taken away: an error names it', () => {
    const errors: unknown[] = []
    const w = world()
    const eng = opened(w.rules, { onError: (error) => errors.push(error) })
    discard(path)
    expect(ask(eng, w.length('x'))).toEqual(E.right(3))
    expect(errors).toMatchObject([{ reason: { _tag: 'gone', path } }])
  })

  it('a memory store keeps nothing, and writes nothing', () => {
    const w = world()
    const first = createEngine({ rules: w.rules, drive: 'manual', store: memoryStore() })
    ask(first, w.length('x'))
    first.close()
    const second = createEngine({ rules: w.rules, drive: 'manual' })
    ask(second, w.length('x'))
    expect(w.said()).toEqual(['length x', 'length x', 'read x', 'read x'])
    expect(readdirSync(folder)).toEqual([])
    second.close()
  })
})
