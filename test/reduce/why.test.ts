import { describe, expect, it } from 'vitest'
import { buildId } from '../../src/model/ids.js'
import { emptyState, Fact, Kind, type State } from '../../src/model/state.js'
import { read } from '../../src/model/table.js'
import { isAboutBuild, isSameIn, packWhy, Reason, reasonIn, subjectIn, WHY_SAME } from '../../src/model/why.js'
import { noteTouch } from '../../src/reduce/why.js'
import { Work } from '../../src/reduce/work.js'
import { Play, type Rule, type World } from '../support/world.js'

const worldOf = (rules: Readonly<Record<number, Rule>>, files: Readonly<Record<number, number>>): World => ({
  rules: new Map(Object.entries(rules).map(([x, rule]) => [Number(x), rule])),
  files: new Map(Object.entries(files).map(([x, value]) => [Number(x), value])),
})
const whyOf = (state: State, x: number): readonly [reason: number, subject: number] => {
  const word = read(state.facts, x, Fact.WHY)
  return [reasonIn(word), subjectIn(word)]
}

describe('the word', () => {
  it('holds a reason, a subject and a bit, and drops a subject that is too large for it', () => {
    const largest = (1 << 26) - 1
    for (const subject of [0, 1, 77, largest]) {
      const word = packWhy(Reason.EDITED, subject) | WHY_SAME | 0
      expect([reasonIn(word), subjectIn(word), isSameIn(word)]).toEqual([Reason.EDITED, subject, true])
    }
    expect(subjectIn(packWhy(Reason.CHANGED, largest + 1))).toBe(0)
  })
})

describe('a build', () => {
  it('speaks of the first dependency in order that was another, whatever was known first', () => {
    const world = worldOf(
      {
        10: { asks: [[11], [12], [1]], output: 'sum' },
        11: { asks: [[2]], output: 'sum' },
        12: { asks: [[3]], output: 'sum' },
      },
      { 1: 1, 2: 2, 3: 3 },
    )
    const play = new Play(world)
    play.build([10])
    // The source is known to be another before anything is made; what was asked for before it is found to be, once it is made.
    for (const x of [1, 2, 3]) world.files.set(x, 10 + x)
    play.build([10])
    expect(whyOf(play.engine.state, 10)).toEqual([Reason.CHANGED, 11])
    world.files.set(1, 20)
    world.files.set(3, 20)
    play.build([10])
    expect(whyOf(play.engine.state, 10)).toEqual([Reason.CHANGED, 12])
  })

  it('speaks of nobody who was forgotten', () => {
    const world = worldOf({ 10: { asks: [], ifOdd: [2], peeks: 7, output: 'sum' } }, { 2: 2, 7: 0 })
    const play = new Play(world)
    play.build([10])
    world.files.set(2, 3)
    world.files.set(7, 1)
    play.build([10])
    expect(whyOf(play.engine.state, 10)).toEqual([Reason.CHANGED, 2])
    play.engine.dispatch({ _tag: 'collect', keep: 'targets' })
    play.finish()
    expect(read(play.engine.state.facts, 2, Fact.FLAGS)).toBe(0)
    expect(whyOf(play.engine.state, 10)).toEqual([Reason.CHANGED, 0])
  })
})

describe('what it was made for in any case', () => {
  it('is told with a dependency only where this run asked for it again: what is known of others is chance', () => {
    const rule = { asks: [[1]], ifOdd: [2], always: true, peeks: 7, output: 'sum' } as const
    const world = worldOf({ 10: rule as unknown as Rule }, { 1: 1, 2: 2, 7: 1 })
    const play = new Play(world)
    play.build([10])
    world.files.set(2, 3)
    world.files.set(7, 0)
    play.build([10])
    expect(whyOf(play.engine.state, 10)).toEqual([Reason.ALWAYS, 0])
    world.files.set(1, 2)
    play.build([10])
    expect(whyOf(play.engine.state, 10)).toEqual([Reason.ALWAYS, 1])
  })
})

describe('a source', () => {
  it('keeps how and when it last changed', () => {
    const world = worldOf({ 10: { asks: [[1]], output: 'sum' } }, { 1: 1 })
    const play = new Play(world)
    const known = (): readonly number[] => [
      ...whyOf(play.engine.state, 1),
      read(play.engine.state.facts, 1, Fact.BUILT),
    ]
    play.build([10])
    expect(known()).toEqual([Reason.SEEN, 0, 1])
    world.files.set(1, 2)
    play.build([10])
    expect(known()).toEqual([Reason.CONTENT, 0, 2])
    world.files.delete(1)
    play.build([10])
    expect(known().slice(0, 2)).toEqual([Reason.WENT, 3])
    // That it was tried to be made again does not make it go again.
    play.build([10])
    expect(known().slice(0, 2)).toEqual([Reason.WENT, 3])
    world.files.set(1, 2)
    play.build([10])
    expect(known()).toEqual([Reason.CAME, 0, 5])
    expect(whyOf(play.engine.state, 10)).toEqual([Reason.FAILED, 1])
    expect(read(play.engine.state.facts, buildId(10), Fact.BUILT)).toBe(5)
  })
})

describe('a source', () => {
  it('that was tried to be made, and is touched then, speaks of the generation of that as such, not as of a build', () => {
    const w = new Work(emptyState)
    w.facts.set(2, Fact.FLAGS, Kind.SOURCE)
    w.facts.set(2, Fact.WHY, packWhy(Reason.FORCED))
    noteTouch(w, 2, 12)
    const word = w.facts.get(2, Fact.WHY)
    expect([isAboutBuild(reasonIn(word)), subjectIn(word)]).toEqual([false, 12])
  })
})
