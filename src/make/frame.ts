/**
 * Frames: how Redford's processes talk over sockets and pipes. A frame is a 32-bit little-endian length of what follows,
 * one byte of type, and the payload. What the types mean stands with each protocol (`forkserver-messages.ts` here,
 * `protocol.ts` in `redo`), not in this file.
 */

/** Longest frame, counted as its length field counts: type byte and payload. A longer one is a broken or hostile peer. */
export const FRAME_SIZE_MAX = 16 * 1024 * 1024

export interface Frame {
  /** The type byte; the protocols use printable letters. */
  readonly type: number
  /** May share the memory of the chunk it came in: copy it to keep it for long. */
  readonly payload: Buffer
}

/** The stream cannot be read on, for the place of the next frame is unknown. `length` is what the peer claimed. */
export type FrameError = { readonly _tag: 'emptyFrame' } | { readonly _tag: 'frameTooLong'; readonly length: number }

/** What one chunk held: every frame completed by it, also those in front of an error. */
export interface Decoded {
  readonly frames: readonly Frame[]
  readonly error: FrameError | undefined
}

/** One frame of the concatenated parts. A string is a byte string: one char a byte. Throws when longer than the limit. */
export const encodeFrame = (type: number, ...parts: readonly (Uint8Array | string)[]): Buffer => {
  let length = 1
  for (const part of parts) length += part.length
  if (length > FRAME_SIZE_MAX) throw new RangeError(`a frame of ${length} bytes is over the limit of ${FRAME_SIZE_MAX}`)
  const frame = Buffer.allocUnsafe(4 + length)
  frame.writeUInt32LE(length, 0)
  frame[4] = type
  let at = 5
  for (const part of parts) {
    if (typeof part === 'string') frame.write(part, at, 'latin1')
    else frame.set(part, at)
    at += part.length
  }
  return frame
}

const checkLength = (length: number): FrameError | undefined => {
  if (length === 0) return { _tag: 'emptyFrame' }
  return length > FRAME_SIZE_MAX ? { _tag: 'frameTooLong', length } : undefined
}

/**
 * Cuts a byte stream into frames, wherever the chunks may be split. Holds at most one unfinished frame, in memory that
 * grows with what has really arrived: a claimed length costs a peer nothing, so it must cost us nothing either.
 */
export class FrameDecoder {
  /** Head and body of the unfinished frame; only the first `heldSize` bytes are meant. */
  private held = Buffer.alloc(0)
  private heldSize = 0
  private error: FrameError | undefined = undefined

  /** After an error the rest of the stream is ignored, and each call tells the same error. */
  push(chunk: Buffer): Decoded {
    const frames: Frame[] = []
    let at = 0
    while (this.error === undefined && at < chunk.length) {
      if (this.heldSize === 0 && chunk.length - at >= 4) {
        const length = chunk.readUInt32LE(at)
        this.error = checkLength(length)
        if (this.error !== undefined) break
        const end = at + 4 + length
        if (end <= chunk.length) {
          frames.push({ type: chunk[at + 4]!, payload: chunk.subarray(at + 5, end) })
          at = end
          continue
        }
      }
      at = this.hold(chunk, at, frames)
    }
    return { frames, error: this.error }
  }

  /** True between frames: a stream that ends elsewhere was cut. */
  get isEmpty(): boolean {
    return this.heldSize === 0
  }

  /** Moves bytes into the unfinished frame, up to the end of its head or of its body; gives the new position in `chunk`. */
  private hold(chunk: Buffer, at: number, frames: Frame[]): number {
    const needed = this.heldSize < 4 ? 4 : 4 + this.held.readUInt32LE(0)
    const taken = Math.min(needed - this.heldSize, chunk.length - at)
    this.reserve(this.heldSize + taken, needed)
    chunk.copy(this.held, this.heldSize, at, at + taken)
    this.heldSize += taken
    if (this.heldSize === needed) {
      if (needed === 4) this.error = checkLength(this.held.readUInt32LE(0))
      else {
        frames.push({ type: this.held[4]!, payload: this.held.subarray(5, needed) })
        this.held = Buffer.alloc(0)
        this.heldSize = 0
      }
    }
    return at + taken
  }

  /** Doubles up to what the whole frame needs, so that a frame of many small chunks is copied a constant number of times. */
  private reserve(size: number, wholeSize: number): void {
    if (size <= this.held.length) return
    const grown = Buffer.allocUnsafe(Math.max(size, Math.min(wholeSize, this.held.length * 2), 64))
    this.held.copy(grown, 0, 0, this.heldSize)
    this.held = grown
  }
}

/** Names as they travel: each byte string with a NUL behind it. Throws on a string that holds a NUL itself. */
export const packStrings = (strings: readonly string[]): Buffer => {
  let size = 0
  for (const string of strings) size += string.length + 1
  const packed = Buffer.allocUnsafe(size)
  let at = 0
  for (const string of strings) {
    if (string.includes('\0')) throw new RangeError('a NUL cannot travel inside a string')
    packed.write(string, at, 'latin1')
    at += string.length
    packed[at++] = 0
  }
  return packed
}

/** Undoes {@link packStrings}; undefined when the last string has no NUL behind it. */
export const unpackStrings = (packed: Buffer): string[] | undefined => {
  if (packed.length === 0) return []
  if (packed[packed.length - 1] !== 0) return undefined
  return packed.toString('latin1', 0, packed.length - 1).split('\0')
}
