/** A stand-in for the daemon: hears what clients say, and answers as the test wants. */
import fs from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import {
  type ClientMessage,
  type DaemonMessage,
  decodeClientMessage,
  encodeDaemonMessage,
  FrameDecoder,
} from '../../src/redo/protocol.js'

export interface Connection {
  /** All messages so far; lists that came in pieces are not joined. */
  readonly heard: ClientMessage[]
  say(...messages: DaemonMessage[]): void
  /** Bytes as they are, to be rude. */
  sayRaw(bytes: Buffer): void
  hangUp(): void
}

export interface StandIn {
  readonly connections: Connection[]
  close(): Promise<void>
}

/** Listens in `root`; `onMessage` is called after each message. */
export const standIn = async (
  root: string,
  onMessage: (message: ClientMessage, connection: Connection) => void,
): Promise<StandIn> => {
  const connections: Connection[] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    const decoder = new FrameDecoder()
    const connection: Connection = {
      heard: [],
      say: (...messages) => void socket.write(Buffer.concat(messages.map(encodeDaemonMessage))),
      sayRaw: (bytes) => void socket.write(bytes),
      hangUp: () => void socket.destroy(),
    }
    connections.push(connection)
    socket.on('data', (chunk: Buffer) => {
      const { frames, error } = decoder.push(chunk)
      if (error !== undefined) throw new Error(`a client sent ${error._tag}`)
      for (const frame of frames) {
        const message = decodeClientMessage(frame)
        if (E.isLeft(message)) throw new Error(`a client sent ${JSON.stringify(message.left)}`)
        connection.heard.push(message.right)
        onMessage(message.right, connection)
      }
    })
  })
  const bytes = Buffer.from(root, 'latin1')
  fs.mkdirSync(Buffer.concat([bytes, Buffer.from('/.redford')]), { recursive: true, mode: 0o700 })
  // Also where the name of the root is too long for a socket, or no UTF-8.
  const link = fs.mkdtempSync(join(fs.realpathSync('/tmp'), 'redford-in-'))
  fs.symlinkSync(bytes, join(link, 'root'))
  await new Promise<void>((resolve) => server.listen(join(link, 'root/.redford/socket'), resolve))
  return {
    connections,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      fs.rmSync(link, { recursive: true })
    },
  }
}
