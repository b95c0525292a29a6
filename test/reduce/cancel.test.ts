import { describe, expect, it } from 'vitest'
import { Play, type Rule, type World } from '../support/world.js'

const world = (rules: Record<number, Rule>, files: Record<number, number>): World => ({
  rules: new Map(Object.entries(rules).map(([id, rule]) => [Number(id), rule])),
  files: new Map(Object.entries(files).map(([id, value]) => [Number(id), value])),
})
const sum = (...asks: number[][]): Rule => ({ asks, output: 'sum' })

describe('a cancelled request', () => {
  it('ends what was begun for the do-files that it ends, however deep', () => {
    const play = new Play(world({ 1: sum([2]), 2: sum([3]), 3: sum([4]), 4: sum() }, {}))
    const request = play.request([1])
    play.engine.settleAll()
    while (play.runs.length < 4) {
      play.go(() => 0)
      play.engine.settleAll()
    }
    play.cancel(request)
    play.finish()
    expect([...play.processes.keys()]).toEqual([])
    const built = play.outcomes.flatMap(({ notices }) => notices).filter(({ _tag }) => _tag === 'built')
    expect(built).toEqual([])
  })
  it('ends nothing that another one needs', () => {
    const play = new Play(world({ 1: sum([3]), 2: sum([3]), 3: sum([4]), 4: sum() }, {}))
    const one = play.request([1])
    const two = play.request([2])
    play.engine.settleAll()
    while (play.runs.length < 4) {
      play.go(() => 0)
      play.engine.settleAll()
    }
    play.cancel(one)
    play.finish()
    expect(play.answers.get(two)).toBe(true)
    expect(play.answers.has(one)).toBe(false)
    expect(play.runs.toSorted()).toEqual([1, 2, 3, 4])
  })
})

describe('collecting twice in a turn', () => {
  it('spares what was asked for in between', () => {
    const play = new Play(world({}, { 1: 1 }))
    play.build([1])
    const { engine } = play
    engine.dispatch({ _tag: 'collect', keep: 'nothing' })
    engine.tick()
    const request = play.request([1])
    engine.dispatch({ _tag: 'collect', keep: 'targets' })
    play.finish()
    expect(play.answers.get(request)).toBe(true)
    // Its id stands for the same name still: it is not to be given to another.
    expect(play.outcomes.flatMap(({ forgotten }) => forgotten)).toEqual([])
    engine.dispatch({ _tag: 'collect', keep: 'targets' })
    play.finish()
    expect(play.outcomes.flatMap(({ forgotten }) => forgotten)).toEqual([1])
  })
})
