/** Commands without a daemon, one after the other: each takes up what the last one left, be it a proof or a journal. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, type Space, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)
afterAll(closeSpaces)

const files = {
  'all.do': noted('redo-ifchange list', 'redo-ifchange - <list'),
  list: 'd/one.out\nd/two.out\nthree.out\n',
  'default.out.do': noted('redo-ifchange "$2.src"', 'cat "$2.src"'),
  'd/one.src': '1',
  'd/two.src': '2',
  'three.src': '3',
}

/** What ran for it. */
const build = async (s: Space, env: Record<string, string> = {}): Promise<readonly string[]> => {
  s.runs()
  const result = await s.run('redo-ifchange', ['--no-daemon', 'all'], { env })
  expect(result.code, result.stderr).toBe(0)
  return [...s.runs()].sort()
}

test('each makes what changed since, however many there were', async () => {
  const s = space(files)
  expect(await build(s)).toEqual(['all', 'd/one.out', 'd/two.out', 'three.out'])
  for (let round = 0; round < 6; round++) {
    s.write('d/two.src', `round ${round}`)
    expect(await build(s)).toEqual(['all', 'd/two.out'])
    expect(s.read('d/two.out')).toBe(`round ${round}`)
    expect(await build(s)).toEqual([])
  }
  s.write('list', 'three.out\nd/two.out\n')
  expect(await build(s)).toEqual(['all'])
  s.write('d/one.src', 'not needed any more')
  expect(await build(s)).toEqual([])
  s.write('three.src', 'needed still')
  expect(await build(s)).toEqual(['all', 'three.out'])
  // A daemon finds the same.
  expect((await s.ifchange('all')).code).toBe(0)
  expect(s.runs()).toEqual([])
})

test('what a killed one had recorded is taken up by the next', async () => {
  const s = space({
    ...files,
    'three.out.do': noted('test ! -e stop || sleep 60', 'redo-ifchange three.src', 'cat three.src'),
  })
  await build(s)
  s.write('d/one.src', 'other')
  expect(await build(s)).toEqual(['all', 'd/one.out'])
  s.write('d/two.src', 'other')
  s.write('three.src', 'other')
  s.write('stop', '')
  // By the default policy the one that took longer last time comes first.
  const options = ['--no-daemon', '-j1', '--policy', 'fullBatch']
  const running = s.start('redo-ifchange', [...options, 'd/two.out', 'three.out'])
  while (s.read('d/two.out') !== 'other') await pause(10)
  await pause(200)
  running.kill('SIGKILL')
  await running.done
  s.remove('stop')
  expect(await build(s)).toContain('three.out')
  expect(['one', 'two'].map((name) => s.read(`d/${name}.out`))).toEqual(['other', 'other'])
  expect(s.read('three.out')).toBe('other')
})

test('a proof is found by the next one, and holds until anything that was depended on is another', async () => {
  const s = space(files)
  const isProved = async (): Promise<boolean> =>
    (await s.run('redo-ifchange', ['--no-daemon', 'all'], { env: { REDFORD_NODE: 'false', REDFORD_TRACE: '' } }))
      .code === 0
  await build(s)
  expect(await isProved()).toBe(false)
  expect(await build(s)).toEqual([])
  expect(await isProved()).toBe(true)
  s.touch('d/one.src')
  expect(await isProved()).toBe(true)
  const changes: readonly (() => void)[] = [
    () => s.write('d/one.src', 'x'),
    // The do-file of a target, which had another one.
    () => s.write('three.out.do', noted('redo-ifchange three.src', 'cat three.src', 'echo more')),
    () => s.remove('d/two.out'),
  ]
  for (const change of changes) {
    change()
    expect(await isProved()).toBe(false)
    expect(await build(s)).not.toEqual([])
    expect(await isProved()).toBe(false)
    expect(await build(s)).toEqual([])
    expect(await isProved()).toBe(true)
  }
  expect(s.read('three.out')).toBe('3more\n')
})

test('what is looked at while it loads is what it knows, whatever names the last one left', async () => {
  const names = Array.from({ length: 2_200 }, (_, i) => `source-${i}`)
  const s = space([
    ['all.do', noted('redo-ifchange list', 'redo-ifchange - <list')],
    ['list', names.map((name) => `${name}\n`).join('')],
    ...names.map((name) => [name, name] as const),
  ])
  expect(await build(s)).toEqual(['all'])
  expect(await build(s)).toEqual([])
  const left = '.redford/names'
  const whole = s.read(left)!
  expect(whole.split('\0')).toEqual(expect.arrayContaining(names))
  const ways: readonly (() => void)[] = [
    () => {},
    () => s.remove(left),
    () => s.write(left, ''),
    () => s.write(left, whole.slice(0, whole.length / 2)),
    () => s.write(left, whole.replace('source-7\0source-8\0', 'source-8\0source-7\0')),
    () => s.write(left, `${whole}more\0`),
    () => s.write('.redford/looks', 'left by one that was killed'),
    () => {
      s.write('.redford/outputs', 'a file\nsource-3\nfailed\n')
      s.write('source-3', `${s.read('source-3')}.`)
    },
  ]
  for (const [n, way] of ways.entries()) {
    way()
    s.write('source-7', `change ${n}`)
    expect(await build(s)).toEqual(['all'])
    expect(s.read(left)).toBe(whole)
    expect(s.exists('.redford/looks')).toBe(false)
    way()
    s.remove(`source-${100 + n}`)
    s.write('list', s.read('list')!.replace(`source-${100 + n}\n`, ''))
    expect(await build(s)).toEqual(['all'])
    s.write(`source-${100 + n}`, '')
  }
  s.write('list', `${s.read('list')}new\n`)
  s.write('new', '')
  expect(await build(s)).toEqual(['all'])
  s.write('new', '1')
  expect(await build(s)).toEqual(['all'])
  expect(s.read(left)).toContain('\0new\0')
})

test('what another command asked for meanwhile is finished, too', async () => {
  const s = space({
    'mine.do': noted(waitsFor('$PWD/theirs.begun')),
    'theirs.do': noted(': >theirs.begun', waitsFor('$PWD/mine.ended'), 'echo theirs'),
  })
  const mine = s.start('redo', ['--no-daemon', 'mine'])
  await until('mine runs', () => s.read('.redford/outputs')?.includes('mine') === true)
  const theirs = s.start('redo', ['-j2', 'theirs'])
  await until('theirs runs', () => s.exists('theirs.begun'))
  await pause(300)
  s.write('mine.ended', '')
  const results = [await mine.done, await theirs.done]
  expect(results.map(({ code }) => code)).toEqual([0, 0])
  expect(results[0]!.stderr).toContain('finishing what other commands asked')
  expect(s.read('theirs')).toBe('theirs\n')
  expect(s.read('.redford/outputs')).toBe('')
})

test('one serves the others, and none ends what another builds', async () => {
  const s = space({
    'one.do': noted(': >one.begun', waitsFor('$PWD/go'), 'echo one'),
    'two.do': noted('redo-ifchange one', 'echo two'),
    'three.do': noted('echo three'),
  })
  const one = s.start('redo-ifchange', ['--no-daemon', 'one'])
  await until('one runs', () => s.exists('one.begun'))
  const two = s.start('redo-ifchange', ['--no-daemon', 'two'])
  await until('two runs', () => s.runs().includes('two'))
  const three = await s.run('redo-ifchange', ['--no-daemon', '-'], { stdin: 'three\n' })
  expect(three.code, three.stderr).toBe(0)
  expect(s.read('three')).toBe('three\n')
  s.write('go', '')
  const results = [await one.done, await two.done]
  expect(results.map(({ code, stderr }) => [code, stderr.includes('told to end')])).toEqual([
    [0, false],
    [0, false],
  ])
  expect(s.read('two')).toBe('two\n')
  expect((await s.run('redford', ['status'])).stdout).toContain('no daemon runs')
})

test('several at once leave nothing undone, and no daemon', async () => {
  const s = space({ 'default.do': noted('sleep 0.4', 'echo "$1"') })
  const names = ['a', 'b', 'c', 'd', 'e']
  const results = await Promise.all(names.map((name) => s.run('redo-ifchange', ['--no-daemon', name])))
  for (const { code, stderr } of results) expect(code, stderr).toBe(0)
  expect(names.map((name) => s.read(name))).toEqual(names.map((name) => `${name}\n`))
  expect((await s.run('redford', ['status'])).stdout).toContain('no daemon runs')
})

test('one that finishes what others asked for can be asked about, and ended', async () => {
  const s = space({
    'mine.do': noted(waitsFor('$PWD/theirs.begun')),
    'theirs.do': noted(': >theirs.begun', waitsFor('$PWD/never')),
  })
  const mine = s.start('redo', ['--no-daemon', 'mine'])
  await until('mine runs', () => s.read('.redford/outputs')?.includes('mine') === true)
  const theirs = s.start('redo', ['-j2', 'theirs'])
  await until('theirs runs', () => s.exists('theirs.begun'))
  let status = ''
  for (let n = 0; n < 50 && !/requests open: 1;.*theirs \(process [1-9]/s.test(status); n++)
    status = (await s.run('redford', ['status'])).stdout
  expect(status).toMatch(/requests open: 1;.*theirs \(process [1-9]/s)
  const { running } = JSON.parse((await s.run('redford', ['status', '--json'])).stdout)
  expect(running).toEqual([{ target: 'theirs', pid: Number(/process (\d+)/.exec(status)![1]) }])
  expect((await s.run('redford', ['stop'])).stdout).toBe('')
  expect((await theirs.done).stderr).toContain('told to end')
  await mine.done
  expect((await s.run('redford', ['status'])).stdout).toContain('no daemon runs')
})
