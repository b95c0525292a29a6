/** Faults 21 and 31: very many clients at once, and clients that go away. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { hasProc } from '../support/processes.js'
import { closeSpaces, noted, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

test('100 clients at once after a crash: one daemon, no request lost, nothing made twice', async () => {
  const s = space({
    src: '1',
    'shared.do': noted('redo-ifchange src', 'cat src'),
    'default.do': noted('redo-ifchange shared', 'cat shared'),
  })
  await s.ifchange('t0')
  await s.crash()
  s.write('src', '2')
  s.runs()
  const names = Array.from({ length: 100 }, (_, index) => `t${index % 20}`)
  const results = await Promise.all(names.map((name) => s.run('redo-ifchange', [name], { timeoutMs: 50_000 })))
  expect(results.map(({ code, stderr }) => (code === 0 ? '' : stderr)).join('')).toBe('')
  if (hasProc) expect(s.engines().length).toBe(1)
  expect(s.runs()).toEqual([...new Set(names), 'shared'].sort())
  for (const name of new Set(names)) expect(s.read(name)).toBe('2')
}, 60_000)

test('a client killed in the middle: what nobody else wants is not begun, and the next command is right', async () => {
  const s = space({
    'all.do': noted('redo-ifchange a b'),
    'a.do': noted('touch a.here', waitsFor('go'), 'echo a'),
    'b.do': noted('echo b'),
    'x.do': noted('echo x'),
  })
  await s.redo('x')
  const gone = s.start('redo', ['-j1', 'all'])
  await until('a runs', () => s.exists('a.here'))
  gone.kill('SIGKILL')
  await gone.done
  await delay(100)
  s.write('go', '')
  await until('only the daemon and its helper are left', () => s.processes().length <= 2)
  await delay(100)
  expect(s.exists('b')).toBe(false)
  expect([undefined, 'a\n']).toContain(s.read('a'))
  const result = await s.ifchange('all')
  expect(result.code, result.stderr).toBe(0)
  expect([s.read('a'), s.read('b')]).toEqual(['a\n', 'b\n'])
})

test('a client killed in the middle takes nothing from another that wants the same', async () => {
  const s = space({
    'all.do': noted('redo-ifchange a b'),
    'a.do': noted('touch a.here', waitsFor('go'), 'echo a'),
    'b.do': noted('echo b'),
    'x.do': noted('echo x'),
  })
  await s.redo('x')
  const gone = s.start('redo-ifchange', ['all'])
  await until('a runs', () => s.exists('a.here'))
  const stays = s.start('redo-ifchange', ['all'])
  await until('the second request is in', () => stays.trace().some(({ event }) => event === 'demand'))
  gone.kill('SIGKILL')
  await gone.done
  s.write('go', '')
  const result = await stays.done
  expect(result.code, result.stderr).toBe(0)
  expect([s.read('a'), s.read('b'), s.runs()]).toEqual(['a\n', 'b\n', ['a', 'all', 'b', 'x']])
})

test('a do-file that goes without waiting for its own question leaves no trace of it', async () => {
  const s = space({
    'x.do': noted('redo-ifchange slow & kill -9 $!', 'echo x'),
    'slow.do': noted('touch slow.here', waitsFor('go'), 'echo slow'),
    'y.do': noted('echo y'),
  })
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  s.write('go', '')
  expect((await s.redo('-j1', 'y', 'slow')).code).toBe(0)
  expect([s.read('x'), s.read('y'), s.read('slow')]).toEqual(['x\n', 'y\n', 'slow\n'])
})

test('a reader that goes away ends the command quietly', async () => {
  const s = space({ 'default.out.do': noted('seq 200 >&2', 'echo x') })
  const targets = Array.from({ length: 40 }, (_, index) => `t${index}.out`)
  await s.ifchange(...targets)
  const listed = await s.sh('redo-targets | head -n 1')
  expect([listed.code, listed.stderr]).toEqual([0, ''])
  const result = await s.sh(`redo ${targets.join(' ')} 2>&1 | head -n 1`)
  expect(result.stderr).toBe('')
  expect(result.stdout.split('\n').length).toBe(2)
  expect((await s.ifchange(...targets)).code).toBe(0)
})
