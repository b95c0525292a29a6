// The leaf graph: N targets, each a copy of the one source beside it, written three times over: for redo, for ninja and for make.

import { lstatSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, openProject, progress, run } from './support.mjs'

let trees = 0

/** Targets in a folder. */
const folderSize = 1000

/** The common part of the names of one source and its target: 'd007/00123'. */
const stem = (/** @type {number} */ index) =>
  `d${String(Math.floor(index / folderSize)).padStart(3, '0')}/${String(index % folderSize).padStart(5, '0')}`

const stems = (/** @type {number} */ n) => Array.from({ length: n }, (_, index) => stem(index))

/** How each tool is told of the graph. The same `cp` makes a target everywhere; redo's do-file also says what it read. */
const writers = {
  redo: (/** @type {string} */ folder, /** @type {number} */ n) => {
    writeFileSync(join(folder, 'default.out.do'), 'redo-ifchange "$2.src"\ncp "$2.src" "$3"\n')
    writeFileSync(join(folder, 'all.do'), 'redo-ifchange list\nredo-ifchange - <list\n')
    writeFileSync(
      join(folder, 'list'),
      stems(n)
        .map((name) => `${name}.out\n`)
        .join(''),
    )
  },
  ninja: (/** @type {string} */ folder, /** @type {number} */ n) => {
    const edges = stems(n)
      .map((name) => `build ${name}.out: cp ${name}.src\n`)
      .join('')
    const all = stems(n)
      .map((name) => ` ${name}.out`)
      .join('')
    writeFileSync(
      join(folder, 'build.ninja'),
      `rule cp\n  command = cp $in $out\n${edges}build all: phony${all}\ndefault all\n`,
    )
  },
  make: (/** @type {string} */ folder, /** @type {number} */ n) => {
    const edges = stems(n)
      .map((name) => `${name}.out: ${name}.src\n\tcp $< $@\n`)
      .join('')
    const all = stems(n)
      .map((name) => ` ${name}.out`)
      .join('')
    writeFileSync(join(folder, 'Makefile'), `MAKEFLAGS += -rR\n.PHONY: all\nall:${all}\n${edges}`)
  },
}

/**
 * One tree of N targets, for one tool.
 * @typedef {{ tool: keyof typeof writers, folder: string, n: number }} Tree
 */

/**
 * Writes the sources and the tool's own files; nothing is built.
 * @param {import('./support.mjs').World} world
 * @param {keyof typeof writers} tool
 * @param {number} n
 * @returns {Tree}
 */
export const plant = (world, tool, n) => {
  // Several cases grow trees of one size.
  const folder = openProject(world, `leaf-${n}-${tool}-${++trees}`)
  for (let first = 0; first < n; first += folderSize) mkdirSync(join(folder, stem(first), '..'))
  for (const name of stems(n)) writeFileSync(join(folder, `${name}.src`), `${name}\n`)
  writers[tool](folder, n)
  return { tool, folder, n }
}

/**
 * Brings the tree up to date. make keeps no record of its own, so its outputs may as well be written here, which is faster.
 * @param {import('./support.mjs').World} world
 * @param {Tree} tree
 */
export const grow = (world, tree) => {
  progress(`  first build of ${tree.n} targets by ${tree.tool}`)
  if (tree.tool === 'redo') run(world, tree.folder, command('redo'), ['-j2', 'all'])
  else if (tree.tool === 'ninja') run(world, tree.folder, 'ninja', ['-j2'])
  else for (const name of stems(tree.n)) writeFileSync(join(tree.folder, `${name}.out`), `${name}\n`)
  checkBuilt(tree)
}

/** Takes away all outputs, and with `record` what the tool remembers too. */
export const fell = (/** @type {Tree} */ { folder, n }, /** @type {{ record: boolean }} */ { record }) => {
  for (const name of stems(n)) rmSync(join(folder, `${name}.out`), { force: true })
  if (record)
    for (const name of ['.redford', '.ninja_log', '.ninja_deps'])
      rmSync(join(folder, name), { recursive: true, force: true })
}

/** Throws unless every output is there, with what its source says. */
export const checkBuilt = (/** @type {Tree} */ { tool, folder, n }) => {
  const read = (/** @type {string} */ name) => readFileSync(join(folder, name), 'latin1')
  for (const name of stems(n))
    if (read(`${name}.out`) !== read(`${name}.src`))
      throw new Error(`${tool} left ${name}.out different from its source`)
}

/** Some outputs at even places, spread over the tree, as they are now on the disk: two such strings differ when one of them was built between. */
export const fingerprint = (/** @type {Tree} */ { folder, n }) =>
  Array.from({ length: 100 }, (_, index) => {
    const { ino, mtimeNs } = lstatSync(join(folder, `${stem(Math.floor((index * n) / 200) * 2)}.out`), { bigint: true })
    return `${ino}.${mtimeNs}`
  }).join(' ')

/** The whole content a source has after its `round`th change, and the target it belongs to: another one each time. */
export const change = (/** @type {Tree} */ { folder, n }, /** @type {number} */ round) => {
  // 7919 is prime, so the places are spread; no odd place is in the fingerprint.
  const index = ((round * 7919) % (n >> 1)) * 2 + 1
  writeFileSync(join(folder, `${stem(index)}.src`), `change ${round}\n`)
  return { output: join(folder, `${stem(index)}.out`), content: `change ${round}\n` }
}

/** Gives one source a new time and nothing else: another one each round, none of those in the fingerprint. */
export const touch = (/** @type {Tree} */ { folder, n }, /** @type {number} */ round) => {
  const now = new Date()
  utimesSync(join(folder, `${stem(((round * 7919) % (n >> 1)) * 2 + 1)}.src`), now, now)
}
