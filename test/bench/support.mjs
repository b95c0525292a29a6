// What every case of the bench shares: the place it works in, the peers, and how a command is timed.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the package, with `bin` and `dist` in it. */
export const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The path of one of the installed commands, `redo` and its kin. */
export const command = (/** @type {string} */ name) => join(packageFolder, 'bin', name)

/**
 * Where a run of the bench works. `env` is what every command gets: a cache folder and an idle time of its own, and no trace
 * of a build around the bench. `peers` are the peers that can be run. `projects` are the folders in which a daemon may be listening.
 * @typedef {{ folder: string, env: NodeJS.ProcessEnv, peers: ReadonlySet<string>, quick: boolean, projects: string[] }} World
 */

/** Debian's packages of the peers. */
const packages = { ninja: 'ninja-build', make: 'make' }

/**
 * Opens a fresh temporary folder and looks for the peers. As root on Debian a missing peer is installed; otherwise its column stays empty.
 * @param {boolean} quick
 * @returns {World}
 */
export const openWorld = (quick) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'redford-bench-')))
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(REDFORD|REDO|MAKE|MFLAGS|NINJA)/.test(name)),
  )
  env.XDG_CACHE_HOME = join(folder, 'cache')
  env.REDFORD_IDLE_SECONDS = '3600'
  mkdirSync(env.XDG_CACHE_HOME)
  const peers = new Set(Object.entries(packages).flatMap(([peer, name]) => (findPeer(peer, name) ? [peer] : [])))
  return { folder, env, peers, quick, projects: [] }
}

const answers = (/** @type {string} */ name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0

const findPeer = (/** @type {string} */ peer, /** @type {string} */ name) => {
  if (answers(peer)) return true
  if (process.getuid?.() === 0) spawnSync('apt-get', ['install', '-y', name], { stdio: 'ignore' })
  if (answers(peer)) return true
  progress(`${peer} cannot be had: its column stays empty (Debian: apt-get install ${name})`)
  return false
}

/** Stops the daemons and removes the folder. */
export const closeWorld = (/** @type {World} */ world) => {
  for (const project of world.projects) stopDaemon(world, project)
  rmSync(world.folder, { recursive: true, force: true, maxRetries: 3 })
}

/** Makes an empty folder in which a project will stand; its daemon, if one is started, is stopped at the end. */
export const openProject = (/** @type {World} */ world, /** @type {string} */ name) => {
  const folder = join(world.folder, name)
  mkdirSync(folder, { recursive: true })
  world.projects.push(folder)
  return folder
}

/** Ends the daemon of a project, if there is one. */
export const stopDaemon = (/** @type {World} */ world, /** @type {string} */ project) => {
  if (existsSync(join(project, '.redford')))
    spawnSync(command('redford'), ['stop'], { cwd: project, env: world.env, stdio: 'ignore' })
}

/** One line to standard error, so that a long run is seen to live. */
export const progress = (/** @type {string} */ text) => process.stderr.write(`bench: ${text}\n`)

/**
 * What one run of a command took: wall time, and the CPU time of the command and of all children it waited for (not that of a daemon).
 * @typedef {{ ms: number, cpuMs: number }} Sample
 */

/** CPU time of the children waited for so far, in ms. Linux counts it in hundredths of a second; elsewhere it stays 0. */
const childrenCpuMs = () => {
  if (process.platform !== 'linux') return 0
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

/** The variable by which the processes of a project are known, its daemon among them: it holds the project's folder. */
export const projectMark = 'BENCH_PROJECT'

/**
 * Runs a command with its output thrown away, and times it. A failure throws, with what the command says when it is run once more.
 * @param {World} world
 * @param {string} cwd the project's folder
 * @param {string} name a path, or a name to be found in PATH
 * @param {readonly string[]} [args]
 * @returns {Sample}
 */
export const run = (world, cwd, name, args = []) => {
  const env = { ...world.env, [projectMark]: cwd }
  const cpuBefore = childrenCpuMs()
  const start = process.hrtime.bigint()
  const { status, signal, error } = spawnSync(name, args, { cwd, env, stdio: 'ignore' })
  const ms = Number(process.hrtime.bigint() - start) / 1e6
  const cpuMs = childrenCpuMs() - cpuBefore
  if (status === 0) return { ms, cpuMs }
  if (signal) throw new Error(`${name} ${args.join(' ')}: ${signal}`)
  if (error) throw error
  const again = spawnSync(name, args, { cwd, env, encoding: 'utf8' })
  throw new Error(
    `${name} ${args.join(' ')}: exit ${status}\n${`${again.stdout}${again.stderr}`.split('\n').slice(-12).join('\n')}`,
  )
}

/** The middle one; of an even number, the mean of the two in the middle. */
export const median = (/** @type {readonly number[]} */ numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = (/** @type {number} */ index) => sorted[index] ?? Number.NaN
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
}

/**
 * Runs the contestants in turn, each once to warm up and then once a round, and gives each one's median. They take turns, and take
 * turns at going first, so that a machine which slows down for a while slows all of them.
 * @param {Readonly<Record<string, () => Sample>>} contestants
 * @param {number} rounds five or more
 * @returns {Record<string, Sample>}
 */
export const interleave = (contestants, rounds) => {
  const entries = Object.entries(contestants)
  /** @type {Record<string, Sample[]>} */
  const samples = {}
  for (const [name, once] of entries) {
    once()
    samples[name] = []
  }
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < entries.length; turn++) {
      const [name, once] = /** @type {[string, () => Sample]} */ (entries[(turn + round) % entries.length])
      samples[name]?.push(once())
    }
  return Object.fromEntries(
    Object.entries(samples).map(([name, of]) => [
      name,
      { ms: median(of.map((s) => s.ms)), cpuMs: median(of.map((s) => s.cpuMs)) },
    ]),
  )
}

/** Builds the package when a source is newer than the newest file of `dist`. */
export const buildIfStale = () => {
  const newest = (/** @type {string} */ folder) =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0)
      : 0
  const at = (/** @type {string} */ name) => newest(join(packageFolder, name))
  if (at('dist') > Math.max(at('src'), at('native'))) return
  progress('dist is older than src: npm run build')
  const { status } = spawnSync('npm', ['run', 'build'], { cwd: packageFolder, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('npm run build failed')
}
