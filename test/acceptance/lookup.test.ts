/** Which do-file makes a target, where it runs, and what it is handed. After apenwarr's t/100, 120, 121, 122. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space } from '../support/space.js'

afterEach(closeSpaces)

test.each([
  ['redo', ['x.do', 'x']],
  ['redo', ['x', 'x.do']],
  ['redo-ifchange', ['x.do', 'x']],
  ['redo-ifchange', ['-j1', 'x', 'x.do']],
  ['redo-ifchange', ['both']],
])('a do-file that is made by the same command is waited for: %s %j', async (command, args) => {
  const s = space({
    'default.do.do': noted('echo "echo made by \\$0"'),
    'default.do': noted('echo made by default.do'),
    'both.do': noted('redo-ifchange x x.do'),
  })
  const result = await s.run(command, args)
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toMatch(/^made by .*x\.do\n$/)
  expect(await s.ifchange('x')).toMatchObject({ code: 0, stderr: '' })
  expect(s.runs().filter((name) => name === 'x')).toEqual([])
})

test.each(['redo', 'redo-ifchange'])(
  '%s makes a do-file again that was made and is gone, before others are tried',
  async (command) => {
    const s = space({ 'x.do.do': 'cat version\n', version: 'echo first\n', 'both.do': 'redo-ifchange x.do x\n' })
    expect((await s.ifchange('both')).code).toBe(0)
    s.write('default.do', 'echo another\n')
    s.remove('x.do')
    s.write('version', 'echo second\n')
    const result = await s.run(command, ['x'])
    expect(result.code, result.stderr).toBe(0)
    expect([s.read('x'), s.read('x.do')]).toEqual(['second\n', 'echo second\n'])
  },
)

test.each(['redo', 'redo-ifchange'])(
  '%s tries others where a do-file is asked for and none comes of it',
  async (command) => {
    const s = space({
      'x.do.do': 'exit 0\n',
      'default.do': 'echo another\n',
      'both.do': 'redo-ifchange x.do\nredo-ifchange x\n',
    })
    for (const target of ['both', 'x']) {
      const result = await s.run(command, [target])
      expect(result.code, result.stderr).toBe(0)
      expect(s.read('x')).toBe('another\n')
    }
  },
)

test('its own do-file comes first, then defaults from the longest extension to none, a whole folder before its parent', async () => {
  const candidates = [
    'deep/sub/x.b.c.do',
    'deep/sub/default.b.c.do',
    'deep/sub/default.c.do',
    'deep/sub/default.do',
    'deep/default.b.c.do',
    'deep/default.c.do',
    'deep/default.do',
    'default.b.c.do',
    'default.c.do',
    'default.do',
  ]
  const s = space(Object.fromEntries(candidates.map((name) => [name, `echo ${name}\n`])))
  for (const candidate of candidates) {
    const result = await s.ifchange('deep/sub/x.b.c')
    expect(result.code, result.stderr).toBe(0)
    expect(s.read('deep/sub/x.b.c')).toBe(`${candidate}\n`)
    s.remove(candidate)
  }
})

test('$1 is the target and $2 the target without the matched extension, both as seen from the do-file', async () => {
  const show = 'printf "%s|%s|%s\\n" "$1" "$2" "$(basename "$(pwd)")"\n'
  const s = space({
    'own.b.c.do': show,
    'default.b.c.do': show,
    'default.c.do': show,
    'lib/default.do': show,
    'lib/deep/.keep': '',
  })
  const rows = [
    ['own.b.c', 'own.b.c|own.b.c|project'],
    ['x.b.c', 'x.b.c|x|project'],
    ['x.y.b.c', 'x.y.b.c|x.y|project'],
    ['x.c', 'x.c|x|project'],
    ['x.y.c', 'x.y.c|x.y|project'],
    ['lib/deep/x.b.e', 'deep/x.b.e|deep/x.b.e|lib'],
    ['lib/x', 'x|x|lib'],
  ] as const
  const result = await s.redo(...rows.map(([target]) => target))
  expect(result.code, result.stderr).toBe(0)
  expect(rows.map(([target]) => s.read(target))).toEqual(rows.map(([, line]) => `${line}\n`))
})

test('a do-file found in a parent keeps the sub folder in $2', async () => {
  const s = space({ 'default.o.do': 'echo "$1 $2"\n', 'a/b/.keep': '' })
  await s.redo('a/b/main.o')
  expect(s.read('a/b/main.o')).toBe('a/b/main.o a/b/main\n')
})

test('$3 names a file that does not exist yet and is not the target', async () => {
  const s = space({ 'default.do': '[ ! -e "$3" ]\n[ "$3" != "$1" ]\necho made >"$3"\n', 'sub/.keep': '' })
  const result = await s.redo('x', 'sub/y')
  expect(result.code, result.stderr).toBe(0)
  expect([s.read('x'), s.read('sub/y')]).toEqual(['made\n', 'made\n'])
})

test('a do-file in the current folder never makes a target that lies elsewhere', async () => {
  const s = space({ 'inner/default.do': 'echo wrong\n', 'x/.keep': '' })
  for (const command of ['redo', 'redo-ifchange']) {
    const result = await s.run(command, ['../x/target'], { cwd: 'inner' })
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/no (rule|do-file)/i)
  }
  expect(s.exists('x/target')).toBe(false)
})

test('the project is found from any folder inside it', async () => {
  const s = space({ 'default.do': 'pwd -P\n', 'a/b/.keep': '' })
  const result = await s.run('redo', ['x', '../y', '../../z'], { cwd: 'a/b' })
  expect(result.code, result.stderr).toBe(0)
  expect(['a/b/x', 'a/y', 'z'].map((name) => s.read(name))).toEqual(Array(3).fill(`${s.root}\n`))
  expect(s.exists('a/.redford') || s.exists('a/b/.redford')).toBe(false)
})

test('without a marked root the highest folder with a do-file is the project', async () => {
  const s = space({ 'top.do': 'redo-ifchange a/b/low\ncat a/b/low\n', 'a/b/low.do': 'echo low\n' })
  s.remove('.git')
  const low = await s.run('redo', ['low'], { cwd: 'a/b' })
  expect(low.code, low.stderr).toBe(0)
  expect(s.exists('.redford')).toBe(true)
  expect(s.exists('a/b/.redford')).toBe(false)
  await s.redo('top')
  expect(s.read('top')).toBe('low\n')
})

test('a better do-file that appears later rebuilds, and its going rebuilds again', async () => {
  const s = space({ 'default.do': noted('echo plain'), 'sub/.keep': '' })
  await s.ifchange('sub/x.o')
  expect(s.read('sub/x.o')).toBe('plain\n')
  for (const better of ['default.o.do', 'sub/default.do', 'sub/default.o.do', 'sub/x.o.do']) {
    s.write(better, `echo ${better}\n`)
    await s.ifchange('sub/x.o')
    expect(s.read('sub/x.o')).toBe(`${better}\n`)
  }
  s.remove('sub/x.o.do')
  await s.ifchange('sub/x.o')
  expect(s.read('sub/x.o')).toBe('sub/default.o.do\n')
})

test('the name of a hidden file is all extension', async () => {
  const s = space({ 'default.rc.do': 'echo "$1|$2"\n' })
  await s.redo('.rc')
  expect(s.read('.rc')).toBe('.rc|\n')
})

test('no do-file makes what lies outside the project, its own folder, or what redo keeps in it', async () => {
  const s = space({ 'default.do': noted('echo made'), 'sub/.keep': '' })
  // Where the project's folder is, is settled by the first command.
  await s.redo('first')
  expect(s.runs()).toEqual(['first'])
  fs.writeFileSync(`${s.base}/default.do`, 'echo made\n')
  for (const target of ['../x', '.', '.redford', '.redford/x', '.redford/lock.sqlite']) {
    const result = await s.redo('--overwrite', target)
    expect([target, result.code]).toEqual([target, 1])
    expect(result.stderr).toMatch(/no do-file that makes it|nothing is built outside/)
    const which = await s.run('redo-whichdo', [target])
    expect([which.code, which.stdout]).toEqual([1, ''])
  }
  expect(s.runs()).toEqual([])
  expect((await s.redo('.redfordian')).code).toBe(0)
})
