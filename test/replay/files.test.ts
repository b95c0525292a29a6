/** Files of recordings: what they take the place of, what lies beside them, and who else has them open. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { type BuildEngine, codec as C, createEngine, policies, replay, rule, source } from '../../src/index.js'
import { useFolder } from '../support/folder.js'

const folder = useFolder()
const n = source('n', { key: C.string, value: C.string })
const twice = rule('twice', { key: C.string, value: C.string }, function* (k, b) {
  return (yield* b.need(n(k))).repeat(2)
})
const rules = [n, twice]

/** Sets something, and asks for what comes of it. */
const record = async (path: string, value = 'a', more: object = {}): Promise<void> => {
  const eng = createEngine({ rules, drive: 'manual', record: { path, ...more } })
  eng.transact((tx) => tx.set(n('x'), value))
  eng.once(twice('x'))
  eng.settle()
  await eng.close()
}

it('a recording takes the place of no other file, nor do those that SQLite has beside it', async () => {
  for (const suffix of ['-wal', '-shm', '-journal']) {
    const other = folder.at(`a.rec${suffix}`)
    writeFileSync(other, 'precious')
    await expect(record(folder.at('a.rec'))).rejects.toThrow(`${other} is there, where SQLite would have its own`)
    const eng = createEngine({ rules, record: true })
    expect(() => eng.export(folder.at('a.rec'))).toThrow(`${other} is there`)
    await eng.close()
    expect(readFileSync(other, 'utf8')).toBe('precious')
    rmSync(other)
  }
  expect(existsSync(folder.at('a.rec'))).toBe(false)
})

it('who begins a recording where another one is being made is told so, and that one goes on', async () => {
  const path = folder.at('a.rec')
  const first = createEngine({ rules, drive: 'manual', record: path })
  first.transact((tx) => tx.set(n('x'), 'a'))
  first.settle()
  await expect(record(path)).rejects.toThrow(`${path} is in use`)
  // What is exported is in the file first.
  first.export(folder.at('b.rec'))
  await expect(record(path)).rejects.toThrow(`${path} is in use`)
  first.once(twice('x'))
  first.settle()
  await first.close()
  rmSync(folder.at('b.rec'))
  const found = replay(path)
  expect([found.damage, found.verify()._tag]).toEqual([undefined, 'agrees'])
  found.close()
  // It is over: another one may take its place.
  await record(path)
  expect(readdirSync(folder.path)).toEqual(['a.rec'])
})

it('who is in the midst of reading one that was ended keeps nobody from another, and reads on in that', async () => {
  const path = folder.at('a.rec')
  await record(path)
  const reader = new Database(path, { readonly: true })
  reader.exec('begin')
  const ticks = reader.prepare('select sum(count) from chunks').pluck()
  const before = ticks.get()
  const eng = createEngine({ rules, drive: 'manual', record: path })
  await eng.close()
  const found = replay(path)
  expect([found.ticks, found.damage, found.unfinished]).toEqual([0, undefined, undefined])
  found.close()
  expect(ticks.get()).toBe(before)
  reader.close()
  expect(readdirSync(folder.path)).toEqual(['a.rec'])
})

it('one that is closed as a value is written to it leaves nothing of that in the next', async () => {
  let closing: BuildEngine | undefined
  let calls = 0
  const word = C.map(
    C.string,
    'word',
    (text) => [text] as const,
    ([text]) => {
      // The first call is for the engine.
      if (++calls === 2) closing?.close()
      return text
    },
  )
  const long = rule('long', { key: C.string, value: word }, function* (k, b) {
    return [(yield* b.need(n(k))).repeat(100)] as const
  })
  const begin = (name: string): BuildEngine => {
    const eng = createEngine({ rules: [n, long], drive: 'manual', record: folder.at(name) })
    eng.transact((tx) => tx.set(n('x'), 'a'))
    eng.once(long('x'))
    eng.tick()
    return eng
  }
  const first = begin('a.rec')
  closing = first
  calls = 0
  first.settle()
  closing = undefined
  await first.close()
  const second = begin('b.rec')
  second.settle()
  await second.close()
  for (const name of ['a.rec', 'b.rec']) {
    const found = replay(folder.at(name))
    expect([found.ticks > 0, found.damage, found.verify()._tag]).toEqual([true, undefined, 'agrees'])
    found.close()
  }
})

it('SQLite has a log beside it only where more is written than at the end, and others read it all the while', async () => {
  const path = folder.at('a.rec')
  const eng = createEngine({ rules, drive: 'manual', record: path })
  const early = new Database(path, { readonly: true })
  const counts = early.prepare('select count(*) from chunks').pluck()
  expect(counts.get()).toBe(1)
  eng.transact((tx) => tx.set(n('x'), 'a'))
  eng.settle()
  expect(readdirSync(folder.path)).toEqual(['a.rec'])
  const empty = replay(path)
  expect([empty.ticks, empty.damage, empty.unfinished === undefined]).toEqual([0, undefined, false])
  empty.close()
  eng.export(folder.at('b.rec'))
  expect(readdirSync(folder.path)).toContain('a.rec-wal')
  expect(counts.get()).toBe(2)
  early.close()
  await eng.close()
  expect(readdirSync(folder.path)).toEqual(['a.rec', 'b.rec'])
})

it('what cannot be made leaves what was there', async () => {
  const path = folder.at('a.rec')
  await record(path)
  const before = readFileSync(path)
  const fails = { ...C.string, encode: () => Promise.reject(new Error('no')) as never }
  const broken = source('n', { key: C.string, value: fails })
  expect(() => createEngine({ rules: [broken], record: { path: folder.at('none/a.rec') } })).toThrow('cannot be')
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(readdirSync(folder.path)).toEqual(['a.rec'])
})

it('a value beside the log that is not what was written is none', async () => {
  const path = folder.at('a.rec')
  await record(path, 'value '.repeat(20), { valueMax: 5, beside: true })
  const db = new Database(path)
  const { bytes } = db.prepare('select bytes from beside limit 1').get() as { bytes: Buffer }
  bytes[0]! ^= 1
  db.prepare('update beside set bytes = ?').run(bytes)
  db.close()
  const found = replay(path, { rules })
  expect(found.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 1 })
  found.close()
})

it('rules with other codecs are other rules', async () => {
  const path = folder.at('a.rec')
  await record(path)
  const others = [n, rule('twice', { key: C.int, value: C.string }, () => String(Math.random()))]
  const found = replay(path, { rules: others })
  expect(found.verify({ mode: 'reexecute' })).toEqual({ _tag: 'otherRules', rules: ['twice'] })
  found.close()
})

it('what makes no sense is told by name', async () => {
  const path = folder.at('a.rec')
  await record(path)
  expect(() => replay(undefined as never)).toThrow('replay: expected the path of a recording, got undefined')
  expect(() => replay(path, null as never)).toThrow('replay: the options must be an object, got null')
  expect(() => replay(path, { rulez: [] } as never)).toThrow('there is no option `rulez`')
  const found = replay(path, { rules })
  expect(() => found.why('x' as never)).toThrow("why: expected a key, such as total('a'), got 'x'")
  expect(() => found.whyNot(undefined as never)).toThrow('whyNot: expected a key')
  expect(() => found.firstTick(5 as never)).toThrow('firstTick: expected a function of a moment, got 5')
  expect(() => found.verify(null as never)).toThrow('verify: the options must be an object, got null')
  const mode = 'counterfactual'
  expect(() => found.verify({ mode, jobs: 0 })).toThrow('`jobs` must be a whole number from 1 on, got 0')
  expect(() => found.verify({ mode, pools: { net: 2 } })).toThrow('there is no pool net: it was recorded with none')
  expect(found.verify({ mode, policy: policies.cap(1) })).toMatchObject({ otherAnswers: 0 })
  found.close()
})
