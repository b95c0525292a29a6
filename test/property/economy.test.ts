import fc from 'fast-check'
import { setAutoFreeze } from 'immer'
import { beforeAll, describe, expect, it } from 'vitest'
import { dependenciesOf } from '../../src/model/dependencies.js'
import type { BuildId } from '../../src/model/ids.js'
import { buildId } from '../../src/model/ids.js'
import { Flag, hasFlag, type State } from '../../src/model/state.js'
import { gather } from '../../src/reduce/gather.js'
import { reduce } from '../../src/reduce/reduce.js'
import { runs } from '../support/runs.js'
import { Play } from '../support/world.js'
import { edits, ops, picker, picks, samples, worldOf } from './arbitraries.js'
import { edit, expectSame, pagesOfState, playOps } from './laws.js'

beforeAll(() => setAutoFreeze(true))

describe('a build after a change', () => {
  it('runs only what the change can reach past equal results, and nothing twice', () => {
    fc.assert(
      fc.property(samples(), edits, picks, (sample, changes, order) => {
        const world = worldOf(sample)
        const play = new Play(world)
        play.build(sample.targets)
        const before = play.engine.state
        const files = new Map(world.files)
        play.runs.length = 0
        edit(play, world, changes, false)
        play.request(sample.targets)
        play.finish(picker(order))
        const after = play.engine.state
        expect(new Set(play.runs).size, `run twice: ${play.runs}`).toBe(play.runs.length)
        const isBroken = (state: State, x: BuildId): boolean => hasFlag(state, x, Flag.BROKEN)
        for (const x of play.runs.map(buildId)) {
          const why = dependenciesOf(before, x).some(({ build: d }) => {
            if (isBroken(before, d) || isBroken(after, d)) return true
            // What makes no file and says nothing with redo-stamp counts as changed by each of its runs.
            return (
              files.get(d) !== world.files.get(d) || (play.runs.includes(d) && world.rules.get(d)?.output === 'none')
            )
          })
          expect(why || hasFlag(before, x, Flag.BROKEN | Flag.ALWAYS), `${x} was run for nothing`).toBe(true)
        }
      }),
      runs(300),
    )
  })
})

describe('slots', () => {
  it('are never exceeded, nor left in use when all is at rest', () => {
    fc.assert(
      fc.property(samples({ cyclic: true, background: true }), ops(), picks, (sample, history, order) => {
        const onTick = (_: unknown, before: State, after: State): void => {
          expect(after.running).toBeLessThanOrEqual(before.running + gather(before).freeSlots)
        }
        expect(playOps(sample, history, order, { options: { onTick, check: false } }).play.engine.state.running).toBe(0)
      }),
      runs(150),
    )
  })
})

describe('reduce', () => {
  it('gives the same again, and mutates nothing', () => {
    fc.assert(
      fc.property(samples({ cyclic: true, background: true, rulesMax: 5 }), ops(), (sample, history) => {
        let copy: unknown
        playOps(sample, history.slice(0, 25), [], {
          options: {
            check: false,
            onTick: (input, before, after) => {
              if (copy !== undefined) expect(pagesOfState(before)).toEqual(copy)
              expectSame(after, reduce(before, input).state)
              copy = pagesOfState(after)
            },
          },
        })
      }),
      runs(40),
    )
  })
})
