/** Four words that tell results apart: the result itself where it fits into them, else a digest of its canonical text. */
import { hash } from 'node:crypto'
import { type Codec, canonical, type Json } from '../model/codec.js'
import { DIGEST, isSameContent, Tag } from '../model/content.js'
import type { Key } from '../model/definition.js'
import { type BuildError, smallestFirst } from '../model/error.js'
import type { Content } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { canonicalOfAny } from '../model/json.js'
import { contentFrom } from './ended.js'
import { wordsOf } from './keys.js'

const float = new Float64Array(1)
const words = new Int32Array(float.buffer)

/** @throws CodecError where `value` is none of the codec's. */
export const contentOf = (codec: Codec<unknown>, value: unknown): Content => {
  const json = codec.encode(value)
  switch (typeof json) {
    case 'number':
      float[0] = json
      return contentFrom(words[0]!, words[1]!, 0, Tag.NUMBER)
    case 'boolean':
      return contentFrom(json ? 1 : 0, 0, 0, Tag.BOOLEAN)
    case 'string':
      return json.length <= 12 ? packed(json) : digestOf(canonical(json))
    default:
      return digestOf(canonical(json))
  }
}

/** Up to 12 characters of 8 bits. */
const packed = (text: string): Content => {
  const three = [0, 0, 0]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 255) return digestOf(canonical(text))
    three[i >> 2]! |= code << ((i & 3) * 8)
  }
  return contentFrom(three[0]!, three[1]!, three[2]!, Tag.SHORT | (text.length << 8))
}

const digestOf = (text: string): Content => {
  const sum = hash('sha256', text, 'buffer')
  return [sum.readInt32LE(0), sum.readInt32LE(4), sum.readInt32LE(8), sum.readInt32LE(12) | DIGEST]
}

/** Whether `content` is that of the result that `text` says. */
export const isOf = (content: Content, text: string): boolean => isSameContent(digestOf(text), content)

/** Of errors, what they say counts, not where they were thrown. `nameOf`: of who was tried, and what those broke by, since ids are given to others once they are forgotten. */
export const contentOfError = (error: BuildError, nameOf: NameOf = String): Content => {
  if (error._tag === 'absent') return [0, 0, 0, Tag.ERROR]
  return digestOf(canonicalOfAny(saidBy(error, nameOf)))
}
type NameOf = (build: BuildId) => BuildId | string

/** What tells a dependency that broke somebody from others. */
export const wayOf = (dependency: Key): Content => digestOf(wordsOf(dependency))

/** As data. */
export const saidBy = (error: BuildError, nameOf: NameOf = (x) => x): Json =>
  JSON.parse(JSON.stringify(withoutTraces(error, nameOf))) as Json

const withoutTraces = (error: BuildError, nameOf: NameOf): object => {
  if (error._tag === 'noneOf') {
    const tried = error.tried.map(({ path, error: why }) => ({
      path: path.map(nameOf),
      error: withoutTraces(why, nameOf),
    }))
    return { ...error, tried }
  }
  if (error._tag === 'cycle') return { ...error, path: smallestFirst(error.path.map(nameOf), (name) => name) }
  const { trace: _, ...said } = error as BuildError & { readonly trace?: string }
  return said
}
