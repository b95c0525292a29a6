#!/usr/bin/env node
/**
 * The `redford` command, and the way into everything for commands that find no daemon: argv to calls, words to stderr. What only some
 * need is loaded when it is needed: who starts a daemon only talks to it.
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { Misuse, messageOf } from '../model/misuse.js'
import { parseOptions } from '../redo/arguments.js'
import { argumentBytes, fromByteString, workingFolderBytes } from '../redo/byte-strings.js'
import { type ClientFailure, filesOfProcess, requestOfProcess, runClient } from '../redo/client.js'
import { daemonFlags } from '../redo/daemon-flags.js'
import { helpFor } from '../redo/help.js'
import { COMMANDS, packageVersion } from '../redo/native.js'
import { findRoot, isUnbuilt, STATE_FOLDER } from '../redo/project.js'
import { isOfRecording, RECORDING_USAGE } from './recording-commands.js'

const main = fileURLToPath(import.meta.url)
const IDLE_SECONDS = 600
/** How long a daemon may take to open a project before we say so, in ms. */
const START_MS = 60_000

const say = (text: string): void => {
  process.stderr.write(`redo  ${text}\n`)
}

const usage = `usage: redford COMMAND
  redford status [--json]    what the project's daemon is doing
  redford why TARGET         why it was last made, from the file that changed; --json
  redford why-not TARGET     why it was not made; --json
  redford stop               end the project's daemon
  redford doctor [--json]    what this installation has and lacks
${RECORDING_USAGE}  redford lab ...            batching policies on workloads (redford lab --help)
  redford COMMAND ...        any of ${COMMANDS.join(', ')}
`

const idleMs = (): number => {
  const seconds = Number(process.env.REDFORD_IDLE_SECONDS ?? IDLE_SECONDS)
  return (Number.isFinite(seconds) && seconds > 0 ? seconds : IDLE_SECONDS) * 1000
}

/** The project of a command: that of the do-file it is given in, else by the working folder and the targets. */
const rootFor = (targets: readonly string[]): string => {
  const given = process.env.REDFORD_ROOT
  if (given !== undefined && given !== '' && process.env.REDFORD_TOKEN) return argumentBytes([given])[0]!
  return findRoot(workingFolderBytes(), targets)
}

const runCommand = async (command: string, args: readonly string[]): Promise<number> => {
  const options = parseOptions(command, argumentBytes(args))
  if (E.isLeft(options)) {
    say(options.left)
    return 2
  }
  if (options.right.help) {
    process.stdout.write(helpFor(command))
    return 0
  }
  if (options.right.version) {
    process.stdout.write(`redford ${packageVersion}\n`)
    return 0
  }
  const root = rootFor(options.right.targets)
  const request = requestOfProcess(root, command, args)
  const isNested = Boolean(process.env.REDFORD_TOKEN)
  if (!isNested && isUnbuilt(root)) {
    const { answerUnbuilt } = await import('../redo/unbuilt.js')
    const answer = answerUnbuilt(root, request.cwd, command, options.right)
    if (answer !== undefined) {
      process.stdout.write(answer.stdout ?? '')
      process.stderr.write(answer.stderr ?? '')
      return answer.code
    }
  }
  if (!options.right.daemon && !isNested) {
    const files = filesOfProcess()
    await stopDaemon(root)
    process.chdir(fromByteString(root))
    const { serveProcess } = await import('../redo/foreground.js')
    return serveProcess({ root, request, files, node: process.execPath, main })
  }
  let lost = 0
  for (const end = performance.now() + START_MS; performance.now() < end; ) {
    const answer = await runClient(request)
    if (E.isRight(answer)) return answer.right
    if (answer.left._tag === 'lost') lost++
    if (!isWorthAnother(answer.left) || lost > LOST_MAX || request.input?.isSpent === true) {
      say(failureWords(answer.left))
      return 205
    }
    const started = await startDaemon(root)
    if (started !== undefined) {
      say(started)
      return 205
    }
  }
  say(`no daemon of ${fromByteString(root)} can be reached`)
  return 205
}

const isWorthAnother = (failure: ClientFailure): boolean =>
  failure._tag === 'noDaemon' ||
  failure._tag === 'notMine' ||
  failure._tag === 'notOurs' ||
  (failure._tag === 'lost' && !failure.hasAnswered)

const failureWords = (failure: ClientFailure): string => {
  switch (failure._tag) {
    case 'lost':
      return 'the daemon ended in the middle of the request; run the command again (205)'
    case 'garbled':
      return 'the daemon answered something that makes no sense (205)'
    default:
      return 'the daemon cannot be reached (205)'
  }
}

const stopDaemon = async (root: string): Promise<void> => {
  await runClient({ ...requestOfProcess(root, 'redford-stop', []), root })
}

/** Starts a daemon for `root` and waits until it serves, or another does; a sentence when neither comes about. */
const startDaemon = async (root: string): Promise<string | undefined> => {
  const folder = Buffer.from(`${root}/${STATE_FOLDER}`, 'latin1')
  const hint = Buffer.concat([folder, Buffer.from('/starting')])
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (statSync(folder).uid !== process.geteuid?.()) return `${STATE_FOLDER} belongs to another user`
  } catch (error) {
    return `the state folder cannot be made: ${(error as Error).message}`
  }
  // Only a hint, so that a hundred commands at once do not start a hundred processes: the lock decides.
  const isFirst = claim(hint)
  if (E.isLeft(isFirst)) return `the state folder cannot be written: ${isFirst.left} (205)`
  if (!isFirst.right) {
    await new Promise((resolve) => setTimeout(resolve, 25))
    return undefined
  }
  try {
    const log = openSync(Buffer.concat([folder, Buffer.from('/daemon.log')]), 'a', 0o600)
    return await new Promise((resolve) => {
      const child = spawn(process.execPath, [...daemonFlags(process.versions.node), main, 'daemon'], {
        cwd: fromByteString(root),
        detached: true,
        stdio: ['ignore', log, log, 'pipe'],
        env: daemonEnvironment(),
      })
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

/** What a daemon needs of the environment of whoever happens to start it; do-files get that of their own request. */
const daemonEnvironment = (): NodeJS.ProcessEnv => {
  const {
    REDFORD_TOKEN: _,
    REDFORD_ROOT: __,
    REDFORD_TRACE: ___,
    REDFORD_RECORD: ____,
    NODE_EXTRA_CA_CERTS,
    ...rest
  } = process.env
  // Node reads them as it starts, which takes it as long again; see bin/redo.
  const certificates = NODE_EXTRA_CA_CERTS ? { REDFORD_CA_CERTS: NODE_EXTRA_CA_CERTS } : {}
  return { ...rest, ...certificates, ...DAEMON_MALLOC }
}

const HINT_MS = 5000
/** How long to let the process that has the project go on, in ms, before it is asked again. */
const LOCKED_MS = 50
/**
 * For the C library's allocator: give back what was freed. Blocks of 64 KB, as reading a store and looking at everything make many,
 * are each given back by themselves, and leave no holes.
 */
const DAEMON_MALLOC = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_MMAP_THRESHOLD_: '65536' }
/** How many daemons may end on one request before we stop starting new ones. */
const LOST_MAX = 2
/** Where a daemon tells who started it that it serves. */
const READY_FD = 3

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
    if (stat !== undefined && Date.now() - stat.mtimeMs > HINT_MS) rmSync(hint, { force: true })
    return E.right(false)
  }
}

const runDaemon = async (): Promise<void> => {
  const report = (word: string): void => {
    try {
      writeSync(READY_FD, `${word}\n`)
      closeSync(READY_FD)
    } catch {
      // Nobody listens: it was started by hand.
    }
  }
  const { REDFORD_CA_CERTS: certificates } = process.env
  if (certificates !== undefined) process.env.NODE_EXTRA_CA_CERTS = certificates
  const root = workingFolderBytes('')
  const { Daemon } = await import('../redo/daemon.js')
  const daemon = await Daemon.start({
    root,
    node: process.execPath,
    main,
    idleMs: idleMs(),
    watch: process.env.REDFORD_WATCH !== 'off',
    brief: false,
    onEnd: (code) => process.exit(code),
  })
  if (E.isLeft(daemon)) {
    report(daemon.left._tag === 'locked' ? 'locked' : daemon.left.why)
    process.exit(1)
  }
  process.on('SIGTERM', () => daemon.right.end(143))
  process.on('SIGINT', () => daemon.right.end(130))
  process.on('SIGHUP', () => daemon.right.end(129))
  process.on('SIGPIPE', () => {})
  report('ready')
}

/** Once all is written: ends the process as it is, since to take it apart first takes Node longer than many a command. */
const exit = (code: number): void => {
  const waiting = [process.stdout, process.stderr].find((stream) => stream.writableLength > 0 && !stream.destroyed)
  if (waiting === undefined) process.exit(code)
  waiting.write('', () => exit(code))
}

/** Not part of the one file that all commands are: few use it. */
const LAB = '../lab/command.js'
const runLab = async (args: readonly string[]): Promise<number> => {
  const { labCommand } = (await import(LAB)) as typeof import('../lab/command.js')
  return labCommand(args)
}

const [command = 'help', ...args] = process.argv.slice(2)

const run = async (): Promise<number | undefined> => {
  const [first, ...rest] = command === 'redford' ? args : [command, ...args]
  if (first === 'daemon') {
    await runDaemon()
    return undefined
  }
  if (first === 'status' || first === 'stop' || first === 'doctor') {
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(usage)
      return 0
    }
    const strange = rest.find((arg) => arg !== '--json')
    if (strange !== undefined) {
      say(`redford ${first} does not take '${strange}' (see redford help)`)
      return 2
    }
  }
  if (first === 'status' || first === 'stop') {
    const root = findRoot(workingFolderBytes())
    const answer = await runClient({ ...requestOfProcess(root, `redford-${first}`, rest), input: undefined })
    if (E.isRight(answer)) return answer.right
    if (rest.includes('--json')) process.stdout.write(`${JSON.stringify({ pid: null })}\n`)
    else process.stdout.write(`no daemon runs for ${fromByteString(root)}\n`)
    return 0
  }
  if (first !== undefined && isOfRecording(first, rest)) {
    const { runRecordingCommand } = await import('./commands.js')
    return runRecordingCommand(first, rest)
  }
  if (first === 'why' || first === 'why-not') return runCommand(`redford-${first}`, rest)
  if (first === 'doctor') {
    const { doctor } = await import('../redo/doctor.js')
    return doctor(rest.includes('--json'))
  }
  if (first === 'lab') return runLab(rest)
  if (first === '--version') {
    process.stdout.write(`redford ${packageVersion}\n`)
    return 0
  }
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    process.stdout.write(usage)
    return 0
  }
  if ((COMMANDS as readonly string[]).includes(first)) return runCommand(first, rest)
  say(`there is no command '${first}' (see redford help)`)
  return 2
}

run().then(
  (code) => {
    if (code !== undefined) exit(code)
  },
  (error: unknown) => {
    if (error instanceof Misuse) {
      say(error.message)
      process.exitCode = 2
      return
    }
    process.stderr.write(
      `redo  this is a fault of redford itself, please report it:\n${error instanceof Error ? error.stack : String(error)}\n`,
    )
    process.exitCode = 70
  },
)
