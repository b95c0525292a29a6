/** One command without a daemon: the same host, in this process, gone when the command is answered. */
import { createHash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { ClientFiles, ClientRequest } from './client.js'
import { Daemon } from './daemon.js'
import { writeProof } from './fresh.js'
import { packageVersion } from './native.js'
import { PROTOCOL } from './protocol.js'
import type { Client } from './server.js'

export interface ForegroundOptions {
  readonly root: string
  readonly request: ClientRequest
  readonly files: ClientFiles
  readonly node: string
  readonly main: string
  /** Asks whoever has the project to go, or to serve the request: the exit code, if it did. */
  askHolder(): Promise<number | undefined>
}

const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const
/** How long to wait for another process to give up the project, in ms. */
const LOCK_MS = 5000

/** Serves the request on this process's standard files; its exit code. The working folder must be the root. */
export const serveProcess = async ({
  root,
  request,
  files,
  node,
  main,
  askHolder,
}: ForegroundOptions): Promise<number> => {
  let ended: (code: number) => void = () => {}
  const isOver = new Promise<number>((resolve) => {
    ended = resolve
  })
  const options = { root, node, main, idleMs: 24 * 3600 * 1000, watch: false, brief: true, onEnd: ended }
  const input = await readAll(request)
  const begun = performance.now()
  let started = await Daemon.start(options)
  while (E.isLeft(started) && started.left._tag === 'locked' && performance.now() - begun < LOCK_MS) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    const answer = await askHolder()
    if (answer !== undefined) return answer
    started = await Daemon.start(options)
  }
  if (E.isLeft(started)) {
    const why =
      started.left._tag === 'locked'
        ? 'another process works on this project; wait for it, or run redford stop'
        : started.left.why
    files.stderr.write(`redo  ${why}\n`)
    return 205
  }
  const daemon = started.right
  let exitCode = 0
  const client = new ProcessClient(request, files, input, (code) => {
    exitCode = code
    if (code >= 128) daemon.end(code)
    else if (daemon.endAfterOthers(code)) files.stderr.write('redo  finishing what other commands asked this one for\n')
  })
  if (daemon.warning !== undefined) files.stderr.write(`redo  ${daemon.warning}\n`)
  daemon.warning = undefined
  let signals = 0
  const listeners = Object.entries(SIGNALS).map(([name, number]) => {
    const listen = (): void => {
      if (++signals > 1) process.exit(128 + number)
      daemon.commands.onSignal(client, number)
    }
    process.on(name, listen)
    return [name, listen] as const
  })
  daemon.commands.onRequest(client)
  await isOver
  const { targets, runs } = daemon.commands.lastRequest
  // What standard input names, a trace and a recording are not to be had of a proof.
  const isProvable = request.input === undefined && !request.args.some((arg) => /^--(trace|record)/.test(arg))
  // What was just made may still be looked at too soon; the next time it is found unchanged is early enough.
  if (exitCode === 0 && runs === 0 && request.command === 'redo-ifchange' && targets.length > 0 && isProvable)
    writeProof(daemon.host.state, (x) => daemon.host.store.names.nameOf(x), targets, [
      request.command,
      request.cwd,
      ...request.args,
    ])
  for (const [name, listen] of listeners) process.off(name, listen)
  return exitCode
}

const readAll = (request: ClientRequest): Promise<Buffer> =>
  new Promise((resolve) => {
    if (request.input === undefined) return resolve(Buffer.alloc(0))
    const pieces: Buffer[] = []
    request.input.attach(
      (piece) => pieces.push(piece),
      () => resolve(Buffer.concat(pieces)),
    )
  })

class ProcessClient implements Client {
  readonly hello: Client['hello']
  readonly environment: readonly string[]
  readonly args: readonly string[]
  readonly input: Buffer
  private readonly files: ClientFiles
  private readonly onExit: (code: number) => void
  private isDrawn = false
  private isAnswered = false

  constructor(request: ClientRequest, files: ClientFiles, input: Buffer, onExit: (code: number) => void) {
    this.files = files
    this.onExit = onExit
    this.environment = request.environment
    this.args = request.args
    this.input = input
    const noColor = request.environment.some((variable) => variable.startsWith('NO_COLOR=') && variable !== 'NO_COLOR=')
    this.hello = {
      protocol: PROTOCOL,
      version: packageVersion,
      command: request.command,
      cwd: request.cwd,
      token: '',
      stdoutTty: files.stdout.isTTY === true,
      stderrTty: files.stderr.isTTY === true,
      stdinTty: files.isInputTty,
      columns: files.stderr.columns ?? 0,
      noColor,
      stderrFile: files.stderrFile,
      umask: request.umask,
    }
  }

  get inputDigest(): Buffer {
    return createHash('sha256').update(this.input).digest()
  }

  stdout(data: Buffer): void {
    this.status('')
    this.files.stdout.write(data)
  }

  stderr(data: Buffer): void {
    this.status('')
    this.files.stderr.write(data)
  }

  status(text: string): void {
    if (text === '' && !this.isDrawn) return
    this.isDrawn = text !== ''
    this.files.stderr.write(`\r\u001b[K${Buffer.from(text, 'latin1').toString()}`)
  }

  exit(code: number): void {
    if (this.isAnswered) return
    this.isAnswered = true
    this.status('')
    this.onExit(code)
  }

  notMine(): void {
    this.exit(205)
  }
}
