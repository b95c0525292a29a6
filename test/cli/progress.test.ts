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
  ['verified', ['--verify']],
  ['decided anew', ['--mode', 'counterfactual', '--policy', 'fullBatch']],
])('%s', async (_, flags) => {
  const words = [redford, 'replay', 'a.rec', ...flags]
  const here = { cwd: folder.path, env: process.env }
  const { code, screen } = await inTerminal([process.execPath, ...words].map((word) => `'${word}'`).join(' '), here, [])
  expect(code).toBe(0)
  expect(screen).toMatch(/redo {2}256 of \d{3,4} ticks.*512 of/s)
  const piped = spawnSync(process.execPath, words, { ...here, encoding: 'utf8' })
  expect(piped).toMatchObject({ status: 0, stderr: '' })
  expect(screen.endsWith(piped.stdout)).toBe(true)
})
