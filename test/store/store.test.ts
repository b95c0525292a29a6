import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dependenciesOf, dependentsOf } from '../../src/model/dependencies.js'
import { Bug } from '../../src/model/error.js'
import { buildId } from '../../src/model/ids.js'
import { checkInvariants } from '../../src/model/invariants.js'
import { emptyState, Fact } from '../../src/model/state.js'
import { IntEditor, objectAt, read } from '../../src/model/table.js'
import { samples, worldOf } from '../property/arbitraries.js'
import { runs } from '../support/runs.js'
import { copyOf, discard, lasting, makeMove, moves, opened, playIn, temporary } from '../support/store.js'
import { Play, type World } from '../support/world.js'

let folder: string
beforeEach(() => {
  folder = temporary()
})
afterEach(() => discard(folder))

const world = (): World => ({
  rules: new Map([
    [1, { asks: [[2, 3], [4]], output: 'sum' as const }],
    [2, { asks: [[4]], output: 'parity' as const }],
    [3, { asks: [[5]], output: 'sum' as const }],
  ]),
  files: new Map([[4, 10]]),
})

/** Bytes of all files of the folder. */
const bytesOf = (path: string): number =>
  readdirSync(path).reduce((sum, name) => sum + (name.endsWith('-shm') ? 0 : statSync(join(path, name)).size), 0)

describe('the store', () => {
  it('is empty at first', () => {
    const store = opened(folder)
    expect(store.state).toEqual(emptyState)
    expect(store.warning).toBeUndefined()
    expect(store.names.size).toBe(0)
    store.close(store.state)
    expect(readdirSync(folder)).toEqual(['state.sqlite'])
  })

  it('gives back what a build found out, errors and names included', () => {
    const store = opened(folder)
    const play = playIn(store, world())
    play.build([1])
    const { state } = play.engine
    expect(state.errors.size).toBeGreaterThan(0)
    store.commit(state)
    const expected = lasting(state, store.names)
    store.close()
    const again = opened(folder)
    expect(lasting(again.state, again.names)).toEqual(expected)
    expect(dependentsOf(again.state, buildId(4))).toEqual([2])
    checkInvariants(again.state)
    expect(again.state.generation).toBe(state.generation)
    expect(again.journalSize).toBeGreaterThan(0)
    again.close(again.state)
    const third = opened(folder)
    expect(lasting(third.state, third.names)).toEqual(expected)
    expect(third.journalSize).toBe(0)
    third.close()
  })

  it('goes on from there: what did not change is not run again', () => {
    const w = world()
    w.files.set(5, 1)
    const store = opened(folder)
    const play = playIn(store, w)
    expect(play.build([1])).toBe(true)
    store.close(play.engine.state)
    const again = opened(folder)
    const next = new Play(w, { state: again.state })
    expect(next.build([1])).toBe(true)
    expect(next.runs).toEqual([])
    w.files.set(5, 2)
    expect(next.build([1])).toBe(true)
    expect(next.runs).toEqual([3, 1])
    again.close()
  })

  it('tells a newer dependent before an older one', () => {
    const store = opened(folder)
    const w: World = { rules: new Map(), files: new Map([[9, 1]]) }
    for (const n of [3, 1, 2]) w.rules.set(n, { asks: [[9]], output: 'sum' })
    const play = playIn(store, w)
    for (const n of [3, 1, 2]) play.build([n])
    store.close(play.engine.state)
    const again = opened(folder)
    expect(dependentsOf(again.state, buildId(9))).toEqual([3, 2, 1])
    again.close()
  })

  it('keeps every state that builds lead to, also with one in flight, whatever is committed how often', () => {
    fc.assert(
      fc.property(
        samples({ cyclic: true, background: true }),
        fc.array(fc.tuple(moves, fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.constantFrom(0, 2_000, 1 << 20),
        (sample, steps, journalBytesMax) => {
          const w = worldOf(sample)
          const place = temporary()
          const store = opened(place, { journalBytesMax, synchronous: 'off' })
          const play = playIn(store, w)
          for (const [move, committed] of steps) {
            makeMove(play, w, move)
            if (committed) store.commit(play.engine.state)
          }
          store.commit(play.engine.state)
          const expected = lasting(play.engine.state, store.names)
          const crashed = copyOf(place)
          const after = opened(crashed)
          expect(after.warning).toBeUndefined()
          checkInvariants(after.state)
          expect(lasting(after.state, after.names)).toEqual(expected)
          after.close(after.state)
          store.close(play.engine.state)
          for (const each of [place, crashed]) {
            const again = opened(each)
            checkInvariants(again.state)
            expect(lasting(again.state, again.names)).toEqual(expected)
            again.close()
            discard(each)
          }
        },
      ),
      runs(80),
    )
  })

  it('holds, after a crash, exactly the last commit', () => {
    const store = opened(folder, { journalBytesMax: 1_500 })
    const w = world()
    w.files.set(5, 1)
    const play = playIn(store, w)
    const crashes: [string, unknown][] = []
    for (let i = 0; i < 12; i++) {
      w.files.set(4 + (i % 2), i * 7)
      play.build([1])
      store.commit(play.engine.state)
      crashes.push([copyOf(folder), lasting(play.engine.state, store.names)])
      // Not committed, so it never was.
      play.build([2], 'force')
    }
    store.close()
    for (const [place, expected] of crashes) {
      const after = opened(place)
      expect(after.warning).toBeUndefined()
      expect(lasting(after.state, after.names)).toEqual(expected)
      after.close()
      discard(place)
    }
  })

  it('keeps the stamp of the last good run, and no list that is gone', () => {
    const store = opened(folder)
    const w = world()
    w.rules.set(2, { asks: [[4]], output: 'none', stamps: true })
    const play = playIn(store, w)
    play.build([2])
    store.commit(play.engine.state)
    w.files.set(4, 11)
    play.build([2])
    store.commit(play.engine.state)
    w.files.set(5, 1)
    play.build([3])
    store.commit(play.engine.state)
    play.engine.dispatch({ _tag: 'taken', builds: [buildId(3)] })
    play.engine.settleAll()
    store.commit(play.engine.state)
    const again = opened(copyOf(folder))
    expect(objectAt(again.state.stamps, 2)).toEqual({ last: [0, 0, 0, 0] })
    expect(dependenciesOf(again.state, buildId(2))).toHaveLength(1)
    expect(dependenciesOf(again.state, buildId(3))).toEqual([])
    expect(dependentsOf(again.state, buildId(5))).toEqual([])
    expect(lasting(again.state, again.names)).toEqual(lasting(play.engine.state, store.names))
    again.close()
    store.close()
  })

  it('forgets what was forgotten, and its name', () => {
    const store = opened(folder)
    const w = world()
    const play = playIn(store, w, 6)
    play.build([1])
    store.commit(play.engine.state)
    play.engine.dispatch({ _tag: 'collect', keep: 'nothing' })
    play.engine.settleAll()
    for (const { forgotten } of play.outcomes) for (const id of forgotten) store.names.free(id)
    store.commit(play.engine.state)
    store.close()
    for (let i = 0; i < 2; i++) {
      const again = opened(folder)
      expect(again.names.size).toBe(0)
      expect(lasting(again.state, again.names)).toEqual([])
      expect(again.names.fresh()).toBe(1)
      again.close(again.state)
    }
  })

  it('writes nothing when nothing changed', () => {
    const store = opened(folder)
    const w = world()
    w.files.set(5, 1)
    const play = playIn(store, w)
    play.build([1])
    store.commit(play.engine.state)
    const bytes = bytesOf(folder)
    const size = store.journalSize
    for (let i = 0; i < 20; i++) {
      expect(play.build([1])).toBe(true)
      store.names.free(store.names.fresh())
      store.commit(play.engine.state)
    }
    expect(play.engine.state.generation).toBeGreaterThan(20)
    expect(bytesOf(folder)).toBe(bytes)
    expect(store.journalSize).toBe(size)
    store.close()
  })

  it('writes what changed, whatever the size of the graph', () => {
    const costs = [1_000, 100_000].map((count) => {
      const place = temporary()
      const store = opened(place)
      const facts = new IntEditor(emptyState.facts)
      for (let x = 1; x <= count; x++) {
        store.names.intern(`file/${x}`)
        facts.set(x, Fact.FLAGS, 1)
        facts.set(x, Fact.CONTENT, x * 7919)
      }
      const first = { ...emptyState, facts: facts.finish() }
      store.checkpoint(first)
      const bytes = bytesOf(place)
      const one = new IntEditor(first.facts)
      one.set(500, Fact.REVISION, 1)
      const second = { ...first, facts: one.finish() }
      store.commit(second)
      const record = store.journalSize
      const more = bytesOf(place) - bytes
      store.close()
      const again = opened(place)
      expect(read(again.state.facts, 500, Fact.REVISION)).toBe(1)
      expect(read(again.state.facts, count, Fact.CONTENT)).toBe(count * 7919)
      again.close()
      discard(place)
      return [record, more <= 5 * 4096]
    })
    expect(costs).toEqual([
      [84, true],
      [84, true],
    ])
  })

  it('refuses to store a build that has no name', () => {
    const store = opened(folder)
    const facts = new IntEditor(emptyState.facts)
    facts.set(1, Fact.FLAGS, 1)
    expect(() => store.commit({ ...emptyState, facts: facts.finish() })).toThrow(Bug)
    store.close()
  })
})

describe('intents', () => {
  const intents = [
    { name: 'a\xff\0b', ino: 12345678901234567890n, size: 3 },
    { name: 'b', ino: '7', size: 2 ** 40 },
  ]
  const found = intents.map((intent) => ({ ...intent, ino: String(intent.ino) }))

  it('are found by the next process, until they are settled with a commit', () => {
    const store = opened(folder)
    store.intend(intents)
    store.intend([{ name: 'b', ino: '7', size: 2 ** 40 }])
    const before = copyOf(folder)
    const play = playIn(store, world())
    play.build([1])
    store.commit(play.engine.state, ['b', 'never intended'])
    store.close()
    const crashed = opened(before)
    expect(crashed.intents).toEqual(found)
    expect(crashed.state).toEqual(emptyState)
    crashed.dropIntents(['b'])
    crashed.close()
    for (const place of [folder, before]) {
      const again = opened(place)
      expect(again.warning).toBeUndefined()
      expect(again.intents).toEqual([found[0]])
      again.close()
    }
    discard(before)
  })

  it('of a target that is put in place again take the place of those settled before', () => {
    const store = opened(folder)
    store.intend(intents)
    const again = { name: 'b', ino: '8', size: 1 }
    store.commit(store.state, ['a\xff\0b', 'b'])
    store.intend([again])
    const crashed = copyOf(folder)
    store.close()
    const found = opened(crashed)
    expect(found.warning).toBeUndefined()
    expect(found.intents).toEqual([again])
    found.close()
    discard(crashed)
  })

  it('are all found, where a target was put in place more than once since the last commit', () => {
    const store = opened(folder)
    const [first, second] = ['7', '8'].map((ino) => ({ name: 'b', ino, size: 1 }))
    store.intend([first!])
    store.intend([second!])
    const crashed = copyOf(folder)
    store.commit(store.state)
    store.intend([first!])
    store.close()
    for (const [place, expected] of [
      [crashed, [first, second]],
      [folder, [second, first]],
    ] as const) {
      const again = opened(place)
      expect(again.intents).toEqual(expected)
      again.close()
    }
    discard(crashed)
  })

  it('that a commit did not settle are taken over by it, and found once', () => {
    const store = opened(folder)
    store.intend(intents)
    const lines = readFileSync(join(folder, 'state.sqlite-intents'))
    store.commit(store.state, ['b'])
    // As if the crash came before the log was emptied.
    writeFileSync(join(folder, 'state.sqlite-intents'), lines)
    const crashed = copyOf(folder)
    store.close()
    const again = opened(crashed)
    expect(again.intents).toEqual([found[0]])
    again.intend([{ name: 'c', ino: '9', size: 0 }])
    again.close()
    const third = opened(crashed)
    expect(third.intents).toEqual([found[0], { name: 'c', ino: '9', size: 0 }])
    third.close()
    discard(crashed)
  })

  it('are none where a line is cut short or changed', () => {
    const store = opened(folder)
    store.intend(intents)
    const file = join(folder, 'state.sqlite-intents')
    const text = readFileSync(file, 'latin1')
    store.close()
    for (const [damaged, expected] of [
      [text.slice(0, -2), [found[0]]],
      [text.replace(' 3 a', ' 4 a'), [found[1]]],
      ['', []],
    ] as const) {
      writeFileSync(file, damaged, 'latin1')
      const again = opened(folder)
      expect(again.intents).toEqual(expected)
      again.intend([{ name: 'c', ino: '9', size: 0 }])
      again.close()
      const third = opened(folder)
      expect(third.intents).toEqual([...expected, { name: 'c', ino: '9', size: 0 }])
      third.close()
    }
  })

  it('are settled by a commit in which nothing else changed', () => {
    const store = opened(folder)
    store.intend(intents)
    store.commit(store.state, ['b'])
    store.close()
    const again = opened(folder)
    expect(again.intents).toEqual([found[0]])
    again.close()
  })
})

describe('meta', () => {
  it('is remembered, replaced and forgotten', () => {
    const store = opened(folder)
    expect(store.meta('boot')).toBeUndefined()
    store.setMeta('boot', 'x')
    store.setMeta('boot', 'ü\0y')
    store.setMeta('gone', '1')
    store.setMeta('gone', undefined)
    store.close()
    const again = opened(folder)
    expect(again.warning).toBeUndefined()
    expect(again.meta('boot')).toBe('ü\0y')
    expect(again.meta('gone')).toBeUndefined()
    again.close()
  })
})
