// A real C program which nobody here wrote: Lua 5.4 as Debian has it, 34 files of C and 27 headers. It is fetched from Debian's
// archive, built by its own Makefile for comparison, and then by do-files, by ninja and by make (the files in the folder `lua`).

import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ratioRow } from './report.mjs'
import { command, interleave, openProject, packageFolder, progress, run, stopDaemon } from './support.mjs'

/** @typedef {{ tool: 'own' | 'redo' | 'ninja' | 'make', folder: string }} Tree */

const recipes = join(packageFolder, 'test', 'bench', 'lua')

/**
 * Gives the folder of Lua's C files, fetched and verified by apt with lists and a cache of its own: the system's stay as they are.
 * The variable BENCH_LUA may name an unpacked source instead.
 * @param {import('./support.mjs').World} world
 */
const fetchLua = (world) => {
  const given = process.env.BENCH_LUA
  if (given !== undefined) return join(given, 'src')
  const folder = join(world.folder, 'apt')
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, name), { recursive: true })
  const [, release] = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'latin1')) ?? []
  if (release === undefined)
    throw new Error('this system has no name for its release: set BENCH_LUA to an unpacked source of Lua 5.4')
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  writeFileSync(
    join(folder, 'sources.list'),
    `deb-src [signed-by=${keyring}] http://deb.debian.org/debian ${release} main\n`,
  )
  const settings = {
    'Dir::Etc::sourcelist': 'sources.list',
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': 'lists',
    'Dir::Cache': 'cache',
  }
  const apt = (/** @type {readonly string[]} */ ...args) =>
    run(world, folder, 'apt-get', [
      ...Object.entries(settings).flatMap(([name, value]) => [
        '-o',
        `${name}=${value.startsWith('/') ? value : join(folder, value)}`,
      ]),
      ...['-o', 'APT::Sandbox::User=root', ...args],
    ])
  progress('  fetching the source of lua5.4 from Debian')
  apt('update')
  apt('source', '--download-only', 'lua5.4')
  const archive = readdirSync(folder).find((name) => /^lua5\.4_.*\.orig\.tar\.\w+$/.test(name))
  if (archive === undefined) throw new Error('apt-get source brought no archive')
  run(world, folder, 'tar', ['-xf', archive, '--strip-components=1', '--one-top-level=lua'])
  return join(folder, 'lua', 'src')
}

const isC = (/** @type {string} */ name) => name.endsWith('.c')
const isMade = (/** @type {string} */ name) => /\.(o|a|d)$/.test(name) || ['lua', 'luac', 'objects'].includes(name)
const isRecord = (/** @type {string} */ name) => name === '.redford' || name.startsWith('.ninja_')

/**
 * A copy of the sources, with the files that tell the tool how to build them.
 * @param {import('./support.mjs').World} world
 * @param {string} source
 * @param {Tree['tool']} tool
 * @returns {Tree}
 */
const plant = (world, source, tool) => {
  const folder = openProject(world, `lua-${tool}`)
  cpSync(source, folder, { recursive: true, preserveTimestamps: true })
  const add = (/** @type {string} */ name, to = name) => copyFileSync(join(recipes, name), join(folder, to))
  if (tool === 'redo') for (const name of readdirSync(recipes).filter((name) => name.endsWith('.do'))) add(name)
  if (tool === 'make') add('peer.mk', 'Makefile')
  if (tool === 'ninja') {
    const objects = readdirSync(source)
      .filter(isC)
      .map((name) => name.replace(/c$/, 'o'))
    const edges = objects.map((name) => `build ${name}: cc ${name.replace(/o$/, 'c')}\n`).join('')
    // The library's order is that of the file that redo reads too.
    const order = spawnSync('sh', [join(recipes, 'objects.do')], { encoding: 'latin1' })
      .stdout.trim()
      .split('\n')
      .join(' ')
    writeFileSync(
      join(folder, 'build.ninja'),
      `${readFileSync(join(recipes, 'peer.ninja'), 'latin1')}${edges}build liblua.a: ar ${order}\n`,
    )
  }
  return { tool, folder }
}

/** Brings a tree up to date, with two jobs at a time. */
const build = (/** @type {import('./support.mjs').World} */ world, /** @type {Tree} */ { tool, folder }) =>
  tool === 'redo'
    ? run(world, folder, command('redo'), ['-j2', 'all'])
    : run(world, folder, tool === 'own' ? 'make' : tool, tool === 'own' ? ['-j2', 'linux'] : ['-j2'])

/** Deletes what was built, and what the tool remembers. */
const fell = (/** @type {import('./support.mjs').World} */ world, /** @type {Tree} */ { folder }) => {
  stopDaemon(world, folder)
  for (const name of readdirSync(folder))
    if (isMade(name) || isRecord(name)) rmSync(join(folder, name), { recursive: true })
}

/**
 * Throws unless every tree holds the same bytes in all that was built as Lua's own Makefile makes of the same sources, from nothing.
 * @param {import('./support.mjs').World} world
 * @param {Tree} own
 * @param {readonly Tree[]} trees
 */
const checkSame = (world, own, trees) => {
  fell(world, own)
  build(world, own)
  const made = readdirSync(own.folder).filter(isMade)
  if (made.length !== readdirSync(own.folder).filter(isC).length + 3)
    throw new Error(`Lua's own Makefile made ${made.join(' ')}`)
  for (const { tool, folder } of trees)
    for (const name of made)
      if (!readFileSync(join(folder, name)).equals(readFileSync(join(own.folder, name))))
        throw new Error(`${name} built by ${tool} differs from what Lua's own Makefile makes`)
}

const edit = (/** @type {string} */ path, /** @type {(text: string) => string} */ by) => {
  const text = readFileSync(path, 'latin1')
  const edited = by(text)
  if (edited === text) throw new Error(`${path} is not as expected: there is nothing to edit`)
  writeFileSync(path, edited, 'latin1')
}

/** llimits.h is read by nearly every file; the smallest size of the table of strings matters to one of them. */
const header = 'llimits.h'
const touch = (/** @type {Tree} */ { folder }) => utimesSync(join(folder, header), new Date(), new Date())
const alter = (/** @type {Tree} */ { folder }) =>
  edit(join(folder, header), (text) =>
    text.replace(/(#define MINSTRTABSIZE\t)(\d+)/, (_, name, size) => `${name}${size === '128' ? 256 : 128}`),
  )

/** lopnames.h is included by luac.c alone. Its text goes into that file, and the header goes away. */
const removable = 'lopnames.h'
const include = '#include "lopnames.h"\n'
const removeHeader = (/** @type {Tree} */ { folder }) => {
  const text = readFileSync(join(folder, removable), 'latin1')
  edit(join(folder, 'luac.c'), (code) => code.replace(include, () => text))
  rmSync(join(folder, removable))
}

/**
 * @param {import('./support.mjs').World} world
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* realRows(world) {
  if (!world.peers.has('make')) throw new Error('Lua is built by make for comparison, and make cannot be had')
  const source = fetchLua(world)
  const own = plant(world, source, 'own')
  const trees = /** @type {const} */ (['redo', 'ninja', 'make'])
    .filter((tool) => tool === 'redo' || world.peers.has(tool))
    .map((tool) => plant(world, source, tool))
  const rounds = 5

  /**
   * Runs a change and then the timed build in all trees, round after round, and then compares what they built.
   * @param {string} name
   * @param {(tree: Tree) => void} before
   * @param {(tree: Tree) => import('./support.mjs').Sample} [timed]
   */
  const line = (name, before, timed = (tree) => build(world, tree)) => {
    const medians = interleave(
      Object.fromEntries(
        trees.map((tree) => [
          tree.tool === 'redo' ? 'redford' : tree.tool,
          () => {
            before(tree)
            return timed(tree)
          },
        ]),
      ),
      rounds,
    )
    checkSame(world, own, trees)
    return ratioRow(`Lua, ${name}`, medians)
  }
  const null_ = (/** @type {readonly string[]} */ args) => (/** @type {Tree} */ tree) =>
    tree.tool === 'redo' ? run(world, tree.folder, command('redo-ifchange'), [...args, 'all']) : build(world, tree)

  yield line('full build', (tree) => fell(world, tree))
  yield line('nothing to do, daemon', () => undefined, null_([]))
  for (const { tool, folder } of trees) if (tool === 'redo') stopDaemon(world, folder)
  yield line('nothing to do, no daemon', () => undefined, null_(['--no-daemon']))
  yield line('a header touched', touch)
  // One warm-up and five rounds each alter it: an even number, so the last state is the first one. Once more makes it differ.
  alter(own)
  for (const tree of trees) alter(tree)
  yield line('a header changed', alter)

  /** @type {Map<string, Buffer>} */
  const originals = new Map(['luac.c', removable].map((name) => [name, readFileSync(join(source, name))]))
  // Lua's own Makefile names the header in a list written by hand: it would stop there. Its list is mended along.
  removeHeader(own)
  edit(join(own.folder, 'Makefile'), (text) => text.replace(` ${removable}`, ''))
  yield line('a header removed with its include', (tree) => {
    for (const [name, bytes] of originals) writeFileSync(join(tree.folder, name), bytes)
    build(world, tree)
    removeHeader(tree)
  })
}
