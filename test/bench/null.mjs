// Nothing to do, and one source touched or changed, in a leaf graph that was built before; and what the daemon holds in memory for it.

import { readFileSync } from 'node:fs'
import { change, fingerprint, grow, plant, touch } from './leaf.mjs'
import { memoryRows } from './memory.mjs'
import { ratioRow } from './report.mjs'
import { command, interleave, run, stopDaemon } from './support.mjs'

/**
 * Goals and bounds, as ratios to ninja, with a daemon and without one. A thousand targets have none: at that size the
 * process itself is all that is measured.
 * @type {Readonly<Record<number, { daemon: { goal: number, bound: number }, alone: { goal: number, bound: number } }>>}
 */
const limits = {
  10000: { daemon: { goal: 0.1, bound: 1 }, alone: { goal: 2, bound: 3 } },
  100000: { daemon: { goal: 0.05, bound: 0.5 }, alone: { goal: 0.5, bound: 1.5 } },
}

/** Counts the changes made to a tree, so that no two are alike. */
let rounds = 0

/**
 * @param {import('./support.mjs').World} world
 * @param {number} n
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* leafRows(world, n) {
  const trees = /** @type {const} */ (['redo', 'ninja', 'make'])
    .filter((tool) => tool === 'redo' || world.peers.has(tool))
    .map((tool) => plant(world, tool, n))
  for (const tree of trees) grow(world, tree)
  const size = n >= 1000 ? `${n / 1000}k` : String(n)
  const times = world.quick ? 5 : 7

  for (const daemon of [true, false]) {
    const own = trees[0]
    if (own === undefined) return
    if (!daemon) stopDaemon(world, own.folder)
    const how = daemon ? 'daemon' : 'no daemon'
    const limit = limits[n]?.[daemon ? 'daemon' : 'alone']
    const arguments_ = { redo: [...(daemon ? [] : ['--no-daemon']), 'all'], ninja: ['-j2'], make: ['-j2'] }
    const contestants = (
      /** @type {(tree: import('./leaf.mjs').Tree, build: () => import('./support.mjs').Sample) => import('./support.mjs').Sample} */ around,
    ) =>
      Object.fromEntries(
        trees.map((tree) => {
          const name = tree.tool === 'redo' ? command('redo-ifchange') : tree.tool
          return [
            tree.tool === 'redo' ? 'redford' : tree.tool,
            () => around(tree, () => run(world, tree.folder, name, arguments_[tree.tool])),
          ]
        }),
      )

    const null_ = interleave(
      contestants((tree, build) => {
        const before = fingerprint(tree)
        const sample = build()
        if (fingerprint(tree) !== before) throw new Error(`${tree.tool} built something with nothing to do`)
        return sample
      }),
      times,
    )
    yield ratioRow(`nothing to do, ${size}, ${how}`, null_, limit)

    const touched = interleave(
      contestants((tree, build) => {
        const before = fingerprint(tree)
        touch(tree, ++rounds)
        const sample = build()
        if (fingerprint(tree) !== before) throw new Error(`${tree.tool} built more than what was touched`)
        return sample
      }),
      times,
    )
    yield ratioRow(`one source touched, ${size}, ${how}`, touched, {
      ...limit,
      note: 'its content is the same: redford finds that out and makes nothing, the others make its target',
    })

    const changed = interleave(
      contestants((tree, build) => {
        const before = fingerprint(tree)
        const { output, content } = change(tree, ++rounds)
        const sample = build()
        if (readFileSync(output, 'latin1') !== content) throw new Error(`${tree.tool} did not build ${output}`)
        if (fingerprint(tree) !== before) throw new Error(`${tree.tool} built more than what changed`)
        return sample
      }),
      times,
    )
    yield ratioRow(`one source changed, ${size}, ${how}`, changed, {
      note: 'all make its target, and for redford all.do runs again too',
    })

    // While the daemon that made the full build still lives. In a smaller tree one sees the noise of Node's own heap and no more.
    if (daemon && n >= 100_000) yield* memoryRows(world, own)
  }
}
