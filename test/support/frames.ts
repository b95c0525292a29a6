/**
 * The daemon's wire protocol from a test's side: enough to be an odd client or a false daemon. The length that begins a frame counts the
 * type byte and the payload.
 */
import * as net from 'node:net'
import * as path from 'node:path'
import { packageVersion, type Space } from './space.js'

export interface Frame {
  readonly type: string
  readonly payload: Buffer
}

export const frame = (type: string, payload: string | Buffer = ''): Buffer => {
  const body = Buffer.concat([
    Buffer.from(type, 'latin1'),
    typeof payload === 'string' ? Buffer.from(payload) : payload,
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(body.length)
  return Buffer.concat([length, body])
}

const strings = (...words: readonly string[]): string => words.map((word) => `${word}\0`).join('')

/** All the frames of a request as a client without a terminal sends them. */
export const request = (space: Space, command: string, args: readonly string[], version = packageVersion): Buffer =>
  Buffer.concat([
    frame('H', strings('2', version, command, space.root, '', '0', '0', '80', '1', '0:0', '0', '18')),
    frame('E', strings(...Object.entries(space.environment()).map(([name, value]) => `${name}=${value}`))),
    frame('A', strings(...args)),
    frame('G'),
  ])

/** Whole frames at the front of what has arrived so far. */
export const framesOf = (bytes: Buffer): readonly Frame[] => {
  const frames: Frame[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    if (at + 4 + length > bytes.length) break
    frames.push({ type: bytes.toString('latin1', at + 4, at + 5), payload: bytes.subarray(at + 5, at + 4 + length) })
    at += 4 + length
  }
  return frames
}

/**
 * Sends bytes to the daemon and gives back every frame up to the end of the connection, or up to X or N. A connection error counts as
 * its end; one that stays open and silent is an error after `timeoutMs`.
 */
export const exchange = (space: Space, bytes: Buffer, timeoutMs = 5_000): Promise<readonly Frame[]> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(path.join(space.root, '.redford/socket'))
    let received: Buffer = Buffer.alloc(0)
    const end = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(framesOf(received))
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end of the connection in ${timeoutMs} ms`))
    }, timeoutMs)
    socket.on('data', (data) => {
      received = Buffer.concat([received, data])
      if (framesOf(received).some(({ type }) => type === 'X' || type === 'N')) end()
    })
    socket.on('error', end)
    socket.on('close', end)
    socket.write(bytes)
  })
