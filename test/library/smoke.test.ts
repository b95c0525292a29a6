import * as E from 'fp-ts/lib/Either.js'
import { expect, it } from 'vitest'
import { codec as C, checkInvariants, createEngine, emptyState, rule, source } from '../../src/index.js'

const a = source('a', { key: C.string, value: C.int })
const double = rule('double', { key: C.string, value: C.int }, function* (key, b) {
  return (yield* b.need(a(key))) * 2
})
const sum = rule('sum', { key: C.string, value: C.int }, function* (keys, b) {
  const all = yield* b.all(keys.split(' ').map((k) => double(k)))
  return all.reduce((x, y) => x + y, 0)
})

it('works', async () => {
  const eng = createEngine({ rules: [a, double, sum], drive: 'manual' })
  eng.transact((tx) => {
    tx.set(a('x'), 1)
    tx.set(a('y'), 2)
  })
  const r = eng.once(sum('x y'))
  eng.settle()
  checkInvariants(eng.state)
  expect(r.now).toEqual(E.right(6))
  const live = eng.live(sum('x y'))
  const seen: unknown[] = []
  live.subscribe((n) => seen.push(n._tag === 'value' ? [n.version, n.value] : n.error))
  eng.settle()
  eng.transact((tx) => tx.set(a('x'), 10))
  eng.settle()
  checkInvariants(eng.state)
  eng.transact((tx) => tx.remove(a('x')))
  eng.settle()
  checkInvariants(eng.state)
  expect(seen.slice(0, 2)).toEqual([
    [1, 6],
    [2, 24],
  ])
  expect(seen[2]).toMatchObject({ _tag: 'dependency', cause: { _tag: 'dependency', cause: { _tag: 'absent' } } })
  live.cancel()
  eng.gc({ keep: 0 })
  expect(eng.state).toEqual({ ...emptyState, keep: 1000, ahead: 512 })
  await eng.idle()
})
