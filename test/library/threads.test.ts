/** Actions in worker threads. What runs at the same time is found out by the threads themselves: they meet in a folder. */
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import {
  action,
  type BuildEngine,
  codec as C,
  createEngine,
  Misuse,
  rule,
  source,
  thread,
  describe as wordsOfError,
} from '../../src/index.js'
import { until, useFolder } from '../support/folder.js'

const worker = new URL('./threads-worker.mjs', import.meta.url)
const folder = useFolder()
const open: BuildEngine[] = []
afterEach(async () => {
  for (const eng of open.splice(0)) await eng.close()
})

const place = C.struct({ folder: C.string, name: C.string, of: C.int })
const inThread = (name: string) => action(name, { key: place, value: C.int, pool: 'cpu', run: thread(worker, name) })
const meet = inThread('meet')
const forever = inThread('forever')
const at = (name: string, of = 2) => ({ folder: folder.path, name, of })

const engine = (threads: number): BuildEngine => {
  const eng = createEngine({
    rules: [meet, forever],
    pools: { cpu: { threads } },
  })
  open.push(eng)
  return eng
}

describe('a pool of threads', () => {
  it('runs two at the same time', async () => {
    const eng = engine(2)
    const most = await Promise.all(['a', 'b'].map((name) => eng.once(meet(at(name))).promise))
    expect(Math.max(...most)).toBe(2)
  })

  it('runs no more than its size at the same time', async () => {
    const eng = engine(2)
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const most = await Promise.all(names.map((name) => eng.once(meet(at(name, names.length))).promise))
    expect(Math.max(...most)).toBe(2)
  })

  it('does not hold up the engine', async () => {
    const num = source('num', { key: C.string, value: C.int })
    const eng = createEngine({ rules: [forever, num], pools: { cpu: { threads: 1 } } })
    open.push(eng)
    eng.once(forever(at('a')))
    await until(() => existsSync(folder.at('a')))
    eng.transact((tx) => tx.set(num('x'), 1))
    expect(await eng.once(num('x')).promise).toBe(1)
  })

  it('ends the thread of what nobody wants, and has its room for others once it is gone', async () => {
    const eng = engine(1)
    const request = eng.once(forever(at('a')))
    await until(() => existsSync(folder.at('a')))
    const other = eng.once(meet(at('b', 1)))
    request.cancel()
    expect(await other.promise).toBe(1)
    expect(eng.progress().pending).toEqual([])
  })

  it('makes a rule broken by what was thrown there, with its trace', async () => {
    const fail = inThread('fail')
    const above = rule('above', { key: C.string, value: C.int }, (name, b) => b.first([fail(at(name))]))
    const eng = createEngine({ rules: [fail, above], pools: { cpu: { threads: 1 } } })
    open.push(eng)
    const direct = await eng.once(fail(at('luck'))).either()
    expect(direct).toMatchObject({ left: { _tag: 'threw', message: 'no luck' } })
    expect(direct).toMatchObject({
      left: { trace: expect.stringMatching(/RangeError: no luck\n.*threads-worker\.mjs/) },
    })
    expect(await eng.once(above('luck')).either()).toMatchObject({ left: { _tag: 'noneOf' } })
  })

  it.each([
    ['refuse', /: refused x$/],
    ['leave', /worker exited with code: 3/],
    ['strange', /what strange returns or throws cannot be copied out of its thread/],
    ['missing', /threads-worker\.mjs exports no function missing$/],
  ] as const)('goes on after %s', async (name, words) => {
    const bad = inThread(name)
    const eng = createEngine({ rules: [bad, meet], pools: { cpu: { threads: 1 } } })
    open.push(eng)
    const result = await eng.once(bad(at('x'))).either()
    if (result._tag === 'Right') throw new Error(`it has a value: ${result.right}`)
    expect(wordsOfError(result.left)).toMatch(words)
    expect(await eng.once(meet(at('y', 1))).promise).toBe(1)
  })

  it.each([
    ['wrong.mjs', 'export default ;', /wrong\.mjs, or what it imports: Unexpected token ';'$/],
    ['wrong.cjs', 'exports.default = ;', /wrong\.cjs, or what it imports: Unexpected token ';'$/],
    ['none.mjs', 'export default 3', /none\.mjs has no function as its default export$/],
    ['json.mjs', "export default () => JSON.parse('{;')", /: Expected property name or '}' in JSON/],
    [
      'typed.tsx',
      '',
      /Unknown file extension "\.tsx" for .*: Node [\d.]+ runs no such files: name the one that it is compiled to$/,
    ],
  ] as const)('names the file %s where that cannot be run', async (name, text, words) => {
    writeFileSync(folder.at(name), text)
    const run = thread(pathToFileURL(folder.at(name)))
    const bad = action('bad', { key: C.int, value: C.int, pool: 'cpu', run })
    const eng = createEngine({ rules: [bad], pools: { cpu: { threads: 1 } } })
    open.push(eng)
    const result = await eng.once(bad(1)).either()
    expect(result._tag === 'Left' && wordsOfError(result.left)).toMatch(words)
  })

  it('tells onError what is thrown in one that has no work any more, and goes on', async () => {
    const late = inThread('late')
    const errors: unknown[] = []
    const eng = createEngine({
      rules: [late, meet],
      pools: { cpu: { threads: 1 } },
      onError: (error) => errors.push(error),
    })
    open.push(eng)
    expect(await eng.once(late(at('x'))).promise).toBe(1)
    await until(() => errors.length > 0)
    expect(errors).toMatchObject([{ message: 'too late' }])
    expect(await eng.once(meet(at('y', 1))).promise).toBe(1)
  })

  it('runs the default of a file', async () => {
    const length = action('length', { key: place, value: C.int, pool: 'cpu', run: thread(worker) })
    const eng = createEngine({ rules: [length], pools: { cpu: { threads: 1 } } })
    open.push(eng)
    expect(await eng.once(length(at('four'))).promise).toBe(4)
  })
})

describe('misuse:', () => {
  const key = C.string
  const value = C.int
  it.each([
    [
      'a thread in no pool',
      action('hash', { key, value, run: thread(worker) }),
      'createEngine: action hash runs in a thread: it needs a `pool` that has some, such as pools: { cpu: { threads: 2 } }',
    ],
    [
      'a thread in a pool without threads',
      action('hash', { key, value, pool: 'io', run: thread(worker) }),
      'createEngine: action hash runs in a thread: it needs a `pool` that has some, such as pools: { cpu: { threads: 2 } }',
    ],
    [
      'a function in a pool of threads',
      action('hash', { key, value, pool: 'cpu', run: () => 1 }),
      'createEngine: action hash is of pool cpu, which runs in threads: its `run` must be thread(file, name), or the pool a number',
    ],
  ] as const)('%s', (_, bad, message) => {
    expect(() => createEngine({ rules: [bad], pools: { io: 1, cpu: { threads: 1 } } })).toThrow(new Misuse(message))
  })

  it('no thread at all', () => {
    expect(() => createEngine({ rules: [], pools: { cpu: { threads: 0 } } })).toThrow(
      new Misuse('createEngine: pool cpu: its size must be a positive integer, or { threads: N }, got { threads: 0 }'),
    )
  })

  it.each([['./hash.js'], [new URL('https://example.org/hash.js')], [undefined]])('the file %s', (file) => {
    expect(() => thread(file as URL)).toThrow(/^thread: expected the URL of a file, such as new URL\(/)
  })
})

it('nothing is left after close, though a thread runs: the process ends by itself', () => {
  writeFileSync(
    folder.at('close.mjs'),
    `import { action, codec as C, createEngine, thread } from ${JSON.stringify(join(import.meta.dirname, '../../dist/index.js'))}
     import { existsSync } from 'node:fs'
     const key = C.struct({ folder: C.string, name: C.string })
     const worker = new URL(${JSON.stringify(worker.href)})
     const forever = action('forever', { key, value: C.int, pool: 'cpu', run: thread(worker, 'forever') })
     const eng = createEngine({ rules: [forever], pools: { cpu: { threads: 2 } } })
     for (const name of ['a', 'b']) eng.once(forever({ folder: '.', name }))
     while (!existsSync('a') || !existsSync('b')) await new Promise((resolve) => setTimeout(resolve, 5))
     await eng.close()
     // The ports of a thread that has ended are let go of in a turn of their own. Were anything else left, this would not end.
     while (process.getActiveResourcesInfo().some((name) => /Worker|MessagePort|Timer/.test(name))) await new Promise(setImmediate)
     console.log('nothing')`,
  )
  const { stdout, stderr, status } = spawnSync(process.execPath, ['close.mjs'], {
    cwd: folder.path,
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect({ stdout, stderr, status }).toEqual({ stdout: 'nothing\n', stderr: '', status: 0 })
})
