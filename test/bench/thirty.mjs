// One graph of thirty builds, ten rows of three, each needs up to three of the row before; the last row is asked for: for the library, and as promises for fast-check.
import fc from 'fast-check'
import { codec as C, createEngine, rule } from '../../dist/index.js'

const WIDTH = 3
export const needs = Array.from({ length: 30 }, (_, i) => {
  const row = Math.floor(i / WIDTH) - 1
  if (row < 0) return []
  const above = [i * 5, i * 7 + 1, i * 2 + 1].map((n) => row * WIDTH + (n % WIDTH))
  return [...new Set(above)]
})
/** All else is needed by one of these. */
const lastRow = needs.map((_, i) => i).slice(-WIDTH)
const numberOf = (/** @type {number} */ i, /** @type {readonly number[]} */ values) =>
  values.reduce((sum, value) => (sum * 7 + value) % 97, i)

const build = rule('build', { key: C.int, value: C.int }, function* (i, b) {
  return numberOf(i, yield* b.all(needs[i].map((n) => build(n))))
})
const all = rule.static('all', {
  key: C.int,
  value: C.array(C.int),
  deps: () => lastRow.map((i) => build(i)),
  make: (values) => values,
})
/** @type {import('../../dist/testing/index.js').EngineFactory} */
export const factory = (options) => createEngine({ rules: [build, all], ...options })
export const request = all(0)

/** The same by promises, each of which waits for the scheduler; how many runs. */
export const byPromises = async (/** @type {number} */ runs) => {
  /** @type {string | undefined} */
  let first
  let count = 0
  const property = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    /** @type {Map<number, Promise<number>>} */
    const known = new Map()
    const get = (/** @type {number} */ i) => {
      const found = known.get(i)
      if (found !== undefined) return found
      const made = (async () => {
        const values = await Promise.all(needs[i].map(get))
        return scheduler.schedule(Promise.resolve(numberOf(i, values)), String(i))
      })()
      known.set(i, made)
      return made
    }
    const text = JSON.stringify(await scheduler.waitFor(Promise.all(lastRow.map(get))))
    first ??= text
    if (text !== first) throw new Error('another result')
    count++
  })
  await fc.assert(property, { numRuns: runs })
  return count
}
