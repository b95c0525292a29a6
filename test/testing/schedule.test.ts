import { describe, expect, it } from 'vitest'
import { Misuse } from '../../src/index.js'
import { Choices, scheduleOf, textOfSchedule } from '../../src/testing/index.js'

describe('a schedule', () => {
  it('reads back from its text, but for zeros at its end', () => {
    expect(textOfSchedule([2, 0, 1, 0, 0])).toBe('s:2.0.1')
    expect(scheduleOf('s:2.0.1')).toEqual([2, 0, 1])
    expect(textOfSchedule([0, 0])).toBe('s:')
    expect(scheduleOf('s:')).toEqual([])
  })
  it.each(['', '2.0', 's:x', 's:1.', 's:-1'])('%j is none', (text) => expect(() => scheduleOf(text)).toThrow(Misuse))
  it('goes on with 0, and stays below the number of choices', () => {
    const { choose } = Choices.of([7])
    expect([choose(4), choose(4), choose(1)]).toEqual([3, 0, 0])
  })
  it('is known from what a random one took', () => {
    const random = Choices.random(5)
    const taken = [2, 3, 4, 5, 1, 6].map((n) => random.choose(n))
    const again = Choices.of(random.taken)
    expect([2, 3, 4, 5, 1, 6].map((n) => again.choose(n))).toEqual(taken)
  })
})
