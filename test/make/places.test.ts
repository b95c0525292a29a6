import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Places } from '../../src/make/places.js'

const ids = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const numbers = fc.integer({ min: -2, max: 1000 }).filter((number) => number !== 0)

test('places are what a map is, from one batch to the next', () => {
  const places = new Places()
  const batch = fc.array(fc.tuple(fc.oneof(ids, fc.integer({ min: 1, max: 40 })), numbers), { maxLength: 200 })
  fc.assert(
    fc.property(batch, fc.array(ids, { maxLength: 20 }), (set, others) => {
      const map = new Map<number, number>()
      for (const [id, number] of set) {
        places.set(id, number)
        map.set(id, number)
      }
      for (const id of [...map.keys(), ...others]) expect(places.get(id)).toBe(map.get(id) ?? 0)
      places.clear()
      for (const [id] of set) expect(places.get(id)).toBe(0)
    }),
  )
})

test('a batch of many has room, and the next one finds nothing of it', () => {
  const places = new Places()
  for (let id = 1; id <= 50_000; id++) places.set(id, id % 7 === 0 ? -1 : id)
  for (let id = 1; id <= 50_000; id++) if (places.get(id) !== (id % 7 === 0 ? -1 : id)) expect.fail(`${id} is lost`)
  expect(places.get(50_001)).toBe(0)
  places.clear()
  expect([1, 7, 50_000].map((id) => places.get(id))).toEqual([0, 0, 0])
})

test('ids that would have the same place each have one, also behind the end', () => {
  const places = new Places()
  // All of these come to one of the last places of 4096.
  const all: number[] = []
  for (let id = 1; all.length < 12; id++) if (Math.imul(id, 0x9e3779b1) >>> 20 >= 4094) all.push(id)
  all.forEach((id, i) => {
    places.set(id, i + 1)
  })
  expect(all.map((id) => places.get(id))).toEqual(all.map((_, i) => i + 1))
})
