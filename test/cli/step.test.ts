/** `redford step` in a terminal, as a person goes through a recording. */
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, type Space, space } from '../support/space.js'
import { inTerminal } from '../support/terminal.js'

afterEach(closeSpaces)

const NAME = 'two  spaces'

const project = async (): Promise<Space> => {
  const s = space({
    'all.do': `redo-ifchange "${NAME}" ok\n`,
    [`${NAME}.do`]: 'redo-ifchange src\ncat src\n',
    'ok.do': 'exit 3\n',
    src: '1',
  })
  await s.run('redo', ['-j1', '--no-daemon', '--record', 'r.rec', 'all'])
  return s
}

test('in a terminal: forward, back, to a tick, to where a target is something, and a target shown', async () => {
  const s = await project()
  const right = '\u001b[C'
  const left = '\u001b[D'
  const { code, screen } = await inTerminal(
    'redford step r.rec',
    { cwd: s.root, env: { ...s.environment(), TERM: 'xterm' } },
    [
      { after: /^\d+ ticks; h tells the commands\ntick 0 of \d+, .*\n> /, keys: 'f\r' },
      { after: /\ntick 1 of .*\n(?: {2}.*\n)*> /, keys: '\r' },
      { after: /\ntick 2 of .*\n(?: {2}.*\n)*> /, keys: right },
      { after: /\ntick 3 of .*\n(?: {2}.*\n)*> /, keys: left },
      { after: /\ntick 2 of .*\n(?: {2}.*\n)*> /, keys: 'b 2\r' },
      { after: /\ntick 0 of .*\n> /, keys: 'g 4\r' },
      { after: /\ntick 4 of .*\n(?: {2}.*\n)*> /, keys: `w ${NAME} running\r` },
      { after: /\ntick \d+ of .*\n(?: {2}.*\n)*? {2}two {2}spaces runs\n(?: {2}.*\n)*> /, keys: 'w ok broken\r' },
      { after: /\ntick \d+ of .*\n(?: {2}.*\n)*? {2}ok is broken: exit 3\n(?: {2}.*\n)*> /, keys: `s ${NAME}\r` },
      { after: /\ntwo {2}spaces: rest, target\n(?: {2}.*\n)*? {2}depends on: two {2}spaces.do src\n> /, keys: 'zz\r' },
      { after: /there is no command 'zz': h tells those there are\n> /, keys: 'q\r' },
    ],
  )
  expect(code, screen).toBe(0)
})

test('ended by Ctrl-C or Ctrl-D, it leaves the line of its prompt', async () => {
  const s = await project()
  for (const key of ['\u0003', '\u0004']) {
    const { code, screen } = await inTerminal(
      'redford step r.rec; echo over',
      { cwd: s.root, env: { ...s.environment(), TERM: 'xterm' } },
      [{ after: /\ntick 0 of \d+, .*\n> /, keys: key }],
    )
    expect(code, screen).toBe(0)
    expect(screen).toMatch(/\n> \nover\n/)
  }
})

test('where nothing changed it says so, and so does diff between two ticks', async () => {
  const s = await project()
  const { stdout } = await s.run('redford', ['step', 'r.rec'], { stdin: 'd\ni\n' })
  expect(stdout).toMatch(/^tick 0 of .*\n {2}nothing changed\n {2}nothing is under way\n$/)
  expect(await s.run('redford', ['diff', 'r.rec', '--from', '2', '--to', '2'])).toMatchObject({
    code: 0,
    stdout: 'nothing changed\n',
    stderr: '',
  })
})

test('a name is taken as it is, with all its spaces', async () => {
  const s = await project()
  const { code, stdout, stderr } = await s.run('redford', ['step', 'r.rec'], {
    stdin: `g end\n  s  ${NAME}  \nw ${NAME} rest\ns two spaces\nw two spaces rest\nw rest\nw\nw ${NAME.trim().split(' ')[0]}\ns\n`,
  })
  expect(stdout).toContain(`\n${NAME}: rest, target\n`)
  expect([code, stderr.split('\n')]).toEqual([
    1,
    [
      "redo  nothing is called 'two spaces' in this recording",
      "redo  nothing is called 'two spaces' in this recording",
      "redo  w TARGET STATUS: say which target is to be 'rest'",
      expect.stringMatching(/^redo {2}w TARGET STATUS: say which target is to be what, of rest, /),
      expect.stringMatching(/^redo {2}w TARGET STATUS: say what '.*' is to be, of rest, /),
      'redo  s TARGET: say which',
      '',
    ],
  ])
})

test('a command of one word takes no more; in data the commands are data, too', async () => {
  const s = await project()
  const { code, stdout, stderr } = await s.run('redford', ['step', 'r.rec'], { stdin: 'd 3\ni x\nh all\nq 1\ng 1\n' })
  expect([code, stdout.match(/^tick \d+/gm), stderr.split('\n')]).toEqual([
    1,
    ['tick 0', 'tick 1'],
    [
      "redo  d takes nothing after it, and '3' is there",
      "redo  i takes nothing after it, and 'x' is there",
      "redo  h takes nothing after it, and 'all' is there",
      "redo  q takes nothing after it, and '1' is there",
      '',
    ],
  ])
  const data = await s.run('redford', ['step', '--json', 'r.rec'], { stdin: 'h\nf\n' })
  const lines = data.stdout.trim().split('\n')
  expect(lines.map((line) => Object.keys(JSON.parse(line))[0])).toEqual(['tick', 'commands', 'tick'])
})
