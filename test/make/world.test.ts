import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { codec, source } from '../../src/index.js'
import { type Setting, World } from '../../src/make/world.js'

const numbered = source('numbered', { key: codec.int, value: codec.int })
const named = source('named', { key: codec.string, value: codec.int })

test('settings are what a map is, in whichever order they are set', () => {
  const texts = fc.oneof(fc.integer({ min: -1, max: 4 }), fc.constantFrom(1e9, '0', '1', 'a'))
  const settings = fc.oneof(
    fc.integer().map((value): Setting => ({ value })),
    fc.constantFrom<Setting | undefined>('removed', undefined),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(texts, settings), { maxLength: 30, size: 'max' }), (steps) => {
      const world = new World()
      const map = new Map<string | number, Setting>()
      const keyOf = (text: string | number) => (typeof text === 'number' ? numbered(text) : named(text))
      for (const [text, setting] of steps) {
        world.set(keyOf(text), setting)
        if (setting === undefined) map.delete(text)
        else map.set(text, setting)
        for (const [other] of steps) expect(world.get(keyOf(other))).toBe(map.get(other))
      }
      const all = [...world.all()].map(([, text, setting]) => [text, setting] as const)
      expect(all).toHaveLength(map.size)
      expect(new Map(all)).toEqual(map)
    }),
  )
})
