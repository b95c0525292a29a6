/** What runs a do-file. */
import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import { baseOf, bytes } from './path.js'

interface Head {
  readonly stat: Stats
  /** The words behind `#!`; undefined: there are none. */
  readonly words: readonly string[] | undefined
}

/** Beginnings of do-files. One do-file makes a thousand targets, and is read for the first. */
const heads = new Map<string, Head>()

/** A file that was changed this shortly ago may change again without a difference in its times. */
const SETTLED_MS = 2000

const HEADS_MAX = 1000

/**
 * `#!` and its words, or sh -e; then the do-file, called so that no shell takes it for an option. Undefined: there is no do-file.
 * @throws when it cannot be read.
 */
export const interpreterOf = (doFile: string, shellFlags: string): readonly string[] | undefined => {
  const stat = statOfDoFile(doFile)
  if (stat === undefined) return undefined
  const base = baseOf(doFile)
  const file = base.startsWith('-') ? `./${base}` : base
  return [...(wordsOf(doFile, stat) ?? ['sh', shellFlags]), file]
}

/** Whether there is a do-file of that name. */
export const isDoFile = (name: string): boolean => statOfDoFile(name) !== undefined

const statOfDoFile = (name: string): Stats | undefined => {
  try {
    const stat = statSync(bytes(name), { throwIfNoEntry: false })
    // To open a pipe that nobody writes to would wait for ever.
    return stat === undefined || stat.isDirectory() || stat.isFIFO() ? undefined : stat
  } catch {
    return undefined
  }
}

const wordsOf = (doFile: string, stat: Stats): Head['words'] => {
  const known = heads.get(doFile)
  if (known !== undefined && isSame(known.stat, stat)) return known.words
  const words = readWords(doFile)
  if (Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs) > SETTLED_MS) {
    if (heads.size >= HEADS_MAX) heads.clear()
    heads.set(doFile, { stat, words })
  } else heads.delete(doFile)
  return words
}

const isSame = (a: Stats, b: Stats): boolean =>
  a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.size === b.size && a.ino === b.ino && a.dev === b.dev

const readWords = (doFile: string): Head['words'] => {
  const fd = openSync(bytes(doFile), 'r')
  try {
    const head = Buffer.alloc(256)
    const line = head.toString('latin1', 0, readSync(fd, head, 0, head.length, 0)).split('\n', 1)[0]!
    const words = line.startsWith('#!') ? line.slice(2).trim() : ''
    return words === '' ? undefined : words.split(/\s+/)
  } finally {
    closeSync(fd)
  }
}
