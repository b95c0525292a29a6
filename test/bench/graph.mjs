// The random graph of the cases `dag` and `record`, the same in each run: of n nodes the first 15 % are leaves, and each other one needs three
// random ones before it.

const LEAVES = 0.15

/**
 * `deps`: of node i those from 3 i on. `ends`: what nobody needs. `random`: goes on from where the graph ended; from 0 on, below its limit.
 * @param {number} n
 */
export const randomGraph = (n) => {
  let seed = 42
  const random = (/** @type {number} */ below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return (seed >>> 0) % below
  }
  const leaves = Math.floor(n * LEAVES)
  const deps = new Int32Array(n * 3)
  const isNeeded = new Uint8Array(n)
  for (let i = leaves; i < n; i++)
    for (let j = 0; j < 3; j++) {
      const d = random(i)
      deps[i * 3 + j] = d
      isNeeded[d] = 1
    }
  /** @type {number[]} */
  const ends = []
  for (let i = leaves; i < n; i++) if (isNeeded[i] === 0) ends.push(i)
  return { leaves, deps, isNeeded, ends, random }
}
