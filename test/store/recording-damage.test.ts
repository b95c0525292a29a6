/** A recording that was damaged, or cut off: what can be used of it is a beginning that verifies, or it is said that nothing can. */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { codec as C, createEngine, replay, source } from '../../src/index.js'
import { Replay } from '../../src/replay/replay.js'
import { CHUNK_TICKS, FORMAT, sealOf } from '../../src/store/recording/format.js'
import * as files from '../property/arbitraries.js'
import { recordOps } from '../replay/record.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'

const folder = useFolder()

/** Digests after each tick, as they were. */
const digestsOf = (path: string): readonly string[] => {
  const replay = E.toUnion(Replay.open(path)) as Replay
  const found = Array.from({ length: replay.ticks }, (_, i) => replay.reader.digestAt(i + 1))
  replay.close()
  return found
}

/** Several chunks and snapshots, since ticks are many. */
const recorded = (path: string, seed: number, length = 12): readonly string[] => {
  const [sample] = fc.sample(files.samples(), { numRuns: 1, seed })
  const ops = fc.sample(files.ops(), { numRuns: length, seed }).flat()
  recordOps(path, sample!, ops, [seed, 3, 1, 4, 1, 5])
  return digestsOf(path)
}

/** How much of it can be used; everything that can is as it was. */
const expectPrefix = (path: string, digests: readonly string[]): number | undefined => {
  const opened = Replay.open(path)
  if (E.isLeft(opened)) {
    expect(['absent', 'unreadable', 'newer', 'older']).toContain(opened.left._tag)
    return undefined
  }
  const replay = opened.right
  try {
    expect(replay.ticks).toBeLessThanOrEqual(digests.length)
    if (replay.ticks < digests.length) expect(replay.damage).toMatch(/tick|missing|damaged|malformed/)
    for (let tick = 1; tick <= replay.ticks; tick++) {
      expect(replay.reader.digestAt(tick)).toBe(digests[tick - 1])
      replay.reader.at(tick)
    }
    expect(replay.verify()).toEqual({ _tag: 'agrees', ticks: replay.ticks })
    replay.stateAt(replay.ticks)
    return replay.ticks
  } finally {
    replay.close()
  }
}

describe('a recording', () => {
  it('cut off anywhere', { timeout: 120_000 }, () => {
    const path = folder.at('whole.rec')
    const digests = recorded(path, 5, 200)
    expect(digests.length).toBeGreaterThan(3 * CHUNK_TICKS)
    const bytes = fs.readFileSync(path)
    const cutAt = (length: number): number | undefined => {
      const cut = folder.at('cut.rec')
      fs.writeFileSync(cut, bytes.subarray(0, length))
      return expectPrefix(cut, digests)
    }
    fc.assert(
      fc.property(fc.nat(bytes.length), (length) => void cutAt(length)),
      runs(50),
    )
    // The more is left, the more of it is used.
    const used = [0.6, 0.75, 0.9].map((part) => cutAt(Math.floor(bytes.length * part)) ?? -1)
    expect(used[0]).toBeGreaterThan(0)
    expect(used[2]).toBeGreaterThan(digests.length / 2)
    expect(used).toEqual(used.toSorted((a, b) => a - b))
  })

  it('whose process was killed as it wrote the last of it', { timeout: 120_000 }, () => {
    const [path, killed] = [folder.at('whole.rec'), folder.at('killed.rec')]
    const digests = recorded(path, 5, 200)
    const db = new Database(path)
    // Half of it reaches the file before it is over.
    db.pragma('cache_size = 1')
    db.exec('begin; update chunks set log = zeroblob(length(log))')
    fs.copyFileSync(path, killed)
    expect(expectPrefix(killed, digests)).not.toBe(digests.length)
    fs.copyFileSync(path, killed)
    fs.copyFileSync(`${path}-journal`, `${killed}-journal`)
    db.exec('rollback')
    db.close()
    expect(expectPrefix(killed, digests)).toBe(digests.length)
  })

  it('with bytes that are others', { timeout: 120_000 }, () => {
    const path = folder.at('whole.rec')
    const digests = recorded(path, 6)
    const bytes = fs.readFileSync(path)
    const db = new Database(path)
    const root = db.prepare("select rootpage from sqlite_master where name = 'snapshots'").pluck().get() as number
    // How many snapshots there are: more of them are found by going through all than by their ticks.
    const snapshotCount = (root - 1) * (db.pragma('page_size', { simple: true }) as number) + 4
    db.close()
    // Nothing is checked by the column `times`: that it has another name is seen where it is read.
    const times = bytes.indexOf(' times')
    expect([...bytes.subarray(snapshotCount - 1, snapshotCount + 1)]).toEqual([0, 1])
    const used = new Set<number | undefined>()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const other = Buffer.from(bytes)
          for (const [at, flip] of flips) other[at]! ^= flip
          const flipped = folder.at('flipped.rec')
          fs.writeFileSync(flipped, other)
          used.add(expectPrefix(flipped, digests))
        },
      ),
      { ...runs(600), examples: [[[[snapshotCount, 4]]], [[[times, 65]]]] },
    )
    // Some are used up to somewhere in the middle.
    expect(used.size).toBeGreaterThan(3)
  })

  it('with rows that are gone, or hold something else', { timeout: 120_000 }, () => {
    const path = folder.at('whole.rec')
    const digests = recorded(path, 7)
    const columns = {
      chunks: ['id', 'first', 'count', 'chain', 'sums', 'times', 'log'],
      snapshots: ['tick', 'sum', 'bytes'],
      meta: ['value'],
    }
    const junk = [null, 0, -1, 2 ** 40, 'text', Buffer.alloc(0), Buffer.from([255, 255, 255, 255, 255, 255]), 1.5]
    fc.assert(
      fc.property(
        fc.constantFrom('chunks', 'snapshots', 'meta'),
        fc.nat(),
        fc.nat(),
        fc.nat(junk.length),
        (table, row, column, what) => {
          const other = folder.at('other.rec')
          fs.copyFileSync(path, other)
          const db = new Database(other)
          const key = { chunks: 'id', snapshots: 'tick', meta: 'key' }[table]
          const rows = db.prepare(`select ${key} from ${table}`).pluck().all()
          const at = rows[row % rows.length]
          if (what === junk.length) db.prepare(`delete from ${table} where ${key} = ?`).run(at)
          else {
            const name = columns[table][column % columns[table].length]
            try {
              db.prepare(`update ${table} set ${name} = ? where ${key} = ?`).run(junk[what], at)
            } catch {
              // SQLite itself does not take it.
            }
          }
          db.close()
          expectPrefix(other, digests)
        },
      ),
      runs(500),
    )
  })

  it('is used to its end though rows say that they are of other ticks', () => {
    const path = folder.at('whole.rec')
    const digests = recorded(path, 5, 100)
    expect(digests.length).toBeGreaterThan(CHUNK_TICKS)
    for (const change of ['count = count - 1', 'count = -5', 'count = count + 1', 'first = first + 1', 'first = -3'])
      for (const id of [1, 2]) {
        const other = folder.at('other.rec')
        fs.copyFileSync(path, other)
        const db = new Database(other)
        db.exec(`update chunks set ${change} where id = ${id}`)
        db.close()
        expect(expectPrefix(other, digests)).toBe(digests.length)
      }
  })

  it.each(['{"ticks":000}', '{"ticks":1}', '{"ticks":"x"}', '{}', 'null', '5', '{'])(
    'that says %s of its end is told of, and used',
    (end) => {
      const path = folder.at('whole.rec')
      const digests = recorded(path, 9)
      const db = new Database(path)
      db.prepare("update meta set value = ? where key = 'end'").run(end)
      db.close()
      expect(expectPrefix(path, digests)).toBe(digests.length)
      const replay = E.toUnion(Replay.open(path)) as Replay
      expect(replay.damage).toMatch(/^what it says of itself .* is not what was written$/)
      expect(replay.unfinished).toBeUndefined()
      replay.close()
    },
  )

  it('whose rules and options cannot be made out is told of, and used', () => {
    const src = source('src', { key: C.int, value: C.int })
    const rules = [src]
    const path = folder.at('lib.rec')
    const eng = createEngine({ rules, drive: 'manual', record: path })
    eng.live(src(1))
    eng.transact((tx) => tx.set(src(1), 5))
    eng.settle()
    void eng.close()
    const db = new Database(path)
    for (const about of ['{"face":"library"}', '{"face":"library","rules":[null,{}],"options":5,"policy":7}']) {
      db.prepare("update meta set value = ? where key = 'about'").run(about)
      const recording = replay(path, { rules })
      expect(recording.damage).toMatch(/^what it says of itself .* is not what was written$/)
      expect(recording.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', ticks: recording.ticks })
      expect(recording.verify({ mode: 'counterfactual' }).ticks).toBe(recording.ticks)
      const fork = recording.fork(recording.ticks)
      expect(recording.stateAt(recording.ticks).look(src(1))).toEqual({ _tag: 'value', value: 5 })
      void fork.close()
      recording.close()
    }
    db.close()
  })

  it.each(['about', 'settings'])('whose description is another is told of, and used: %s', (key) => {
    const path = folder.at('whole.rec')
    const digests = recorded(path, 9)
    const db = new Database(path)
    const change = db.prepare('update meta set value = ? where key = ?')
    const text = db.prepare('select value from meta where key = ?').pluck().get(key) as string
    const other =
      key === 'about' ? text.replace('"policy":""', '"policy":"another"') : '[{"name":"s","to":{"_tag":"removed"}}]'
    expect(other).not.toBe(text)
    const opened = (): readonly [number, string | undefined] => {
      const replay = E.toUnion(Replay.open(path)) as Replay
      const { ticks, damage } = replay
      replay.close()
      return [ticks, damage]
    }
    expect(opened()).toEqual([digests.length, undefined])
    change.run(other, key)
    expect(opened()).toEqual([
      digests.length,
      expect.stringMatching(/^what it says of itself .* is not what was written$/),
    ])
    // A seal of its own does not help: the chain was begun with another.
    const [about, settings] = ['about', 'settings'].map((each) =>
      db.prepare('select value from meta where key = ?').pluck().get(each),
    ) as [string, string]
    change.run(sealOf(about, settings).toString('hex'), 'seal')
    expect(opened()[1]).toMatch(/damaged/)
    // And the seal alone is none of what is said.
    change.run(text, key)
    expect(opened()).toEqual([digests.length, undefined])
    db.close()
  })

  it.each([
    ['newer', FORMAT + 1],
    ['older', FORMAT - 1],
    ['older', 1],
  ])('of another format is refused, with both versions, and left as it is: %s, %i', (_tag, found) => {
    const path = folder.at('other.rec')
    recorded(path, 8)
    const db = new Database(path)
    db.pragma(`user_version = ${found}`)
    db.close()
    const bytes = fs.readFileSync(path)
    expect(Replay.open(path)).toEqual(E.left({ _tag, path, found, known: FORMAT }))
    expect(fs.readFileSync(path).equals(bytes)).toBe(true)
  })

  it('that is none, is a folder, or is not there, is told of as such', () => {
    fs.writeFileSync(folder.at('text'), 'nothing of the kind'.repeat(20))
    fs.writeFileSync(folder.at('empty'), '')
    fs.mkdirSync(folder.at('folder'))
    new Database(folder.at('db')).exec('create table t (x)').close()
    const tags = ['text', 'empty', 'folder', 'db', 'no'].map((name) => {
      const opened = Replay.open(folder.at(name))
      return E.isLeft(opened) ? opened.left._tag : 'opened'
    })
    expect(tags).toEqual(['unreadable', 'unreadable', 'folder', 'unreadable', 'absent'])
  })
})

/** Records changes of a source for ever, and says so once it began. */
const endless = (path: string): string => `
  import { codec as C, createEngine, rule, source } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
  const s = source('s', { key: C.int, value: C.int })
  const r = rule('r', { key: C.int, value: C.string }, function* (k, b) { return 'long'.repeat(40) + (yield* b.need(s(k))) })
  const eng = createEngine({ rules: [s, r], drive: 'manual', record: ${JSON.stringify(path)} })
  for (let i = 0; i < 20; i++) eng.live(r(i)).subscribe(() => {})
  for (let n = 0; ; n++) {
    eng.transact((tx) => tx.set(s(n % 20), n))
    eng.settle()
    if (n === 0) process.stdout.write('begun')
    if (n % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }`

describe('a process that is killed while it records', () => {
  it('leaves a beginning that verifies', { timeout: 120_000 }, async () => {
    const ticks: number[] = []
    // Later and later, until one has more than a chunk.
    for (let round = 0; round < 12 || Math.max(...ticks) <= CHUNK_TICKS; round++) {
      const path = folder.at(`${round}.rec`)
      const child = spawn(process.execPath, ['--input-type=module', '-e', endless(path)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await new Promise((resolve) => child.stdout.once('data', resolve))
      await new Promise((resolve) => setTimeout(resolve, round < 12 ? (round * 61) % 500 : 100 * round))
      child.kill('SIGKILL')
      await ended
      const replay = Replay.open(path)
      expect(replay).toMatchObject({ _tag: 'Right' })
      const { right } = replay as E.Right<Replay>
      expect(right.damage).toBeUndefined()
      expect(right.unfinished).toMatch(/^it was not ended in order: .*\.rec-wal belongs to it/)
      expect(right.verify()).toEqual({ _tag: 'agrees', ticks: right.ticks })
      ticks.push(right.ticks)
      right.close()
    }
  })
})
