// The graph of `graph.mjs`, built and closed, with and without a recording, in turns. Run as `node record.mjs PATH N PAIRS`, it
// leaves the last recording at PATH and prints the milliseconds of each build as JSON.
import { rmSync } from 'node:fs'
import { argv } from 'node:process'
import { codec, createEngine, rule, source } from '../../dist/index.js'
import { randomGraph } from './graph.mjs'

const WARM_UP = 2

/** The graph as sources and rules. */
export const caseOf = (/** @type {number} */ n) => {
  const { leaves, deps, ends } = randomGraph(n)
  const leaf = source('leaf', { key: codec.int, value: codec.int })
  const node = rule.static('node', {
    key: codec.int,
    value: codec.int,
    deps: (i) => [at(deps[i * 3]), at(deps[i * 3 + 1]), at(deps[i * 3 + 2])],
    make: ([x, y, z]) => (x + y + z) | 0,
  })
  const at = (/** @type {number} */ i) => (i < leaves ? leaf(i) : node(i))
  return { rules: [leaf, node], leaf, at, leaves, ends }
}

const main = async (/** @type {string} */ path, /** @type {number} */ n, /** @type {number} */ pairs) => {
  const { rules, leaf, at, leaves, ends } = caseOf(n)
  /** Milliseconds until all is built, written and closed. */
  const build = async (/** @type {boolean} */ record) => {
    // To take the place of a large file costs more than to make a new one.
    if (record) rmSync(path, { force: true })
    const begun = performance.now()
    const eng = createEngine({ rules, drive: 'manual', record: record ? path : false })
    eng.transact((tx) => {
      for (let i = 0; i < leaves; i++) tx.set(leaf(i), i)
    })
    let told = 0
    for (const i of ends) eng.live(at(i)).subscribe(() => told++)
    eng.settle()
    await eng.close()
    if (told !== ends.length) throw new Error(`${told} of ${ends.length} were told`)
    return performance.now() - begun
  }
  /** @type {{ recorded: number[], plain: number[] }} */
  const times = { recorded: [], plain: [] }
  for (let round = -WARM_UP; round < pairs; round++) {
    // Each pair is begun by the other; the first ones warm up.
    for (const record of round % 2 === 0 ? [true, false] : [false, true]) {
      const ms = await build(record)
      if (round >= 0) times[record ? 'recorded' : 'plain'].push(ms)
    }
  }
  process.stdout.write(JSON.stringify(times))
}

if (argv[1] === import.meta.filename) await main(argv[2] ?? '', Number(argv[3]), Number(argv[4]))
