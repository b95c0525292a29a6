/** Options that contradict each other, or mean nothing: each is refused with a sentence, before anything runs. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { redford, type Said } from '../support/lab.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))
const recording = join(folder, 'one.rec')
const gone = join(folder, 'gone.rec')

const lab = (...args: readonly string[]): Promise<Said> => redford('lab', ...args)
const refused = async (args: readonly string[], why: string): Promise<void> =>
  expect(await lab(...args)).toEqual({ code: 1, out: '', err: `redford lab: ${why}\n` })

beforeAll(async () => {
  const one = ['chain:3', '--slots', '2', '--policy', 'fullBatch', '--seed', '1', '--export', recording]
  expect(await lab(...one)).toMatchObject({ code: 0 })
})

it.each([
  [['--threads', '1.5'], "--threads takes a whole number from 1 to 1000000, not '1.5'"],
  [['--threads', 'NaN'], "--threads takes a number, not 'NaN'"],
  [['--threads', '0'], "--threads takes a whole number from 1 to 1000000, not '0'"],
  [['--seeds', '0', '--seeds', '2'], '--seeds is said twice: say it once'],
  [['--csv', 'a', '--csv', 'b'], '--csv is said twice: say it once'],
  [['--seed', '3', '--seeds', '4'], '--seed is one seed, and --seeds says how many: leave out one of them'],
  [['-j', '2'], '-j and --runs are for validate, and a study has --slots and --seeds: leave out -j'],
  [
    ['--clients', '2', '--arrivals', 'recorded'],
    '--clients ask when they are answered, and --arrivals says when: leave out one of them',
  ],
])('a study with %j', (args, why) => refused(['queue:fixed', ...args], why))

it.each([
  ['--load', '0.5'],
  ['--jobs', '3'],
  ['--clients', '2'],
  ['--arrivals', 'chance'],
])('one build with %s %s: there is nothing to say of how many come, and when', async (option, value) => {
  for (const one of ['chain:3', 'test/lab/traces/own-curl-build.json'])
    await refused([one, option, value], `${one}: it is one job: leave out ${option}`)
  if (option !== '--load' && option !== '--jobs') return
  await refused(['chain:3', 'star:3', option, value], `chain:3, star:3: each is one job: leave out ${option}`)
  // Where one of many stands beside it, it is meant for that.
  const both = ['chain:3', 'queue:fixed', '--seeds', '1', '--policy', 'fullBatch', option, value]
  expect(await lab(...both)).toMatchObject({ code: 0, err: '' })
})

it('--speed is for jobs of a queue, too', async () => {
  const csv = join(folder, 'speed.csv')
  const mean = async (speed: string): Promise<number> => {
    const one = ['queue:fixed', '--jobs', '1', '--seed', '1', '--policy', 'fullBatch', '--csv', csv]
    expect(await lab(...one, '--speed', speed)).toMatchObject({ code: 0, err: '' })
    const [head, line] = readFileSync(csv, 'utf8').split('\n')
    return Number(line!.replace(/"[^"]*"/, '').split(',')[head!.split(',').indexOf('all.mean')])
  }
  expect(await mean('1')).toBe(10)
  expect(await mean('4')).toBe(2.5)
})

it.each([
  ['--speed', '2'],
  ['--overhead', 'tick=5'],
  ['--drive', 'batch'],
  ['--estimates', 'none'],
  ['--clients', '2'],
  ['--load', '0.5'],
  ['--jobs', '3'],
  ['--arrivals', 'chance'],
])('a recording with %s %s', (option, value) =>
  refused([recording, option, value], `${recording}: what is recorded is run as it was: leave out ${option}`),
)

it.each([
  [['-j', '1.5'], "-j takes a whole number from 1 to 1000000, not '1.5'"],
  [['-j', '0'], "-j takes a whole number from 1 to 1000000, not '0'"],
  [['--runs', '0'], "--runs takes a whole number from 1 to 1000000, not '0'"],
  [['-j', '1', '-j', '2'], '-j is said twice: say it once'],
  [['--csv', join(folder, 'a.csv')], 'validate takes -j, --runs and --policy: leave out --csv'],
  [['--policy', 'random', '--policy', 'fixpoint'], '--policy is said twice: say it once'],
  [[recording, gone], `there is no file ${gone}`],
  [[gone], `there is no file ${gone}`],
  [[recording, 'package.json'], 'package.json is no recording: say recordings only, or a folder and targets'],
  [[recording, '-j', '2'], 'recordings are run as they were, once: leave out -j'],
])('validate %j', (args, why) => refused(['validate', ...args], why))

it('validate builds with a number of slots once, however often it is said', async () => {
  const project = mkdtempSync(join(folder, 'project'))
  writeFileSync(join(project, 'all.do'), 'echo x')
  const { code, out } = await lab('validate', '-j', '2,2', '--runs', '1', project)
  expect(code).toBe(0)
  expect(out).toMatch(/^-j2, run 1: [^\n]*\n$/)
})

it('a study at the times of a file does not write over it', async () => {
  const times = join(folder, 'times.csv')
  writeFileSync(times, 't_ms\n0\n5\n7\n')
  const some = ['queue:fixed', '--jobs', '3', '--seeds', '1', '--policy', 'fullBatch', '--arrivals', times]
  await refused([...some, '--csv', times], `--csv: ${times} is what is read: name another file`)
  expect(readFileSync(times, 'utf8')).toBe('t_ms\n0\n5\n7\n')
  expect(existsSync(gone)).toBe(false)
  expect(await lab(...some)).toMatchObject({ code: 0, err: '' })
})
