/**
 * The daemon's end of the socket: one connection a command. It reads requests, holds them to limits, and hands them over
 * whole; a client that breaks the protocol is told so and cut, and nobody else notices.
 */
import { Buffer } from 'node:buffer'
import { createHash, type Hash } from 'node:crypto'
import net from 'node:net'
import * as E from 'fp-ts/lib/Either.js'
import { packageVersion } from './native.js'
import {
  type ClientMessage,
  decodeClientMessage,
  encodeDaemonMessage,
  FrameDecoder,
  type Hello,
  PROTOCOL,
} from './protocol.js'

/** Most that one request may hold, in bytes. */
const REQUEST_SIZE_MAX = 256 * 1024 * 1024
/** Most that may wait to be read by a client that does not read. */
const UNREAD_SIZE_MAX = 256 * 1024 * 1024

/** How long, and how much of, what is to be shown is collected before it is sent, in ms and bytes. */
const UNSENT_MS = 25
const UNSENT_SIZE_MAX = 64 * 1024

/** Where answers go: a socket, or this process's own standard files. */
export interface ClientWriter {
  stdout(data: Buffer): void
  stderr(data: Buffer): void
  status(text: string): void
}

export interface Client extends ClientWriter {
  readonly hello: Hello
  readonly environment: readonly string[]
  readonly args: readonly string[]
  /** Standard input: names of targets. */
  readonly input: Buffer
  /** Of redo-stamp, in place of standard input, which may be of any size: its SHA-256. */
  readonly inputDigest: Buffer
  /** The last word. */
  exit(code: number): void
  /** Another version, or another project: it must go another way. */
  notMine(): void
}

export interface ServerHandlers {
  /** A whole request. */
  onRequest(client: Client): void
  onSignal(client: Client, signal: number): void
  /** The client is gone before it was answered. */
  onGone(client: Client): void
}

class SocketClient implements Client {
  hello!: Hello
  readonly environment: string[] = []
  readonly args: string[] = []
  private readonly pieces: Buffer[] = []
  private sum: Hash | undefined = undefined
  private readonly socket: net.Socket
  private unsent: Buffer[] = []
  private unsentSize = 0
  private timer: NodeJS.Timeout | undefined = undefined
  isAnswered = false
  hasGone = false
  /** Whether the rest of the request is not waited for. */
  isCutShort = false

  constructor(socket: net.Socket) {
    this.socket = socket
  }

  get input(): Buffer {
    return Buffer.concat(this.pieces)
  }

  get inputDigest(): Buffer {
    return (this.sum ?? createHash('sha256')).digest()
  }

  get isSummed(): boolean {
    return this.hello.command === 'redo-stamp'
  }

  take(message: ClientMessage): void {
    if (message._tag === 'hello') this.hello = message
    else if (message._tag === 'environment') for (const variable of message.variables) this.environment.push(variable)
    else if (message._tag === 'arguments') for (const arg of message.args) this.args.push(arg)
    else if (message._tag !== 'input') return
    else if (this.isSummed) this.sum = (this.sum ?? createHash('sha256')).update(message.data)
    else this.pieces.push(Buffer.from(message.data))
  }

  stdout(data: Buffer): void {
    this.write(encodeDaemonMessage({ _tag: 'stdout', data }))
  }

  stderr(data: Buffer): void {
    this.write(encodeDaemonMessage({ _tag: 'stderr', data }))
  }

  status(text: string): void {
    this.write(encodeDaemonMessage({ _tag: 'status', text }))
  }

  exit(code: number): void {
    this.end(encodeDaemonMessage({ _tag: 'exit', code }))
  }

  notMine(): void {
    this.end(encodeDaemonMessage({ _tag: 'notMine' }))
  }

  private end(bytes: Buffer): void {
    if (this.isAnswered) return
    this.isAnswered = true
    clearTimeout(this.timer)
    const last = this.unsent.length === 0 ? bytes : Buffer.concat([...this.unsent, bytes])
    // Who still writes to a socket that is closed gets an error, and Node then reads no answer: it is theirs to close.
    if (this.isCutShort) return void this.socket.end(last)
    // Closed as soon as all is written: nothing more is read, and to wait until the client closes costs two turns of the loop.
    this.socket.write(last, () =>
      // Inside of this call it would make an error, with a stack, for those who wait for more to be written: nobody does.
      queueMicrotask(() => this.socket.destroy()),
    )
  }

  /** What is to be read by a person can wait a moment: each write wakes a process, which costs more than what it says. */
  private write(bytes: Buffer): void {
    if (this.socket.destroyed || this.isAnswered) return
    this.unsent.push(bytes)
    this.unsentSize += bytes.length
    if (this.unsentSize > UNSENT_SIZE_MAX) this.flush()
    else this.timer ??= setTimeout(() => this.flush(), UNSENT_MS)
  }

  private flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.socket.write(Buffer.concat(this.unsent))
    this.unsent = []
    this.unsentSize = 0
    if (this.socket.writableLength > UNREAD_SIZE_MAX) this.socket.destroy()
  }
}

/** Serves on a socket at `path`, relative to the working folder. Nothing may be there. */
export const serve = (path: string, handlers: ServerHandlers): Promise<net.Server> => {
  const server = net.createServer((socket) => converse(socket, handlers))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

const converse = (socket: net.Socket, handlers: ServerHandlers): void => {
  const client = new SocketClient(socket)
  const decoder = new FrameDecoder()
  let size = 0
  let isWhole = false
  const refuse = (why: string): void => {
    client.stderr(Buffer.from(`redo  the request was not understood: ${why}\n`))
    client.exit(2)
    socket.destroySoon()
  }
  socket.on('data', (chunk) => {
    if (client.isAnswered) return
    size += chunk.length
    if (size > REQUEST_SIZE_MAX) return refuse(`it is over ${REQUEST_SIZE_MAX} bytes`)
    const { frames, error } = decoder.push(chunk)
    for (const frame of frames) {
      const decoded = decodeClientMessage(frame)
      if (E.isLeft(decoded))
        return refuse(
          'why' in decoded.left ? decoded.left.why : `a message of type '${decoded.left.type}' is not known`,
        )
      const message = decoded.right
      if (client.hello === undefined && message._tag !== 'hello') return refuse('it does not begin with a hello')
      if (message._tag === 'hello' && (message.protocol !== PROTOCOL || message.version !== packageVersion)) {
        client.take(message)
        client.isCutShort = true
        isWhole = true
        handlers.onRequest(client)
        return
      }
      if (message._tag === 'signal') {
        if (isWhole) handlers.onSignal(client, message.signal)
      } else if (isWhole) return refuse('it goes on behind its end')
      else if (message._tag === 'go') {
        isWhole = true
        handlers.onRequest(client)
      } else {
        client.take(message)
        if (message._tag === 'input' && client.isSummed) size -= message.data.length
      }
    }
    if (error !== undefined)
      refuse(error._tag === 'emptyFrame' ? 'a frame is empty' : `a frame of ${error.length} bytes is too long`)
  })
  const gone = (): void => {
    if (client.hasGone) return
    client.hasGone = true
    if (isWhole && !client.isAnswered) handlers.onGone(client)
    client.isAnswered = true
    socket.destroy()
  }
  socket.on('end', gone)
  socket.on('error', gone)
  socket.on('close', gone)
}
