/** Builds without a process, which make goes on with as what they asked for comes, among those of do-files: the same laws. */
import fc from 'fast-check'
import { setAutoFreeze } from 'immer'
import { beforeAll, expect, it } from 'vitest'
import { cap, fixpoint } from '../../src/reduce/policies/basic.js'
import { runs } from '../support/runs.js'
import { canonical, Play } from '../support/world.js'
import { edits, ops, picker, picks, samples, worldOf } from './arbitraries.js'
import { edit, expectEmptied, expectQuiet, expectRight, permutation, playOps, rounds } from './laws.js'

beforeAll(() => setAutoFreeze(true))

const ids = Array.from({ length: 60 }, (_, i) => i + 1)
const mixed = samples({ inMake: true })
const history = fc.array(edits, { maxLength: 4 })

it('gives what a build from nothing would give, after any edits', () => {
  fc.assert(
    fc.property(mixed, history, picks, fc.boolean(), (sample, changes, order, trust) => {
      const world = worldOf(sample)
      const play = new Play(world)
      const pick = picker(order)
      expectRight(play, world, sample, { trust }, pick)
      for (const change of changes) {
        edit(play, world, change, trust)
        expectRight(play, world, sample, { trust, jobs: 3 }, pick)
      }
    }),
    runs(300),
  )
})

it.each([false, true])('answers every request once, and loses no edit, whatever happens; trust: %s', (trust) => {
  fc.assert(
    fc.property(mixed, ops(trust ? { trust } : {}), picks, (sample, happening, order) => {
      const { play, world } = playOps(sample, happening, order, trust ? { announce: true } : {})
      expectRight(play, world, sample, { trust })
      expectQuiet(play, world, sample, trust)
    }),
    runs(300),
  )
})

it('never hangs in circles, and leaves nothing behind', () => {
  const shape = { inMake: true, cyclic: true, background: true }
  fc.assert(
    fc.property(samples(shape), ops({ trust: true, forget: true }), picks, (sample, happening, order) => {
      const { play } = playOps(sample, happening, order)
      play.build(sample.targets)
      expectEmptied(play)
    }),
    runs(300),
  )
})

it('every policy, number of slots, order of processes and of receipts comes to the same', () => {
  fc.assert(
    fc.property(mixed, history, picks, fc.array(fc.nat(9), { minLength: 1 }), (sample, changes, order, shuffle) => {
      const one = rounds(sample, changes, {})
      for (const options of [
        { policy: cap(1), jobs: 1 },
        { policy: fixpoint(), jobs: 3, picks: order, permute: permutation(shuffle) },
      ]) {
        const other = rounds(sample, changes, options)
        expect(other.answers).toEqual(one.answers)
        expect(canonical(other.play.engine.state, ids)).toEqual(canonical(one.play.engine.state, ids))
      }
    }),
    runs(120),
  )
})
