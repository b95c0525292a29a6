// A full build of trivial targets: what a do-file itself costs.

import { checkBuilt, fell, plant } from './leaf.mjs'
import { ratioRow } from './report.mjs'
import { command, interleave, run, stopDaemon } from './support.mjs'

const limits = { goal: 1, bound: 2 }

/**
 * @param {import('./support.mjs').World} world
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* fullRows(world) {
  const n = 1000
  const trees = /** @type {const} */ (['redo', 'ninja', 'make'])
    .filter((tool) => tool === 'redo' || world.peers.has(tool))
    .map((tool) => plant(world, tool, n))

  for (const record of [true, false]) {
    const contestants = Object.fromEntries(
      trees.map((tree) => {
        const [name, ...args] = tree.tool === 'redo' ? [command('redo'), '-j2', 'all'] : [tree.tool, '-j2']
        const once = () => {
          if (record) stopDaemon(world, tree.folder)
          fell(tree, { record })
          const sample = run(world, tree.folder, name, args)
          checkBuilt(tree)
          return sample
        }
        return [tree.tool === 'redo' ? 'redford' : tree.tool, once]
      }),
    )
    const name = record ? 'full build, 1k, from nothing' : 'full build, 1k, outputs deleted'
    const note = record ? 'the start of the daemon included' : 'the daemon runs'
    yield ratioRow(name, interleave(contestants, 5), { ...limits, note })
  }
}
