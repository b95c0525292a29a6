/** What the transitions promise one by one, where no property says it. */
import { describe, expect, it } from 'vitest'
import type { Want } from '../../src/model/event.js'
import { buildId } from '../../src/model/ids.js'
import { Flag, Flight, hasFlag, Kind, kindOf, Status, statusOf } from '../../src/model/state.js'
import { read } from '../../src/model/table.js'
import { Play, type Rule, type World } from '../support/world.js'

const world = (rules: Record<number, Rule>, files: Record<number, number>): World => ({
  rules: new Map(Object.entries(rules).map(([id, rule]) => [Number(id), rule])),
  files: new Map(Object.entries(files).map(([id, value]) => [Number(id), value])),
})
const sum = (...asks: number[][]): Rule => ({ asks, output: 'sum' })
const notices = (play: Play): string[] =>
  play.outcomes.flatMap((outcome) => outcome.notices.map((news) => `${news._tag} ${news.build}`))
const responses = (play: Play) => play.outcomes.flatMap((outcome) => outcome.responses)
const ran = (play: Play, act: () => unknown): number[] => {
  play.runs.length = 0
  act()
  return play.runs
}
/** The do-file of `build` asks by itself. */
const askBy = (play: Play, build: number, request: number, targets: number[], want: Want = 'ifchange'): void =>
  play.engine.dispatch({
    _tag: 'requested',
    request: buildId(request),
    by: buildId(build),
    session: buildId(read(play.engine.state.flight, build, Flight.SESSION)),
    targets: targets.map(buildId),
    want,
    keepGoing: true,
    jobs: 0,
    trust: false,
  })

describe('redo of one target', () => {
  it('runs it though nothing changed, once', () => {
    const play = new Play(world({ 1: sum([2]), 2: sum() }, {}))
    play.build([1])
    expect(ran(play, () => play.build([1, 1], 'force'))).toEqual([1])
  })
  it('leaves a file alone that was never built here, unless told to overwrite it', () => {
    const play = new Play(world({ 1: sum() }, { 1: 5 }))
    expect(play.build([1], 'force')).toBe(true)
    expect(play.runs).toEqual([])
    expect(notices(play)).toEqual(['leftAlone 1'])
    expect(play.build([1], 'overwrite')).toBe(true)
    expect(play.runs).toEqual([1])
    expect(kindOf(play.engine.state, buildId(1))).toBe(Kind.TARGET)
  })
  it('leaves a target alone that was changed by hand, and makes what depends on it; overwrites it when told to', () => {
    const w = world({ 1: sum([2]), 2: sum() }, {})
    const play = new Play(w)
    play.build([1])
    w.files.set(2, 50)
    expect(ran(play, () => play.build([1]))).toEqual([1])
    expect(w.files.get(1)).toBe(51)
    expect(notices(play)).toContain('modified 2')
    expect(ran(play, () => play.build([2], 'force'))).toEqual([])
    expect(ran(play, () => play.build([2], 'overwrite'))).toEqual([2])
    expect(ran(play, () => play.build([1]))).toEqual([1])
    expect(w.files.get(1)).toBe(2)
  })
  it('makes a target again whose file was removed, and goes no further when the result is equal', () => {
    const w = world({ 1: sum([2]), 2: sum() }, {})
    const play = new Play(w)
    play.build([1])
    w.files.delete(2)
    expect(ran(play, () => play.build([1]))).toEqual([2])
  })
})

describe('redo --take', () => {
  it('makes a source of a target that was changed by hand', () => {
    const w = world({ 1: sum([2]), 2: sum([3]) }, { 3: 1 })
    const play = new Play(w)
    play.build([1])
    w.files.set(2, 50)
    play.engine.dispatch({ _tag: 'taken', builds: [buildId(2)] })
    play.finish()
    w.files.set(3, 2)
    expect(ran(play, () => play.build([1]))).toEqual([1])
    expect(kindOf(play.engine.state, buildId(2))).toBe(Kind.SOURCE)
    expect(notices(play)).not.toContain('modified 2')
  })
})

describe('a target found in place after an unclean end', () => {
  it('is a target, and is built again', () => {
    const w = world({ 1: sum() }, { 1: 7 })
    const play = new Play(w)
    const look = { kind: 1, racy: false, stat0: 8, stat1: 0, content0: 8, content1: 0, content2: 0, content3: 0 }
    play.engine.dispatch({ _tag: 'adopted', build: buildId(1), look })
    play.finish()
    expect(hasFlag(play.engine.state, buildId(1), Flag.BROKEN)).toBe(true)
    expect(ran(play, () => play.build([1]))).toEqual([1])
    expect(w.files.get(1)).toBe(1)
  })
})

describe('what a do-file says while it runs', () => {
  it('redo-always runs it once in each generation', () => {
    const play = new Play(world({ 1: sum([3], [2]), 2: sum([3]), 3: { asks: [], output: 'sum', always: true } }, {}))
    play.build([1, 2])
    for (let i = 0; i < 2; i++) expect(ran(play, () => play.build([1, 2]))).toEqual([3])
  })
  it('an equal redo-stamp makes no dependent, another one does', () => {
    const w = world({ 1: sum([2]), 2: { asks: [[3]], output: 'none', stamps: true } }, { 3: 1 })
    const play = new Play(w)
    play.build([1])
    w.files.set(3, 3)
    expect(ran(play, () => play.build([1]))).toEqual([2])
    w.files.set(3, 4)
    expect(ran(play, () => play.build([1]))).toEqual([2, 1])
  })
  it('redo-recheck lets its session see what changed since it began', () => {
    const w = world({ 1: sum([3], [2]), 2: sum([3]) }, { 3: 1 })
    const play = new Play(w)
    const request = play.request([1])
    play.engine.settleAll()
    while (play.processes.get(1)?.steps[0] !== 1) {
      play.go(() => 0)
      play.engine.settleAll()
    }
    w.files.set(3, 2)
    play.engine.dispatch({ _tag: 'rechecked', session: request })
    play.finish()
    expect(play.answers.get(request)).toBe(true)
    expect(w.files.get(2)).toBe(3)
    expect(ran(play, () => play.build([1, 2]))).toEqual([1])
  })
  it('is not heard once it has ended, and a process that it left behind is refused', () => {
    const play = new Play(world({ 1: sum(), 2: sum() }, {}))
    play.build([1])
    play.engine.dispatch({ _tag: 'always', build: buildId(1) })
    askBy(play, 1, 200, [2])
    play.finish()
    expect(play.answers.get(200)).toBe(false)
    expect(play.runs).toEqual([1])
    expect(ran(play, () => play.build([1]))).toEqual([])
  })
  it('goes on without a slot when its own request is taken back', () => {
    const play = new Play(world({ 1: sum(), 2: sum() }, {}))
    const request = play.request([1], 'ifchange', { jobs: 1 })
    play.engine.settleAll()
    askBy(play, 1, 200, [2])
    play.engine.settleAll()
    expect([play.engine.state.running, [...play.processes.keys()]]).toEqual([1, [1, 2]])
    play.engine.dispatch({ _tag: 'cancelled', request: buildId(200) })
    play.engine.settleAll()
    // 2 was told to end, and holds its slot until it has.
    expect(play.engine.state.running).toBe(2)
    play.finish()
    expect(play.answers.get(request)).toBe(true)
    expect(play.answers.has(200)).toBe(false)
  })
})

describe('a do-file that has ended, before its result is known', () => {
  /** Builds all of `rules` with two slots, up to where the process of `build` has ended. */
  const endedOf = (build: number, rules: Record<number, Rule>) => {
    const play = new Play(world(rules, {}))
    const request = play.request(Object.keys(rules).map(Number), 'ifchange', { jobs: 2 })
    play.engine.settleAll()
    while (statusOf(play.engine.state, buildId(build)) !== Status.ENDED) {
      play.go(() => 0)
      play.engine.settleAll()
    }
    return { play, request }
  }
  it('lets the next one start, but none that needs it', () => {
    const { play, request } = endedOf(2, { 1: sum([2]), 2: sum(), 3: sum(), 4: sum() })
    expect(play.engine.state.running).toBe(2)
    expect([...play.processes.keys()].sort()).toEqual([1, 2, 3, 4])
    expect(statusOf(play.engine.state, buildId(1))).toBe(Status.BLOCKED)
    expect(play.answers.has(request)).toBe(false)
    play.finish()
    expect(play.answers.get(request)).toBe(true)
  })
  it('holds the only slot: one after the other is what was asked for', () => {
    const play = new Play(world({ 1: sum(), 2: sum() }, {}))
    play.request([1, 2], 'ifchange', { jobs: 1 })
    play.engine.settleAll()
    while (play.processes.size > 0) {
      expect(play.processes.size).toBe(1)
      play.go(() => 0)
      play.engine.settleAll()
    }
    expect(play.runs).toEqual([1, 2])
  })
  it('holds the slot when it failed: that may be the end of the request', () => {
    const play = new Play(world({ 1: { asks: [], output: 'sum', failsAt: 1 }, 2: sum() }, {}))
    const request = play.request([1, 2], 'ifchange', { keepGoing: false, jobs: 1 })
    play.finish()
    expect(play.answers.get(request)).toBe(false)
    expect(play.runs).toEqual([1])
  })
  it('asks for nothing any more', () => {
    const { play } = endedOf(1, { 1: sum() })
    askBy(play, 1, 200, [2])
    play.engine.settleAll()
    expect(play.answers.get(200)).toBe(false)
    expect(statusOf(play.engine.state, buildId(1))).toBe(Status.ENDED)
  })
  it('is waited for by a request that failed meanwhile', () => {
    const play = new Play(world({ 1: sum(), 2: { asks: [], output: 'sum', failsAt: 1 } }, {}))
    const request = play.request([1, 2], 'ifchange', { keepGoing: false, jobs: 2 })
    play.engine.settleAll()
    while (statusOf(play.engine.state, buildId(1)) !== Status.ENDED) {
      play.go(() => 0)
      play.engine.settleAll()
    }
    play.murder(2)
    play.engine.settleAll()
    expect(play.answers.has(request)).toBe(false)
    play.finish()
    expect(play.answers.get(request)).toBe(false)
    expect(notices(play)).toContain('built 1')
  })
})

describe('a request', () => {
  it('that does not keep going starts nothing more after the first failure, and waits for what runs', () => {
    const play = new Play(world({ 1: { asks: [], output: 'sum', failsAt: 1 }, 2: sum(), 3: sum() }, {}))
    const request = play.request([1, 2, 3], 'ifchange', { keepGoing: false, jobs: 2 })
    play.finish()
    expect(play.answers.get(request)).toBe(false)
    expect(play.runs).toEqual([1, 2])
    expect(notices(play)).toContain('built 2')
  })
  it('that keeps going builds all that can be built', () => {
    const play = new Play(world({ 1: { asks: [], output: 'sum', failsAt: 1 }, 2: sum([1]), 3: sum() }, {}))
    expect(play.build([1, 2, 3])).toBe(false)
    expect(play.runs.toSorted()).toEqual([1, 2, 3])
  })
  it('for nothing is answered at once', () => {
    const play = new Play(world({}, {}))
    expect(play.build([])).toBe(true)
  })
  it('only to look runs nothing, and names what is out-of-date', () => {
    const w = world({ 1: sum([2], [3]), 2: sum([4]), 3: sum() }, { 4: 1 })
    const play = new Play(w)
    play.build([1])
    w.files.set(4, 2)
    expect(ran(play, () => play.build([1, 2, 3], 'look'))).toEqual([])
    expect(responses(play).at(-1)).toMatchObject({ ok: true, outOfDate: [1, 2] })
    expect(ran(play, () => play.build([1]))).toEqual([2, 1])
    play.build([1, 2, 3], 'look')
    expect(responses(play).at(-1)).toMatchObject({ outOfDate: [] })
  })
  it('shares what another one builds, and both are answered', () => {
    const play = new Play(world({ 1: sum([3]), 2: sum([3]), 3: sum() }, {}))
    const both = [play.request([1]), play.request([2])]
    play.finish()
    expect(both.map((request) => play.answers.get(request))).toEqual([true, true])
    expect(play.runs.toSorted()).toEqual([1, 2, 3])
  })
  it('is no bar to another while its own do-file waits for a slot', () => {
    const play = new Play(world({ 1: sum([2]), 2: sum([3]), 3: sum() }, {}))
    expect(play.build([1], 'ifchange', { jobs: 1 })).toBe(true)
    expect(play.runs).toEqual([1, 2, 3])
  })
})

describe('finalize', () => {
  it('watches what is known of the world, and no more than that', () => {
    const play = new Play(world({ 1: { asks: [[2]], output: 'sum', ifcreate: [3] } }, { 2: 1 }))
    play.build([1])
    const watched = new Set<number>()
    const follow = (): void => {
      for (const { watch, unwatch } of play.outcomes.splice(0)) {
        for (const x of watch) expect(watched.has(x)).toBe(false)
        for (const x of watch) watched.add(x)
        for (const x of unwatch) expect(watched.delete(x)).toBe(true)
      }
    }
    follow()
    expect([...watched].toSorted()).toEqual([1, 2, 3])
    play.engine.dispatch({ _tag: 'collect', keep: 'nothing' })
    play.finish()
    follow()
    expect([...watched]).toEqual([])
  })
})
