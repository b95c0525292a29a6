/** Reads the four words that tell results apart: the result itself where it fits into them, else a digest (`make/content.ts` makes them). */
import type { Json } from './codec.js'
import type { Content } from './event.js'
import type { BuildId } from './ids.js'
import { Fact, type State } from './state.js'
import { read } from './table.js'

/** Set in the last word of a digest, and of nothing else. */
export const DIGEST = 1 << 31
/** What the last word says of the other three. */
export const Tag = { NUMBER: 1, BOOLEAN: 2, SHORT: 3, ERROR: 0x40 } as const

const float = new Float64Array(1)
const words = new Int32Array(float.buffer)

/** Those of `x`. */
export const contentIn = ({ facts }: Pick<State, 'facts'>, x: BuildId): Content => {
  const word = (i: number): number => read(facts, x, Fact.CONTENT + i)
  return [word(0), word(1), word(2), word(3)]
}

export const isSameContent = (a: Content, b: Content): boolean => a.every((word, i) => word === b[i])

/** Whether `x` came to it. */
export const isContentOf = ({ facts }: Pick<State, 'facts'>, x: BuildId, content: Content): boolean =>
  content.every((word, i) => word === read(facts, x, Fact.CONTENT + i))

/** Whether only a text tells what the result was. */
export const isDigest = ([, , , last]: Content): boolean => last < 0

/** The result that fits into `content`, which is no digest. */
export const resultIn = ([a, b, c, last]: Content): Json => {
  if (last === Tag.BOOLEAN) return a === 1
  if (last === Tag.NUMBER) {
    words[0] = a
    words[1] = b
    return float[0]!
  }
  const three = [a, b, c]
  let text = ''
  for (let i = 0; i < last >>> 8; i++) text += String.fromCharCode((three[i >> 2]! >>> ((i & 3) * 8)) & 255)
  return text
}
