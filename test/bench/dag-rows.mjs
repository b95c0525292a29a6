// The library beside signals, on one random graph of integer functions: `dag.mjs` is run once for each contender and round.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from './support.mjs'

const script = fileURLToPath(new URL('dag.mjs', import.meta.url))
const contenders = ['redford', 'redford generators', 'alien-signals', 'preact', 'mobx', 'floor']
const HEAP_MB = 8000

/** @typedef {{ firstMs: number, againMs: number | undefined, leafMs: number, percentMs: number, bytes: number, checksum: number }} Taken */

/** @returns {Taken} */
const take = (/** @type {string} */ contender, /** @type {number} */ n) => {
  const args = ['--expose-gc', `--max-old-space-size=${HEAP_MB}`, script, contender, String(n)]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 24 })
  if (status !== 0) throw new Error(`${contender} failed:\n${stderr}`)
  return JSON.parse(stdout)
}

/**
 * @param {import('./support.mjs').World} world
 * @param {number} n
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* dagRows(world, n) {
  const rounds = world.quick ? 3 : 5
  /** @type {Map<string, Taken[]>} */
  const taken = new Map(contenders.map((contender) => [contender, []]))
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      // Each round is begun by another.
      const contender = contenders[(i + round) % contenders.length]
      taken.get(contender).push(take(contender, n))
    }
  }
  const [first] = taken.get('floor')
  for (const [contender, all] of taken)
    for (const { checksum } of all)
      if (checksum !== first.checksum) throw new Error(`${contender} tells other results than the floor`)
  const figures = (/** @type {keyof Taken} */ what) =>
    Object.fromEntries(contenders.map((contender) => [contender, median(taken.get(contender).map((t) => t[what]))]))
  const row = (name, unit, what, against, limits) => {
    const all = figures(what)
    return { name: `${name}, ${n}`, unit, figures: all, value: all.redford / all[against], against, ...limits }
  }
  const isLargest = n === 1_000_000
  yield row('graph: first build', 'ms', 'firstMs', 'mobx', isLargest ? { goal: 0.5, bound: 1 } : {})
  if (first.againMs !== undefined) yield row('graph: built again', 'ms', 'againMs', 'mobx', {})
  yield row('graph: one leaf changed', 'ms', 'leafMs', 'alien-signals', isLargest ? { goal: 2, bound: 5 } : {})
  yield row('graph: 1 % of the leaves changed', 'ms', 'percentMs', 'alien-signals', {})
  const bytes = figures('bytes')
  yield {
    name: `graph: memory of a build, ${n}`,
    unit: 'bytes',
    figures: bytes,
    value: bytes.redford,
    goal: 1000,
    bound: 2000,
  }
}
