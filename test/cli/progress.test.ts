/** Who waits at a terminal sees how far a long recording is gone through; who pipes it somewhere gets the answer alone. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { codec as C, createEngine, rule, source } from '../../src/index.js'
import { useFolder } from '../support/folder.js'
import { inTerminal } from '../support/terminal.js'

const folder = useFolder()
const redford = resolve('dist/cli/redford.cjs')

beforeEach(async () => {
  const int = { key: C.int, value: C.int }
  const n = source('n', int)
  const twice = rule('twice', int, function* (i, b) {
    return 2 * (yield* b.need(n(i)))
  })
  const eng = createEngine({ rules: [n, twice], record: folder.at('a.rec'), drive: 'manual' })
  eng.live(twice(1)).subscribe(() => {})
  for (let i = 0; i < 600; i++) {
    eng.transact((tx) => tx.set(n(1), i))
    eng.settle()
  }
  await eng.close()
})

it.each([
  ['verified', ['replay', 'a.rec', '--verify'], /redo {2}256 of \d{3,4} ticks.*512 of/s],
  [
    'decided anew',
    ['replay', 'a.rec', '--mode', 'counterfactual', '--policy', 'fullBatch'],
    /redo {2}256 of .*512 of/s,
  ],
  ['asked for a cause', ['why', 'twice(1)', '--recording', 'a.rec'], /redo {2}257 of \d{3,4} ticks.*513 of/s],
  ['compared with itself, before and after', ['diff', 'a.rec', '--from', '500'], /redo {2}257 of .*513 of/s],
])('%s', async (_, words, drawn) => {
  const command = [process.execPath, redford, ...words]
  const here = { cwd: folder.path, env: process.env }
  const { screen } = await inTerminal(command.map((word) => `'${word}'`).join(' '), here, [])
  expect(screen).toMatch(drawn)
  const piped = spawnSync(process.execPath, command.slice(1), { ...here, encoding: 'utf8' })
  expect(piped).toMatchObject({ stderr: '' })
  expect(piped.stdout).not.toBe('')
  expect(screen.endsWith(piped.stdout)).toBe(true)
})

it('told line by line shows how far it is by that alone', async () => {
  const command = [process.execPath, redford, 'log', 'a.rec']
  const { screen } = await inTerminal(command.join(' '), { cwd: folder.path, env: process.env }, [])
  expect(screen).toBe(spawnSync(process.execPath, command.slice(1), { cwd: folder.path, encoding: 'utf8' }).stdout)
})
