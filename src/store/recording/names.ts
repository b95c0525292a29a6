/** Names in a recording: each is told in the record that speaks of its build for the first time. */
import { type ByteReader, type ByteWriter, INT_BYTES, putCount, putSigned } from './bytes.js'

/** A byte string; or that of a rule's key that is an integer of 32 bits, in two parts: of a hundred thousand, not one string need be made. */
export type Name = string | { readonly prefix: string; readonly number: number }

export const textOfName = (name: Name): string => (typeof name === 'string' ? name : name.prefix + name.number)

/** The names that are made of two parts, as columns: of each build that is written for the first time, not one object need be made. */
export interface NumberedNames {
  /** As they are now: to be asked for anew for each record. */
  readonly columns: NameColumns
  /** The text of a beginning. */
  textOf(beginning: number): string
}

/** By id, as far as they go. */
export interface NameColumns {
  /** Which of the beginnings the name has; 0: it is another name, if any. */
  readonly beginnings: Uint16Array
  readonly numbers: Int32Array
}

/** Ids that were written, and so have a name in the recording, or are to get one. A bit each: asked of every id, it is to stay near the processor. */
export class SeenIds {
  private bits: Int32Array = new Int32Array(1024)
  private fresh: Int32Array = new Int32Array(64)
  private count = 0

  see(id: number): void {
    if (this.has(id)) return
    this.know(id)
    if (this.count === this.fresh.length) this.fresh = longer(this.fresh, 2 * this.count)
    this.fresh[this.count++] = id
  }

  /** Whether it was seen, as nearly all that are written: told quickly. */
  has(id: number): boolean {
    const at = id >>> 5
    return at < this.bits.length && (this.bits[at]! & (1 << (id & 31))) !== 0
  }

  /** Those seen for the first time; to be named, or forgotten, before another is seen. */
  takeFresh(): Int32Array {
    const fresh = this.fresh.subarray(0, this.count)
    this.count = 0
    return fresh
  }

  /** It has a name. */
  know(id: number): void {
    const at = id >>> 5
    if (at >= this.bits.length) this.bits = longer(this.bits, Math.max(2 * this.bits.length, at + 1))
    this.bits[at]! |= 1 << (id & 31)
  }

  /** It has none, or may get another. */
  forget(id: number): void {
    if (this.has(id)) this.bits[id >>> 5]! &= ~(1 << (id & 31))
  }
}

const longer = (words: Int32Array, length: number): Int32Array => {
  const more = new Int32Array(length)
  more.set(words)
  return more
}

/** The names of one record: those of one rule share their beginning. */
export class NameWriter {
  private readonly prefixes: string[] = []
  /** The one that was written last, as mostly again: its place. */
  private last = ''
  private lastAt = 0
  /** By beginning, its place; 0: not written. */
  private readonly places: number[] = []

  /** To be called between two records. */
  begin(): void {
    this.prefixes.length = 0
    this.last = ''
    this.places.fill(0)
  }

  /**
   * Ids, each by what it differs from the one before, with their names; those of `ids` from `from` on until one whose name is not in the
   * columns. Gives its place.
   */
  writeNumbered(w: ByteWriter, ids: Int32Array, from: number, before: number, numbered: NumberedNames): number {
    const { beginnings, numbers } = numbered.columns
    const { places } = this
    let bytes = w.reserve(3 * INT_BYTES * (ids.length - from))
    let { end } = w
    let last = before
    let i = from
    for (; i < ids.length; i++) {
      const id = ids[i]!
      const beginning = id < beginnings.length ? beginnings[id]! : 0
      if (beginning === 0) break
      end = putSigned(bytes, end, id - last)
      last = id
      const place = beginning < places.length ? places[beginning]! : 0
      const number = numbers[id]!
      if (place !== 0) {
        const isWide = isWideNumber(number)
        end = putCount(bytes, end, 2 * place + isWide)
        w.dataView.setInt32(end, number, true)
        end += NARROW_BYTES + isWide
      } else {
        w.end = end
        this.writeInParts(w, numbered.textOf(beginning), number)
        while (places.length <= beginning) places.push(0)
        places[beginning] = this.lastAt
        bytes = w.reserve(3 * INT_BYTES * (ids.length - i))
        end = w.end
      }
    }
    w.end = end
    return i
  }

  write(w: ByteWriter, told: Name): void {
    const name = typeof told === 'string' ? inParts(told) : told
    if (typeof name === 'string') {
      w.count(0)
      return w.text(name, 'latin1')
    }
    this.writeInParts(w, name.prefix, name.number)
  }

  writeInParts(w: ByteWriter, prefix: string, number: number): void {
    const isNew = prefix !== this.last && this.goTo(prefix)
    const isWide = isWideNumber(number)
    w.count(2 * this.lastAt + isWide)
    if (isNew) w.text(prefix, 'latin1')
    w.word(number)
    if (isWide === 0) w.end--
  }

  /** Whether it was not written yet. */
  private goTo(prefix: string): boolean {
    const known = this.prefixes.indexOf(prefix)
    this.last = prefix
    this.lastAt = known >= 0 ? known + 1 : this.prefixes.push(prefix)
    return known < 0
  }
}

const NARROW_BYTES = 3
/** 1: it takes a byte more. */
const isWideNumber = (number: number): 0 | 1 => ((number << 8) >> 8 === number ? 0 : 1)

/** A name is written in one way, however it is told. */
const inParts = (name: string): Name => {
  if (name[0] !== '\0') return name
  const at = name.indexOf('\0', 1) + 1
  const number = integerOf(name.slice(at, at + INTEGER_CHARS + 1))
  return number === undefined ? name : { prefix: name.slice(0, at), number }
}

/** The integer of 32 bits that `text` is, as it is told elsewhere. */
export const integerOf = (text: string): number | undefined => {
  if (!INTEGER.test(text)) return undefined
  const number = Number(text)
  return number === (number | 0) ? number : undefined
}
const INTEGER = /^(?:0|-?[1-9]\d{0,9})$/
const INTEGER_CHARS = 11

export class NameReader {
  private readonly prefixes: string[] = []

  /** To be called before the first of a record. */
  begin(): void {
    if (this.prefixes.length > 0) this.prefixes.length = 0
  }

  read(r: ByteReader): string {
    const number = r.count()
    if (number === 0) return r.text('latin1')
    const known = this.prefixes[(number >>> 1) - 1]
    const prefix = known ?? r.text('latin1')
    if (known === undefined) this.prefixes.push(prefix)
    return prefix + ((number & 1) === 0 ? (r.shortWord() << 8) >> 8 : r.word())
  }
}
