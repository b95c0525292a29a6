/** The commands as people and scripts meet them: what they print where, and what they return. After apenwarr's t/260. */
import { existsSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, packageVersion, space, until } from '../support/space.js'

afterEach(closeSpaces)

const linesOf = (text: string): readonly string[] => text.split('\n').filter(Boolean)

test('redo-whichdo lists what it looked for up to what it found, as seen from the current folder', async () => {
  const s = space({ 'a/b/.keep': '', 'from/d/.keep': '', 'default.y.z.do': '', 'from/default.do': '' })
  const up = await s.run('redo-whichdo', ['../a/b/x.y.z'], { cwd: 'from' })
  expect(up.code, up.stderr).toBe(0)
  expect(linesOf(up.stdout)).toEqual([
    '../a/b/x.y.z.do',
    '../a/b/default.y.z.do',
    '../a/b/default.z.do',
    '../a/b/default.do',
    '../a/default.y.z.do',
    '../a/default.z.do',
    '../a/default.do',
    '../default.y.z.do',
  ])
  const down = await s.run('redo-whichdo', ['d/snork'], { cwd: 'from' })
  expect(linesOf(down.stdout)).toEqual(['d/snork.do', 'd/default.do', 'default.do'])
})

test('redo-whichdo of a target without a do-file lists them all and fails; the folder need not exist', async () => {
  const s = space()
  const result = await s.run('redo-whichdo', ['none/x.y'])
  expect(result.code).toBe(1)
  // Whether it goes on above the project is its own affair.
  expect(linesOf(result.stdout).slice(0, 5)).toEqual([
    'none/x.y.do',
    'none/default.y.do',
    'none/default.do',
    'default.y.do',
    'default.do',
  ])
})

test('redo-whichdo wants exactly one target', async () => {
  const s = space()
  expect((await s.run('redo-whichdo', [])).code).toBe(2)
  expect((await s.run('redo-whichdo', ['a', 'b'])).code).toBe(2)
})

test('redo-targets, redo-sources and redo-ood list names as seen from the current folder', async () => {
  const s = space({
    src: '1',
    'x.do': 'redo-ifchange src sub/y\ncat src sub/y\n',
    'sub/y.do': 'redo-ifchange in\ncat in\n',
    'sub/in': '1',
    stranger: '',
  })
  const list = async (command: string, cwd = '.') => linesOf((await s.run(command, [], { cwd })).stdout)
  expect([await list('redo-targets'), await list('redo-sources'), await list('redo-ood')]).toEqual([[], [], []])
  await s.ifchange('x')
  expect([...(await list('redo-targets'))].sort()).toEqual(['sub/y', 'x'])
  expect([...(await list('redo-targets', 'sub'))].sort()).toEqual(['../x', 'y'])
  expect([...(await list('redo-sources'))].sort()).toEqual(['src', 'sub/in', 'sub/y.do', 'x.do'])
  expect([...(await list('redo-sources', 'sub'))].sort()).toEqual(['../src', '../x.do', 'in', 'y.do'])
  expect(await list('redo-ood')).toEqual([])
  s.write('src', '2')
  expect(await list('redo-ood')).toEqual(['x'])
  s.write('sub/in', '2')
  expect([...(await list('redo-ood', 'sub'))].sort()).toEqual(['../x', 'y'])
  await s.ifchange('x')
  expect(await list('redo-ood')).toEqual([])
})

test('redo-ood runs nothing', async () => {
  const s = space({ src: '1', 'x.do': noted('redo-ifchange src') })
  await s.ifchange('x')
  s.write('src', '2')
  s.runs()
  expect((await s.run('redo-ood')).code).toBe(0)
  expect(s.runs()).toEqual([])
})

test('redo without a target builds all', async () => {
  const s = space({ 'all.do': noted('redo-ifchange x'), 'x.do': noted('echo x') })
  expect((await s.redo()).code).toBe(0)
  expect(s.runs()).toEqual(['all', 'x'])
  expect(s.read('x')).toBe('x\n')
})

test('redo-ifchange without a target, at the top, does nothing', async () => {
  const s = space({ 'all.do': noted() })
  expect((await s.ifchange()).code).toBe(0)
  expect(s.runs()).toEqual([])
})

test('redo says what it runs, on stderr, as seen from the current folder', async () => {
  const s = space({ 'x.do': 'redo-ifchange sub/y\n', 'sub/y.do': 'echo y\n' })
  const result = await s.run('redo', ['../x'], { cwd: 'sub' })
  expect(result.stdout).toBe('')
  expect(linesOf(result.stderr)).toEqual(['redo  ../x', 'redo  y'])
  expect(linesOf((await s.ifchange('x')).stderr)).toEqual([])
})

test('-v shows the depth of a target', async () => {
  const s = space({ 'x.do': 'redo-ifchange y\n', 'y.do': 'redo-ifchange z\n', 'z.do': '' })
  const result = await s.redo('-v', 'x')
  expect(linesOf(result.stderr).filter((line) => /^redo {2,}.$/.test(line))).toEqual([
    'redo  x',
    'redo    y',
    'redo      z',
  ])
})

test('no colour where stderr is no terminal', async () => {
  const s = space({ 'x.do': 'exit 3\n' })
  const result = await s.redo('x')
  expect(result.stderr).not.toContain('\u001b')
  expect(result.stderr).not.toContain('\r')
})

const hasScript = process.platform === 'linux' && existsSync('/usr/bin/script')
test.skipIf(!hasScript)('on a terminal that knows no codes there are none, and no live line', async () => {
  const s = space({ 'x.do': 'sleep 0.3\n' })
  for (const option of ['', '--no-daemon']) {
    const shown = async (term: string) => (await s.sh(`TERM=${term} script -qec 'redo ${option} x' /dev/null`)).stdout
    expect(await shown('xterm')).toContain('\u001b[K')
    expect(await shown('dumb')).toBe('redo  x\r\n')
  }
})

test.each([
  'redo',
  'redo-ifchange',
  'redo-ifcreate',
  'redo-always',
  'redo-stamp',
  'redo-whichdo',
  'redo-targets',
  'redo-sources',
  'redo-ood',
  'redo-recheck',
  'redford',
])('%s --help and --version print to stdout and start nothing', async (command) => {
  const s = space()
  const [help, version] = await Promise.all([s.run(command, ['--help']), s.run(command, ['--version'])])
  expect([help.code, version.code]).toEqual([0, 0])
  expect(help.stdout).toContain(command)
  expect(help.stdout.length).toBeGreaterThan(40)
  expect(version.stdout).toContain(packageVersion)
  expect([help.stderr, version.stderr]).toEqual(['', ''])
  expect(s.exists('.redford')).toBe(false)
})

test('the help of redo names every option', async () => {
  const help = (await space().run('redo', ['--help'])).stdout
  for (const option of [
    '-j',
    '-k',
    '-x',
    '-v',
    '--force',
    '--take',
    '--overwrite',
    '--no-daemon',
    '--trace',
    '--help',
    '--version',
  ]) {
    expect(help).toContain(option)
  }
})

test.each([
  ['redo', ['--bogus'], '--bogus'],
  ['redo', ['-j', 'many', 'x'], 'many'],
  ['redo', ['-j0', 'x'], '0'],
  ['redo', ['-j'], '-j'],
  ['redo', ['-Q', 'x'], '-Q'],
  ['redo', ['--trace'], '--trace'],
  ['redo-ifchange', ['--bogus'], '--bogus'],
  ['redo-targets', ['extra'], 'extra'],
  ['redo-sources', ['extra'], 'extra'],
  ['redo-ood', ['extra'], 'extra'],
  ['redo-ood', ['-k'], '--keep-going'],
  ['redo-targets', ['--overwrite'], '--overwrite'],
  ['redo-whichdo', ['-j2', 'x'], '--jobs'],
  ['redford', ['why', '--trace=t', 'x'], '--trace'],
  ['redford', ['frobnicate'], 'frobnicate'],
])('%s %j is a usage error that names what was wrong', async (command, args, named) => {
  const s = space({ 'x.do': noted() })
  const result = await s.run(command, args)
  expect(result.code).toBe(2)
  expect(result.stderr).toContain(named)
  expect(result.stdout).toBe('')
  expect(s.runs()).toEqual([])
})

test.each(['redo-ifcreate', 'redo-always', 'redo-stamp'])(
  '%s outside a do-file is a usage error, not a crash',
  async (command) => {
    const s = space({ 'x.do': '' })
    await s.redo('x')
    const result = await s.run(command, command === 'redo-ifcreate' ? ['missing'] : [])
    expect(result.code).toBe(2)
    expect(result.stderr).toMatch(/do-file/)
  },
)

test.each(['redo-always', 'redo-recheck', 'redo-stamp'])('%s in a do-file refuses names', async (command) => {
  const s = space({ 'x.do': `${command} other </dev/null\n` })
  const result = await s.redo('x')
  expect(result.code).toBe(1)
  expect(result.stderr).toContain(`${command} takes no targets, so 'other' means nothing to it`)
})

test('options may come in the usual spellings', async () => {
  const s = space({ 'x.do': noted() })
  for (const args of [
    ['-j2', 'x'],
    ['-j', '2', 'x'],
    ['-kj1', 'x'],
    ['x', '-k'],
    ['-k', '--', 'x'],
  ]) {
    const result = await s.redo(...args)
    expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(0)
  }
  expect(s.runs().length).toBe(5)
})

test('--force rebuilds what is a source only by hand, and redo without it does not', async () => {
  const s = space({ 'x.do': noted('echo made'), x: 'by hand' })
  await s.redo('x')
  expect(s.read('x')).toBe('by hand')
  expect((await s.redo('--force', 'x')).code).toBe(0)
  expect(s.read('x')).toBe('made\n')
})

test('--no-daemon builds the same and leaves no process', async () => {
  const s = space({
    'x.do': noted('redo-ifchange y', 'cat y'),
    'y.do': noted('redo-ifchange src', 'cat src'),
    src: '1',
  })
  const result = await s.redo('--no-daemon', 'x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('1')
  await until('it left no process', () => s.processes().length === 0, 1_000)
  s.runs()
  const daemon = await s.ifchange('x')
  expect(daemon.code, daemon.stderr).toBe(0)
  expect(s.runs()).toEqual([])
})

test('--no-daemon reads the targets that standard input names each time', async () => {
  const s = space({ one: '1', two: '1', 'default.out.do': 'redo-ifchange $2\ncat $2\n' })
  const build = (target: string) => s.run('redo-ifchange', ['--no-daemon', '-'], { stdin: `${target}\n` })
  for (const target of ['one.out', 'two.out', 'one.out', 'two.out']) expect((await build(target)).code).toBe(0)
  s.write('two', '2')
  expect((await build('two.out')).code).toBe(0)
  expect(s.read('two.out')).toBe('2')
})

test('what makes no sense is refused, and nothing is done', async () => {
  const s = space({ 'x.do': noted('echo x') })
  for (const [command, ...args] of [
    ['redo', '--take', '--overwrite', 'x'],
    ['redo', '--no-daemon', '--take', '--force', 'x'],
    ['redford', 'stop', 'x'],
    ['redford', 'status', '--jsn'],
    ['redford', 'doctor', 'x'],
  ] as const) {
    const result = await s.run(command, args)
    expect(result.code, [command, ...args].join(' ')).toBe(2)
    expect(linesOf(result.stderr)).toHaveLength(1)
  }
  expect(s.runs()).toEqual([])
})

test.each([
  ['redo', ['--json', 'x'], '--json means nothing to redo: --trace FILE has what happens as JSON'],
  ['redo-ifchange', ['x', '--json'], 'and redford why --json TARGET why it did'],
  ['redo-ifchange', ['--no-daemon', '--json', 'x'], '--json means nothing to redo-ifchange'],
  ['redo-always', ['--json'], '--json means nothing to redo-always, which answers nothing'],
  ['redo-ifcreate', ['--no-daemon', 'y'], '--no-daemon means nothing to redo-ifcreate, which answers nothing'],
  ['redo-stamp', ['-j2'], '--jobs means nothing to redo-stamp, which builds nothing'],
  ['redford', ['stop', '--json'], "redford stop does not take '--json'"],
])('%s %j: an option that would change nothing is refused', async (command, args, why) => {
  const s = space({ 'x.do': noted() })
  for (let i = 0; i < 2; i++) {
    const { code, stdout, stderr } = await s.run(command, args)
    expect([code, stdout, linesOf(stderr).length]).toEqual([2, '', 1])
    expect(stderr).toContain(why)
    // The second time a daemon is there to say so.
    if (i === 0) await s.redo('x')
  }
  expect(s.runs()).toEqual(['x'])
})

test('whoever asks for help gets it, whatever else is said', async () => {
  const { code, stdout, stderr } = await space({}).run('redo', ['--json', '--help'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('--trace FILE')
})

test.each([
  ['--record', 'r.rec'],
  ['--trace', 't.ndjson'],
  ['--policy', 'fullBatch'],
  ['--class', 'ui'],
  ['--deadline', '5'],
  ['--take'],
])('%s in a do-file is refused: it is of the build, which somebody else began', async (...option) => {
  const s = space({ 'x.do': noted(`redo-ifchange ${option.join(' ')} y`), 'y.do': noted('echo y') })
  for (const env of [{}, { REDFORD_NATIVE: 'off' }]) {
    const { code, stderr } = await s.run('redo', ['x'], { env })
    expect(code).toBe(1)
    expect(stderr).toContain(`${option[0]} means nothing in a do-file: say it to the command that begins the build\n`)
  }
  expect(s.runs()).toEqual(['x', 'x'])
  expect([s.exists('r.rec'), s.exists('t.ndjson'), s.exists('y')]).toEqual([false, false, false])
})

test('how do-files are run may be said in a do-file, too: a script may be run by both', async () => {
  const s = space({ 'x.do': 'redo-ifchange -j3 -x -v --no-daemon y\n', 'y.do': noted('echo y') })
  expect((await s.redo('x')).code).toBe(0)
  expect(s.runs()).toEqual(['y'])
})
