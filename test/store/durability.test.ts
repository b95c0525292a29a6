import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { emptyState, Fact, type State } from '../../src/model/state.js'
import { IntEditor, read } from '../../src/model/table.js'
import { MIGRATIONS, type Migration, refusalOf } from '../../src/store/database.js'
import { openStore, type Store, StoreFault } from '../../src/store/store.js'
import { copyOf, discard, lasting, opened, playIn, temporary } from '../support/store.js'
import { makeVersion1 } from '../support/version1.js'
import type { World } from '../support/world.js'

const dist = join(dirname(fileURLToPath(import.meta.url)), '../../dist')

let folder: string
beforeEach(() => {
  folder = temporary()
})
afterEach(() => discard(folder))

/** The state with `count` sources at revision `revision`. */
const sources = (store: Store, count: number, revision: number): State => {
  const facts = new IntEditor(store.state.facts)
  for (let x = 1; x <= count; x++) {
    store.names.intern(`file/${x}`)
    facts.set(x, Fact.FLAGS, 1)
    facts.set(x, Fact.REVISION, revision)
  }
  return { ...store.state, facts: facts.finish() }
}
const revisionOf = (state: State): number => read(state.facts, 1, Fact.REVISION)

/** A process that opens the store and commits revision after revision, saying each that is committed. */
const script = (revisions: number, options: object): string => `
  import { openStore } from ${JSON.stringify(join(dist, 'store/store.js'))}
  import { IntEditor } from ${JSON.stringify(join(dist, 'model/table.js'))}
  import { writeSync } from 'node:fs'
  const store = openStore(${JSON.stringify(folder)}, ${JSON.stringify(options)}).right
  const name = store.names.intern('file/1')
  writeSync(1, 'open\\n')
  for (let revision = 1; revision <= ${revisions}; revision++) {
    const facts = new IntEditor(store.state.facts)
    facts.set(name, ${Fact.FLAGS}, 1)
    facts.set(name, ${Fact.REVISION}, revision)
    try {
      store.commit({ ...store.state, facts: facts.finish() })
      writeSync(1, revision + '\\n')
    } catch (error) {
      writeSync(1, error.name + ' ' + error.fault.code + '\\n')
    }
  }
  store.close()`

const hasStrace = spawnSync('strace', ['-V']).status === 0
/** Runs the script under `fault`; the lines it said, and whether it came to its end. */
const traced = (fault: string, revisions: number, options: object = {}): { said: string[]; ended: boolean } => {
  const calls = /^inject=(\w+)/.exec(fault)?.[1]
  const args = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', fault]
  const node = [process.execPath, '--input-type=module', '-e', script(revisions, options)]
  const child = spawnSync('strace', [...args, ...node], { encoding: 'utf8' })
  return { said: child.stdout.split('\n').filter((line) => line !== ''), ended: child.status === 0 }
}

const empty = (): void => {
  discard(folder)
  mkdirSync(folder)
}

describe.skipIf(!hasStrace)('a fault of the system', () => {
  it.each(['pwrite64', 'fsync', 'ftruncate', 'unlink'])(
    'killed at any %s, from the very first on: a whole store',
    (call) => {
      const seen: number[] = []
      for (let k = 1, done = false; !done; k++) {
        empty()
        const { said, ended } = traced(`inject=${call}:signal=KILL:when=${k}`, 4, { journalBytesMax: 150 })
        done = ended
        const store = opened(folder)
        expect(store.warning).toBeUndefined()
        // What was said to be committed is there; what was about to be may be.
        const told = Math.max(said.length - 1, 0)
        expect([told, told + 1]).toContain(revisionOf(store.state))
        expect(store.names.size).toBe(revisionOf(store.state) > 0 ? 1 : 0)
        seen.push(revisionOf(store.state))
        store.close(store.state)
      }
      expect(seen[0]).toBe(0)
      expect(seen.at(-1)).toBe(4)
      expect(seen.length).toBeGreaterThan(call === 'pwrite64' ? 20 : 2)
    },
  )

  it('a sync that fails: that commit is not told as done, and the next one makes up for it on a new handle', () => {
    const faults: string[] = []
    for (let k = 1; k <= 16; k++) {
      empty()
      const { said } = traced(`inject=fsync:error=EIO:when=${k}`, 6, { synchronous: 'full' })
      faults.push(...said.filter((line) => line.startsWith('StoreFault')))
      const store = opened(folder)
      expect(store.warning).toBeUndefined()
      if (said[0] !== 'open') expect(store.state).toEqual(emptyState)
      else if (said.at(-1) === '6') expect(revisionOf(store.state)).toBe(6)
      store.close()
    }
    expect(faults.length).toBeGreaterThan(5)
    expect(new Set(faults)).toEqual(new Set(['StoreFault SQLITE_IOERR_FSYNC']))
  })

  it('a full disk: that commit is not told as done, and the next one makes up for it', () => {
    for (let k = 1; k < 5; k++) {
      empty()
      opened(folder).close()
      // The first write beyond the header of the log, and others.
      const { said } = traced(`inject=pwrite64:error=ENOSPC:when=${k + 9}`, 6)
      expect(said.filter((line) => line === 'StoreFault SQLITE_FULL')).toHaveLength(1)
      expect(said.at(-1)).toBe('6')
      const store = opened(folder)
      expect(store.warning).toBeUndefined()
      expect(revisionOf(store.state)).toBe(6)
      store.close()
    }
  })
})

it('refuses what is too long for SQLite as what it has no room for, not as a fault of the program', () => {
  const db = new Database(':memory:')
  const bind = () => db.prepare('select ?').get(Buffer.allocUnsafeSlow(2 ** 30))
  expect(bind).toThrow(RangeError)
  try {
    bind()
  } catch (error) {
    expect(refusalOf('the.db', error)).toMatchObject({ _tag: 'io', path: 'the.db', code: 'SQLITE_TOOBIG' })
  }
  db.close()
})

describe('where the store is', () => {
  it('read-only, it says so on opening', () => {
    if (process.getuid?.() === 0) return // root writes anywhere
    opened(folder).close()
    chmodSync(join(folder, 'state.sqlite'), 0o400)
    expect(openStore(folder)).toMatchObject({ _tag: 'Left', left: { _tag: 'io', code: 'SQLITE_READONLY' } })
  })

  it('missing, it says so on opening', () => {
    expect(openStore(join(folder, 'missing'))).toMatchObject({ _tag: 'Left', left: { _tag: 'io', code: 'ENOENT' } })
  })

  it('removed while it is open, nothing is told as done', () => {
    const store = opened(folder)
    store.commit(sources(store, 1, 1))
    expect(store.isInPlace).toBe(true)
    const elsewhere = `${folder}-moved`
    renameSync(folder, elsewhere)
    expect(store.isInPlace).toBe(false)
    const fault = new StoreFault({ _tag: 'gone', path: join(folder, 'state.sqlite') })
    expect(() => store.commit(sources(store, 1, 2))).toThrow(fault)
    store.commit(store.state)
    renameSync(elsewhere, folder)
    store.commit(sources(store, 1, 3))
    store.close()
    expect(revisionOf(opened(folder).state)).toBe(3)
  })
})

/** The version of the files that are written. */
const KNOWN = MIGRATIONS.length + 1

describe('a version', () => {
  const addTable: Migration = (db) => db.exec('create table extra (x); insert into extra values (7)')
  const versionOf = (path: string): unknown => {
    const db = new Database(path, { readonly: true })
    const version = db.pragma('user_version', { simple: true })
    db.close()
    return version
  }

  it('that is older is migrated, all of it or nothing, and a copy kept', () => {
    const path = join(folder, 'state.sqlite')
    const store = opened(folder)
    store.close(sources(store, 3, 5))
    const failing: Migration = () => {
      throw new Error('half way')
    }
    expect(() => openStore(folder, { migrations: [...MIGRATIONS, addTable, failing] })).toThrow('half way')
    expect(versionOf(path)).toBe(KNOWN)
    const next = opened(folder, { migrations: [...MIGRATIONS, addTable] })
    expect(next.warning).toBeUndefined()
    expect(revisionOf(next.state)).toBe(5)
    next.close()
    expect(versionOf(path)).toBe(KNOWN + 1)
    expect(versionOf(`${path}.v${KNOWN}`)).toBe(KNOWN)
    const db = new Database(path)
    expect(db.prepare('select x from extra').pluck().all()).toEqual([7])
    db.close()
    const copy = temporary()
    renameSync(`${path}.v${KNOWN}`, join(copy, 'state.sqlite'))
    const before = opened(copy)
    expect(revisionOf(before.state)).toBe(5)
    before.close()
    discard(copy)
    opened(folder, { migrations: [...MIGRATIONS, addTable] }).close()
    expect(existsSync(`${path}.v${KNOWN}`)).toBe(false)
  })

  it('1 is read as it is, and goes on: pages and journal alike, whether or not they were written since', () => {
    const world: World = {
      rules: new Map([
        [1, { asks: [[2, 3], [4]], output: 'sum' }],
        [2, { asks: [[4]], output: 'sum' }],
        [3, { asks: [[5]], output: 'sum' }],
      ]),
      files: new Map([
        [4, 10],
        [5, 20],
      ]),
    }
    const build = (store: Store, value: number): State => {
      world.files.set(4, value)
      const play = playIn(store, world)
      play.request([1])
      play.finish()
      return play.engine.state
    }
    const whysOf = (state: State): number[] => [1, 2, 3, 4].map((x) => read(state.facts, x, Fact.WHY))
    const first = opened(folder)
    first.checkpoint(build(first, 10))
    const known = build(first, 12)
    expect(whysOf(known)).not.toContain(0)
    first.commit(known)
    expect(first.journalSize).toBeGreaterThan(0)
    first.close()
    makeVersion1(folder)

    const facts = new IntEditor(known.facts)
    for (let x = 1; x < known.facts.end; x++) facts.set(x, Fact.WHY, 0)
    const without = { ...known, facts: facts.finish() }
    const second = opened(folder)
    expect(second.warning).toBeUndefined()
    expect(lasting(second.state, second.names)).toEqual(lasting(without, second.names))
    const after = build(second, 14)
    expect(whysOf(after).map((why) => why !== 0)).toEqual([true, true, false, true])
    second.commit(after)
    second.close()
    expect(versionOf(`${join(folder, 'state.sqlite')}.v1`)).toBe(1)
    const third = opened(folder)
    expect(third.warning).toBeUndefined()
    expect(lasting(third.state, third.names)).toEqual(lasting(after, third.names))
    third.close(third.state)
  })

  it('1 that is damaged is found to be', () => {
    const store = opened(folder)
    store.checkpoint(sources(store, 3, 5))
    store.close()
    makeVersion1(folder)
    const db = new Database(join(folder, 'state.sqlite'))
    const record = db.prepare('select record from pages').pluck().get() as Buffer
    record[60]! ^= 1
    db.prepare('update pages set record = ?').run(record)
    db.close()
    const again = opened(folder)
    expect(again.warning).toMatchObject({ _tag: 'damaged', kept: 'nothing' })
    again.close()
  })

  it('that is newer is refused, both named, and not a byte of it touched', () => {
    const path = join(folder, 'state.sqlite')
    const store = opened(folder, { migrations: [...MIGRATIONS, addTable] })
    store.commit(sources(store, 3, 5))
    const crashed = copyOf(folder)
    store.close()
    for (const place of [folder, crashed]) {
      const file = join(place, 'state.sqlite')
      const bytes = readFileSync(file)
      const newer = { _tag: 'newer', path: file, found: KNOWN + 1, known: KNOWN }
      expect(openStore(place)).toMatchObject({ _tag: 'Left', left: newer })
      expect(readFileSync(file)).toEqual(bytes)
    }
    expect(existsSync(join(crashed, 'state.sqlite-wal'))).toBe(true)
    discard(crashed)
    expect(versionOf(path)).toBe(KNOWN + 1)
  })
})
