/** Do-files and the rules of `redford.config.js` in one project: each asks for what the other makes. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { closeSpaces, type Files, noted, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

const CONFIG = `
import { codec as C, defineConfig, file, rule } from 'redford'
import { shown } from './shown.js'

const words = rule('words', { key: C.string, value: C.int }, function* (path, b) {
  return (yield* b.need(file(path))).split(/\\s+/).filter(Boolean).length
})
const page = rule('page', { key: C.string, value: C.string }, function* (name, b) {
  const text = yield* b.need(file(name + '.md'))
  if (text.includes('boom')) throw new Error('no boom here')
  return shown(text.trim(), yield* b.need(words('gen.txt')))
})

export default defineConfig({
  rules: [words, page],
  targets: (path) => (path.endsWith('.html') ? page(path.slice(0, -5)) : undefined),
})
`

const files = {
  'package.json': '{"type":"module"}',
  'redford.config.js': CONFIG,
  'shown.js': 'export const shown = (text, count) => text + ": " + count + "\\n"',
  'a.md': 'first',
  'b.md': 'second',
  'src.txt': 'one two three',
  'gen.txt.do': noted('redo-ifchange src.txt', 'cat src.txt'),
  'all.do': noted('redo-ifchange a.html b.html', 'cat a.html b.html'),
}

/** A project whose modules find this package. */
const project = (changed: Files = {}): Space => {
  const s = space({ ...files, ...changed })
  fs.mkdirSync(s.path('node_modules'))
  fs.symlinkSync(process.cwd(), s.path('node_modules/redford'))
  return s
}

/** What was run for it, do-files and rules. */
const build = async (s: Space, target = 'all', ...options: readonly string[]): Promise<readonly string[]> => {
  const result = await s.run('redo-ifchange', [...options, target])
  expect(result.code, result.stderr).toBe(0)
  return ran(s)
}
const ran = (s: Space): readonly string[] =>
  s
    .trace()
    .flatMap(({ event, target }) => (event === 'run' ? target : []))
    .sort()

const fails = async (s: Space, target = 'all', ...options: readonly string[]): Promise<string> => {
  const result = await s.run('redo-ifchange', [...options, target])
  expect(result.code, result.stderr).toBe(1)
  return result.stderr
}

const everything = ['a.html', 'all', 'b.html', 'gen.txt', 'page("a")', 'page("b")', 'words("gen.txt")']

describe.each([{ options: [] }, { options: ['--no-daemon'] }, { options: ['-j2'] }])('with $options', ({ options }) => {
  test('a change rebuilds what stands on it, up to where results are equal', async () => {
    const s = project()
    expect(await build(s, 'all', ...options)).toEqual(everything)
    expect(s.read('all')).toBe('first: 3\nsecond: 3\n')
    expect(await build(s, 'all', ...options)).toEqual([])
    s.write('a.md', 'other')
    expect(await build(s, 'all', ...options)).toEqual(['a.html', 'all', 'page("a")'])
    expect(s.read('all')).toBe('other: 3\nsecond: 3\n')
    // As many words: what counts them says the same as before.
    s.write('src.txt', 'three two one')
    expect(await build(s, 'all', ...options)).toEqual(['gen.txt', 'words("gen.txt")'])
    s.write('src.txt', 'one')
    expect(await build(s, 'all', ...options)).toEqual(everything)
    expect(s.read('all')).toBe('other: 1\nsecond: 1\n')
    expect(await build(s, 'all', ...options)).toEqual([])
  })

  test('a rule that throws breaks its dependents, and is named with its key and what it said', async () => {
    const s = project()
    await build(s, 'all', ...options)
    s.write('a.md', 'boom')
    for (const _ of [1, 2]) {
      const said = await fails(s, 'all', ...options)
      expect(said).toContain('page("a"): failed, threw no boom here (')
      expect(said).toContain('redford.config.js:10)')
      expect(said).toContain('since page("a") failed')
    }
    expect(s.read('a.html')).toBe('first: 3\n')
    s.write('a.md', 'first')
    expect(await build(s, 'all', ...options)).toContain('page("a")')
    expect(s.read('all')).toBe('first: 3\nsecond: 3\n')
  })

  test('a pipe is no file: a rule that needs one is told, and nobody waits for it', async () => {
    const s = project()
    spawnSync('mkfifo', [String(s.path('c.md'))])
    expect(await fails(s, 'c.html', ...options)).toContain('page("c"): failed, threw c.md is a pipe, and no file')
    fs.rmSync(s.path('c.md'))
    s.write('c.md', 'third')
    await build(s, 'c.html', ...options)
    expect(s.read('c.html')).toBe('third: 3\n')
  })

  test('a do-file that fails breaks the rules that need its target', async () => {
    const s = project({ 'gen.txt.do': 'redo-ifchange src.txt; exit 3' })
    const said = await fails(s, 'a.html', ...options)
    expect(said).toContain('gen.txt: failed, exit 3')
    expect(said).toContain('words("gen.txt"): failed, what it needs is broken, since gen.txt failed')
    s.write('gen.txt.do', 'echo 1 2')
    await build(s, 'a.html', ...options)
    expect(s.read('a.html')).toBe('first: 2\n')
  })

  test('a cycle through both is told with its whole path', async () => {
    const s = project({ 'gen.txt.do': noted('redo-ifchange a.html', 'cat a.html') })
    const said = await fails(s, 'a.html', ...options)
    expect(said).toContain('it needs itself: a.html -> page("a") -> words("gen.txt") -> gen.txt -> a.html (208)')
    s.write('gen.txt.do', 'echo 1 2')
    await build(s, 'a.html', ...options)
    expect(s.read('a.html')).toBe('first: 2\n')
  })

  test('a changed config is loaded anew, and so is what it imports; equal results are cut off', async () => {
    const s = project()
    await build(s, 'all', ...options)
    s.write('shown.js', 'export const shown = (text, count) => count + " " + text + "\\n"')
    expect(await build(s, 'all', ...options)).toEqual(everything.filter((name) => name !== 'gen.txt'))
    expect(s.read('all')).toBe('3 first\n3 second\n')
    s.write('redford.config.js', `${CONFIG}\n// the same rules\n`)
    // Which rule makes a target is the config's word too, so these are put in place again; `all` rests.
    expect(await build(s, 'all', ...options)).toEqual(everything.filter((name) => name !== 'gen.txt' && name !== 'all'))
    s.write('redford.config.js', CONFIG.replace('path.slice(0, -5)', "'b'"))
    expect(await build(s, 'a.html', ...options)).toContain('a.html')
    expect(s.read('a.html')).toBe('3 second\n')
  })
})

test('a daemon that was killed is followed by one that knows all values; so is a command without one', async () => {
  const s = project()
  await build(s)
  await s.crash()
  expect(await build(s)).toEqual([])
  s.write('a.md', 'other')
  expect(await build(s, 'all', '--no-daemon')).toEqual(['a.html', 'all', 'page("a")'])
  expect(await build(s)).toEqual([])
})

test('a build that is killed at any moment is made whole by the next, which leaves nothing behind', async () => {
  const names = Array.from({ length: 60 }, (_, i) => `p${i}`)
  // No do-file: one that outlives its engine would start a daemon, which is another story.
  const s = project({ ...Object.fromEntries(names.map((name) => [`${name}.md`, name])), 'gen.txt': 'x' })
  const targets = names.map((name) => `${name}.html`)
  for (const ms of [100, 200, 300, 400]) {
    const running = s.start('redo-ifchange', ['--no-daemon', ...targets])
    await new Promise((resolve) => setTimeout(resolve, ms))
    running.kill('SIGKILL')
    await running.done
    s.write('gen.txt', 'x '.repeat(ms))
  }
  const result = await s.run('redo-ifchange', ['--no-daemon', ...targets])
  expect(result.code, result.stderr).toBe(0)
  expect(result.stderr).not.toContain('modified')
  expect(targets.map((name) => s.read(name))).toEqual(names.map((name) => `${name}: 400\n`))
  expect(s.list().filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('values that are gone, or are not as they were left, are made again, and nothing above them', async () => {
  const s = project()
  await build(s)
  s.remove('.redford/values')
  expect(await build(s)).toEqual(['page("a")', 'page("b")', 'words("gen.txt")'])
  const [value] = s.list('.redford/values/page')
  s.write(`.redford/values/page/${value}`, '"mine"')
  expect(await build(s)).toEqual(['page("a")'])
  expect(s.read('a.html')).toBe('first: 3\n')
})

test('a do-file wins over a rule, whenever it comes', async () => {
  const s = project()
  await build(s)
  s.write('a.html.do', noted('echo by hand'))
  expect(await build(s)).toEqual(['a.html', 'all'])
  expect(s.read('a.html')).toBe('by hand\n')
  s.remove('a.html.do')
  expect(await build(s)).toEqual(['a.html', 'all'])
  expect(s.read('a.html')).toBe('first: 3\n')
})

test('a target of a rule that was changed by hand is left alone', async () => {
  const s = project()
  await build(s)
  s.write('a.html', 'mine\n')
  const result = await s.ifchange('all')
  expect(result.code).toBe(0)
  expect(result.stderr).toContain('a.html: you modified it')
  expect(s.read('all')).toBe('mine\nsecond: 3\n')
})

test('values are neither targets nor sources', async () => {
  const s = project()
  await build(s)
  const lines = async (command: string, ...args: readonly string[]): Promise<readonly string[]> =>
    (await s.run(command, args)).stdout.split('\n').filter(Boolean)
  expect(await lines('redo-targets')).toEqual(['a.html', 'all', 'b.html', 'gen.txt'])
  expect((await lines('redo-sources')).filter((name) => name.includes('values'))).toEqual([])
  s.write('src.txt', 'one')
  expect(await lines('redo-ood')).toEqual(['a.html', 'all', 'b.html', 'gen.txt'])
  expect((await lines('redo-whichdo', 'a.html')).at(-1)).toBe('redford.config.js')
  expect((await s.run('redo-whichdo', ['a.none'])).code).toBe(1)
})

test('bytes, a folder that is not there yet, static and batch rules, failures that are answered', async () => {
  const config = `
    import { codec as C, defineConfig, file, rule } from 'redford'
    const twice = rule.static('twice', {
      key: C.string, value: C.bytes,
      deps: (path) => ({ all: [file.bytes(path)] }),
      make: ({ all: [bytes] }) => new Uint8Array([...bytes, ...bytes]),
    })
    const sizes = rule.batch('sizes', {
      key: C.string, value: C.string,
      deps: (path) => twice(path),
      make: (units) => units.map(({ key, deps }) => key + ' ' + deps.length),
    })
    const maybe = rule('maybe', { key: C.string, value: C.string }, function* (path, b) {
      const found = yield* b.attempt(file(path))
      return found._tag === 'Right' ? found.right : 'none'
    })
    export default defineConfig({
      rules: [twice, sizes, maybe],
      targets: (path) =>
        path.endsWith('.2') ? twice(path.slice(4, -2)) : path.endsWith('.n') ? sizes(path.slice(4, -2))
        : path.endsWith('?') ? maybe(path.slice(0, -1)) : undefined,
    })`
  const s = space({ 'package.json': '{"type":"module"}', 'redford.config.js': config })
  fs.mkdirSync(s.path('node_modules'))
  fs.symlinkSync(process.cwd(), s.path('node_modules/redford'))
  fs.writeFileSync(s.path('x'), Buffer.from([0, 255, 128]))
  await build(s, 'out/x.2')
  expect(fs.readFileSync(s.path('out/x.2'))).toEqual(Buffer.from([0, 255, 128, 0, 255, 128]))
  await build(s, 'out/x.n')
  expect(s.read('out/x.n')).toBe('x 6')
  await build(s, 'y?')
  expect(s.read('y?')).toBe('none')
  s.write('y', 'there')
  await build(s, 'y?')
  expect(s.read('y?')).toBe('there')
})

test.each([
  ['a\\u0000b', 'misuse'],
  ['', ''],
  ['x'.repeat(5000), ''],
])('what no file can be called breaks the rule that asks for it: %j', async (name) => {
  const s = project({
    'redford.config.js': CONFIG.replace("file(name + '.md')", `file('${name}')`),
  })
  expect(await fails(s, 'a.html')).toContain('page("a"): failed')
  expect(await build(s, 'gen.txt')).toEqual(['gen.txt'])
})

test('a key too long for a file breaks its build', async () => {
  const s = project({ 'redford.config.js': CONFIG.replace('page(path.slice(0, -5))', "page('x'.repeat(5000))") })
  expect(await fails(s, 'a.html')).toContain('failed')
  expect(await build(s, 'gen.txt')).toEqual(['gen.txt'])
})

const broken: readonly (readonly [string, string, string])[] = [
  ['no module', 'export default {', 'redford.config.js: it cannot be loaded: '],
  ['no rules', 'export default { targets: () => undefined }', '`rules` must be an array'],
  [
    'what is no rule',
    'export default { rules: [1] }',
    '`rules` must hold nothing but rules, not 1: list what rule() gave, not called',
  ],
  [
    'two rules of one name',
    "import { codec as C, rule } from 'redford'; const r = () => rule('r', { key: C.int, value: C.int }, () => 1); export default { rules: [r(), r()] }",
    'there are two rules of the name r: each needs a name of its own',
  ],
  [
    'a source',
    "import { codec as C, source } from 'redford'; export default { rules: [source('s', { key: C.int, value: C.int })] }",
    's is a source: use file()',
  ],
  ['`targets` that throw', "export default { rules: [], targets: () => { throw new Error('oh') } }", 'js: oh'],
  [
    'a key of a rule that it does not list',
    "import { codec as C, rule } from 'redford'; const r = rule('r', { key: C.int, value: C.int }, () => 1); export default { rules: [], targets: () => r(1) }",
    'redford.config.js does not know r: add it to its `rules`',
  ],
  [
    'a value that is no file',
    "import { codec as C, rule } from 'redford'; const r = rule('r', { key: C.int, value: C.int }, () => 1); export default { rules: [r], targets: () => r(1) }",
    'r makes neither a string nor bytes',
  ],
]

test.each(broken)('a config with %s fails what needs it, with a message, and nothing else', async (_, config, said) => {
  const s = project({ 'redford.config.js': config })
  expect(await fails(s, 'a.html')).toContain(said)
  expect(await build(s, 'gen.txt')).toEqual(['gen.txt'])
  s.write('redford.config.js', CONFIG)
  await build(s)
  expect(s.read('all')).toBe('first: 3\nsecond: 3\n')
})

test('a config in TypeScript is loaded, with what it imports, whatever Node it is', async () => {
  const s = project()
  await build(s, 'a.html')
  s.remove('redford.config.js')
  s.write('redford.config.ts', `import './more.ts'\n${CONFIG.replace('(path) =>', '(path: string) =>')}`)
  s.write('more.ts', 'export const more = (n: number): number => n + 1')
  await build(s, 'a.html')
  expect(s.read('a.html')).toBe('first: 3\n')
  s.write('more.ts', 'export const more = (n: number: number => n')
  expect(await fails(s, 'a.html')).toContain('redford.config.ts: it cannot be loaded: ')
  s.write('more.ts', 'export const less: number = 1')
  await build(s, 'a.html', '--no-daemon')
  // One in JavaScript may have a part in TypeScript.
  s.remove('redford.config.ts')
  s.write('redford.config.js', `import './more.ts'\n${CONFIG}`)
  await build(s, 'a.html')
  s.write('redford.config.ts', '')
  s.write('redford.config.js', CONFIG)
  expect(await fails(s, 'b.html')).toContain('there are redford.config.js and redford.config.ts: keep one of them')
})

test.each([[[]], [['--no-daemon']]])(
  'a config that a build changes is not taken for the one loaded; %j',
  async (options) => {
    const s = project({
      'all.do': 'test -e once || { touch once; echo "// other" >>redford.config.js; }; redo-ifchange a.html',
    })
    await build(s, 'b.html', ...options)
    const said = await fails(s, 'all', ...options)
    expect(said).toContain('redford.config.js was changed while it was in use; run the command again')
    await build(s, 'all', ...options)
    expect(s.read('a.html')).toBe('first: 3\n')
  },
)

test('what was missing when the config was loaded may come later, and need not be named by it', async () => {
  const s = project({ 'redford.config.js': CONFIG.replace('./shown.js', 'shows') })
  expect(await fails(s, 'a.html')).toContain("it cannot be loaded: Cannot find package 'shows'")
  s.write('node_modules/shows/package.json', '{"type":"module","exports":"./index.js"}')
  s.write('node_modules/shows/index.js', files['shown.js'])
  await build(s, 'a.html')
  expect(s.read('a.html')).toBe('first: 3\n')
})

test('a config that does not find this package is told how it does', async () => {
  const s = space(files)
  const remedy =
    /redford\.config\.js: it cannot be loaded: Cannot find package 'redford' imported from .*: npm install redford there, or npm link redford/
  expect(await fails(s, 'a.html')).toMatch(remedy)
  s.remove('redford.config.js')
  s.write('redford.config.ts', CONFIG)
  expect(await fails(s, 'a.html')).toContain('npm install redford there')
  fs.mkdirSync(s.path('node_modules'))
  fs.symlinkSync(process.cwd(), s.path('node_modules/redford'))
  await build(s, 'a.html')
})

test('what the config imports is followed through links and out of the root', async () => {
  const s = project({
    '../outside/shown.js': "export { shown } from './deep.js'",
    '../outside/deep.js': files['shown.js'],
    'redford.config.js': CONFIG.replace('./shown.js', './lib/shown.js'),
  })
  fs.symlinkSync('../outside', s.path('lib'))
  await build(s, 'a.html')
  s.write('../outside/deep.js', 'export const shown = (text) => text.toUpperCase()')
  await build(s, 'a.html')
  expect(s.read('a.html')).toBe('FIRST')
})

test('README: what it shows of both in one project works', async () => {
  const readme = fs.readFileSync('README.md', 'utf8')
  const [, config] = /## Both in one project\n[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme)!
  const s = project({ 'redford.config.js': config!, 'default.log.do': 'echo one; echo two' })
  await build(s, 'a.sum')
  expect(s.read('a.sum')).toBe('a: 2 lines\n')
})

test('a file of that name that exports nothing only marks the root', async () => {
  const s = project({ 'redford.config.js': '' })
  expect(await fails(s, 'a.html')).toContain('a.html: failed, no such file, and no do-file that makes it')
  expect(await build(s, 'gen.txt')).toEqual(['gen.txt'])
})
