/** The start of a daemon by the client of the first command, in C where there is one. */
import { afterEach, expect, test } from 'vitest'
import { commandLineOf } from '../support/processes.js'
import { closeSpaces, type Space, space, until } from '../support/space.js'

afterEach(closeSpaces)

/** With the client compiled, and no daemon. */
const compiled = async (files: Record<string, string>): Promise<Space> => {
  const s = space({ ...files, 'warm.do': 'echo warm\n' })
  await s.redo('warm')
  await s.run('redford', ['stop'])
  return s
}

const hint = '.redford/starting'

test('the client starts it, in a project that is new and in one that was built', async () => {
  const s = await compiled({ 'a.do': 'echo a\n' })
  for (const isNew of [false, true]) {
    if (isNew) s.remove('.redford')
    const { code, stderr } = await s.redo('a')
    expect(code, stderr).toBe(0)
    expect(commandLineOf(s.daemon())).toMatch(/daemon --for redo a$/)
    expect(s.exists(hint)).toBe(false)
    await s.run('redford', ['stop'])
  }
})

test('what is asked of another project leaves no hint in this one', async () => {
  const s = await compiled({ 'a.do': 'echo a\n', 'other/b.do': 'echo b\n', 'other/.redford/.keep': '' })
  expect((await s.redo('other/b')).code).toBe(0)
  expect(s.exists(hint)).toBe(false)
  expect(s.exists(`other/${hint}`)).toBe(false)
  await s.run('redford', ['stop'], { cwd: 'other' })
})

test.each(['SIGINT', 'SIGKILL'] as const)(
  'a client ended by %s while it waits leaves no hint for long',
  async (signal) => {
    const s = await compiled({ 'a.do': 'echo a\n' })
    const running = s.start('redo', ['a'])
    await until('it starts', () => s.processes().some((pid) => commandLineOf(pid).endsWith(' daemon --for redo a')))
    running.kill(signal)
    await running.done
    await until('the daemon serves', () => s.exists('.redford/socket'))
    await until('the hint is gone', () => !s.exists(hint))
    expect((await s.redo('a')).code).toBe(0)
  },
)

test('a hint that was left behind, then or in times to come, is no hindrance', async () => {
  const s = await compiled({ 'a.do': 'echo a\n' })
  for (const seconds of [-60, 60]) {
    s.write(hint, '')
    s.touch(hint, new Date(Date.now() + seconds * 1000))
    expect((await s.redo('a')).code).toBe(0)
    expect(s.exists(hint)).toBe(false)
    await s.run('redford', ['stop'])
  }
})

test('help is printed without one, also where something was built', async () => {
  const s = await compiled({})
  const { code, stdout } = await s.run('redo', ['-h'])
  expect([code, stdout]).toEqual([0, expect.stringContaining('usage')])
  expect(s.engines()).toEqual([])
})

test('no descriptor of whoever starts it stays open', async () => {
  const s = await compiled({ 'a.do': 'echo a\n' })
  // Above what a small loop would close.
  const { code } = await s.run('bash', ['-c', 'exec 2000>&1; redo a 2>&1 | cat; exit 0'])
  expect(code).toBe(0)
})
