/** Fault 16: a target that depends on itself fails with 208 and the whole path, never a hang, wherever the edge that closes it is added. */
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, type Result, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

const expectCycle = (result: Result, ...path: readonly string[]): void => {
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/\b208\b/)
  expect(result.stderr).toMatch(new RegExp([...path, path[0]].join('\\W+')))
}

test('on itself', async () => {
  const s = space({ 'a.do': noted('redo-ifchange a') })
  expectCycle(await s.redo('a'), 'a')
  s.write('a.do', 'echo mended\n')
  expect((await s.ifchange('a')).code).toBe(0)
  expect(s.read('a')).toBe('mended\n')
})

test('of two and of three, told from the smallest name', async () => {
  const s = space({
    'a.do': noted('redo-ifchange b'),
    'b.do': noted('redo-ifchange a'),
    'p.do': noted('redo-ifchange q'),
    'q.do': noted('redo-ifchange o'),
    'o.do': noted('redo-ifchange p'),
  })
  for (const jobs of ['-j1', '-j2']) {
    expectCycle(await s.redo(jobs, 'b'), 'a', 'b')
    expectCycle(await s.redo(jobs, 'p'), 'o', 'p', 'q')
  }
  s.write('b.do', noted('echo b'))
  s.write('o.do', noted('echo o'))
  const result = await s.ifchange('a', 'p')
  expect(result.code, result.stderr).toBe(0)
})

test('across branches that run at the same time', async () => {
  const s = space({
    'a.do': noted('touch a.here', waitsFor('b.here'), 'redo-ifchange b'),
    'b.do': noted('touch b.here', waitsFor('a.here'), 'redo-ifchange a'),
    'all.do': noted('redo-ifchange a b'),
  })
  expectCycle(await s.redo('-j2', 'all'), 'a', 'b')
  s.write('b.do', 'echo b\n')
  const result = await s.ifchange('all')
  expect(result.code, result.stderr).toBe(0)
})

test('across two requests', async () => {
  const s = space({
    'a.do': noted('touch a.here', waitsFor('b.here'), 'redo-ifchange b'),
    'b.do': noted('touch b.here', waitsFor('a.here'), 'redo-ifchange a'),
  })
  const one = s.start('redo', ['-j2', 'a'])
  await until('a runs', () => s.exists('a.here'))
  const results = await Promise.all([one.done, s.redo('-j2', 'b')])
  expect(results.map(({ code }) => code)).toEqual([1, 1])
  expect(results.map(({ stderr }) => stderr).join('')).toMatch(/\b208\b/)
})

test('that appears only after a change, among targets that were built before', async () => {
  const s = space({
    next: 'none',
    none: '',
    'a.do': noted('redo-ifchange b', 'echo a'),
    'b.do': noted('redo-ifchange next', 'redo-ifchange "$(cat next)"', 'echo b'),
  })
  expect((await s.ifchange('a')).code).toBe(0)
  s.write('next', 'a')
  expectCycle(await s.ifchange('a'), 'a', 'b')
  s.write('next', 'none')
  const result = await s.ifchange('a')
  expect(result.code, result.stderr).toBe(0)
})

test('breaks only those in it and above it', async () => {
  const s = space({ 'a.do': noted('redo-ifchange a'), 'good.do': noted('echo good') })
  const result = await s.redo('-k', 'a', 'good')
  expect(result.code).toBe(1)
  expect(s.read('good')).toBe('good\n')
})

test('a command that asks for the target it is part of by way of a shell in the background is a cycle too', async () => {
  const s = space({ 'a.do': noted('sh -c "redo-ifchange b" & wait $!'), 'b.do': noted('redo-ifchange a') })
  expectCycle(await s.redo('a'), 'a', 'b')
})

test('what a do-file said that went on all the same is told once', async () => {
  const s = space({ 'a.do': 'echo before >&2\nredo-ifchange a || echo goes on >&2\necho a\n' })
  const result = await s.redo('a')
  expectCycle(result, 'a')
  expect(result.stderr.match(/before|goes on/g)).toEqual(['before', 'goes on'])
  // Who asks later sees it, too.
  const later = await s.ifchange('a')
  expectCycle(later, 'a')
  expect(later.stderr.match(/before|goes on/g)).toEqual(['before', 'goes on'])
})
