// What one redo-ifchange costs a do-file when there is nothing to do, beside a process that does nothing at all.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, interleave, openProject, run } from './support.mjs'

const calls = 200

/**
 * @param {import('./support.mjs').World} world
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* callRows(world) {
  const folder = openProject(world, 'call')
  const loop = (/** @type {string} */ body) =>
    `redo-ifchange source\ni=0\nwhile [ $i -lt ${calls} ]; do\n  ${body}\n  i=$((i + 1))\ndone\n`
  writeFileSync(join(folder, 'source'), 'same\n')
  for (const [name, body] of [
    ['asks', 'redo-ifchange source'],
    ['forks', '/bin/true'],
    ['counts', ':'],
  ])
    writeFileSync(join(folder, `${name}.do`), loop(/** @type {string} */ (body)))

  const redo = (/** @type {string} */ target) => () => run(world, folder, command('redo'), [target])
  const medians = interleave({ asks: redo('asks'), forks: redo('forks'), counts: redo('counts') }, world.quick ? 5 : 7)
  const each = (/** @type {string} */ name) =>
    ((medians[name]?.ms ?? Number.NaN) - (medians.counts?.ms ?? Number.NaN)) / calls
  yield {
    name: 'redo-ifchange in a do-file',
    unit: 'ms a call',
    figures: { redford: each('asks'), '/bin/true': each('forks') },
    value: each('asks'),
    goal: 1,
    bound: 5,
    note: `${calls} calls in a row`,
  }
}
