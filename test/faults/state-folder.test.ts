/** Fault 35: the state folder goes away under the daemon, and projects move or are copied. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { canMount } from '../support/mount.js'
import { hasProc } from '../support/processes.js'
import { closeSpaces, noted, type Space, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

const project = (): Space =>
  space({
    src: '1',
    'sub/y.do': noted('redo-ifchange ../src', 'cat ../src'),
    'x.do': noted('redo-ifchange sub/y', 'cat sub/y'),
  })

test('removed while the daemon is idle: the next command makes a new one, and the old daemon leaves', async () => {
  const s = project()
  await s.ifchange('sub/y')
  const old = hasProc ? s.daemon() : undefined
  s.remove('.redford')
  for (const name of ['sub/y', 'x']) s.remove(name)
  const result = await s.ifchange('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('1')
  if (hasProc) {
    await until('the old daemon has left', () => s.engines().length === 1)
    expect(s.daemon()).not.toBe(old)
  }
})

test('removed in the middle of a build: one line with 205, no claim of success, and the next command is right', async () => {
  const s = space({
    src: '1',
    'x.do': noted('redo-ifchange src', 'rm -rf .redford', 'cat src'),
    'y.do': noted('redo-ifchange x', 'cat x'),
  })
  const result = await s.ifchange('y')
  expect(result.code).not.toBe(0)
  expect(result.stderr.split('\n').filter((line) => /\b205\b/.test(line)).length).toBe(1)
  expect(result.stderr).not.toMatch(/^ +at /m)
  s.remove('x')
  s.write('x.do', noted('redo-ifchange src', 'cat src'))
  s.write('src', '2')
  const next = await s.ifchange('y')
  expect(next.code, next.stderr).toBe(0)
  expect(s.read('y')).toBe('2')
  if (hasProc) await until('one daemon is left', () => s.engines().length === 1)
})

test('lost together with its memory: an old target is never stale in silence', async () => {
  const s = project()
  await s.ifchange('x')
  await s.run('redford', ['stop'])
  s.remove('.redford')
  s.write('src', '2')
  const result = await s.redo('x')
  if (s.read('x') !== '2')
    expect(result.stderr).toMatch(/\bx\b.*(source|not built|exists)|sub\/y.*(source|not built|exists)/)
})

test('that cannot be written: no command waits, and one line says so', async (context) => {
  if (!canMount()) context.skip('nothing can be mounted here')
  const s = project()
  s.write('.redford/none', '')
  const script = 'mount -t tmpfs -o ro none .redford && exec redo-ifchange x'
  const result = await s.run('unshare', ['-rm', 'sh', '-c', script])
  expect(result.code).toBe(205)
  expect(result.stderr).toMatch(/^redo {2}the state folder cannot be written: EROFS.*\(205\)\n$/)
})

test('on a disk that is full: a daemon ends in order all the same, and a start is refused in one line', async (context) => {
  if (!canMount()) context.skip('no small disk can be mounted here')
  const s = project()
  s.write('.redford/.keep', '')
  const script = [
    'mount -t tmpfs -o size=1m,mode=700 none .redford && redo-ifchange x || exit',
    'head -c 2000000 /dev/zero >.redford/filler 2>/dev/null',
    'redo x 2>/dev/null && exit 9',
    'daemon=$(redford status | sed -n "s/daemon \\([0-9]*\\).*/\\1/p") && redford stop',
    'while kill -0 $daemon 2>/dev/null; do sleep 0.05; done',
    'cat .redford/daemon.log >&2',
    'rm .redford/st* .redford/lock*; head -c 2000000 /dev/zero >>.redford/filler 2>/dev/null',
    'redo --no-daemon x',
  ].join('\n')
  const result = await s.run('unshare', ['-rm', 'sh', '-c', script])
  expect(result.stderr).toMatch(/^(redo {2}.*\n)+$/)
  expect(result.stderr).toMatch(/^redo {2}\.redford cannot be locked: .*full.*\(205\)\n$/m)
  expect(result.code).toBe(205)
})

test('in a folder that cannot be written: one line says so', async (context) => {
  if (!canMount()) context.skip('nothing can be mounted here')
  const s = project()
  const script = 'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && exec "$@"'
  for (const option of [[], ['--no-daemon']]) {
    const result = await s.run('unshare', ['-rm', 'sh', '-c', script, 'sh', 'redo', ...option, 'x'])
    expect(result.code).toBe(205)
    expect(result.stderr).toMatch(/^redo {2}the state folder cannot be made: EROFS.*\n$/)
  }
})

test('with room for some of its files only: each command builds, or says why not, and the next one builds', async (context) => {
  if (!canMount()) context.skip('no small disk can be mounted here')
  const script = (files: number, command: string): string =>
    [
      `mount -t tmpfs -o nr_inodes=${files},size=4m,mode=700 none .redford`,
      `${command} x; code=$?; redford stop >&2; mount -o remount,nr_inodes=1000 .redford`,
      `redo x >&2 || exit 9; redford stop; exit $code`,
    ].join('\n')
  // Those of its files that are neither the store's nor a run's come up in between.
  const cases = [5, 6, 7, 8, 9].map((files) => ['redo --no-daemon', files] as const)
  for (const [command, files] of [...cases, ['redo', 10] as const]) {
    const s = project()
    s.write('.redford/.keep', '')
    const result = await s.run('unshare', ['-rm', 'sh', '-c', script(files, command)])
    expect([0, 1, 205], `${command}, ${files}: ${result.stderr}`).toContain(result.code)
    expect(result.stderr).not.toContain('fault of redford')
    expect(result.stderr).not.toContain('see .redford/daemon.log')
  }
}, 60_000)

test('a project that moved while no daemon ran has nothing to build', async () => {
  const s = project()
  await s.ifchange('x')
  await s.run('redford', ['stop'])
  s.runs()
  s.move('elsewhere')
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.runs()).toEqual([])
  s.write('src', '2')
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.read('x')).toBe('2')
})

test('a project that moved under its daemon is built where it now is', async () => {
  const s = project()
  await s.ifchange('x')
  s.runs()
  const before = s.root
  s.move('elsewhere')
  const nothing = await s.ifchange('x')
  expect(nothing.code, nothing.stderr).toBe(0)
  expect(s.runs()).toEqual([])
  s.write('src', '2')
  const result = await s.ifchange('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('2')
  expect(fs.existsSync(before)).toBe(false)
  if (hasProc) await until('one daemon is left', () => s.engines().length === 1)
})

test('a project that moved in the middle of a build makes no false claim', async () => {
  const s = space({ 'x.do': noted('touch here', waitsFor('go'), 'echo x') })
  const running = s.start('redo', ['x'])
  await until('the do-file runs', () => s.exists('here'))
  s.move('elsewhere')
  s.write('go', '')
  const result = await running.done
  if (result.code === 0) expect(s.read('x')).toBe('x\n')
  const next = await s.ifchange('x')
  expect(next.code, next.stderr).toBe(0)
  expect(s.read('x')).toBe('x\n')
})

test('a copied project has nothing to build, and is a project of its own', async () => {
  const s = project()
  await s.ifchange('x')
  await s.run('redford', ['stop'])
  s.runs()
  const copied = await s.sh('cp -a . ../copy && cd ../copy && redo-ifchange x')
  expect(copied.code, copied.stderr).toBe(0)
  expect(copied.stderr).not.toMatch(/modified/)
  expect(s.runs()).toEqual([])
  const built = await s.sh('cd ../copy && printf 2 >src && redo-ifchange x && cat x')
  expect(built.stdout).toBe('2')
  expect([s.read('x'), s.runs()]).toEqual(['1', ['x', 'y']])
  await s.sh('cd ../copy && redford stop')
})
