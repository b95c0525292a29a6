import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hashBytes, hashOf } from '../../src/model/hash.js'

it('a string and its bytes, wherever they lie, have one hash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), fc.nat({ max: 9 }), (bytes, at) => {
      const name = Buffer.from(bytes).toString('latin1')
      const lying = Buffer.concat([Buffer.alloc(at, 1), bytes, Buffer.alloc(3, 2)])
      expect(hashBytes(lying, at, bytes.length)).toBe(hashOf(name))
    }),
  )
})

it('spreads names that differ in their last digits over the low bits', () => {
  const found = new Set(Array.from({ length: 4096 }, (_, i) => hashOf(`d000/${String(i).padStart(5, '0')}.out`) & 4095))
  // A perfect hash would leave 1/e of the places empty.
  expect(found.size).toBeGreaterThan(4096 * 0.58)
})
