/** Notes: sources that a do-file reads without waiting for the daemon (decision 041). The daemon sleeps where it is to be late. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, type Files, noted, type Space, space, until } from '../support/space.js'

afterEach(closeSpaces)

/** Longer than a look at a file that has just changed proves anything. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60))

const spaceAtRest = async (files: Files): Promise<Space> => {
  const s = space({ ...files, 'warm.do': 'echo warm\n' })
  await s.redo('warm')
  await settle()
  s.runs()
  return s
}

/** Builds `x`, whose do-file puts the daemon to sleep, and wakes it once the do-file's last line is done. */
const buildWhileAsleep = async (s: Space): Promise<number | null> => {
  const daemon = s.daemon()
  const build = s.ifchange('x')
  await until('the do-file is over', () => s.exists('over'))
  // Its shell is gone, too.
  await settle()
  process.kill(daemon, 'SIGCONT')
  const { code } = await build
  s.remove('over')
  return code
}

const asleep = (...lines: readonly string[]): string =>
  noted('test -e once || kill -STOP $(cat pid)', ...lines, 'echo >once; echo >over')

const withPid = (s: Space): Space => {
  s.write('pid', `${s.daemon()}\n`)
  return s
}

test('a do-file reads its source and ends while the daemon sleeps, and depends on it', async () => {
  const s = withPid(await spaceAtRest({ src: 'one\n', 'x.do': asleep('redo-ifchange src', 'cat src') }))
  expect(await buildWhileAsleep(s)).toBe(0)
  expect(s.read('x')).toBe('one\n')
  expect(s.runs()).toEqual(['x'])
  await s.ifchange('x')
  expect(s.runs()).toEqual([])
  s.write('src', 'two\n')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x'])
  expect(s.read('x')).toBe('two\n')
})

test.each([['never seen before'], ['known']])(
  'a source %s that changes after it was read: made again, once',
  async (kind) => {
    const s = withPid(
      await spaceAtRest({
        src: 'one\n',
        'y.do': 'redo-ifchange src\ncat src\n',
        'x.do': asleep('redo-ifchange src', 'cat src', 'test -e once || echo two >src'),
      }),
    )
    if (kind === 'known') await s.ifchange('y')
    expect(await buildWhileAsleep(s)).toBe(0)
    await s.ifchange('x')
    expect(s.read('x')).toBe('two\n')
    expect(s.runs()).toEqual(['x', 'x'])
    await s.ifchange('x')
    expect(s.runs()).toEqual([])
  },
)

test('a source that changed before it was read, and the daemon does not know: made once', async () => {
  const s = withPid(
    await spaceAtRest({
      src: 'one\n',
      'y.do': 'redo-ifchange src\ncat src\n',
      'x.do': asleep('echo two >src; sleep 0.1', 'redo-ifchange src', 'cat src'),
    }),
  )
  await s.ifchange('y')
  await settle()
  expect(await buildWhileAsleep(s)).toBe(0)
  expect(s.read('x')).toBe('two\n')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x'])
  await s.ifchange('y')
  expect(s.read('y')).toBe('two\n')
})

test.each(['sub/a.gen', './sub/a.gen', 'link/a.gen'])('%s, which is made by a do-file, is waited for', async (name) => {
  const s = await spaceAtRest({
    src: 'one\n',
    'sub/default.gen.do': 'redo-ifchange ../src\ncat ../src\n',
    'y.do': 'redo-ifchange sub/a.gen\n',
    'x.do': noted(`redo-ifchange ${name}`, `cat ${name}`),
  })
  symlinkSync('sub', s.path('link'))
  await s.ifchange('y')
  s.write('src', 'two\n')
  await settle()
  expect((await s.ifchange('sub/a.gen', 'x')).code).toBe(0)
  expect(s.read('x')).toBe('two\n')
  s.write('src', 'three\n')
  await settle()
  await s.ifchange('sub/a.gen', 'x')
  expect(s.read('x')).toBe('three\n')
})

test('what has a do-file is asked for, though it is there', async () => {
  const s = await spaceAtRest({
    src: 'one\n',
    'sub/default.gen.do': 'redo-ifchange ../src\ncat ../src\n',
    'y.do': 'redo-ifchange sub/a.gen\n',
    'x.do': noted('redo-ifchange sub/a.gen', 'cat sub/a.gen'),
  })
  await s.ifchange('y')
  s.write('src', 'two\n')
  await settle()
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.read('x')).toBe('two\n')
})

test('a target whose do-file is gone is a source from then on', async () => {
  const s = await spaceAtRest({
    'a.do': 'echo made\n',
    'x.do': noted('redo-ifchange a', 'cat a'),
    'z.do': noted('redo-ifchange a', 'cat a'),
  })
  await s.ifchange('x')
  s.remove('a.do')
  await settle()
  expect((await s.ifchange('z')).code).toBe(0)
  expect(s.read('z')).toBe('made\n')
  s.runs()
  await s.ifchange('x', 'z')
  s.runs()
  await s.ifchange('x', 'z')
  expect(s.runs()).toEqual([])
  s.write('a', 'mine\n')
  await s.ifchange('x', 'z')
  expect(s.runs()).toEqual(['x', 'z'])
  expect(s.read('z')).toBe('mine\n')
})

test('in a project whose config may make it, a file is asked for', async () => {
  const s = space({
    src: 'one\n',
    'package.json': '{"type":"module"}',
    'redford.config.js':
      "import { defineConfig } from 'redford'\nexport default defineConfig({ rules: [], targets: () => undefined })\n",
    'x.do': noted('redo-ifchange src', 'cat src', 'ls .redford >names'),
  })
  mkdirSync(s.path('node_modules'))
  symlinkSync(process.cwd(), s.path('node_modules/redford'))
  const { code, stderr } = await s.ifchange('x')
  expect(code, stderr).toBe(0)
  expect(s.read('names')).toContain('socket')
  expect(s.read('names')).not.toContain('notes')
})

test('nobody else can read notes, and what makes no sense harms nobody', async () => {
  const s = await spaceAtRest({
    src: 'one\n',
    'x.do': noted(
      'cat .redford/notes-1 && exit 9',
      'if command -v python3 >/dev/null; then python3 send.py || exit 8; fi',
      'redo-ifchange src',
      'cat src',
    ),
    'send.py': [
      'import socket',
      "for note in (b'nonsense', b'', b'\\x09\\0\\0\\0Qzzzzzzzz', b'\\x09\\0\\0\\0Xzzzzzzzz'):",
      '  s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)',
      "  s.sendto(note, '.redford/notes-1')",
      '',
    ].join('\n'),
  })
  expect((await s.ifchange('x')).code).toBe(0)
  s.write('src', 'two\n')
  await s.ifchange('x')
  expect(s.read('x')).toBe('two\n')
})

test('nothing is left of where they are sent to when the daemon is gone', async () => {
  const s = await spaceAtRest({ src: 'one\n', 'x.do': 'redo-ifchange src\ncat src\n' })
  await s.ifchange('x')
  expect(s.list('.redford')).toContain('notes-1')
  await s.run('redford', ['stop'])
  expect(s.list('.redford')).not.toContain('notes-1')
})

test.each([
  ['small', 100],
  ['as large as is noted', 4096],
  ['larger', 4097],
  ['much larger', 100_000],
])('a %s source that is touched is not made anew: what was noted is what it holds', async (_, size) => {
  const s = await spaceAtRest({ src: 'x'.repeat(size), 'x.do': noted('redo-ifchange src', 'wc -c <src') })
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x'])
  s.touch('src')
  await settle()
  await s.ifchange('x')
  expect(s.runs()).toEqual([])
})
