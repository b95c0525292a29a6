/**
 * The words between the daemon and the forkserver (`native/redford.c --forkserver`). Both directions are encoded and
 * decoded here, so that either side can be played by a test.
 */
import * as E from 'fp-ts/lib/Either.js'
import { encodeFrame, type Frame, packStrings, unpackStrings } from './frame.js'

/** A frame that is whole but says nothing we know. `type` as a letter. */
export type MessageError =
  | { readonly _tag: 'unknownType'; readonly type: string }
  | { readonly _tag: 'malformed'; readonly type: string; readonly why: string }

/** A run of one process in a process group of its own. All strings are byte strings. */
export interface RunRequest {
  /** Chosen by the caller, not in use by another run. */
  readonly runId: number
  /** Names an environment given by `define` before. */
  readonly envId: number
  /** File mode creation mask of the process. */
  readonly umask: number
  readonly cwd: string
  /** Made empty, mode 0666 less this umask; "" is /dev/null. Relative to the daemon's folder, not to `cwd`. */
  readonly stdoutPath: string
  /** Appended to, made with mode 0600; "" is /dev/null. */
  readonly stderrPath: string
  /** NAME=value, in place of the environment's own of that name. */
  readonly extraEnv: readonly string[]
  /** Program and arguments; never empty. A program without a slash is looked for in the PATH of the run's environment. */
  readonly argv: readonly string[]
}

/** The end of a run's first process. */
export interface Exit {
  readonly runId: number
  /** -1 when a signal ended it. */
  readonly exitCode: number
  /** 0 when it exited. */
  readonly signal: number
  /** Processes of its group are left. */
  readonly hasCompany: boolean
  /** Nothing is in the file of its standard output, and nobody has it open: another run with this umask may have it. */
  readonly isStdoutUnused: boolean
  /** As much of its standard error. */
  readonly isStderrUnused: boolean
}

/** Sources that a do-file read, left without waiting for an answer (decision 041). All strings are byte strings. */
export interface Note {
  readonly runId: number
  /** Absolute; what the names are relative to. */
  readonly cwd: string
  readonly names: readonly string[]
  /** How they looked when they were asked for: `NOTE_STRIDE` words a name, stat0 and stat1 of a look and the digest of the content, 0 if not known. */
  readonly looks: Int32Array
}

export const NOTE_STRIDE = 6

export type ForkserverCommand =
  /** `env`: NAME=value strings, each with a NUL behind it. Kept until defined again. */
  | { readonly _tag: 'define'; readonly envId: number; readonly env: Buffer }
  | ({ readonly _tag: 'run' } & RunRequest)
  /** Kept, one at most, and started as soon as the leader of another run exits with 0. */
  | ({ readonly _tag: 'standby' } & RunRequest)
  /** Starts what stands by under this id. Of another: nothing happens. */
  | { readonly _tag: 'go'; readonly runId: number }
  /**
   * To the whole process group, also after the exit of its leader. What stands by is forgotten, and told to have exited with this
   * signal. Of an unknown run: nothing happens.
   */
  | { readonly _tag: 'kill'; readonly runId: number; readonly signal: number }
  /** Passes on the notes of do-files from now on, which leave them in the state folder of the working folder. */
  | { readonly _tag: 'notes' }
  /** `paths`: each with a NUL behind it. */
  | { readonly _tag: 'stat'; readonly sequence: number; readonly paths: Buffer }

export type ForkserverReply =
  /** The program runs; `pid` is also its process group. Nobody waits for it: it may come a little later, but before any other of that run. */
  | { readonly _tag: 'started'; readonly runId: number; readonly pid: number }
  | ({ readonly _tag: 'exited' } & Exit)
  /** It could not be started: the errno and what was tried. */
  | { readonly _tag: 'failed'; readonly runId: number; readonly errno: number; readonly text: string }
  /** Told before the end of the run that left it, and not at once. */
  | ({ readonly _tag: 'noted' } & Note)
  /** Four words a path: kind, errno or 0, stat0, stat1 (`look.ts`). */
  | { readonly _tag: 'stats'; readonly sequence: number; readonly words: Int32Array }

const letter = (type: number): string => String.fromCharCode(type)
const V = 0x56
const R = 0x52
const N = 0x4e
const G = 0x47
const K = 0x4b
const S = 0x53
const Q = 0x51
const P = 0x50
const X = 0x58
const F = 0x46

/** Flags of an exit. */
const HAS_COMPANY = 1
const STDOUT_UNUSED = 2
const STDERR_UNUSED = 4

const u32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(values.length * 4)
  values.forEach((value, i) => bytes.writeUInt32LE(value >>> 0, i * 4))
  return bytes
}

export const malformed = (type: number, why: string): E.Either<MessageError, never> =>
  E.left({ _tag: 'malformed', type: letter(type), why })

/** Bytes of a command, ready to be written. Throws RangeError when it is over the limit of a frame. */
export const encodeCommand = (command: ForkserverCommand): Buffer => {
  switch (command._tag) {
    case 'define':
      return encodeFrame(V, u32(command.envId), command.env)
    case 'run':
    case 'standby': {
      const { runId, envId, umask, cwd, stdoutPath, stderrPath, extraEnv, argv } = command
      const strings = [cwd, stdoutPath, stderrPath, String(extraEnv.length), ...extraEnv, ...argv]
      return encodeFrame(command._tag === 'run' ? R : N, u32(runId, envId, umask), packStrings(strings))
    }
    case 'go':
      return encodeFrame(G, u32(command.runId))
    case 'kill':
      return encodeFrame(K, u32(command.runId, command.signal))
    case 'notes':
      return encodeFrame(Q)
    case 'stat':
      return encodeFrame(S, u32(command.sequence), command.paths)
  }
}

export const decodeCommand = ({ type, payload }: Frame): E.Either<MessageError, ForkserverCommand> => {
  if (type === Q) return payload.length === 0 ? E.right({ _tag: 'notes' }) : malformed(type, 'wrong size')
  if (![V, R, N, G, K, S].includes(type)) return E.left({ _tag: 'unknownType', type: letter(type) })
  const headSize = type === R || type === N ? 12 : type === K ? 8 : 4
  if (payload.length < headSize) return malformed(type, 'too short')
  const id = payload.readUInt32LE(0)
  const rest = payload.subarray(headSize)
  if (type === V || type === S) {
    if (rest.length > 0 && rest[rest.length - 1] !== 0) return malformed(type, 'the last string has no end')
    return E.right(type === V ? { _tag: 'define', envId: id, env: rest } : { _tag: 'stat', sequence: id, paths: rest })
  }
  if (type === G) return E.right({ _tag: 'go', runId: id })
  if (type === K) return E.right({ _tag: 'kill', runId: id, signal: payload.readUInt32LE(4) })
  const [cwd, stdoutPath, stderrPath, count, ...more] = unpackStrings(rest) ?? []
  if (cwd === undefined || stdoutPath === undefined || stderrPath === undefined || count === undefined)
    return malformed(type, 'strings are missing')
  const extraCount = /^\d{1,9}$/.test(count) ? Number(count) : Number.NaN
  if (!(extraCount < more.length)) return malformed(type, 'no program')
  const extraEnv = more.slice(0, extraCount)
  const argv = more.slice(extraCount)
  return E.right({
    _tag: type === R ? 'run' : 'standby',
    runId: id,
    envId: payload.readUInt32LE(4),
    umask: payload.readUInt32LE(8),
    cwd,
    stdoutPath,
    stderrPath,
    extraEnv,
    argv,
  })
}

export const encodeReply = (reply: ForkserverReply): Buffer => {
  switch (reply._tag) {
    case 'started':
      return encodeFrame(P, u32(reply.runId, reply.pid))
    case 'exited':
      return encodeFrame(X, u32(reply.runId, reply.exitCode, reply.signal, flagsOf(reply)))
    case 'failed':
      return encodeFrame(F, u32(reply.runId, reply.errno), reply.text)
    case 'noted':
      return encodeFrame(
        Q,
        u32(reply.runId, reply.names.length, ...reply.looks),
        packStrings([reply.cwd, ...reply.names]),
      )
    case 'stats':
      return encodeFrame(S, u32(reply.sequence), u32(...reply.words))
  }
}

const flagsOf = ({ hasCompany, isStdoutUnused, isStderrUnused }: Exit): number =>
  (hasCompany ? HAS_COMPANY : 0) | (isStdoutUnused ? STDOUT_UNUSED : 0) | (isStderrUnused ? STDERR_UNUSED : 0)

export const decodeReply = ({ type, payload }: Frame): E.Either<MessageError, ForkserverReply> => {
  const size = payload.length
  switch (type) {
    case P:
      if (size !== 8) return malformed(type, 'wrong size')
      return E.right({ _tag: 'started', runId: payload.readUInt32LE(0), pid: payload.readUInt32LE(4) })
    case X: {
      if (size !== 16) return malformed(type, 'wrong size')
      const flags = payload.readUInt32LE(12)
      return E.right({
        _tag: 'exited',
        runId: payload.readUInt32LE(0),
        exitCode: payload.readInt32LE(4),
        signal: payload.readInt32LE(8),
        hasCompany: (flags & HAS_COMPANY) !== 0,
        isStdoutUnused: (flags & STDOUT_UNUSED) !== 0,
        isStderrUnused: (flags & STDERR_UNUSED) !== 0,
      })
    }
    case F: {
      if (size < 8) return malformed(type, 'too short')
      const errno = payload.readInt32LE(4)
      return E.right({ _tag: 'failed', runId: payload.readUInt32LE(0), errno, text: payload.toString('latin1', 8) })
    }
    case Q: {
      const count = size < 8 ? 0 : payload.readUInt32LE(4)
      const end = 8 + count * NOTE_STRIDE * 4
      if (count === 0 || size < end) return malformed(type, 'too short')
      const [cwd, ...names] = unpackStrings(payload.subarray(end)) ?? []
      if (cwd === undefined || names.length !== count) return malformed(type, 'strings are missing')
      const looks = wordsOf(payload.subarray(8, end))
      return E.right({ _tag: 'noted', runId: payload.readUInt32LE(0), cwd, names, looks })
    }
    case S: {
      if (size < 4 || (size - 4) % 16 !== 0) return malformed(type, 'wrong size')
      return E.right({ _tag: 'stats', sequence: payload.readUInt32LE(0), words: wordsOf(payload.subarray(4)) })
    }
    default:
      return E.left({ _tag: 'unknownType', type: letter(type) })
  }
}

/** 32-bit little-endian words as an array of their own; every machine we run on is little-endian. */
export const wordsOf = (bytes: Buffer): Int32Array => {
  const words = new Int32Array(bytes.length >>> 2)
  new Uint8Array(words.buffer).set(bytes.subarray(0, words.byteLength))
  return words
}
