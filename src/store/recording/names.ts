/** Names in a recording: each is told in the record that speaks of its build for the first time. */
import { type BuildId, buildId } from '../../model/ids.js'
import type { ByteReader, ByteWriter } from './bytes.js'

/** A byte string; or that of a rule's key that is an integer of 32 bits, in two parts: of a hundred thousand, not one string need be made. */
export type Name = string | { readonly prefix: string; readonly number: number }

export const textOfName = (name: Name): string => (typeof name === 'string' ? name : name.prefix + name.number)

/** Ids that were written: which of them have a name in the recording, and which are to get one. */
export class SeenIds {
  private states = new Uint8Array(1024)
  private fresh: BuildId[] = []

  see(id: number): void {
    if (this.states[id] === 0) {
      this.states[id] = Seen.FRESH
      this.fresh.push(buildId(id))
    } else if (id >= this.states.length) {
      this.grow(id)
      this.see(id)
    }
  }

  /** Whether it has a name, as nearly all that are written: told quickly. */
  isNamed(id: number): boolean {
    return this.states[id] === Seen.NAMED
  }

  /** Those seen for the first time; to be named, or forgotten. */
  takeFresh(): readonly BuildId[] {
    const { fresh } = this
    if (fresh.length > 0) this.fresh = []
    return fresh
  }

  /** It has a name. */
  know(id: BuildId): void {
    if (id >= this.states.length) this.grow(id)
    this.states[id] = Seen.NAMED
  }

  /** It has none, or may get another. */
  forget(id: BuildId): void {
    if (id < this.states.length) this.states[id] = 0
  }

  private grow(id: number): void {
    const longer = new Uint8Array(Math.max(2 * this.states.length, id + 1))
    longer.set(this.states)
    this.states = longer
  }
}
const Seen = { FRESH: 1, NAMED: 2 } as const

/** The names of one record: those of one rule share their beginning. */
export class NameWriter {
  private readonly prefixes: string[] = []
  /** The one that was written last, as mostly again: its place. */
  private last = ''
  private lastAt = 0

  /** To be called before the first of a record. */
  begin(): void {
    this.prefixes.length = 0
    this.last = ''
  }

  write(w: ByteWriter, told: Name): void {
    const name = typeof told === 'string' ? inParts(told) : told
    if (typeof name === 'string') {
      w.count(0)
      return w.text(name, 'latin1')
    }
    const { prefix, number } = name
    if (prefix !== this.last) this.writePrefix(w, prefix)
    else w.count(this.lastAt)
    w.signed(number)
  }

  private writePrefix(w: ByteWriter, prefix: string): void {
    const { prefixes } = this
    const known = prefixes.indexOf(prefix)
    this.last = prefix
    this.lastAt = known >= 0 ? known + 1 : prefixes.push(prefix)
    w.count(this.lastAt)
    if (known < 0) w.text(prefix, 'latin1')
  }
}

/** A name is written in one way, however it is told. */
const inParts = (name: string): Name => {
  if (name[0] !== '\0') return name
  const at = name.indexOf('\0', 1) + 1
  if (!INTEGER.test(name.slice(at, at + INTEGER_CHARS + 1))) return name
  const number = Number(name.slice(at))
  return number === (number | 0) ? { prefix: name.slice(0, at), number } : name
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
    const known = this.prefixes[number - 1]
    const prefix = known ?? r.text('latin1')
    if (known === undefined) this.prefixes.push(prefix)
    return prefix + r.signed()
  }
}
