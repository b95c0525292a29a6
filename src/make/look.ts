/**
 * Looking at a path: whether it is there, and a digest of everything `stat` says that a change would show in. The same
 * words come from the batch stat of `native/redford.c`; the two must change together (`test/make/look.test.ts` compares
 * them). What a file holds is asked of {@link hashFile}, only when the look differs or cannot be trusted.
 */
import { createHash, hash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import { ABSENT, FILE, FOLDER, LOOK_FAILED, OTHER } from '../model/look.js'

export interface Look {
  /** Of those in `model/look.ts`. */
  readonly kind: number
  /** With `stat1`, 64 bits of digest over `stat`, as Int32; both 0 when absent or failed, never both 0 otherwise. */
  readonly stat0: number
  readonly stat1: number
  /** The file changed so recently that another change may leave the same `stat`: `stat0` and `stat1` prove nothing. */
  readonly racy: boolean
  /** Why the look failed (kind 4), else 0. */
  readonly errno: number
  readonly isLink: boolean
}

/** A look at what is in a place itself, and all that the system says of it; undefined: there is nothing, or it cannot be looked at. */
export interface OwnLook extends Look {
  readonly own: BigIntStats | undefined
}

/**
 * How near to the look a change makes it racy, in ms. File times come from a clock that ticks every 1 to 10 ms, so two
 * writes within one tick look alike. After the "racy git" problem.
 */
export const RACY_WINDOW_MS = 20

/** Whether a file that changed at `changedMs` could change again, unseen, after a look at `lookedMs` (ms since epoch). */
export const isRacy = (lookedMs: number, changedMs: number): boolean => changedMs > lookedMs - RACY_WINDOW_MS

const nothing: OwnLook = { kind: ABSENT, stat0: 0, stat1: 0, racy: false, errno: 0, isLink: false, own: undefined }

const STAT_OPTIONS = { bigint: true, throwIfNoEntry: false } as const

/** The root's own name is empty. */
const asBytes = (path: string): Buffer => Buffer.from(path === '' ? '.' : path, 'latin1')

/** Looks at a path, given as a byte string or as bytes; a link is looked at itself and at its end. */
export const look = (path: string | Buffer): Look => lookBy(path, endOf)

/** Looks at what is in that place: a link is looked at itself only, and is no folder, wherever it leads. */
export const lookAtItself = (path: string | Buffer): OwnLook => lookBy(path, () => undefined)

/** Whether it is another file, or was written to, and not merely got another name or mode, which changes its ctime alone. */
export const isOtherFile = ({ own: before }: OwnLook, { own: now }: OwnLook): boolean =>
  before?.ino !== now?.ino || before?.size !== now?.size || before?.mtimeNs !== now?.mtimeNs

const endOf = (link: Buffer): BigIntStats | undefined => {
  try {
    return statSync(link, STAT_OPTIONS)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}

const lookBy = (path: string | Buffer, follow: typeof endOf): OwnLook => {
  const lookedMs = Date.now()
  const bytes = typeof path === 'string' ? asBytes(path) : path
  try {
    const own = lstatSync(bytes, STAT_OPTIONS)
    if (own === undefined) return nothing
    return lookOf(own, own.isSymbolicLink() ? follow(bytes) : undefined, lookedMs)
  } catch (error) {
    const { errno = 0, code } = error as NodeJS.ErrnoException
    // A path below a file: as absent as can be.
    return code === 'ENOTDIR' ? nothing : { ...nothing, kind: LOOK_FAILED, errno: Math.abs(errno) }
  }
}

/** Why a look failed: a loop of links, a folder that is closed to us. */
export const faultOf = (path: string): string => {
  try {
    statSync(asBytes(path))
    return 'it could not be looked at'
  } catch (error) {
    return `it cannot be looked at: ${(error as Error).message.split(',')[0]}`
  }
}

const lookOf = (own: BigIntStats, end: BigIntStats | undefined, lookedMs: number): OwnLook => {
  lanes.a = 0x9e3779b9 | 0
  lanes.b = 0x85ebca6b | 0
  addStat(own)
  if (end !== undefined) addStat(end)
  const at = end ?? own
  const kind = at.isFile() ? FILE : at.isDirectory() ? FOLDER : OTHER
  return {
    kind,
    ...finish(),
    racy: changedLately(own, lookedMs) || (end !== undefined && changedLately(end, lookedMs)),
    errno: 0,
    isLink: own.isSymbolicLink(),
    own,
  }
}

const changedLately = (stat: BigIntStats, lookedMs: number): boolean =>
  !stat.isDirectory() && (isRacy(lookedMs, Number(stat.mtimeMs)) || isRacy(lookedMs, Number(stat.ctimeMs)))

/** The two running lanes; kept here and not made anew, since a scan looks at hundreds of thousands of paths. */
const lanes = { a: 0, b: 0 }

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits))

const addWord = (word: number): void => {
  const a = rotate(Math.imul(lanes.a ^ word, 0xcc9e2d51), 15)
  const b = Math.imul((lanes.b + word + rotate(a, 7)) | 0, 0x1b873593)
  lanes.a = a
  lanes.b = b ^ (b >>> 13)
}

const SECOND = 1_000_000_000n
const low = (x: bigint): number => Number(BigInt.asIntN(32, x))
const high = (x: bigint): number => Number(BigInt.asIntN(32, x >> 32n))

/** Seconds (low 32 bits) and nanoseconds; before 1970 the nanoseconds still count forwards, as in C. */
const addTime = (ns: bigint): void => {
  let seconds = ns / SECOND
  let rest = ns % SECOND
  if (rest < 0n) {
    seconds -= 1n
    rest += SECOND
  }
  addWord(low(seconds))
  addWord(low(rest))
}

const addStat = (stat: BigIntStats): void => {
  const mode = Number(stat.mode)
  // Folders are checked for being there only: what goes on inside them is no change of theirs.
  if ((mode & constants.S_IFMT) === constants.S_IFDIR) return addWord(constants.S_IFDIR)
  addWord(mode)
  addWord(low(stat.size))
  addWord(high(stat.size))
  addTime(stat.mtimeNs)
  addTime(stat.ctimeNs)
  addWord(low(stat.ino))
  addWord(high(stat.ino))
}

const finish = (): { stat0: number; stat1: number } => {
  let { a, b } = lanes
  a ^= b >>> 16
  a = Math.imul(a, 0x85ebca6b)
  a ^= a >>> 13
  b ^= a >>> 15
  b = Math.imul(b, 0xc2b2ae35)
  b ^= b >>> 16
  return { stat0: a, stat1: a === 0 && b === 0 ? 1 : b }
}

/** First 128 bits of the SHA-256 of what a file holds, as four Int32 of little-endian words. */
export type ContentDigest = readonly [number, number, number, number]

/** Why there is no digest. `errno` is positive. */
export type HashError =
  | { readonly _tag: 'absent' }
  /** A folder, a device, a pipe, a socket: there is no content to digest. */
  | { readonly _tag: 'notAFile' }
  | { readonly _tag: 'unreadable'; readonly code: string; readonly errno: number }

/** Shared by all calls, which are synchronous. Large enough that a source is one read, small enough to stay in the cache. */
const chunk = Buffer.allocUnsafeSlow(256 * 1024)

/** `size` bytes were read into the chunk already. */
const digestInPieces = (fd: number, size: number): Buffer => {
  const pieces = createHash('sha256')
  for (let n = size; n > 0; n = readSync(fd, chunk, 0, chunk.length, null)) pieces.update(chunk.subarray(0, n))
  return pieces.digest()
}

/** Digests a file (through links), in constant memory whatever its size. */
export const hashFile = (path: string | Buffer): E.Either<HashError, ContentDigest> => {
  const bytes = typeof path === 'string' ? asBytes(path) : path
  let fd: number | undefined
  try {
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    fd = openSync(bytes, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (!stat.isFile()) return E.left({ _tag: 'notAFile' })
    const first = readSync(fd, chunk, 0, chunk.length, null)
    // Most files come whole with the first read; for them there is a faster way.
    const digest = first === stat.size ? hash('sha256', chunk.subarray(0, first), 'buffer') : digestInPieces(fd, first)
    return E.right([digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12)])
  } catch (error) {
    const { errno = 0, code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return E.left({ _tag: 'absent' })
    if (code === 'ENXIO') return E.left({ _tag: 'notAFile' })
    return E.left({ _tag: 'unreadable', code, errno: Math.abs(errno) })
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
