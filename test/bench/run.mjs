// npm run bench: Redford beside its peers, on the same work, in the same run. README.md, beside this file, says what each line means.

import { writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { callRows } from './call.mjs'
import { dagRows } from './dag-rows.mjs'
import { fullRows } from './full.mjs'
import { leafRows } from './null.mjs'
import { realRows } from './real.mjs'
import { recordRows } from './record-rows.mjs'
import { diffRows, recordedRows } from './recorded.mjs'
import { line, mark, table } from './report.mjs'
import { scheduleRows } from './schedules.mjs'
import { sliceRows } from './slice.mjs'
import { buildIfStale, closeWorld, openWorld, progress } from './support.mjs'
import { tickRows } from './tick.mjs'

/**
 * A case measures its lines one after the other; a generator gives each as soon as it is known.
 * @typedef {import('./report.mjs').Row} Row
 * @typedef {(world: import('./support.mjs').World) => Iterable<Row> | AsyncIterable<Row>} Case
 */

/** @type {Readonly<Record<string, Case>>} */
const cases = {
  call: callRows,
  full: fullRows,
  'leaf-1k': (world) => leafRows(world, 1_000),
  'leaf-10k': (world) => leafRows(world, 10_000),
  'leaf-100k': (world) => leafRows(world, 100_000),
  tick: tickRows,
  'dag-10k': (world) => dagRows(world, 10_000),
  'dag-100k': (world) => dagRows(world, 100_000),
  'dag-1m': (world) => dagRows(world, 1_000_000),
  slice: sliceRows,
  schedules: scheduleRows,
  record: (world) => recordRows(world, 100_000),
  recorded: recordedRows,
  diff: diffRows,
  real: realRows,
}
/** `real` fetches its sources from Debian, so it runs only when it is asked for. */
const usual = [
  'call',
  'full',
  'leaf-1k',
  'leaf-10k',
  'leaf-100k',
  'tick',
  'dag-10k',
  'dag-100k',
  'dag-1m',
  'slice',
  'record',
  'recorded',
  'diff',
]
const small = ['call', 'full', 'leaf-1k', 'tick', 'dag-10k', 'slice', 'record', 'diff']

const usage = `usage: npm run bench -- [--quick] [--json FILE] [[--only] CASE]...
cases: ${Object.keys(cases).join(' ')}
`

/** @returns {{ chosen: string[], quick: boolean, json: string | undefined } | undefined} undefined: the arguments are wrong */
const parse = (/** @type {readonly string[]} */ args) => {
  const rest = [...args]
  /** @type {string[]} */
  const chosen = []
  let quick = false
  /** @type {string | undefined} */
  let json
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--quick') quick = true
    else if (word === '--json') {
      json = rest.shift()
      if (json === undefined) return undefined
    } else {
      const name = word === '--only' ? rest.shift() : word
      if (name === undefined || !Object.hasOwn(cases, name)) return undefined
      chosen.push(name)
    }
  }
  return { chosen: chosen.length > 0 ? chosen : quick ? small : usual, quick, json }
}

/**
 * Runs the cases; one that fails gives a row that says so, and the next one goes on.
 * @param {import('./support.mjs').World} world
 * @param {readonly string[]} chosen
 */
const measure = async (world, chosen) => {
  /** @type {Row[]} */
  const rows = []
  const add = (/** @type {Row} */ row) => {
    progress(`  ${line(row)}`)
    rows.push(row)
  }
  for (const name of chosen) {
    progress(name)
    try {
      for await (const row of (await cases[name]?.(world)) ?? []) add(row)
    } catch (error) {
      add({ name, unit: '', figures: {}, error: error instanceof Error ? error.message : String(error) })
    }
    // Two turns of the event loop: in the first of them a signal is heard that came while a command was waited for.
    await setImmediate()
    await setImmediate()
    if (interrupted) break
  }
  return rows
}

const main = async () => {
  const options = parse(process.argv.slice(2))
  if (options === undefined) {
    process.stderr.write(usage)
    return 2
  }
  buildIfStale()
  const world = openWorld(options.quick)
  try {
    const rows = await measure(world, options.chosen)
    process.stdout.write(table(rows))
    if (options.json !== undefined)
      writeFileSync(
        options.json,
        `${JSON.stringify(
          rows.map((row) => ({ ...row, mark: mark(row) })),
          null,
          2,
        )}\n`,
      )
    return interrupted ? 130 : rows.some((row) => mark(row) === 'FAIL') ? 1 : 0
  } finally {
    closeWorld(world)
  }
}

// Ctrl-C ends the command that is waited for as well, so the case fails, and the daemons are stopped and the folder is removed.
let interrupted = false
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => {
    interrupted = true
  })
process.exitCode = await main()
