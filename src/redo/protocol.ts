/**
 * The words between a redo command (the client) and the daemon, over the project's socket. `native/client.c` speaks
 * the client's side; the two must change together, and {@link PROTOCOL} with them. Strings are byte strings, one char a
 * byte. The forkserver's words are re-exported, so that this file shows the whole protocol.
 */
import * as E from 'fp-ts/lib/Either.js'
import { type MessageError, malformed } from '../make/forkserver-messages.js'
import { encodeFrame, type Frame, packStrings, unpackStrings } from '../make/frame.js'

export * from '../make/forkserver-messages.js'
export * from '../make/frame.js'

/** A daemon that reads another protocol in the hello answers `notMine`. */
export const PROTOCOL = '2'

/** What a command without a daemon asks first: a daemon ends for it, and another such command answers {@link STAYS}. */
export const MAKE_WAY = 'redford-make-way'
/** Exit code: it goes on, and serves whoever asks meanwhile. */
export const STAYS = 3

/** Lists are cut into frames of about this size, so that the peer can begin early and holds little. */
const LIST_FRAME_SIZE_MAX = 1024 * 1024

/** First words of a client: who asks, and what its three standard files are. */
export interface Hello {
  readonly protocol: string
  /** Of the client's package; another version than the daemon's is not served. */
  readonly version: string
  /** Name of the command: `redo-ifchange`. */
  readonly command: string
  /** Working folder, absolute; by the name the shell knows it ($PWD) where that is true. */
  readonly cwd: string
  /** Names the run that asks (REDFORD_TOKEN); "" for a command of a person. */
  readonly token: string
  readonly stdoutTty: boolean
  readonly stderrTty: boolean
  readonly stdinTty: boolean
  /** Width of the terminal, 0 when there is none. */
  readonly columns: number
  /** NO_COLOR is set and not empty. */
  readonly noColor: boolean
  /** Device and inode of standard error, "dev:ino": tells whether a do-file redirected it. */
  readonly stderrFile: string
  /** File mode creation mask, for the do-files of its session; of a client with a token it means nothing. */
  readonly umask: number
}

export type ClientMessage =
  | ({ readonly _tag: 'hello' } & Hello)
  /** NAME=value strings; only of a client without token. A large one comes in several, to be appended. */
  | { readonly _tag: 'environment'; readonly variables: readonly string[] }
  /** Arguments behind the command's name; may come in several, to be appended. */
  | { readonly _tag: 'arguments'; readonly args: readonly string[] }
  /** A piece of standard input. */
  | { readonly _tag: 'input'; readonly data: Buffer }
  /** The request is complete. */
  | { readonly _tag: 'go' }
  /** The client got this signal and asks for an orderly end. */
  | { readonly _tag: 'signal'; readonly signal: number }

export type DaemonMessage =
  | { readonly _tag: 'stdout'; readonly data: Buffer }
  | { readonly _tag: 'stderr'; readonly data: Buffer }
  /** The live line of a terminal, a byte string without newline; "" erases it. */
  | { readonly _tag: 'status'; readonly text: string }
  /** Always the last. */
  | { readonly _tag: 'exit'; readonly code: number }
  /** Another version, draining, or outside the project: do it another way. */
  | { readonly _tag: 'notMine' }

const H = 0x48
const A_ = 0x41
const E_ = 0x45
const I = 0x49
const G = 0x47
const S = 0x53
const O = 0x4f
const R = 0x52
const T = 0x54
const X = 0x58
const N = 0x4e

const flag = (value: boolean): string => (value ? '1' : '0')

/** One list as frames of about 1 MiB each; an item that is longer has a frame of its own. An empty list is no frame. */
const encodeList = (type: number, items: readonly string[]): Buffer => {
  const frames: Buffer[] = []
  let begin = 0
  let size = 0
  items.forEach((item, i) => {
    if (i > begin && size + item.length + 1 > LIST_FRAME_SIZE_MAX) {
      frames.push(encodeFrame(type, packStrings(items.slice(begin, i))))
      begin = i
      size = 0
    }
    size += item.length + 1
  })
  if (begin < items.length) frames.push(encodeFrame(type, packStrings(items.slice(begin))))
  return Buffer.concat(frames)
}

/** Bytes of a message, ready to be written; long lists become several frames. Throws RangeError on a piece over the limit. */
export const encodeClientMessage = (message: ClientMessage): Buffer => {
  switch (message._tag) {
    case 'hello': {
      const { protocol, version, command, cwd, token, columns, stderrFile } = message
      const ttys = [flag(message.stdoutTty), flag(message.stderrTty), String(columns), flag(message.noColor)]
      const strings = [
        protocol,
        version,
        command,
        cwd,
        token,
        ...ttys,
        stderrFile,
        flag(message.stdinTty),
        String(message.umask),
      ]
      return encodeFrame(H, packStrings(strings))
    }
    case 'environment':
      return encodeList(E_, message.variables)
    case 'arguments':
      return encodeList(A_, message.args)
    case 'input':
      return encodeBytes(I, message.data)
    case 'go':
      return encodeFrame(G)
    case 'signal':
      return encodeFrame(S, Buffer.of(message.signal))
  }
}

const decodeHello = (payload: Buffer): E.Either<MessageError, ClientMessage> => {
  // Other protocols may say less or more behind the first eleven; they must still be understood well enough to be refused.
  const [protocol, version, command, cwd, token, stdoutTty, stderrTty, columns, noColor, stderrFile, stdinTty, umask] =
    unpackStrings(payload) ?? []
  if (stdinTty === undefined) return malformed(H, 'strings are missing')
  return E.right({
    _tag: 'hello',
    protocol: protocol!,
    version: version!,
    command: command!,
    cwd: cwd!,
    token: token!,
    stdoutTty: stdoutTty === '1',
    stderrTty: stderrTty === '1',
    stdinTty: stdinTty === '1',
    columns: /^\d{1,5}$/.test(columns!) ? Number(columns) : 0,
    noColor: noColor === '1',
    stderrFile: stderrFile!,
    umask: /^\d{1,3}$/.test(umask ?? '') ? Number(umask) : 0o077,
  })
}

export const decodeClientMessage = ({ type, payload }: Frame): E.Either<MessageError, ClientMessage> => {
  switch (type) {
    case H:
      return decodeHello(payload)
    case E_: {
      const variables = unpackStrings(payload)
      if (variables === undefined) return malformed(type, 'the last string has no end')
      return E.right({ _tag: 'environment', variables })
    }
    case A_: {
      const args = unpackStrings(payload)
      return args === undefined ? malformed(type, 'the last string has no end') : E.right({ _tag: 'arguments', args })
    }
    case I:
      return E.right({ _tag: 'input', data: payload })
    case G:
      return payload.length === 0 ? E.right({ _tag: 'go' }) : malformed(type, 'wrong size')
    case S:
      return payload.length === 1 ? E.right({ _tag: 'signal', signal: payload[0]! }) : malformed(type, 'wrong size')
    default:
      return E.left({ _tag: 'unknownType', type: String.fromCharCode(type) })
  }
}

/** Long input and output is cut into several frames, so that none is ever over the limit. */
const encodeBytes = (type: number, data: Buffer): Buffer => {
  if (data.length <= LIST_FRAME_SIZE_MAX) return encodeFrame(type, data)
  const frames: Buffer[] = []
  for (let at = 0; at < data.length; at += LIST_FRAME_SIZE_MAX)
    frames.push(encodeFrame(type, data.subarray(at, at + LIST_FRAME_SIZE_MAX)))
  return Buffer.concat(frames)
}

export const encodeDaemonMessage = (message: DaemonMessage): Buffer => {
  switch (message._tag) {
    case 'stdout':
      return encodeBytes(O, message.data)
    case 'stderr':
      return encodeBytes(R, message.data)
    case 'status':
      return encodeFrame(T, message.text)
    case 'exit':
      return encodeFrame(X, Buffer.of(message.code))
    case 'notMine':
      return encodeFrame(N)
  }
}

export const decodeDaemonMessage = ({ type, payload }: Frame): E.Either<MessageError, DaemonMessage> => {
  switch (type) {
    case O:
      return E.right({ _tag: 'stdout', data: payload })
    case R:
      return E.right({ _tag: 'stderr', data: payload })
    case T:
      return E.right({ _tag: 'status', text: payload.toString('latin1') })
    case X:
      return payload.length === 1 ? E.right({ _tag: 'exit', code: payload[0]! }) : malformed(type, 'wrong size')
    case N:
      return payload.length === 0 ? E.right({ _tag: 'notMine' }) : malformed(type, 'wrong size')
    default:
      return E.left({ _tag: 'unknownType', type: String.fromCharCode(type) })
  }
}
