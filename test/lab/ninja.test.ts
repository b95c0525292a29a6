/** A build by ninja as people have it: a folder with `build.ninja`, and the log of what ninja did there. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const lab = async (...args: readonly string[]): Promise<readonly string[]> => {
  const all = [resolve('dist/cli/redford.cjs'), 'lab', ...args, '--seeds', '1', '--policy', 'fullBatch']
  const { stdout } = await promisify(execFile)(process.execPath, all, { cwd: folder })
  return stdout.trim().split('\n')
}

writeFileSync(
  join(folder, 'build.ninja'),
  `rule wait
  command = sleep $s && touch $out
build a: wait
  s = 0.05
build b: wait a
  s = 0.1
build c: wait a
  s = 0.02
build all: phony b c
default all
`,
)

it('is run by its folder, by its file, and from within', async () => {
  writeFileSync(join(folder, '.ninja_log'), '# ninja log v5\n0\t50\t0\ta\t1\n50\t150\t0\tb\t2\n50\t70\t0\tc\t3\n')
  for (const [name, path] of [
    [basename(folder), folder],
    [basename(folder), '.'],
    ['build', 'build.ninja'],
  ] as const) {
    const [one, , took, , two, , less] = await lab(path, '--slots', '1,2')
    expect([one, two]).toEqual([`${name}, 1 slot, 1 seed`, `${name}, 2 slots, 1 seed`])
    expect([took, less].map((line) => line!.split(/ +/)[1])).toEqual(['170', '150'])
  }
})

const isThere = (() => {
  try {
    return execFileSync('ninja', ['--version']).length > 0
  } catch {
    return false
  }
})()
it.skipIf(!isThere)('takes what ninja itself wrote (skipped where there is none)', async () => {
  rmSync(join(folder, '.ninja_log'))
  execFileSync('ninja', ['-j2'], { cwd: folder })
  const [, , took] = await lab('.')
  const ms = Number(took!.split(/ +/)[1])
  expect(ms).toBeGreaterThanOrEqual(150)
})
