/** What the commands that read recordings say is in words of their users: no flags of the engine, no digests, no numbers that lead nowhere. */
import { afterEach, expect, test } from 'vitest'
import { settingWords } from '../../src/cli/tick-words.js'
import { closeSpaces, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

const redford = async (s: Space, args: readonly string[], stdin = ''): Promise<string> => {
  const { stdout, stderr } = await s.run('redford', args, { stdin })
  expect([args, stderr]).toEqual([args, ''])
  return stdout
}
const json = async (s: Space, ...args: readonly string[]): Promise<unknown> =>
  JSON.parse(await redford(s, [...args, '--json']))
const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)

/** Words that only the engine uses, and digests. */
const INTERNAL = /out_of_date|keep_going|diverged|\bslot\b|unjudged|\bracy\b|generation|[0-9a-f]{16}|[_{}]/

/** `r.rec`: two sources that come to a word and a number, and one of them is set anew, and removed. */
const library = async (): Promise<Space> => {
  const s = space({
    'build.mjs': `import { codec as C, createEngine, rule, source } from ${redfordAt}
      const count = source('count', { key: C.string, value: C.number })
      const twice = rule('twice', { key: C.string, value: C.number }, function* (name, b) {
        return 2 * (yield* b.need(count(name)))
      })
      const words = rule('words', { key: C.string, value: C.string }, function* (name, b) {
        return 'a long text, which does not fit where short ones do, so there is a digest: ' + (yield* b.need(twice(name)))
      })
      const [, , path, last] = process.argv
      const eng = createEngine({ rules: [count, twice, words], record: path })
      eng.transact((tx) => tx.set(count('x'), 1))
      await eng.once(words('x')).promise
      eng.transact((tx) => tx.set(count('x'), Number(last)))
      await eng.once(words('x')).promise
      eng.transact((tx) => tx.remove(count('x')))
      await eng.once(words('x')).promise.catch(() => {})
      await eng.close()\n`,
  })
  expect(await s.sh('node build.mjs r.rec 2')).toMatchObject({ code: 0 })
  return s
}

/** The numbers of the ticks in which something of that kind happened. */
const ticksOf = async (s: Space, file: string, isMeant: (one: { readonly what: string }) => boolean) => {
  const lines = (await redford(s, ['log', '--json', file])).split('\n').slice(0, -1)
  return lines
    .map((line) => JSON.parse(line) as { tick: number; happened: readonly { what: string }[] })
    .filter(({ happened }) => happened.some(isMeant))
    .map(({ tick }) => tick)
}

test('of a program: values, errors and requests as they are, and by what a build was made, with its tick', async () => {
  const s = await library()
  const [first, second] = await ticksOf(s, 'r.rec', ({ what }) => what === 'asked')
  const made = await ticksOf(s, 'r.rec', ({ what }) => what === 'made')
  const all = await redford(s, ['diff', 'r.rec', '--from', String(made[0]), '--to', String(made.at(-1))])
  expect(all).not.toMatch(INTERNAL)
  expect(all.split('\n')).toEqual(
    expect.arrayContaining([
      'twice("x")',
      '    its value: 2 -> 4',
      '    its value: ...a digest: 2" -> ...a digest: 4"',
      expect.stringMatching(
        `^ {4}last made, or found, in: request 2 \\(tick ${first}\\) -> request 4 \\(tick ${second}\\)$`,
      ),
    ]),
  )
  const whole = await redford(s, ['diff', 'r.rec'])
  expect(whole).not.toMatch(INTERNAL)
  expect(whole).toContain('\n    its error: none -> the source has no value\n')
  const stepped = await redford(s, ['step', 'r.rec'], `g ${made.at(-1)}\ns twice("x")\ns count("x")\nd\ng end\nd\ni\n`)
  expect(stepped).not.toMatch(INTERNAL)
  expect(stepped).toContain(
    `twice("x"): rest, value\n  value: 4\n  made in request 4 (tick ${second})\n  changed 2 times\n  depends on: count("x")\n`,
  )
  // What each is called where it was made is where it is found.
  const why = await redford(s, ['why', 'twice("x")', '--recording', 'r.rec', '--at', String(made.at(-1))])
  expect(why.split('\n')).toEqual([
    `twice("x") was made in request 4 (tick ${second}), the last one: it has another result than before`,
    '  count("x") changed',
    `    version 2 (tick ${second}) set it to 2`,
    '  needed by: words("x")',
    `  its run ended in tick ${made.at(-1)}: redford step goes there by g ${made.at(-1)}`,
    '',
  ])
  expect(await json(s, 'why', 'twice("x")', '--recording', 'r.rec', '--at', String(made.at(-1)))).toMatchObject({
    generation: 4,
    begun: { 4: { what: 'request', number: 4, tick: second } },
    ended: made.at(-1),
  })
  // Not made again yet.
  const before = await json(s, 'why', 'twice("x")', '--recording', 'r.rec', '--at', String(second))
  expect(before).toMatchObject({ ended: made[0] })
  const at = async (tick: number, target: string): Promise<readonly string[]> =>
    (await redford(s, ['why', target, '--recording', 'r.rec', '--at', String(tick)])).split('\n')
  expect((await at(second!, 'count("x")')).slice(0, 3)).toEqual([
    `count("x") was made in request 2 (tick ${first})`,
    '  why is not known any more',
    `  it is to be made again when it is next wanted: version 2 (tick ${second}) set it to 2`,
  ])
  // What the words say, the data has.
  const set = { _tag: 'set', version: 2, to: { _tag: 'value', text: '2' } }
  const data = (question: string, target: string): Promise<unknown> =>
    json(s, question, target, '--recording', 'r.rec', '--at', String(second))
  expect(await data('why', 'count("x")')).toMatchObject({ pending: set })
  expect(await data('why-not', 'twice("x")')).toMatchObject({
    _tag: 'notAsked',
    steps: [{ build: 'twice("x")' }, { build: 'count("x")', cause: set }],
  })
  expect((await at(second!, 'words("x")')).slice(0, 2)).toEqual([
    `words("x") is being made in request 4 (tick ${second}), the last one`,
    '  what for is not known yet: what it depends on may be another, or as it was',
  ])
  const whyNot = (await redford(s, ['why-not', 'words("x")', '--recording', 'r.rec'])).split('\n')
  expect(whyNot.at(-2)).toBe('  it is run again once something that it depends on changes')
})

test('of two: who asked for what, and what said what, in which a digest is no more than another one', async () => {
  const s = space({
    'all.do': 'redo-ifchange a\ncat a\n',
    'a.do': 'redo-ifchange src\ncat "$KIND" | redo-stamp\ncat src\n',
    src: '1',
    x: 'x',
    y: 'y',
  })
  const build = async (name: string, kind: string, command = 'redo', ...words: readonly string[]): Promise<void> => {
    for (const made of ['.redford', 'a', 'all']) s.remove(made)
    const env = { KIND: s.path(kind) as string }
    const args = ['-j1', '--no-daemon', '--record', name, ...words]
    expect((await s.run(command, args, { env })).code).toBe(0)
  }
  await build('one.rec', 'x', 'redo', 'all')
  await build('stamp.rec', 'y', 'redo', 'all')
  await build('on.rec', 'x', 'redo', '-k', 'all')
  await build('other.rec', 'x', 'redo-ifchange', 'all')
  await build('more.rec', 'x', 'redo', 'all', 'a')
  const diff = async (name: string): Promise<string> => {
    const { code, stdout } = await s.run('redford', ['diff', 'one.rec', name])
    expect(code).toBe(1)
    expect(stdout).not.toMatch(INTERNAL)
    expect(stdout).not.toMatch(/ifchange|keepGoing|stamped|requested|\bforce\b/)
    return stdout
  }
  expect(await diff('stamp.rec')).toMatch(
    /^tick \d+ is the first that differs: redo-stamp of a, and differs: what it says\nthe first that came out otherwise: a said redo-stamp, and not the same \(/,
  )
  expect(await diff('on.rec')).toContain(
    'a request for all to be run in any case, and differs: whether to go on after a failure (no in one.rec, yes in on.rec)\n',
  )
  expect(await diff('other.rec')).toContain(
    'a request for all to be run in any case in one.rec, a request for all to be brought up to date in other.rec\n',
  )
  expect(await diff('more.rec')).toContain('a request for all a to be run in any case in more.rec\n')
})

test('of do-files: what is known of a target, and what became of it', async () => {
  const s = space({
    'all.do': 'redo-ifchange a\n',
    'a.do': 'redo-ifcreate none\nredo-ifchange src\nredo-always\ncat src\n',
    src: '1',
    'sub/.keep': '',
  })
  expect((await s.run('redo', ['-j1', '--no-daemon', '--record', 'r.rec', 'all'])).code).toBe(0)
  const { stdout, stderr } = await s.run('redford', ['step', 'r.rec'], {
    stdin: `${'f\nd\n'.repeat(30)}s a\ns all\ns src\ns none\n`,
  })
  expect(stderr).toContain('that is the end')
  expect(stdout).not.toMatch(INTERNAL)
  expect(stdout).toMatch(
    /^a: rest, target\n {2}flags: always out-of-date(, looked at right after it was written)?\n {2}made in request 1 \(tick 1\)\n {2}changed 2 times\n {2}depends on: a.do none \(must not be there\) src$/m,
  )
  expect(stdout).toMatch(/^all: rest, target\n {2}flags: makes no file\n/m)
  expect(stdout).toMatch(/^src: rest, source\n(?: {2}flags: .*\n)? {2}as it is since request 1 \(tick 1\)\n/m)
  expect(stdout).toMatch(/^none: rest, absent\n {2}looked for in request 1 \(tick 1\)\n/m)
  expect(stdout).toMatch(/^ {6}what it holds: known from now on$/m)
  // As for why, a target is called as in the folder that one is in.
  const below = await s.run('redford', ['step', '../r.rec'], { cwd: 'sub', stdin: 'g end\ns ../src\ns src\n' })
  expect([below.code, below.stdout.match(/^src: rest, source$/gm)]).toEqual([0, [expect.anything(), expect.anything()]])
})

test('a question is none of the requests, and does not count for why', async () => {
  const s = space({
    'redford.config.mjs': `export default { record: 'r.rec' }\n`,
    'all.do': 'redo-ifchange a b\n',
    'a.do': 'redo-ifchange src\ncat src\n',
    'b.do': 'echo b\n',
    src: '1',
  })
  expect((await s.run('redo', ['-j1', 'all'])).code).toBe(0)
  s.write('src', '2')
  expect((await s.run('redo-ood', [])).stdout).toBe('a\nall\n')
  await redford(s, ['why-not', 'b'])
  expect((await s.run('redo-ifchange', ['a'])).code).toBe(0)
  await redford(s, ['stop'])
  const log = await redford(s, ['log', 'r.rec'])
  expect(log).toMatch(/\brequest 1 for all \(force\)(;|$)/m)
  expect(log).toMatch(/\bquestion 2: is all a b out-of-date\?(;|$)/m)
  expect(log).toMatch(/\bquestion 2 is answered: out-of-date: all a(;|$)/m)
  expect(log).toMatch(/\bquestion 3: is b out-of-date\?(;|$)/m)
  expect(log).toMatch(/\bquestion 3 is answered: nothing is out-of-date(;|$)/m)
  expect(log).toMatch(/\brequest 4 for a \(ifchange\)(;|$)/m)
  expect(log).not.toMatch(/request [23]|question [14]|\(look\)/)
  expect(await redford(s, ['replay', 'r.rec'])).toMatch(/^requests: 2; questions: 2; made: 4; broken: 0$/m)
  expect(await json(s, 'replay', 'r.rec')).toMatchObject({ requests: 2, questions: 2 })
  const [question] = await ticksOf(s, 'r.rec', (one) => (one as { want?: string }).want === 'look')
  expect(await redford(s, ['why', 'src', '--recording', 'r.rec'])).toContain(
    `it has another content, seen in question 2 (tick ${question})`,
  )
  // The last request that had something made is the last one, whoever asked since.
  const [fourth] = await ticksOf(s, 'r.rec', (one) => (one as { request?: number }).request === 4)
  const last = fourth! - 1
  expect(await redford(s, ['why', 'b', '--recording', 'r.rec', '--at', String(last)])).toContain(
    'b was made in request 1 (tick 1), the last one\n',
  )
  const changed = await redford(s, ['diff', 'r.rec', '--from', String(question! - 1), '--to', String(question)])
  expect(changed).toMatch(/^question 2 \(new\)$/m)
})

test('whether somebody asked a question in between is no difference', async () => {
  const s = space({
    'redford.config.mjs': `export default { record: 'r.rec' }\n`,
    'all.do': 'redo-ifchange a\n',
    'a.do': 'redo-ifchange src\ncat src\n',
    src: '1',
  })
  for (const [name, isAsked] of [
    ['first.rec', false],
    ['quiet.rec', false],
    ['asked.rec', true],
  ] as const) {
    expect((await s.run('redo', ['-j1', 'all'])).code).toBe(0)
    if (isAsked) expect((await s.run('redo-ood', [])).code).toBe(0)
    await redford(s, ['stop'])
    expect((await s.sh(`mv r.rec ${name}`)).code).toBe(0)
  }
  expect(await redford(s, ['log', 'asked.rec'])).toContain('question')
  expect(await redford(s, ['diff', 'quiet.rec', 'asked.rec'])).toMatch(/^nothing differs: /)
})

test('what a source was set to cannot speak to a terminal', () => {
  expect(settingWords({ _tag: 'value', text: JSON.stringify('\u009b31m\u007f') })).toBe('"\\x9b31m\\x7f"')
})

test('a source that was touched is told of as that, whether it is read or set', async () => {
  const s = space({
    'build.mjs': `import { codec as C, createEngine, source } from ${redfordAt}
      const given = source('given', { key: C.string, value: C.number })
      const read = source('read', { key: C.string, value: C.number, read: () => 1 })
      const eng = createEngine({ rules: [given, read], record: 't.rec' })
      eng.transact((tx) => tx.set(given('x'), 1))
      const ask = () => Promise.all([given('x'), read('x')].map((key) => eng.once(key).promise))
      await ask()
      eng.transact((tx) => {
        tx.touch(given('x'))
        tx.touch(read('x'))
      })
      await ask()
      await eng.close()\n`,
  })
  expect(await s.sh('node build.mjs')).toMatchObject({ code: 0 })
  expect(await redford(s, ['log', 't.rec'])).toContain('version 2: touched read("x") given("x"); request')
  for (const target of ['read("x")', 'given("x")'])
    expect(await redford(s, ['why', target, '--recording', 't.rec'])).toMatch(/^ {2}version 2 \(tick \d\) touched it$/m)
})
