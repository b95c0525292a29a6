/** Recordings of many ticks: in chunks, with snapshots on the way, and read from anywhere. */
import Database from 'better-sqlite3'
import { expect, it, vi } from 'vitest'
import { logCommand } from '../../src/cli/log.js'
import { codec as C, createEngine, digestOf, endTurn, replay, rule, type State, source } from '../../src/index.js'
import type { BuildId } from '../../src/model/ids.js'
import { cap } from '../../src/reduce/policies/basic.js'
import { Generations } from '../../src/replay/generations.js'
import { type Happening, happeningsOf } from '../../src/replay/happenings.js'
import { Walker } from '../../src/replay/walker.js'
import { fingerprint } from '../../src/testing/fingerprint.js'
import { insideOf } from '../library/inside.js'
import { useFolder } from '../support/folder.js'
import { opened, plainRecorder } from './record.js'

const folder = useFolder()
const int = { key: C.int, value: C.int }

it('are entered at the nearest snapshot, forward and back, and are the same from there', {
  timeout: 60_000,
}, async () => {
  const given = source('given', int)
  const node = rule('node', int, function* (n, b) {
    const own = yield* b.need(given(n % 7))
    const below = yield* b.all(n < 2 ? [] : [node(n - 1), node(n - 2)])
    return (below.reduce((x: number, y) => x + (y as number), own) % 10_007) as number
  }) as ReturnType<typeof rule<number, number>>
  const eng = createEngine({ rules: [given, node], policy: cap(1), drive: 'manual' })
  const { options } = insideOf(eng)
  const states: State[] = [eng.state]
  const path = folder.at('long.rec')
  const recorder = plainRecorder(path, eng.state, { snapshotBytes: 500 })
  options.onTick = (input, _, after) => {
    recorder.onTick(input, after)
    states.push(endTurn(after))
  }
  for (let round = 0; round < 30; round++) {
    eng.transact((tx) => tx.set(given(round % 7), round))
    const request = eng.once(node(60))
    eng.settle()
    await request.promise.catch(() => {})
    // Snapshots are packed beside the rest.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await eng.close()
  recorder.close()

  const db = new Database(path, { readonly: true })
  const count = (table: string): number => db.prepare(`select count(*) from ${table}`).pluck().get() as number
  expect(count('snapshots')).toBeGreaterThan(2)
  expect(count('chunks')).toBeGreaterThan(2)
  db.close()

  const replay = opened(path)
  expect(replay.verify()).toEqual({ _tag: 'agrees', ticks: states.length - 1 })
  const wordsOf = (state: State): string => fingerprint({ ...state, values: { size: 0 } as never })
  for (let i = 0; i < 60; i++) {
    const tick = (i * 7919) % states.length
    const { state } = replay.stateAt(tick)
    expect(wordsOf(state)).toBe(wordsOf(states[tick]!))
    if (tick > 0) expect(digestOf(state)).toBe(replay.reader.digestAt(tick))
  }
  expect(replay.firstTick(({ state }) => state.version === 5)).toBe(states.findIndex(({ version }) => version === 5))
  const last = replay.reader.snapshotTickFor(replay.ticks)
  expect(last).toBeGreaterThan(0)
  replay.close()

  // One that is said to be of another tick is of no use.
  const damaged = new Database(path)
  damaged.prepare('update snapshots set tick = tick + 1 where tick = ?').run(last)
  damaged.close()
  const other = opened(path)
  for (const tick of [last, last + 1, last + 2, other.ticks]) {
    expect(wordsOf(other.stateAt(tick).state)).toBe(wordsOf(states[tick]!))
    expect(other.reader.snapshotTickFor(tick)).toBeLessThan(last)
  }
  other.close()
})

it('hold what is theirs, beside one another and one after the other', async () => {
  const text = rule.static('text', {
    key: C.int,
    value: C.string,
    deps: () => [],
    make: (_: unknown, n: number) => String(n).padEnd(4000, 'x'),
  })
  const open = (name: string) => {
    const path = folder.at(name)
    const eng = createEngine({ rules: [text], drive: 'manual', record: path })
    const build = (from: number): void => {
      for (let n = from; n < from + 100; n++) eng.once(text(n))
      eng.settle()
    }
    return { path, build, close: () => eng.close() }
  }
  const expectWhole = (path: string): void => {
    const db = new Database(path, { readonly: true })
    expect(db.prepare('select count(*) from chunks').pluck().get()).toBeGreaterThan(2)
    db.close()
    const found = replay(path, { rules: [text] })
    expect([found.damage, found.verify({ mode: 'reexecute' })._tag]).toEqual([undefined, 'agrees'])
    found.close()
  }
  const [a, b] = [open('a.rec'), open('b.rec')]
  for (let i = 0; i < 3; i++) {
    a.build(i * 100)
    b.build(1000 + i * 100)
  }
  await a.close()
  const c = open('c.rec')
  c.build(2000)
  b.build(1300)
  c.build(2100)
  await b.close()
  await c.close()
  expectWhole(a.path)
  expectWhole(b.path)
  expectWhole(c.path)
})

it('are told of no further than somebody reads', async () => {
  const given = source('given', int)
  const path = folder.at('read.rec')
  const eng = createEngine({ rules: [given], record: path })
  for (let i = 0; i < 600; i++) {
    eng.transact((tx) => tx.set(given(0), i))
    await eng.idle()
  }
  await eng.close()
  const { ticks } = opened(path)
  const linesTold = async (words: readonly string[], isTaken: boolean): Promise<number> => {
    let text = ''
    const print = (more: string): void => {
      text += more
    }
    expect(await logCommand(words, { print, say: print, taken: async () => isTaken })).toBe(0)
    return text.split('\n').length - 1
  }
  expect(ticks).toBeGreaterThanOrEqual(600)
  expect([await linesTold([path], true), await linesTold([path], false)]).toEqual([ticks, 256])
  expect([await linesTold(['--json', path], true), await linesTold(['--json', path], false)]).toEqual([ticks, 256])
})

it('what many requests are called is found by going through it once', { timeout: 60_000 }, async () => {
  const given = source('given', int)
  const eng = createEngine({ rules: [given], drive: 'manual' })
  const path = folder.at('many.rec')
  const recorder = plainRecorder(path, eng.state, { snapshotBytes: 500 })
  insideOf(eng).options.onTick = (input, _, after) => recorder.onTick(input, after)
  for (let n = 0; n < 60; n++) {
    eng.live(given(n))
    eng.settle()
  }
  // Snapshots are packed beside the rest.
  for (let n = 0; n < 240; n++) {
    eng.transact((tx) => tx.set(given(n % 60), n))
    eng.settle()
    if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  recorder.close()
  await eng.close()

  const replay = opened(path)
  const { reader, ticks } = replay
  const numbers = new Map<BuildId, number>()
  const all = new Walker(reader)
  for (let tick = all.step(); tick !== undefined; tick = all.step())
    for (const event of tick.input.events)
      if (event._tag === 'followed') numbers.set(event.request, all.numberOf(event.request)!)
  expect([...numbers.values()]).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  const walker = new Walker(reader)
  walker.seek(ticks)
  expect(reader.snapshotTickFor(ticks)).toBeGreaterThan(60)
  const reads = [vi.spyOn(reader, 'at'), vi.spyOn(reader, 'recordAt')]
  for (const [request, number] of numbers) expect(walker.numberOf(request)).toBe(number)
  expect(reads.reduce((sum, { mock }) => sum + mock.calls.length, 0)).toBeLessThan(2 * ticks)
  replay.close()
})

/** Of the processor, in µs. */
const spent = (work: () => void): number => {
  const before = process.cpuUsage()
  work()
  return process.cpuUsage(before).user
}

it('what many generations are called takes less time than to go through it', { timeout: 120_000 }, async () => {
  const given = source('given', int)
  const eng = createEngine({ rules: [given], record: true })
  const count = 3000
  for (let n = 0; n < count; n++) {
    eng.transact((tx) => tx.set(given(0), n))
    await eng.once(given(0)).promise
  }
  const path = folder.at('generations.rec')
  eng.export(path)
  await eng.close()
  const replay = opened(path)
  const generations = new Generations(replay.reader, replay.ticks)
  const gone = spent(() => expect(generations.words(1, replay.ticks)).toBe('version 1 (tick 1)'))
  const told = spent(() => {
    for (let n = 1; n <= 2 * count; n++) generations.words(n, replay.ticks)
    for (let n = 1; n <= count; n++) generations.versionWords(n)
  })
  expect(told).toBeLessThan(gone)
  replay.close()
})

it('what many versions of one tick did is told in about the time that it took to do', {
  timeout: 120_000,
}, async () => {
  const given = source('given', int)
  const eng = createEngine({ rules: [given], drive: 'manual', record: true })
  const count = 40_000
  eng.live(given(0))
  eng.settle()
  const done = spent(() => {
    for (let n = 1; n <= count; n++) eng.transact((tx) => tx.set(given(0), n))
    eng.settle()
  })
  const path = folder.at('versions.rec')
  eng.export(path)
  await eng.close()
  const replay = opened(path)
  const walker = new Walker(replay.reader)
  walker.seek(replay.ticks - 2)
  const tick = walker.step()!
  let happenings: readonly Happening[] = []
  const told = spent(() => {
    happenings = happeningsOf(tick, walker)
  })
  expect(happenings.filter(({ what }) => what === 'transacted')).toHaveLength(count)
  expect(told).toBeLessThan(4 * done)
  replay.close()
})
