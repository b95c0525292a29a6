/** Words and files that make no sense are told of in one sentence that says what to do. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

const project = async (): Promise<Space> => {
  const s = space({ 'a.do': 'cat src\nredo-ifchange src\n', src: '1' })
  expect((await s.run('redo', ['-j1', '--no-daemon', '--record', 'r.rec', 'a'])).code).toBe(0)
  return s
}

const said = async (s: Space, args: readonly string[]): Promise<readonly unknown[]> => {
  const { code, stdout, stderr } = await s.run('redford', args)
  return [code, stdout, stderr]
}

test('what is named is no recording, and that is said as it is', async () => {
  const s = await project()
  expect((await s.sh('mkfifo pipe && head -c 3000 r.rec >cut.rec && : >empty.rec')).code).toBe(0)
  for (const [name, why] of [
    ['pipe', 'pipe is no file that can be read again and again, as a recording is: copy it into one first'],
    ['cut.rec', 'cut.rec: nothing of it can be used: it is damaged from its beginning on (no such table: meta)'],
    ['empty.rec', 'empty.rec: nothing of it can be used: it is no recording of Redford'],
    ['', 'the name of the recording is empty: name the FILE of redo --record FILE'],
  ] as const)
    for (const args of [
      ['replay', name],
      ['step', name],
      ['diff', 'r.rec', name],
      ['why', 'a', '--recording', name],
    ])
      expect([args, ...(await said(s, args))]).toEqual([args, 2, '', `redo  ${why}\n`])
  for (const name of ['pipe', 'empty.rec', 'src'])
    expect([name, ...(await said(s, ['lab', name]))]).toEqual([
      name,
      1,
      '',
      `redford lab: ${name}: it is no recording, and by its name none of .json, .csv and .ninja: see redford lab --help\n`,
    ])
})

test('a path that leads nowhere is no fault of the program', async () => {
  const s = await project()
  expect((await s.sh('ln -s circle circle')).code).toBe(0)
  for (const [name, why] of [
    ['circle', 'ELOOP: too many symbolic links encountered'],
    ['src/x', 'ENOTDIR: not a directory'],
    ['x'.repeat(300), 'ENAMETOOLONG: name too long'],
  ] as const) {
    const read = `redo  ${name}: nothing of it can be used: ${why}, stat '${name}'\n`
    for (const args of [
      ['log', name],
      ['diff', 'r.rec', name],
    ])
      expect([args, ...(await said(s, args))]).toEqual([args, 2, '', read])
    const written = `redo  ${name} cannot be looked at: ${why}, stat '${name}': name another file by --output\n`
    for (const args of [
      ['fork', 'r.rec', '--at', '1', '-o', name],
      ['shrink', 'r.rec', '--test', 'true', '-o', name],
    ])
      expect([args, ...(await said(s, args))]).toEqual([args, 2, '', written])
  }
})

test('blanks around the name of a recording: no other file is written or read for it', async () => {
  const s = await project()
  const before = fs.readFileSync(s.path('r.rec'))
  const ends = 'ends with a blank, which better-sqlite3 leaves out'
  const built = await s.run('redo', ['--no-daemon', '--record', 'r.rec ', 'a'])
  expect([built.code, built.stderr]).toEqual([2, `redo  ${s.root}/r.rec  ${ends}: name another file\n`])
  const forked = await said(s, ['fork', 'r.rec', '--at', '1', '-o', 'r.rec\t'])
  expect(forked).toEqual([2, '', `redo  r.rec\t ${ends}: name another file by --output\n`])
  expect(fs.readdirSync(s.root).filter((name) => name.includes('rec'))).toEqual(['r.rec'])
  expect(fs.readFileSync(s.path('r.rec')).equals(before)).toBe(true)
  fs.writeFileSync(s.path('r.rec '), before)
  expect(await said(s, ['log', 'r.rec '])).toEqual([
    2,
    '',
    `redo  r.rec : nothing of it can be used: its name ${ends}: rename it\n`,
  ])
  expect((await said(s, ['fork', 'r.rec', '--at', '1', '-o', ' 1.rec'])).slice(0, 2)).toEqual([0, expect.any(String)])
  expect((await said(s, ['replay', '--verify', ' 1.rec']))[1]).toMatch(
    /^1 tick in [\s\S]*^verified: the same state after 1 tick\n$/m,
  )
  expect(await said(s, ['diff', ' 1.rec', ' 1.rec'])).toEqual([0, 'they are the same, in 1 tick\n', ''])
})

test.skipIf(process.platform !== 'linux')('what cannot be written is told of, and no success', async () => {
  const s = await project()
  for (const words of ['log r.rec', 'replay --json r.rec', 'why a', 'help', 'log --help', '--version']) {
    const { code, stderr } = await s.sh(`exec redford ${words} >/dev/full`)
    expect([words, code, stderr]).toEqual([
      words,
      2,
      'redo  not all could be written to standard output: ENOSPC: no space left on device, write\n',
    ])
    const hungUp = await s.sh(`{ sleep 0.3; redford ${words}; echo $? >&2; } | :`)
    expect([words, hungUp.stderr]).toEqual([words, '141\n'])
  }
  expect((await s.sh('exec redford log none.rec 2>/dev/full')).code).toBe(2)
})

test('a tick is a whole number, to step as to all others', async () => {
  const s = await project()
  const { code, stdout, stderr } = await s.run('redford', ['step', 'r.rec'], {
    stdin: 'g 1e0\ng 0x1\nf 1e300\nb 0x2\nf -1\nf +1\ng\ng 01\nf 99999999999999999999999\n',
  })
  expect(code).toBe(1)
  const end = /^tick \d+ of (\d+)/.exec(stdout)![1]
  expect(stdout.match(/^tick \d+/gm)).toEqual(['tick 0', 'tick 1', `tick ${end}`])
  expect(stderr.split('\n')).toEqual([
    `redo  '1e0' is no tick: there are 0 to ${end}`,
    `redo  '0x1' is no tick: there are 0 to ${end}`,
    "redo  '1e300' is no number of ticks",
    "redo  '0x2' is no number of ticks",
    "redo  '-1' is no number of ticks",
    "redo  '+1' is no number of ticks",
    `redo  g N: say which tick, of 0 to ${end}, or end`,
    'redo  that is the end',
    '',
  ])
})

test('an option without its value is told of in one line', async () => {
  const s = space({})
  for (const [args, why] of [
    [['--record', '--no-daemon', 'a'], '--record needs a value, and what follows is an option: say --record=VALUE, '],
    [['-j', '-k', 'a'], '-j needs a value, and what follows is an option: say -jVALUE, '],
    [['a', '--record'], '--record needs a value after it '],
    [['-j'], '--jobs needs a value after it '],
    [['--strange'], "Unknown option '--strange' "],
  ] as const) {
    const { code, stdout, stderr } = await s.run('redo', args)
    expect([args, code, stdout, stderr.split('\n').length]).toEqual([args, 2, '', 2])
    expect(stderr).toContain(`redo  ${why}`)
  }
  expect(await said(s, ['lab', 'chain:3', '--slots', '--seed', '1'])).toEqual([
    2,
    '',
    'redford lab: --slots needs a value, and what follows is an option: say --slots=VALUE, if it is meant as it is\n',
  ])
})

test('the key of a rule is understood however it is written, and what is like a name that is none is told', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'build.mjs': `import { codec as C, createEngine, rule } from ${redfordAt}
      const size = rule('size', { key: C.array(C.string), value: C.number }, function* (all) { return all.length })
      const page = rule('page', { key: C.string, value: C.number }, function* (name, b) { return yield* b.need(size([name, 'x'])) })
      const eng = createEngine({ rules: [size, page], record: 'r.rec' })
      await eng.once(page('index')).promise
      await eng.close()\n`,
  })
  expect((await s.sh('node build.mjs')).code).toBe(0)
  for (const [target, name] of [
    ['page("index")', 'page("index")'],
    ['page(index)', 'page("index")'],
    [" page( 'index' ) ", 'page("index")'],
    ['size(["index", "x"])', 'size(["index","x"])'],
    ["size(['index','x'])", 'size(["index","x"])'],
  ] as const) {
    const { code, stdout } = await s.run('redford', ['why', target, '--recording', 'r.rec'])
    expect([target, code]).toEqual([target, 0])
    expect(stdout.startsWith(`${name} was made in request 1 (tick 1), the last one\n`)).toBe(true)
    const shown = await s.run('redford', ['step', 'r.rec'], { stdin: `g end\ns ${target.trim()}\n` })
    expect([target, shown.code, shown.stdout]).toEqual([target, 0, expect.stringContaining(`\n${name}: rest, value\n`)])
  }
  for (const [target, more] of [
    ['page', '; there is page("index")'],
    ['INDEX', '; there are page("index") size(["index","x"])'],
    ['page("other")', ''],
  ] as const) {
    expect(await said(s, ['why', target, '--recording', 'r.rec'])).toEqual([
      1,
      '',
      `redo  nothing is known of ${target} in r.rec by then: redford log r.rec tells of what there is${more}\n`,
    ])
    const shown = await s.run('redford', ['step', 'r.rec'], { stdin: `s ${target}\n` })
    expect([shown.code, shown.stderr]).toEqual([1, `redo  nothing is called '${target}' in this recording${more}\n`])
  }
  expect((await said(s, ['why', '', '--recording', 'r.rec']))[2]).toContain("nothing is known of '' in r.rec")
})

test('no name, one too many, and a recording in which nothing happened', async () => {
  const s = await project()
  for (const args of [
    ['fork', 'r.rec', '--at', '0', '-o', ''],
    ['shrink', 'r.rec', '--test', 'true', '-o', ''],
  ])
    expect(await said(s, args)).toEqual([
      2,
      '',
      'redo  the name of the new recording is empty: name a file by --output\n',
    ])
  expect(await said(s, ['log', 'r.rec', 'r.rec'])).toEqual([
    2,
    '',
    'redo  redford log takes at most one name (see redford log --help)\n',
  ])
  expect((await said(s, ['fork', 'r.rec', '--at', '0', '-o', 'none.rec']))[0]).toBe(0)
  expect(await said(s, ['log', 'none.rec'])).toEqual([
    0,
    '',
    'redo  none.rec: nothing happened in it: it has no ticks\n',
  ])
  expect(await said(s, ['log', '--json', 'none.rec'])).toEqual([0, '', ''])
})

test('of names that are no UTF-8 the one that was asked for is meant, and no recording gets one', async () => {
  const s = await project()
  const odd = String.raw`ff="$(printf '\377')"; fe="$(printf '\376')"; `
  const sh = async (script: string): Promise<readonly unknown[]> => {
    const { code, stdout, stderr } = await s.sh(odd + script)
    return [code, stdout.split('\n')[0], stderr]
  }
  const made = 'echo "echo x" >default.do; redo -j1 --no-daemon --record odd.rec "$ff" "$fe" 2>/dev/null'
  expect((await s.sh(odd + made)).code).toBe(0)
  for (const [name, called] of [
    ['$ff', String.raw`\xff`],
    ['$fe', String.raw`\xfe`],
    [String.raw`\xfe`, String.raw`\xfe`],
  ] as const)
    expect(await sh(`redford why --recording odd.rec "${name}"`)).toEqual([
      0,
      `${called} was made in request 2 (tick 1), the last one`,
      '',
    ])
  expect(await sh('printf "s $fe\\n" | redford step odd.rec')).toEqual([
    1,
    expect.stringMatching(/^tick 0/),
    "redo  nothing is called '\ufffd' in this recording; there are \\xff \\xfe \\xff.do and 1 more\n",
  ])
  const fault = '\ufffd.rec is no UTF-8, as the name of a recording must be: name another file'
  for (const command of ['redo --record "$ff.rec" a', 'redo --no-daemon --record "$ff.rec" a'])
    expect(await sh(command)).toEqual([2, '', `redo  ${s.root}/${fault}\n`])
  expect(await sh('redford fork r.rec --at 1 -o "$ff.rec"')).toEqual([2, '', `redo  ${fault} by --output\n`])
  expect(fs.readdirSync(s.root).filter((name) => name.includes('\ufffd.rec'))).toEqual([])
})

test('a recording whose name means no file to SQLite is read, and none is made by that name aside', async () => {
  const s = await project()
  fs.renameSync(`${s.root}/r.rec`, `${s.root}/:memory:`)
  expect((await said(s, ['replay', '--verify', ':memory:']))[0]).toBe(0)
  expect((await said(s, ['diff', ':memory:', ':memory:']))[0]).toBe(0)
  for (const args of [
    ['fork', ':memory:', '--at', '1', '-o', ':memory:'],
    ['shrink', ':memory:', '--test', 'true', '-o', ':memory:'],
  ])
    expect(await said(s, args)).toEqual([2, '', 'redo  to SQLite :memory: is no file: name another one by --output\n'])
})

test('the last recording is named, where it is gone', async () => {
  const s = await project()
  fs.rmSync(`${s.root}/r.rec`)
  for (const args of [['log'], ['why', 'a', '--at', '1']])
    expect(await said(s, args)).toEqual([2, '', `redo  ${s.root}/r.rec: there is no such file\n`])
})

test.skipIf(process.platform !== 'linux')('where no recording can be made is named', async () => {
  const s = await project()
  const { code, stderr } = await s.run('redo', ['--no-daemon', '--record', '/proc/x.rec', 'a'])
  expect([code, stderr]).toEqual([
    2,
    'redo  /proc/x.rec cannot be written: unable to open database file; name another file\n',
  ])
})

test('that there is no folder for what shrink finds is told before it looks for that', async () => {
  const s = await project()
  expect(await said(s, ['shrink', 'r.rec', '--test', ': >tried; test -f', '-o', 'no/x.rec'])).toEqual([
    2,
    '',
    'redo  no/x.rec cannot be written: there is no folder no: make it, or name another file by --output\n',
  ])
  expect(s.read('tried')).toBeUndefined()
})

test('what builds nothing records nothing, and says so', async () => {
  const s = await project()
  for (const [command, more] of [
    ['redo-ood', ''],
    ['redo-targets', ''],
    ['redo-sources', ''],
    ['redo-whichdo', ''],
    ['redford why', ': a recording is asked by --recording FILE'],
    ['redford why-not', ': a recording is asked by --recording FILE'],
  ] as const)
    for (const where of ['.', '..']) {
      const { code, stdout, stderr } = await s.sh(`cd ${where}; ${command} --record r.rec a`)
      const why = `redo  ${command} builds nothing, so that nothing can be recorded${more}\n`
      expect([command, code, stdout, stderr]).toEqual([command, 2, '', why])
    }
})
