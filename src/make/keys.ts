/** Interns keys to ids, and lends ids to requests. What the state forgot gives its id back. */
import { canonical } from '../model/codec.js'
import { type Definition, type Key, Named } from '../model/definition.js'
import { type BuildId, buildId } from '../model/ids.js'
import { unfitness } from '../model/json.js'
import { Misuse } from '../model/misuse.js'
import { freezeDeep, staysOpen } from './freeze.js'
import { expectKey } from './shape.js'

/** The ids of one definition's keys. Small integers, which are common, index an array: a map of a million misses the cache. */
class Ids {
  /** `number`: from 1 on, of the definition among those of its engine. */
  constructor(
    readonly of: Definition | undefined,
    readonly number: number,
  ) {}

  private few = new Int32Array(0)
  private readonly many = new Map<string | number | boolean, BuildId>()
  private count = 0

  get(text: string | number | boolean): BuildId | undefined {
    const id = this.peek(text)
    return id === 0 ? undefined : id
  }

  /** As `get`, 0 for `undefined`, and nothing done that depends on what it is. */
  peek(text: string | number | boolean): BuildId | 0 {
    if (isIndex(text) && text < this.few.length) return this.few[text]! as BuildId | 0
    return this.many.get(text) ?? 0
  }

  set(text: string | number | boolean, id: BuildId): void {
    this.count++
    if (isIndex(text) && text < this.roomFor(text)) this.few[text] = id
    else this.many.set(text, id)
  }

  delete(text: string | number | boolean): void {
    this.count--
    if (isIndex(text) && text < this.few.length) this.few[text] = 0
    else this.many.delete(text)
  }

  /** Numbers up to what the array reaches: it grows to `number` where at least a part of it will be in use. */
  private roomFor(number: number): number {
    if (number < this.few.length || number > SPARSE * this.count + FIRST) return this.few.length
    const longer = new Int32Array(Math.max(FIRST, 2 * number))
    longer.set(this.few)
    this.few = longer
    for (const [text, id] of this.many) {
      if (!isIndex(text) || text >= longer.length) continue
      longer[text] = id
      this.many.delete(text)
    }
    return longer.length
  }
}
/** Whether it may index an array, if that is long enough. */
export const isIndex = (text: string | number | boolean): text is number =>
  typeof text === 'number' && text >= 0 && (text | 0) === text
const SPARSE = 8
const FIRST = 1024

/** A key that can be changed though it is frozen, as bytes can: whoever asks for it is given one of their own. */
class Held {
  constructor(
    readonly of: Definition,
    readonly text: string,
  ) {}

  get named(): Key {
    const key = this.of.keys.decode(JSON.parse(this.text))
    freezeDeep(key)
    return new Named(this.of, key)
  }
}

/**
 * The keys by id. Those that are small integers are two numbers each, and made anew for whoever asks: a million objects that last would be
 * moved and marked by the collector, and missed by the cache.
 */
class Rows {
  /** One past the last id that was given out. */
  end = 1
  /** The number of the definition; 0: whatever `others` says. */
  private ofs = new Uint16Array(FIRST)
  private numbers = new Int32Array(FIRST)
  private readonly others: (Key | Held | undefined)[] = []

  /** `definitions`: by number. */
  constructor(private readonly definitions: readonly (Definition | undefined)[]) {}

  get(id: number): Key | undefined {
    const number = id < this.ofs.length ? this.ofs[id]! : 0
    if (number !== 0) return new Named(this.definitions[number]!, this.numbers[id]!)
    const other = this.others[id]
    return other instanceof Held ? other.named : other
  }

  /** What tells the key of `id`, which has one, from others of its definition. */
  textOf(id: number): string | number | boolean {
    if (id < this.ofs.length && this.ofs[id] !== 0) return this.numbers[id]!
    const other = this.others[id]!
    return other instanceof Held ? other.text : textOf(other)
  }

  isHeld(id: number): boolean {
    return this.others[id] instanceof Held
  }

  definitionOf(id: number): Definition | undefined {
    const number = id < this.ofs.length ? this.ofs[id]! : 0
    return number === 0 ? this.others[id]?.of : this.definitions[number]
  }

  get columns(): { readonly beginnings: Uint16Array; readonly numbers: Int32Array } {
    return { beginnings: this.ofs, numbers: this.numbers }
  }

  has(id: number): boolean {
    return (id < this.ofs.length && this.ofs[id] !== 0) || this.others[id] !== undefined
  }

  /** `text` and `number`: what tells the key from others, and its definition from others. */
  set(id: number, key: Key | Held, text: string | number | boolean, number: number): void {
    if (typeof text === 'number' && 'key' in key && text === key.key && (text | 0) === text && number <= OFS_MAX) {
      if (id >= this.ofs.length) this.widen(id)
      this.ofs[id] = number
      this.numbers[id] = text
    } else {
      while (this.others.length < id) this.others.push(undefined)
      this.others[id] = key
    }
  }

  clear(id: number): void {
    if (id < this.ofs.length) this.ofs[id] = 0
    if (id < this.others.length) this.others[id] = undefined
  }

  private widen(id: number): void {
    const ofs = new Uint16Array(2 * id)
    ofs.set(this.ofs)
    this.ofs = ofs
    const numbers = new Int32Array(2 * id)
    numbers.set(this.numbers)
    this.numbers = numbers
  }
}
const OFS_MAX = 2 ** 16 - 1

export class Keys {
  private readonly ids = new Map<Definition, Ids>()
  private readonly definitions: (Definition | undefined)[] = [undefined]
  /** Keys of one definition mostly come one after the other. */
  private lastOf: Definition | null = null
  private last = new Ids(undefined, 0)
  private readonly rows = new Rows(this.definitions)
  private readonly free: BuildId[] = []
  /** Keys that have an id. */
  size = 0
  /** How often a key was given one. */
  came = 0

  /** Of builds that declared a plain list of keys, each once: how many. A cache; 0: nothing is known. */
  private counts = new Uint8Array(FIRST)

  /** Only keys of `definitions` can be interned. `freeze`: whether a key is frozen when it gets its id. */
  constructor(
    definitions: Iterable<Definition>,
    private readonly freeze: boolean,
  ) {
    for (const of of definitions) this.idsOf(of)
  }

  private idsOf(of: Definition): Ids {
    const known = this.ids.get(of)
    if (known !== undefined) return known
    const ids = new Ids(of, this.definitions.push(of) - 1)
    this.ids.set(of, ids)
    return ids
  }

  /** The id of `key`, a new one if need be. @throws Misuse as `check` */
  intern(key: Key): BuildId {
    const text = this.check(key)
    const ids = this.last
    const known = ids.get(text)
    if (known !== undefined) return known
    const held = this.held(key, text)
    const id = this.lend()
    ids.set(text, id)
    this.rows.set(id, held, text, ids.number)
    this.size++
    this.came++
    return id
  }

  /** The id of `key`; 0: it has none. @throws Misuse as `check` */
  known(key: Key): BuildId | 0 {
    const text = this.check(key)
    return this.last.peek(text)
  }

  /** What tells `key` from others of its definition. @throws Misuse where it is no key, of none of the definitions, or not encoded */
  check(key: Key): string | number | boolean {
    if (key?.of !== this.lastOf) {
      expectKey(key)
      const ids = this.ids.get(key.of)
      if (ids === undefined)
        throw new Misuse(`the engine does not know ${key.of.name}: add it to \`rules\` of createEngine`)
      this.last = ids
      this.lastOf = key.of
    }
    return textOf(key)
  }

  /** As `check`, for whoever calls `what`. @throws Misuse */
  checkFor(what: string, key: Key): void {
    try {
      this.check(key)
    } catch (error) {
      throw misuseOf(what, error)
    }
  }

  /** As `intern`, for whoever calls `what`. @throws Misuse */
  internFor(what: string, key: Key): BuildId {
    try {
      return this.intern(key)
    } catch (error) {
      throw misuseOf(what, error)
    }
  }

  /** The id of `key` if it has one. */
  find(key: Key): BuildId | undefined {
    return this.ids.get(key.of)?.get(textOf(key))
  }

  keyOf(id: BuildId): Key | undefined {
    return this.rows.get(id)
  }

  /** As of `keyOf`, without making a key. */
  definitionOf(id: BuildId): Definition | undefined {
    return this.rows.definitionOf(id)
  }

  /** By id, of keys that are integers: the number of the definition, 0 where it is no such key; and the integer. As they are now. */
  get columns(): { readonly beginnings: Uint16Array; readonly numbers: Int32Array } {
    return this.rows.columns
  }

  definition(number: number): Definition {
    return this.definitions[number]!
  }

  /** Gives `id`, which stands for nothing yet, to `key`; false: that has one. Before any other id is given out. */
  place(id: BuildId, key: Key): boolean {
    const text = textOf(key)
    const ids = this.idsOf(key.of)
    if (ids.get(text) !== undefined) return false
    const held = this.held(key, text)
    ids.set(text, id)
    this.rows.end = Math.max(this.rows.end, id + 1)
    this.rows.set(id, held, text, ids.number)
    this.size++
    return true
  }

  /** After `place`: ids below `end` that stand for no key are given out, but for those of `taken`. */
  opened(end: number, taken: ReadonlySet<number>): void {
    this.rows.end = Math.max(this.rows.end, end)
    for (let id = this.rows.end - 1; id > 0; id--) if (!this.rows.has(id) && !taken.has(id)) this.free.push(buildId(id))
  }

  /** `key`, frozen. @throws Misuse where it is to be made anew of its text, and cannot be */
  private held(key: Key, text: string | number | boolean): Key | Held {
    if (!this.freeze || key.of.keys.isPrimitive === true) return key
    freezeDeep(key.key)
    if (!staysOpen(key.key)) return key
    const held = new Held(key.of, text as string)
    try {
      held.named
    } catch (error) {
      throw noSuchKey(key.of, error)
    }
    return held
  }

  /** For whoever calls `what`: `key` as it is now, whatever is done to it later. @throws Misuse as `check` */
  ownFor(what: string, key: Key): Key {
    try {
      const held = this.held(key, this.check(key))
      return held instanceof Held ? held.named : held
    } catch (error) {
      throw misuseOf(what, error)
    }
  }

  /** The same of a key that has `id`. */
  own<K extends Key>(id: BuildId, key: K): K {
    return this.rows.isHeld(id) ? (this.rows.get(id) as K) : key
  }

  /** An id that stands for no key: a request's. */
  lend(): BuildId {
    return this.free.pop() ?? buildId(this.rows.end++)
  }

  /** Takes an id back, to be given to another. */
  forget(id: BuildId): void {
    this.release(id)
    this.free.push(id)
  }

  /** `id` stands for no key any more, and is not given to another but by `place`. */
  release(id: BuildId): void {
    const of = this.rows.definitionOf(id)
    if (of === undefined) return
    this.ids.get(of)?.delete(this.rows.textOf(id))
    this.rows.clear(id)
    if (id < this.counts.length) this.counts[id] = 0
    this.size--
  }

  /** `id` declared so many keys, a plain list, each once. */
  declared(id: BuildId, count: number): void {
    if (count > COUNT_MAX) return
    if (id >= this.counts.length) {
      const wider = new Uint8Array(2 * id)
      wider.set(this.counts)
      this.counts = wider
    }
    this.counts[id] = count
  }

  /** How many keys `id` is known to declare, a plain list, each once; 0: nothing is known. */
  declaredBy(id: BuildId): number {
    return id < this.counts.length ? this.counts[id]! : 0
  }

  /** So much of the ids that have a key, evenly taken, by rising id. */
  part(percent: number): readonly BuildId[] {
    const before = (i: number): number => Math.floor((i * percent) / 100)
    const ids: BuildId[] = []
    for (let id = 1; id < this.rows.end; id++) if (this.rows.has(id)) ids.push(buildId(id))
    return ids.filter((_, i) => before(i + 1) > before(i))
  }
}

const COUNT_MAX = 255

const misuseOf = (what: string, error: unknown): unknown =>
  error instanceof Misuse ? new Misuse(`${what}: ${error.message}`) : error

/** What makes values asks of keys. */
export type KeysOfMake = Pick<Keys, 'intern' | 'known' | 'keyOf' | 'definitionOf' | 'declared' | 'declaredBy'>

/** Keys of which nothing is known that was declared before: each build is asked anew. */
export const askedAnew = (keys: Pick<Keys, 'intern' | 'keyOf'>): KeysOfMake => ({
  known: (key) => keys.intern(key),
  ...keys,
  definitionOf: (id) => keys.keyOf(id)?.of,
  declared: () => {},
  declaredBy: () => 0,
})

/** In place of what its codec throws. */
export const noSuchKey = (of: Key['of'], error: unknown, who?: string): Misuse =>
  new Misuse(`${who === undefined ? '' : `${who}: `}${of.name} has no such key: ${unfitness(error)}`)

/** What tells keys of one definition apart. */
export const textOf = ({ of, key }: Key): string | number | boolean => {
  const { keys } = of
  try {
    const json = keys.encode(key)
    return keys.isPrimitive === true ? (json as string | number | boolean) : canonical(json)
  } catch (error) {
    throw noSuchKey(of, error)
  }
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
