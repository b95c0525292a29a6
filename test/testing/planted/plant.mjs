/**
 * Plants bugs of `bugs.mjs` into copies of the compiled engine, and looks for each by the kit itself. `npm run planted` does so for all of
 * them, and writes `docs/planted-bugs.md`.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bugs } from './bugs.mjs'

const project = fileURLToPath(new URL('../../..', import.meta.url))
const rooms = ['engine.js', 'finalize', 'library', 'make', 'model', 'reduce', 'replay', 'store', 'testing']
const SCHEDULES = 10_000
const LIMIT_MS = 600_000

/** @typedef {import('./bugs.mjs').Bug} Bug */
/** @typedef {{ schedules: number, why: string, builds: number, plans: readonly unknown[], steps: readonly unknown[] }} Found */

/** What is wrong with where a bug is to be planted; undefined: it fits. */
export const misfit = (/** @type {Bug} */ { id, file, find }) => {
  const times = readFileSync(join(project, 'dist', file), 'utf8').split(find).length - 1
  return times === 1 ? undefined : `${id}: ${file} holds its text ${times} times`
}

/** @returns {Promise<Found | undefined>} */
export const huntFor = async (/** @type {Bug} */ bug) => {
  const wrong = misfit(bug)
  if (wrong !== undefined) throw new Error(wrong)
  // Inside of the project, where packages are found.
  const folder = mkdtempSync(join(project, 'node_modules', '.planted-'))
  try {
    for (const room of rooms) cpSync(join(project, 'dist', room), join(folder, 'dist', room), { recursive: true })
    cpSync(join(project, 'package.json'), join(folder, 'package.json'))
    const path = join(folder, 'dist', bug.file)
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(bug.find, () => bug.put),
    )
    const script = `const { hunt } = await import(${JSON.stringify(join(folder, 'dist/testing/hunt.js'))})
      console.log(JSON.stringify(hunt({ schedules: ${SCHEDULES} }) ?? null))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    let text = ''
    for await (const chunk of child.stdout) text += chunk
    return JSON.parse(text === '' ? 'null' : text) ?? undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const row = (/** @type {Bug} */ { what, file }, /** @type {Found | undefined} */ found) => {
  const where = `\`src/${file.replace(/\.js$/, '.ts')}\``
  if (found === undefined) return `| ${what} | ${where} | **not found** | | |`
  const why = found.why.split('\n')[0].replaceAll('|', '\\|')
  return `| ${what} | ${where} | ${found.schedules} | ${found.builds} | ${why} |`
}

const head = `# Planted bugs

Each line is a bug that was planted into the engine, one at a time, and looked for with what \`redford/testing\` offers: random graphs of up to four
rules, scripts and schedules, and the laws. *Schedules* says how many were played until one broke a law, *builds* how many
rules, sources and actions are left in the smallest one that still does. \`npm run planted\` makes this table
([the bugs](../test/testing/planted/bugs.mjs)); a sample of it is looked for in every test run.

| planted | in | schedules | builds | how it showed |
|---|---|---:|---:|---|
`

const main = async () => {
  const only = process.argv.slice(2)
  const chosen = only.length === 0 ? bugs : bugs.filter(({ id }) => only.includes(id))
  const rows = new Map()
  let missed = 0
  const left = [...chosen]
  const work = async () => {
    for (let bug = left.shift(); bug !== undefined; bug = left.shift()) {
      const found = await huntFor(bug)
      if (found === undefined) missed++
      rows.set(bug.id, row(bug, found))
      console.log(
        `${bug.id}: ${found === undefined ? 'NOT FOUND' : `${found.schedules} schedules, ${found.builds} builds`}`,
      )
      if (only.length > 0) console.log(JSON.stringify(found))
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  if (only.length === 0)
    writeFileSync(join(project, 'docs/planted-bugs.md'), `${head}${chosen.map(({ id }) => rows.get(id)).join('\n')}\n`)
  process.exitCode = missed === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
