/** What runs a do-file. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { baseOf } from './path.js'

/** @throws when it cannot be read. `#!` and its words, or sh -e; then the do-file, called so that no shell takes it for an option. */
export const interpreterOf = (doFile: string, shellFlags: string): readonly string[] => {
  const base = baseOf(doFile)
  const file = base.startsWith('-') ? `./${base}` : base
  const fd = openSync(Buffer.from(doFile, 'latin1'), 'r')
  try {
    const head = Buffer.alloc(256)
    const line = head.toString('latin1', 0, readSync(fd, head, 0, head.length, 0)).split('\n', 1)[0]!
    if (!line.startsWith('#!')) return ['sh', shellFlags, file]
    return [...line.slice(2).trim().split(/\s+/), file]
  } finally {
    closeSync(fd)
  }
}

/** Whether there is a do-file of that name. */
export const isDoFile = (name: string): boolean => {
  try {
    const stat = statSync(Buffer.from(name, 'latin1'), { throwIfNoEntry: false })
    // To open a pipe that nobody writes to would wait for ever.
    return stat !== undefined && !stat.isDirectory() && !stat.isFIFO()
  } catch {
    return false
  }
}
