/** How a recording ends: in order, whoever reads it meanwhile; or not, which is told. */
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { describe, expect, it, vi } from 'vitest'
import { type BuildEngine, codec as C, createEngine, digestOf, replay, rule } from '../../src/index.js'
import type { Recorder } from '../../src/store/recording/recorder.js'
import { useFolder } from '../support/folder.js'

const folder = useFolder()

// biome-ignore lint/correctness/useYield: it asks for nothing.
const long = rule('long', { key: C.int, value: C.string }, function* (n) {
  return `${n},`.repeat(2000)
})
const rules = [long]

const begin = async (record: string | boolean, onError?: (error: unknown) => void): Promise<BuildEngine> => {
  const eng = createEngine({ rules, record, ...(onError && { onError }) })
  await eng.once(long(0)).promise
  return eng
}

/** What is in the file by now can be read. */
const flushed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 250))

const end = async (eng: BuildEngine): Promise<string> => {
  for (let n = 1; n < 50; n++) await eng.once(long(n)).promise
  const { digest } = eng
  await eng.close()
  return digest
}

/** All of it is there, and it is known to be ended. */
const expectWhole = (path: string, digest: string): void => {
  const recording = replay(path)
  try {
    expect([recording.damage, recording.unfinished]).toEqual([undefined, undefined])
    expect(recording.verify()).toEqual({ _tag: 'agrees', ticks: recording.ticks })
    expect(recording.reader.digestAt(recording.ticks)).toBe(digest)
  } finally {
    recording.close()
  }
}

describe('a recording that ends', () => {
  it('is whole though this process has it open', async () => {
    const path = folder.at('h.rec')
    const troubles: unknown[] = []
    const eng = await begin(path, (error) => troubles.push(error))
    await flushed()
    const reader = replay(path)
    const digest = await end(eng)
    expect(troubles).toEqual([])
    expectWhole(path, digest)
    reader.close()
    expectWhole(path, digest)
    // Nobody was in the way of that.
    copyFileSync(path, folder.at('alone.rec'))
    expectWhole(folder.at('alone.rec'), digest)
  })

  it('is whole though somebody is in the midst of reading it', async () => {
    const path = folder.at('h.rec')
    const troubles: unknown[] = []
    const eng = await begin(path, (error) => troubles.push(error))
    await flushed()
    const db = new Database(path)
    db.exec('begin; select count(*) from chunks')
    db.prepare('select count(*) from chunks').get()
    const digest = await end(eng)
    expect(troubles).toEqual([])
    expectWhole(path, digest)
    db.close()
    expectWhole(path, digest)
  })

  it('is whole though another process steps through it', { timeout: 30_000 }, async () => {
    const path = folder.at('h.rec')
    const troubles: unknown[] = []
    const eng = await begin(path, (error) => troubles.push(error))
    await flushed()
    const redford = fileURLToPath(new URL('../../bin/redford', import.meta.url))
    const child = spawn(redford, ['step', path], { stdio: ['pipe', 'pipe', 'pipe'] })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    let said = ''
    child.stderr.on('data', (data) => {
      said += data
    })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const digest = await end(eng)
    expect(troubles).toEqual([])
    expectWhole(path, digest)
    child.stdin.end()
    expect(await ended).toBe(0)
    expect(said).toMatch(
      /^redo {2}.*h\.rec: it was not ended in order: it is still being written, .*h\.rec-wal belongs/,
    )
    expectWhole(path, digest)
  })

  it('by trouble, is a warning, and the build goes on', async () => {
    const path = folder.at('h.rec')
    const eng = await begin(path)
    await flushed()
    const db = new Database(path)
    db.exec('drop table chunks')
    db.close()
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    expect(await eng.once(long(7)).promise).toHaveLength(4000)
    expect((await warned).message).toMatch(/^.*h\.rec: nothing more is recorded: no such table: /)
    // From then on what it knew of the state is not that any more.
    expect(await eng.once(long(8)).promise).toHaveLength(4000)
    expect(eng.digest).toBe(digestOf(eng.state))
    expect(() => eng.export(folder.at('x.rec'))).toThrow(
      /^export: .*x\.rec cannot be written: nothing more is recorded, as was told \(no such table: .*\): what was recorded is in .*h\.rec$/,
    )
    await eng.close()
  })

  it('by a codec that takes no more what it took before, goes as far as that, and the build goes on', async () => {
    let left = Number.POSITIVE_INFINITY
    const numbers = C.map(
      C.array(C.int),
      'numbers',
      (list) => list,
      (list) => {
        if (--left < 0) throw new Error('no more')
        return list
      },
    )
    // biome-ignore lint/correctness/useYield: it asks for nothing.
    const list = rule('list', { key: C.int, value: numbers }, function* (n) {
      if (n === 13) left = 1
      return [n]
    })
    const path = folder.at('h.rec')
    const troubles: string[] = []
    const eng = createEngine({
      rules: [list],
      record: path,
      onError: (error) => troubles.push((error as Error).message),
    })
    await eng.once(list(1)).promise
    const { digest } = eng
    const { tick } = eng.progress()
    expect(await eng.once(list(13)).promise).toEqual([13])
    expect(troubles).toEqual([`${path}: nothing more is recorded: no more`])
    left = Number.POSITIVE_INFINITY
    expect(await eng.once(list(2)).promise).toEqual([2])
    expect(eng.digest).toBe(digestOf(eng.state))
    await eng.close()
    const recording = replay(path, { rules: [list] })
    expect(recording.ticks).toBe(tick + 1)
    expect(recording.reader.digestAt(tick)).toBe(digest)
    expect([recording.damage, recording.unfinished === undefined]).toEqual([undefined, false])
    expect(recording.verify({ mode: 'reexecute' })._tag).toBe('agrees')
    recording.close()
  })
})

describe('a recording that did not end', () => {
  it.each([
    ['which forgets it', '', 0],
    ['which ends itself', 'process.exit(3)', 3],
    ['by an exception', "throw new Error('oh')", 1],
  ])('has all that happened in its program, %s, and is alone', async (_, ending, status) => {
    const path = folder.at('h.rec')
    const index = new URL('../../dist/index.js', import.meta.url)
    const script = `
      import { codec as C, createEngine, source } from ${JSON.stringify(index)}
      const given = source('given', { key: C.int, value: C.int })
      const eng = createEngine({ rules: [given], drive: 'manual', record: ${JSON.stringify(path)} })
      for (let n = 0; n < 5; n++) {
        eng.transact((tx) => tx.set(given(n), n))
        eng.settle()
      }
      ${ending}
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(status)
    expect(readdirSync(folder.path)).toEqual(['h.rec'])
    const recording = replay(path)
    expect([recording.ticks, recording.damage, recording.verify()._tag]).toEqual([5, undefined, 'agrees'])
    expect(recording.unfinished).toMatch('its program did not close it')
    recording.close()
  })

  it('is told of while it is written, and where it was copied', async () => {
    const path = folder.at('h.rec')
    const eng = await begin(path)
    await flushed()
    const [copy, alone] = [folder.at('copy.rec'), folder.at('alone.rec')]
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
    copyFileSync(path, alone)
    for (const [file, has] of [
      [path, true],
      [copy, true],
      [alone, false],
    ] as const) {
      const recording = replay(file)
      expect(recording.unfinished).toBe(
        `it was not ended in order: it is still being written, or its program did not close it, was killed, or could write no more; ${file}-wal belongs to it, where there is one: keep the two together`,
      )
      expect([recording.damage, recording.ticks > 0]).toEqual([undefined, has])
      recording.close()
    }
    expectWhole(path, await end(eng))
  })

  it('is told of, and no more, where it is gone on with while it is read', async () => {
    const path = folder.at('h.rec')
    const eng = await begin(path)
    const { recorder } = eng as unknown as { readonly recorder: Recorder }
    recorder.settle()
    const { tick } = eng.progress()
    const original = Database.prototype.prepare
    const prepare = vi.spyOn(Database.prototype, 'prepare')
    prepare.mockImplementation(function (this: Database.Database, sql: string) {
      const statement = original.call(this, sql)
      if (!/ from chunks where id = \?$/.test(sql) || recorder.length !== tick) return statement
      recorder.goOn()
      void eng.once(long(1))
      eng.settle()
      recorder.flush()
      return statement
    })
    const recording = replay(path)
    prepare.mockRestore()
    expect(recording.ticks).toBeGreaterThan(tick)
    expect(recording.damage).toBeUndefined()
    expect(recording.unfinished).toMatch(/^it was not ended in order: it is still being written/)
    recording.close()
    expectWhole(path, await end(eng))
  })

  it('ends in order in what is exported of it', async () => {
    for (const record of [true, folder.at('h.rec')]) {
      const eng = await begin(record)
      const [early, later] = [folder.at('early.rec'), folder.at('later.rec')]
      eng.export(early)
      const { digest } = eng
      await eng.once(long(1)).promise
      eng.export(later)
      expectWhole(early, digest)
      expectWhole(later, eng.digest)
      if (typeof record === 'string') {
        const recording = replay(record)
        expect(recording.unfinished).toBeDefined()
        recording.close()
      }
      await eng.close()
    }
  })
})

describe('values beside the log', () => {
  const record = async (path: string): Promise<void> => {
    const eng = createEngine({ rules, record: { path, valueMax: 100, beside: true } })
    for (let n = 0; n < 12; n++) await eng.once(long(n)).promise
    await eng.close()
  }

  it('that are damaged are told of, and never an error', { timeout: 120_000 }, async () => {
    const [path, other] = [folder.at('h.rec'), folder.at('other.rec')]
    await record(path)
    const bytes = readFileSync(path)
    const whole = replay(path, { rules })
    const expected = Array.from({ length: 12 }, (_, n) => whole.stateAt(whole.ticks).look(long(n)))
    expect(expected.every(({ _tag }) => _tag === 'value')).toBe(true)
    whole.close()
    let [told, left] = [0, 0]
    // Bits of what SQLite says of each page, where a flip does most; and some of what is on it.
    for (let page = 1; page < statSync(path).size / 4096; page++)
      for (const at of [0, 1, 3, 4, 5, 8, 9, 11, 13, 100, 1500, 4000, 4090]) {
        const flipped = Buffer.from(bytes)
        flipped[page * 4096 + at]! ^= 1 << ((at + page) % 8)
        writeFileSync(other, flipped)
        let recording: ReturnType<typeof replay>
        try {
          recording = replay(other, { rules })
        } catch (error) {
          expect((error as Error).name).toBe('RecordingFailed')
          continue
        }
        try {
          const { ticks } = recording
          expect(recording.verify()).toEqual({ _tag: 'agrees', ticks })
          expect(recording.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees' })
          const moment = recording.stateAt(ticks)
          const found = Array.from({ length: 12 }, (_, n) => moment.look(long(n)))
          const isAll = found.every((sight, n) => JSON.stringify(sight) === JSON.stringify(expected[n]))
          if (!isAll) expect(recording.damage).toBeDefined()
          if (found.some(({ _tag }) => _tag === 'left')) left++
          if (recording.damage !== undefined) told++
          for (const suffix of ['-wal', '-shm', '-journal']) expect(existsSync(other + suffix)).toBe(false)
        } finally {
          recording.close()
        }
      }
    expect(left).toBeGreaterThan(20)
    expect(told).toBeGreaterThanOrEqual(left)
  })

  it('of which one is missing', async () => {
    const path = folder.at('h.rec')
    await record(path)
    const db = new Database(path)
    const digest = db.prepare('select digest from beside').pluck().get()
    db.prepare('delete from beside where digest = ?').run(digest)
    db.close()
    const recording = replay(path, { rules })
    expect(recording.verify({ mode: 'reexecute' })).toMatchObject({ _tag: 'agrees', skipped: 0 })
    expect(recording.damage).toMatch(/^of the values that are kept beside its ticks some are damaged or missing/)
    recording.close()
  })
})
