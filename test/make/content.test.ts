import fc from 'fast-check'
import { expect, it } from 'vitest'
import { contentOf, isOf } from '../../src/make/content.js'
import { type Codec, canonical, codec, type Json } from '../../src/model/codec.js'
import { isDigest, resultIn } from '../../src/model/content.js'

const C = codec as unknown as Readonly<Record<'json' | 'number' | 'string', Codec<unknown>>>
const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>

it('tells results apart, also a text from what it is the text of', () => {
  expect(contentOf(C.json, [1, 2, 3, 4, 5, 6, 7])).not.toEqual(contentOf(C.json, '[1,2,3,4,5,6,7]'))
  expect(contentOf(C.string, `\ud800${'a'.repeat(12)}`)).not.toEqual(contentOf(C.string, `\ud801${'a'.repeat(12)}`))
  fc.assert(
    fc.property(json, json, (a, b) => {
      expect(canonical(contentOf(C.json, a)) === canonical(contentOf(C.json, b))).toBe(canonical(a) === canonical(b))
    }),
  )
})

it('holds the result itself where it is no digest, and knows the text of which it is one', () => {
  fc.assert(
    fc.property(fc.oneof(json, fc.string({ maxLength: 14, unit: 'binary' }), fc.double()), (value) => {
      const of = typeof value === 'number' ? C.number : C.json
      const content = contentOf(of, value)
      const text = canonical(of.encode(value))
      if (isDigest(content)) expect(isOf(content, text)).toBe(true)
      else expect(canonical(resultIn(content))).toBe(text)
      expect(isOf(content, `${text} `)).toBe(false)
    }),
  )
})
