/**
 * The client in JavaScript: what `native/client.c` does for a redo command, for where it cannot, and for the first
 * command of all, which starts the daemon and then asks it. It only talks; that a daemon must be started, or that an
 * answer means to go another way, is told to the caller.
 */
import { isUtf8 } from 'node:buffer'
import fs from 'node:fs'
import net from 'node:net'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import * as E from 'fp-ts/lib/Either.js'
import { argumentBytes, environmentBytes, variableOf, withSpelled, workingFolderBytes } from './byte-strings.js'
import { packageVersion } from './native.js'
import { type DaemonMessage, decodeDaemonMessage, encodeClientMessage, FrameDecoder, PROTOCOL } from './protocol.js'

/** Of the project's root. */
export const SOCKET = '.redford/socket'

/** All strings are byte strings. */
export interface ClientRequest {
  /** The project's root folder, absolute. */
  readonly root: string
  readonly command: string
  readonly args: readonly string[]
  /** Absolute. */
  readonly cwd: string
  /** NAME=value; REDFORD_TOKEN and NO_COLOR are read from it. Sent only without token. */
  readonly environment: readonly string[]
  readonly umask: number
  /** Needed where {@link readsInput}. */
  readonly input: Input | undefined
}

/** Standard files; process's own, but for tests. */
export interface ClientFiles {
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly isInputTty: boolean
  /** "dev:ino" of standard error. */
  readonly stderrFile: string
}

export type ClientFailure =
  /** Nothing listens at the socket. */
  | { readonly _tag: 'noDaemon' }
  /** The socket belongs to another user, or is something else than a socket. */
  | { readonly _tag: 'notOurs' }
  /** The daemon does not serve this request: another version, or on its way out. */
  | { readonly _tag: 'notMine' }
  /** The daemon hung up. When it had not answered yet, nothing was done and the request may be made again. */
  | { readonly _tag: 'lost'; readonly hasAnswered: boolean }
  /** The daemon said something that makes no sense. */
  | { readonly _tag: 'garbled' }

/** How much of standard input is kept for a second attempt. */
const KEPT_SIZE_MAX = 16 * 1024 * 1024

/** Standard input that can be read a second time, up to a point, should the first daemon not want the request. */
export class Input {
  private readonly stream: Readable
  private readonly kept: Buffer[] = []
  private keptSize = 0
  private hasStarted = false
  private hasEnded = false
  private onData: (chunk: Buffer) => void = () => {}
  private onEnd: () => void = () => {}

  constructor(stream: Readable) {
    this.stream = stream
  }

  /** Too much was read already to be read again. */
  get isSpent(): boolean {
    return this.keptSize > KEPT_SIZE_MAX
  }

  /** All there was and all there will be. The listeners of an earlier call hear no more. */
  attach(onData: (chunk: Buffer) => void, onEnd: () => void): void {
    this.onData = onData
    this.onEnd = onEnd
    for (const chunk of this.kept) onData(chunk)
    if (this.hasEnded) return onEnd()
    if (!this.hasStarted) {
      this.hasStarted = true
      this.stream.on('data', (chunk: Buffer) => this.take(chunk))
      this.stream.once('end', () => this.finish())
      this.stream.once('error', () => this.finish())
    }
    this.stream.resume()
  }

  detach(): void {
    this.onData = () => {}
    this.onEnd = () => {}
    if (this.hasStarted) this.stream.pause()
  }

  pause(): void {
    this.stream.pause()
  }

  resume(): void {
    this.stream.resume()
  }

  private take(chunk: Buffer): void {
    this.keptSize += chunk.length
    if (this.isSpent) this.kept.length = 0
    else this.kept.push(chunk)
    this.onData(chunk)
  }

  private finish(): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.onEnd()
  }
}

/** Whether the command reads standard input: redo-stamp does, and "-" stands for targets named there. */
export const readsInput = (command: string, args: readonly string[]): boolean =>
  command === 'redo-stamp' || args.includes('-')

/** The request this process was started with. `args`: the tail of process.argv behind the command's name. */
export const requestOfProcess = (root: string, command: string, args: readonly string[]): ClientRequest => ({
  root,
  command,
  args: argumentBytes(args),
  cwd: workingFolderBytes(),
  environment: environmentBytes(),
  umask: process.umask(),
  input: readsInput(command, args) ? new Input(process.stdin) : undefined,
})

/** The standard files of this process. */
export const filesOfProcess = (): ClientFiles => ({
  stdout: process.stdout,
  stderr: process.stderr,
  isInputTty: process.stdin.isTTY === true,
  stderrFile: fileOf(2),
})

const fileOf = (fd: number): string => {
  try {
    const { dev, ino } = fs.fstatSync(fd, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return '0:0'
  }
}

/**
 * Asks the daemon of `root` and prints what it says, until the exit code. SIGINT, SIGTERM and SIGHUP are passed on; the
 * second ends the client with 128 + its number. A closed standard output ends it with 141, as SIGPIPE would have.
 */
export const runClient = async (
  request: ClientRequest,
  files: ClientFiles = filesOfProcess(),
): Promise<E.Either<ClientFailure, number>> => {
  const socket = await connectTo(request.root)
  return E.isLeft(socket) ? socket : converse(socket.right, request, files)
}

/**
 * Connects to the daemon of `root`, if it is our own. By a relative name from within the root: Node silently cuts names
 * of more than 107 bytes.
 */
const connectTo = async (root: string): Promise<E.Either<ClientFailure, net.Socket>> => {
  const bytes = Buffer.from(root, 'latin1')
  try {
    const stat = fs.lstatSync(Buffer.concat([bytes, Buffer.from(`/${SOCKET}`)]), { throwIfNoEntry: false })
    if (stat === undefined) return E.left({ _tag: 'noDaemon' })
    if (!stat.isSocket() || stat.uid !== process.geteuid?.()) return E.left({ _tag: 'notOurs' })
    const socket = isUtf8(bytes)
      ? connectWithin(bytes.toString())
      : withSpelled(root, (name) => net.connect(`${name}/${SOCKET}`))
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined))
      socket.once('error', resolve)
    })
    if (error === undefined) return E.right(socket)
    // So many clients that its queue is full: there is a daemon, and it will come to us.
    if (error.code !== 'EAGAIN') return E.left({ _tag: 'noDaemon' })
    await new Promise((resolve) => setTimeout(resolve, QUEUE_DELAY_MS))
    return connectTo(root)
  } catch {
    // The root is gone, or is not ours to enter.
    return E.left({ _tag: 'noDaemon' })
  }
}

const QUEUE_DELAY_MS = 10

/** The connection is begun before `net.connect` returns, so the working folder is another for that moment only. */
const connectWithin = (root: string): net.Socket => {
  const cwd = workingFolderOrNothing()
  process.chdir(root)
  try {
    return net.connect(SOCKET)
  } finally {
    if (cwd !== undefined) process.chdir(cwd)
  }
}

const workingFolderOrNothing = (): string | undefined => {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const passOver = (): void => {}

const ERASE_LINE = '\r\x1b[K'

const converse = (
  socket: net.Socket,
  request: ClientRequest,
  files: ClientFiles,
): Promise<E.Either<ClientFailure, number>> =>
  new Promise((resolve) => {
    const { stdout, stderr } = files
    const decoder = new FrameDecoder()
    let hasAnswered = false
    let firstSignal = 0
    let isStatusDrawn = false
    let isOver = false

    const erase = (): void => {
      if (isStatusDrawn) stderr.write(ERASE_LINE)
      isStatusDrawn = false
    }
    const finish = (result: E.Either<ClientFailure, number>): void => {
      if (isOver) return
      isOver = true
      erase()
      for (const signal of FORWARDED) process.removeListener(signal, onSignal)
      stdout.off('error', onClosedOutput)
      request.input?.detach()
      socket.destroy()
      // What was printed must be out before the caller calls process.exit.
      if (stdout.writableLength === 0) resolve(result)
      else stdout.write('', () => resolve(result))
    }
    const onClosedOutput = (): void => finish(E.right(141))
    const onSignal = (signal: NodeJS.Signals): void => {
      const number = constants.signals[signal]
      if (firstSignal !== 0) return finish(E.right(128 + number))
      firstSignal = number
      socket.write(encodeClientMessage({ _tag: 'signal', signal: number }))
    }
    const onMessage = (message: DaemonMessage): void => {
      switch (message._tag) {
        case 'stdout':
          erase()
          stdout.write(message.data)
          return
        case 'stderr':
          erase()
          stderr.write(message.data)
          return
        case 'status':
          if (message.text === '' || stderr.isTTY !== true) return erase()
          stderr.write(ERASE_LINE + message.text, 'latin1')
          isStatusDrawn = true
          return
        case 'exit':
          return finish(E.right(message.code))
        case 'notMine':
          return finish(E.left({ _tag: 'notMine' }))
      }
    }

    // For good, since a closed pipe may be noticed only later: it must never end in a trace. Once, since one process may ask many times.
    for (const stream of [stdout, stderr])
      if (!stream.listeners('error').includes(passOver)) stream.on('error', passOver)
    stdout.on('error', onClosedOutput)
    socket.on('error', () => {}) // Told by `close`.
    socket.on('close', () =>
      finish(firstSignal === 0 ? E.left({ _tag: 'lost', hasAnswered }) : E.right(128 + firstSignal)),
    )
    socket.on('data', (chunk: Buffer) => {
      const { frames, error } = decoder.push(chunk)
      for (const frame of frames) {
        if (isOver) return
        const message = decodeDaemonMessage(frame)
        if (E.isLeft(message)) return finish(E.left({ _tag: 'garbled' }))
        hasAnswered ||= message.right._tag !== 'notMine'
        onMessage(message.right)
      }
      if (error !== undefined) finish(E.left({ _tag: 'garbled' }))
    })
    for (const signal of FORWARDED) process.on(signal, onSignal)
    sendRequest(socket, request, files)
  })

const sendRequest = (socket: net.Socket, request: ClientRequest, files: ClientFiles): void => {
  const { command, args, cwd, environment, input } = request
  const token = variableOf(environment, 'REDFORD_TOKEN')
  const hello = encodeClientMessage({
    _tag: 'hello',
    protocol: PROTOCOL,
    version: packageVersion,
    command,
    cwd,
    token,
    stdoutTty: files.stdout.isTTY === true,
    stderrTty: files.stderr.isTTY === true,
    stdinTty: files.isInputTty,
    columns: files.stderr.isTTY === true ? (files.stderr.columns ?? 0) : 0,
    noColor: variableOf(environment, 'NO_COLOR') !== '',
    stderrFile: files.stderrFile,
    umask: request.umask,
  })
  socket.write(hello)
  if (token === '') socket.write(encodeClientMessage({ _tag: 'environment', variables: environment }))
  socket.write(encodeClientMessage({ _tag: 'arguments', args }))
  const go = (): void => void socket.write(encodeClientMessage({ _tag: 'go' }))
  if (input === undefined) return go()
  socket.on('drain', () => input.resume())
  input.attach((data) => {
    if (!socket.write(encodeClientMessage({ _tag: 'input', data }))) input.pause()
  }, go)
}
