/** Compiles `types.ts` without its directives: it must have exactly the errors that they announce, each of its kind. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))
const text = readFileSync(new URL('types.ts', import.meta.url), 'utf8')
const DIRECTIVE = /^ *\/\/ @ts-expect-error (\d+)$/

/** `LINE TSnumber`, by rising line. */
const errorsOf = (source: string): readonly string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'redford-types-'))
  try {
    writeFileSync(join(folder, 'types.ts'), source.replaceAll("'../../src/", `'${project}src/`))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const paths = {
      'fp-ts/*': [`${project}node_modules/fp-ts/*`],
      redford: [`${project}src/index.ts`],
      'redford/lab': [`${project}src/lab/index.ts`],
    }
    const compilerOptions = { paths, typeRoots: [`${project}node_modules/@types`] }
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(project, 'tsconfig.json'), compilerOptions, include: ['types.ts'] }),
    )
    const { stdout } = spawnSync(join(project, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    })
    return stdout.split('\n').flatMap((line) => {
      const found = /^(\S+)\((\d+),\d+\): error TS(\d+)/.exec(line)
      if (found === null) return line.includes('error TS') ? [line] : []
      return [found[1] === 'types.ts' ? `${found[2]} TS${found[3]}` : line]
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

it('what makes no sense does not compile, and the rest does', () => {
  const lines = text.split('\n')
  const announced = lines.flatMap((line, i) => {
    const found = DIRECTIVE.exec(line)
    return found === null ? [] : [`${i + 2} TS${found[1]}`]
  })
  expect(announced.length).toBeGreaterThan(20)
  expect(errorsOf(lines.map((line) => (DIRECTIVE.test(line) ? '' : line)).join('\n'))).toEqual(announced)
})

it('programs that emit declarations can name all that exported functions take and give', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'redford-types-'))
  try {
    const [main, testing, lab] = await Promise.all(
      ['index', 'testing/index', 'lab/index'].map((name) => import(`${project}dist/${name}.js`)),
    )
    const methods = [
      ...['verify', 'stateAt', 'diff', 'firstTick', 'fork', 'why', 'whyNot'].map(
        (name) => `main.Replay.prototype.${name}`,
      ),
      ...['once', 'live', 'transact', 'progress', 'why', 'whyNot'].map(
        (name) => `(null as unknown as main.BuildEngine).${name}`,
      ),
    ]
    const functionsOf = (whole: object, path = ''): readonly string[] =>
      Object.entries(whole).flatMap(([name, part]) => {
        if (['codec', 'policies', 'matchers'].includes(name)) return functionsOf(part, `${name}.`)
        return typeof part === 'function' && name !== 'default' ? [`${path}${name}`] : []
      })
    const exported = [
      ...functionsOf(main).map((name) => `main.${name}`),
      ...functionsOf(testing).map((name) => `testing.${name}`),
      ...functionsOf(lab).map((name) => `lab.${name}`),
      ...methods,
      'main.codec.struct({})',
    ]
    expect(exported.length).toBeGreaterThan(120)
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(project, join(folder, 'node_modules/redford'))
    for (const name of ['fp-ts', '@types'])
      symlinkSync(join(project, 'node_modules', name), join(folder, 'node_modules', name))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(
      join(folder, 'all.ts'),
      `import * as main from 'redford'\nimport * as testing from 'redford/testing'\nimport * as lab from 'redford/lab'\n${exported.map((name, i) => `export const e${i} = ${name}`).join('\n')}`,
    )
    const options =
      '--declaration --emitDeclarationOnly --outDir out --strict --module nodenext --target es2023 --types node --pretty false'
    const { stdout } = spawnSync(join(project, 'node_modules/.bin/tsc'), [...options.split(' '), 'all.ts'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const page = (name: string): string => readFileSync(join(project, name), 'utf8')
const programsIn = (text: string): readonly string[] =>
  [...text.matchAll(/```[tj]s\n([\s\S]*?)```/g)].flatMap(([, code]) => (code!.includes("from 'redford") ? [code!] : []))

it.each([
  ['README.md', 2, programsIn],
  ['docs/library.md', 1, programsIn],
  ['docs/lab.md', 3, programsIn],
  // One program, told of in parts.
  [
    'docs/replay.md',
    1,
    (text: string) => [[...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code).join('')],
  ],
] as const)('%s: what it shows compiles', (name, count, programs) => {
  const sources = programs(page(name))
  expect(sources.length).toBe(count)
  for (const source of sources) expect([source, errorsOf(source)]).toEqual([source, []])
})
