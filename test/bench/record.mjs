// What recording costs, and replay: the random graph of the `dag` case, built and closed, with and without a recording, in turns, in one
// process; then the recording is verified. The library alone: what `redo --record` costs is in the case `full`.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from './support.mjs'

const LEAVES = 0.15
const PAIRS = 31

const graphOf = (/** @type {number} */ n) => {
  let seed = 42
  const random = (/** @type {number} */ below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return (seed >>> 0) % below
  }
  const leaves = Math.floor(n * LEAVES)
  const isNeeded = new Uint8Array(n)
  const deps = Int32Array.from({ length: n * 3 }, (_, e) => {
    if (e < leaves * 3) return 0
    const d = random(Math.floor(e / 3))
    isNeeded[d] = 1
    return d
  })
  const ends = Array.from({ length: n - leaves }, (_, i) => i + leaves).filter((i) => isNeeded[i] === 0)
  return { leaves, deps, ends }
}

/**
 * @param {import('./support.mjs').World} world
 * @param {number} n
 * @returns {AsyncGenerator<import('./report.mjs').Row>}
 */
export async function* recordRows(world, n) {
  const { codec, createEngine, replay, rule, source } = await import('../../dist/index.js')
  const { leaves, deps, ends } = graphOf(n)
  const leaf = source('leaf', { key: codec.int, value: codec.int })
  const node = rule.static('node', {
    key: codec.int,
    value: codec.int,
    deps: (i) => [at(deps[i * 3]), at(deps[i * 3 + 1]), at(deps[i * 3 + 2])],
    make: ([x, y, z]) => (x + y + z) | 0,
  })
  const rules = [leaf, node]
  const at = (/** @type {number} */ i) => (i < leaves ? leaf(i) : node(i))
  const folder = mkdtempSync(join(tmpdir(), 'redford-bench-'))
  const path = join(folder, 'bench.rec')
  /** Milliseconds until all is built, written and closed. */
  const build = async (/** @type {boolean} */ record) => {
    // To take the place of a large file costs more than to make a new one.
    if (record) rmSync(path, { force: true })
    globalThis.gc?.()
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
  try {
    /** @type {Record<string, number[]>} */
    const times = { redford: [], plain: [], verify: [], reexecute: [] }
    for (let round = world.quick ? -1 : -2; round < (world.quick ? 3 : PAIRS); round++) {
      // Each pair is begun by the other; the first ones warm up.
      for (const record of round % 2 === 0 ? [true, false] : [false, true]) {
        const ms = await build(record)
        if (round >= 0) times[record ? 'redford' : 'plain'].push(ms)
      }
    }
    const medians = Object.fromEntries(['redford', 'plain'].map((who) => [who, median(times[who])]))
    yield {
      name: `recording: first build, ${n}`,
      unit: 'ms',
      figures: medians,
      // What is to be told is small beside what one build and the next differ by: those of a pair were made one after the other.
      value: median(times.redford.map((ms, i) => ms / times.plain[i])),
      against: 'plain',
      goal: 1.05,
      bound: 1.1,
      note: `the middle one of ${times.plain.length} pairs`,
    }
    const bytes = statSync(path).size / n
    yield {
      name: `recording: size, ${n}`,
      unit: 'bytes',
      figures: { 'a build': bytes },
      value: bytes,
      goal: 100,
      bound: 200,
    }
    for (const mode of ['receipts', 'reexecute'])
      for (let round = 0; round < (world.quick ? 3 : 5); round++) {
        const recording = replay(path, { rules })
        const begun = performance.now()
        const found = recording.verify({ mode })
        times[mode === 'receipts' ? 'verify' : 'reexecute'].push(performance.now() - begun)
        recording.close()
        if (found._tag !== 'agrees') throw new Error(`the recording does not verify: ${JSON.stringify(found)}`)
      }
    const verify = median(times.verify)
    yield {
      name: `recording: verified, ${n}`,
      unit: 'ms',
      figures: { receipts: verify, reexecute: median(times.reexecute) },
      value: verify,
      goal: 1000,
      bound: 2000,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
