/** Recordings hold the name of a policy, which tells what it is of those that there are, and not of somebody's own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { policies, replay } from '../../src/index.js'
import { redford, type Said } from '../support/lab.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const lab = (...args: readonly string[]): Promise<Said> => redford('lab', ...args)
const mine = join(folder, 'mine.mjs')
// The last first: a worse one than any that there is.
writeFileSync(
  mine,
  `export default function mine(view) {
    const start = view.start(99).toReversed().slice(0, view.freeSlots)
    return { scan: view.scan(99), run: view.run(99), answer: view.answer(view.freeSlots), start }
  }`,
)
const same = /: took ([\d.]+) ms, simulated \1 ms, off by 0\.000 %\n/

it('a random policy is recorded with its seed, which is that of the run', async () => {
  const path = join(folder, 'random.rec')
  for (const name of ['random', 'random(5)']) {
    rmSync(path, { force: true })
    const one = ['layered:6x6', '--slots', '2', '--seed', '3', '--policy', name, '--export', path]
    expect(await lab(...one)).toMatchObject({ code: 0, err: '' })
    expect((await lab('validate', path)).out).toMatch(same)
  }
})

it('to simulate it again takes the policy itself', async () => {
  const path = join(folder, 'own.rec')
  const one = ['layered:6x6', '--slots', '2', '--seed', '3', '--policy', mine, '--export', path]
  expect(await lab(...one)).toMatchObject({ code: 0, err: '' })
  const why = `its policy, ${mine}, is somebody's own, and no part of the recording: give it, too`
  expect(await lab('validate', path)).toEqual({
    code: 1,
    out: '',
    err: `redford lab: ${path}: ${why}, by --policy FILE\n`,
  })
  expect((await lab('validate', '--policy', mine, path)).out).toMatch(same)

  const otherwise = ['replay', path, '--mode', 'counterfactual']
  expect((await redford(...otherwise)).out).toMatch(/^(\S+) s in (\d+) ticks; recorded: \1 s in \2\n$/)
  expect(await redford(...otherwise, '-j', '4')).toMatchObject({
    code: 2,
    err: expect.stringContaining(`${why}, by --policy FILE`),
  })
  expect(await redford(...otherwise, '-j', '4', '--policy', mine)).toMatchObject({ code: 0, err: '' })
  const recording = replay(path)
  expect(() => recording.verify({ mode: 'counterfactual', jobs: 4 })).toThrow(why)
  const { guessed } = recording.verify({ mode: 'counterfactual', jobs: 4, policy: policies.fullBatch() })
  expect(guessed).toBe(0)
  recording.close()
})

it('one in JavaScript may have a part in TypeScript', async () => {
  writeFileSync(join(folder, 'part.ts'), 'export const last = <A>(all: readonly A[], n: number): A[] => all.slice(-n)')
  const path = join(folder, 'parts.mjs')
  writeFileSync(
    path,
    `import { last } from './part.ts'
    export default (view) => ({ scan: view.scan(99), run: view.run(99), answer: [], start: view.freeSlots > 0 ? last(view.start(99), view.freeSlots) : [] })`,
  )
  const { code, err } = await lab('star:20', '--seeds', '1', '--policy', path)
  // Newer Nodes warn of taking types out.
  expect(code, err).toBe(0)
})

it('of a policy that is known no other is taken for it', async () => {
  const path = join(folder, 'known.rec')
  const one = ['chain:3', '--slots', '2', '--seed', '1', '--policy', 'fullBatch', '--export', path]
  expect(await lab(...one)).toMatchObject({ code: 0 })
  expect((await lab('validate', '--policy', mine, path)).err).toBe(
    `redford lab: ${path}: its policy is fullBatch, which is known: leave out --policy\n`,
  )
})

it('a project that has its own is validated with it', async () => {
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'redford.config.mjs'), `export { default } from './config.mjs'`)
  writeFileSync(join(project, 'config.mjs'), `import policy from '${mine}'; export default { policy }`)
  writeFileSync(join(project, 'all.do'), 'redo-ifchange 1 2 3 4')
  writeFileSync(join(project, 'default.do'), 'sleep 0.0$1; echo $1')
  const validate = ['validate', '-j', '2', '--runs', '1']
  expect((await lab(...validate, project)).err).toContain("its policy, mine, is somebody's own")
  const { code, out, err } = await lab(...validate, '--policy', mine, project)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(same)
})
