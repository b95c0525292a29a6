// One contender of the `dag` case, in a process of its own: node test/bench/dag.mjs CONTENDER N
//
// The graph: that of `graph.mjs`; each node that is no leaf adds up those that it needs. Whatever nobody needs is
// followed: by a live request, an effect, an autorun. Printed as JSON: ms of the first build, of changes of one leaf
// (each), of 1 % of the leaves at once, and bytes a node; of the same graph built again, when what does it is compiled.
// `checksum`: of all that was told, the same for all.

import { randomGraph } from './graph.mjs'

const CHANGES = 300
const WARM = 100
const AGAIN = 7
/** A larger graph takes so long that it is compiled for its most part. */
const AGAIN_MAX = 100_000

const [contender = '', size = ''] = process.argv.slice(2)
const n = Number(size)
const { leaves, deps, isNeeded, ends, random } = randomGraph(n)

let checksum = 0
/** The order in which ends are told is each contender's own. */
const told = (/** @type {number} */ i, /** @type {number} */ value) => {
  checksum = (checksum + Math.imul(i + 1, value)) | 0
}

/**
 * Each builds the graph, follows its ends, and gives a way to change leaves, one or many at once.
 * @type {Readonly<Record<string, () => Promise<(changes: readonly (readonly [number, number])[]) => void>>>}
 */
const contenders = {
  // As fast as it gets: no abstraction, nothing kept of what was.
  floor: async () => {
    const value = new Int32Array(n)
    const first = new Int32Array(n + 1)
    for (let e = leaves * 3; e < n * 3; e++) first[deps[e] + 1]++
    for (let i = 0; i < n; i++) first[i + 1] += first[i]
    const fill = first.slice()
    const dependents = new Int32Array(first[n])
    for (let i = leaves; i < n; i++) for (let j = 0; j < 3; j++) dependents[fill[deps[i * 3 + j]]++] = i
    const make = (/** @type {number} */ i) => {
      const made = (value[deps[i * 3]] + value[deps[i * 3 + 1]] + value[deps[i * 3 + 2]]) | 0
      if (made === value[i]) return false
      value[i] = made
      if (isNeeded[i] === 0) told(i, made)
      return true
    }
    for (let i = 0; i < leaves; i++) value[i] = i
    for (let i = leaves; i < n; i++) if (!make(i) && isNeeded[i] === 0) told(i, value[i])
    const isMarked = new Uint8Array(n)
    return (changes) => {
      /** @type {number[]} */
      const cone = []
      const mark = (/** @type {number} */ u) => {
        for (let e = first[u]; e < first[u + 1]; e++) {
          const v = dependents[e]
          if (isMarked[v] !== 0) continue
          isMarked[v] = 1
          cone.push(v)
        }
      }
      for (const [leaf, to] of changes) {
        value[leaf] = to
        mark(leaf)
      }
      for (let i = 0; i < cone.length; i++) mark(cone[i])
      for (const v of Int32Array.from(cone).sort()) {
        isMarked[v] = 0
        make(v)
      }
    }
  },
  redford: async () => {
    const { codec, createEngine, rule, source } = await import('../../dist/index.js')
    const leaf = source('leaf', { key: codec.int, value: codec.int })
    const node = rule.static('node', {
      key: codec.int,
      value: codec.int,
      deps: (i) => [at(deps[i * 3]), at(deps[i * 3 + 1]), at(deps[i * 3 + 2])],
      make: ([x, y, z]) => (x + y + z) | 0,
    })
    return engine(createEngine, leaf, node, (i) => (i < leaves ? leaf(i) : node(i)))
    /** @param {number} i */
    function at(i) {
      return i < leaves ? leaf(i) : node(i)
    }
  },
  // The same, asked for while it runs.
  'redford generators': async () => {
    const { codec, createEngine, rule, source } = await import('../../dist/index.js')
    const leaf = source('leaf', { key: codec.int, value: codec.int })
    const node = rule('node', { key: codec.int, value: codec.int }, function* (i, b) {
      const [x, y, z] = yield* b.all([at(deps[i * 3]), at(deps[i * 3 + 1]), at(deps[i * 3 + 2])])
      return (x + y + z) | 0
    })
    return engine(createEngine, leaf, node, (i) => (i < leaves ? leaf(i) : node(i)))
    /** @param {number} i */
    function at(i) {
      return i < leaves ? leaf(i) : node(i)
    }
  },
  'alien-signals': async () => {
    const { signal, computed, effect, startBatch, endBatch } = await import('alien-signals')
    const all = Array.from({ length: n }, (_, i) => (i < leaves ? signal(i) : undefined))
    for (let i = leaves; i < n; i++) {
      const [x, y, z] = [all[deps[i * 3]], all[deps[i * 3 + 1]], all[deps[i * 3 + 2]]]
      all[i] = computed(() => (x() + y() + z()) | 0)
    }
    for (const i of ends) effect(() => told(i, all[i]()))
    return (changes) => {
      startBatch()
      for (const [i, to] of changes) all[i](to)
      endBatch()
    }
  },
  preact: async () => {
    const { signal, computed, effect, batch } = await import('@preact/signals-core')
    const all = Array.from({ length: n }, (_, i) => (i < leaves ? signal(i) : undefined))
    for (let i = leaves; i < n; i++) {
      const [x, y, z] = [all[deps[i * 3]], all[deps[i * 3 + 1]], all[deps[i * 3 + 2]]]
      all[i] = computed(() => (x.value + y.value + z.value) | 0)
    }
    for (const i of ends) effect(() => told(i, all[i].value))
    return (changes) =>
      batch(() => {
        for (const [i, to] of changes) all[i].value = to
      })
  },
  mobx: async () => {
    const { observable, computed, autorun, runInAction, configure } = await import('mobx')
    configure({ enforceActions: 'never' })
    const all = Array.from({ length: n }, (_, i) => (i < leaves ? observable.box(i, { deep: false }) : undefined))
    for (let i = leaves; i < n; i++) {
      const [x, y, z] = [all[deps[i * 3]], all[deps[i * 3 + 1]], all[deps[i * 3 + 2]]]
      all[i] = computed(() => (x.get() + y.get() + z.get()) | 0)
    }
    for (const i of ends) autorun(() => told(i, all[i].get()))
    return (changes) =>
      runInAction(() => {
        for (const [i, to] of changes) all[i].set(to)
      })
  },
}

const engine = (createEngine, leaf, node, at) => {
  const eng = createEngine({ rules: [leaf, node], drive: 'manual' })
  const change = (/** @type {readonly (readonly [number, number])[]} */ changes) => {
    eng.transact((tx) => {
      for (const [i, to] of changes) tx.set(leaf(i), to)
    })
    eng.settle()
  }
  change(Array.from({ length: leaves }, (_, i) => [i, i]))
  for (const i of ends) eng.live(at(i)).subscribe((notice) => told(i, notice.value))
  eng.settle()
  return change
}

const used = () => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const build = contenders[contender]
if (build === undefined) throw new Error(`no contender ${contender}: ${Object.keys(contenders).join(', ')}`)
const before = used()
let begun = performance.now()
const change = await build()
const firstMs = performance.now() - begun
const bytes = (used() - before) / n
/** @type {number[]} */
const times = []
for (let round = 0; round < CHANGES + WARM; round++) {
  const leaf = random(leaves)
  begun = performance.now()
  change([[leaf, leaf + 1000 + round]])
  if (round >= WARM) times.push(performance.now() - begun)
}
const many = Array.from({ length: Math.ceil(leaves / 100) }, () => random(leaves))
begun = performance.now()
change(many.map((leaf, k) => [leaf, leaf + 5000 + k]))
const percentMs = performance.now() - begun
// The mean: half of all changes reach few nodes, and a median would be of those.
const leafMs = times.reduce((sum, time) => sum + time, 0) / times.length
const toldSoFar = checksum
/** @type {number[]} */
const again = []
for (let round = 0; n <= AGAIN_MAX && round < 2 * AGAIN; round++) {
  begun = performance.now()
  await build()
  // The first ones warm up.
  if (round >= AGAIN) again.push(performance.now() - begun)
}
const againMs = again.sort((a, b) => a - b)[again.length >> 1]
process.stdout.write(JSON.stringify({ firstMs, againMs, leafMs, percentMs, bytes, checksum: toldSoFar }))
