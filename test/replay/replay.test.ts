/** What was recorded is what happened: at every tick, of both faces, under random policies and orders. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf, StateDigest } from '../../src/model/digest.js'
import type { State } from '../../src/model/state.js'
import { emptyObjects } from '../../src/model/table.js'
import { decodeSnapshot, encodeSnapshot, packed } from '../../src/store/recording/snapshot.js'
import { fingerprint } from '../library/fingerprint.js'
import { everyPolicy, permutation } from '../library/laws.js'
import { circles, picks, samples, schedules } from '../library/schedules.js'
import * as files from '../property/arbitraries.js'
import { useFolder } from '../support/folder.js'
import { type Known, opened, recordOps, recordSteps } from './record.js'

const folder = useFolder()
let count = 0
const fresh = (): string => folder.at(`${count++}.rec`)

/** All but the values, which are texts in a recording. */
const wordsOf = (state: State): string => fingerprint({ ...state, values: emptyObjects })

/** The same words in tables of their own, which nothing was kept up for. */
const copied = (state: State): State =>
  decodeSnapshot(
    packed(
      encodeSnapshot(
        state,
        () => undefined,
        () => ({ _tag: 'left' }),
      ),
    ),
  ).state

const expectSame = (path: string, { states }: Known): void => {
  const replay = opened(path)
  try {
    expect(replay.damage).toBeUndefined()
    expect(replay.ticks).toBe(states.length - 1)
    expect(replay.verify()).toEqual({ _tag: 'agrees', ticks: states.length - 1 })
    for (let tick = 0; tick <= replay.ticks; tick += Math.max(1, Math.floor(replay.ticks / 5))) {
      expect(wordsOf(replay.stateAt(tick).state)).toBe(wordsOf(states[tick]!))
      if (tick > 0) expect(replay.reader.digestAt(tick)).toBe(digestOf(copied(states[tick]!)))
    }
  } finally {
    replay.close()
  }
}

describe('a recording', () => {
  it('of rules replays to the same state at every tick', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(
        samples(),
        schedules(),
        picks,
        fc.nat(4),
        fc.constantFrom(0, 0.5),
        (sample, steps, order, policy, drop) => {
          const path = fresh()
          const known = recordSteps(path, sample, steps, order, {
            policy: everyPolicy[policy]!,
            drop,
            permute: permutation(order),
          })
          expectSame(path, known)
        },
      ),
      { numRuns: 150 },
    )
  })
  it('of rules that need one another in circles, too', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(circles(true), schedules(15), picks, (sample, steps, order) => {
        const path = fresh()
        expectSame(path, recordSteps(path, sample, steps, order, { cyclic: 'at once' }))
      }),
      { numRuns: 60 },
    )
  })
  it('of do-files replays to the same state at every tick', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(files.samples({ cyclic: true, background: true }), files.ops(), files.picks, (sample, ops, order) => {
        const path = fresh()
        const known = recordOps(path, sample, ops, order)
        if (known.states.length > 0) expectSame(path, known)
      }),
      { numRuns: 150 },
    )
  })
})

describe('the digest', () => {
  it('kept up from tick to tick is that of the state by itself', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(samples(), schedules(), picks, (sample, steps, order) => {
        let kept: StateDigest | undefined
        recordSteps(fresh(), sample, steps, order, {
          onTick: (_, before, after) => {
            kept ??= new StateDigest(before)
            kept.advance(after)
            expect(kept.text).toBe(digestOf(copied(after)))
          },
        })
      }),
      { numRuns: 100 },
    )
  })
})
