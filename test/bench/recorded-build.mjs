// What a recording costs while a build goes on, and how long it takes to compare two.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt, fell, plant } from './leaf.mjs'
import { command, median, run } from './support.mjs'

/** More than of other lines: what is looked for is a hundredth. */
const rounds = 24

/**
 * A full build of 1,000 trivial targets by a daemon that runs, with and without a recording, in turns. The value is the middle one of the
 * ratios of the two runs of a round.
 * @param {import('./support.mjs').World} world
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* recordedRows(world) {
  const tree = plant(world, 'redo', 1000)
  const file = join(tree.folder, 'build.rec')
  const build = (/** @type {readonly string[]} */ args) => {
    fell(tree, { record: false })
    rmSync(file, { force: true })
    const { ms } = run(world, tree.folder, command('redo'), ['-j2', ...args, 'all'])
    checkBuilt(tree)
    return ms
  }
  const plain = () => build([])
  const recorded = () => build(['--record', file])
  plain()
  recorded()
  /** @type {number[]} */ const with_ = []
  /** @type {number[]} */ const without = []
  for (let round = 0; round < (world.quick ? rounds / 2 : rounds); round++) {
    if (round % 2 === 0) without.push(plain())
    with_.push(recorded())
    if (round % 2 === 1) without.push(plain())
  }
  const ratios = with_.map((ms, i) => ms / (without[i] ?? Number.NaN))
  yield {
    name: 'full build, 1k, recorded',
    unit: 'ms',
    figures: { redford: median(with_), unrecorded: median(without) },
    value: median(ratios),
    against: 'unrecorded',
    goal: 1.01,
    bound: 1.02,
    note: 'the daemon runs',
  }
}
