/** A study that is shared among threads comes to all its cells, or says which thread did not come to its own, and why. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { redford, type Said } from '../support/lab.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const policy = (name: string, text: string): string => {
  const path = join(folder, `${name}.mjs`)
  writeFileSync(path, text)
  return path
}
const one = ['lab', 'star:20', '--seeds', '1', '--policy']

it('a thread that a policy ends is told, with what it was at', async () => {
  const path = policy('ends', 'export default () => process.exit(0)'.replace('()', '(view)'))
  expect(await redford(...one, 'fullBatch', '--policy', path)).toEqual({
    code: 1,
    out: '',
    err: `redford lab: thread 1 of 1 ended early, with exit code 0, at ${path}, on star-20, 2 slots, seed 1\n`,
  })
})

it('so is one that ends when the policy is loaded', async () => {
  const path = policy('at-once', 'process.exit(3)')
  expect(await redford(...one, path)).toEqual({
    code: 1,
    out: '',
    err: `redford lab: thread 1 of 1 ended early, with exit code 3, while it loaded ${path}\n`,
  })
})

it('what a policy throws later is told as its own', async () => {
  const path = policy(
    'later',
    "setTimeout(() => { throw new Error('too late') }, 0)\nawait new Promise((done) => setTimeout(done, 500))\nexport default (view) => view",
  )
  expect(await redford(...one, path)).toMatchObject({
    code: 1,
    err: `redford lab: thread 1 of 1 broke: too late, while it loaded ${path}\n`,
  })
})

it('each run is done once, though a policy imports the package, which has a copy of what does it', async () => {
  const { href } = pathToFileURL(resolve('dist/lab/index.js'))
  const path = policy('imports', `import { criticalPath } from '${href}'\nexport default criticalPath()`)
  const csv = join(folder, 'imports.csv')
  const study = ['lab', 'star:20', '--seeds', '6', '--threads', '2', '--policy', path, '--csv', csv]
  expect(await redford(...study)).toMatchObject({ code: 0, err: '' })
  const seeds = readFileSync(csv, 'utf8').split('\n').slice(1, -1)
  expect(seeds.map((line) => line.split(path)[1]!.split(',')[1])).toEqual(['1', '2', '3', '4', '5', '6'])
})

it('a study ends though a policy keeps a timer', async () => {
  const path = policy(
    'ticks',
    `setInterval(() => {}, 1000)
    export default (view) => ({ scan: view.scan(99), run: view.run(99), answer: [], start: view.start(view.freeSlots) })`,
  )
  expect(await redford(...one, path)).toMatchObject({ code: 0, err: '' })
})

it('one in which a policy does not come to an end is ended, whether it is asked or loaded', async () => {
  const asked = policy('endless', 'export default (view) => { for (;;); }')
  const loaded = policy('endless-load', 'for (;;);')
  const said = await Promise.all([redford(...one, 'fullBatch', '--policy', asked), redford(...one, loaded)])
  expect(said).toEqual([
    {
      code: 1,
      out: '',
      err: `redford lab: thread 1 of 1 had no answer in 15 s, at ${asked}, on star-20, 2 slots, seed 1\n`,
    },
    { code: 1, out: '', err: `redford lab: thread 1 of 1 had no answer in 15 s, while it loaded ${loaded}\n` },
  ])
})

it('one that has no more memory is told in a sentence', async () => {
  const path = policy(
    'greedy',
    'const all = []\nexport default (view) => { for (;;) all.push(new Array(999).fill({})) }',
  )
  const said = await new Promise<Said>((done) => {
    const env = { ...process.env, NODE_OPTIONS: '--max-old-space-size=60' }
    execFile(process.execPath, [resolve('dist/cli/redford.cjs'), ...one, path], { env }, (error, out, err) =>
      done({ code: Number(error?.code ?? 0), out, err }),
    )
  })
  expect(said).toEqual({
    code: 1,
    out: '',
    err: `redford lab: thread 1 of 1 ran out of memory, at ${path}, on star-20, 2 slots, seed 1\n`,
  })
})
