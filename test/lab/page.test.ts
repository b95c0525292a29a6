/** What the page tells of; how it looks, a browser says in `command.test.ts`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { redford } from '../support/lab.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** How many bars each Gantt view has, by its title. */
const gantts = async (...args: readonly string[]): Promise<readonly (readonly [title: string, bars: number])[]> => {
  const html = join(folder, 'page.html')
  expect(await redford('lab', ...args, '--html', html)).toMatchObject({ code: 0, err: '' })
  const page = readFileSync(html, 'utf8')
  return [...page.matchAll(/<summary>Gantt: (.*?)<\/summary>([\s\S]*?)<\/details>/g)].map(([, title, drawn]) => [
    title!,
    drawn!.match(/aria-roledescription="bar"/g)?.length ?? 0,
  ])
}

it('has a Gantt view of any run: of the first seed, of the one that is said, of a recording', async () => {
  const record = join(folder, 'one.rec')
  const some = ['layered:3x4', '--slots', '2', '--policy', 'criticalPath']
  expect(await gantts(...some, '--policy', 'random', '--seeds', '2')).toEqual([
    ['criticalPath, seed 1; another by --seed N', 12],
    ['random, seed 1; another by --seed N', 12],
  ])
  expect(await gantts(...some, '--seed', '5', '--export', record)).toEqual([['criticalPath, seed 5', 12]])
  expect(await gantts(record, '--policy', 'fullBatch', '--seed', '1')).toEqual([['fullBatch, seed 1', 12]])
})
