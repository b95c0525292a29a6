/** Codecs: what they let pass has a text, and comes out of it again. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codec as C, CodecError, canonical, type Json } from '../../src/model/codec.js'
import { expectFlat } from '../../src/model/json.js'
import { Misuse } from '../../src/model/misuse.js'

// biome-ignore lint/suspicious/noSparseArray: that is what they are about
const holes: readonly Json[] = [1, , 2] as unknown as readonly Json[]

/** Any codec, whatever its values are. */
interface AnyCodec {
  readonly encode: (value: never) => Json
  readonly decode: (json: Json) => unknown
}

describe('an array with a hole is none', () => {
  const cases: readonly (readonly [string, AnyCodec, unknown, string])[] = [
    ['of a json', C.json, holes, 'expected json at [1], got undefined'],
    ['deep in a json', C.json, { a: [holes] }, 'expected json at .a[0][1], got undefined'],
    ['of a json, at the end', C.json, new Array(1), 'expected json at [0], got undefined'],
    ['of a tuple', C.tuple(C.int, C.int), new Array(2), 'expected int at [0], got undefined'],
    ['deep in a tuple', C.tuple(C.int, C.json), [1, holes], 'expected json at [1][1], got undefined'],
    ['of an array', C.array(C.int), holes, 'expected int at [1], got undefined'],
    ['of a struct', C.struct({ a: C.tuple(C.int) }), { a: new Array(1) }, 'expected int at .a[0], got undefined'],
  ]
  for (const [name, codec, value, message] of cases)
    it(name, () => {
      expect(() => codec.encode(value as never)).toThrow(message)
      expect(() => codec.decode(value as never)).toThrow(message)
    })
})

it('nor is one of what may be `undefined`', () => {
  const message = 'expected array without holes at .a, got an array'
  const maybe = C.optional(C.int)
  expect(() => C.struct({ a: C.array(maybe) }).encode({ a: holes as readonly number[] })).toThrow(message)
  expect(() => C.struct({ a: C.tuple(maybe, maybe) }).encode({ a: new Array(2) as never })).toThrow(message)
  expect(C.array(maybe).encode([1, undefined])).toEqual([[1], []])
})

it('a record is a plain object', () => {
  const all: readonly unknown[] = [new Map([['a', 1]]), new Date(), new (class A {})()]
  for (const one of all) expect(() => C.record(C.int).encode(one as never)).toThrow('expected plain object, got a')
  expect(C.record(C.int).encode(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 })
})

it('the name of a codec tells it from others', () => {
  expect(C.struct({ a: C.int, b: C.optional(C.string) }).name).toBe('struct(a: int, b: optional(string))')
  expect(C.tagged({ a: C.struct({ n: C.number }), b: C.struct({}) }).name).toBe(
    'tagged(a: struct(n: number), b: struct())',
  )
})

it('a tuple and a json come out of their text as they went in', () => {
  const pair = C.tuple(C.json, C.optional(C.number))
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), fc.option(fc.double(), { nil: undefined }), (json, n) => {
      const text = canonical(pair.encode([json as Json, n]))
      const again = pair.decode(JSON.parse(text) as Json)
      expect(canonical(pair.encode(again))).toBe(text)
      expect(again[1]).toBe(n)
    }),
  )
})

it('is made of codecs', () => {
  const wrong = (value: unknown): never => value as never
  const none = ', such as codec.string, got undefined'
  expect(() => C.array(wrong(undefined))).toThrow(new Misuse(`codec.array: expected a codec${none}`))
  expect(() => C.record(wrong('int'))).toThrow(
    new Misuse('codec.record: expected a codec, such as codec.string, got "int"'),
  )
  for (const odd of [Number.NaN, 1 / 0, null, undefined, {}])
    expect(() => C.literal('a', odd as never)).toThrow(
      /^codec.literal: expected strings, finite numbers and booleans, got /,
    )
  expect(() => C.literal()).toThrow("codec.literal: expected one word or more, such as literal('on', 'off')")
  expect(() => C.optional(wrong(undefined))).toThrow(new Misuse(`codec.optional: expected a codec${none}`))
  expect(() => C.nullable(wrong(undefined))).toThrow(new Misuse(`codec.nullable: expected a codec${none}`))
  expect(() => C.tuple(C.int, wrong(undefined))).toThrow(new Misuse(`codec.tuple: expected a codec at 1${none}`))
  expect(() => C.struct({ a: C.int, b: wrong(undefined) })).toThrow(
    new Misuse(`codec.struct: expected a codec for \`b\`${none}`),
  )
  const byName = 'expected codecs by name, as in { a: codec.string }, got'
  expect(() => C.struct(wrong(undefined))).toThrow(new Misuse(`codec.struct: ${byName} undefined`))
  expect(() => C.tagged(wrong([C.int]))).toThrow(new Misuse(`codec.tagged: ${byName} an array`))
  expect(() => C.map(wrong(undefined), 'm', String, Number)).toThrow(new Misuse(`codec.map: expected a codec${none}`))
  expect(() => C.map(C.int, wrong(String), Number, wrong(undefined))).toThrow(
    new Misuse('codec.map: `name` must be a string, got a function'),
  )
  expect(() => C.map(C.int, 'm', String, wrong(undefined))).toThrow(
    new Misuse('codec.map: `from` must be a function, got undefined'),
  )
  expect(() =>
    C.lazy(
      wrong(() => C.int),
      wrong(undefined),
    ),
  ).toThrow(new Misuse('codec.lazy: `name` must be a string, got a function'))
  expect(() => C.tagged({ a: wrong(undefined) })).toThrow(new Misuse(`codec.tagged: expected a codec for \`a\`${none}`))
})

it('tags what has fields', () => {
  const parts = C.struct({ n: C.int })
  const odd = [
    C.int,
    C.number,
    C.nothing,
    C.bytes,
    C.array(parts),
    C.tuple(parts),
    C.optional(parts),
    C.nullable(parts),
  ]
  const tagging = C.struct({ _tag: C.literal('a'), n: C.int })
  for (const part of [...odd, C.literal('a'), C.tagged({ b: parts }), tagging])
    expect(() => C.tagged({ a: part })).toThrow(
      new Misuse(
        `codec.tagged: expected a struct without \`_tag\` for \`a\`, such as codec.struct({}), got ${part.name}`,
      ),
    )
  const own = C.map(
    parts,
    'own',
    ({ n }) => ({ m: n }),
    ({ m }) => ({ n: m }),
  )
  for (const [part, value] of [
    [parts, { _tag: 'a', n: 1 }],
    [C.record(C.int), { _tag: 'a', n: 1 }],
    [C.lazy('later', () => parts), { _tag: 'a', n: 1 }],
    [own, { _tag: 'a', m: 1 }],
    // Whatever it is called.
    [
      { ...own, name: 'array(of mine)' },
      { _tag: 'a', m: 1 },
    ],
    [C.json, { _tag: 'a', n: 1 }],
  ] as const) {
    const tagged = C.tagged({ a: part as typeof parts })
    expect(tagged.decode(tagged.encode(value as never))).toEqual(value)
  }
})

it('what is nested too deep has no text, long before the stack is at its end', () => {
  const deep = (depth: number): Json => Array.from({ length: depth }).reduce<Json>((inner) => [inner], 0)
  expect(canonical(deep(500))).toHaveLength(1001)
  expectFlat({ a: deep(499) })
  const message = 'expected data nested at most 500 deep, and in no circle: make a flat list of it'
  for (const tell of [canonical, expectFlat]) {
    expect(() => tell(deep(501))).toThrow(message)
    expect(() => tell([1, { a: deep(499) }])).toThrow(message)
  }
})

it.each([
  ['map', new Map([['a', 1]])],
  ['set', new Set([1])],
  ['date', new Date(0)],
])('a struct is no %s, whose fields do not tell what it holds', (_, value) => {
  expect(() => C.struct({ a: C.optional(C.int) }).encode(value as object)).toThrow(CodecError)
})
