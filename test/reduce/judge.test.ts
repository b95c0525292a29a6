import { describe, expect, it } from 'vitest'
import { oracle, Play, type Rule, type World } from '../support/world.js'

const world = (rules: Record<number, Rule>, files: Record<number, number>): World => ({
  rules: new Map(Object.entries(rules).map(([id, rule]) => [Number(id), rule])),
  files: new Map(Object.entries(files).map(([id, value]) => [Number(id), value])),
})
const sum = (...asks: number[][]): Rule => ({ asks, output: 'sum' })

describe('a dependency that broke', () => {
  it('and was made good with its old result still makes a dependent that went on without it', () => {
    const w = world(
      { 11: { asks: [[12]], output: 'sum', tolerant: true }, 12: { asks: [[1]], output: 'parity', failsAt: 0 } },
      { 1: 1 },
    )
    const play = new Play(w)
    for (const [source, value] of [
      [1, 1],
      [4, 8],
      [1, 1],
    ] as const) {
      w.files.set(1, source)
      play.build([11])
      expect(w.files.get(11)).toBe(value === 8 ? 8 : 1 + w.files.get(12)!)
    }
  })
  it('when it was forced is known to be so where the watcher is trusted', () => {
    const w = world({ 11: sum([12]), 12: { asks: [], output: 'sum', always: false, peeks: 7, failsAt: 0 } }, { 7: 1 })
    const play = new Play(w)
    expect(play.build([11])).toBe(true)
    w.files.set(7, 4)
    expect(play.build([12], 'force')).toBe(false)
    expect(play.build([11], 'ifchange', { trust: true })).toBe(false)
  })
  it('when its process was ended is made by the next who wants it, where the watcher is trusted too', () => {
    const w = world({ 11: sum([12]), 12: sum([1]) }, { 1: 1 })
    const play = new Play(w)
    play.build([11])
    const forced = play.request([12], 'force')
    play.engine.settleAll()
    play.cancel(forced)
    play.finish()
    play.runs.length = 0
    expect(play.build([11], 'ifchange', { trust: true })).toBe(true)
    expect(play.runs).toEqual([12])
  })
  it('between two times that it was asked for makes the dependent again once it is good', () => {
    const w = world({ 10: { asks: [[3]], output: 'sum', tolerant: true, script: 3 } }, { 3: 0 })
    const play = new Play(w)
    play.request([10])
    play.engine.settleAll()
    // There is no rule for 3: to build over it breaks it until somebody looks again.
    play.request([3], 'overwrite')
    play.finish()
    expect(w.files.get(10)).toBe(8)
    expect(play.build([10])).toBe(true)
    expect(w.files.get(10)).toBe(1)
  })
})

describe('a dependency that is forced', () => {
  it('is waited for by who asks, where the watcher is trusted, for what was being made and had seen it', () => {
    const w = world({ 10: sum([11]), 11: sum([12], [1]), 12: { asks: [], output: 'sum', peeks: 7 } }, { 1: 1, 7: 1 })
    const play = new Play(w)
    play.build([10])
    w.files.set(1, 2)
    play.request([11])
    play.engine.settleAll()
    while (play.processes.get(11)?.steps[0] !== 'ended') {
      play.go(() => 0)
      play.engine.settleAll()
    }
    w.files.set(7, 2)
    play.request([12], 'force', { trust: true })
    play.engine.settleAll()
    while (play.processes.has(11)) {
      play.go(() => 0)
      play.engine.settleAll()
    }
    expect([...play.processes.keys()]).toEqual([12])
    const asked = play.request([10], 'ifchange', { trust: true })
    play.finish()
    expect(play.answers.get(asked)).toBe(true)
    expect(w.files.get(10)).toBe(oracle(w, 10))
  })
  it('costs its dependents no run where it comes out the same', () => {
    const w = world({ 10: sum([11]), 11: sum([12]), 12: sum([1]) }, { 1: 1 })
    const play = new Play(w)
    play.build([10])
    play.runs.length = 0
    expect(play.build([12, 10], 'force', { trust: true })).toBe(true)
    expect(play.build([10], 'ifchange', { trust: true })).toBe(true)
    expect(play.runs).toEqual([10, 12])
  })
})
