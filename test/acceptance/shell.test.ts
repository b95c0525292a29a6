/** The surroundings a do-file runs in. After apenwarr's t/000 and 200. */
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space } from '../support/space.js'

afterEach(closeSpaces)

test('sh runs a do-file with -e, but a #! line decides for itself', async () => {
  const s = space({ 'strict.do': 'false\necho on\n', 'loose.do': '#!/bin/sh\nfalse\necho on\n' })
  expect((await s.redo('strict')).code).toBe(1)
  expect(s.exists('strict')).toBe(false)
  const loose = await s.redo('loose')
  expect(loose.code, loose.stderr).toBe(0)
  expect(s.read('loose')).toBe('on\n')
})

test('a #! line that names nothing is none', async () => {
  const s = space({ 'x.do': '#!\nfalse\necho on\n', 'y.do': '#! \necho on\n' })
  expect((await s.redo('x')).stderr).toContain('x: failed, exit 1 (x.do)')
  expect((await s.redo('y')).code).toBe(0)
  expect(s.read('y')).toBe('on\n')
})

test('a #! do-file in another language gets its arguments and needs no x bit', async () => {
  const s = space({
    'default.txt.do':
      '#!/usr/bin/env node\nconst [one, two, three] = process.argv.slice(2)\nrequire("fs").writeFileSync(three, `${one} ${two}`)\n',
    'option.do': '#!/bin/sh -eu\necho "${1}"\n: "$NOT_SET_AT_ALL"\n',
  })
  const text = await s.redo('x.txt')
  expect(text.code, text.stderr).toBe(0)
  expect(s.read('x.txt')).toBe('x.txt x')
  expect((await s.redo('option')).code).toBe(1)
})

test('-x shows the commands of a do-file', async () => {
  const s = space({ 'x.do': 'redo-ifchange y\necho out\n', 'y.do': 'echo low\n' })
  const traced = await s.redo('-x', 'x')
  expect(traced.stderr).toContain('+ echo out')
  const plain = await s.redo('x')
  expect(plain.stderr).not.toContain('+ echo out')
})

test("each request's environment reaches its do-files, also the inner ones", async () => {
  const s = space({
    'x.do': 'redo-always\nredo-ifchange y\ncat y\necho "$COLOUR"\n',
    'y.do': 'redo-always\necho "$COLOUR $SHAPE"\n',
  })
  await s.run('redo', ['x'], { env: { COLOUR: 'red' } })
  expect(s.read('x')).toBe('red \nred\n')
  await s.run('redo', ['x'], { env: { COLOUR: 'blue ü', SHAPE: 'round' } })
  expect(s.read('x')).toBe('blue ü round\nblue ü\n')
})

test("stdin is /dev/null, whatever redo's own is", async () => {
  const s = space({ 'x.do': 'cat\necho end\n' })
  await s.run('redo', ['x'], { stdin: 'not for you\n' })
  expect(s.read('x')).toBe('end\n')
})

test('CDPATH does not reach a do-file', async () => {
  const s = space({ 'x.do': 'cd sub\necho "${CDPATH-unset}"\n', 'sub/.keep': '', 'other/sub/.keep': '' })
  await s.run('redo', ['x'], { env: { CDPATH: `${s.root}/other:.` } })
  expect(s.read('x')).toBe('unset\n')
})

test('the redo commands are in the PATH of a do-file even when the caller has no such folder there', async () => {
  const s = space({ 'x.do': '#!/bin/sh\nredo-ifchange y\nset -e\ncat y\n', 'y.do': 'echo y\n' })
  const path = s.environment().PATH ?? ''
  const redo = `${path.split(':')[0]}/redo`
  const result = await s.run(redo, ['x'], { env: { PATH: path.split(':').slice(1).join(':') } })
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('y\n')
})

test('what a do-file says on stderr is shown, also when all is well', async () => {
  const s = space({ 'x.do': 'echo said >&2\necho out\n' })
  const result = await s.redo('x')
  expect(result.stderr).toContain('said\n')
  expect(result.stdout).toBe('')
})

test('stderr that a do-file redirects takes the output of everything below it along', async () => {
  const s = space({ 'x.do': 'redo-ifchange y 2>log\n', 'y.do': 'redo-ifchange z\n', 'z.do': 'echo from z >&2\n' })
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('log')).toContain('from z\n')
  expect(result.stderr).not.toContain('from z')
})

test('stderr that a do-file redirects takes failures along, also of what ran ahead of it or for another', async () => {
  const s = space({
    'bad.do': 'echo from bad >&2\nexit 3\n',
    'x.do': 'redo-ifchange bad 2>x.log || echo caught\n',
    'y.do': 'redo-ifchange x\nredo-ifchange bad 2>y.log || echo caught\n',
  })
  // The second time it is known what they need, so that it is made before they run.
  for (const time of ['first', 'second']) {
    const result = await s.run('redo-ifchange', ['-j1', 'y'])
    expect(result.code, result.stderr).toBe(0)
    expect(result.stderr, time).not.toMatch(/failed|from bad/)
    for (const log of ['x.log', 'y.log']) {
      expect(s.read(log), time).toContain('from bad\nredo  bad: failed, exit 3 (bad.do)\n')
      s.remove(log)
    }
  }
})

test('a failure that a do-file redirects is told to whoever else asks for it', async () => {
  const s = space({ 'bad.do': 'exit 3\n', 'x.do': 'redo-ifchange bad 2>log || redo-ifchange bad\n' })
  const inside = await s.run('redo-ifchange', ['-j1', 'x'])
  expect(inside.code).toBe(1)
  expect(inside.stderr).toContain('redo  bad: failed, exit 3 (bad.do)\n')
  s.write('x.do', 'redo-ifchange bad 2>log || echo caught\n')
  const beside = await s.run('redo-ifchange', ['-j1', '-k', 'x', 'bad'])
  expect(beside.code).toBe(1)
  expect(beside.stderr).toContain('redo  bad: failed, exit 3 (bad.do)\n')
})

test('stderr that a do-file redirects takes failures along that no do-file wrote, and what they come of', async () => {
  const s = space({
    'x.do': 'redo-ifchange y 2>x.log\n',
    'y.do': 'redo-ifchange none 2>y.log\n',
  })
  const result = await s.run('redo-ifchange', ['x'])
  expect(result.code).toBe(1)
  expect(result.stderr).toBe(
    [
      'redo  x',
      'redo  x: failed, exit 1, since y failed (x.do)',
      'redo    to repeat: redo x',
      'redo  one target failed:',
      'redo  x: failed, exit 1, since y failed (x.do)',
      '',
    ].join('\n'),
  )
  expect(s.read('x.log')).toBe(
    'redo  y\nredo  y: failed, exit 1, since none failed (y.do)\nredo    to repeat: redo y\n',
  )
  expect(s.read('y.log')).toBe('redo  none: failed, no such file, and no do-file that makes it\n')
})

test('a failure that do-files wait for together is told to each of them', async () => {
  const ask = (log: string): string =>
    `: >${log}.asks\nredo-ifchange bad${log === '' ? '' : ` 2>${log}.log`} || echo caught\n`
  const s = space({
    'bad.do': 'while [ ! -e x.asks -o ! -e y.asks -o ! -e .asks ]; do sleep 0.02; done\nsleep 0.3\nexit 3\n',
    'x.do': ask('x'),
    'y.do': ask('y'),
    'z.do': ask(''),
  })
  const result = await s.run('redo-ifchange', ['-j4', 'x', 'y', 'z'])
  expect(result.code, result.stderr).toBe(0)
  for (const told of [s.read('x.log'), s.read('y.log'), result.stderr])
    expect(
      told?.replace(/redo {2}one target failed:.*/s, '').split('redo  bad: failed, exit 3 (bad.do)\n'),
    ).toHaveLength(2)
})

test('a do-file dies quietly of a closed pipe, as in any shell', async () => {
  const s = space({ 'x.do': noted('yes | head -n 1') })
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('y\n')
  expect(result.stderr).not.toMatch(/pipe/i)
})
