/** The commands that read recordings, as people type them. */
import * as fs from 'node:fs'
import Database from 'better-sqlite3'
import { afterEach, describe, expect, test } from 'vitest'
import { statusNames } from '../../src/replay/view.js'
import { closeSpaces, noted, type Result, type RunOptions, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

/** Recorded twice: `good.rec` is the first build, `bad.rec` one in which `b` breaks. */
const project = async (): Promise<Space> => {
  const s = space({
    src: '1',
    other: 'good',
    'all.do': noted('redo-ifchange a b', 'cat a b'),
    'a.do': noted('redo-ifchange src', 'cat src'),
    'b.do': noted('redo-ifchange a other', 'test "$(cat other)" != bad', 'cat a'),
  })
  expect((await s.run('redo', ['-j1', '--record', 'good.rec', 'all'])).code).toBe(0)
  s.write('other', 'bad')
  expect((await s.run('redo', ['-j1', '--record', 'bad.rec', 'all'])).code).toBe(1)
  return s
}

const redford = (s: Space, args: readonly string[], options: RunOptions = {}): Promise<Result> =>
  s.run('redford', args, options)
const lines = (text: string): readonly string[] => text.split('\n').slice(0, -1)
const json = (text: string): unknown => JSON.parse(text)

test('replay tells what a recording holds, and verifies it', async () => {
  const s = await project()
  const plain = await redford(s, ['replay', 'good.rec', '--verify'])
  expect([plain.code, plain.stderr]).toEqual([0, ''])
  expect(plain.stdout).toMatch(
    /^\d+ ticks in [\d.]+ s, by redo .*, policy criticalPath\nrequests: 1; made: 3; broken: 0\nverified: /,
  )
  expect(json((await redford(s, ['replay', 'bad.rec', '--verify', '--json'])).stdout)).toMatchObject({
    face: 'redo',
    requests: 1,
    broken: 2,
    damage: null,
    verdict: { _tag: 'agrees' },
  })
})

test('replay says what would have been, or why it cannot', async () => {
  const s = await project()
  const found = await redford(s, ['replay', 'good.rec', '--mode', 'counterfactual', '--policy', 'cap(1)', '--json'])
  expect(found.code, found.stderr).toBe(0)
  expect(json(found.stdout)).toMatchObject({ otherAnswers: 0, guessed: 0 })
  for (const [args, why] of [
    [['--mode', 'reexecute'], 'do-files, which are not run again'],
    [['--rules', 'x.mjs'], 'those of --mode reexecute'],
    [['--mode', 'other'], "not 'other'"],
    [['--policy', 'cap(1)'], 'need --mode counterfactual'],
    [['--mode', 'counterfactual', '--policy', 'none'], 'there is no policy none'],
    [['--mode', 'counterfactual', '--policy', 'cap(x)'], 'must be numbers'],
    [['--mode', 'counterfactual', '--jobs', '0'], "not '0'"],
  ] as const) {
    const refused = await redford(s, ['replay', 'good.rec', ...args])
    expect([refused.code, refused.stdout]).toEqual([2, ''])
    expect(refused.stderr).toContain(why)
  }
})

test('replay runs rules again, those of the config or of a module; a program goes on from a fork', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const rules = (made: string, version = 1): string =>
    `import { codec as C, rule } from ${redfordAt}\n` +
    `export const rules = [rule('r', { key: C.int, value: C.int, version: ${version} }, function* (n) { return ${made} })]\n`
  const s = space({
    'redford.config.mjs': `import { rules } from './pure.mjs'\nexport default { rules }\n`,
    'pure.mjs': rules('n + 1'),
    'other.mjs': rules('n + 2'),
    'newer.mjs': rules('n + 1', 2),
    'nothing.mjs': 'export default 1\n',
    'build.mjs': `import { createEngine } from ${redfordAt}\nimport { rules } from './pure.mjs'\n
      const eng = createEngine({ rules, record: 'r.rec' })
      for (const n of [1, 2, 3]) await eng.once({ of: rules[0].definition, key: n }).promise
      await eng.close()\n`,
  })
  const built = await s.sh(`${JSON.stringify(process.execPath)} build.mjs`)
  expect(built.code, built.stderr).toBe(0)
  expect((await redford(s, ['fork', 'r.rec', '--at', '2', '--output', 'part.rec'])).stdout).toMatch(/^part.rec: 2 of /)
  s.write(
    'on.mjs',
    `import { replay } from ${redfordAt}\nimport { rules } from './pure.mjs'\n
      const recording = replay('part.rec', { rules })
      const eng = recording.fork(recording.ticks)
      console.log(await eng.once({ of: rules[0].definition, key: 5 }).promise)
      await eng.close()\n`,
  )
  expect(await s.sh(`${JSON.stringify(process.execPath)} on.mjs`)).toMatchObject({ code: 0, stdout: '6\n' })
  const again = (...args: readonly string[]): Promise<Result> =>
    redford(s, ['replay', 'r.rec', '--mode', 'reexecute', ...args])
  expect(await again()).toMatchObject({ code: 0, stdout: 'run again: 3 runs of rules come to what was recorded\n' })
  expect(json((await again('--json', '--rules', 'pure.mjs')).stdout)).toMatchObject({ _tag: 'agrees', makes: 3 })
  expect(await again('--rules', 'other.mjs')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^r is no function of what it asks for: r\(1\), tick \d+: recorded: 2; now: 3\n$/),
  })
  expect(await again('--rules', 'newer.mjs')).toMatchObject({
    code: 1,
    stdout: 'these rules are not at hand as they were recorded: r\n',
  })
  for (const [module, why] of [
    ['nothing.mjs', 'it must export `rules`'],
    ['nowhere.mjs', 'it cannot be loaded'],
  ] as const)
    expect(await again('--rules', module)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(why) })
})

test('what redo recorded is not run again, and that is said', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'package.json': '{"type":"module"}',
    'redford.config.js': `import { codec as C, defineConfig, rule } from ${redfordAt}
      export const r = rule('r', { key: C.string, value: C.string }, function* (name) { return name })
      export default defineConfig({ rules: [r], targets: (path) => (path.endsWith('.r') ? r(path) : undefined) })\n`,
    'x.do': 'redo-ifchange a.r\ncat a.r\n',
    'ask.mjs': `import { replay } from ${redfordAt}\nimport { r } from './redford.config.js'
      const recording = replay('r.rec', { rules: [r] })
      for (const act of [() => recording.verify({ mode: 'reexecute' }), () => recording.fork(0)])
        try { act() } catch (error) { console.log(error.message) }\n`,
  })
  expect((await s.run('redo', ['--record', 'r.rec', 'x'])).code).toBe(0)
  const refused = await redford(s, ['replay', 'r.rec', '--mode', 'reexecute'])
  expect([refused.code, refused.stdout]).toEqual([2, ''])
  expect(refused.stderr).toContain('what its rules (r) come to are files, which it does not hold, so neither they nor')
  expect(lines((await s.sh('node ask.mjs')).stdout)).toEqual([
    expect.stringMatching(/^verify: r.rec was recorded by redo, and holds no files: neither do-files nor rules /),
    expect.stringMatching(/^fork: r.rec was recorded by redo/),
  ])
})

test('fork makes a recording of the beginning', async () => {
  const s = await project()
  const found = await redford(s, ['fork', 'bad.rec', '--at', '2', '--json'])
  expect(found.code, found.stderr).toBe(0)
  expect(json(found.stdout)).toMatchObject({ file: 'bad.rec.2', ticks: 2 })
  expect((await redford(s, ['replay', '--verify', 'bad.rec.2'])).stdout).toContain(
    'verified: the same state after each of 2 ticks',
  )
  const linesOf = async (name: string): Promise<readonly string[]> =>
    lines((await redford(s, ['log', name])).stdout).map((line) => line.trimStart())
  const [whole, part] = [await linesOf('bad.rec'), await linesOf('bad.rec.2')]
  expect(part.length).toBeGreaterThan(0)
  expect(part).toEqual(whole.slice(0, part.length))
  for (const [args, why] of [
    [[], 'needs --at TICK'],
    [['--at', '9999'], 'no tick of the recording'],
    [['--at', '1', '--output', 'src'], 'name another file by --output'],
    [['--at', '1', '--output', './bad.rec'], 'name another file by --output'],
    [['--at', '1', '--output', 'no/such/folder'], 'no/such/folder cannot be written: '],
  ] as const)
    expect(await redford(s, ['fork', 'bad.rec', ...args])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(why),
    })
})

test('log tells what sources were set to', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'build.mjs': `import { codec as C, createEngine, source } from ${redfordAt}
      const text = source('text', { key: C.string, value: C.string })
      const eng = createEngine({ rules: [text], record: 'r.rec' })
      eng.transact((tx) => { tx.set(text('a'), 'one'); tx.set(text('b'), 'x'.repeat(100)) })
      await eng.once(text('a')).promise
      eng.transact((tx) => { tx.remove(text('a')); tx.touch(text('a')) })
      await eng.idle()
      await eng.close()\n`,
  })
  await s.sh('node build.mjs')
  const told = (await redford(s, ['log', 'r.rec'])).stdout
  expect(told).toMatch(/ {2}version 1: set text\("a"\) = "one", text\("b"\) = "x{39}\.\.\.(;|$)/m)
  expect(told).toMatch(/ {2}version 2: set text\("a"\) = removed(;|$)/m)
  const data = lines((await redford(s, ['log', '--json', 'r.rec'])).stdout).flatMap(
    (line) => (json(line) as { happened: readonly { what: string }[] }).happened,
  )
  expect(data).toContainEqual({
    what: 'transacted',
    version: 1,
    set: [
      { name: 'text("a")', to: { _tag: 'value', text: '"one"' } },
      { name: 'text("b")', to: { _tag: 'value', text: JSON.stringify('x'.repeat(100)) } },
    ],
    touched: [],
  })
})

test('log tells of values that come to what they were', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'build.mjs': `import { codec as C, createEngine, rule, source } from ${redfordAt}
      const size = source('size', { key: C.string, value: C.int })
      const half = rule('half', { key: C.string, value: C.int, error: C.string }, function* (name, b) {
        const found = yield* b.need(size(name))
        return found < 0 ? b.fail('too small') : found >> 1
      })
      const eng = createEngine({ rules: [size, half], record: 'r.rec' })
      for (const to of [2, 3, 3, -1, 3]) {
        eng.transact((tx) => tx.set(size('a'), to))
        await eng.once(half('a')).either()
      }
      eng.transact((tx) => tx.touch(half('a')))
      await eng.once(half('a')).promise
      await eng.close()\n`,
  })
  await s.sh('node build.mjs')
  const told = (await redford(s, ['log', 'r.rec'])).stdout
  expect(told.match(/(size|half)\("a"\) is (made(, and is what it was)?|broken)/g)).toEqual([
    'size("a") is made',
    'half("a") is made',
    'size("a") is made',
    'half("a") is made, and is what it was',
    'size("a") is made, and is what it was',
    'size("a") is made',
    'half("a") is broken',
    'size("a") is made',
    'half("a") is made',
    'half("a") is made, and is what it was',
  ])
  const results = lines((await redford(s, ['log', '--builds', '--json', 'r.rec'])).stdout).map(
    (line) => (json(line) as { result: string }).result,
  )
  expect(results.filter((result) => result === 'same')).toHaveLength(3)
})

test('log tells of a target that nothing makes any more, and that is there, as of a source', async () => {
  const s = space({ 'y.do': 'redo-ifchange x', 'x.do': 'echo 1' })
  await s.run('redo', ['--no-daemon', '-j1', 'y'])
  await s.sh('rm x.do')
  await s.run('redo-ifchange', ['--no-daemon', '-j1', '--record', 'r.rec', 'y'])
  const told = (await redford(s, ['log', 'r.rec'])).stdout
  expect(told).toMatch(/ {2}sources from now on: x$/m)
  expect(told).not.toContain('broken')
  expect((await redford(s, ['log', '--builds', 'r.rec'])).stdout).toBe('')
})

test('log tells of what is on a circle that it is broken: do-files that end well all the same', async () => {
  const s = space({
    'all.do': 'redo-ifchange a || true',
    'a.do': 'redo-ifchange b || true\necho a',
    'b.do': 'redo-ifchange a || true\necho b',
  })
  await s.run('redo', ['--no-daemon', '-j1', '--record', 'r.rec'])
  const told = (await redford(s, ['log', 'r.rec'])).stdout
  expect(told.match(/\b\w+ is (made|broken: it needs itself: a -> b -> a)/g)).toEqual([
    'b is broken: it needs itself: a -> b -> a',
    'a is broken: it needs itself: a -> b -> a',
    'all is made',
  ])
  const builds = lines((await redford(s, ['log', '--builds', '--json', 'r.rec'])).stdout).map(
    (line) => json(line) as { name: string; result: string },
  )
  const results = new Map(builds.map(({ name, result }) => [name, result]))
  expect(results.get('a')).toMatch(/^it needs itself/)
  expect(results.get('b')).toMatch(/^it needs itself/)
  // And that they fail by that, not with what their do-files end with then.
  await s.sh("echo 'redo-ifchange d' >c.do; echo 'redo-ifchange c' >d.do")
  await s.run('redo', ['--no-daemon', '-j1', '--record', 'r.rec', 'c'])
  expect((await redford(s, ['log', 'r.rec'])).stdout.match(/\b\w is broken: [^;(]*(?= \(208\))/g)).toEqual([
    'd is broken: it needs itself: c -> d -> c',
    'c is broken: it needs itself: c -> d -> c',
  ])
})

test('log tells of what is on a circle that it is broken: values, which ends their runs', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'build.mjs': `import { codec as C, createEngine, rule } from ${redfordAt}
      const ring = rule('ring', { key: C.int, value: C.int }, function* (n, b) {
        return yield* b.need(ring((n + 1) % 3))
      })
      const ask = rule('ask', { key: C.int, value: C.string }, function* (n, b) {
        return (yield* b.attempt(ring(n)))._tag
      })
      const eng = createEngine({ rules: [ring, ask], record: 'r.rec' })
      await eng.once(ask(0)).promise
      await eng.close()\n`,
  })
  await s.sh('node build.mjs')
  const log = lines((await redford(s, ['log', '--json', 'r.rec'])).stdout).map(
    (line) => json(line) as { tick: number; happened: readonly { what: string; target?: string; error?: object }[] },
  )
  const broken = log.flatMap(({ tick, happened }) =>
    happened.filter(({ what }) => what === 'broken').map(({ target, error }) => ({ tick, target, error })),
  )
  expect(broken.map(({ target }) => target)).toEqual(['ring(0)', 'ring(1)', 'ring(2)'])
  for (const { error } of broken) expect(error).toMatchObject({ _tag: 'cycle' })
  const { tick } = broken[0]!
  const builds = (await redford(s, ['log', '--builds', 'r.rec'])).stdout
  expect(builds.match(/ring\(\d\): it needs itself/g)).toHaveLength(3)
  const why = (await redford(s, ['why', 'ring(1)', '--recording', 'r.rec'])).stdout
  expect(why).toContain(`  its run ended in tick ${tick}: redford step goes there by g ${tick}\n`)
})

test('log and why tell of versions that came one right after the other what each of them did, or that they do not know', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'build.mjs': `import { codec as C, createEngine, source } from ${redfordAt}
      const text = source('text', { key: C.string, value: C.int })
      const [a, b, c] = ['a', 'b', 'c'].map((name) => text(name))
      const eng = createEngine({ rules: [text], record: 'r.rec' })
      const ask = () => Promise.all([a, b, c].map((key) => eng.once(key).either()))
      // Nobody asked for them yet, so that no version names them.
      eng.transact((tx) => { tx.set(a, 1); tx.set(b, 1) })
      eng.transact((tx) => tx.set(b, 2))
      await ask()
      eng.transact((tx) => tx.set(a, 3))
      eng.transact((tx) => tx.set(b, 4))
      eng.transact((tx) => { tx.set(a, 5); tx.touch(c) })
      eng.transact((tx) => tx.remove(b))
      await ask()
      eng.transact((tx) => tx.set(a, 7))
      eng.transact((tx) => tx.set(b, 8))
      eng.transact((tx) => tx.touch(a))
      await ask()
      await eng.close()\n`,
  })
  await s.sh('node build.mjs')
  const told = (await redford(s, ['log', 'r.rec'])).stdout
  expect(told.match(/versions? [^;]*(; touched [^;]*)?(?=; (version|request))/g)).toEqual([
    'versions 1 to 2: set text("a") = 1, text("b") = 1, text("b") = 2',
    'version 3: set text("a") = 3',
    'version 4: set text("b") = 4',
    'version 5: set text("a") = 5; touched text("c")',
    'version 6: set text("b") = removed',
    'versions 7 to 9: set text("a") = 7, text("b") = 8',
  ])
  const data = lines((await redford(s, ['log', '--json', 'r.rec'])).stdout).flatMap(
    (line) => (json(line) as { happened: readonly { what: string; version: number; since?: number }[] }).happened,
  )
  const versions = data.filter(({ what }) => what === 'transacted').map(({ version, since }) => [since, version])
  expect(versions).toEqual([
    [1, 2],
    [undefined, 3],
    [undefined, 4],
    [undefined, 5],
    [undefined, 6],
    [7, 9],
  ])
  const ticks = lines((await redford(s, ['log', '--json', 'r.rec'])).stdout).map(
    (line) => json(line) as { tick: number },
  )
  const second = ticks.find((one) => JSON.stringify(one).includes('"version":6'))!.tick + 1
  const why = async (target: string, ...args: readonly string[]): Promise<string> =>
    (await redford(s, ['why', target, '--recording', 'r.rec', ...args])).stdout
  expect(await why('text("a")', '--at', String(second))).toMatch(/^ {2}version 5 \(tick \d\) set it to 5$/m)
  expect(await why('text("b")', '--at', String(second))).toMatch(/^ {2}version 6 \(tick \d\) removed it$/m)
  expect(await why('text("c")', '--at', String(second))).toMatch(/^ {2}version 5 \(tick \d\) touched it$/m)
  expect(await why('text("a")')).toMatch(/^ {2}version 9 \(tick \d\) set or touched it$/m)
  expect(await why('text("b")')).toMatch(/^ {2}version 8 \(tick \d\) set it to 8$/m)
})

test('why tells what a version set a source to', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'build.mjs': `import { codec as C, createEngine, rule, source } from ${redfordAt}
      const text = source('text', { key: C.string, value: C.string })
      const shout = rule('shout', { key: C.string, value: C.string }, function* (name, b) {
        return (yield* b.need(text(name))).toUpperCase()
      })
      const eng = createEngine({ rules: [text, shout], record: 'r.rec' })
      const set = async (value) => {
        eng.transact((tx) => tx.set(text('a'), value))
        await eng.once(shout('a')).promise
      }
      await set('one')
      await set('two'.repeat(30))
      eng.transact((tx) => tx.touch(text('a')))
      await eng.once(shout('a')).promise
      await eng.close()\n`,
  })
  await s.sh('node build.mjs')
  const why = async (...args: readonly string[]): Promise<readonly string[]> =>
    lines((await redford(s, ['why', 'shout("a")', '--recording', 'r.rec', ...args])).stdout)
  const log = lines((await redford(s, ['log', '--json', 'r.rec'])).stdout).map(
    (line) => json(line) as { tick: number; happened: readonly { what: string; version?: number }[] },
  )
  const third = log.find(({ happened }) => happened.some(({ version }) => version === 3))!.tick
  const second = log.find(({ happened }) => happened.some(({ version }) => version === 2))!.tick
  expect(await why('--at', String(third - 1))).toContain(
    `    version 2 (tick ${second}) set it to "${'two'.repeat(13)}...`,
  )
  expect(await why('--at', String(second - 1))).not.toContain('set or touched')
  const touched = lines((await redford(s, ['why', 'text("a")', '--recording', 'r.rec'])).stdout)
  expect(touched).toContain(`  version 3 (tick ${third}) touched it`)
  const data = await redford(s, ['why', 'shout("a")', '--recording', 'r.rec', '--at', String(third - 1), '--json'])
  const to = { _tag: 'value', text: JSON.stringify('two'.repeat(30)) }
  expect(json(data.stdout)).toMatchObject({
    chain: [{}, { build: 'text("a")', cause: { _tag: 'set', version: 2, to } }],
  })
})

test('a value that begins with a dash is told of as what it should be, a forgotten one by its option', async () => {
  const s = await project()
  const said = async (...args: readonly string[]): Promise<readonly [number | null, string]> => {
    const { code, stderr } = await redford(s, args)
    return [code, stderr]
  }
  for (const args of [
    ['fork', 'bad.rec', '--at', '-1'],
    ['why', 'all', '--recording', 'bad.rec', '--at', '-1'],
    ['diff', 'bad.rec', '--from', '-1'],
  ])
    expect(await said(...args)).toEqual([
      2,
      expect.stringMatching(/^redo {2}'-1' is no tick of the recording: it has ticks 0 to \d+\n$/),
    ])
  expect(await said('fork', 'bad.rec', '--at')).toEqual([
    2,
    'redo  redford fork: --at needs a value after it (see redford fork --help)\n',
  ])
  expect(await said('fork', 'bad.rec', '--at', '--json')).toEqual([
    2,
    "redo  redford fork: --at needs a value, and '--json' is an option: say --at=--json, if it is meant as it is (see redford fork --help)\n",
  ])
  expect(await said('log', '-q')).toEqual([2, "redo  redford log: unknown option '-q' (see redford log --help)\n"])
  expect((await redford(s, ['fork', 'bad.rec', '--at', '1', '-o', '-odd.rec'])).code).toBe(0)
  expect((await redford(s, ['log', '--', '-odd.rec'])).code).toBe(0)
})

test('log tells what happened, of the last recording if none is named', async () => {
  const s = await project()
  const last = await redford(s, ['log'])
  expect(last.code, last.stderr).toBe(0)
  expect(last.stdout).toBe((await redford(s, ['log', 'bad.rec'])).stdout)
  expect(last.stdout).toMatch(/^ *\d+ {2}\d\.\d{3} s {2}.*request 2 for all \(force\)/m)
  expect(last.stdout).toMatch(/b is broken: exit 1/)
  const builds = lines((await redford(s, ['log', '--builds', 'good.rec'])).stdout)
  expect(builds.map((line) => line.replace(/^[\d.]+ s {2}[\d.]+ s {2}/, ''))).toEqual([
    'a: changed',
    'b: changed',
    'all: changed',
  ])
  const ticks = lines((await redford(s, ['log', '--json', 'bad.rec'])).stdout).map(
    (line) => json(line) as { tick: number },
  )
  expect(ticks.map(({ tick }) => tick)).toEqual(ticks.map((_, i) => i + 1))
  expect(JSON.stringify(ticks)).toContain('{"what":"broken","target":"b","error":{"_tag":"exit","code":1}}')
  // As why counts them.
  expect(last.stdout).toContain('request 2 is answered: failed')
  expect((await redford(s, ['why', 'b'])).stdout).toContain('request 2')
  const inner = await redford(s, ['log', '--builds'], { cwd: '.' })
  expect(inner.stdout).toContain('b: exit 1')
  // The project may be moved.
  const link = fs.readlinkSync(s.path('.redford/recording'))
  expect(link).toBe('../bad.rec')
})

test('log tells how long a do-file ran, without how long it waited for a slot', async () => {
  const s = space({ 'all.do': 'redo-ifchange a b c\n', 'default.do': 'sleep 0.2\necho $1\n' })
  expect((await s.run('redo', ['-j1', '--no-daemon', '--record', 'r.rec'])).code).toBe(0)
  const of = (args: readonly string[]) => redford(s, ['log', '--json', 'r.rec', ...args])
  const ticks = lines((await of([])).stdout).map(
    (line) => json(line) as { microseconds: number; happened: { what: string; target?: string }[] },
  )
  const when = (what: string, target: string) =>
    ticks.find(({ happened }) => happened.some((one) => one.what === what && one.target === target))!.microseconds
  const builds = lines((await of(['--builds'])).stdout).map((line) => json(line))
  for (const name of ['a', 'b', 'c', 'all']) {
    const begun = when('started', name)
    expect(builds).toContainEqual({ name, begun, microseconds: when('made', name) - begun, result: 'changed' })
  }
})

test('log is a line a tick, or a build, whatever a rule says as it throws', async () => {
  const redfordAt = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
  const s = space({
    'redford.config.mjs':
      `import { codec as C, defineConfig, rule } from ${redfordAt}\n` +
      `const r = rule('r', { key: C.string, value: C.string }, function* () { throw new Error('one\\ntwo\\x1b[31m') })\n` +
      `export default defineConfig({ rules: [r], targets: (path) => (path.endsWith('.x') ? r(path) : undefined) })\n`,
  })
  expect((await s.run('redo', ['--no-daemon', '--record', 'r.rec', 'a.x'])).code).toBe(1)
  const all = lines((await redford(s, ['log', 'r.rec'])).stdout)
  expect(all.filter((line) => !/^ *\d+ {2}\d+\.\d{3} s {2}/.test(line))).toEqual([])
  expect(all.join('\n')).toContain('r("a.x") is broken: threw one\\ntwo\\x1b[31m')
  const builds = lines((await redford(s, ['log', '--builds', 'r.rec'])).stdout)
  expect(builds.map((line) => line.split(/ s {2}| \(/)[2])).toEqual([
    'r("a.x"): threw one\\ntwo\\x1b[31m',
    'a.x: what it needs is broken',
  ])
  for (const args of [[], ['--recording', 'r.rec']])
    expect((await s.run('redford', ['why', 'r("a.x")', ...args])).stdout).toContain(
      '  it failed: threw one\\ntwo\\x1b[31m (',
    )
})

test('diff says where two recordings part, and by what', async () => {
  const s = await project()
  const build = async (other: string, name: string): Promise<void> => {
    s.write('other', other)
    await s.run('redo', ['-j1', '--no-daemon', '--record', name, 'all'])
  }
  // Both from the same state: what they are built from is another. The first one breaks, so that it leaves no other files.
  await s.run('redford', ['stop'])
  await s.sh('cp -a .redford ../kept')
  await build('bad', 'one.rec')
  await s.sh('rm -rf .redford && cp -a ../kept .redford')
  await build('good again', 'two.rec')
  const found = await redford(s, ['diff', 'one.rec', 'two.rec'])
  expect(found.code).toBe(1)
  expect(found.stdout).toMatch(
    /^tick \d+ is the first that differs: .*other was looked at, and differs: .*what it holds$/m,
  )
  const data = json((await redford(s, ['diff', '--json', 'one.rec', 'two.rec'])).stdout)
  expect(data).toMatchObject({ result: 'tick', about: [] })
  expect(Object.values((data as { names: object }).names)).toContain('other')
  const same = await redford(s, ['diff', 'one.rec', 'one.rec'])
  expect([same.code, same.stdout]).toEqual([0, expect.stringMatching(/^they are the same, in all \d+ ticks\n$/)])
  const start = await redford(s, ['diff', 'good.rec', 'bad.rec'])
  expect(start.code).toBe(1)
  expect(start.stdout).toMatch(
    /^they begin with different states:\n {2}known to bad.rec only: all .*\nthe first difference: other has another content \(tick \d+ of good.rec, tick \d+ of bad.rec\)\n/,
  )
})

test('diff passes over what is another in each build by do-files, and names what is not', async () => {
  const s = space({
    'all.do': 'redo-ifchange a b\n',
    'a.do': 'redo-ifchange src1\ncat src1\n',
    'b.do': 'redo-ifchange src2\ncat src2\n',
    src1: '1',
    src2: '1',
  })
  const build = async (name: string): Promise<void> => {
    expect((await s.run('redo', ['-j1', '--record', name, 'all'])).code).toBe(0)
    await s.run('redford', ['stop'])
    for (const file of ['a', 'b', '.redford']) s.remove(file)
  }
  await build('one.rec')
  await build('again.rec')
  const again = await redford(s, ['diff', 'one.rec', 'again.rec'])
  expect(again.stdout).toMatch(/^they differ in nothing but what is measured, .* \(from tick \d+ on\)\n$/)
  expect(again.code).toBe(0)
  s.write('src2', '2')
  await build('other.rec')
  const { code, stdout } = await redford(s, ['diff', 'one.rec', 'other.rec'])
  expect(stdout).toMatch(/^tick \d+ is the first that differs: src2 was looked at, and differs: what it holds\n/)
  expect(stdout).toMatch(/\nwhat stat says of files, and times, are others from tick \d+ on, as they are each time\n$/)
  expect(code).toBe(1)
})

test('names are texts in all that is told as data', async () => {
  const s = space({ 'ünï.do': 'redo-ifchange größe\ncat größe\n', größe: '1' })
  expect((await s.run('redo', ['--record', 'r.rec', 'ünï'])).code).toBe(0)
  const told = [
    await redford(s, ['log', '--json', 'r.rec']),
    await redford(s, ['diff', '--json', 'r.rec']),
    await redford(s, ['step', '--json', 'r.rec'], { stdin: 'f\nd\n'.repeat(7) }),
  ].map(({ stdout }) => stdout)
  for (const text of told) {
    expect(text).toContain('größe')
    expect(text).not.toContain('Ã')
  }
})

test('diff of one recording says what became of which build between two ticks', async () => {
  const s = await project()
  const all = await redford(s, ['diff', 'bad.rec'])
  expect(all.code).toBe(1)
  expect(all.stdout).toMatch(/^b\n(?: {4}.*\n)* {4}its error: none -> /m)
  // Requests as why and log call them.
  const first = await redford(s, ['diff', 'bad.rec', '--from', '0', '--to', '1'])
  expect(first.stdout).toMatch(/^request 2 \(new\)$/m)
  expect(all.stdout + first.stdout).not.toMatch(/^#/m)
  const none = await redford(s, ['diff', 'bad.rec', '--from', '3', '--to', '3'])
  expect([none.code, none.stdout]).toEqual([0, 'nothing changed\n'])
  for (const args of [
    ['bad.rec', '--to', '1000'],
    ['bad.rec', '--from', 'x'],
    ['bad.rec', 'good.rec', '--to', '1'],
    [],
  ]) {
    const refused = await redford(s, ['diff', ...args])
    expect([refused.code, refused.stdout]).toEqual([2, ''])
  }
})

test('a request that is gone is called by its own number, whoever has its id since', async () => {
  const s = space({ 'redford.config.js': "export default { record: 'r.rec' }\n", 'a.do': 'sleep 0.3\n' })
  for (const _ of [1, 2]) expect((await s.run('redo', ['a'])).code).toBe(0)
  const ticks = lines((await redford(s, ['log', 'r.rec'])).stdout)
  const of = (words: RegExp): string => String(ticks.findIndex((line) => words.test(line)) + 1)
  const requests = async (from: string, to: string): Promise<readonly string[]> =>
    lines((await redford(s, ['diff', 'r.rec', '--from', from, '--to', to])).stdout).filter((line) =>
      /^request/.test(line),
    )
  const [first, second] = [of(/request 1 for a/), of(/request 2 for a/)]
  expect(await requests(first, String(ticks.length))).toEqual(['request 1 (gone)'])
  expect(await requests(second, String(ticks.length))).toEqual(['request 2 (gone)'])
  expect(await requests(String(ticks.length), first)).toEqual(['request 1 (new)'])
})

test('step goes through it by commands, one a line', async () => {
  const s = await project()
  const step = (commands: readonly string[], ...flags: readonly string[]): Promise<Result> =>
    redford(s, ['step', 'bad.rec', ...flags], { stdin: commands.map((line) => `${line}\n`).join('') })
  const found = await step([
    '',
    'f 2',
    'b',
    'w b broken',
    's b',
    'i',
    'd',
    'g end',
    'f',
    'g 0',
    'b',
    'h',
    'q',
    'never read',
  ])
  expect(found.code, found.stderr).toBe(0)
  expect(found.stdout.match(/^tick (\d+|end)/gm)!.slice(0, 4)).toEqual(['tick 0', 'tick 1', 'tick 3', 'tick 2'])
  expect(found.stdout).toContain('b is broken: exit 1')
  expect(found.stdout).toMatch(/^b: broken, target\n(?: {2}.*\n)* {2}error: exit 1\n {2}depends on: b.do a other\n/m)
  expect(found.stdout).toMatch(/^ {2}all: (blocked|start|running)$/m)
  expect(found.stdout).toMatch(/^ {6}its error: none -> /m)
  expect(found.stdout).not.toContain('#')
  expect(found.stderr).toBe('redo  that is the end\nredo  that is the beginning\n')
  const wrong = await step(['zz', 'g 9999', 'w b asleep', 's nobody', 'f x', 'w src broken'])
  expect(wrong.code).toBe(1)
  expect(lines(wrong.stderr)).toHaveLength(6)
  const data = await step(['f', 's src', 'i', 'd'], '--json')
  expect(lines(data.stdout).map(json)).toHaveLength(5)
})

test('why and why-not answer as of a tick of a recording', async () => {
  const s = await project()
  const why = await redford(s, ['why', 'b', '--recording', 'bad.rec'])
  expect(why.code, why.stderr).toBe(0)
  expect(why.stdout).toMatch(
    /^b was made in request 2 \(tick \d+\), the last one: it failed\n {2}other has another content/,
  )
  const before = await redford(s, ['why', 'b', '--recording', 'bad.rec', '--at', '0'])
  expect(before.stdout).toMatch(/^b was made in request 1 \(before the recording\)/)
  // Of the last recording.
  expect((await redford(s, ['why', 'b', '--at', '0'])).stdout).toBe(before.stdout)
  expect(json((await redford(s, ['why', 'b', '--json', '--recording', 'bad.rec'])).stdout)).toMatchObject({
    build: 'b',
  })
  expect((await redford(s, ['why-not', 'src', '--recording', 'bad.rec'])).code).toBe(0)
  const unknown = await redford(s, ['why', 'nobody', '--recording', 'bad.rec'])
  expect([unknown.code, unknown.stdout]).toEqual([1, ''])
  expect(unknown.stderr).toContain('nothing is known of nobody in bad.rec by then: redford log bad.rec tells')
  expect((await redford(s, ['why', 'b', '--recording', 'bad.rec', '--at', '9999'])).code).toBe(2)
  // By the names of the folder that one is in, as without a recording.
  s.write('sub/.keep', '')
  for (const name of ['../b', `${s.root}/b`]) {
    const below = await s.run('redford', ['why', name, '--recording', '../bad.rec'], { cwd: 'sub' })
    expect([below.code, below.stdout], below.stderr).toEqual([0, why.stdout])
  }
})

test('shrink finds the smallest that still shows a fault', async () => {
  const s = await project()
  s.write('shows', 'redford log --json "$1" | grep -q \'"what":"broken","target":"b"\'\n')
  const found = await redford(s, ['shrink', 'bad.rec', '--test', 'sh ./shows', '--json'], { timeoutMs: 60_000 })
  expect(found.code, found.stderr).toBe(0)
  expect(json(found.stdout)).toMatchObject({ file: 'bad.rec.small', ticks: 1, isWhole: true })
  expect((await redford(s, ['replay', '--verify', 'bad.rec.small'])).stdout).toContain('verified')
  const none = await redford(s, ['shrink', 'good.rec', '--test', 'sh ./shows'])
  expect([none.code, s.exists('good.rec.small')]).toEqual([1, false])
  expect(none.stderr).toMatch(/there is nothing to make smaller; its exit code is 1\n$/)
  s.write('loud', "printf 'one\\ntwo\\033\\n' >&2; exit 3\n")
  for (const [test, how] of [
    ['./nowhere', /; its exit code is 127, and it said: sh: .*nowhere.*not found\n$/],
    ['./src', /; its exit code is 126, and it said: sh: .*src.*denied\n$/i],
    ['sh ./loud', /; its exit code is 3, and it said: one\ntwo\\x1b\n$/],
    ['kill -9 $$; true', /; it was killed by SIGKILL\n$/],
  ] as const) {
    const { code, stderr } = await redford(s, ['shrink', 'good.rec', '--test', test])
    expect([test, code]).toEqual([test, 1])
    expect(stderr).toMatch(how)
  }
  for (const args of [
    ['bad.rec'],
    ['bad.rec', '--test', 'true', '--output', 'src'],
    ['bad.rec', '--test', 'true', '--output', 'bad.rec'],
    ['bad.rec', '--test', 'true', '--output', 'no/such/folder'],
    ['bad.rec', '--test', 'true', '--tries', '0'],
  ])
    expect((await redford(s, ['shrink', ...args])).code).toBe(2)
  expect(s.read('src')).toBe('1')
})

test('shrink puts its result in place of a whole recording, never of one in use, and leaves nothing when it is ended', async () => {
  const s = await project()
  const env = { TMPDIR: s.path('tmp') as string }
  s.write('tmp/.keep', '')
  const shrunk = (more: string) => s.sh(`exec redford shrink bad.rec --test true -o ${more}`, { env })
  // As a process that was killed leaves it: most of it is in SQLite's log.
  const db = new Database(s.path('bad.rec'))
  db.pragma('journal_mode = wal')
  db.exec(`update meta set value = value where key = 'about'`)
  for (const end of ['', '-wal']) fs.copyFileSync(s.path(`bad.rec${end}`), s.path(`killed.rec${end}`))
  fs.copyFileSync(s.path('good.rec'), s.path('used.rec'))
  const user = new Database(s.path('used.rec'))
  user.pragma('journal_mode = wal')
  user.prepare('select count(*) from meta').get()
  const refused = await shrunk('used.rec')
  expect([refused.code, refused.stdout, refused.stderr]).toEqual([
    2,
    '',
    'redo  used.rec cannot be written: used.rec is in use, by who records into it or reads it: name another file by --output\n',
  ])
  user.close()
  expect((await redford(s, ['diff', 'good.rec', 'used.rec'])).code).toBe(0)
  db.close()
  expect((await shrunk('killed.rec')).code).toBe(0)
  expect(fs.existsSync(s.path('killed.rec-wal'))).toBe(false)
  expect((await redford(s, ['replay', '--verify', 'killed.rec'])).stdout).toMatch(/^0 ticks/)
  const ended = await s.sh(`redford shrink bad.rec --test 'kill -TERM $PPID; exec sleep 9; :' -o x.rec; echo $?`, {
    env,
  })
  expect(ended.stdout).toBe('143\n')
  expect(fs.readdirSync(s.path('tmp'))).toEqual(['.keep'])
  const nowhere = await s.sh(`TMPDIR=/nowhere exec redford shrink bad.rec --test true`)
  expect([nowhere.code, nowhere.stderr]).toEqual([
    2,
    expect.stringMatching(
      /^redo {2}\/nowhere, where candidates go, cannot be written: .*; name another folder by TMPDIR\n$/,
    ),
  ])
})

describe('what cannot be read', () => {
  test('is told of in a line, by every command, with exit code 2', async () => {
    const s = await project()
    const db = new Database(s.path('good.rec') as string)
    db.pragma('user_version = 999')
    db.close()
    for (const [name, why] of [
      ['nowhere.rec', 'there is no such file'],
      ['src', 'it is no recording of Redford'],
      ['good.rec', /format 999; this one reads \d+/],
    ] as const)
      for (const args of [
        ['replay', name],
        ['log', name],
        ['step', name],
        ['diff', name, 'bad.rec'],
        ['diff', 'bad.rec', name],
        ['why', 'b', '--recording', name],
        ['shrink', name, '--test', 'true'],
      ]) {
        const refused = await redford(s, args)
        expect([args, refused.code, refused.stdout]).toEqual([args, 2, ''])
        expect(lines(refused.stderr)).toEqual([expect.stringMatching(why)])
      }
  }, 120_000)

  test('in part is used up to there, and that is said', async () => {
    const s = await project()
    const db = new Database(s.path('bad.rec') as string)
    const log = db.prepare('select log from chunks where id = 1').pluck().get() as Buffer
    log[log.length - 30]! ^= 1
    db.prepare('update chunks set log = ? where id = 1').run(log)
    db.close()
    const found = await redford(s, ['replay', 'bad.rec', '--verify'])
    expect(found.code).toBe(1)
    expect(found.stderr).toMatch(
      /^redo {2}bad.rec: it ends too early, and is used up to tick (\d+): what comes after tick \1 is damaged\n$/,
    )
    expect(found.stdout).toContain('verified: the same state after each of')
    for (const args of [['log'], ['replay'], ['replay', '--mode', 'counterfactual']]) {
      const { code, stdout } = await redford(s, [...args, 'bad.rec'])
      expect([args, code]).toEqual([args, 1])
      expect(stdout).not.toBe('')
    }
  })

  test('to an end, since it has none, is told of by every command, and no fault', async () => {
    const s = await project()
    const db = new Database(s.path('good.rec') as string)
    db.exec(`delete from meta where key = 'end'`)
    db.close()
    for (const args of [
      ['replay', '--verify'],
      ['replay', '--mode', 'counterfactual'],
      ['log'],
      ['step'],
      ['diff'],
      ['diff', 'good.rec'],
      ['why', 'all', '--recording'],
      ['fork', '--at', '1', '-o', 'fork.rec'],
      ['shrink', '--test', 'true', '-o', 'small.rec'],
    ]) {
      const { code, stderr } = await redford(s, [...args, 'good.rec'])
      // What a diff of two ticks says is no fault of the recording.
      expect([args, code]).toEqual([args, args.join(' ') === 'diff' ? 1 : 0])
      const said = lines(stderr)
      expect([args, said.length]).toEqual([args, args.length === 2 && args[0] === 'diff' ? 2 : 1])
      expect(said[0]).toMatch(
        /^redo {2}good.rec: it was not ended in order: it is still being written, or its program did not close it, was killed.*; good.rec-wal belongs to it/,
      )
    }
    const found = json((await redford(s, ['replay', '--json', 'good.rec'])).stdout)
    expect(found).toMatchObject({ damage: null, unfinished: expect.stringContaining('good.rec-wal') })
    for (const made of ['bad.rec', 'fork.rec', 'small.rec'])
      expect(json((await redford(s, ['replay', '--json', made])).stdout)).toMatchObject({ unfinished: null })
  }, 60_000)

  test('that says something else of itself than what was written is told of', async () => {
    const s = await project()
    const db = new Database(s.path('bad.rec') as string)
    db.exec(`update meta set value = replace(value, 'criticalPath', 'fullBatch') where key = 'about'`)
    db.close()
    for (const args of [['replay', '--verify'], ['log'], ['fork', '--at', '1']]) {
      const { code, stderr } = await redford(s, [...args, 'bad.rec'])
      expect([args, code]).toEqual([args, 1])
      expect(stderr).toMatch(/^redo {2}bad.rec: what it says of itself \(.*\), .* is not what was written\n$/)
    }
  })

  test('words that make no sense are refused', async () => {
    const s = space({})
    for (const args of [['replay'], ['replay', 'a', 'b'], ['log', '--strange'], ['step'], ['diff'], ['log']]) {
      const refused = await redford(s, args)
      expect([args, refused.code, refused.stdout]).toEqual([args, 2, ''])
      expect(lines(refused.stderr)).toHaveLength(1)
    }
    expect((await redford(s, ['help'])).stdout).toContain('redford log [FILE]')
  })

  test('each command tells of itself, and where to read that', async () => {
    const s = space({})
    const words = { log: '--builds', replay: '--mode reexecute', step: 'w TARGET STATUS', diff: '--from TICK' }
    const all = { ...words, fork: '--at TICK', shrink: '--tries N' }
    for (const [name, word] of Object.entries(all)) {
      const { code, stdout } = await redford(s, [name, '--help'])
      expect([code, stdout]).toEqual([0, expect.stringMatching(new RegExp(`^usage: redford ${name} `))])
      expect(stdout).toContain(word)
      for (const other of Object.keys(all)) if (other !== name) expect(stdout).not.toContain(`redford ${other} `)
      expect((await redford(s, [name, '--strange'])).stderr).toContain(`(see redford ${name} --help)`)
    }
    expect((await redford(s, ['why', 'x', '--recording', 'r', '--help'])).stdout).toMatch(/^usage: redford why TARGET/)
    const step = (await redford(s, ['step', '--help'])).stdout
    for (const status of statusNames) expect(step).toMatch(new RegExp(`\\b${status}\\b`))
    const folder = await redford(s, ['replay', '.'])
    expect([folder.code, folder.stderr]).toEqual([
      2,
      'redo  . is a folder: name a recording, the FILE of redo --record FILE\n',
    ])
  })
})

test('a recording replays the same in another process, time zone, locale, umask and folder', async () => {
  const s = await project()
  const here = [
    await redford(s, ['replay', '--verify', '--json', 'bad.rec']),
    await redford(s, ['log', '--json', 'bad.rec']),
  ]
  fs.mkdirSync(`${s.base}/elsewhere`)
  const bytes = fs.readFileSync(s.path('bad.rec'))
  fs.writeFileSync(`${s.base}/elsewhere/moved.rec`, bytes)
  for (const env of [
    { TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' },
    { TZ: 'America/St_Johns', LC_ALL: 'C', HOME: undefined, NO_COLOR: '1' },
  ]) {
    const there = []
    for (const args of ['replay --verify --json', 'log --json'])
      there.push(await s.sh(`cd ../elsewhere && umask 077 && exec redford ${args} moved.rec`, { env }))
    expect(there).toEqual(here)
  }
  expect(fs.readFileSync(`${s.base}/elsewhere/moved.rec`).equals(bytes)).toBe(true)
})
