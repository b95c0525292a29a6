/** Names are bytes: all are welcome but the empty one and those with a newline. After apenwarr's t/103, 104 and 105. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, type Name, noted, space } from '../support/space.js'

afterEach(closeSpaces)

const copy = 'redo-ifchange "./$2.in"\ncat "./$2.in"\n'

test('spaces, tabs, quotes, stars, leading dashes, backslashes and unicode are nothing special', async () => {
  const names = [
    'two words',
    'tab\there',
    '-dash',
    '--help',
    '*',
    "it's",
    'a"b',
    'back\\slash',
    '$HOME',
    'grün ☃ 語',
    '#hash',
    'a=b',
    '~',
    ';',
    '__proto__',
    'constructor',
    '0',
  ]
  const s = space([['default.out.do', copy], ...names.map((name) => [`${name}.in`, `${name}!`] as const)])
  const targets = names.map((name) => `${name}.out`)
  const result = await s.redo('--', ...targets)
  expect(result.code, result.stderr).toBe(0)
  expect(targets.map((name) => s.read(name))).toEqual(names.map((name) => `${name}!`))
  for (const name of names) s.write(`${name}.in`, `${name}?`)
  await s.ifchange('--', ...targets)
  expect(targets.map((name) => s.read(name))).toEqual(names.map((name) => `${name}?`))
  const listed = await s.run('redo-targets')
  expect(listed.stdout.split('\n').filter(Boolean).sort()).toEqual([...targets].sort())
})

test('spaces in folders, and in the path of the project itself', async () => {
  const s = space(
    { 'my lib/default.o.do': 'redo-ifchange "$2.c"\ncat "$2.c"\n', 'my lib/sub dir/one two.c': 'text' },
    'my project\twith ü',
  )
  const result = await s.redo('my lib/sub dir/one two.o')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('my lib/sub dir/one two.o')).toBe('text')
})

// Elsewhere all names are UTF-8.
test.runIf(process.platform === 'linux').each(['redo x', 'redo --no-daemon x', 'REDFORD_NATIVE=off redo x'])(
  '%s works in a project whose folder has a name that is not UTF-8',
  async (command) => {
    const s = space({ 'p/.redford/.keep': '', 'p/x.do': 'redo-ifchange y "$PWD/source"\ncat y source\n' })
    s.write('p/y.do', 'echo y\n')
    s.write('p/source', 'source\n')
    const result = await s.sh(
      `p="$(printf 'caf\\351')" && mv p "$p" && cd "$p" && ${command}; code=$?; redford stop >/dev/null; cat x; exit $code`,
    )
    expect(result.code, result.stderr).toBe(0)
    expect(result.stdout).toBe('y\nsource\n')
  },
)

test('names that are not UTF-8 stay as they are, byte for byte', async () => {
  const odd = (text: string): Buffer => Buffer.from(text, 'latin1')
  const folder = odd('f\xe9')
  const s = space([
    ['default.out.do', noted('redo-ifchange "$2.in"', 'cat "$2.in"')],
    [odd('\xff\xfe\xe9.in'), 'one'],
  ])
  fs.mkdirSync(s.path(folder))
  s.write(odd('f\xe9/\xc3\x28.in'), 'two')
  const ask = `redo-ifchange "$(printf '\\377\\376\\351.out')" "$(printf 'f\\351/\\303\\050.out')"`
  const result = await s.sh(ask)
  expect(result.code, result.stderr).toBe(0)
  const targets: Name[] = [odd('\xff\xfe\xe9.out'), odd('f\xe9/\xc3\x28.out')]
  expect(targets.map((name) => s.read(name))).toEqual(['one', 'two'])
  s.runs()
  await s.sh(ask)
  expect(s.runs()).toEqual([])
  s.write(odd('\xff\xfe\xe9.in'), 'three')
  await s.sh(ask)
  expect(targets.map((name) => s.read(name))).toEqual(['three', 'two'])
  const listed = await s.sh('redo-targets | LC_ALL=C od -An -c | tr -d " \\n"')
  expect(listed.stdout).toContain('377376351.out')
  expect(s.list().length).toBe(4)
})

test('a name of 255 bytes is as good as any', async () => {
  const long = 'n'.repeat(251)
  const s = space({
    'default.out.do': noted('redo-ifchange src', 'cat src'),
    'default.two.do': noted('redo-ifchange src', 'cat src >"$3"'),
    src: '1',
  })
  const targets = [`${long}.out`, `${long}.two`]
  const result = await s.ifchange(...targets)
  expect(result.code, result.stderr).toBe(0)
  s.write('src', '2')
  const again = await s.ifchange(...targets)
  expect(again.code, again.stderr).toBe(0)
  expect(targets.map((name) => s.read(name))).toEqual(['2', '2'])
})

test('a name that is too long for the disk is a failure, not a crash', async () => {
  const s = space({ 'default.do': 'echo x\n' })
  expect((await s.redo('n'.repeat(256))).code).toBe(1)
  expect((await s.redo('fine')).code).toBe(0)
})

test('a name with a newline and the empty name are refused with 204, also inside a do-file', async () => {
  const s = space({ 'default.do': noted('echo x'), 'ask.do': '#!/bin/sh\nredo-ifchange "$BAD" 2>&1\n[ $? -ne 0 ]\n' })
  for (const bad of ['two\nlines', '']) {
    for (const command of ['redo', 'redo-ifchange', 'redo-whichdo']) {
      const result = await s.run(command, [bad])
      expect(result.code, command).not.toBe(0)
      expect(result.stderr).toMatch(/\b204\b/)
    }
    const inner = await s.run('redo', ['ask'], { env: { BAD: bad } })
    expect(inner.code, inner.stderr).toBe(0)
    expect(s.read('ask')).toMatch(/\b204\b/)
  }
  expect(s.runs()).toEqual([])
})

test('one target under many spellings is made once', async () => {
  const s = space({
    'default.dyn.do': noted('echo made'),
    'y/static': '1',
    'user.do': noted('cd y/x/x', 'redo-ifchange static "$PWD/static" ../y/x/static', 'cat static'),
  })
  fs.symlinkSync('.', s.path('y/x'))
  const spellings = [
    'y/1.dyn',
    './y/1.dyn',
    'y//1.dyn',
    'y/x/1.dyn',
    'y/x/x/x/1.dyn',
    'y/../y/1.dyn',
    `${s.root}/y/1.dyn`,
  ]
  const result = await s.ifchange(...spellings)
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs()).toEqual(['y/1.dyn'])
  await s.ifchange('user')
  s.runs()
  await s.ifchange('user')
  expect(s.runs()).toEqual([])
  s.write('y/static', '2')
  await s.ifchange('user')
  expect(s.read('user')).toBe('2')
})

test('.. behind a symlinked folder is the parent of where the link leads', async () => {
  const s = space({ 'default.dyn.do': noted('echo made'), 'real/deep/.keep': '' })
  fs.symlinkSync('real/deep', s.path('link'))
  const result = await s.sh(
    'redo-ifchange link/../1.dyn link/2.dyn && cd link && redo-ifchange ../3.dyn "$PWD/../4.dyn" 5.dyn',
  )
  expect(result.code, result.stderr).toBe(0)
  expect(s.list('real')).toEqual(['1.dyn', '3.dyn', '4.dyn', 'deep'])
  expect(s.list('real/deep')).toEqual(['.keep', '2.dyn', '5.dyn'])
  expect(s.exists('1.dyn')).toBe(false)
})

test('a project entered by a symlink is the same project', async () => {
  const s = space({ 'x.do': noted('echo x'), 'sub/y.do': noted('echo y') })
  fs.symlinkSync(s.root, `${s.base}/alias`)
  fs.symlinkSync(`${s.root}/sub`, `${s.base}/inner`)
  await s.ifchange('x', 'sub/y')
  expect(s.runs()).toEqual(['x', 'y'])
  const result = await s.sh('cd "$ALIAS" && redo-ifchange x sub/y && cd "$INNER" && redo-ifchange y ../x', {
    env: { ALIAS: `${s.base}/alias`, INNER: `${s.base}/inner` },
  })
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs()).toEqual([])
  expect(s.engines().length).toBe(1)
})

test('targets above and beside the current folder, also where names share a beginning', async () => {
  const s = space({ 'default.do': 'echo "$1"\n', 'ab/.keep': '', 'ac/.keep': '', 'a/.keep': '' })
  const result = await s.run('redo', ['../ac/x', '../up', '../a/x', 'here'], { cwd: 'ab' })
  expect(result.code, result.stderr).toBe(0)
  expect(['ac/x', 'up', 'a/x', 'ab/here'].map((name) => s.read(name))).toEqual(['ac/x\n', 'up\n', 'a/x\n', 'ab/here\n'])
  expect(result.stderr).toMatch(/^redo {2}\.\.\/ac\/x$/m)
})

test('a target outside the project is a source only', async () => {
  const s = space({ 'default.do': noted('echo made') })
  const outside = `${s.base}/outside`
  const missing = await s.ifchange(outside)
  expect(missing.code).toBe(1)
  expect(fs.existsSync(outside)).toBe(false)
  fs.writeFileSync(outside, 'by hand')
  expect((await s.ifchange(outside)).code).toBe(0)
  expect([fs.readFileSync(outside, 'utf8'), s.runs()]).toEqual(['by hand', []])
})
