/** What redo records: a build, into a file of its own, and nothing that is nobody's business. */

import * as fs from 'node:fs'
import Database from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import type { Replay } from '../../src/replay/replay.js'
import { opened } from '../replay/record.js'
import { canMount } from '../support/mount.js'
import { closeSpaces, noted, type Space, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

const withReplay = <A>(s: Space, name: string, use: (replay: Replay) => A): A => {
  const replay = opened(s.path(name) as string)
  try {
    expect([replay.damage, replay.unfinished]).toEqual([undefined, undefined])
    expect(replay.verify()).toEqual({ _tag: 'agrees', ticks: replay.ticks })
    return use(replay)
  } finally {
    replay.close()
  }
}

/** Names that receipts tell the end of, in order. */
const endedIn = (replay: Replay): readonly string[] => {
  const { nameOf } = replay.stateAt(replay.ticks)
  const found: string[] = []
  for (let tick = 1; tick <= replay.ticks; tick++)
    for (const receipt of replay.reader.at(tick).input.receipts)
      if (receipt._tag === 'done' || receipt._tag === 'failed') found.push(nameOf(receipt.build)!)
  return found
}

const project = (more: Readonly<Record<string, string>> = {}): Space =>
  space({
    src: '1',
    'all.do': noted('redo-ifchange x', 'cat x'),
    'x.do': noted('redo-ifchange src', 'cat src'),
    ...more,
  })

for (const [how, flags] of [
  ['the daemon', []],
  ['a command without it', ['--no-daemon']],
] as const) {
  test(`a build by ${how} is recorded from its beginning to its answer`, async () => {
    const s = project()
    const first = await s.run('redo', [...flags, '--record', 'one.rec', 'all'])
    expect(first.code, first.stderr).toBe(0)
    expect(withReplay(s, 'one.rec', endedIn)).toEqual(['x', 'all'])
    expect(fs.readdirSync(s.root).filter((name) => name.startsWith('one.rec'))).toEqual(['one.rec'])
    // What is recorded next begins with what is known by then.
    s.write('src', '2')
    await s.run('redo-ifchange', [...flags, '--record=two.rec', 'all'])
    withReplay(s, 'two.rec', (replay) => {
      expect(endedIn(replay)).toEqual(['x', 'all'])
      const { state, nameOf } = replay.stateAt(0)
      expect(state.generation).toBeGreaterThan(0)
      expect(Array.from({ length: state.facts.end }, (_, x) => nameOf(x as never))).toContain('x')
    })
  })
}

test('a recording is replaced, and nothing else is', async () => {
  const s = project({ 'notes.txt': 'mine' })
  await s.run('redo', ['--record', 'one.rec', 'all'])
  await s.run('redo', ['--record', 'one.rec', 'x'])
  expect(withReplay(s, 'one.rec', endedIn)).toEqual(['x'])
  s.runs()
  for (const name of ['notes.txt', '.', 'no/such/folder/a.rec']) {
    const refused = await s.run('redo', ['--record', name, 'x'])
    expect([refused.code, refused.stdout]).toEqual([2, ''])
    expect(refused.stderr).toMatch(
      /^redo {2}.*(is no recording: name another file|is a folder: name a file in it|cannot be written: .*)\n$/,
    )
  }
  s.write('b.rec-wal', 'mine')
  for (const [name, why] of [
    ['x', '--record: x is to be built: name another file'],
    ['./x', '--record: ./x is to be built: name another file'],
    ['', '--record takes the name of a file'],
    ['b.rec', 'b.rec-wal is there, where SQLite would have its own beside'],
  ] as const) {
    const refused = await s.run('redo', ['--record', name, 'x'])
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(why)])
  }
  expect([s.read('notes.txt'), s.read('b.rec-wal'), s.runs()]).toEqual(['mine', 'mine', []])
  const db = new Database(s.path('one.rec') as string)
  db.pragma('user_version = 99')
  db.close()
  const newer = await s.run('redo', ['--record', 'one.rec', 'x'])
  expect(newer.code).toBe(2)
  expect(newer.stderr).toMatch(
    /one.rec was recorded by a later version \(format 99; .*\), and is kept: name another file\n$/,
  )
  expect(s.runs()).toEqual([])
})

test('REDFORD_RECORD asks for one as well, and --record comes before it', async () => {
  const s = project()
  await s.run('redo', ['all'], { env: { REDFORD_RECORD: 'env.rec' } })
  expect(withReplay(s, 'env.rec', endedIn)).toEqual(['x', 'all'])
  await s.run('redo', ['--record', 'said.rec', 'x'], { env: { REDFORD_RECORD: 'env.rec' } })
  expect(withReplay(s, 'said.rec', endedIn)).toEqual(['x'])
  expect(withReplay(s, 'env.rec', endedIn)).toEqual(['x', 'all'])
})

test.each([["export default { record: 'last.rec' }"], ["export default { record: { path: 'last.rec' }, rules: [] }"]])(
  'a config has every build recorded: %s',
  async (config) => {
    const s = project({ 'redford.config.js': config, 'package.json': '{"type":"module"}', 'sub/z.do': noted('echo z') })
    expect((await s.ifchange('all')).code).toBe(0)
    expect(withReplay(s, 'last.rec', endedIn)).toEqual(['x', 'all'])
    // While the daemon is there, too, the file is all of it.
    fs.copyFileSync(`${s.root}/last.rec`, `${s.root}/copy.rec`)
    expect(withReplay(s, 'copy.rec', endedIn)).toEqual(['x', 'all'])
    s.remove('copy.rec')
    expect((await s.run('redo', ['z'], { cwd: 'sub' })).code).toBe(0)
    // The daemon goes on with it: what is known is written down once.
    expect(withReplay(s, 'last.rec', endedIn)).toEqual(['x', 'all', 'sub/z'])
    s.remove('last.rec')
    expect((await s.redo('x')).code).toBe(0)
    expect(withReplay(s, 'last.rec', endedIn)).toEqual(['x'])
    expect((await s.run('redo', ['--record', 'last.rec', 'z'], { cwd: 'sub' })).code).toBe(0)
    expect(withReplay(s, 'sub/last.rec', endedIn)).toEqual(['sub/z'])
    expect((await s.run('redo', ['--record', 'last.rec', 'all'])).code).toBe(0)
    expect(withReplay(s, 'last.rec', endedIn)).toEqual(['all'])
    await s.run('redford', ['stop'])
    expect(fs.readdirSync(s.root).filter((name) => name.startsWith('last.rec'))).toEqual(['last.rec'])
    // It must not stand in the way of a build.
    s.remove('last.rec')
    s.write('last.rec', 'mine')
    const built = await s.redo('x')
    expect(built.code, built.stderr).toBe(0)
    expect(built.stderr).toContain('redford.config: record: ')
    expect(s.read('last.rec')).toBe('mine')
  },
)

test('a config that says something else by `record` is faulty, in words', async () => {
  const s = space({
    'redford.config.js': 'export default { record: 7, rules: [], targets: () => undefined }',
    'package.json': '{"type":"module"}',
  })
  expect((await s.redo('x')).stderr).toContain('`record` must be the path of a file')
  s.write('redford.config.js', "export default { record: { path: 'last.rec', beside: true } }")
  expect((await s.redo('x')).stderr).toContain('`record` takes no `beside` here, where values are files: say the path')
})

test('a recording that goes on is not ended while the next command is under way', async () => {
  const s = project({
    'redford.config.js': "export default { record: 'last.rec' }",
    'package.json': '{"type":"module"}',
    'z.do': noted('touch z.here', waitsFor('go'), 'echo z'),
  })
  expect((await s.redo('all')).code).toBe(0)
  withReplay(s, 'last.rec', () => {})
  const second = s.redo('z')
  await until('z is begun', () => s.exists('z.here'))
  await new Promise((resolve) => setTimeout(resolve, 300))
  const replay = opened(s.path('last.rec') as string)
  expect(replay.unfinished).toMatch(/^it was not ended in order: it is still being written/)
  replay.close()
  s.write('go', '')
  expect((await second).code).toBe(0)
  expect(withReplay(s, 'last.rec', endedIn)).toEqual(['x', 'all', 'z'])
})

test('two commands at once record into files of their own, or share one', async () => {
  const s = space({ 'default.do': noted('touch "$1.here"', waitsFor('go'), 'echo "$1"') })
  const files = ['one.rec', 'two.rec', 'one.rec'] as const
  const running = []
  for (const [i, file] of files.entries()) {
    running.push(s.start('redo', ['--record', file, `t${i}`, '-j4']))
    await until('it runs', () => s.exists(`t${i}.here`))
  }
  s.write('go', '')
  for (const { done } of running) expect((await done).code).toBe(0)
  for (const file of ['one.rec', 'two.rec'])
    expect(withReplay(s, file, endedIn)).toEqual(expect.arrayContaining(file === 'one.rec' ? ['t0', 't2'] : ['t1']))
})

test('a recording that was removed meanwhile is begun anew, for all who record into it', async () => {
  const s = space({ 'default.do': noted('touch "$1.here"', waitsFor('go'), 'echo "$1"') })
  const running = []
  for (const target of ['t0', 't1']) {
    for (const end of ['', '-wal', '-shm']) fs.rmSync(`${s.path('one.rec')}${end}`, { force: true })
    running.push(s.start('redo', ['--record', 'one.rec', target, '-j4']))
    await until('it runs', () => s.exists(`${target}.here`))
  }
  s.write('go', '')
  for (const { done } of running) expect((await done).code).toBe(0)
  expect(withReplay(s, 'one.rec', endedIn)).toEqual(expect.arrayContaining(['t0', 't1']))
})

test('nothing of the environment is in it', async () => {
  const secrets = ['s3cret-of-the-person', 's3cret-of-the-do-file', 's3cret-of-a-failure']
  const s = space({
    'all.do': noted(`MINE=${secrets[1]}`, 'export MINE', 'redo-ifchange x || true', 'echo "$THEIRS" >/dev/null'),
    'x.do': noted('echo "$THEIRS $MINE" >&2', `echo ${secrets[2]} >&2`, 'exit 3'),
  })
  await s.run('redo', ['--record', 'one.rec', 'all'], { env: { THEIRS: secrets[0] } })
  expect(withReplay(s, 'one.rec', endedIn)).toEqual(['x', 'all'])
  const bytes = fs.readFileSync(s.path('one.rec'))
  const replay = opened(s.path('one.rec') as string)
  const all = [
    bytes.toString('latin1'),
    JSON.stringify(replay.about),
    JSON.stringify(replay.stateAt(replay.ticks).state),
    ...Array.from({ length: replay.ticks }, (_, i) => JSON.stringify(replay.reader.at(i + 1))),
  ].join('\n')
  replay.close()
  // It would be found: names of targets are in it.
  expect(all).toContain('x.do')
  for (const secret of secrets) expect(all).not.toContain(secret)
})

test('a disk that refuses ends the recording with a warning, and the build goes on', async (context) => {
  if (!canMount()) context.skip('no small disk can be mounted here')
  const targets = Array.from({ length: 300 }, (_, i) => `${'long'.repeat(40)}${i}.out`)
  const s = space({ 'all.do': noted('xargs redo-ifchange <list'), 'default.out.do': 'echo $1\n', 'full/.keep': '' })
  s.write('list', targets.join('\n'))
  const script = 'mount -t tmpfs -o size=96k none full && exec redo --no-daemon --record full/one.rec all'
  const result = await s.run('unshare', ['-rm', 'sh', '-c', script], { timeoutMs: 60_000 })
  expect(result.code, result.stderr).toBe(0)
  expect(result.stderr.split('\n').filter((line) => line.includes('nothing more is recorded'))).toHaveLength(1)
  expect(targets.every((name) => s.exists(name))).toBe(true)
})
