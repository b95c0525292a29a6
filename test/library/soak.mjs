/**
 * Runs the laws of the library for as long as it is told: `npm run soak -- --minutes 30`. With `--seed N`, a run that failed begins again.
 * `--builds 6` searches through every schedule of every graph of so many builds; `--schedules 1000000` plays so many schedules of one graph of
 * thirty builds, all of which must come to the same state.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    builds: { type: 'string' },
    schedules: { type: 'string' },
  },
})
if (values.builds !== undefined) {
  const { sweep } = await import('../../dist/testing/index.js')
  console.log(await sweep(Number(values.builds), { faults: ['fail', 'cancel', 'sweep', 'wipe', 'touch'] }))
  process.exit(0)
}
if (values.schedules !== undefined) {
  const { sample } = await import('../../dist/testing/index.js')
  const { factory, request } = await import('../bench/thirty.mjs')
  const seed = Number(values.seed ?? 1)
  const sampled = await sample(factory, [{ once: request }], {
    schedules: Number(values.schedules),
    choices: 'singles',
    seed,
  })
  console.log(sampled)
  process.exit(sampled.ends === 1 ? 0 : 1)
}
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error(`--minutes must be a positive number, got ${values.minutes}`)
const seed = values.seed ?? String(Date.now() | 0)
console.log(`${minutes} minutes, seed ${seed}`)
const { status } = spawnSync('npx', ['vitest', 'run', 'test/library/laws.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, SOAK_MINUTES: String(minutes), SEED: seed },
})
process.exit(status ?? 1)
