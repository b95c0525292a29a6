import fc from 'fast-check'
import { setAutoFreeze } from 'immer'
import { beforeAll, describe, expect, it } from 'vitest'
import { runs } from '../support/runs.js'
import { Play } from '../support/world.js'
import { edits, type Op, ops, picker, picks, type Sample, samples, worldOf } from './arbitraries.js'
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
  it.each([
    ['before it asks for it', [], 'waits for it'],
    ['once it knows that it is there', [{ op: 'go', which: 0 }, { op: 'settle' }], 'runs again'],
  ] as const)('a do-file that runs while a target that it needs is taken away, %s', (_, before, then) => {
    const sample: Sample = {
      rules: [
        [10, { asks: [], output: 'sum' }],
        [11, { asks: [[10]], output: 'sum' }],
      ],
      files: [],
      targets: [10, 11],
    }
    const request = (...targets: readonly number[]): Op => ({
      op: 'request',
      targets,
      want: 'ifchange',
      keepGoing: false,
      jobs: 1,
      trust: false,
    })
    const taken: Op = { op: 'hand', which: 0, remove: true }
    const history: readonly Op[] = [request(0), { op: 'finish' }, request(0, 1), { op: 'settle' }, ...before, taken]
    const { play, world } = playOps(sample, history, [], { announce: true })
    expect(play.runs).toEqual(then === 'waits for it' ? [10, 11, 10] : [10, 11])
    expectRight(play, world, sample, { trust: true })
    expect(play.runs).toEqual(then === 'waits for it' ? [10, 11, 10] : [10, 11, 10, 11])
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
