/** Holds the sources to the room table of `support/tidy.ts`, and shows on planted sources that each rule can fail. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { breaches, importsOf, lineCountMax, outlineOf, type Sources } from './support/tidy.js'

const project = fileURLToPath(new URL('..', import.meta.url))

const readSources = (): Sources =>
  new Map(
    readdirSync(join(project, 'src'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(project, path).split(sep).join('/'), readFileSync(path, 'utf8')]),
  )

describe('the sources', () => {
  const sources = readSources()

  it('are found: every room of the engine has a file', () => {
    const found = new Set([...sources.keys()].map((path) => path.split('/')[1]))
    expect([...found]).toEqual(
      expect.arrayContaining(['model', 'reduce', 'make', 'finalize', 'store', 'engine.ts', 'redo', 'cli', 'index.ts']),
    )
  })

  it('keep to the room table', () => {
    expect(breaches(sources)).toEqual([])
  })
})

describe('a planted source is refused', () => {
  const planted: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    [
      'a room that imports another room',
      { 'src/make/scan.ts': "import { reduce } from '../reduce/reduce.js'" },
      'src/make/scan.ts: make may not import reduce',
    ],
    [
      'a room that imports the engine, as a type',
      { 'src/model/state.ts': "import type { Engine } from '../engine.js'" },
      'src/model/state.ts: model may not import engine',
    ],
    [
      'the redo face that imports the command line',
      { 'src/redo/daemon.ts': "export * from '../cli/words.js'" },
      'src/redo/daemon.ts: redo may not import cli',
    ],
    [
      'a package that is not named for the room',
      { 'src/model/state.ts': "import { produce } from 'immer'" },
      'src/model/state.ts: model may not import immer',
    ],
    [
      'a package named `@scope/name`',
      { 'src/store/load.ts': "import x from '@scope/name/lib/x.js'" },
      'src/store/load.ts: store may not import @scope/name/lib/x.js',
    ],
    [
      'node in a pure room, imported dynamically',
      { 'src/finalize/finalize.ts': "const fs = import('node:fs')" },
      'src/finalize/finalize.ts: finalize may not import node:fs',
    ],
    [
      'fp-ts without lib and extension',
      { 'src/make/make.ts': "import * as E from 'fp-ts/Either'" },
      'src/make/make.ts: imports fp-ts/Either, not fp-ts/lib/Name.js',
    ],
    [
      'an import from outside src',
      { 'src/cli/main.ts': "import x from '../../package.json'" },
      'src/cli/main.ts: imports ../../package.json, outside src',
    ],
    ['a file in no room', { 'src/utils/misc.ts': '' }, 'src/utils/misc.ts: lies in no room'],
    ['a clock', { 'src/reduce/a.ts': 'const now = Date.now()' }, 'src/reduce/a.ts: says Date'],
    [
      'a clock inside a template',
      { 'src/reduce/a.ts': 'const s = `${{ a: performance.now() }.a}`' },
      'src/reduce/a.ts: says performance',
    ],
    ['randomness', { 'src/model/a.ts': 'Math.random()' }, 'src/model/a.ts: says Math.random'],
    ['the environment', { 'src/finalize/a.ts': 'process.env.X' }, 'src/finalize/a.ts: says process'],
    ['waiting', { 'src/reduce/a.ts': 'const f = async () => 1' }, 'src/reduce/a.ts: says async'],
    [
      'an order that depends on the locale',
      { 'src/reduce/a.ts': 'a.sort((x, y) => x.localeCompare(y))' },
      'src/reduce/a.ts: says localeCompare',
    ],
    [
      'two files that import each other through a third',
      {
        'src/model/c.ts': "import './a.js'",
        'src/model/a.ts': "import './deep/b.js'",
        'src/model/deep/b.ts': "import '../c.js'",
      },
      'src/model/a.ts: imports itself: src/model/a.ts -> src/model/deep/b.ts -> src/model/c.ts -> src/model/a.ts',
    ],
    [
      'a file that is too long',
      { 'src/model/a.ts': '\n'.repeat(lineCountMax + 1) },
      `src/model/a.ts: has ${lineCountMax + 1} lines`,
    ],
  ]

  it.each(planted)('%s', (_name, sources, breach) => {
    expect(breaches(new Map(Object.entries(sources)))).toEqual([breach])
  })

  it('unless it is allowed to be long, and no entry of that list is idle', () => {
    const long: Sources = new Map([['src/model/a.ts', '\n'.repeat(lineCountMax + 1)]])
    const short: Sources = new Map([['src/model/a.ts', '']])
    expect(breaches(long, ['src/model/a.ts'])).toEqual([])
    expect(breaches(short, ['src/model/a.ts'])).toEqual(['src/model/a.ts: need not be allowed to be long'])
  })
})

describe('a good source passes', () => {
  it('with imports the table allows', () => {
    const sources = {
      'src/model/state.ts': "import * as O from 'fp-ts/lib/Option.js'\nimport './ids.js'",
      'src/model/ids.ts': '',
      'src/make/make.ts': "import { stat } from 'node:fs/promises'\nimport type { State } from '../model/state.js'",
      'src/engine.ts': "import { make } from './make/make.js'",
      'src/cli/main.ts': "import { make } from '../make/make.js'\nimport { createEngine } from '../engine.js'",
    }
    expect(breaches(new Map(Object.entries(sources)))).toEqual([])
  })

  it('when only its comments and texts speak of clocks and processes', () => {
    const text = [
      '// A Date is not kept here; a running process is outside.',
      "const a = 'async', b = \"it's a process\", c = `Date ${b /* performance */} process`",
      'const d = x.replace(/["\'`] Date/g, 1 / 2)',
      "const process_ = { _tag: 'process' }",
    ].join('\n')
    expect(breaches(new Map([['src/reduce/a.ts', text]]))).toEqual([])
  })
})

describe('the scanner', () => {
  it('blanks comments and texts and keeps every position', () => {
    expect(outlineOf("a('b') // c\nd /* e */ `f${g}h`")).toBe("a(' ')     \nd         `  {g} `")
  })

  it('finds imports however they are written, and none in comments or texts', () => {
    const text = [
      "import a, { type B } from 'a'",
      "import 'b'",
      'export {\n  c,\n} from "c"',
      "const d = await import('d')",
      "let e: import('e').E",
      "// import x from 'x'",
      'const f = "import x from \'x\'"',
      "const g = Array.from('x')",
      "const h = require('h')",
    ].join('\n')
    expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'h'])
  })
})
