/** `redford diff` of builds that come one after the other in one project: by names, since they begin with different states. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, type Result, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

const diff = (s: Space, ...args: readonly string[]): Promise<Result> => s.run('redford', ['diff', ...args])

const project = (): { s: Space; build: (name: string, target?: string) => Promise<void> } => {
  const s = space({
    'all.do': 'redo-ifchange a b\n',
    'a.do': 'redo-ifchange one\ncat one\n',
    'b.do': 'redo-ifchange two\ncat two\n',
    one: '1',
    two: '2',
  })
  const build = async (name: string, target = 'all'): Promise<void> => {
    expect((await s.run('redo-ifchange', ['-j1', '--no-daemon', '--record', name, target])).code).toBe(0)
  }
  return { s, build }
}

test('two builds with nothing to do: nothing differs', async () => {
  const { s, build } = project()
  for (const name of ['first.rec', 'one.rec', 'two.rec']) await build(name)
  const found = await diff(s, 'one.rec', 'two.rec')
  expect([found.code, found.stdout]).toEqual([0, expect.stringMatching(/^(nothing differs|they are the same)/)])
  const forced = async (name: string): Promise<void> => {
    expect((await s.run('redo', ['-j1', '--record', name, 'all'])).code).toBe(0)
  }
  await forced('three.rec')
  await forced('four.rec')
  const same = await diff(s, 'three.rec', 'four.rec')
  expect([same.code, same.stdout]).toEqual([
    0,
    'nothing differs: they asked for the same, knew the same, and came to the same\n',
  ])
  expect(JSON.parse((await diff(s, '--json', 'three.rec', 'four.rec')).stdout)).toMatchObject({
    result: 'alike',
    about: [],
  })
})

test('a source that is gone is the cause, though do-files were looked for then', async () => {
  const { s, build } = project()
  await build('one.rec')
  fs.renameSync(s.path('two'), s.path('away'))
  await s.run('redo-ifchange', ['-j1', '--record', 'two.rec', 'all'])
  fs.renameSync(s.path('away'), s.path('two'))
  await build('three.rec')
  for (const [a, b] of [
    ['one.rec', 'two.rec'],
    ['two.rec', 'three.rec'],
  ] as const)
    expect((await diff(s, a, b)).stdout).toMatch(
      /^the first difference: two is there for one of them, and absent for the other .*\nso these came out otherwise: (?!.*\btwo\b).*\ball$/m,
    )
})

test('the same build with other jobs, or by another policy: nothing differs but how it was done', async () => {
  const s = space({
    'all.do': 'redo-ifchange a b c\ncat a b c\n',
    'a.do': 'redo-ifchange d\ncat d\n',
    'b.do': 'redo-ifchange d two\ncat d two\n',
    'c.do': 'redo-ifchange one two\necho c\n',
    'd.do': 'redo-ifchange one\ncat one\n',
    one: '1',
    two: '2',
  })
  const build = async (name: string, ...words: readonly string[]): Promise<void> => {
    for (const target of ['all', 'a', 'b', 'c', 'd', '.redo', '.redford'])
      fs.rmSync(s.path(target) as string, { recursive: true, force: true })
    expect((await s.run('redo', ['--no-daemon', '--record', name, ...words, 'all'])).code).toBe(0)
  }
  await build('j1.rec', '-j1')
  await build('j4.rec', '-j4')
  await build('cap.rec', '-j1', '--policy', 'cap(1)')
  await build('short.rec', '-j3', '--policy', 'shortestRemaining')
  for (const [other, ways] of [
    ['j4.rec', 'jobs (1 in j1.rec, 4 in j4.rec)'],
    ['cap.rec', 'policy (criticalPath in j1.rec, cap(1) in cap.rec)'],
    [
      'short.rec',
      'policy (criticalPath in j1.rec, shortestRemaining in short.rec), jobs (1 in j1.rec, 3 in short.rec)',
    ],
  ] as const) {
    const { code, stdout } = await diff(s, 'j1.rec', other)
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^nothing differs/),
      ...(stdout.includes('what stat says') ? [expect.stringMatching(/^what stat says of files/)] : []),
      `they say otherwise of themselves: ${ways}`,
      '',
    ])
    expect(code).toBe(0)
  }
  expect(JSON.parse((await diff(s, '--json', 'j1.rec', 'j4.rec')).stdout)).toMatchObject({
    about: ['jobs'],
    jobs: { a: [1], b: [4] },
  })
  // One after the other they begin with different states.
  for (const [name, ...words] of [
    ['k1.rec', '-j1'],
    ['k4.rec', '-j4'],
    ['kcap.rec', '-j2', '--policy', 'cap(1)'],
  ] as const)
    expect((await s.run('redo', ['--no-daemon', '--record', name, ...words, 'all', 'a', 'b'])).code).toBe(0)
  for (const other of ['k4.rec', 'kcap.rec']) {
    const { code, stdout } = await diff(s, 'k1.rec', other)
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^nothing differs.*\n(what stat says.*\n)?they say otherwise of themselves: .*jobs \(1 in k1.rec/,
      ),
    ])
  }
})

test('a source that was changed in between is the first difference', async () => {
  const { s, build } = project()
  await build('first.rec')
  await build('before.rec')
  s.write('two', '3')
  fs.utimesSync(s.path('one'), 1, 1)
  await build('after.rec')
  const found = await diff(s, 'before.rec', 'after.rec')
  expect(found.code).toBe(1)
  expect(found.stdout.split('\n')).toEqual([
    expect.stringMatching(/^the first difference: two has another content \(.* of after.rec\)$/),
    expect.stringMatching(/^ {2}and one has another stat only, and the same content \(/),
    'so these came out otherwise: b',
    'made in after.rec only: b all',
    '',
  ])
  const data = JSON.parse((await diff(s, '--json', 'before.rec', 'after.rec')).stdout) as {
    readonly end: { readonly builds: readonly unknown[] }
  }
  expect(data).toMatchObject({ result: 'start', made: { onlyA: [], onlyB: ['b', 'all'] } })
  expect(data.end.builds[0]).toMatchObject({ name: 'two', is: 'content', isCause: true })
})

test('what only one of them knows, or asks for, is named', async () => {
  const { s, build } = project()
  await build('first.rec')
  s.write('b.do', 'redo-ifchange two three\ncat two three\n')
  s.write('three', '3')
  await build('second.rec', 'b')
  expect((await diff(s, 'first.rec', 'second.rec')).stdout.split('\n')).toEqual([
    'asked for in first.rec only: all',
    'asked for in second.rec only: b',
    'they begin with different states:',
    expect.stringMatching(/^ {2}known to second.rec only: all .* and \d+ more$/),
    expect.stringMatching(/^the first difference: b.do has another content \(/),
    'so these came out otherwise: b',
    'known to second.rec only: three',
    'made in first.rec only: a all',
    '',
  ])
})

test('what only one of them knows all along is named once', async () => {
  const { s, build } = project()
  await build('first.rec')
  await build('before.rec')
  s.write('b.do', 'redo-ifchange two three\ncat two three\n')
  s.write('three', '3')
  await build('second.rec')
  await build('after.rec')
  const { stdout } = await diff(s, 'before.rec', 'after.rec')
  expect(stdout.match(/known to after.rec only: three/g)).toHaveLength(1)
})

test('a target that is another though nothing it depends on is, is a cause by itself', async () => {
  const s = space({
    'all.do': 'redo-ifchange a\ncat a\n',
    'a.do': 'redo-ifchange one\ncat one "$HIDDEN"\n',
    one: '1',
    hidden: '1',
  })
  const env = { HIDDEN: s.path('hidden') as string }
  const build = (name: string) => s.run('redo', ['-j1', '--no-daemon', '--record', name, 'a', 'all'], { env })
  expect((await build('first.rec')).code).toBe(0)
  s.write('hidden', '2')
  expect((await build('second.rec')).code).toBe(0)
  const { stdout } = await diff(s, 'first.rec', 'second.rec')
  expect(stdout).toMatch(
    /^the first difference: a has another content \(tick \d+ of first.rec, tick \d+ of second.rec\)$/m,
  )
  expect(stdout).toMatch(/^so these came out otherwise: all$/m)
})
