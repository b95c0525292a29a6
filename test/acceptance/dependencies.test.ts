/** What makes a target out-of-date, and what does not. After apenwarr's t/220, 350, 360 and 550. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

/** A chain: `top` from `mid` from `low` from the source `src`; each copies, and notes its run. */
const chain = {
  src: '1\n',
  'low.do': noted('redo-ifchange src', 'cat src'),
  'mid.do': noted('redo-ifchange low', 'cat low'),
  'top.do': noted('redo-ifchange mid', 'cat mid'),
}

test('a changed source rebuilds all that came from it, and only once', async () => {
  const s = space(chain)
  expect((await s.ifchange('top')).code).toBe(0)
  expect(s.runs()).toEqual(['low', 'mid', 'top'])
  await s.ifchange('top')
  expect(s.runs()).toEqual([])
  s.write('src', '2\n')
  await s.ifchange('top', 'low', 'mid')
  expect(s.runs()).toEqual(['low', 'mid', 'top'])
  expect(s.read('top')).toBe('2\n')
})

test('an edit is seen also when size and mtime stay the same', async () => {
  const s = space(chain)
  const date = new Date(Date.now() - 60_000)
  s.touch('src', date)
  await s.ifchange('top')
  s.write('src', '3\n')
  s.touch('src', date)
  await s.ifchange('top')
  expect(s.read('top')).toBe('3\n')
})

test('edits in quick succession are all seen', async () => {
  const s = space({ src: '0', 'x.do': 'redo-ifchange src\ncat src\n' })
  for (let version = 1; version <= 12; version += 1) {
    s.write('src', String(version % 10))
    await s.ifchange('x')
    expect(s.read('x')).toBe(String(version % 10))
  }
})

test('a changed do-file rebuilds its target', async () => {
  const s = space(chain)
  await s.ifchange('top')
  s.runs()
  s.write('mid.do', noted('redo-ifchange low', 'cat low', 'echo more'))
  await s.ifchange('top')
  expect(s.runs()).toEqual(['mid', 'top'])
  expect(s.read('top')).toBe('1\nmore\n')
})

test('touching a file without changing it rebuilds nothing', async () => {
  const s = space(chain)
  await s.ifchange('top')
  s.runs()
  s.touch('src')
  s.touch('mid.do')
  s.touch('low')
  const result = await s.ifchange('top')
  expect(s.runs()).toEqual([])
  expect(result.stderr).not.toMatch(/modified/)
})

test('a target remade with the same content lets its dependents rest', async () => {
  const s = space({ ...chain, 'low.do': noted('redo-ifchange src', 'head -n 1 src') })
  await s.ifchange('top')
  s.runs()
  s.write('src', '1\nsecond line\n')
  await s.ifchange('top')
  expect(s.runs()).toEqual(['low'])
  await s.ifchange('top')
  expect(s.runs()).toEqual([])
})

test('a deleted target is rebuilt; its dependents rest when it comes back the same', async () => {
  const s = space(chain)
  await s.ifchange('top')
  s.runs()
  s.remove('mid')
  expect((await s.ifchange('top')).code).toBe(0)
  expect(s.runs()).toEqual(['mid'])
  expect(s.read('mid')).toBe('1\n')
})

test('a dependent of a target without output is rebuilt when that target is', async () => {
  const s = space({
    src: '1',
    'nothing.do': noted('redo-ifchange src'),
    'x.do': noted('redo-ifchange nothing', 'cat src'),
  })
  await s.ifchange('x')
  s.runs()
  s.write('src', '2')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['nothing', 'x'])
  expect(s.read('x')).toBe('2')
})

test('a target remade by hand counts for its dependents', async () => {
  const s = space({
    'x.do': noted('redo-ifchange src', 'cat src'),
    src: '1',
    'y.do': noted('redo-ifchange x', 'cat x'),
  })
  await s.ifchange('y')
  s.write('src', '2')
  await s.redo('x')
  s.runs()
  await s.ifchange('y')
  expect(s.runs()).toEqual(['y'])
  expect(s.read('y')).toBe('2')
})

test('ifcreate: the file that comes rebuilds, and so does its going', async () => {
  const s = space({
    'x.do': noted('if [ -e opt ]; then redo-ifchange opt; cat opt; else redo-ifcreate opt; echo none; fi'),
  })
  await s.ifchange('x')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x'])
  s.write('opt', 'there\n')
  await s.ifchange('x')
  expect(s.read('x')).toBe('there\n')
  s.remove('opt')
  await s.ifchange('x')
  expect(s.read('x')).toBe('none\n')
  expect(s.runs()).toEqual(['x', 'x'])
})

test('ifcreate in a folder that does not exist yet is seen when both come', async () => {
  const s = space({ 'x.do': noted('[ -e new/opt ] || redo-ifcreate new/opt') })
  await s.ifchange('x')
  s.write('new/opt', '')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x', 'x'])
})

test('redo-ifcreate of a file that exists fails, of one that does not is well', async () => {
  const s = space({ 'bad.do': 'redo-ifcreate there\n', 'good.do': 'redo-ifcreate missing\n', there: '' })
  const bad = await s.redo('bad')
  expect(bad.code).toBe(1)
  expect(bad.stderr).toMatch(/there.*exists/)
  expect((await s.redo('good')).code).toBe(0)
})

test('empty lists of arguments are fine, and mean nothing inside a do-file', async () => {
  const s = space({ 'all.do': noted(), 'x.do': noted('redo-ifchange', 'redo-ifcreate', 'redo-always') })
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs()).toEqual(['x'])
})

test('the targets of redo-ifchange - come from standard input, one a line', async () => {
  const s = space({
    'x.do': noted('printf "a\\nb c\\n" | redo-ifchange -', 'cat a "b c"'),
    a: 'a1\n',
    'b c.do': 'echo b1\n',
  })
  await s.ifchange('x')
  expect(s.read('x')).toBe('a1\nb1\n')
  s.write('a', 'a2\n')
  await s.ifchange('x')
  expect(s.read('x')).toBe('a2\nb1\n')
})

test('a dependency asked for after cd belongs to the folder it was asked in', async () => {
  const s = space({
    'x.do': noted('cd sub', 'redo-ifchange src ../other', 'cat src ../other >&2', 'echo x'),
    'sub/src': '1',
    other: '2',
  })
  await s.ifchange('x')
  s.write('sub/src', '3')
  await s.ifchange('x')
  s.write('other', '4')
  await s.ifchange('x')
  s.write('src', 'stranger')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x', 'x', 'x'])
})

test('a file outside the project is a source like any other', async () => {
  const s = space({ 'x.do': noted('redo-ifchange "$OUTSIDE"', 'cat "$OUTSIDE"') })
  const outside = `${s.base}/outside`
  const ask = () => s.run('redo-ifchange', ['x'], { env: { OUTSIDE: outside } })
  fs.writeFileSync(outside, '1')
  const first = await ask()
  expect(first.code, first.stderr).toBe(0)
  await ask()
  expect(s.runs()).toEqual(['x'])
  fs.writeFileSync(outside, '2')
  await ask()
  expect(s.read('x')).toBe('2')
})

test('a folder as a dependency is checked for its existence only', async () => {
  const s = space({ 'x.do': noted('redo-ifchange folder', 'ls folder'), 'folder/a': '' })
  await s.ifchange('x')
  s.write('folder/b', '')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x'])
})

test('the list of dependencies is replaced at each run', async () => {
  const s = space({
    which: 'a',
    a: '1',
    b: '1',
    'x.do': noted('redo-ifchange which', 'redo-ifchange "$(cat which)"', 'cat "$(cat which)"'),
  })
  await s.ifchange('x')
  s.write('which', 'b')
  await s.ifchange('x')
  s.runs()
  s.write('a', '2')
  await s.ifchange('x')
  expect(s.runs()).toEqual([])
  s.write('b', '3')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x'])
})

test('a dependency that is dropped together with its source breaks nothing', async () => {
  const s = space({
    'main.c': 'include gen.h\n',
    'gen.src': 'text',
    'gen.h.do': noted('redo-ifchange gen.src', 'cat gen.src'),
    'main.o.do': noted(
      'redo-ifchange main.c',
      'for h in $(sed -n "s/^include //p" main.c); do redo-ifchange $h; done',
      'cat main.c',
    ),
  })
  await s.ifchange('main.o')
  expect(s.runs()).toEqual(['gen.h', 'main.o'])
  s.write('main.c', 'int main;\n')
  s.remove('gen.src')
  const result = await s.ifchange('main.o')
  expect(result.code, result.stderr).toBe(0)
  expect(result.stderr).not.toMatch(/gen|fail/)
  expect(s.runs()).toEqual(['main.o'])
})

test('a missing header that is still asked for is an error of its own', async () => {
  const s = space({ 'x.do': noted('redo-ifchange head', 'cat head'), head: '1' })
  await s.ifchange('x')
  s.remove('head')
  const result = await s.ifchange('x')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/head/)
  expect(s.read('x')).toBe('1')
})

test('a later group is not made when an earlier one changed and it is no longer asked for', async () => {
  const s = space({
    'choice.src': 'b\n',
    'b.src': '1\n',
    'choice.do': noted('redo-ifchange choice.src', 'cat choice.src'),
    'b.do': noted('redo-ifchange b.src', 'cat b.src'),
    'x.do': noted('redo-ifchange choice', 'if [ "$(cat choice)" = b ]; then redo-ifchange b; fi', 'cat choice'),
  })
  await s.ifchange('x')
  expect(s.runs()).toEqual(['b', 'choice', 'x'])
  s.write('choice.src', 'none\n')
  s.write('b.src', '2\n')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['choice', 'x'])
  s.write('b.src', '3\n')
  await s.ifchange('x')
  expect(s.runs()).toEqual([])
})

test('a later group is made when the earlier ones proved unchanged, without a run of the target', async () => {
  const s = space({
    'a.src': '1\n',
    'b.src': '1\n',
    'a.do': noted('redo-ifchange a.src', 'head -c 1 a.src'),
    'b.do': noted('redo-ifchange b.src', 'head -c 1 b.src'),
    'x.do': noted('redo-ifchange a', 'redo-ifchange b', 'cat a b'),
  })
  await s.ifchange('x')
  s.runs()
  s.write('a.src', '1 more\n')
  s.write('b.src', '1 more\n')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['a', 'b'])
})

test('two dependencies with equal content are told apart', async () => {
  const s = space({ a: 'same', b: 'same', 'x.do': noted('redo-ifchange a b', 'cat a b') })
  await s.ifchange('x')
  s.write('b', 'new')
  await s.ifchange('x')
  expect(s.read('x')).toBe('samenew')
})

test('a dependency shared behind several targets rebuilds all of them', async () => {
  const s = space({
    shared: '1',
    'mid.do': noted('redo-ifchange shared', 'cat shared'),
    'default.leaf.do': noted('redo-ifchange mid', 'cat mid'),
  })
  await s.ifchange('a.leaf', 'b.leaf', 'c.leaf')
  s.runs()
  s.write('shared', '2')
  await s.ifchange('a.leaf', 'b.leaf', 'c.leaf')
  expect(s.runs()).toEqual(['a.leaf', 'b.leaf', 'c.leaf', 'mid'])
})

test('an input edited while its do-file runs is not lost', async () => {
  const s = space({ src: '1', 'x.do': noted('redo-ifchange src', 'cat src', '[ "$(cat src)" != 1 ] || printf 2 >src') })
  await s.ifchange('x')
  await s.ifchange('x')
  expect(s.read('x')).toBe('2')
})

test('redo in a do-file runs its target, and makes it no dependency', async () => {
  const s = space({ src: '1', 'x.do': noted('redo y', 'cat y'), 'y.do': noted('redo-ifchange src', 'cat src') })
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.runs()).toEqual(['x', 'y'])
  s.write('src', '2')
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.runs()).toEqual([])
})

test('the folder of the project itself can be a dependency', async () => {
  const s = space({ 'x.do': noted('redo-ifchange .', 'echo x'), 'sub/y.do': noted('redo-ifchange ..', 'echo y') })
  expect((await s.ifchange('x', 'sub/y')).code).toBe(0)
  s.runs()
  s.write('new', '')
  expect((await s.ifchange('x', 'sub/y')).code).toBe(0)
  expect(s.runs()).toEqual([])
})

test('a target whose do-file is gone is a source from then on', async () => {
  const s = space({ 'x.do': noted('redo-ifchange y', 'cat y'), 'y.do': noted('echo y') })
  await s.ifchange('x')
  s.runs()
  s.remove('y.do')
  const said = 'redo  y: nothing makes it any more; a source from now on\n'
  for (const stderr of [said, '']) expect(await s.ifchange('x')).toMatchObject({ code: 0, stderr })
  expect(s.runs()).toEqual([])
  expect((await s.redo('y')).stderr).toBe('redo  y: exists, and was not built by redo; left alone\n')
  expect((await s.run('redo-sources')).stdout).toBe('x.do\ny\n')
  s.write('y', 'by hand\n')
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.read('x')).toBe('by hand\n')
  s.remove('y')
  expect((await s.ifchange('x')).code).toBe(1)
})

test('a target deleted while its dependencies are made is missed by the next command', async () => {
  const s = space({
    source: '1',
    'x.do': noted('redo-ifchange d', 'echo x'),
    'd.do': noted('redo-ifchange source', '[ "$(cat source)" = 1 ] || { touch begun; WAIT; }', 'echo same').replace(
      'WAIT',
      waitsFor('go'),
    ),
  })
  await s.ifchange('x')
  await s.ifchange('x')
  s.write('source', '2')
  const running = s.start('redo-ifchange', ['x'])
  await until('d is made', () => s.exists('begun'))
  s.remove('x')
  s.write('go', '')
  await running.done
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.read('x')).toBe('x\n')
})
