/**
 * Codecs: what a key, value or error may be, and its one canonical text: equal values have equal texts, on every machine.
 * A codec checks on the way out as on the way in, so that nothing gets into a store that does not come out of it again.
 */

import { CodecError, type Json } from './json.js'
import { Misuse } from './misuse.js'
import { shown } from './shown.js'

export { CodecError, canonical, type Json } from './json.js'

export interface Codec<A> {
  /** For messages: `array(int)`. */
  readonly name: string
  /** @throws CodecError where `value` is not an A. `at`: where it is in the whole, such as `.files[2]`. */
  readonly encode: (value: A, at?: string) => Json
  /** @throws CodecError */
  readonly decode: (json: Json, at?: string) => A
  /** Its values are their own encoding, and are told apart by `===`. */
  readonly isPrimitive?: boolean
  /** There is no room for a tag: its values have no fields, or one of that name. */
  readonly isTagless?: boolean
}

/** The type of a codec's values. */
export type TypeOf<C> = C extends Codec<infer A> ? A : never

/** @throws Misuse where it is no codec */
const nameOf = <A>(who: string, codec: Codec<A>, where = ''): string => {
  if (typeof codec?.encode === 'function') return codec.name
  throw new Misuse(`codec.${who}: expected a codec${where}, such as codec.string, got ${shown(codec)}`)
}

/** @throws Misuse where they are none */
const entriesOf = <A>(who: string, codecs: { readonly [name: string]: A }): readonly (readonly [string, A])[] => {
  if (isRecord(codecs)) return Object.entries(codecs)
  throw new Misuse(`codec.${who}: expected codecs by name, as in { a: codec.string }, got ${shown(codecs)}`)
}

/** @throws Misuse where one is not of its type */
const expectParts = (
  who: string,
  parts: Readonly<Record<string, readonly [part: unknown, type: 'string' | 'function']>>,
) => {
  for (const [name, [part, type]] of Object.entries(parts))
    if (typeof part !== type) throw new Misuse(`codec.${who}: \`${name}\` must be a ${type}, got ${shown(part)}`)
}

const primitive = <A extends Json>(name: string, is: (value: unknown) => value is A): Codec<A> => {
  const check = (value: unknown, at = ''): A => {
    if (!is(value)) throw new CodecError(name, value, at)
    return value
  }
  return { name, encode: check, decode: check, isPrimitive: true }
}

const string = primitive('string', (v): v is string => typeof v === 'string')
const boolean = primitive('boolean', (v): v is boolean => typeof v === 'boolean')
/** Not by `primitive`: keys mostly are integers, and a call that leads to one of several functions is not compiled into its caller. */
const checkInt = (value: unknown, at = ''): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || (value === 0 && 1 / value < 0))
    throw new CodecError('int', value, at)
  return value
}
/** An integer that a double holds exactly. */
const int: Codec<number> = { name: 'int', encode: checkInt, decode: checkInt, isPrimitive: true }

const ODD_NUMBERS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: 1 / 0,
  '-Infinity': -1 / 0,
  '-0': -0,
}

/** Any number, those included that JSON has no word for. */
const number: Codec<number> = {
  name: 'number',
  isTagless: true,
  encode: (value, at = '') => {
    if (typeof value !== 'number') throw new CodecError('number', value, at)
    return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? '-0' : String(value)
  },
  decode: (json, at = '') => {
    if (typeof json === 'number') return json
    const odd = typeof json === 'string' && Object.hasOwn(ODD_NUMBERS, json) ? ODD_NUMBERS[json] : undefined
    if (odd === undefined) throw new CodecError('number', json, at)
    return odd
  },
}

/** No value but `undefined`: for what is done for its effect. */
const nothing: Codec<undefined> = {
  name: 'nothing',
  isTagless: true,
  encode: (value, at = '') => {
    if (value !== undefined) throw new CodecError('nothing', value, at)
    return null
  },
  decode: (json, at = '') => {
    if (json !== null) throw new CodecError('nothing', json, at)
    return undefined
  },
}

/** Whatever JSON can say. */
const json: Codec<Json> = {
  name: 'json',
  encode: (value, at = '') => checkJson(value, at, []),
  decode: (value, at = '') => checkJson(value, at, []),
}

const checkJson = (value: unknown, at: string, within: readonly unknown[]): Json => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? 0 : value
  if (typeof value !== 'object') throw new CodecError('json', value, at)
  if (within.includes(value)) throw new CodecError('json without circles', value, at)
  const inside = [...within, value]
  // `map` would pass over holes, of which JSON has none.
  if (Array.isArray(value)) return Array.from(value, (item: unknown, i) => checkJson(item, `${at}[${i}]`, inside))
  if (!isPlain(value)) throw new CodecError('json', value, at)
  return fromEntries(Object.entries(value).map(([name, item]) => [name, checkJson(item, `${at}.${name}`, inside)]))
}

/** An object without a class of its own. */
export const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** As `Object.fromEntries`, for names such as `__proto__` too. */
const fromEntries = <A>(entries: readonly (readonly [string, A])[]): Record<string, A> => {
  const made: Record<string, A> = {}
  for (const [name, value] of entries)
    Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true })
  return made
}

/** Bytes, as base64 in the text. */
const bytes: Codec<Uint8Array> = {
  name: 'bytes',
  isTagless: true,
  encode: (value, at = '') => {
    if (!(value instanceof Uint8Array)) throw new CodecError('bytes', value, at)
    return toBase64(value)
  },
  decode: (value, at = '') => {
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw new CodecError('base64', value, at)
    return Uint8Array.from(atob(value), (c) => c.charCodeAt(0))
  },
}

const toBase64 = (value: Uint8Array): string => {
  let text = ''
  for (let i = 0; i < value.length; i += 0x8000) text += String.fromCharCode(...value.subarray(i, i + 0x8000))
  return btoa(text)
}

/** A hole is not `undefined`, and would come out of a store as that. */
const checkHole = (list: readonly unknown[], i: number, at: string): void => {
  if (!(i in list)) throw new CodecError('array without holes', list, at)
}

const array = <A>(item: Codec<A>): Codec<readonly A[]> => ({
  name: `array(${nameOf('array', item)})`,
  isTagless: true,
  encode: (value, at = '') => {
    if (!Array.isArray(value)) throw new CodecError('array', value, at)
    return Array.from(value as readonly A[], (v, i) => {
      const json = item.encode(v, `${at}[${i}]`)
      if (v === undefined) checkHole(value, i, at)
      return json
    })
  },
  decode: (value, at = '') => {
    if (!Array.isArray(value)) throw new CodecError('array', value, at)
    return Array.from(value as readonly Json[], (v, i) => item.decode(v, `${at}[${i}]`))
  },
})

const tuple = <T extends readonly unknown[]>(
  ...items: { readonly [I in keyof T]: Codec<T[I]> }
): Codec<Readonly<T>> => {
  const codecs = items as unknown as readonly Codec<unknown>[]
  const check = (value: unknown, at: string): readonly unknown[] => {
    if (!Array.isArray(value) || value.length !== codecs.length)
      throw new CodecError(`array of ${codecs.length}`, value, at)
    return value
  }
  return {
    name: `tuple(${codecs.map((item, i) => nameOf('tuple', item, ` at ${i}`)).join(', ')})`,
    isTagless: true,
    // By the codecs, none of which may be passed over: the value may have holes.
    encode: (value, at = '') => {
      const whole = check(value, at)
      return codecs.map((item, i) => {
        const json = item.encode(whole[i], `${at}[${i}]`)
        checkHole(whole, i, at)
        return json
      })
    },
    decode: (value, at = '') => {
      const whole = check(value, at)
      return codecs.map((item, i) => item.decode(whole[i] as Json, `${at}[${i}]`)) as unknown as Readonly<T>
    },
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Any codec, whatever its values are. */
export interface AnyCodec {
  readonly name: string
  readonly encode: (value: never, at?: string) => Json
  readonly decode: (json: Json, at?: string) => unknown
}
type Fields = { readonly [name: string]: AnyCodec }
type Flat<T> = { [N in keyof T]: T[N] }
type StructOf<F extends Fields> = Flat<
  { readonly [N in keyof F as F[N] extends Optional<infer _> ? never : N]: TypeOf<F[N]> } & {
    readonly [N in keyof F as F[N] extends Optional<infer _> ? N : never]?: TypeOf<F[N]>
  }
>

/** In full: results of a store are told by it from those of another codec. */
const namesOf = (who: string, codecs: readonly (readonly [string, Codec<unknown>])[]): string =>
  codecs.map(([name, codec]) => `${name}: ${nameOf(who, codec, ` for \`${name}\``)}`).join(', ')

/** Whether it is a map, a date or the like: what it holds, its fields do not tell. */
const hasHidden = (value: object): boolean => Object.prototype.toString.call(value) !== '[object Object]'

/** Exactly these fields; one whose codec is `optional` may be left out. */
const struct = <F extends Fields>(fields: F): Codec<StructOf<F>> => {
  const codecs = entriesOf('struct', fields) as unknown as readonly (readonly [string, Codec<unknown>])[]
  const check = (value: unknown, at: string): Record<string, unknown> => {
    if (!isRecord(value)) throw new CodecError('object', value, at)
    const names = Object.keys(value)
    if (names.length === 0 && hasHidden(value)) throw new CodecError('object', value, at)
    for (const name of names)
      if (!Object.hasOwn(fields, name)) throw new CodecError('no such field', value[name], `${at}.${name}`)
    return value
  }
  return {
    name: `struct(${namesOf('struct', codecs)})`,
    isTagless: Object.hasOwn(fields, '_tag'),
    encode: (value, at = '') => {
      const whole = check(value, at)
      return fromEntries(
        codecs
          .filter(([name, codec]) => whole[name] !== undefined || !isOptional(codec))
          .map(([name, codec]) => [name, codec.encode(whole[name], `${at}.${name}`)]),
      )
    },
    decode: (value, at = '') => {
      const whole = check(value, at)
      return fromEntries(
        codecs
          .filter(([name, codec]) => Object.hasOwn(whole, name) || !isOptional(codec))
          .map(([name, codec]) => [name, codec.decode(whole[name] as Json, `${at}.${name}`)]),
      ) as StructOf<F>
    },
  }
}

/** Names to values; the order of the names does not matter. */
const record = <A>(item: Codec<A>): Codec<Readonly<Record<string, A>>> => ({
  name: `record(${nameOf('record', item)})`,
  encode: (value, at = '') => {
    // What a map or a date holds, its fields do not tell.
    if (!isRecord(value) || !isPlain(value)) throw new CodecError('plain object', value, at)
    return fromEntries(Object.entries(value).map(([name, v]) => [name, item.encode(v as A, `${at}.${name}`)]))
  },
  decode: (value, at = '') => {
    if (!isRecord(value)) throw new CodecError('object', value, at)
    return fromEntries(Object.entries(value).map(([name, v]) => [name, item.decode(v as Json, `${at}.${name}`)]))
  },
})

/** In a struct, the field may be left out. */
export interface Optional<A> extends Codec<A | undefined> {
  readonly isOptional: true
}
const isOptional = (codec: Codec<unknown>): boolean => 'isOptional' in codec

/** Or `undefined`. */
const optional = <A>(item: Codec<A>): Optional<A> => ({
  name: `optional(${nameOf('optional', item)})`,
  isTagless: true,
  encode: (value, at) => (value === undefined ? [] : [item.encode(value, at)]),
  decode: (value, at = '') => {
    if (!Array.isArray(value) || value.length > 1) throw new CodecError('optional', value, at)
    return value.length === 0 ? undefined : item.decode(value[0], at)
  },
  isOptional: true,
})

const nullable = <A>(item: Codec<A>): Codec<A | null> => ({
  name: `nullable(${nameOf('nullable', item)})`,
  isTagless: true,
  encode: (value, at) => (value === null ? null : [item.encode(value, at)]),
  decode: (value, at = '') => {
    if (value === null) return null
    if (!Array.isArray(value) || value.length !== 1) throw new CodecError('nullable', value, at)
    return item.decode(value[0], at)
  },
})

/** One of these words. */
const literal = <const A extends readonly (string | number | boolean)[]>(...values: A): Codec<A[number]> => {
  if (values.length === 0) throw new Misuse("codec.literal: expected one word or more, such as literal('on', 'off')")
  for (const v of values as readonly unknown[])
    if (!(typeof v === 'string' || typeof v === 'boolean' || Number.isFinite(v)))
      throw new Misuse(`codec.literal: expected strings, finite numbers and booleans, got ${shown(v)}`)
  return primitive(values.map((v) => JSON.stringify(v)).join(' | '), (v): v is A[number] =>
    values.includes(v as A[number]),
  )
}

type TaggedOf<C extends Fields> = {
  [Tag in keyof C & string]: Flat<{ readonly _tag: Tag } & TypeOf<C[Tag]>>
}[keyof C & string]

/** Told apart by the field `_tag`: `tagged({ circle: struct({ radius: int }), point: struct({}) })`. */
const tagged = <C extends Fields>(cases: C): Codec<TaggedOf<C>> => {
  const codecs = cases as unknown as Readonly<Record<string, Codec<unknown>>>
  const name = `tagged(${namesOf('tagged', entriesOf('tagged', codecs))})`
  for (const [tag, codec] of Object.entries(codecs))
    if (codec.isPrimitive || codec.isTagless)
      throw new Misuse(
        `codec.tagged: expected a struct without \`_tag\` for \`${tag}\`, such as codec.struct({}), got ${codec.name}`,
      )
  const find = (value: unknown, at: string): readonly [string, Codec<unknown>, Record<string, unknown>] => {
    const tag = isRecord(value) ? value._tag : undefined
    const codec = typeof tag === 'string' && Object.hasOwn(codecs, tag) ? codecs[tag] : undefined
    if (codec === undefined || !isRecord(value)) throw new CodecError(Object.keys(codecs).join(' | '), tag ?? value, at)
    const { _tag, ...rest } = value
    return [tag as string, codec, rest]
  }
  return {
    name,
    isTagless: true,
    encode: (value, at = '') => {
      const [_tag, codec, rest] = find(value, at)
      return { _tag, ...(codec.encode(rest, at) as Record<string, Json>) }
    },
    decode: (value, at = '') => {
      const [_tag, codec, rest] = find(value, at)
      return { _tag, ...(codec.decode(rest as Json, at) as object) } as unknown as TaggedOf<C>
    },
  }
}

/** For values with a form of their own: `to` and `from` are each other's inverse. */
const map = <A, B>(item: Codec<A>, name: string, to: (a: A) => B, from: (b: B) => A): Codec<B> => {
  nameOf('map', item)
  expectParts('map', { name: [name, 'string'], to: [to, 'function'], from: [from, 'function'] })
  return {
    name,
    encode: (value, at) => item.encode(from(value), at),
    decode: (value, at) => to(item.decode(value, at)),
  }
}

/** For types that contain themselves. */
const lazy = <A>(name: string, item: () => Codec<A>): Codec<A> => {
  expectParts('lazy', { name: [name, 'string'], item: [item, 'function'] })
  return {
    name,
    encode: (value, at) => item().encode(value, at),
    decode: (value, at) => item().decode(value, at),
  }
}

export const codec = {
  string,
  boolean,
  int,
  number,
  nothing,
  json,
  bytes,
  array,
  tuple,
  struct,
  record,
  optional,
  nullable,
  literal,
  tagged,
  map,
  lazy,
}
