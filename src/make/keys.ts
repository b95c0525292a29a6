/** Interns keys to ids, and lends ids to requests. What the state forgot gives its id back. */
import { CodecError, canonical, type Json } from '../model/codec.js'
import type { Definition, Key } from '../model/definition.js'
import { type BuildId, buildId } from '../model/ids.js'

export class Keys {
  private readonly ids = new Map<Definition, Map<string | number | boolean, BuildId>>()
  /** Keys of one definition mostly come one after the other. */
  private lastOf: Definition | undefined
  private last = new Map<string | number | boolean, BuildId>()
  private readonly keys: (Key | undefined)[] = [undefined]
  private readonly free: BuildId[] = []
  /** Keys that have an id. */
  size = 0

  /** The id of `key`, a new one if need be. @throws CodecError where it is none of its definition's keys */
  intern(key: Key): BuildId {
    const text = textOf(key)
    let ids = this.last
    if (key.of !== this.lastOf) {
      ids = this.ids.get(key.of) ?? new Map()
      this.ids.set(key.of, ids)
      this.last = ids
      this.lastOf = key.of
    }
    const known = ids.get(text)
    if (known !== undefined) return known
    const id = this.lend()
    ids.set(text, id)
    this.keys[id] = key
    this.size++
    return id
  }

  /** The id of `key` if it has one. */
  find(key: Key): BuildId | undefined {
    return this.ids.get(key.of)?.get(textOf(key))
  }

  keyOf(id: BuildId): Key | undefined {
    return this.keys[id]
  }

  /** Gives `id`, which stands for nothing yet, to `key`; false: that has one. Before any other id is given out. */
  place(id: BuildId, key: Key): boolean {
    const text = textOf(key)
    const ids = this.ids.get(key.of) ?? new Map<string | number | boolean, BuildId>()
    this.ids.set(key.of, ids)
    if (ids.has(text)) return false
    ids.set(text, id)
    while (this.keys.length <= id) this.keys.push(undefined)
    this.keys[id] = key
    this.size++
    return true
  }

  /** After `place`: ids below `end` that stand for no key are given out, but for those of `taken`. */
  opened(end: number, taken: ReadonlySet<number>): void {
    while (this.keys.length < end) this.keys.push(undefined)
    for (let id = this.keys.length - 1; id > 0; id--)
      if (this.keys[id] === undefined && !taken.has(id)) this.free.push(buildId(id))
  }

  /** An id that stands for no key: a request's. */
  lend(): BuildId {
    const id = this.free.pop() ?? buildId(this.keys.length)
    if (id === this.keys.length) this.keys.push(undefined)
    return id
  }

  /** Takes an id back, to be given to another. */
  forget(id: BuildId): void {
    const key = this.keys[id]
    if (key !== undefined) {
      this.ids.get(key.of)?.delete(textOf(key))
      this.keys[id] = undefined
      this.size--
    }
    this.free.push(id)
  }

  /** Every id that has a key, by rising id. */
  *all(): Iterable<readonly [BuildId, Key]> {
    for (let id = 1; id < this.keys.length; id++) {
      const key = this.keys[id]
      if (key !== undefined) yield [buildId(id), key]
    }
  }
}

/** What tells keys of one definition apart. */
const textOf = ({ of, key }: Key): string | number | boolean => {
  const { keys } = of
  let json: Json
  try {
    json = keys.encode(key)
  } catch (error) {
    if (error instanceof CodecError) error.message = `a key of ${of.name}: ${error.message}`
    throw error
  }
  return keys.isPrimitive === true ? (json as string | number | boolean) : canonical(json)
}

/** A key as people read it: `words("a.txt")`. */
export const wordsOf = ({ of, key }: Key): string => {
  let text: string
  try {
    text = canonical(of.keys.encode(key))
  } catch {
    text = '?'
  }
  return `${of.name}(${text})`
}
