/** `redford why` and `redford why-not`: each reason there is, told of real builds, in words and as JSON. */
import * as fs from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import type { Why } from '../../src/replay/why.js'
import type { WhyNot } from '../../src/replay/why-not.js'
import { closeSpaces, type Files, noted, type Space, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

const files = {
  'all.do': 'redo-ifchange hello\n',
  'hello.do': noted('redo-ifchange main.o greet.o', 'cat main.o greet.o >$3'),
  'default.o.do': noted('redo-ifchange $2.c version.h', 'cat $2.c version.h >$3'),
  'version.h.do': noted('redo-ifchange version.txt', 'cut -c1 version.txt'),
  'main.c': 'main\n',
  'greet.c': 'greet\n',
  'version.txt': '1.0\n',
}

const project = async (changed: Files = {}, target = 'all'): Promise<Space> => {
  const s = space({ ...files, ...changed })
  await s.ifchange(target)
  return s
}

const words = async (s: Space, question: 'why' | 'why-not', target: string): Promise<readonly string[]> => {
  const { code, stdout, stderr } = await s.run('redford', [question, target])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.split('\n').slice(0, -1)
}
const why = async (s: Space, target: string): Promise<Extract<Why<string>, { _tag: 'made' }>> => {
  const { code, stdout, stderr } = await s.run('redford', ['why', '--json', target])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}
const whyNot = async (s: Space, target: string): Promise<WhyNot<string>> => {
  const { code, stdout, stderr } = await s.run('redford', ['why-not', target, '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}
/** What had the target made, and what had that, one after the other. */
const chain = async (s: Space, target: string): Promise<readonly unknown[]> =>
  (await why(s, target)).chain.map((link) => {
    if (link._tag === 'made') return [link.build, link.cause]
    return [link.build, link._tag === 'source' ? link.change : link._tag]
  })

describe('why', () => {
  test('never made before; and what is a source, or not there, says so', async () => {
    const s = await project()
    expect(await words(s, 'why', 'hello')).toEqual([
      'hello was made in request 1, the last one',
      '  it was never made before',
      '  needed by: all',
    ])
    expect(await words(s, 'why', 'main.c')).toEqual([
      'main.c is a source: nothing makes it',
      '  it was looked at for the first time in request 1',
    ])
    expect((await words(s, 'why', 'main.o.do'))[0]).toBe(
      'main.o.do was never made: it is not there, and nobody asked for it, or their request ended before its turn',
    )
  })

  test('a source changed: the whole way from the target to it, what did not change, and what came out the same', async () => {
    const s = await project()
    s.write('greet.c', 'hello\n')
    s.write('version.txt', '1.1\n')
    await s.ifchange('all')
    expect(s.runs()).toContain('version.h')
    expect(await words(s, 'why', 'all')).toEqual([
      'all was made in request 2, the last one: it has another result than before',
      '  hello changed',
      '    greet.o changed',
      '      greet.c has another content, seen in request 2',
      '  unchanged: all.do',
    ])
    const { cutoffs, unchanged, neededBy, result, generation, newest } = await why(s, 'greet.o')
    expect({ cutoffs, unchanged, neededBy, result, generation, newest }).toEqual({
      cutoffs: ['version.h'],
      unchanged: ['default.o.do'],
      neededBy: ['hello'],
      result: 'changed',
      generation: 2,
      newest: 2,
    })
    expect(await words(s, 'why', 'version.h')).toContain(
      'version.h was made in request 2, the last one: with the same result as before',
    )
    expect((await words(s, 'why', 'main.o'))[0]).toBe('main.o was made in request 1 of 2')
  })

  test('its do-file changed; of two dependencies that did, the first in order is named', async () => {
    const s = await project()
    s.write('hello.do', `${files['hello.do']}# changed\n`)
    s.write('main.c', 'main 2\n')
    s.write('greet.c', 'greet 2\n')
    await s.ifchange('all')
    expect((await words(s, 'why', 'hello')).slice(1, 3)).toEqual([
      '  hello.do, by which it is made, has another content, seen in request 2',
      '  changed too: main.o, greet.o',
    ])
    s.write('main.c', 'main 3\n')
    s.write('greet.c', 'greet 3\n')
    await s.run('redo-ifchange', ['-j4', 'all'])
    expect(await chain(s, 'hello')).toEqual([
      ['hello', { _tag: 'changed', dependency: 'main.o' }],
      ['main.o', { _tag: 'changed', dependency: 'main.c' }],
      ['main.c', { _tag: 'content', generation: 3 }],
    ])
  })

  test('asked for in any case, and whether something changed besides', async () => {
    const s = await project()
    await s.redo('main.o')
    expect(await chain(s, 'main.o')).toEqual([['main.o', { _tag: 'forced' }]])
    s.write('main.c', 'main 2\n')
    await s.redo('hello')
    expect(await words(s, 'why', 'hello')).toEqual([
      'hello was made in request 3, the last one: it has another result than before',
      '  it was asked for in any case (redo)',
      '  and main.o changed',
      '    main.c has another content, seen in request 3',
      '  unchanged: hello.do, greet.o',
    ])
  })

  test('a file exists now that was looked for in vain; and a better do-file', async () => {
    const s = await project(
      { 'hello.do': 'redo-ifcreate extra\nredo-ifchange main.o\ncat extra main.o || :\n' },
      'hello',
    )
    s.write('extra', '')
    await s.ifchange('hello')
    expect((await chain(s, 'hello'))[0]).toEqual(['hello', { _tag: 'appeared', dependency: 'extra' }])
    expect((await chain(s, 'hello'))[1]).toEqual(['extra', { _tag: 'came', generation: 2 }])
    s.write('main.o.do', 'cat main.c\n')
    await s.ifchange('main.o')
    expect((await words(s, 'why', 'main.o'))[1]).toBe('  main.o.do, by which it is made, appeared, seen in request 3')
  })

  test('a dependency is gone; it failed the last time; it is always out-of-date', async () => {
    const s = await project(
      { 'some.do': 'redo-ifchange a b || :\necho x\n', a: '1', b: '2', 'now.do': 'redo-always\necho 1\n' },
      'some',
    )
    s.remove('b')
    await s.ifchange('some')
    expect((await words(s, 'why', 'some')).slice(0, 2)).toEqual([
      'some was made in request 2, the last one: with the same result as before',
      '  b is gone, seen in request 2',
    ])
    s.write('bad.do', 'redo-ifchange a\ngrep 2 a\n')
    await s.ifchange('bad')
    expect((await words(s, 'why', 'bad')).slice(0, 3)).toEqual([
      'bad was made in request 3, the last one: it failed',
      '  it was never made before',
      '  it failed: exit 1',
    ])
    s.write('a', '2')
    await s.ifchange('bad')
    expect(await chain(s, 'bad')).toEqual([
      ['bad', { _tag: 'failed', also: 'a' }],
      ['a', { _tag: 'content', generation: 4 }],
    ])
    await s.ifchange('now')
    await s.ifchange('now')
    expect((await words(s, 'why', 'now'))[1]).toBe('  it is always out-of-date (redo-always)')
  })

  test('a dependency was broken when it was last seen', async () => {
    const s = await project(
      { 'top.do': 'redo-ifchange part || :\necho x\n', 'part.do': 'redo-ifchange p\ngrep 2 p\n', p: '1' },
      'top',
    )
    s.write('p', '2')
    await s.ifchange('top')
    expect(await chain(s, 'top')).toEqual([
      ['top', { _tag: 'unsure', dependency: 'part' }],
      ['part', { _tag: 'failed', also: 'p' }],
      ['p', { _tag: 'content', generation: 2 }],
    ])
    s.write('p', '1')
    await s.ifchange('top')
    expect((await chain(s, 'top'))[0]).toEqual(['top', { _tag: 'broken', dependency: 'part' }])
    expect((await words(s, 'why', 'top')).slice(1, 3)).toEqual([
      '  part is broken',
      '    p has another content, seen in request 3',
    ])
  })

  test('a dependency was broken, and comes out as before that: the run that mended it is the cause', async () => {
    const s = await project(
      { 'top.do': 'redo-ifchange part\n', 'part.do': 'redo-ifchange p\ngrep 2 p\n', p: '2' },
      'top',
    )
    s.write('p', '1')
    await s.ifchange('top')
    s.write('p', '2')
    await s.ifchange('top')
    expect((await words(s, 'why', 'top')).slice(1, 5)).toEqual([
      '  it failed the last time',
      '  and part is not broken any more',
      '    it failed the last time',
      '    and p has another content, seen in request 3',
    ])
  })

  test('its file was removed; changed by hand, it is left alone, and overwritten when asked to', async () => {
    const s = await project()
    s.remove('main.o')
    await s.ifchange('all')
    expect(await chain(s, 'main.o')).toEqual([['main.o', { _tag: 'outputGone' }]])
    expect((await why(s, 'main.o')).result).toBe('same')
    s.write('main.o', 'mine\n')
    await s.ifchange('all')
    expect((await chain(s, 'hello')).at(-1)).toEqual(['main.o', { _tag: 'edited', generation: 3 }])
    expect(await words(s, 'why', 'main.o')).toEqual([
      'main.o was changed by hand, seen in request 3, so it is left alone',
      '  it was made before that in request 2',
      '  redo --overwrite main.o makes it again; redo --take main.o has it a source',
    ])
    await s.run('redo-ifchange', ['--overwrite', 'main.o'])
    expect(await chain(s, 'main.o')).toEqual([['main.o', { _tag: 'outputChanged' }]])
    s.write('main.o', 'mine\n')
    await s.run('redo', ['--take', 'main.o'])
    expect((await words(s, 'why', 'main.o'))[1]).toBe('  it became a source by redo --take in request 5')
  })

  test('what it says to do can be typed as it is', async () => {
    const s = await project({ 'default.do': 'cat src\n', src: '1\n' }, 'a b')
    for (const [name, word] of [
      ["it's", String.raw`'it'\''s'`],
      ['-x', './-x'],
    ] as const) {
      const unknown = await s.run('redford', ['why', '--', name])
      expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining(`; run redo-ifchange ${word}, or `)])
    }
    expect(await words(s, 'why-not', 'a b')).toEqual(["a b was made in request 1, the last one: see redford why 'a b'"])
    s.write('a b', 'mine\n')
    await s.ifchange('a b')
    expect((await words(s, 'why-not', 'a b'))[1]).toBe(
      "  redo --overwrite 'a b' makes it again; redo --take 'a b' has it a source",
    )
  })

  test('a run that was cut short; and a target whose do-file is gone is a source', async () => {
    const s = await project({ 'slow.do': `: >started\n${waitsFor('go')}\necho x\n`, go: '' }, 'slow')
    s.remove('go')
    s.remove('started')
    const run = s.start('redo', ['slow'])
    await until('the do-file runs', () => s.exists('started'))
    run.kill('SIGINT')
    expect((await run.done).code).toBe(130)
    expect((await words(s, 'why', 'slow')).slice(0, 3)).toEqual([
      'slow was made in request 2, the last one: it failed',
      '  it was asked for in any case (redo)',
      '  it failed: ended by SIGTERM',
    ])
    s.write('go', '')
    await s.ifchange('slow')
    expect(await chain(s, 'slow')).toEqual([['slow', { _tag: 'interrupted' }]])
    s.remove('slow.do')
    await s.ifchange('slow')
    expect((await words(s, 'why', 'slow'))[1]).toBe('  it became a source in request 4: nothing makes it any more')
  })

  test('outlives the daemon, and is told without one', async () => {
    const s = await project()
    s.write('main.c', 'other\n')
    await s.ifchange('all')
    const before = await words(s, 'why', 'all')
    await s.crash()
    expect(await words(s, 'why', 'all')).toEqual(before)
    const alone = await s.run('redford', ['why', 'all', '--no-daemon'])
    expect(alone.stdout.split('\n').slice(0, -1)).toEqual(before)
  })

  test('a later daemon names who needed it in the same order', async () => {
    const s = space({
      'a.do': 'redo-ifchange b\nredo-ifchange x\n',
      'b.do': 'redo-ifchange x\n',
      'x.do': 'echo x\n',
    })
    await s.ifchange('a')
    const before = await words(s, 'why', 'x')
    expect(before.at(-1)).toBe('  needed by: a, b')
    await s.crash()
    expect(await words(s, 'why', 'x')).toEqual(before)
  })

  test('what was made again since is said to have been', async () => {
    const s = await project()
    s.write('main.c', 'main 2\n')
    await s.ifchange('main.o')
    await s.ifchange('hello')
    s.write('main.c', 'main 3\n')
    await s.ifchange('main.o')
    expect((await why(s, 'hello')).chain[1]).toMatchObject({ _tag: 'madeSince', build: 'main.o', generation: 4 })
    // Of a source, that it changed again.
    s.write('version.txt', '2\n')
    await s.ifchange('version.h')
    s.write('version.txt', '3\n')
    await s.run('redo-ood')
    expect((await words(s, 'why', 'version.h'))[1]).toBe(
      '  version.txt has another content, seen in request 6, so once more since',
    )
  })

  test('while it is made: what for, and for which request', async () => {
    const s = await project({ 'slow.do': `redo-ifchange main.c\n: >started\n${waitsFor('go')}\n` }, 'slow.none')
    s.write('go', '')
    await s.ifchange('slow')
    s.remove('go')
    s.remove('started')
    s.write('main.c', 'main 2\n')
    s.write('both.do', 'redo-ifchange slow\n')
    const run = s.start('redo-ifchange', ['both'])
    await until('the do-file runs', () => s.exists('started'))
    expect(await why(s, 'slow')).toMatchObject({
      result: 'pending',
      chain: [{ cause: { _tag: 'changed', dependency: 'main.c' } }, { change: { _tag: 'content' } }],
      request: { targets: ['both'] },
    })
    expect(await whyNot(s, 'both')).toMatchObject({ _tag: 'underWay', stage: 'waiting', waitsFor: ['slow'] })
    expect(await whyNot(s, 'slow')).toMatchObject({ _tag: 'underWay', stage: 'running' })
    s.write('go', '')
    expect((await run.done).code).toBe(0)
  })

  test('rules of the config are told of as do-files are, and named with their keys', async () => {
    const s = space({
      'package.json': '{"type":"module"}',
      'redford.config.js': `
import { codec as C, defineConfig, file, rule } from 'redford'
const words = rule('words', { key: C.string, value: C.int }, function* (path, b) {
  return (yield* b.need(file(path))).split(/\\s+/).filter(Boolean).length
})
const page = rule('page', { key: C.string, value: C.string }, function* (name, b) {
  return (yield* b.need(file(name + '.md'))) + (yield* b.need(words('gen.txt'))) + '\\n'
})
export default defineConfig({
  rules: [words, page],
  targets: (path) => (path.endsWith('.html') ? page(path.slice(0, -5)) : undefined),
})
`,
      'a.md': 'first',
      'src.txt': 'one two three',
      'gen.txt.do': 'redo-ifchange src.txt\ncat src.txt\n',
    })
    fs.mkdirSync(s.path('node_modules'))
    fs.symlinkSync(process.cwd(), s.path('node_modules/redford'))
    await s.ifchange('a.html')
    s.write('a.md', 'other')
    s.write('src.txt', 'three two one')
    await s.ifchange('a.html')
    expect((await words(s, 'why', 'a.html')).slice(1, 3)).toEqual([
      '  page("a"), by which it is made, changed',
      '    a.md has another content, seen in request 2',
    ])
    expect((await why(s, 'page("a")')).cutoffs).toEqual(['words("gen.txt")'])
    s.write('redford.config.js', `${s.read('redford.config.js')}// changed\n`)
    await s.ifchange('a.html')
    expect((await words(s, 'why', 'words("gen.txt")'))[1]).toBe(
      '  redford.config.js, by which it is made, has another content, seen in request 3',
    )
  })
})

describe('why not', () => {
  test('nothing changed: and what nearly did, a touched file, and one that was made again with the same result', async () => {
    const s = await project()
    s.touch('main.c')
    s.write('version.txt', '1.1\n')
    await s.ifchange('all')
    s.runs()
    expect(await words(s, 'why-not', 'hello')).toEqual([
      'hello is as it was made in request 1: nothing that it depends on changed since',
      '  nearly: main.c was touched, seen in request 2; its content is the same',
      '  nearly: version.h was made again in request 2, with the same result',
    ])
    expect(await words(s, 'why-not', 'version.h')).toEqual([
      'version.h was made in request 2, the last one: see redford why version.h',
    ])
    expect(await words(s, 'why-not', 'greet.c')).toEqual([
      'greet.c is a source: nothing makes it',
      '  it was looked at for the first time in request 1',
    ])
    expect(s.runs()).toEqual([])
  })

  test('nobody asked for it since it is out-of-date: the way to what changed', async () => {
    const s = await project()
    s.write('greet.c', 'hello\n')
    const told = [
      'all is out-of-date, and nobody asked for it since request 1, when it was made, or their request ended before its turn',
      '  hello is out-of-date',
      '    greet.o is out-of-date',
      '      greet.c has another content, seen in request 2',
    ]
    expect(await words(s, 'why-not', 'all')).toEqual(told)
    expect(await words(s, 'why-not', 'main.o')).toEqual([
      'main.o was made in request 1, the last one: see redford why main.o',
    ])
    await s.ifchange('main.o')
    expect(await words(s, 'why-not', 'all')).toEqual(told)
    await s.ifchange('greet.o')
    expect(await whyNot(s, 'all')).toMatchObject({
      _tag: 'notAsked',
      steps: [
        { build: 'all' },
        { build: 'hello', cause: { _tag: 'changed', dependency: 'greet.o' } },
        { _tag: 'made', build: 'greet.o' },
      ],
    })
    s.remove('main.o')
    expect(await words(s, 'why-not', 'main.o')).toEqual([
      'main.o is out-of-date, and nobody asked for it since request 1, when it was made, or their request ended before its turn',
      '  its file is gone, or another than it was',
    ])
  })

  test('asked for by a request that ended before its turn: that nobody asked is not said', async () => {
    const s = space({
      'all.do': 'redo-ifchange src bad late\n',
      'bad.do': 'redo-ifchange src\ngrep -v bad src\n',
      'late.do': 'redo-ifchange bad\ncat bad\n',
      src: 'good\n',
      'new.do': 'echo new\n',
    })
    expect((await s.ifchange('-j1', 'all')).code).toBe(0)
    s.write('src', 'bad\n')
    expect((await s.ifchange('-j1', 'bad', 'new', 'late')).code).toBe(1)
    expect(await words(s, 'why-not', 'late')).toEqual([
      'late is out-of-date, and nobody asked for it since request 1, when it was made, or their request ended before its turn',
      '  bad is broken',
      '    bad was run in request 2, and failed',
    ])
    for (const question of ['why', 'why-not'] as const)
      expect(await words(s, question, 'new')).toEqual([
        'new was never made: it is not there, and nobody asked for it, or their request ended before its turn',
      ])
  })

  test('of what is made again by each build, and came out the same: that nobody asked is not said', async () => {
    const s = space({ 'all.do': 'redo-ifchange now\n', 'now.do': 'redo-always\necho 1\n' })
    await s.ifchange('all')
    const step = ['  now is out-of-date', '    it is always out-of-date (redo-always)']
    await s.ifchange('all')
    expect(await words(s, 'why-not', 'all')).toEqual([
      'all was last made in request 1, and whoever asks for it has it looked at again',
      ...step,
      '  nearly: now was made again in request 2, with the same result',
    ])
    expect(await whyNot(s, 'all')).toMatchObject({ _tag: 'notAsked', nearly: [{ build: 'now', how: 'same' }] })
  })

  test('it is broken, by what and how; it was changed by hand', async () => {
    const s = await project()
    s.write('default.o.do', 'redo-ifchange $2.c\ntest $2 != greet\n')
    await s.ifchange('all')
    expect(await words(s, 'why-not', 'all')).toEqual([
      'all was run in request 2, and failed',
      '  hello <- greet.o: exit 1',
      '  it is run again when it is next asked for',
    ])
    expect(await whyNot(s, 'hello')).toMatchObject({
      _tag: 'broken',
      fault: { path: ['hello', 'greet.o'], error: { _tag: 'exit', code: 1 } },
      isKept: false,
    })
    s.write('version.h', 'mine\n')
    await s.ifchange('version.h')
    expect((await whyNot(s, 'version.h'))._tag).toBe('edited')
  })
})

describe('asked wrongly', () => {
  test('nothing is known of the target: exit 1, with what to do; nothing on standard output', async () => {
    const s = await project()
    for (const question of ['why', 'why-not']) {
      for (const more of [[], ['--json']]) {
        const { code, stdout, stderr } = await s.run('redford', [question, 'helo', ...more])
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
        expect(stderr).toBe(
          'redo  nothing is known of helo: nobody has asked for it yet; run redo-ifchange helo, or see redo-targets for what is known\n',
        )
      }
    }
    // Nor is it known from having been asked about.
    expect((await s.run('redo-targets')).stdout).not.toContain('helo')
    expect((await s.run('redo-sources')).stdout).not.toContain('helo')
  })

  test('no target, two, or what is no option: exit 2', async () => {
    const s = await project()
    for (const args of [[], ['all', 'hello'], ['--what', 'all'], ['']]) {
      const { code, stdout, stderr } = await s.run('redford', ['why', ...args])
      expect({ code, stdout }, args.join(' ')).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/^redo {2}.*\n$/)
    }
    expect((await s.run('redford', ['why', '--help'])).stdout).toContain('usage: redford why [--json] TARGET')
  })

  test('names are those of the folder that is asked from, and bytes that are no text are spelled', async () => {
    const s = await project({ 'sub/x.do': 'redo-ifchange ../main.o\n' }, 'sub/x')
    s.write('main.c', 'main 2\n')
    await s.ifchange('sub/x')
    const { stdout } = await s.run('redford', ['why', 'x'], { cwd: 'sub' })
    expect(stdout.split('\n').slice(1, 3)).toEqual([
      '  ../main.o changed',
      '    ../main.c has another content, seen in request 2',
    ])
    const odd = Buffer.from('o\xffd', 'latin1')
    s.write(Buffer.concat([odd, Buffer.from('.do')]), 'echo 1\n')
    await s.sh('redo-ifchange "$(printf \'o\\377d\')"')
    const asked = await s.sh('redford why "$(printf \'o\\377d\')"')
    expect(asked.stdout).toContain('o\\xffd was made in request 3')
  })
})
