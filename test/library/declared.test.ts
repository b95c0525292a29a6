/** What rules of declared needs are asked: the same of who knows what they declared before, and of who does not. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Buildable, codec as C, createEngine, type Key, rule, source, sqliteStore } from '../../src/index.js'
import { discard, temporary } from '../support/store.js'

const n = source('n', { key: C.int, value: C.int })

/** Counts how often each key is asked what it needs. */
const counting = (deps: (k: number) => readonly Key<number>[]) => {
  const asked: number[] = []
  const sum = rule.static('sum', {
    key: C.int,
    value: C.int,
    deps: (k) => {
      asked.push(k)
      return deps(k)
    },
    make: (values) => values.reduce((a, b) => 10 * a + b, 0),
  })
  const eng = createEngine({ rules: [n, sum], drive: 'manual' })
  const set = (k: number, value: number): void => {
    eng.transact((tx) => tx.set(n(k), value))
    eng.settle()
  }
  /** The value that is told of last; undefined: it is broken. */
  const follow = (k: number) => {
    const told = { value: undefined as number | undefined, cancel: () => live.cancel() }
    const live = eng.live(sum(k))
    live.subscribe((notice) => {
      told.value = notice._tag === 'value' ? notice.value : undefined
    })
    eng.settle()
    return told
  }
  return { eng, sum, follow, asked, set }
}

it('a plain list is asked for once, however often what is in it changes', () => {
  const { follow, asked, set } = counting((k) => [n(k), n(k + 1)])
  set(1, 1)
  set(2, 2)
  const live = follow(1)
  expect(live.value).toBe(12)
  set(2, 3)
  set(1, 4)
  expect(live.value).toBe(43)
  expect(asked).toEqual([1])
})

it('is asked for again where an id is given to another key', () => {
  const { eng, follow, asked, set } = counting((k) => (k === 1 ? [n(1), n(2)] : [n(2), n(3)]))
  for (const k of [1, 2, 3]) set(k, k)
  for (const k of [1, 2, 1]) {
    const live = follow(k)
    expect(live.value).toBe(k === 1 ? 12 : 23)
    set(2, 9)
    expect(live.value).toBe(k === 1 ? 19 : 93)
    set(2, 2)
    live.cancel()
    eng.settle()
    eng.gc({ keep: 0 })
  }
  expect(asked).toEqual([1, 2, 1])
})

it('where a key is there twice, or none is there, the values are as many as were asked for', () => {
  const { follow, set } = counting((k) => (k === 0 ? [] : [n(1), n(1), n(2)]))
  set(1, 1)
  set(2, 2)
  const [live, empty] = [follow(1), follow(0)]
  expect([live.value, empty.value]).toEqual([112, 0])
  set(1, 3)
  expect([live.value, empty.value]).toEqual([332, 0])
})

it('more than can be counted, and what broke before, are right as well', () => {
  const { eng, follow, set } = counting((k) => Array.from({ length: k }, (_, i) => n(i)))
  for (let i = 0; i < 300; i++) set(i, 0)
  const [many, few] = [follow(300), follow(3)]
  set(2, 7)
  expect(few.value).toBe(7)
  eng.transact((tx) => tx.remove(n(1)))
  eng.settle()
  expect([few.value, many.value]).toEqual([undefined, undefined])
  set(1, 5)
  expect(few.value).toBe(57)
  set(2, 0)
  for (let i = 0; i < 299; i++) set(i, 0)
  set(299, 3)
  expect(many.value).toBe(3)
})

it('may be a record with fields of any name', async () => {
  const pair = rule.static('pair', {
    key: C.int,
    value: C.int,
    deps: (k) => ({ of: n(k), key: n(k + 1) }),
    make: ({ of, key }) => 10 * of + key,
  })
  const eng = createEngine({ rules: [n, pair] })
  eng.transact((tx) => {
    tx.set(n(1), 1)
    tx.set(n(2), 2)
  })
  expect(await eng.once(pair(1)).promise).toBe(12)
  await eng.close()
})

it('is asked for again where it was touched', () => {
  const { eng, sum, follow, asked, set } = counting((k) => [n(k), n(k + 1)])
  set(1, 1)
  set(2, 2)
  const live = follow(1)
  eng.transact((tx) => tx.touch(sum(1)))
  eng.settle()
  expect(live.value).toBe(12)
  expect(asked).toEqual([1, 1])
})

describe('what is made together', () => {
  const many = (deps: (k: number) => readonly Key<number>[], version = 1) =>
    rule.batch('many', {
      key: C.int,
      value: C.json,
      version,
      deps,
      make: (units) => units.map((unit) => [...unit.deps]),
    })

  it('is asked once for what it needs', async () => {
    let asked = 0
    const once = many(() => {
      if (asked++ > 0) throw new Error('asked again')
      return [n(1)]
    })
    const eng = createEngine({ rules: [n, once] })
    eng.transact((tx) => tx.set(n(1), 1))
    await eng.once(n(1)).promise
    expect(await eng.once(once(1)).promise).toEqual([1])
    await eng.close()
  })

  it('gets what it needs now, not as many others that it needed before', async () => {
    const folder = temporary()
    const open = (rules: readonly Buildable<number, unknown>[]) =>
      createEngine({ rules: [n, ...rules], store: sqliteStore(join(folder, 'builds.sqlite')) })
    const old = many(() => [n(1), n(2)])
    const first = open([old])
    first.transact((tx) => [1, 2, 3, 4].forEach((k) => void tx.set(n(k), k)))
    expect(await first.once(old(0)).promise).toEqual([1, 2])
    for (const k of [3, 4]) await first.once(n(k)).promise
    await first.close()
    const next = many(() => [n(3), n(4)], 2)
    const second = open([next])
    for (const k of [3, 4]) await second.once(n(k)).promise
    expect(await second.once(next(0)).promise).toEqual([3, 4])
    await second.close()
    discard(folder)
  })
})
