import fc from 'fast-check'
import { setAutoFreeze } from 'immer'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildId } from '../../src/model/ids.js'
import {
  cap,
  criticalPath,
  fairShare,
  fixpoint,
  fullBatch,
  lexicographic,
  random,
  shortestRemaining,
} from '../../src/reduce/policies/index.js'
import { runs } from '../support/runs.js'
import { canonical, oracle } from '../support/world.js'
import { edits, picks, samples, worldOf } from './arbitraries.js'
import { errorAt, expectSame, permutation, rounds, roundsInTurns } from './laws.js'

beforeAll(() => setAutoFreeze(true))

const ids = Array.from({ length: 60 }, (_, i) => i + 1)
const history = fc.array(edits, { maxLength: 3 })

describe('confluence', () => {
  it('every policy, number of slots, order of processes and of receipts comes to the same', () => {
    fc.assert(
      fc.property(samples(), history, picks, fc.array(fc.nat(9), { minLength: 1 }), (sample, edits, order, shuffle) => {
        const one = rounds(sample, edits, {})
        for (const options of [
          { policy: cap(1), jobs: 1 },
          { policy: cap(3), jobs: 3, picks: order },
          { policy: fixpoint(), jobs: 3, picks: order, permute: permutation(shuffle) },
          { policy: criticalPath(), jobs: 3, picks: order },
          { policy: lexicographic(shortestRemaining(), criticalPath()), jobs: 2, picks: order },
          { policy: fairShare(), jobs: 2 },
          { policy: random(3), jobs: 3, picks: order, permute: permutation(shuffle) },
        ]) {
          const other = rounds(sample, edits, options)
          expect(other.answers).toEqual(one.answers)
          expect(canonical(other.play.engine.state, ids)).toEqual(canonical(one.play.engine.state, ids))
        }
      }),
      runs(120),
    )
  })
  it('the order of receipts alone changes no word', () => {
    fc.assert(
      fc.property(
        samples({ cyclic: true, background: true }),
        history,
        fc.array(fc.nat(9), { minLength: 1 }),
        (sample, edits, shuffle) => {
          const one = rounds(sample, edits, { jobs: 3 })
          const other = rounds(sample, edits, { jobs: 3, permute: permutation(shuffle) })
          expectSame(one.play.engine.state, other.play.engine.state)
        },
      ),
      runs(120),
    )
  })
  it('every driver comes to the same state, word for word', async () => {
    await fc.assert(
      fc.asyncProperty(
        samples({ cyclic: true, background: true, rulesMax: 5 }),
        fc.array(edits, { maxLength: 2 }),
        async (sample, edits) => {
          for (const policy of [fullBatch(), fixpoint(), cap(1)]) {
            const one = rounds(sample, edits, { policy })
            for (const drive of ['fixpoint', 'batch', { ms: 0 }, { ms: 5 }] as const) {
              const other = await roundsInTurns(sample, edits, drive, policy)
              expect(other.answers).toEqual(one.answers)
              expectSame(one.play.engine.state, other.play.engine.state)
            }
          }
        },
      ),
      runs(40),
    )
  })
  it('trusting a watcher that speaks of every change comes to the same answers', () => {
    fc.assert(
      fc.property(samples(), history, picks, (sample, edits, order) => {
        const one = rounds(sample, edits, { picks: order })
        const other = rounds(sample, edits, { picks: order, trust: true })
        expect(other.answers).toEqual(one.answers)
      }),
      runs(120),
    )
  })
})

describe('cycles', () => {
  it('give the same answers under every schedule, and the whole path', () => {
    fc.assert(
      fc.property(
        samples({ cyclic: true, tolerant: false, rulesMax: 5 }),
        history,
        picks,
        fc.integer({ min: 1, max: 3 }),
        (sample, edits, order, jobs) => {
          const { play, world, answers } = rounds(sample, edits, { picks: order, jobs })
          const values = sample.targets.map((t) => oracle(world, t))
          expect((answers.at(-1) as unknown[])[0]).toBe(!values.includes(undefined))
          for (const t of sample.targets) {
            const error = errorAt(play.engine.state, t)
            if (error?._tag !== 'cycle') continue
            expect(error.path).toContain(t)
            expect(Math.min(...error.path)).toBe(error.path[0])
            error.path.forEach((x, i) => {
              const next = error.path[(i + 1) % error.path.length]!
              const rule = world.rules.get(x)!
              expect([...rule.asks.flat(), ...(rule.ifOdd ?? []), rule.script]).toContain(next)
            })
          }
        },
      ),
      runs(200),
    )
  })
  it('of one circle have one error, whoever asks first and however many run at once', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([10, 11, 12, 13, 14], { minLength: 1 }),
        picks,
        fc.integer({ min: 1, max: 3 }),
        fc.nat(4),
        (ring, order, jobs, first) => {
          const rules = ring.map((x, i) => [x, { asks: [[ring[(i + 1) % ring.length]!]], output: 'sum' }] as const)
          const turned = ring.map((_, i) => ring[(i + first) % ring.length]!)
          const { play, answers } = rounds({ rules, files: [], targets: turned }, [[]], { picks: order, jobs })
          expect(answers.map((a) => (a as unknown[])[0])).toEqual([false, false])
          const at = ring.indexOf(Math.min(...ring))
          const path = [...ring.slice(at), ...ring.slice(0, at)]
          for (const x of ring)
            expect(errorAt(play.engine.state, x)).toEqual({ _tag: 'cycle', path: path.map(buildId) })
          // Its last dependency is taken away: it builds.
          const world = worldOf({
            rules: rules.map(([x, rule]) => [x, x === path[0] ? { asks: [], output: 'sum' } : rule] as const),
            files: [],
            targets: [],
          })
          const again = rounds({ rules: [...world.rules], files: [], targets: ring }, [], {
            state: play.engine.state,
            picks: order,
            jobs,
          })
          expect(again.answers[0]).toEqual([true, ...ring.map((x) => oracle(world, x))])
        },
      ),
      runs(120),
    )
  })
})
