/** What a failing build leaves, says and returns. After apenwarr's t/100, 141 and 201. */
import net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

const linesOf = (text: string): readonly string[] => text.split('\n')

test('a failing do-file exits 1, names its code and itself, and says how to repeat it', async () => {
  const s = space({ 'sub/default.o.do': 'echo trouble >&2\nexit 3\n', 'x.do': 'exit 4\n' })
  const below = await s.redo('sub/main.o')
  expect(below.code).toBe(1)
  expect(below.stderr).toContain('trouble\n')
  expect(below.stderr).toMatch(/^redo {2}sub\/main\.o: failed, exit 3 \(sub\/default\.o\.do\)$/m)
  expect(below.stderr).toMatch(/^redo +to repeat: redo sub\/main\.o$/m)
  const here = await s.redo('x')
  expect(here.stderr).toMatch(/^redo {2}x: failed, exit 4 \(x\.do\)$/m)
  expect(here.stderr).toMatch(/^redo +to repeat: .*redo x$/m)
  const inside = await s.run('redo', ['main.o'], { cwd: 'sub' })
  expect(inside.stderr).toMatch(/^redo {2}main\.o: failed, exit 3 \(default\.o\.do\)$/m)
})

test('commands that are shown can be typed, whatever the name is', async () => {
  const s = space({ "it's a/.keep": '' })
  for (const [name, word] of [
    ["it's a/-b c", `'it'\\''s a/-b c'`],
    ['-k', './-k'],
  ] as const) {
    s.write('default.do', 'exit 1\n')
    const failed = await s.redo('--', name)
    expect(failed.stderr).toContain(`to repeat: redo ${word}\n`)
    s.write(name, 'by hand')
    expect((await s.redo('--', name)).stderr).toContain(`(redo --overwrite ${word} builds over it)`)
    s.remove(name)
    s.write('default.do', 'echo x\n')
    expect((await s.sh(`redo ${word}`)).code).toBe(0)
    s.write(name, 'by hand')
    expect((await s.redo('--', name)).stderr).toContain(
      `(redo --take ${word} keeps it, redo --overwrite ${word} builds`,
    )
  }
})

test('a file that nobody makes is said to be there, or to lie outside', async () => {
  const s = space({ source: '' })
  const said = async (...args: readonly string[]): Promise<string | undefined> =>
    linesOf((await s.redo(...args)).stderr)[0]
  expect(await said('absent')).toBe('redo  absent: failed, no such file, and no do-file that makes it')
  expect(await said('source')).toBe('redo  source: exists, and was not built by redo; left alone')
  expect(await said('--overwrite', 'source')).toBe('redo  source: failed, no do-file that makes it')
  expect(await said('../absent')).toBe(
    'redo  ../absent: failed, no such file, and nothing is built outside the project',
  )
  expect(await said('../home')).toBe('redo  ../home: exists, and was not built by redo; left alone')
  expect(await said('--overwrite', '../home')).toBe('redo  ../home: failed, nothing is built outside the project')
})

test('to build over a file is offered only where something makes it', async () => {
  const s = space({ 'x.do': 'echo x\n' })
  await s.redo('x')
  s.write('x', 'by hand')
  s.remove('x.do')
  expect((await s.redo('x')).stderr).toBe('redo  x: you modified it; skipping (redo --take x keeps it)\n')
  expect((await s.redo('--take', 'x')).code).toBe(0)
  expect(s.read('x')).toBe('by hand')
})

test('a do-file killed by a signal fails with its name', async () => {
  const s = space({ 'x.do': 'kill -9 $$\n' })
  const result = await s.redo('x')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/x: failed.*SIGKILL/)
})

test('a failure goes up the chain of those that asked, and all of it is told', async () => {
  const s = space({
    ok: 'yes',
    'leaf.do': noted('redo-ifchange ok', '[ "$(cat ok)" = yes ] || exit 3', 'echo leaf'),
    'mid.do': noted('redo-ifchange leaf', 'cat leaf'),
    'top.do': noted('redo-ifchange mid', 'cat mid'),
  })
  await s.ifchange('top')
  s.runs()
  s.write('ok', 'no')
  const result = await s.ifchange('top')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/leaf: failed, exit 3/)
  expect(result.stderr).toMatch(/mid.*leaf|leaf.*mid|mid: failed/)
  expect(result.stderr).toMatch(/top.*leaf|top.*mid|top: failed/)
  expect(['leaf', 'mid', 'top'].map((name) => s.read(name))).toEqual(Array(3).fill('leaf\n'))
})

test('a do-file may live with the failure of a dependency', async () => {
  const s = space({ 'bad.do': 'exit 3\n', 'x.do': 'redo-ifchange bad || echo without\n' })
  const result = await s.redo('x')
  expect(result.code).toBe(0)
  expect(s.read('x')).toBe('without\n')
})

test('a failed target is tried again by the next command, but not twice in one', async () => {
  const s = space({
    'bad.do': noted('exit 3'),
    'x.do': noted('redo-ifchange bad || :', 'redo-ifchange bad || :', 'exit 1'),
  })
  await s.ifchange('bad')
  await s.ifchange('bad')
  expect(s.runs()).toEqual(['bad', 'bad'])
  await s.ifchange('x')
  expect(s.runs()).toEqual(['bad', 'x'])
})

test('a mended do-file builds without any command by hand', async () => {
  const s = space({ 'x.do': 'redo-ifchange y\ncat y\n', 'y.do': 'exit 3\n' })
  expect((await s.ifchange('x')).code).toBe(1)
  s.write('y.do', 'echo y\n')
  const result = await s.ifchange('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('y\n')
})

test('after a failure nothing new is started, unless -k asks for it', async () => {
  const s = space({ 'bad.do': noted('exit 3'), 'good.do': noted('echo good'), 'worse.do': noted('exit 4') })
  const stopped = await s.redo('-j1', 'bad', 'good', 'worse')
  expect(stopped.code).toBe(1)
  expect(s.runs()).toEqual(['bad'])
  const kept = await s.redo('-j1', '-k', 'bad', 'good', 'worse')
  expect(kept.code).toBe(1)
  expect(s.runs()).toEqual(['bad', 'good', 'worse'])
  expect(s.read('good')).toBe('good\n')
})

test('-k reaches into the do-files below', async () => {
  const s = space({
    'all.do': noted('redo-ifchange bad good'),
    'bad.do': noted('exit 3'),
    'good.do': noted('echo good'),
  })
  const result = await s.redo('-j1', '-k', 'all')
  expect(result.code).toBe(1)
  expect(s.runs()).toEqual(['all', 'bad', 'good'])
})

test('the output of two that fail at once is whole and unmixed, and both failures come again at the end', async () => {
  const talk = (me: string, other: string): string =>
    [
      `touch ${me}.0`,
      ...[0, 1, 2, 3].flatMap((n) => [waitsFor(`${other}.${n}`), `echo ${me} line ${n} >&2`, `touch ${me}.${n + 1}`]),
      'exit 3',
      '',
    ].join('\n')
  const s = space({
    'a.do': talk('a', 'b'),
    'b.do': talk('b', 'a'),
    'late.do': [waitsFor('a.4'), waitsFor('b.4'), 'echo late >&2', 'exit 5', ''].join('\n'),
  })
  const result = await s.redo('-j3', '-k', 'a', 'b', 'late')
  expect(result.code).toBe(1)
  for (const name of ['a', 'b'])
    expect(result.stderr).toContain([0, 1, 2, 3].map((n) => `${name} line ${n}\n`).join(''))
  const lines = linesOf(result.stderr)
  const lastOutput = Math.max(...lines.map((line, index) => (/ line 3$|^late$/.test(line) ? index : -1)))
  const end = lines.slice(lastOutput).join('\n')
  for (const failure of ['a: failed, exit 3', 'b: failed, exit 3', 'late: failed, exit 5'])
    expect(end).toContain(failure)
})

test('output without a newline at its end does not run into the next line', async () => {
  const s = space({ 'x.do': 'printf "no newline" >&2\nexit 3\n' })
  const result = await s.redo('x')
  expect(linesOf(result.stderr)).toContain('no newline')
})

test('a target nobody knows how to make is an error that names it', async () => {
  const s = space({ 'x.do': 'redo-ifchange deep/missing\n' })
  for (const command of ['redo', 'redo-ifchange']) {
    const result = await s.run(command, ['missing'])
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/missing.*no (rule|do-file)|no (rule|do-file).*missing/i)
  }
  const inner = await s.redo('x')
  expect(inner.code).toBe(1)
  expect(inner.stderr).toMatch(/deep\/missing.*no (rule|do-file)|no (rule|do-file).*deep\/missing/i)
})

test('redo-ifchange of several sources that exist is well, and one missing is not', async () => {
  const s = space({ a: '', b: '' })
  expect((await s.ifchange('a', 'b')).code).toBe(0)
  const result = await s.ifchange('a', 'missing', 'b')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/missing/)
})

test('what a failing do-file wrote to $1 itself is never taken for a source, nor for the work of a person', async () => {
  const s = space({
    ok: 'no',
    'first.do': noted('echo half >$1', 'exit 3'),
    'later.do': noted('redo-ifchange ok', '[ "$(cat ok)" = yes ] || { echo half >$1; exit 3; }', 'echo whole'),
    'folder.do': noted('mkdir -p $1', 'exit 3'),
  })
  s.write('ok', 'yes')
  expect((await s.ifchange('later')).code).toBe(0)
  s.write('ok', 'no')
  for (const target of ['first', 'later', 'folder', 'first', 'later', 'folder']) {
    const result = await s.ifchange(target)
    expect([target, result.code]).toEqual([target, 1])
    expect(result.stderr).not.toContain('modified')
  }
  s.write('ok', 'yes')
  expect((await s.ifchange('later')).code).toBe(0)
  expect(s.read('later')).toBe('whole\n')
})

test('a do-file that cannot be read breaks its own target only', async () => {
  const s = space({ 'x.do': 'echo x\n' })
  // As root there is no other file that cannot be opened.
  const server = net.createServer().listen(`${s.root}/odd.do`)
  await new Promise((resolve) => server.once('listening', resolve))
  const result = await s.run('redo', ['-k', 'odd', 'x'])
  server.close()
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/odd: failed, its do-file cannot be read/)
  expect(s.read('x')).toBe('x\n')
})
