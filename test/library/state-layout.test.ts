/** Code that reads states is quick as long as all that an engine goes through have one layout: see `state-copy.ts`. */
import { setFlagsFromString } from 'node:v8'
import { afterEach, expect, it } from 'vitest'
import { type Buildable, type BuildEngine, codec, createEngine, policies, rule, source } from '../../src/index.js'
import { emptyState, type State } from '../../src/model/state.js'
import { stateWith } from '../../src/model/state-copy.js'
import { insideOf } from './inside.js'

setFlagsFromString('--allow-natives-syntax')
const haveOneLayout = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean

let eng: BuildEngine | undefined
afterEach(() => eng?.close())

it('a copy of a state has its fields, and the news given', () => {
  const state: State = { ...emptyState, version: 7, news: [{ _tag: 'forgotten', build: 1 as never }] }
  const copy = stateWith(state, [])
  expect(copy).toEqual({ ...state, news: [] })
  expect(Object.keys(copy)).toEqual(Object.keys(emptyState))
})

it.each([['fullBatch'], ['shortestRemaining']] as const)('the states that an engine goes through, by %s', (name) => {
  const leaf = source('leaf', { key: codec.int, value: codec.int })
  const sum: Buildable<number, number> = rule('sum', { key: codec.int, value: codec.int }, function* (i, b) {
    return i === 0 ? yield* b.need(leaf(0)) : (yield* b.need(sum(i - 1))) + (yield* b.need(leaf(i)))
  })
  eng = createEngine({ rules: [leaf, sum], drive: 'manual', policy: policies[name]() })
  const { inner } = insideOf(eng)
  const states: State[] = [inner.state]
  eng.transact((tx) => {
    for (let i = 0; i < 4; i++) tx.set(leaf(i), -1)
  })
  eng.live(sum(3)).subscribe(() => {})
  for (let i = 0; i < 8; i++) {
    eng.transact((tx) => tx.set(leaf(i % 4), i))
    while (inner.tick()) states.push(inner.state)
  }
  expect(states.length).toBeGreaterThan(8)
  expect(states.filter((state) => !haveOneLayout(state, emptyState)).length).toBe(0)
})
