/**
 * Runs the laws of the library for as long as it is told: `npm run soak -- --minutes 30`. With `--seed N`, a run that failed begins again.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error(`--minutes must be a positive number, got ${values.minutes}`)
const seed = values.seed ?? String(Date.now() | 0)
console.log(`${minutes} minutes, seed ${seed}`)
const { status } = spawnSync('npx', ['vitest', 'run', 'test/library/laws.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, SOAK_MINUTES: String(minutes), SEED: seed },
})
process.exit(status ?? 1)
