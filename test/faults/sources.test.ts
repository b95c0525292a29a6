/** Faults 13, 14 and 25: sources that go, targets that people delete or edit, and odd names, all across a restart of the daemon. */
import { afterEach, describe, expect, test } from 'vitest'
import { closeSpaces, noted, type Space, space } from '../support/space.js'

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
