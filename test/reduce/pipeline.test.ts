import { describe, expect, it } from 'vitest'
import { emptyState } from '../../src/model/state.js'
import { objectAt } from '../../src/model/table.js'
import { Play, type Rule, type World } from '../support/world.js'

const world = (rules: Record<number, Rule>, files: Record<number, number>): World => ({
  rules: new Map(Object.entries(rules).map(([id, rule]) => [Number(id), rule])),
  files: new Map(Object.entries(files).map(([id, value]) => [Number(id), value])),
})
const sum = (...asks: number[][]): Rule => ({ asks, output: 'sum' })

describe('demand, scan, run, respond', () => {
  it('builds a chain from its source up and answers once', () => {
    const play = new Play(world({ 1: sum([2]), 2: sum([3]) }, { 3: 10 }))
    expect(play.build([1])).toBe(true)
    expect(play.runs).toEqual([1, 2])
    expect(play.engine.state.inFlight).toBe(0)
  })
  it('scans everything once, dependencies first, and runs nothing when nothing changed', () => {
    const play = new Play(world({ 1: sum([2, 3]), 2: sum([4]), 3: sum([4]) }, { 4: 10 }))
    play.build([1])
    play.runs.length = 0
    play.scans.length = 0
    expect(play.build([1])).toBe(true)
    expect(play.runs).toEqual([])
    expect(play.scans.toSorted()).toEqual([1, 2, 3, 4])
    expect(play.scans.indexOf(4)).toBe(0)
    expect(play.scans.indexOf(1)).toBe(3)
  })
  it('runs only what depends on a changed source, and stops at an equal result', () => {
    const w = world({ 1: sum([2], [3]), 2: { asks: [[4]], output: 'parity' }, 3: sum([5]) }, { 4: 10, 5: 1 })
    const play = new Play(w)
    play.build([1])
    play.runs.length = 0
    w.files.set(4, 12)
    play.build([1])
    expect(play.runs).toEqual([2])
    w.files.set(4, 13)
    play.build([1])
    expect(play.runs).toEqual([2, 2, 1])
  })
  it('does not run a dependency of a later group when an earlier one changed', () => {
    const w = world({ 1: { asks: [[2]], ifOdd: [3], output: 'sum' }, 3: sum([4]) }, { 2: 2, 4: 1 })
    const play = new Play(w)
    expect(play.build([1])).toBe(true)
    expect(play.runs).toEqual([1, 3])
    w.files.set(2, 3)
    w.files.delete(4)
    play.runs.length = 0
    expect(play.build([1])).toBe(true)
    expect(play.runs).toEqual([1])
  })
  it('reports a cycle instead of waiting for ever', () => {
    const play = new Play(world({ 1: sum([2]), 2: sum([3]), 3: sum([1]) }, {}))
    expect(play.build([1])).toBe(false)
    const errors = [1, 2, 3].map((x) => objectAt(play.engine.state.errors, x))
    expect(errors).toEqual([1, 2, 3].map(() => ({ _tag: 'cycle', path: [1, 2, 3] })))
    expect(play.build([1])).toBe(false)
    expect(play.build([2])).toBe(false)
  })
  it('fails what needs a missing file, and goes on when it is there', () => {
    const w = world({ 1: sum([2]) }, {})
    const play = new Play(w)
    expect(play.build([1])).toBe(false)
    w.files.set(2, 1)
    expect(play.build([1])).toBe(true)
  })
  it('trusts the watcher: looks at nothing that it did not speak of', () => {
    const w = world({ 1: sum([2, 3]), 2: sum([4]), 3: sum([5]) }, { 4: 10, 5: 1 })
    const play = new Play(w)
    play.build([1])
    play.scans.length = 0
    expect(play.build([1], 'ifchange', { trust: true })).toBe(true)
    expect(play.scans).toEqual([])
    w.files.set(4, 11)
    play.engine.dispatch({ _tag: 'changed', builds: [4 as never] })
    play.runs.length = 0
    play.build([1], 'ifchange', { trust: true })
    expect(play.scans.toSorted()).toEqual([1, 2, 4])
    expect(play.runs.toSorted()).toEqual([1, 2])
  })
  it('ends empty: what is cancelled and collected leaves nothing', () => {
    const play = new Play(world({ 1: sum([2]), 2: sum([3]) }, { 3: 10 }))
    const request = play.request([1])
    play.engine.settleAll()
    play.cancel(request)
    play.finish()
    play.engine.dispatch({ _tag: 'collect', keep: 'nothing' })
    play.finish()
    expect(play.engine.state).toEqual(emptyState)
  })
})
