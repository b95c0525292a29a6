import fc from 'fast-check'
import { setAutoFreeze } from 'immer'
import { beforeAll, describe, it } from 'vitest'
import { Play } from '../support/world.js'
import { edits, ops, picker, picks, runs, samples, worldOf } from './arbitraries.js'
import { edit, expectEmptied, expectQuiet, expectRight, playOps } from './laws.js'

beforeAll(() => setAutoFreeze(true))

describe('one build after the other, with edits in between', () => {
  it('gives what a build from nothing would give', () => {
    fc.assert(
      fc.property(
        samples(),
        fc.array(edits, { maxLength: 5 }),
        picks,
        fc.boolean(),
        (sample, history, order, trust) => {
          const world = worldOf(sample)
          const play = new Play(world)
          const pick = picker(order)
          expectRight(play, world, sample, { trust }, pick)
          for (const changes of history) {
            edit(play, world, changes, trust)
            expectRight(play, world, sample, { trust, jobs: 3 }, pick)
          }
        },
      ),
      runs(300),
    )
  })
})

describe('whatever happens in whatever order', () => {
  it('answers every request once, and the next build is right: no edit is lost', () => {
    fc.assert(
      fc.property(samples(), ops(), picks, (sample, history, order) => {
        const { play, world } = playOps(sample, history, order)
        expectRight(play, world, sample)
        expectQuiet(play, world, sample, false)
      }),
      runs(300),
    )
  })
  it('is as right when the watcher is trusted and speaks of every change', () => {
    fc.assert(
      fc.property(samples(), ops({ trust: true }), picks, (sample, history, order) => {
        const { play, world } = playOps(sample, history, order, { announce: true })
        expectRight(play, world, sample, { trust: true })
        expectQuiet(play, world, sample, true)
      }),
      runs(300),
    )
  })
  it('never hangs, in circles and with requests from the background neither', () => {
    fc.assert(
      fc.property(
        samples({ cyclic: true, background: true }),
        ops({ trust: true, forget: true }),
        picks,
        (sample, history, order) => {
          const { play } = playOps(sample, history, order)
          play.build(sample.targets)
          expectEmptied(play)
        },
      ),
      runs(300),
    )
  })
  it('leaves nothing behind when all is cancelled and collected', () => {
    fc.assert(
      fc.property(samples({ background: true }), ops({ forget: true }), (sample, history) => {
        const { play } = playOps(sample, history, [])
        expectEmptied(play)
      }),
      runs(300),
    )
  })
})
