/**
 * How far properties look. Each run of the suite looks at the same samples, so that one commit has one verdict, anywhere; new ones are
 * looked at where that is asked for: `SEED=random RUNS_TIMES=20 npx vitest run test/property`. A failure prints its seed and path.
 */
import fc from 'fast-check'

const { SEED = '1', RUNS_TIMES = '1' } = process.env

/** For every run of vitest, before its tests. */
export const useSeed = (): void => {
  // With none, properties would hold of nothing; with half a run, they would never end.
  if (!(Number.isInteger(Number(RUNS_TIMES)) && Number(RUNS_TIMES) > 0))
    throw new Error(`RUNS_TIMES must be a whole number from 1 on, got '${RUNS_TIMES}'`)
  if (SEED === 'random') return
  const seed = Number(SEED)
  if (!Number.isInteger(seed)) throw new Error(`SEED must be an integer or random, got ${SEED}`)
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
}

export const runs = (numRuns: number): { numRuns: number } => ({ numRuns: numRuns * Number(RUNS_TIMES) })
