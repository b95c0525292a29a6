import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chdir, cwd } from 'node:process'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lookAtItself } from '../../src/make/look.js'
import { publish } from '../../src/make/publish.js'
import type { Run } from '../../src/make/run.js'
import { exitOf } from '../../src/make/spawner.js'
import { Timing } from '../../src/make/timing.js'

const home = cwd()
let folder = ''
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'redford-publish-'))
  chdir(folder)
})
afterEach(() => {
  chdir(home)
  fs.rmSync(folder, { recursive: true })
})

const ended = exitOf(1, 0, 0)
const run = (name: string): Run => ({
  id: 1,
  build: 1 as never,
  name,
  candidate: { doFile: `${name}.do`, folder: '', target: name, stem: name },
  session: 1 as never,
  output: `${name}.1.redo.tmp`,
  stdout: `${name}.out`,
  stderr: `${name}.err`,
  umask: 0o22,
  before: lookAtItself(name),
  unanswered: 0,
  isRefused: false,
  isToEnd: false,
  held: undefined,
  pid: 0,
  timing: new Timing(),
})

it('puts nothing in place that could not be recorded, and says why', () => {
  fs.writeFileSync('x', 'old')
  const one = run('x')
  fs.writeFileSync(one.stdout, '')
  fs.writeFileSync(one.output, 'new')
  const [published] = publish([{ run: one, end: ended }], () => {
    throw new Error('ENOSPC: no space left on device')
  })
  expect(published?.outcome).toMatchObject(E.left({ _tag: 'refused', code: 209 }))
  expect(JSON.stringify(published?.outcome)).toContain('ENOSPC')
  expect(fs.readFileSync('x', 'utf8')).toBe('old')
  expect(fs.readdirSync('.')).toEqual(['x'])
})

it('gives the target a file of its own where a process in the background may still write to the output', () => {
  const one = run('x')
  fs.writeFileSync(one.stdout, '')
  fs.writeFileSync(one.output, 'new')
  const late = fs.openSync(one.output, 'a')
  const [published] = publish([{ run: one, end: exitOf(1, 0, 0, true) }], () => {})
  fs.writeSync(late, 'late')
  fs.closeSync(late)
  expect(published?.outcome._tag).toBe('Right')
  expect(fs.readFileSync('x', 'utf8')).toBe('new')
})

it.each(['a folder', 'a file'])('replaces %s that its do-file itself took away, or made a folder of', (before) => {
  if (before === 'a folder') fs.mkdirSync('x')
  const gone = run('x')
  fs.rmSync('x', { recursive: true, force: true })
  fs.writeFileSync(gone.stdout, '')
  fs.mkdirSync(gone.output)
  const [first] = publish([{ run: gone, end: ended }], () => {})
  expect(first?.outcome._tag).toBe('Right')
  fs.rmdirSync('x')
  const made = run('x')
  fs.mkdirSync('x/full', { recursive: true })
  fs.writeFileSync(made.output, 'new')
  const [second] = publish([{ run: made, end: ended }], () => {})
  expect(second?.outcome._tag).toBe('Right')
  expect(fs.readFileSync('x', 'utf8')).toBe('new')
  expect(fs.readdirSync('.')).toEqual(['x'])
})

it('leaves what was there, and nothing beside it, where the result cannot be put in place', () => {
  fs.mkdirSync('x/full', { recursive: true })
  const one = run('x')
  fs.writeFileSync(one.output, 'new')
  fs.writeFileSync(one.stdout, '')
  const [published] = publish([{ run: one, end: ended }], () => fs.unlinkSync(one.output))
  expect(published?.outcome).toMatchObject(E.left({ _tag: 'refused', code: 209 }))
  expect(fs.existsSync('x/full')).toBe(true)
  fs.writeFileSync('y', '')
  const other = { ...one, name: 'y/x' }
  fs.writeFileSync(other.output, 'new')
  publish([{ run: other, end: ended }], () => {})
  expect(fs.readdirSync('.')).toEqual(['x', 'y'])
})
