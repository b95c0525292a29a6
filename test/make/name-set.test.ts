import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NameSet } from '../../src/make/name-set.js'

const sorted = (names: Iterable<string>): string[] => [...names].sort()

describe('a set of names', () => {
  it('is a Set, whatever is added and deleted in whatever order', () => {
    // Few characters make names that begin alike and are added and deleted again; all bytes but NUL make the others.
    const char = fc.oneof(
      fc.constantFrom('a', 'b'),
      fc.integer({ min: 1, max: 255 }).map((n) => String.fromCharCode(n)),
    )
    const name = fc.array(char, { maxLength: 6 }).map((chars) => chars.join(''))
    const step = fc.record({ isAdded: fc.integer({ min: 0, max: 4 }).map((n) => n > 1), name })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.array(name), (steps, others) => {
        const set = new NameSet()
        const model = new Set<string>()
        for (const { isAdded, name } of steps) {
          const isNew = isAdded && !model.has(name)
          if (isAdded) {
            expect(set.add(name)).toBe(isNew)
            model.add(name)
          } else expect(set.delete(name)).toBe(model.delete(name))
          expect(set.size).toBe(model.size)
        }
        expect(sorted(set)).toEqual(sorted(model))
        for (const name of [...others, ...steps.map((s) => s.name)]) expect(set.has(name)).toBe(model.has(name))
      }),
    )
  })

  it('holds many, and takes the room of what was deleted again', () => {
    const set = new NameSet()
    const names = Array.from({ length: 20_000 }, (_, i) => `name ${i}`)
    for (const name of names) set.add(name)
    for (let round = 0; round < 3; round++) {
      for (const name of names.slice(1)) expect(set.delete(name)).toBe(true)
      expect([...set]).toEqual([names[0]])
      for (const name of names) set.add(name)
    }
    expect(sorted(set)).toEqual(sorted(names))
  })
})
