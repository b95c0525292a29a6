import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { codec, createEngine, rule, source } from '../../src/index.js'
import { Keys } from '../../src/make/keys.js'

const one = source('one', { key: codec.literal(0.5, 1.5, 1, 2, -1, 2 ** 31, 'a'), value: codec.int })

test('ids are what a map says, of whichever numbers', () => {
  // Fractions, numbers that are no 32 bits, and some that make the array grow.
  const texts = fc.constantFrom<0.5 | 1.5 | 1 | 2 | -1 | 2147483648 | 'a'>(0.5, 1.5, 1, 2, -1, 2147483648, 'a')
  fc.assert(
    fc.property(fc.array(fc.tuple(texts, fc.boolean()), { maxLength: 40 }), (steps) => {
      const keys = new Keys([one.definition], true)
      const map = new Map<unknown, number>()
      for (const [text, isForgotten] of steps) {
        const id = keys.intern(one(text))
        expect(id).toBe(map.get(text) ?? id)
        expect([...map].filter(([other]) => other !== text).map(([, own]) => own)).not.toContain(id)
        expect(keys.keyOf(id)).toMatchObject({ key: text })
        map.set(text, id)
        if (isForgotten) {
          keys.forget(id)
          map.delete(text)
        }
        for (const [other, own] of map) expect(keys.known(one(other as 1))).toBe(own)
        expect(keys.size).toBe(map.size)
      }
    }),
  )
})

test('builds for keys with fractions are told of changes, declared and asked for', async () => {
  const declared = rule.static('declared', {
    key: codec.int,
    value: codec.int,
    deps: () => [one(1.5), one(1)],
    make: ([x, y]) => 10 * x + y,
  })
  const asking = rule('asking', { key: codec.int, value: codec.int }, function* (_, b) {
    return (yield* b.need(one(0.5))) + (yield* b.need(one(2)))
  })
  const eng = createEngine({ rules: [one, declared, asking] })
  eng.transact((tx) => {
    for (const [key, value] of [
      [0.5, 1],
      [1.5, 2],
      [1, 3],
      [2, 4],
    ] as const)
      tx.set(one(key), value)
  })
  expect(await eng.once(one(0.5)).promise).toBe(1)
  const told: unknown[] = []
  eng.live(declared(0)).subscribe((notice) => told.push(notice._tag === 'value' ? notice.value : notice.error))
  eng.live(asking(0)).subscribe((notice) => told.push(notice._tag === 'value' ? notice.value : notice.error))
  await eng.idle()
  eng.transact((tx) => {
    tx.set(one(1.5), 5)
    tx.set(one(0.5), 6)
  })
  await eng.idle()
  expect(told).toEqual([23, 5, 53, 10])
  await eng.close()
})
