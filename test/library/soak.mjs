/**
 * Runs the laws of the library for as long as it is told: `npm run soak -- --minutes 30`. With `--seed N`, a run that failed begins again.
 * `--builds 6` searches through every schedule of every graph of so many builds, on all cores; `--schedules 1000000` runs so many schedules of
 * one graph of thirty builds, all of which must come to the same state; both to their end, unless `--minutes` is said, too. A search that
 * was ended goes on with `--from`, which its last line names.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

/** Graphs that are searched before the next line is shown. */
const PORTION = 16

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    builds: { type: 'string' },
    from: { type: 'string' },
    schedules: { type: 'string' },
  },
})
const timeLimit = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes) * 60_000
if (values.builds !== undefined) await searchAll(Number(values.builds), Number(values.from ?? 0))
if (values.schedules !== undefined) {
  const { forAllSchedules } = await import('../../dist/testing/index.js')
  const { factory, request } = await import('../bench/thirty.mjs')
  const run = await forAllSchedules(factory, async (eng) => void (await eng.once(request).promise), {
    runs: Number(values.schedules),
    seed: Number(values.seed ?? 1),
    timeLimit,
  })
  console.log(run)
  process.exit(run.ends === 1 ? 0 : 1)
}
const minutes = Number(values.minutes ?? 10)
if (!(minutes > 0)) throw new Error(`--minutes must be a positive number, got ${values.minutes}`)
const seed = values.seed ?? String(Date.now() | 0)
console.log(`${minutes} minutes, seed ${seed}`)
const { status } = spawnSync('npx', ['vitest', 'run', 'test/library/laws.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, SOAK_MINUTES: String(minutes), SEED: seed },
})
process.exit(status ?? 1)

/** @param {number} builds @param {number} from */
async function searchAll(builds, from) {
  if (!(builds >= 1 && builds <= 6)) throw new Error(`--builds must be a number from 1 to 6, got ${values.builds}`)
  if (!(from >= 0)) throw new Error(`--from must be the number of a graph, got ${values.from}`)
  const { Piscina } = await import('piscina')
  const pool = new Piscina({
    filename: new URL('./soak-graphs.mjs', import.meta.url).href,
    maxThreads: availableParallelism(),
  })
  const end = performance.now() + timeLimit
  const sum = { graphs: 0, of: Number.POSITIVE_INFINITY, states: 0, steps: 0, schedules: 0 }
  let begun = from
  /** Ends of portions that were searched before those that were begun earlier. @type {Map<number, number>} */
  const ends = new Map()
  const work = async () => {
    while (begun < sum.of && performance.now() < end) {
      const at = begun
      begun += PORTION
      const { of, ...found } = await pool.run({ builds, from: at, to: at + PORTION })
      sum.of = of
      for (const name of /** @type {const} */ (['graphs', 'states', 'steps', 'schedules'])) sum[name] += found[name]
      ends.set(at, at + PORTION)
      while (ends.has(from)) from = /** @type {number} */ (ends.get(from))
      console.log(
        `${sum.graphs} graphs, ${sum.states} states: no law is broken (of ${of}, all before ${Math.min(from, of)} are done)`,
      )
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  await pool.close()
  console.log(sum)
  if (from < sum.of) console.log(`go on with: npm run soak -- --builds ${builds} --from ${from}`)
  process.exit(0)
}
