/**
 * Runs the laws of the library for as long as it is told: `npm run soak -- --minutes 30`. With `--seed N`, a run that failed begins again.
 * `--builds 6` searches through every schedule of every graph of so many builds, `--schedules 1000000` runs so many schedules of one graph of
 * thirty builds, all of which must come to the same state; both to their end, unless `--minutes` is said, too.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    builds: { type: 'string' },
    schedules: { type: 'string' },
  },
})
const timeLimit = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes) * 60_000
if (values.builds !== undefined) {
  const { sweep } = await import('../../dist/testing/index.js')
  const faults = /** @type {const} */ (['fail', 'cancel', 'sweep', 'wipe', 'touch'])
  console.log(await sweep(Number(values.builds), { faults, timeLimit }))
  process.exit(0)
}
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
