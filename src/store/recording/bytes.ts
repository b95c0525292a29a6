/**
 * Numbers and texts as bytes: LEB128 for numbers, zigzag where they have a sign. Where there are very many, words of three or four bytes: that takes a
 * half of the time.
 */
import { Damage } from '../database.js'

/** Texts of so many chars have a length of one byte. */
const SHORT = 40

/** Bytes of an integer of 32 bits, at most. */
export const INT_BYTES = 5

/** An integer from 0 on, of 32 bits at most, at `at`; gives where it ends. As a function: it is part of whatever loop calls it. */
export const putCount = (bytes: Uint8Array, at: number, n: number): number => {
  let rest = n
  let end = at
  while (rest > 127) {
    bytes[end++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[end++] = rest
  return end
}

/** An integer of 32 bits with a sign. */
export const putSigned = (bytes: Uint8Array, at: number, n: number): number =>
  putCount(bytes, at, ((n << 1) ^ (n >> 31)) >>> 0)

export class ByteWriter {
  /** What is at `end` and behind it is to be written. For loops: see {@link reserve}. */
  bytes: Buffer
  /** Of the same bytes. */
  dataView: DataView
  end = 0

  /** `size`: what it has room for at first. Memory that nothing is written to costs nothing; to get more, what was written is copied. */
  constructor(size = 1 << 12) {
    this.bytes = Buffer.allocUnsafe(size)
    this.dataView = dataViewOf(this.bytes)
  }

  get length(): number {
    return this.end
  }

  /** All that was written, to be read at once: the next write may change it. */
  view(): Buffer {
    return this.bytes.subarray(0, this.end)
  }

  clear(): void {
    this.end = 0
  }

  byte(byte: number): void {
    if (this.end === this.bytes.length) this.room(1)
    this.bytes[this.end++] = byte
  }

  /** An integer from 0 on. */
  count(n: number): void {
    if (this.end + 8 > this.bytes.length) this.room(8)
    const { bytes } = this
    let rest = n
    while (rest > 0x7fffffff) {
      bytes[this.end++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    while (rest > 127) {
      bytes[this.end++] = (rest & 127) | 128
      rest >>>= 7
    }
    bytes[this.end++] = rest
  }

  /** An integer with a sign: small ones are short, whichever it is. */
  signed(n: number): void {
    if (n === (n | 0)) this.end = putSigned(this.reserve(INT_BYTES), this.end, n)
    else this.count(n < 0 ? -2 * n - 1 : 2 * n)
  }

  /** How many numbers, and each by what it differs from the one before: that of the first is `before`. Gives the last. */
  steps(numbers: readonly number[], before: number): number {
    const { length } = numbers
    this.count(length)
    const bytes = this.reserve(INT_BYTES * length)
    let { end } = this
    let last = before
    for (let i = 0; i < length; i++) {
      const n = numbers[i]!
      // Ids have 31 bits, so what they differ by has 32.
      end = putSigned(bytes, end, n - last)
      last = n
    }
    this.end = end
    return last
  }

  /** 32 bits as they are. */
  word(n: number): void {
    if (this.end + 4 > this.bytes.length) this.room(4)
    this.dataView.setInt32(this.end, n, true)
    this.end += 4
  }

  words(words: Int32Array): void {
    this.raw(new Uint8Array(words.buffer, words.byteOffset, words.byteLength))
  }

  raw(bytes: Uint8Array): void {
    if (this.end + bytes.length > this.bytes.length) this.room(bytes.length)
    this.bytes.set(bytes, this.end)
    this.end += bytes.length
  }

  /** With its length before it. `latin1`: one byte per char. */
  text(text: string, encoding: 'utf8' | 'latin1'): void {
    if (text.length <= SHORT && this.short(text, encoding)) return
    const length = encoding === 'latin1' ? text.length : Buffer.byteLength(text)
    this.count(length)
    if (this.end + length > this.bytes.length) this.room(length)
    this.bytes.write(text, this.end, encoding)
    this.end += length
  }

  /** Char by char: calling out of JavaScript costs more. False, and nothing is written: there is one that takes more than a byte. */
  private short(text: string, encoding: 'utf8' | 'latin1'): boolean {
    const { length } = text
    if (this.end + 1 + length > this.bytes.length) this.room(1 + length)
    const { bytes } = this
    let at = this.end
    bytes[at++] = length
    let all = 0
    for (let i = 0; i < length; i++) {
      const char = text.charCodeAt(i)
      all |= char
      bytes[at++] = char
    }
    if (all > (encoding === 'latin1' ? 255 : 127)) return false
    this.end = at
    return true
  }

  /** Sees to it that there is room for so many more; they are `bytes`, and in `dataView`, from `end` on. */
  reserve(more: number): Buffer {
    if (this.end + more > this.bytes.length) this.room(more)
    return this.bytes
  }

  private room(more: number): void {
    const longer = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.end + more))
    longer.set(this.view())
    this.bytes = longer
    this.dataView = dataViewOf(longer)
  }
}

const dataViewOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length)

const NONE: readonly never[] = []

/** As many as are said to come, each by `read`. An array that grows by one takes room for many: most are of one, or empty. */
export const listOf = <A>(r: ByteReader, read: (r: ByteReader) => A): readonly A[] => {
  const count = r.count()
  if (count === 0) return NONE
  const found = [read(r)]
  for (let left = count - 1; left > 0; left--) found.push(read(r))
  return found
}

/** Reads what a writer wrote. What comes to an end too early is damaged. */
export class ByteReader {
  constructor(
    private readonly bytes: Buffer,
    public at = 0,
  ) {}

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length
  }

  byte(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw new Damage('a record ends too early')
    return byte
  }

  count(): number {
    // Nearly all are short.
    const first = this.byte()
    if (first < 128) return first
    let n = first & 127
    let scale = 128
    for (;;) {
      const byte = this.byte()
      n += (byte & 127) * scale
      if (byte < 128) return n
      scale *= 128
    }
  }

  signed(): number {
    const n = this.count()
    if (n <= 0x7fffffff) return (n & 1) === 0 ? n >>> 1 : ~(n >>> 1)
    return n % 2 === 0 ? n / 2 : -(n + 1) / 2
  }

  word(): number {
    if (this.at + 4 > this.bytes.length) throw new Damage('a record ends too early')
    this.at += 4
    return this.bytes.readInt32LE(this.at - 4)
  }

  /** The lower 24 bits of a word. */
  shortWord(): number {
    const { bytes, at } = this
    if (at + 3 > bytes.length) throw new Damage('a record ends too early')
    this.at += 3
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
  }

  /** A word that says how much comes. */
  length(): number {
    return this.word() >>> 0
  }

  words(count: number): Int32Array {
    const words = new Int32Array(count)
    new Uint8Array(words.buffer).set(this.take(4 * count))
    return words
  }

  text(encoding: 'utf8' | 'latin1'): string {
    const length = this.count()
    if (this.at + length > this.bytes.length) throw new Damage('a record ends too early')
    this.at += length
    return this.bytes.toString(encoding, this.at - length, this.at)
  }

  take(length: number): Buffer {
    this.skip(length)
    return this.bytes.subarray(this.at - length, this.at)
  }

  skip(length: number): void {
    if (this.at + length > this.bytes.length) throw new Damage('a record ends too early')
    this.at += length
  }
}
