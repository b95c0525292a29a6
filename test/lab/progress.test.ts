/** Who waits at a terminal sees how far a study is; who pipes it somewhere gets the tables alone. */
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { redford } from '../support/lab.js'
import { inTerminal } from '../support/terminal.js'

const words = [
  'lab',
  'layered:4x5',
  '--slots',
  '2',
  '--seeds',
  '2',
  '--policy',
  'fullBatch',
  '--policy',
  'criticalPath',
]

const command = [process.execPath, resolve('dist/cli/redford.cjs'), ...words].map((word) => `'${word}'`).join(' ')

it('on a terminal each run is told, with how many there are and how long the rest will take', async () => {
  const { code, screen } = await inTerminal(command, { cwd: '.', env: { ...process.env, TERM: 'xterm' } }, [])
  expect(code).toBe(0)
  for (const done of [1, 2, 3, 4])
    expect(screen).toMatch(
      new RegExp(`${done} of 4 runs, \\d+ s left {2}layered-4x5, 2 slots, (fullBatch|criticalPath), seed [12]`),
    )
  expect(screen.indexOf('4 of 4 runs')).toBeLessThan(screen.indexOf('policy '))
})

it('on one that knows no codes nothing of it', async () => {
  const { code, screen } = await inTerminal(command, { cwd: '.', env: { ...process.env, TERM: 'dumb' } }, [])
  expect({ code, screen }).toEqual({ code: 0, screen: expect.not.stringContaining('s left') })
})

it('elsewhere nothing of it', async () => {
  expect(await redford(...words)).toMatchObject({ code: 0, err: '', out: expect.not.stringContaining('s left') })
})
