/** Which project a command is for, and that one in which nothing was built is left as it is. */
import { mkdirSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space } from '../support/space.js'

afterEach(closeSpaces)

test('a target of another project is built there, whether daemons run or not', async () => {
  const s = space({ 'p/x.do': noted('cat y'), 'p/y': '1', 'q/z.do': noted('echo z') })
  for (const project of ['p', 'q']) mkdirSync(`${s.root}/${project}/.redford`, { mode: 0o700 })
  const q = { cwd: 'q' }
  for (const said of ['1', '2', '3']) {
    s.write('p/y', said)
    expect(await s.run('redo', ['../p/x'], q)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^redo {2}\.\.\/p\/x$/m),
    })
    expect(s.read('p/x')).toBe(said)
    expect(await s.run('redo', ['z'], q)).toMatchObject({ code: 0 })
    if (said === '2') await s.run('redford', ['stop'], q)
  }
  expect((await s.run('redo-whichdo', ['../p/x'], q)).stdout).toBe('../p/x.do\n')
  expect((await s.run('redo-targets', [], { cwd: 'p' })).stdout).toBe('x\n')
  for (const cwd of ['p', 'q']) await s.run('redford', ['stop'], { cwd })
  expect(s.exists('.redford')).toBe(false)
})

test('targets of several projects are refused, and make none of what lies above', async () => {
  const s = space({ 'p/x.do': noted('echo x'), 'q/x.do': noted('echo x'), 'own/y.do': noted('echo y') })
  s.remove('.git')
  for (const project of ['p', 'q', 'own']) mkdirSync(`${s.root}/${project}/.redford`, { mode: 0o700 })
  const refused = {
    code: 2,
    stderr: `redo  the targets are of several projects, ${s.root}/p and ${s.root}/q: give a command for each\n`,
  }
  expect(await s.redo('p/x', 'q/x')).toMatchObject(refused)
  expect(await s.redo('--no-daemon', 'p/x', 'q/x')).toMatchObject(refused)
  // A daemon is asked first.
  expect(await s.run('redo', ['y'], { cwd: 'own' })).toMatchObject({ code: 0 })
  expect(await s.run('redo', ['../p/x', '../q/x'], { cwd: 'own' })).toMatchObject(refused)
  expect([s.exists('.redford'), s.runs()]).toEqual([false, ['y']])
  await s.run('redford', ['stop'], { cwd: 'own' })
})

test('what a project outside is asked for by the way makes no project of it', async () => {
  const s = space({ 'x.do': noted('redo-ifchange /dev/null', 'echo x') })
  s.remove('.git')
  expect(await s.ifchange('x', '/dev/null')).toMatchObject({ code: 0 })
  expect([s.read('x'), s.exists('.redford')]).toEqual(['x\n', true])
})

test.each([
  ['redo-targets', [], 0, '', ''],
  ['redo-sources', ['--json'], 0, '[]\n', ''],
  ['redo-ood', [], 0, '', ''],
  ['redo-whichdo', ['sub/x'], 0, 'sub/x.do\nsub/default.do\n', ''],
  ['redo-whichdo', ['y.c', '--json'], 1, '["y.c.do","default.c.do","default.do"]\n', ''],
  ['redford', ['why', 'sub/x'], 1, '', /^redo {2}nothing is known of sub\/x: /],
  ['redo', [], 1, '', 'redo  all: failed, no such file, and no do-file that makes it\n'],
  ['redo', ['--no-daemon', 'y'], 1, '', 'redo  y: failed, no such file, and no do-file that makes it\n'],
  [
    'redo-ifchange',
    ['/nothing'],
    1,
    '',
    'redo  /nothing: failed, no such file, and nothing is built outside the project\n',
  ],
  ['redo-ifchange', [], 0, '', ''],
  ['redo-always', [], 2, '', 'redo  redo-always is for do-files\n'],
] as const)('where nothing was built, %s %j leaves nothing behind', async (command, args, code, stdout, stderr) => {
  const s = space({ 'sub/default.do': noted('echo x') })
  const result = await s.run(command, args)
  expect(result).toMatchObject({ code, stdout })
  if (typeof stderr === 'string') expect(result.stderr).toBe(stderr)
  else expect(result.stderr).toMatch(stderr)
  expect([s.exists('.redford'), s.engines(), s.runs()]).toEqual([false, [], []])
})

test('a folder of the name of a do-file is none, for redo-whichdo too', async () => {
  const s = space({ 'x.do/y': '', 'default.do': noted('echo x') })
  await s.redo('x')
  expect((await s.run('redo-whichdo', ['x'])).stdout).toBe('x.do\ndefault.do\n')
  expect(s.read('x')).toBe('x\n')
})

test('a working folder that is gone is said to be', async () => {
  const s = space({ 'x.do': noted('echo x') })
  const result = await s.sh('mkdir gone && cd gone && rmdir ../gone && redo ../x')
  expect(result.code).toBe(2)
  expect(result.stderr).toMatch(/^redo {2}the working folder cannot be found \(ENOENT/m)
})
