/** The start of a daemon: by a client, which waits until it serves, or as one, by the C client (native/client.c). */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import * as E from 'fp-ts/lib/Either.js'
import { makeFolder } from '../make/folder.js'
import { bytes } from '../make/path.js'
import { messageOf } from '../model/misuse.js'
import { fromByteString, withSpelled } from '../redo/byte-strings.js'
import { SOCKET } from '../redo/client.js'
import { daemonFlags } from '../redo/daemon-flags.js'
import { STATE_FOLDER } from '../redo/project.js'

/** How long a daemon may take to open a project before we say so, in ms. */
export const START_MS = 60_000
/** How long a hint is believed, in ms: as native/client.c has it. */
const HINT_MS = 5000
/** How long to let the process that has the project go on, in ms, before it is asked again. */
const LOCKED_MS = 50
/** How long to let somebody else's daemon come up, in ms, before it is looked for again. */
export const WAIT_MS = 25
/** Where a daemon tells who started it that it serves. */
const READY_FD = 3
/** Somebody starts a daemon. */
const HINT = 'starting'
const LOG = 'daemon.log'

/**
 * For the C library's allocator: give back what was freed. Blocks of 64 KB, as reading a store and looking at everything make many,
 * are each given back by themselves, and leave no holes.
 */
const DAEMON_MALLOC = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_MMAP_THRESHOLD_: '65536' }

const pathOf = (root: string, file: string): Buffer => Buffer.from(`${root}/${STATE_FOLDER}/${file}`, 'latin1')

/** A sentence where that cannot be done. */
const prepareFolder = (root: string): string | undefined => {
  const folder = `${root}/${STATE_FOLDER}`
  try {
    makeFolder(folder, 0o700)
    return statSync(bytes(folder)).uid === process.geteuid?.() ? undefined : `${STATE_FOLDER} belongs to another user`
  } catch (error) {
    return `the state folder cannot be made: ${(error as Error).message}`
  }
}

export const pause = (ms: number): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, ms, undefined))

/** Starts a daemon for `root` and waits until it serves, or another does; a sentence when neither comes about. */
export const startDaemon = async (root: string, main: string): Promise<string | undefined> => {
  const refused = prepareFolder(root)
  if (refused !== undefined) return refused
  const hint = pathOf(root, HINT)
  // Only a hint, so that a hundred commands at once do not start a hundred processes: the lock decides.
  const isFirst = claim(hint)
  if (E.isLeft(isFirst)) return `the state folder cannot be written: ${isFirst.left} (205)`
  if (!isFirst.right) {
    await pause(WAIT_MS)
    return undefined
  }
  try {
    const log = openSync(pathOf(root, LOG), 'a', 0o600)
    return await new Promise((resolve) => {
      const child = withSpelled(root, (cwd) =>
        spawn(process.execPath, [...daemonFlags(process.versions.node), main, 'daemon'], {
          cwd,
          detached: true,
          stdio: ['ignore', log, log, 'pipe'],
          env: daemonEnvironment(),
        }),
      )
      closeSync(log)
      let said = ''
      const timer = setTimeout(
        () => resolve(`the daemon does not come up within ${START_MS / 1000} s (see ${STATE_FOLDER}/daemon.log)`),
        START_MS,
      )
      const done = (text: string | undefined): void => {
        clearTimeout(timer)
        resolve(text)
        child.unref()
      }
      child.on('error', (error) => done(`the daemon cannot be started: ${error.message}`))
      // There are no pipes where the process has no room for more open files.
      child.stdio?.[3]?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (!said.includes('\n')) return
        const word = said.split('\n', 1)[0]!
        // Another process has the project: it may be about to serve, or have builds to finish before it goes.
        if (word === 'locked') setTimeout(done, LOCKED_MS, undefined)
        else done(word === 'ready' ? undefined : word)
      })
      child.on('exit', (code) =>
        done(said === '' ? `the daemon ended at once, exit ${code} (see ${STATE_FOLDER}/daemon.log)` : undefined),
      )
    })
  } catch (error) {
    return `the state folder cannot be written: ${messageOf(error)} (205)`
  } finally {
    rmSync(hint, { force: true })
  }
}

/** Tells who started this process that it serves, or why not. */
export const report = (word: string): void => {
  if (say(word)) closeSync(READY_FD)
}

const say = (word: string): boolean => {
  try {
    return writeSync(READY_FD, `${word}\n`) > 0
  } catch {
    // Nobody listens: it was started by hand.
    return false
  }
}

/**
 * Makes a daemon of this process, which the C client has started, in the way in which {@link startDaemon} would have: in the root, with its own
 * log. Undefined: there is one already, which somebody else started. Else what is to be called once this one serves. `claimed`: the root for which
 * the C client has left the hint; of one that is left here it is told.
 */
export const becomeDaemon = async (root: string, claimed: string | undefined): Promise<(() => void) | undefined> => {
  const name = fromByteString(root)
  if (Buffer.from(name).toString('latin1') !== root || root.includes('\n') || prepareFolder(root) !== undefined)
    throw new Error('not here')
  const hint = pathOf(root, HINT)
  const isMine = claimed !== root
  for (const end = performance.now() + START_MS; isMine; await pause(WAIT_MS)) {
    const isFirst = claim(hint)
    if (E.isLeft(isFirst) || performance.now() > end) throw new Error('not now')
    if (isFirst.right) {
      say(`claimed ${name}`)
      break
    }
    if (existsSync(Buffer.from(`${root}/${SOCKET}`, 'latin1'))) return undefined
  }
  // Whoever started us takes the hint away, also when we are killed; and we do, should that be killed.
  const unclaim = (): void => {
    process.off('exit', unclaim)
    rmSync(hint, { force: true })
  }
  process.once('exit', unclaim)
  process.chdir(name)
  // The lowest numbers that are free are given again.
  for (const fd of [1, 2]) closeSync(fd)
  for (const fd of [1, 2]) if (openSync(pathOf(root, LOG), 'a', 0o600) !== fd) throw new Error('no log')
  for (const flag of daemonFlags(process.versions.node)) setFlagsFromString(flag)
  for (const variable of NOT_FOR_DAEMONS) delete process.env[variable]
  return unclaim
}

/** What a daemon needs of the environment of whoever happens to start it; do-files get that of their own request. */
const daemonEnvironment = (): NodeJS.ProcessEnv => {
  const { NODE_EXTRA_CA_CERTS, ...rest } = process.env
  for (const variable of NOT_FOR_DAEMONS) delete rest[variable]
  // Node reads them as it starts, which takes it as long again; see bin/redo.
  const certificates = NODE_EXTRA_CA_CERTS ? { REDFORD_CA_CERTS: NODE_EXTRA_CA_CERTS } : {}
  return { ...rest, ...certificates, ...DAEMON_MALLOC }
}

const NOT_FOR_DAEMONS = [
  'REDFORD_TOKEN',
  'REDFORD_ROOT',
  'REDFORD_TRACE',
  'REDFORD_RECORD',
  'REDFORD_STARTING',
] as const

const claim = (hint: Buffer): E.Either<string, boolean> => {
  try {
    closeSync(openSync(hint, 'wx', 0o600))
    return E.right(true)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Gone again: it was there a moment ago.
    if (code !== 'EEXIST' && code !== 'ENOENT') return E.left(message)
    const stat = statSync(hint, { throwIfNoEntry: false })
    // Left behind by a process that was ended: the next in line takes over.
    if (stat !== undefined && Math.abs(Date.now() - stat.mtimeMs) > HINT_MS) rmSync(hint, { force: true })
    return E.right(false)
  }
}
