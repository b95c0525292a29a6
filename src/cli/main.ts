#!/usr/bin/env node
/**
 * The `redford` command, and the way into everything for commands that find no daemon: argv to calls, words to stderr. What only some
 * need is loaded when it is needed: who starts a daemon only talks to it.
 */
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { Misuse } from '../model/misuse.js'
import { parseOptions } from '../redo/arguments.js'
import {
  argumentBytes,
  environmentBytes,
  fromByteString,
  withSpelled,
  workingFolderBytes,
} from '../redo/byte-strings.js'
import { type ClientFailure, type ClientRequest, filesOfProcess, requestOfProcess, runClient } from '../redo/client.js'
import { helpFor } from '../redo/help.js'
import { COMMANDS, packageVersion } from '../redo/native.js'
import { findRoot, isUnbuilt } from '../redo/project.js'
import { MAKE_WAY, STAYS } from '../redo/protocol.js'
import { isOfRecording, RECORDING_USAGE } from './recording-commands.js'
import { becomeDaemon, pause, report, START_MS, startDaemon, WAIT_MS } from './start.js'

const main = fileURLToPath(import.meta.url)
const IDLE_SECONDS = 600
/** How long a do-file looks for its daemon, whose socket may have been taken away for a moment, in ms. */
const NESTED_MS = 2000
/** How many daemons may end on one request before we stop starting new ones. */
const LOST_MAX = 2

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
  const { REDFORD_ROOT: given, REDFORD_TOKEN: token } = process.env
  if (given && token) return environmentBytes({ REDFORD_ROOT: given })[0]!.slice('REDFORD_ROOT='.length)
  return findRoot(workingFolderBytes(), targets)
}

const runCommand = async (command: string, args: readonly string[]): Promise<number> => {
  const isNested = Boolean(process.env.REDFORD_TOKEN)
  const options = parseOptions(command, argumentBytes(args), isNested)
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
    const ask = (): Promise<number | undefined> => askForWay(root, request)
    const answer = await ask()
    if (answer !== undefined) return answer
    withSpelled(root, (name) => process.chdir(name))
    const { serveProcess } = await import('../redo/foreground.js')
    return serveProcess({ root, request, files, node: process.execPath, main, askHolder: ask })
  }
  let lost = 0
  for (const end = performance.now() + (isNested ? NESTED_MS : START_MS); performance.now() < end; ) {
    const answer = await runClient(request)
    if (E.isRight(answer)) return answer.right
    if (answer.left._tag === 'lost') lost++
    if (!isWorthAnother(answer.left) || lost > LOST_MAX || request.input?.isSpent === true) {
      say(failureWords(answer.left))
      return 205
    }
    // Another daemon would not know of the do-file that asks.
    const started = isNested ? await pause(WAIT_MS) : await startDaemon(root, main)
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

/**
 * For a command without a daemon: a daemon of the project ends. Another command without one does not, for what it builds would be broken
 * off: it serves this one, too. The exit code, if it did.
 */
const askForWay = async (root: string, request: ClientRequest): Promise<number | undefined> => {
  for (const end = performance.now() + START_MS; performance.now() < end; await pause(WAIT_MS)) {
    // What came on standard input cannot be sent again.
    if (request.input?.isSpent === true) return undefined
    const way = await runClient({ ...requestOfProcess(root, MAKE_WAY, []), input: undefined })
    if (E.isLeft(way) || way.right !== STAYS) return undefined
    const answer = await runClient(request)
    if (E.isRight(answer)) return answer.right
    if (isWorthAnother(answer.left)) continue
    say(failureWords(answer.left))
    return 205
  }
  return undefined
}

/** A daemon for the command that the C client was called with. Whatever speaks against that, the client in JavaScript finds again and says. */
const runDaemonFor = async (command: string, args: readonly string[]): Promise<void> => {
  const options = parseOptions(command, argumentBytes(args), false)
  if (E.isLeft(options) || !options.right.daemon || options.right.help || options.right.version)
    throw new Error('not for a daemon')
  const root = rootFor(options.right.targets)
  if (isUnbuilt(root)) {
    const { answerUnbuilt } = await import('../redo/unbuilt.js')
    if (answerUnbuilt(root, workingFolderBytes(), command, options.right) !== undefined)
      throw new Error('no daemon is needed')
  }
  const { REDFORD_STARTING: claimed } = process.env
  const ready = `ready ${fromByteString(root)}`
  const unclaim = await becomeDaemon(root, claimed === undefined ? undefined : argumentBytes([claimed])[0])
  if (unclaim === undefined) {
    report(ready)
    process.exit(0)
  }
  await runDaemon(ready)
  unclaim()
}

const runDaemon = async (ready = 'ready'): Promise<void> => {
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
  report(ready)
}

/** Once all is written: ends the process as it is, since to take it apart first takes Node longer than many a command. */
const exit = (code: number): void => {
  const waiting = [process.stdout, process.stderr].find((stream) => stream.writableLength > 0 && !stream.destroyed)
  if (waiting === undefined) process.exit(outputFault() ?? code)
  waiting.write('', () => exit(code))
}

/** The exit code where not all that was told could be written. */
const outputFault = (): number | undefined => {
  const error: NodeJS.ErrnoException | null = process.stdout.errored ?? outputError
  if (error === null) return undefined
  if (error.code === 'EPIPE') return HUNG_UP
  say(`not all could be written to standard output: ${error.message}`)
  return 2
}
/** Of standard output, which itself forgets it once it is told. */
let outputError: Error | null = null
/** Whoever read enough, as `head` does: as by SIGPIPE. */
const HUNG_UP = 141

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
    if (rest[0] === '--for') await runDaemonFor(rest[1] ?? '', rest.slice(2)).catch(() => process.exit(1))
    else await runDaemon()
    return undefined
  }
  // Told at the end: what an engine in this process does for others goes on.
  process.stdout.on('error', (error) => {
    outputError ??= error
  })
  process.stderr.on('error', () => {})
  if (first === 'status' || first === 'stop' || first === 'doctor') {
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(usage)
      return 0
    }
    const strange = rest.find((arg) => arg !== '--json' || first === 'stop')
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
