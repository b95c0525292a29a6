/** What was asked for last is kept, as one list says that is gone through for each. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type BuildId, buildId } from '../../src/model/ids.js'
import { lastAsked } from '../../src/reduce/asked.js'

const ids = (maxLength: number) => fc.array(fc.integer({ min: 1, max: 12 }).map(buildId), { maxLength })

it('the last few that were asked for, each once, the last one last', () => {
  fc.assert(
    fc.property(fc.array(ids(20)), fc.nat({ max: 12 }), (ticks, keep) => {
      let kept: readonly BuildId[] = []
      let all: BuildId[] = []
      for (const asked of ticks) {
        const before = [...kept]
        const next = lastAsked(kept, asked, keep)
        expect(kept).toEqual(before)
        kept = next
        for (const x of asked) all = [...all.filter((each) => each !== x), x]
        expect(kept).toEqual(keep === 0 ? [] : all.slice(-keep))
      }
    }),
  )
})

it('the very list where nothing is another', () => {
  const kept = [1, 2, 3].map(buildId)
  expect(lastAsked(kept, [], 3)).toBe(kept)
  expect(lastAsked(kept, [buildId(3)], 3)).toBe(kept)
})
