// What a store costs a library's engine: to open 100,000 results, to ask for one and for all, and to commit a tick that changes one.
// Run by itself: node test/bench/store.mjs
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codec as C, createEngine, rule, source, sqliteStore } from '../../dist/index.js'

const N = 100_000

const median = (/** @type {number[]} */ values) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
const timed = (/** @type {() => unknown} */ act) => {
  const begun = performance.now()
  act()
  return performance.now() - begun
}

/** A leaf, and `N` rules on it and on each other; each results in a number, or in a text that has to be kept apart. */
const world = (/** @type {boolean} */ isText) => {
  let makes = 0
  const leaf = source('leaf', { key: C.int, value: C.int })
  const node = rule('node', { key: C.int, value: isText ? C.string : C.int }, function* (n, b) {
    makes++
    const below = yield* b.all([leaf(n % 1000), ...(n >= 10 ? [node(Math.floor(n / 10))] : [])])
    const sum = below.reduce((s, v) => s + Number.parseInt(v, 10), 0) % 1_000_000
    return isText ? `${sum} and a text that is no number, nor short` : sum
  })
  const all = rule('all', { key: C.int, value: C.int }, function* (_, b) {
    return (yield* b.all(Array.from({ length: N }, (_, n) => node(n)))).length
  })
  return { leaf, node, all, rules: [leaf, node, all], makes: () => makes }
}

const open = (/** @type {ReturnType<typeof world>} */ w, /** @type {string | undefined} */ path) =>
  createEngine({ rules: w.rules, drive: 'manual', ...(path === undefined ? {} : { store: sqliteStore(path) }) })

const row = (/** @type {string} */ name, /** @type {number} */ ms) =>
  console.log(`${name.padEnd(64)} ${ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : `${ms.toFixed(0)} ms`}`)

for (const isText of [false, true]) {
  const folder = mkdtempSync(join(tmpdir(), 'redford-store-'))
  const path = join(folder, 'builds.sqlite')
  const what = isText ? 'texts' : 'numbers'
  for (const file of [undefined, path]) {
    const w = world(isText)
    const eng = open(w, file)
    const setAll = () =>
      eng.transact((tx) => {
        for (let n = 0; n < 1000; n++) tx.set(w.leaf(n), n)
      })
    setAll()
    const first = timed(() => {
      eng.once(w.all(0))
      eng.settle()
    })
    row(`${what}: first build of ${N}, ${file ? 'committed' : 'in memory'}`, first)
    const times = []
    for (let k = 0; k < 500; k++) {
      times.push(
        timed(() => {
          eng.transact((tx) => tx.set(w.leaf(999), k))
          eng.once(w.node(99_999))
          eng.settle()
        }),
      )
    }
    row(
      `${what}: a turn that sets a leaf and asks for one that needs it, ${file ? 'committed' : 'in memory'}`,
      median(times),
    )
    eng.once(w.all(0))
    eng.settle()
    row(
      `${what}: close`,
      timed(() => eng.close()),
    )
  }
  console.log(`${what}: the file has ${(statSync(path).size / N).toFixed(0)} bytes a build`)
  const w = world(isText)
  let eng = open(w, path)
  eng.close()
  row(
    `${what}: open ${N}`,
    timed(() => {
      eng = open(w, path)
    }),
  )
  row(
    `${what}: ask for one`,
    timed(() => {
      eng.once(w.node(77))
      eng.settle()
    }),
  )
  row(
    `${what}: ask for all, each by itself`,
    timed(() => {
      for (let n = 0; n < N; n++) eng.once(w.node(n))
      eng.settle()
    }),
  )
  if (w.makes() !== 0) throw new Error(`${w.makes()} made`)
  eng.close()
  rmSync(folder, { recursive: true })
}
