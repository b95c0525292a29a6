// What the daemon holds in memory for each target.

import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { command, openProject, progress, projectMark, run, stopDaemon } from './support.mjs'

const limits = { goal: 300, bound: 1024 }

/** The pids of the project's daemon: those that run Node and have the project's mark in their environment. */
const daemonsOf = (/** @type {string} */ folder) =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return (
        basename(readlinkSync(`/proc/${pid}/exe`)).startsWith('node') &&
        readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${projectMark}=${folder}`)
      )
    } catch {
      return false // It ended between the two looks, or is another user's.
    }
  })

/** Resident memory of the project's daemon, in bytes: the least of some readings over five seconds of idleness. */
const residentBytes = (/** @type {string} */ folder) => {
  const pids = daemonsOf(folder)
  if (pids.length !== 1) throw new Error(`${pids.length} daemons run for ${folder}`)
  let least = Number.POSITIVE_INFINITY
  for (let reading = 0; reading < 10; reading++) {
    const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pids[0]}/status`, 'latin1')) ?? []
    least = Math.min(least, Number(kibibytes) * 1024)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500) // The daemon has work to do meanwhile; this process has none.
  }
  return least
}

/**
 * Two lines: the daemon as it is after the full build and all that followed, and one started anew over what was recorded. From
 * both the memory of a daemon with nothing to hold is taken off, before the rest is divided by the number of targets.
 * @param {import('./support.mjs').World} world
 * @param {import('./leaf.mjs').Tree} tree built, by a daemon that still runs
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* memoryRows(world, { folder, n }) {
  if (process.platform !== 'linux') {
    progress('  the memory of a process is read from /proc, which is Linux only: no line for it')
    return
  }
  /** Finds nothing to do a few times, so that what is loaded or compiled at leisure is there. */
  const resident = (/** @type {string} */ of) => {
    for (let time = 0; time < 5; time++) run(world, of, command('redo-ifchange'), ['all'])
    return residentBytes(of)
  }
  const empty = openProject(world, 'empty')
  writeFileSync(join(empty, 'all.do'), ':\n')
  const base = resident(empty)
  stopDaemon(world, empty)

  const row = (/** @type {string} */ how, /** @type {number} */ bytes) => ({
    name: `memory of the daemon, ${n / 1000}k, ${how}`,
    unit: 'bytes a target',
    figures: { redford: (bytes - base) / n },
    value: (bytes - base) / n,
    ...limits,
    note: `${(bytes / 2 ** 20).toFixed(0)} MiB; an empty daemon ${(base / 2 ** 20).toFixed(0)} MiB`,
  })
  yield row('after the full build', resident(folder))
  stopDaemon(world, folder)
  yield row('started anew', resident(folder))
}
