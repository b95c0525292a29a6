/** redo-always, redo-stamp and redo-recheck: what holds within a session, which is a top-level command with all below it. After apenwarr's t/640 and s60. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space } from '../support/space.js'

afterEach(closeSpaces)

test('an always target runs once in a session and again in the next', async () => {
  const s = space({
    'now.do': noted('redo-always', 'wc -l <"$RUNS"'),
    'a.do': noted('redo-ifchange now', 'redo-ifchange now'),
    'b.do': noted('redo-ifchange now'),
  })
  await s.ifchange('a', 'b', 'now')
  expect(s.runs()).toEqual(['a', 'b', 'now'])
  await s.ifchange('now')
  await s.ifchange('now')
  expect(s.runs()).toEqual(['now', 'now'])
})

test('an always target that comes out the same lets its dependents rest', async () => {
  const s = space({
    'config.do': noted('redo-always', 'echo "$MODE"'),
    'x.do': noted('redo-ifchange config', 'cat config'),
  })
  const ask = (mode: string) => s.run('redo-ifchange', ['x'], { env: { MODE: mode } })
  await ask('debug')
  s.runs()
  await ask('debug')
  expect(s.runs()).toEqual(['config'])
  await ask('release')
  expect(s.runs()).toEqual(['config', 'x'])
  expect(s.read('x')).toBe('release\n')
})

test('redo runs a target anew in each command, its dependencies only when out-of-date', async () => {
  const s = space({ 'x.do': noted('redo-ifchange y', 'cat y'), 'y.do': noted('echo y') })
  await s.redo('x')
  await s.redo('x')
  expect(s.runs()).toEqual(['x', 'x', 'y'])
})

test('a stamp decides in place of the content', async () => {
  const s = space({
    inp: 'one',
    other: '1',
    'stampy.do': noted('redo-ifchange inp other', 'cat inp other', 'redo-stamp <inp'),
    'user.do': noted('redo-ifchange stampy', 'cat stampy'),
  })
  await s.ifchange('user')
  expect(s.runs()).toEqual(['stampy', 'user'])
  s.write('other', '2')
  await s.ifchange('user')
  expect(s.runs()).toEqual(['stampy'])
  expect([s.read('stampy'), s.read('user')]).toEqual(['one2', 'one1'])
  await s.ifchange('user')
  expect(s.runs()).toEqual([])
  s.write('inp', 'two')
  await s.ifchange('user')
  expect(s.runs()).toEqual(['stampy', 'user'])
})

test('a changed stamp rebuilds dependents although the content is the same', async () => {
  const s = space({
    version: '1',
    'stampy.do': noted('redo-ifchange version', 'echo constant', 'cat version | redo-stamp'),
    'user.do': noted('redo-ifchange stampy'),
  })
  await s.ifchange('user')
  s.runs()
  s.write('version', '2')
  await s.ifchange('user')
  expect(s.runs()).toEqual(['stampy', 'user'])
})

test('a stamped target made by hand does not rebuild its dependents unless the stamp differs', async () => {
  const s = space({
    inp: '1',
    'stampy.do': noted('redo-ifchange inp', 'wc -l <"$RUNS"', 'redo-stamp <inp'),
    'user.do': noted('redo-ifchange stampy'),
  })
  await s.ifchange('user')
  await s.redo('stampy')
  s.runs()
  await s.ifchange('user')
  expect(s.runs()).toEqual([])
  s.write('inp', '2')
  await s.redo('stampy')
  s.runs()
  await s.ifchange('user')
  expect(s.runs()).toEqual(['user'])
})

test('a deleted stamped target is made again, and its dependents rest', async () => {
  const s = space({
    inp: '1',
    'stampy.do': noted('redo-ifchange inp', 'cat inp', 'redo-stamp <inp'),
    'user.do': noted('redo-ifchange stampy'),
  })
  await s.ifchange('user')
  s.runs()
  s.remove('stampy')
  await s.ifchange('user')
  expect(s.runs()).toEqual(['stampy'])
  expect(s.read('stampy')).toBe('1')
})

test('a stamped target without output rests as well', async () => {
  const s = space({
    'list.do': noted('redo-always', 'ls -d *.txt | redo-stamp'),
    'x.do': noted('redo-ifchange list', 'ls -d *.txt'),
    'a.txt': '',
  })
  await s.ifchange('x')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['list', 'list', 'x'])
  s.write('b.txt', '')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['list', 'x'])
  expect(s.read('x')).toBe('a.txt\nb.txt\n')
})

test('redo-stamp takes no file by its name', async () => {
  const s = space({ 'x.do': 'redo-ifchange inp\necho x\nredo-stamp inp\n', inp: 'a\n' })
  const { code, stderr } = await s.redo('x')
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining("redo-stamp takes no targets, so 'inp' means nothing to it\n"),
  ])
})

test('redo-stamp takes more than a request may hold', async () => {
  const s = space({ 'x.do': 'redo-stamp <large\necho x\n', large: '' })
  fs.truncateSync(s.path('large'), 257 * 1024 * 1024)
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
})

test('a target on two stamped always targets rests when neither stamp changed', async () => {
  const stamped = (word: string): string => noted('redo-always', `echo ${word} | redo-stamp`)
  const s = space({
    'a.do': stamped('a'),
    'b.do': stamped('b'),
    'ab.do': noted('redo-ifchange a b'),
    'top.do': noted('redo-ifchange ab'),
  })
  await s.ifchange('top')
  s.runs()
  await s.ifchange('top')
  expect(s.runs()).toEqual(['a', 'b'])
})

test('redo-recheck lets the session look at everything again', async () => {
  const s = space({
    'now.do': noted('redo-always'),
    src: '1',
    'copy.do': noted('redo-ifchange src', 'cat src'),
    'x.do': noted(
      'redo-ifchange now copy',
      'printf 2 >src',
      'redo-ifchange now copy',
      'cp copy before',
      'redo-recheck',
      'redo-ifchange now copy',
      'cp copy after',
    ),
  })
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  expect([s.read('before'), s.read('after')]).toEqual(['1', '2'])
  expect(s.runs()).toEqual(['copy', 'copy', 'now', 'now', 'x'])
})
