/** That a recording is damaged, or was not ended in order, is told by every command that reads one, in words and in data. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import Database from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

/** `whole.rec`; `cut.rec`, of which the end is damaged; `open.rec`, which was not ended. */
const project = async (): Promise<Space> => {
  const s = space({ 'all.do': 'redo-ifchange a src\ncat a src\n', 'a.do': 'redo-ifchange src\ncat src\n', src: '1' })
  expect((await s.run('redo', ['-j1', '--no-daemon', '--record', 'whole.rec', 'all'])).code).toBe(0)
  for (const name of ['cut.rec', 'open.rec']) fs.copyFileSync(s.path('whole.rec'), s.path(name))
  const cut = new Database(s.path('cut.rec') as string)
  const log = cut.prepare('select log from chunks where id = 1').pluck().get() as Buffer
  log[log.length - 30]! ^= 1
  cut.prepare('update chunks set log = ? where id = 1').run(log)
  cut.close()
  const open = new Database(s.path('open.rec') as string)
  open.exec(`delete from meta where key = 'end'`)
  open.close()
  return s
}

const WHOLE = { damage: null, unfinished: null }
const CUT = { damage: expect.stringMatching(/^what comes after tick \d+ is damaged$/), unfinished: null }
const OPEN = { damage: null, unfinished: expect.stringMatching(/^it was not ended in order: .*; open.rec-wal belongs/) }

test('by the lab, in the same words', async () => {
  const s = await project()
  const lab = async (...args: readonly string[]): Promise<readonly [number | null, readonly string[]]> => {
    const { code, stderr } = await s.run('redford', ['lab', ...args])
    return [code, stderr.split('\n').slice(0, -1)]
  }
  const cut = expect.stringMatching(
    /^redford lab: cut.rec: it ends too early, and is used up to tick (\d+): what comes after tick \1 is damaged$/,
  )
  const open = expect.stringMatching(/^redford lab: open.rec: it was not ended in order: it is still being written, or/)
  const study = ['--slots', '0,2', '--policy', 'criticalPath', '--seeds', '1']
  expect(await lab('whole.rec', ...study)).toEqual([0, []])
  expect(await lab('open.rec', ...study)).toEqual([0, [open]])
  const nothing = 'redford lab: cut.rec: no request in it was answered: there is nothing to measure'
  expect(await lab('cut.rec', 'open.rec', ...study)).toEqual([1, [cut, open, nothing]])
  expect(await lab('whole.rec', 'open.rec', ...study, '--json', 'study.json')).toEqual([0, [open]])
  const { recordings } = JSON.parse(fs.readFileSync(s.path('study.json'), 'utf8')) as Record<string, unknown>
  expect(recordings).toEqual({ 'whole.rec': WHOLE, 'open.rec': OPEN })
  expect(await lab('validate', 'whole.rec', 'open.rec')).toEqual([0, [open]])
  expect(await lab('validate', 'cut.rec')).toEqual([1, [cut, nothing]])
})

test('by --json of each command', async () => {
  const s = await project()
  const data = async (stdin: string, ...args: readonly string[]): Promise<readonly unknown[]> => {
    const { stdout } = await s.run('redford', [...args, '--json'], { stdin })
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown)
  }
  for (const [name, ends] of [
    ['whole.rec', WHOLE],
    ['cut.rec', CUT],
    ['open.rec', OPEN],
  ] as const) {
    for (const args of [
      ['replay', name],
      ['replay', '--mode', 'counterfactual', name],
      ['diff', name],
      ['fork', '--at', '2', '-o', 'fork.rec', name],
      ['shrink', '--test', 'true', '-o', 'small.rec', name],
      ['why', 'all', '--recording', name],
      ['why-not', 'src', '--recording', name],
    ])
      expect([args, await data('', ...args)]).toEqual([args, [expect.objectContaining(ends)]])
    expect(await data('', 'diff', name, 'whole.rec')).toMatchObject([{ recordings: { a: ends, b: WHOLE } }])
    expect(await data('', 'diff', 'whole.rec', name)).toMatchObject([{ recordings: { a: WHOLE, b: ends } }])
    // A line each: one more, before all others, where there is something to tell.
    for (const args of [['log'], ['log', '--builds'], ['step']]) {
      const [first, ...others] = await data('f\n', ...args, name)
      if (ends === WHOLE) expect(first).not.toHaveProperty('damage')
      else expect([args, first]).toEqual([args, ends])
      for (const other of others) expect(other).not.toHaveProperty('damage')
    }
  }
})

const canBeAnother = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0

test.runIf(canBeAnother)(
  'one that was not ended, where nothing may be written, is not told of as damaged',
  async () => {
    const s = await project()
    const db = new Database(s.path('open.rec') as string)
    db.pragma('journal_mode = wal')
    db.exec(`update meta set value = value where key = 'about'`)
    fs.mkdirSync(s.path('theirs'))
    for (const end of ['', '-wal']) fs.copyFileSync(s.path(`open.rec${end}`), s.path(`theirs/open.rec${end}`))
    db.close()
    fs.chmodSync(s.base, 0o755)
    const { code, stdout, stderr } = await s.run('setpriv', [
      ...['--reuid=65534', '--clear-groups', 'redford', 'log', 'theirs/open.rec'],
    ])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(
      /^redo {2}theirs\/open.rec: nothing of it can be used: it was not ended in order, and SQLite may not write beside it \(.*\): copy it, with theirs\/open.rec-wal, to where you may\n$/,
    )
  },
)
