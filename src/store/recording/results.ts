/** What results come to, as a recording holds them: four words, and the value itself where these are a digest of it. */
import { Tag } from '../../model/content.js'
import type { Content } from '../../model/event.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { RecordedValue } from './value.js'

const float = new Float64Array(1)
const floatWords = new Int32Array(float.buffer)
export const As = { WORDS: 0, ZEROS: 1, INTEGER: 2, WORD: 3 } as const

/**
 * The integer of less than 2^31 that it is, as most are; or {@link NO_INTEGER}. Worked out of the two words of a number by integers alone: to write
 * them one by one and to read them as a number takes a processor several times as long.
 */
export const integerIn = (content: Content): number => {
  if (content[3] !== Tag.NUMBER || content[2] !== 0) return NO_INTEGER
  const low = content[0]
  const high = content[1]
  if ((low | high) === 0) return 0
  const exponent = ((high >>> 20) & 0x7ff) - 1023
  if (exponent < 0 || exponent > 30) return NO_INTEGER
  // 53 bits, the first of which is not in the words: 32 of them, of which the last `behind` are behind the point, as all others are.
  const first = (((high & 0xfffff) | 0x100000) << 11) | (low >>> 21)
  const behind = 31 - exponent
  if (low << 11 !== 0 || (first & ((1 << behind) - 1)) !== 0) return NO_INTEGER
  const integer = first >>> behind
  return high < 0 ? -integer : integer
}
/** Too large to be one of them. */
export const NO_INTEGER = -(2 ** 31)

export const writeContent = (w: ByteWriter, content: Content): void => {
  const [a, b, c, last] = content
  if (last === Tag.NUMBER && c === 0) {
    floatWords[0] = a
    floatWords[1] = b
    const number = float[0]!
    if (Number.isSafeInteger(number) && Math.abs(number) < 2 ** 50 && !Object.is(number, -0)) {
      w.byte(As.INTEGER)
      return w.signed(number)
    }
  }
  if (a === 0 && b === 0 && c === 0 && last === 0) return w.byte(As.ZEROS)
  w.byte(As.WORDS)
  for (const word of content) w.word(word)
}

export const readContent = (r: ByteReader): Content => {
  const shape = r.byte()
  if (shape === As.ZEROS) return [0, 0, 0, 0]
  if (shape === As.WORDS) return [r.word(), r.word(), r.word(), r.word()]
  float[0] = shape === As.WORD ? r.word() : r.signed()
  return [floatWords[0]!, floatWords[1]!, 0, Tag.NUMBER]
}

const VALUE_TAGS = ['text', 'left', 'beside'] as const

export const writeValue = (w: ByteWriter, value: RecordedValue): void => {
  w.byte(VALUE_TAGS.indexOf(value._tag as 'text'))
  if (value._tag === 'text') w.text(value.text, 'utf8')
  else if (value._tag === 'beside') w.text(value.digest, 'latin1')
}

export const readValue = (r: ByteReader): RecordedValue => {
  const _tag = VALUE_TAGS[r.byte()]
  if (_tag === 'text') return { _tag, text: r.text('utf8') }
  if (_tag === 'beside') return { _tag, digest: r.text('latin1') }
  return { _tag: 'left' }
}
