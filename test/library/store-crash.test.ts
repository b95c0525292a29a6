/** Processes that are killed, and files in which bits are flipped: what was answered is there, and nothing that never was. */
import { spawn } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type BuildError, codec as C, createEngine, rootOf, rule, source, sqliteStore } from '../../src/index.js'
import { discard, temporary } from '../support/store.js'

const dist = join(dirname(fileURLToPath(import.meta.url)), '../../dist/index.js')
const SIZE = 7

let folder: string
beforeEach(() => {
  folder = temporary()
})
afterEach(() => discard(folder))

/** Sets one source after the other to ever new numbers, and says each answer that it gets. */
const script = (path: string): string => `
  import { writeSync } from 'node:fs'
  import { codec as C, createEngine, rule, source, sqliteStore } from ${JSON.stringify(dist)}
  const set = source('set', { key: C.int, value: C.int })
  const text = rule('text', { key: C.int, value: C.string }, function* (n, b) {
    return 'a text that is long '.repeat(yield* b.need(set(n)))
  })
  const total = rule('total', { key: C.string, value: C.int }, function* (_, b) {
    const texts = yield* b.all(Array.from({ length: ${SIZE} }, (_, n) => text(n)))
    return texts.reduce((sum, t) => sum + t.length / 20, 0)
  })
  const eng = createEngine({ rules: [set, text, total], store: sqliteStore(${JSON.stringify(path)}) })
  eng.transact((tx) => { for (let n = 0; n < ${SIZE}; n++) tx.set(set(n), 0) })
  for (let k = 1; ; k++) {
    const version = eng.transact((tx) => tx.set(set(k % ${SIZE}), k % 100))
    writeSync(1, version + ' ' + await eng.once(total('')).promise + '\\n')
  }`

const world = () => {
  let makes = 0
  const set = source('set', { key: C.int, value: C.int })
  const text = rule('text', { key: C.int, value: C.string }, function* (n, b) {
    makes++
    return 'a text that is long '.repeat(yield* b.need(set(n)))
  })
  const total = rule('total', { key: C.string, value: C.int }, function* (_, b) {
    makes++
    const texts = yield* b.all(Array.from({ length: SIZE }, (_, n) => text(n)))
    return texts.reduce((sum, t) => sum + t.length / 20, 0)
  })
  return { rules: [set, text, total], set, text, total, makes: () => makes }
}

/** Kills the script some microseconds after it has said so many lines; what it said. */
const killed = (path: string, lines: number, spins: number): Promise<readonly string[]> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script(path)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      const before = said.split('\n').length - 1
      said += data
      if (before > lines || said.split('\n').length - 1 <= lines) return
      for (let i = 0; i < spins; i++) process.hrtime.bigint()
      child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', () => resolve(said.split('\n').slice(0, -1)))
  })

/** The total after so many transactions of the script. */
const totalAt = (version: number): number => {
  const values = new Array<number>(SIZE).fill(0)
  for (let k = 1; k < version; k++) values[k % SIZE] = k % 100
  return values.reduce((a, b) => a + b, 0)
}

it('killed at any time: what was answered is there, and is not made again', async () => {
  const spins = fc.sample(fc.nat(20_000), { numRuns: 12, seed: 7 })
  const ahead = new Set<number>()
  for (const [i, spin] of spins.entries()) {
    const path = join(folder, `builds-${i}`)
    const said = await killed(path, i * 3, spin)
    const [version, total] = said.at(-1)!.split(' ').map(Number)
    expect(total).toBe(totalAt(version!))
    const w = world()
    const eng = createEngine({
      rules: w.rules,
      drive: 'manual',
      store: sqliteStore(path, { onDamage: (damage) => expect(damage).toBeUndefined() }),
    })
    ahead.add(eng.version - version!)
    const request = eng.once(w.total(''))
    eng.settle()
    expect(request.now).toEqual(E.right(totalAt(eng.version)))
    // The last transaction may be there, and its answer not.
    expect(w.makes()).toBeLessThanOrEqual(eng.version === version ? 0 : 2)
    const makes = w.makes()
    for (let n = 0; n < SIZE; n++) eng.once(w.text(n))
    eng.settle()
    expect(w.makes()).toBe(makes)
    eng.close()
  }
  for (const by of ahead) expect([0, 1]).toContain(by)
})

it('one flipped bit: an answer that was right once, or none', () => {
  const path = join(folder, 'builds')
  const answers = new Set<number>()
  const w = world()
  const eng = createEngine({ rules: w.rules, drive: 'manual', store: sqliteStore(path) })
  eng.transact((tx) => {
    for (let n = 0; n < SIZE; n++) tx.set(w.set(n), 0)
  })
  for (let k = 1; k < 20; k++) {
    eng.transact((tx) => tx.set(w.set(k % SIZE), k))
    const request = eng.once(w.total(''))
    eng.settle()
    answers.add((request.now as E.Right<number>).right)
  }
  eng.close()
  const bytes = readFileSync(path)
  const used = [...bytes.keys()].filter((i) => bytes[i] !== 0)
  const bits = fc.sample(fc.tuple(fc.nat(used.length - 1), fc.nat(7)), { numRuns: 400, seed: 3 })
  const outcomes = { right: 0, none: 0, refused: 0, damaged: 0 }
  for (const [i, [at, bit]] of bits.entries()) {
    const copy = join(folder, `copy-${i}`)
    cpSync(path, copy)
    const flipped = readFileSync(copy)
    flipped[used[at]!]! ^= 1 << bit
    writeFileSync(copy, flipped)
    const { rules, total } = world()
    try {
      const again = createEngine({
        rules,
        drive: 'manual',
        store: sqliteStore(copy, { onDamage: () => outcomes.damaged++ }),
      })
      const request = again.once(total(''))
      again.settle()
      const { now } = request
      again.close()
      if (now !== undefined && E.isRight(now)) {
        expect(answers).toContain(now.right)
        outcomes.right++
      } else {
        expect(rootOf((now as E.Left<BuildError>).left)._tag).toBe('absent')
        outcomes.none++
      }
    } catch (error) {
      expect(error).toMatchObject({ name: 'StoreFailed' })
      outcomes.refused++
    }
  }
  expect(outcomes.right).toBeGreaterThan(100)
  expect(outcomes.damaged).toBeGreaterThan(100)
})
