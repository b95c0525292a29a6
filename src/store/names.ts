/**
 * Names at the border: byte strings outside, dense ids inside. A name is a latin1 string, one char per byte.
 *
 * All names lie in one blob of bytes, found by columns indexed by id; a table of ids, open-addressed by a hash of the
 * bytes, finds the id of a name. So a project's names are loaded by copying bytes: a `Map` from string to id costs eight
 * times as much for its strings alone. A string is made only where somebody wants to read one.
 */
import { invariant } from '../model/error.js'
import { hashBytes, hashOf } from '../model/hash.js'
import { type BuildId, buildId, NO_BUILD } from '../model/ids.js'

/** What `lengths` says of an id that has no name; that of a named one is the number of its bytes. */
const FREE = -1
/** Given out by `fresh`: in use, and nameless. */
const NAMELESS = -2

const MIN_SLOTS = 1 << 8
const MIN_BYTES = 1 << 12

export class Names {
  /** The bytes of all names, with holes where names were forgotten. */
  private bytes = Buffer.alloc(MIN_BYTES)
  private bytesEnd = 0
  private bytesLost = 0
  /** Columns by id: where the name lies in `bytes`, how long it is, its hash. */
  private offsets = new Int32Array(MIN_SLOTS)
  private lengths = new Int32Array(MIN_SLOTS).fill(FREE)
  private hashes = new Int32Array(MIN_SLOTS)
  /** Ids by hash, linearly probed, 0 where empty: at most three quarters full. A power of two in length. */
  private slots = new Int32Array(MIN_SLOTS)
  private named = 0
  /** Ids to be used again, the next one last. */
  private freed: number[] = []
  /** Ids whose names are not what the store has: each once, told by `marks`. */
  private touched: BuildId[] = []
  private marks = new Uint8Array(MIN_SLOTS)
  private end = 1

  /** One past the highest id ever given out. */
  get idsEnd(): number {
    return this.end
  }

  /** Number of names. */
  get size(): number {
    return this.named
  }

  /** The id of `name`, or 0 if it has none. */
  idOf(name: string): BuildId {
    return this.find(name, hashOf(name))
  }

  /** The id of `name`, which is given one if it has none. */
  intern(name: string): BuildId {
    const hash = hashOf(name)
    const known = this.find(name, hash)
    if (known !== NO_BUILD) return known
    const id = this.take()
    this.put(id, name, hash)
    return id
  }

  /** Gives `id`, which somebody else gave out, a name that no other has. */
  place(id: BuildId, name: string): void {
    invariant(!this.isNamed(id), `build ${id} has a name`)
    this.grow(id + 1)
    this.end = Math.max(this.end, id + 1)
    this.put(id, name, hashOf(name))
  }

  /** Takes the name of `id` away, if it has one; `id` is not given out again. */
  displace(id: BuildId): void {
    if (!this.isNamed(id)) return
    this.remove(id)
    this.touch(id)
    this.lengths[id] = FREE
  }

  private put(id: BuildId, name: string, hash: number): void {
    this.reserve(name.length)
    let chars = 0
    for (let i = 0; i < name.length; i++) {
      const char = name.charCodeAt(i)
      chars |= char
      this.bytes[this.bytesEnd + i] = char
    }
    invariant(chars < 256, 'a name is to have one char per byte')
    this.offsets[id] = this.bytesEnd
    this.lengths[id] = name.length
    this.hashes[id] = hash
    this.bytesEnd += name.length
    this.insert(id)
    this.touch(id)
  }

  /** The name of `id`. @throws Bug if it has none. */
  nameOf(id: BuildId): string {
    invariant(this.isNamed(id), `build ${id} has no name`)
    const at = this.offsets[id]!
    return this.bytes.toString('latin1', at, at + this.lengths[id]!)
  }

  isNamed(id: BuildId): boolean {
    return id > 0 && id < this.end && this.lengths[id]! >= 0
  }

  /** An id that has no name, as requests have. It is not part of what is stored. */
  fresh(): BuildId {
    const id = this.take()
    this.lengths[id] = NAMELESS
    return id
  }

  /** Forgets the name of `id`, if any: `id` may be given out again. @throws Bug if it is not in use. */
  free(id: BuildId): void {
    invariant(id > 0 && id < this.end && this.lengths[id] !== FREE, `id ${id} is freed and was not in use`)
    if (this.lengths[id]! >= 0) {
      this.remove(id)
      this.touch(id)
    }
    this.lengths[id] = FREE
    this.freed.push(id)
  }

  // ------------------------------------------------------------------------------------------ for the store

  /** Ids that got or lost a name since `settle`, in no order, each once. What they are now is what counts. */
  get changed(): readonly BuildId[] {
    return this.touched
  }

  /** What changed is stored. */
  settle(): void {
    for (const id of this.touched) this.marks[id] = 0
    this.touched = []
  }

  /** The bytes of the name of `id`, valid until the next change; undefined if it has none. */
  bytesOf(id: BuildId): Uint8Array | undefined {
    if (!this.isNamed(id)) return undefined
    const at = this.offsets[id]!
    return this.bytes.subarray(at, at + this.lengths[id]!)
  }

  /** All ids that have a name, rising. */
  all(): readonly BuildId[] {
    const all: BuildId[] = []
    for (let id = 1; id < this.end; id++) if (this.lengths[id]! >= 0) all.push(buildId(id))
    return all
  }

  /** The names of `builds`, each with a NUL behind it. */
  packed(builds: readonly BuildId[]): Buffer {
    let size = 0
    for (const x of builds) size += this.lengths[x]! + 1
    const packed = Buffer.alloc(size)
    let to = 0
    for (const x of builds) {
      const at = this.offsets[x]!
      packed.set(this.bytes.subarray(at, at + this.lengths[x]!), to)
      to += this.lengths[x]! + 1
    }
    return packed
  }

  /** Begins loading: makes room for ids below `idsEnd` and for `length` bytes of names. */
  expect(idsEnd: number, length: number): void {
    this.grow(idsEnd)
    this.reserve(length)
  }

  /**
   * Part of loading: takes over many names. `pairs`: id and number of bytes, negative for "no name any more"; `bytes`: those of
   * all of them, one after the other. What is loaded later counts.
   */
  load(pairs: Int32Array, bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.bytesEnd)
    let at = this.bytesEnd
    this.bytesEnd += bytes.length
    for (let i = 0; i < pairs.length; i += 2) {
      const id = pairs[i]!
      const length = pairs[i + 1]!
      if (id >= this.end) {
        this.grow(id + 1)
        this.end = id + 1
      }
      if (this.lengths[id]! > 0) this.bytesLost += this.lengths[id]!
      this.offsets[id] = at
      this.lengths[id] = length < 0 ? FREE : length
      if (length > 0) at += length
    }
  }

  /** Ends loading: names can be looked up, and ids without one are free, the lowest to be used first. */
  index(): void {
    const { bytes, offsets, lengths, hashes } = this
    this.named = 0
    this.freed = []
    for (let id = this.end - 1; id > 0; id--) {
      const length = lengths[id]!
      if (length < 0) {
        this.freed.push(id)
        continue
      }
      hashes[id] = hashBytes(bytes, offsets[id]!, length)
      this.named++
    }
    this.rebuildSlots()
  }

  // ------------------------------------------------------------------------------------------ ids and bytes

  private take(): BuildId {
    const again = this.freed.pop()
    if (again !== undefined) return buildId(again)
    this.grow(this.end + 1)
    return buildId(this.end++)
  }

  /** Makes room in the columns for ids below `end`. */
  private grow(end: number): void {
    if (end <= this.offsets.length) return
    const size = Math.max(end, this.offsets.length * 2)
    this.offsets = grown(this.offsets, new Int32Array(size))
    this.lengths = grown(this.lengths, new Int32Array(size).fill(FREE))
    this.hashes = grown(this.hashes, new Int32Array(size))
    this.marks = grown(this.marks, new Uint8Array(size))
  }

  /** Makes room for `more` bytes; holes are closed when they are half of all. */
  private reserve(more: number): void {
    if (this.bytesEnd + more <= this.bytes.length) return
    const kept = this.bytesEnd - this.bytesLost
    const isHoley = this.bytesLost > kept
    const bytes = Buffer.alloc(Math.max(isHoley ? kept + more : this.bytesEnd + more, MIN_BYTES) * 2)
    if (!isHoley) {
      bytes.set(this.bytes.subarray(0, this.bytesEnd))
      this.bytes = bytes
      return
    }
    let end = 0
    for (let id = 1; id < this.end; id++) {
      const length = this.lengths[id]!
      if (length < 0) continue
      this.bytes.copy(bytes, end, this.offsets[id]!, this.offsets[id]! + length)
      this.offsets[id] = end
      end += length
    }
    this.bytes = bytes
    this.bytesEnd = end
    this.bytesLost = 0
  }

  private touch(id: BuildId): void {
    if (this.marks[id] !== 0) return
    this.marks[id] = 1
    this.touched.push(id)
  }

  // ------------------------------------------------------------------------------------------ the hash table

  private find(name: string, hash: number): BuildId {
    const { slots, hashes } = this
    const mask = slots.length - 1
    for (let s = hash & mask; slots[s] !== 0; s = (s + 1) & mask) {
      const id = slots[s]!
      if (hashes[id] === hash && this.isEqual(id, name)) return buildId(id)
    }
    return NO_BUILD
  }

  private isEqual(id: number, name: string): boolean {
    if (this.lengths[id] !== name.length) return false
    const { bytes } = this
    const at = this.offsets[id]!
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name.charCodeAt(i)) return false
    return true
  }

  /** `id` has its name and hash. */
  private insert(id: number): void {
    this.named++
    if (this.named > fullOf(this.slots.length)) this.rebuildSlots()
    else fill(this.slots, this.hashes[id]!, id)
  }

  private rebuildSlots(): void {
    const { lengths, hashes } = this
    let size = MIN_SLOTS
    while (this.named > fullOf(size)) size *= 2
    const slots = new Int32Array(size)
    for (let id = 1; id < this.end; id++) if (lengths[id]! >= 0) fill(slots, hashes[id]!, id)
    this.slots = slots
  }

  /** Takes `id` out, and moves up what was pushed past its slot, so that no marker of the deleted is needed. */
  private remove(id: number): void {
    const { slots, hashes } = this
    const mask = slots.length - 1
    let hole = hashes[id]! & mask
    while (slots[hole] !== id) hole = (hole + 1) & mask
    for (let s = (hole + 1) & mask; slots[s] !== 0; s = (s + 1) & mask) {
      const home = hashes[slots[s]!]! & mask
      // It may move up only if its home is not between the hole and where it lies.
      if (((s - home) & mask) < ((s - hole) & mask)) continue
      slots[hole] = slots[s]!
      hole = s
    }
    slots[hole] = 0
    this.named--
    this.bytesLost += this.lengths[id]!
  }
}

/** How many names a table of so many slots takes: fewer make longer ways to them, more take more memory. */
const fullOf = (slots: number): number => (slots >>> 2) * 3

/** Puts `id` into the first empty slot from its home on. */
const fill = (slots: Int32Array, hash: number, id: number): void => {
  const mask = slots.length - 1
  let s = hash & mask
  while (slots[s] !== 0) s = (s + 1) & mask
  slots[s] = id
}

const grown = <A extends Int32Array | Uint8Array>(from: A, to: A): A => {
  to.set(from)
  return to
}
