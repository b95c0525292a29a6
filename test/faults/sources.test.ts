/** Faults 13, 14 and 25: sources that go, targets that people delete or edit, and odd names, all across a restart of the daemon. */
import * as fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { closeSpaces, noted, type Space, space, until, waitsFor } from '../support/space.js'

const packageRoot = fileURLToPath(new URL('../../', import.meta.url))

afterEach(closeSpaces)

describe.each(['the daemon stays', 'the daemon is killed before'])('%s', (fate) => {
  const between = async (s: Space): Promise<void> => {
    if (fate !== 'the daemon stays') await s.crash()
  }

  test('a source that is gone and has a rule now becomes a target', async () => {
    const s = space({ part: 'by hand\n', 'x.do': noted('redo-ifchange part', 'cat part') })
    await s.ifchange('x')
    await between(s)
    s.remove('part')
    s.write('part.do', noted('echo made'))
    const result = await s.ifchange('x')
    expect(result.code, result.stderr).toBe(0)
    expect([s.read('part'), s.read('x')]).toEqual(['made\n', 'made\n'])
  })

  test('a source that is gone for good breaks what asks for it, and its siblings go on', async () => {
    const s = space({
      part: '1\n',
      other: '1\n',
      'x.do': noted('redo-ifchange part', 'cat part'),
      'y.do': noted('redo-ifchange other', 'cat other'),
    })
    await s.ifchange('x', 'y')
    await between(s)
    s.remove('part')
    s.write('other', '2\n')
    const result = await s.redo('-k', 'x', 'y')
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/part.*no (rule|do-file)|no (rule|do-file).*part/i)
    expect([s.read('x'), s.read('y')]).toEqual(['1\n', '2\n'])
    s.write('part', '3\n')
    expect((await s.ifchange('x')).code).toBe(0)
    expect(s.read('x')).toBe('3\n')
  })

  test('a deleted target is rebuilt, one edited by hand is left alone until it is forced', async () => {
    const s = space({
      src: '1\n',
      'x.do': noted('redo-ifchange src', 'cat src'),
      'y.do': noted('redo-ifchange src', 'cat src'),
    })
    await s.ifchange('x', 'y')
    await between(s)
    s.remove('x')
    s.write('y', 'mine\n')
    const first = await s.ifchange('x', 'y')
    expect(first.code).toBe(0)
    expect(first.stderr).toMatch(/y: you modified it; skipping/)
    expect([s.read('x'), s.read('y')]).toEqual(['1\n', 'mine\n'])
    await between(s)
    s.write('src', '2\n')
    expect((await s.ifchange('y')).stderr).toMatch(/y: you modified it; skipping/)
    expect((await s.redo('--force', 'y')).code).toBe(0)
    expect(s.read('y')).toBe('2\n')
    await between(s)
    s.write('src', '3\n')
    expect((await s.ifchange('y')).stderr).not.toMatch(/modified/)
    expect(s.read('y')).toBe('3\n')
  })

  test('odd names are remembered as they are', async () => {
    const odd = Buffer.from('\xff \t\xc3(-.in', 'latin1')
    const long = `${'ü'.repeat(125)}n.out`
    const s = space([
      ['default.out.do', noted('redo-ifchange "./$2.in"', 'cat "./$2.in"')],
      [odd, '1'],
      [`${'ü'.repeat(125)}n.in`, 'long'],
      ['-rf.in', 'dash'],
    ])
    expect(Buffer.byteLength(long)).toBe(255)
    const ask = `redo-ifchange -- "$(printf '\\377 \\t\\303(-.out')" -rf.out "$LONG"`
    const env = { LONG: long }
    const first = await s.sh(ask, { env })
    expect(first.code, first.stderr).toBe(0)
    expect(s.runs().length).toBe(3)
    await between(s)
    await s.sh(ask, { env })
    expect(s.runs()).toEqual([])
    s.write(odd, '2')
    await s.sh(ask, { env })
    expect(s.runs().length).toBe(1)
    expect([s.read(Buffer.from('\xff \t\xc3(-.out', 'latin1')), s.read(long), s.read('-rf.out')]).toEqual([
      '2',
      'long',
      'dash',
    ])
  })
})

test('a loop of links is said to be one (fault 15)', async () => {
  const s = space({ 'x.do': noted('redo-ifchange one/more'), 'y.do': noted('redo-ifchange one') })
  await s.sh('ln -s two one; ln -s one two')
  const result = await s.redo('-k', 'x', 'y')
  expect(result.code).toBe(1)
  for (const name of ['one', 'one/more'])
    expect(result.stderr).toContain(
      `redo  ${name}: failed, it cannot be looked at: ELOOP: too many symbolic links encountered\n`,
    )
})

describe('a path that cannot be looked at', () => {
  const long = 'n'.repeat(300)
  /** In the place of `folder` is a link that leads to itself. */
  const takeAway = (s: Space): void => {
    fs.renameSync(s.path('folder'), s.path('away'))
    fs.symlinkSync('folder', s.path('folder'))
  }
  const bringBack = (s: Space): void => {
    s.remove('folder')
    fs.renameSync(s.path('away'), s.path('folder'))
  }

  test('is not there, to redo-ifcreate', async () => {
    const s = space({
      'x.do': noted('redo-ifcreate loop/file', 'echo x'),
      'y.do': noted(`redo-ifcreate ${long}`, 'echo y'),
    })
    fs.symlinkSync('loop', s.path('loop'))
    const result = await s.ifchange('x', 'y')
    expect(result.code, result.stderr).toBe(0)
    expect(s.runs()).toEqual(['x', 'y'])
    expect((await s.ifchange('x', 'y')).code).toBe(0)
    expect(s.runs()).toEqual([])
    s.remove('loop')
    expect((await s.ifchange('x')).code).toBe(0)
    expect(s.runs()).toEqual([])
    s.write('loop/file', '')
    expect((await s.ifchange('x')).stderr).toContain('loop/file exists already')
  })

  test('is no hindrance to a start after a sudden end', async () => {
    const s = space({
      'folder/x.do': noted(': >"$3"', ': >begun', waitsFor('never')),
      'y.do': noted('echo y'),
    })
    const running = s.start('redo', ['folder/x'])
    await until('x runs', () => s.exists('folder/begun'))
    // Both, for a client that has heard nothing yet would start another.
    process.kill(s.daemon(), 'SIGKILL')
    running.kill('SIGKILL')
    await running.done
    await s.crash()
    takeAway(s)
    for (const more of [['--no-daemon'], []]) {
      const result = await s.redo(...more, 'y')
      expect(result.code, result.stderr).toBe(0)
    }
    bringBack(s)
    s.write('folder/x.do', 'echo mended\n')
    expect((await s.ifchange('folder/x')).code).toBe(0)
    expect(s.read('folder/x')).toBe('mended\n')
  })

  test.each(['folder/x.do', 'default.do'])('stays the target that it was, made by %s', async (doFile) => {
    const s = space({
      src: '1',
      'folder/.keep': '',
      [doFile]: noted('cat "$REDFORD_ROOT/src"', 'redo-ifchange "$REDFORD_ROOT/src"'),
    })
    await s.ifchange('folder/x')
    takeAway(s)
    const failed = await s.ifchange('folder/x')
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('ELOOP')
    bringBack(s)
    s.write('src', '2')
    expect((await s.ifchange('folder/x')).code).toBe(0)
    expect(s.read('folder/x')).toBe('2')
    expect((await s.run('redo-targets')).stdout).toBe('folder/x\n')
  })

  test('stays the source that it was', async () => {
    const s = space({ 'folder/src': '1', 'x.do': 'redo-ifchange folder/src\ncat folder/src\n' })
    await s.ifchange('x')
    takeAway(s)
    const failed = await s.ifchange('x')
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('ELOOP')
    expect((await s.run('redford', ['why', 'folder/src'])).stdout).toBe(
      'folder/src is a source: nothing makes it\n  it is gone, seen in request 2\n',
    )
  })

  test('in PWD is not the working folder', async () => {
    const s = space({ 'x.do': 'echo x\n' })
    fs.symlinkSync('loop', s.path('loop'))
    const env = { PWD: `${s.root}/loop`, REDFORD_NATIVE: 'off' }
    const result = await s.run(process.execPath, [`${packageRoot}dist/cli/redford.cjs`, 'redo', '--no-daemon', 'x'], {
      env,
    })
    expect(result.code, result.stderr).toBe(0)
    expect(s.read('x')).toBe('x\n')
  })
})
