import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkInvariants } from '../../src/model/invariants.js'
import { emptyState, Fact } from '../../src/model/state.js'
import { IntEditor } from '../../src/model/table.js'
import { openStore, type Store, StoreFault } from '../../src/store/store.js'
import { copyOf, discard, lasting, opened, playIn, temporary } from '../support/store.js'
import type { Play, World } from '../support/world.js'

const SIZE = 60

let folder: string
beforeEach(() => {
  folder = temporary()
})
afterEach(() => discard(folder))

/** A store with a page, a journal of some records and notes, and what it held after each commit. */
const filled = (): { store: Store; play: Play; world: World; held: unknown[] } => {
  const world: World = { rules: new Map(), files: new Map() }
  for (let n = 1; n <= SIZE / 2; n++) {
    world.rules.set(n, { asks: [[n + SIZE / 2, n + 1]], output: n % 3 === 0 ? 'parity' : 'sum' })
    world.files.set(n + SIZE / 2, n)
  }
  const store = opened(folder)
  const play = playIn(store, world, SIZE + 2)
  const held: unknown[] = [[]]
  const commit = (): void => {
    play.build([1])
    store.commit(play.engine.state)
    held.push(lasting(play.engine.state, store.names))
  }
  commit()
  store.checkpoint(play.engine.state)
  store.setMeta('boot', 'x')
  store.intend([{ name: 'dir/1', ino: '1', size: 1 }])
  store.commit(store.state)
  for (let i = 0; i < 6; i++) {
    world.files.set(SIZE / 2 + 3 * i + 1, 1_000 + i)
    commit()
  }
  return { store, play, world, held }
}

const flip = (file: string, bit: number): void => {
  const bytes = readFileSync(file)
  bytes[bit >>> 3]! ^= 1 << (bit & 7)
  writeFileSync(file, bytes)
}

/** Opens a damaged copy, and goes on with it: whatever it says has to be true. `held`: oldest first. */
const expectNoLie = (place: string, held: readonly string[], silentlyOlder: boolean): string => {
  const result = openStore(place)
  if (E.isLeft(result)) return result.left._tag
  const store = result.right
  const found = lasting(store.state, store.names)
  checkInvariants(store.state)
  const at = held.indexOf(JSON.stringify(found))
  expect(at, `a state that never was, ${JSON.stringify(store.warning)}`).toBeGreaterThanOrEqual(0)
  const isNewest = at === held.length - 1
  if (store.warning === undefined) {
    if (!silentlyOlder) {
      expect(isNewest).toBe(true)
      expect(store.intents).toEqual([{ name: 'dir/1', ino: '1', size: 1 }])
      expect(store.meta('boot')).toBe('x')
    }
  } else {
    expect(readdirSync(place)).toContain(store.warning.setAside.slice(place.length + 1))
    expect(isNewest).toBe(store.warning.kept === 'state')
    if (store.warning.kept === 'nothing') expect(store.state).toEqual(emptyState)
  }
  // What SQLite itself does not notice may still break what is written next; then that is not to be told as if it were.
  store.names.intern('one more')
  try {
    store.checkpoint(store.state)
  } catch (error) {
    expect(error).toBeInstanceOf(StoreFault)
    store.checkpoint(store.state)
  }
  const expected = lasting(store.state, store.names)
  store.close()
  const again = opened(place)
  if (again.warning === undefined) expect(lasting(again.state, again.names)).toEqual(expected)
  else expect(again.warning.kept).toBe('nothing')
  again.close()
  return store.warning === undefined ? 'unharmed' : store.warning.kept
}

const asTexts = (held: readonly unknown[]): readonly string[] => held.map((state) => JSON.stringify(state))

const count = (outcomes: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

/** Bits to flip: half of them where there is something, since most of a small file is empty. */
const bitsOf = (file: string, number: number, seed: number): readonly number[] => {
  const bytes = readFileSync(file)
  const used = [...bytes.keys()].filter((i) => bytes[i] !== 0)
  const bit = fc.oneof(
    fc.nat(bytes.length * 8 - 1),
    fc.tuple(fc.nat(used.length - 1), fc.nat(7)).map(([i, b]) => used[i]! * 8 + b),
  )
  return fc.sample(bit, { numRuns: number, seed })
}

describe('one flipped bit', () => {
  it('of a store with a journal: right, or a warned earlier state', () => {
    const { store, held } = filled()
    store.close()
    const file = 'state.sqlite'
    // All bits of the header too that say how it is to be read and written.
    const header = Array.from({ length: 56 * 8 }, (_, i) => 16 * 8 + i)
    const outcomes = [...header, ...bitsOf(join(folder, file), 300, 1)].map((bit) => {
      const place = copyOf(folder)
      flip(join(place, file), bit)
      const outcome = expectNoLie(place, asTexts(held), false)
      if (outcome === 'newer') expect(bit >>> 5).toBe(60 / 4)
      discard(place)
      return outcome
    })
    const counts = count(outcomes)
    for (const kind of ['unharmed', 'older', 'nothing']) expect(counts[kind], kind).toBeGreaterThan(5)
    expect(counts.io ?? 0).toBe(0)
  })

  it('of a checkpointed store: right, or warned and empty', () => {
    const { store, play, held } = filled()
    store.close(play.engine.state)
    const file = 'state.sqlite'
    const outcomes = bitsOf(join(folder, file), 150, 2).map((bit) => {
      const place = copyOf(folder)
      flip(join(place, file), bit)
      const outcome = expectNoLie(place, asTexts(held), false)
      discard(place)
      return outcome
    })
    expect(count(outcomes).nothing).toBeGreaterThan(5)
  })

  it('of the write-ahead log: right, or an earlier state, as after a power loss', () => {
    const { store, held } = filled()
    const crashed = copyOf(folder)
    store.close()
    for (const bit of bitsOf(join(crashed, 'state.sqlite-wal'), 100, 3)) {
      const place = copyOf(crashed)
      flip(join(place, 'state.sqlite-wal'), bit)
      expectNoLie(place, asTexts(held), true)
      discard(place)
    }
    discard(crashed)
  })

  it('is noticed in whichever record of the journal it is; what came before is kept', () => {
    const { store, held } = filled()
    store.close()
    for (let record = 1; record <= 6; record++) {
      const place = copyOf(folder)
      const db = new Database(join(place, 'state.sqlite'))
      const bytes = db.prepare('select record from journal where id = ?').pluck().get(record) as Buffer
      bytes[bytes.length >>> 1]! ^= 4
      db.prepare('update journal set record = ? where id = ?').run(bytes, record)
      db.close()
      const damaged = opened(place)
      expect(damaged.warning).toMatchObject({ kept: 'older', why: `${7 - record} commits are damaged` })
      expect(lasting(damaged.state, damaged.names)).toEqual(held[record])
      expect(damaged.intents).toEqual([{ name: 'dir/1', ino: '1', size: 1 }])
      expect(damaged.meta('boot')).toBe('x')
      damaged.close()
      discard(place)
    }
  })
})

describe('a journal', () => {
  const tampered = (change: (db: Database.Database) => void): Store => {
    const db = new Database(join(folder, 'state.sqlite'))
    change(db)
    db.close()
    return opened(folder)
  }

  it('that lost its last record is noticed', () => {
    const { store, held } = filled()
    store.close()
    const again = tampered((db) => db.exec('delete from journal where id = 6'))
    expect(again.warning?.kept).toBe('older')
    expect(lasting(again.state, again.names)).toEqual(held[6])
    again.close()
  })

  it('with a good record of another time in it ends there', () => {
    const { store, play, world, held } = filled()
    store.close()
    const other = copyOf(folder)
    const second = opened(other)
    second.checkpoint(second.state)
    world.files.set(SIZE, 99)
    play.build([1])
    second.commit(play.engine.state)
    second.close()
    const again = tampered((db) => {
      db.prepare('attach ? as other').run(join(other, 'state.sqlite'))
      db.exec('update journal set record = (select record from other.journal where id = 1) where id = 1')
    })
    expect(again.warning?.kept).toBe('older')
    expect(lasting(again.state, again.names)).toEqual(held[1])
    again.close()
    discard(other)
  })
})

describe('pages', () => {
  const stored = (store: Store, revision: number): void => {
    const facts = new IntEditor(store.state.facts)
    for (let x = 1; x < 3_000; x++) {
      store.names.intern(`file/${x}`)
      facts.set(x, Fact.FLAGS, 1)
      facts.set(x, Fact.REVISION, revision)
    }
    store.close({ ...store.state, facts: facts.finish() })
  }

  it.each([
    ['one is missing', 'delete from pages where id = 1'],
    [
      'one is in the place of another',
      'update pages set record = (select record from pages where id = 0) where id = 1',
    ],
    ['one is of another time', 'update pages set record = (select record from old.pages where id = 1) where id = 1'],
    ['one is there twice', 'insert into pages select id + 3, record from pages where id = 2'],
  ])('are set aside when %s', (_, change) => {
    stored(opened(folder), 1)
    const old = copyOf(folder)
    stored(opened(folder), 2)
    const db = new Database(join(folder, 'state.sqlite'))
    db.prepare('attach ? as old').run(join(old, 'state.sqlite'))
    expect(db.exec(change).prepare('select changes()').pluck().get()).toBe(1)
    db.close()
    const store = opened(folder)
    expect(store.warning?.kept).toBe('nothing')
    expect(store.names.size).toBe(0)
    store.close()
    discard(old)
  })
})

describe('a file that is', () => {
  it('something else is set aside, and kept', () => {
    for (let n = 1; n <= 2; n++) {
      writeFileSync(join(folder, 'state.sqlite'), `not a database ${n} `.repeat(300))
      const store = opened(folder)
      expect(store.warning).toMatchObject({ setAside: join(folder, `state.sqlite.bad-${n}`), kept: 'nothing' })
      expect(readFileSync(join(folder, `state.sqlite.bad-${n}`), 'latin1')).toMatch(`not a database ${n} `)
      store.close(store.state)
    }
  })

  it("another program's database is set aside", () => {
    const db = new Database(join(folder, 'state.sqlite'))
    db.exec('create table t (x)')
    db.close()
    const store = opened(folder)
    expect(store.warning?.kept).toBe('nothing')
    store.close()
  })

  it('cut short is set aside', () => {
    const { store, play } = filled()
    store.close(play.engine.state)
    const bytes = readFileSync(join(folder, 'state.sqlite'))
    for (const length of [bytes.length - 4096, 4096, 5000, 50]) {
      const place = copyOf(folder)
      writeFileSync(join(place, 'state.sqlite'), bytes.subarray(0, length))
      const damaged = opened(place)
      expect(damaged.warning?.kept, `${length} bytes`).toBe('nothing')
      damaged.close()
      discard(place)
    }
  })
})
