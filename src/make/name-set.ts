/**
 * A set of names that takes as many bytes as they have, and some 8 more for each: a `Set` of strings takes 70. They lie one
 * after the other, each with a NUL behind it, and are found through a hash table of where they begin.
 */
import { hashBytes, hashOf } from '../model/hash.js'

const MIN_SLOTS = 8
const MIN_BYTES = 64

/** Names are byte strings, without NUL. */
export class NameSet {
  /** From 1 on, so that no name begins at 0. */
  private bytes = Buffer.alloc(MIN_BYTES)
  private bytesEnd = 1
  /** How many of the bytes are of names that were deleted. */
  private bytesLost = 0
  /** Where names begin, by hash, linearly probed, 0 where empty: at most three quarters full. A power of two in length. */
  private slots = new Uint32Array(MIN_SLOTS)
  private count = 0

  get size(): number {
    return this.count
  }

  has(name: string): boolean {
    return this.slots[this.slotOf(name)] !== 0
  }

  /** False: it was there. */
  add(name: string): boolean {
    this.reserve(name.length + 1)
    const s = this.slotOf(name)
    if (this.slots[s] !== 0) return false
    const at = this.bytesEnd
    for (let i = 0; i < name.length; i++) this.bytes[at + i] = name.charCodeAt(i)
    this.bytes[at + name.length] = 0
    this.bytesEnd += name.length + 1
    this.slots[s] = at
    this.count++
    return true
  }

  /** False: it was not there. */
  delete(name: string): boolean {
    const { slots } = this
    const mask = slots.length - 1
    let s = this.slotOf(name)
    if (slots[s] === 0) return false
    slots[s] = 0
    this.count--
    this.bytesLost += name.length + 1
    // What lies behind may have been pushed past this slot.
    for (s = (s + 1) & mask; slots[s] !== 0; s = (s + 1) & mask) {
      const at = slots[s]!
      slots[s] = 0
      this.place(at)
    }
    return true
  }

  /** In no order. The set must not be changed meanwhile. */
  *[Symbol.iterator](): IterableIterator<string> {
    for (const at of this.slots) if (at !== 0) yield this.bytes.toString('latin1', at, this.endOf(at))
  }

  /** The slot of `name`, or the empty one that it would be put into. */
  private slotOf(name: string): number {
    const { slots } = this
    const mask = slots.length - 1
    let s = hashOf(name) & mask
    while (slots[s] !== 0 && !this.isAt(slots[s]!, name)) s = (s + 1) & mask
    return s
  }

  private isAt(at: number, name: string): boolean {
    const { bytes } = this
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name.charCodeAt(i)) return false
    return bytes[at + name.length] === 0
  }

  private endOf(at: number): number {
    const { bytes } = this
    let end = at
    while (bytes[end] !== 0) end++
    return end
  }

  private place(at: number): void {
    const { slots } = this
    const mask = slots.length - 1
    let s = hashBytes(this.bytes, at, this.endOf(at) - at) & mask
    while (slots[s] !== 0) s = (s + 1) & mask
    slots[s] = at
  }

  /** Makes room for one more name that takes so many bytes. */
  private reserve(more: number): void {
    if (this.bytesEnd + more > this.bytes.length) this.moveBytes(more)
    if ((this.count + 1) * 4 <= this.slots.length * 3) return
    const old = this.slots
    this.slots = new Uint32Array(old.length * 2)
    for (const at of old) if (at !== 0) this.place(at)
  }

  /** To a new place, without holes and a quarter larger than it has to be. */
  private moveBytes(more: number): void {
    const bytes = Buffer.alloc(((this.bytesEnd - this.bytesLost + more) * 5) >> 2)
    if (this.bytesLost === 0) this.bytes.copy(bytes)
    else this.closeHoles(bytes)
    this.bytes = bytes
  }

  private closeHoles(bytes: Buffer): void {
    let end = 1
    this.slots.forEach((at, s) => {
      if (at === 0) return
      const next = this.endOf(at) + 1
      this.bytes.copy(bytes, end, at, next)
      this.slots[s] = end
      end += next - at
    })
    this.bytesEnd = end
    this.bytesLost = 0
  }
}
