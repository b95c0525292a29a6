/**
 * What a build of the library is called in a store: a byte string that no path can be, since it holds NUL: that, the name of the rule, NUL,
 * the canonical text of the key; both as UTF-8, one char per byte.
 */
import { canonical, type Json } from '../model/codec.js'
import type { Definition, Key } from '../model/definition.js'
import { type Name, textOfName } from '../store/recording/names.js'

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the chars whose one byte is themselves
const ASCII = /^[\x00-\x7f]*$/

const toBytes = (text: string): string => (ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1'))
const fromBytes = (bytes: string): string => (ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8'))

export const nameOf = (key: Key): string => textOfName(nameInParts(key))

/** The same, not put together where the key is an integer of 32 bits. */
export const nameInParts = ({ of, key }: Key): Name => {
  const json = of.keys.encode(key)
  const prefix = beginningOf(of)
  return typeof json === 'number' && json === (json | 0) ? { prefix, number: json } : prefix + toBytes(canonical(json))
}

/** The same, of a key that is known to fit its codec. */
export const nameOfKnown = (known: Key): Name => {
  const { of, key } = known
  return of.keys.isPrimitive === true && typeof key === 'number' && key === (key | 0)
    ? { prefix: beginningOf(of), number: key }
    : nameInParts(known)
}

/** What the names of all builds of `of` begin with. Asked for with every setting, and mostly of the same definition as before. */
export const beginningOf = (of: Definition): string => {
  if (of === lastOf) return lastPrefix
  let prefix = prefixes.get(of)
  if (prefix === undefined) {
    prefix = `\0${toBytes(of.name)}\0`
    prefixes.set(of, prefix)
  }
  lastOf = of
  lastPrefix = prefix
  return prefix
}
const prefixes = new WeakMap<Definition, string>()
let lastOf: Definition | undefined
let lastPrefix = ''

/** The same, of a key by what tells it from others of its definition. */
export const nameFor = (of: Definition, text: string | number | boolean): string =>
  beginningOf(of) + toBytes(of.keys.isPrimitive === true ? canonical(text) : String(text))

/** The rule's name and the text of the key; undefined: the name is none of the library's. */
export const partsOf = (name: string): { readonly rule: string; readonly text: string } | undefined => {
  if (name[0] !== '\0') return undefined
  const end = name.indexOf('\0', 1)
  return end < 0 ? undefined : { rule: fromBytes(name.slice(1, end)), text: fromBytes(name.slice(end + 1)) }
}

/** For messages. */
export const wordsOfName = (name: string): string => {
  const parts = partsOf(name)
  return parts === undefined ? name : `${parts.rule}(${parts.text})`
}

/** The key of `of` that `text` says. @throws CodecError, SyntaxError */
export const keyFrom = (of: Definition, text: string): Key => {
  const { decode } = of.keys
  return { of, key: decode(JSON.parse(text) as Json) }
}
