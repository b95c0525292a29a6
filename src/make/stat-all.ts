/** Bulk stat without a forkserver: one run of the C program, for a run without daemon that has all its paths at once. */
import { spawnSync } from 'node:child_process'
import { wordsOf } from './forkserver-messages.js'

/** From how many files on it pays. */
export const BULK_MIN = 2000

/**
 * Looks at all `paths` (each with a NUL behind it) on two threads, and waits for it. Four words a path, as
 * `Spawner.stat`. Starting the program takes 2 ms, `look` 4 µs a path.
 */
export const statAllSync = (program: string, paths: Buffer): Int32Array => {
  if (paths.length === 0) return new Int32Array(0)
  const run = spawnSync(program, ['--stat'], {
    input: paths,
    stdio: ['pipe', 'pipe', 'inherit'],
    maxBuffer: Number.POSITIVE_INFINITY,
  })
  if (run.error !== undefined) throw run.error
  if (run.status !== 0) throw new Error(`${program} --stat: ${run.signal ?? `exit ${run.status}`}`)
  return wordsOf(run.stdout)
}
