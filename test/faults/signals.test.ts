/** Fault 32: SIGINT, SIGTERM and SIGHUP end a command in order and in time, a second one at once; nothing is half, nothing is left. */
import { afterEach, describe, expect, test } from 'vitest'
import { hasProc, isAlive } from '../support/processes.js'
import { closeSpaces, noted, type Space, space, until } from '../support/space.js'

afterEach(closeSpaces)

/** `x` writes half, says so, and then waits much longer than a test; `stubborn` does not listen to signals either. */
const project = async (): Promise<Space> => {
  const s = space({
    fast: 'yes',
    'x.do': noted(
      'redo-ifchange fast',
      'if [ "$(cat fast)" = yes ]; then echo whole; exit; fi',
      'echo half >"$3"',
      'echo $$ >x.pid',
      'sleep 300',
      'echo never >"$3"',
    ),
    'all.do': noted('redo-ifchange x', 'redo-ifchange after'),
    'after.do': noted(),
    'stubborn.do': noted("trap '' INT TERM HUP", 'echo $$ >stubborn.pid', 'while :; do sleep 0.05; done'),
  })
  await s.ifchange('all')
  s.runs()
  s.write('fast', 'no')
  return s
}

const expectRecovery = async (s: Space): Promise<void> => {
  expect(s.read('x')).toBe('whole\n')
  s.write('fast', 'yes')
  const next = await s.ifchange('all')
  expect(next.code, next.stderr).toBe(0)
  expect(s.read('x')).toBe('whole\n')
  expect(s.list().filter((name) => !/\.(do|pid)$/.test(name))).toEqual(['fast', 'x'])
}

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s', (signal, code) => {
  test.each(['--no-daemon', '-j2'])(`ends the build with ${code} in under two seconds (%s)`, async (option) => {
    const s = await project()
    const running = s.start('redo', [option, 'all'])
    await until('the do-file is half done', () => s.exists('x.pid'))
    const begin = performance.now()
    running.kill(signal)
    const result = await running.done
    expect(performance.now() - begin).toBeLessThan(2_000)
    expect(result.code, result.stderr).toBe(code)
    if (hasProc) await until('the do-file is ended', () => !isAlive(Number(s.read('x.pid'))), 1_000)
    expect(s.runs()).not.toContain('after')
    await expectRecovery(s)
  })
})

test('a do-file that does not listen to signals is ended all the same', async () => {
  const s = await project()
  const running = s.start('redo', ['stubborn'])
  await until('it runs', () => s.exists('stubborn.pid'))
  running.kill('SIGTERM')
  expect((await running.done).code).toBe(143)
  if (hasProc) await until('it is ended', () => !isAlive(Number(s.read('stubborn.pid'))))
  await expectRecovery(s)
})

test('a second signal ends the command at once', async () => {
  const s = await project()
  const running = s.start('redo', ['stubborn'])
  await until('it runs', () => s.exists('stubborn.pid'))
  running.kill('SIGINT')
  // Two signals of a kind that wait to be delivered are one.
  await new Promise((resolve) => setTimeout(resolve, 100))
  const begin = performance.now()
  running.kill('SIGINT')
  expect((await running.done).code).toBe(130)
  expect(performance.now() - begin).toBeLessThan(500)
  await expectRecovery(s)
})

test("a signal to one command leaves another's build alone", async () => {
  const s = await project()
  s.write('y.do', noted('touch y.here', 'until [ -e go ]; do sleep 0.02; done', 'echo y'))
  const ended = s.start('redo', ['-j2', 'x'])
  await until('x runs', () => s.exists('x.pid'))
  const stays = s.start('redo', ['-j2', 'y'])
  await until('y runs', () => s.exists('y.here'))
  ended.kill('SIGINT')
  expect((await ended.done).code).toBe(130)
  s.write('go', '')
  const result = await stays.done
  expect(result.code, result.stderr).toBe(0)
  expect([s.read('x'), s.read('y')]).toEqual(['whole\n', 'y\n'])
})

test('the daemon itself, ended by SIGTERM in the middle of a build, leaves all in order', async () => {
  const s = await project()
  const running = s.start('redo', ['all'])
  await until('the do-file is half done', () => s.exists('x.pid'))
  for (const pid of s.engines()) process.kill(pid, 'SIGTERM')
  const result = await running.done
  expect(result.code).not.toBe(0)
  if (hasProc) await until('all its processes are ended', () => s.processes().length === 0)
  expect(s.exists('.redford/socket')).toBe(false)
  await expectRecovery(s)
})
