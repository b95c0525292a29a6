import * as E from 'fp-ts/lib/Either.js'
import { expect, it } from 'vitest'
import { codec as C, checkInvariants, createEngine, rule, source } from '../../src/index.js'

const a = source('a', { key: C.string, value: C.int })
const double = rule('double', { key: C.string, value: C.int }, function* (key, b) {
  return (yield* b.need(a(key))) * 2
})
const next = rule('next', { key: C.string, value: C.int }, function* (key, b) {
  return (yield* b.need(double(key))) + 1
})
const both = rule('both', { key: C.string, value: C.int }, function* (key, b) {
  return (yield* b.need(double(key))) + (yield* b.need(a('y')))
})

const filled = () => {
  const eng = createEngine({ rules: [a, double, next, both], drive: 'manual' })
  eng.transact((tx) => {
    tx.set(a('x'), 1)
    tx.set(a('y'), 2)
  })
  const ask = (key: Parameters<typeof eng.once>[0]): unknown => {
    const request = eng.once(key)
    eng.settle()
    checkInvariants(eng.state)
    return request.now
  }
  return { eng, ask }
}

it('a value that was given up, and is found to be the same, is made again for a request', () => {
  const { eng, ask } = filled()
  expect(ask(double('x'))).toEqual(E.right(2))
  eng.wipe()
  eng.transact((tx) => tx.set(a('x'), 1))
  expect(ask(double('x'))).toEqual(E.right(2))
})

it('a value that was given up, and is found to be the same, is made again for a rule', () => {
  const { eng, ask } = filled()
  expect(ask(next('x'))).toEqual(E.right(3))
  eng.wipe()
  eng.transact((tx) => tx.set(a('x'), 1))
  expect(ask(both('x'))).toEqual(E.right(4))
})
