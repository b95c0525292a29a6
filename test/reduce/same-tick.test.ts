/** Receipts of one tick that cross each other: what one of them gives up, another speaks of. */
import { describe, expect, it } from 'vitest'
import { buildId } from '../../src/model/ids.js'
import { Flight, Status, statusOf } from '../../src/model/state.js'
import { read } from '../../src/model/table.js'
import { Play, type Rule, type World } from '../support/world.js'

const world = (rules: Record<number, Rule>, files: Record<number, number>): World => ({
  rules: new Map(Object.entries(rules).map(([id, rule]) => [Number(id), rule])),
  files: new Map(Object.entries(files).map(([id, value]) => [Number(id), value])),
})
const sum = (...asks: number[][]): Rule => ({ asks, output: 'sum' })

describe('receipts of one tick', () => {
  it('may start a build and fail another whose request then wants neither', () => {
    const play = new Play(world({ 1: sum(), 2: { asks: [], output: 'sum', failsAt: 1 }, 3: sum() }, {}))
    const request = play.request([1, 2, 3], 'ifchange', { jobs: 2, keepGoing: false })
    play.engine.settleAll()
    expect(play.runs).toEqual([1, 2])
    for (const { run } of play.pending.splice(0)) run()
    play.engine.settleAll()
    for (const { run } of play.pending.splice(0)) {
      run()
      play.engine.tick()
    }
    expect(play.runs).toEqual([1, 2, 3])
    play.finish()
    expect(play.answers.get(request)).toBe(false)
    expect(play.build([3])).toBe(true)
  })
  it('may find, while being run, that nobody wants it any more', () => {
    // 2 has no rule: its failure gives 3 up, which is run in the same tick.
    const play = new Play(world({ 3: sum() }, {}))
    expect(play.build([2, 3], 'ifchange', { keepGoing: false })).toBe(false)
    expect(play.runs).toEqual([])
    expect(statusOf(play.engine.state, buildId(3))).toBe(Status.REST)
    expect(read(play.engine.state.flight, 3, Flight.NEW_HEAD)).toBe(0)
    expect(play.build([3])).toBe(true)
  })
  it('may fail all that one request asked for', () => {
    const play = new Play(world({}, {}))
    expect(play.build([1, 2, 3], 'ifchange', { keepGoing: false })).toBe(false)
    expect(play.build([3, 2, 1], 'ifchange', { keepGoing: false })).toBe(false)
  })
  it('may tell of a build that began by itself, in place of one whose result makes another wait for nothing any more', () => {
    const files = world({ 1: sum([10]), 2: sum([10]), 3: sum([10]), 4: sum([1, 2, 3]) }, { 10: 1 })
    const play = new Play(files)
    expect(play.build([4], 'ifchange', { jobs: 2 })).toBe(true)
    files.files.set(10, 2)
    play.engine.dispatch({ _tag: 'changed', builds: [buildId(10)] })
    play.request([4], 'ifchange', { jobs: 2 })
    play.engine.settleAll()
    expect([1, 2, 3].map((x) => statusOf(play.engine.state, buildId(x)))).toEqual([
      Status.RUNNING,
      Status.RUNNING,
      Status.START,
    ])
    // As the spawner tells it: the next one stood by, and was started when the first ended.
    const look = { kind: 1, racy: false, stat0: 9, stat1: 0, content0: 9, content1: 0, content2: 0, content3: 0 }
    play.engine.settle({ _tag: 'done', build: buildId(1), look, virtual: false })
    play.engine.settle({ _tag: 'started', build: buildId(3) })
    expect(() => play.engine.tick()).not.toThrow()
    expect(statusOf(play.engine.state, buildId(3))).toBe(Status.RUNNING)
  })
})
