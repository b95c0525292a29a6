// What recording costs, and replay: `record.mjs` is run in several processes, one after the other; then the last recording is verified. The
// library alone: what `redo --record` costs is in the case `recorded`.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './support.mjs'

const script = fileURLToPath(new URL('record.mjs', import.meta.url))
const PROCESSES = 7
const PAIRS = 25

/** The middle of the three least. */
const least = (/** @type {readonly number[]} */ times) => [...times].sort((a, b) => a - b)[1] ?? Number.NaN

/** @returns {{ recorded: number[], plain: number[] }} the milliseconds of each build */
const take = (/** @type {string} */ path, /** @type {number} */ n, /** @type {number} */ pairs) => {
  const args = [script, path, String(n), String(pairs)]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`record.mjs failed:\n${stderr}`)
  return JSON.parse(stdout)
}

/**
 * @param {import('./support.mjs').World} world
 * @param {number} n
 * @returns {AsyncGenerator<import('./report.mjs').Row>}
 */
export async function* recordRows(world, n) {
  const { replay } = await import('../../dist/index.js')
  const { caseOf } = await import('./record.mjs')
  const folder = mkdtempSync(join(tmpdir(), 'redford-bench-'))
  const path = join(folder, 'bench.rec')
  try {
    const taken = Array.from({ length: world.quick ? 3 : PROCESSES }, () => take(path, n, world.quick ? 5 : PAIRS))
    // What is to be told is small beside what one build and the next differ by, as garbage is collected or new memory is given to either: that comes on
    // top, so the quickest builds have least of it. In each process V8 compiles another part of the code at another time, so there are several.
    const ratios = taken.map(({ recorded, plain }) => least(recorded) / least(plain))
    const ofAll = median(taken.flatMap(({ recorded }) => recorded)) / median(taken.flatMap(({ plain }) => plain))
    yield {
      name: `recording: first build, ${n}`,
      unit: 'ms',
      figures: {
        redford: median(taken.map(({ recorded }) => least(recorded))),
        plain: median(taken.map(({ plain }) => least(plain))),
      },
      value: median(ratios),
      against: 'plain',
      goal: 1.05,
      bound: 1.1,
      note: `of ${ratios.length} processes: ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}; of all builds, the middle ones: ${ofAll.toFixed(2)}x`,
    }
    const bytes = statSync(path).size / n
    yield {
      name: `recording: size, ${n}`,
      unit: 'bytes',
      figures: { 'a build': bytes },
      value: bytes,
      goal: 100,
      bound: 200,
    }
    const { rules } = caseOf(n)
    /** @type {{ receipts: number[], reexecute: number[] }} */
    const times = { receipts: [], reexecute: [] }
    for (const mode of /** @type {const} */ (['receipts', 'reexecute']))
      for (let round = 0; round < (world.quick ? 3 : 5); round++) {
        const recording = replay(path, { rules })
        const begun = performance.now()
        const found = recording.verify({ mode })
        times[mode].push(performance.now() - begun)
        recording.close()
        if (found._tag !== 'agrees') throw new Error(`the recording does not verify: ${JSON.stringify(found)}`)
      }
    const verify = median(times.receipts)
    yield {
      name: `recording: verified, ${n}`,
      unit: 'ms',
      figures: { receipts: verify, reexecute: median(times.reexecute) },
      value: verify,
      goal: 1000,
      bound: 2000,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
