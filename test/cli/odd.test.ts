/** Words and files that make no sense are told of in one sentence that says what to do. */
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

const project = async (): Promise<Space> => {
  const s = space({ 'a.do': 'cat src\nredo-ifchange src\n', src: '1' })
  expect((await s.run('redo', ['-j1', '--no-daemon', '--record', 'r.rec', 'a'])).code).toBe(0)
  return s
}

const said = async (s: Space, args: readonly string[]): Promise<readonly unknown[]> => {
  const { code, stdout, stderr } = await s.run('redford', args)
  return [code, stdout, stderr]
}

test('what is named is no recording, and that is said as it is', async () => {
  const s = await project()
  expect((await s.sh('mkfifo pipe && head -c 3000 r.rec >cut.rec && : >empty.rec')).code).toBe(0)
  for (const [name, why] of [
    ['pipe', 'pipe is no file that can be read again and again, as a recording is: copy it into one first'],
    ['cut.rec', 'cut.rec: nothing of it can be used: it is damaged from its beginning on (no such table: meta)'],
    ['empty.rec', 'empty.rec: nothing of it can be used: it is no recording of Redford'],
    ['', 'the name of the recording is empty: name the FILE of redo --record FILE'],
  ] as const)
    for (const args of [
      ['replay', name],
      ['step', name],
      ['diff', 'r.rec', name],
      ['why', 'a', '--recording', name],
    ])
      expect([args, ...(await said(s, args))]).toEqual([args, 2, '', `redo  ${why}\n`])
  for (const name of ['pipe', 'empty.rec', 'src'])
    expect([name, ...(await said(s, ['lab', name]))]).toEqual([
      name,
      1,
      '',
      `redford lab: ${name}: it is no recording, and by its name none of .json, .csv and .ninja: see redford lab --help\n`,
    ])
})

test('a tick is a whole number, to step as to all others', async () => {
  const s = await project()
  const { code, stdout, stderr } = await s.run('redford', ['step', 'r.rec'], {
    stdin: 'g 1e0\ng 0x1\nf 1e300\nb 0x2\nf -1\nf +1\ng\ng 01\nf 99999999999999999999999\n',
  })
  expect(code).toBe(1)
  const end = /^tick \d+ of (\d+)/.exec(stdout)![1]
  expect(stdout.match(/^tick \d+/gm)).toEqual(['tick 0', 'tick 1', `tick ${end}`])
  expect(stderr.split('\n')).toEqual([
    `redo  '1e0' is no tick: there are 0 to ${end}`,
    `redo  '0x1' is no tick: there are 0 to ${end}`,
    "redo  '1e300' is no number of ticks",
    "redo  '0x2' is no number of ticks",
    "redo  '-1' is no number of ticks",
    "redo  '+1' is no number of ticks",
    `redo  g N: say which tick, of 0 to ${end}, or end`,
    'redo  that is the end',
    '',
  ])
})

test('an option without its value is told of in one line', async () => {
  const s = space({})
  for (const [args, why] of [
    [['--record', '--no-daemon', 'a'], '--record needs a value, and what follows is an option: say --record=VALUE, '],
    [['-j', '-k', 'a'], '-j needs a value, and what follows is an option: say -jVALUE, '],
    [['a', '--record'], '--record needs a value after it '],
    [['-j'], '--jobs needs a value after it '],
    [['--strange'], "Unknown option '--strange' "],
  ] as const) {
    const { code, stdout, stderr } = await s.run('redo', args)
    expect([args, code, stdout, stderr.split('\n').length]).toEqual([args, 2, '', 2])
    expect(stderr).toContain(`redo  ${why}`)
  }
  expect(await said(s, ['lab', 'chain:3', '--slots', '--seed', '1'])).toEqual([
    2,
    '',
    "redford lab: Option '--slots' argument is ambiguous\n",
  ])
})
