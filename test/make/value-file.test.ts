/** Names of values of rules: files that tell the rule and the key, on any file system. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isValueFile, partsOf, shownValue, valueFileOf } from '../../src/make/value-file.js'

const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 500 })

test('each is read back as it was written, and every part of it can be a file anywhere', () => {
  fc.assert(
    fc.property(texts, texts, (rule, text) => {
      const name = valueFileOf(rule, text)
      expect(isValueFile(name)).toBe(true)
      expect(partsOf(name)).toEqual({ rule, text })
      expect(name).toMatch(/^\.redford\/values(\/[a-z0-9%_+-]+)+$/)
      for (const part of name.split('/').slice(3)) expect(part.length).toBeLessThanOrEqual(201)
    }),
  )
})

test('no folder of one is another', () => {
  expect(valueFileOf('r', 'x'.repeat(201)).startsWith(`${valueFileOf('r', 'x'.repeat(200))}/`)).toBe(false)
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      expect(`${valueFileOf('r', a + b)}/`.startsWith(`${valueFileOf('r', a)}/`)).toBe(false)
    }),
  )
})

test('they are shown as the call that makes them; other files are not', () => {
  expect(shownValue(valueFileOf('page', '"Index"'))).toBe('page("Index")')
  expect(shownValue(valueFileOf('page', '"ä"'))).toBe(Buffer.from('page("ä")').toString('latin1'))
  expect(shownValue('.redford/values/page')).toBeUndefined()
  expect(shownValue('page/a')).toBeUndefined()
  expect(partsOf('.redford/values/page/%zz')).toBeUndefined()
})
