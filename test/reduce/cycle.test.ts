import { describe, expect, it } from 'vitest'
import { buildId } from '../../src/model/ids.js'
import { objectAt } from '../../src/model/table.js'
import { Play, type Rule, type World } from '../support/world.js'

const world = (rules: Record<number, Rule>, files: Record<number, number>): World => ({
  rules: new Map(Object.entries(rules).map(([id, rule]) => [Number(id), rule])),
  files: new Map(Object.entries(files).map(([id, value]) => [Number(id), value])),
})
const sum = (...asks: number[][]): Rule => ({ asks, output: 'sum' })
const errorOf = (play: Play, x: number): unknown => objectAt(play.engine.state.errors, x)

describe('cycles', () => {
  it('are told again to a do-file that goes on and asks again', () => {
    const play = new Play(world({ 1: { asks: [[2], [2]], output: 'sum', tolerant: true }, 2: sum([1]) }, {}))
    const request = play.request([2])
    play.finish()
    expect(play.answers.get(request)).toBe(false)
  })
  it('are found when what was waited for is looked at again for a later request', () => {
    const w = world({ 10: sum([11]), 11: sum([12]), 12: { asks: [[1]], ifOdd: [11], output: 'sum' } }, { 1: 1 })
    const play = new Play(w)
    const first = play.request([12])
    play.engine.settleAll()
    while (play.processes.get(12)?.steps[0] !== 'end') {
      play.go(() => 0)
      play.engine.settleAll()
    }
    const second = play.request([10])
    play.engine.settleAll()
    // 10 and 11 run up to waiting for 12, which is about to end for the first request.
    while (play.pending.length > 1) {
      play.go((n) => n - 1)
      play.engine.settleAll()
    }
    w.files.set(1, 2)
    play.finish()
    expect(play.answers.get(first)).toBe(true)
    expect(play.answers.get(second)).toBe(false)
    expect(errorOf(play, 11)).toEqual({ _tag: 'cycle', path: [11, 12] })
  })
  it('leave no mark on what was looked at in the same scan and rests', () => {
    const rules = {
      10: { asks: [], output: 'sum', ifOdd: [12] },
      11: { asks: [], output: 'sum', ifcreate: [6], script: 41 },
      12: { asks: [[11]], output: 'sum', tolerant: true },
    } as const
    const play = new Play(world(rules, { 6: 0, 41: 0 }))
    play.build([11, 12, 10])
    expect(play.build([11, 12, 10])).toBe(false)
    expect(play.engine.state.inFlight).toBe(play.engine.state.park.size)
  })
  it('break a do-file too that goes on without an answer, whoever asked first', () => {
    for (const first of [1, 2]) {
      const play = new Play(
        world(
          { 1: { asks: [[2]], output: 'sum', tolerant: true }, 2: { asks: [[1]], output: 'sum', tolerant: true } },
          {},
        ),
      )
      expect(play.build([first])).toBe(false)
      expect([errorOf(play, 1), errorOf(play, 2)]).toEqual([1, 2].map(() => ({ _tag: 'cycle', path: [1, 2] })))
      // What it wrote is its own all the same.
      play.build([1, 2])
      expect(play.outcomes.flatMap(({ notices }) => notices).some(({ _tag }) => _tag === 'modified')).toBe(false)
    }
  })
  it('of a target with itself are found too', () => {
    const play = new Play(world({ 1: sum([1]) }, {}))
    expect(play.build([1])).toBe(false)
    expect(errorOf(play, 1)).toEqual({ _tag: 'cycle', path: [buildId(1)] })
  })
  it('are gone when a do-file does not ask for them any more', () => {
    const w = world({ 1: sum([2]), 2: { asks: [[3]], ifOdd: [1], output: 'sum' } }, { 3: 2 })
    const play = new Play(w)
    expect(play.build([1])).toBe(false)
    w.files.set(3, 3)
    expect(play.build([1])).toBe(true)
    expect(errorOf(play, 1)).toBe(undefined)
  })
})

describe('a cycle through a build that was given up before it began', () => {
  it('does not break its next run', () => {
    // 2 makes the do-file of 1.
    const w = world(
      {
        1: { asks: [], output: 'sum', script: 2 },
        2: sum([3]),
        3: { asks: [[4]], ifOdd: [1], output: 'sum' },
        9: sum([8]),
      },
      { 4: 2 },
    )
    const play = new Play(w)
    const request = play.request([1, 9], 'ifchange', { keepGoing: false })
    play.engine.settleAll()
    while (play.engine.state.cycles.size === 0) {
      play.go((n) => n - 1)
      play.engine.settleAll()
    }
    w.files.set(4, 3)
    play.finish()
    expect(play.answers.get(request)).toBe(false)
    expect(play.engine.state.cycles.size).toBe(0)
    expect(play.build([1])).toBe(true)
  })
})
