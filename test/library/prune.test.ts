/** Garbage collection in portions: it begins by itself, none takes long, and no answer is another for it. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  type Buildable,
  type BuildEngine,
  type Building,
  codec as C,
  createEngine,
  rule,
  source,
} from '../../src/index.js'
import { STEPS } from '../../src/library/sweeper.js'
import { checkInvariants } from '../../src/model/invariants.js'
import { rowsEnd } from '../../src/model/table.js'
import { runs } from '../support/runs.js'
import { insideOf } from './inside.js'

const int = { key: C.int, value: C.int }

const leaf = source('leaf', { ...int, read: (i) => i })
const sum: Buildable<readonly [number, number], number> = rule(
  'sum',
  { key: C.tuple(C.int, C.int), value: C.int },
  function* ([from, to], b): Building<number> {
    if (to - from === 1) return yield* b.need(leaf(from))
    const middle = (from + to) >> 1
    const [x, y] = yield* b.all([sum([from, middle]), sum([middle, to])])
    return x + y
  },
)

it('begins by itself, and no tick gives up or forgets more than its portion', async () => {
  let most = 0
  const ticks: string[] = []
  const eng = createEngine({
    rules: [leaf, sum],
    keep: 2,
    drive: { per: 'batch' },
    control: {
      onTick: ({ events }, before, after) => {
        for (const { _tag } of events) if (_tag === 'pruned' || _tag === 'swept') ticks.push(_tag)
        const forgotten = after.news.filter(({ _tag }) => _tag === 'forgotten').length
        most = Math.max(most, before.values.size - after.values.size, forgotten)
      },
    },
  })
  const { keys } = insideOf(eng)
  expect(await eng.once(sum([0, 8192])).promise).toBe((8191 * 8192) / 2)
  expect(keys.size).toBeGreaterThan(24_000)
  // Of the first request nothing is kept, then, but what the others share with it.
  for (let i = 1; i < 40; i++) await eng.once(sum([i * 1000, i * 1000 + 1000])).promise
  await eng.idle()
  expect(keys.size).toBeLessThan(24_000)
  expect(new Set(ticks)).toEqual(new Set(['pruned']))
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThan(5000)
  await eng.close()
})

it('where nothing can be given up, a graph that grows is looked through, and no more', async () => {
  let pruned = 0
  const eng = createEngine({
    rules: [leaf, sum],
    drive: { per: 'batch' },
    control: {
      onTick: ({ events }) => {
        pruned += events.filter(({ _tag }) => _tag === 'pruned' || _tag === 'swept').length
      },
    },
  })
  await eng.once(sum([0, 8192])).promise
  await eng.idle()
  expect(pruned).toBeLessThan(10)
  await eng.close()
})

it('an engine that is ticked by hand comes to rest', async () => {
  const eng = createEngine({ rules: [leaf, sum], drive: 'manual', keep: 0 })
  eng.once(sum([0, 1024]))
  await eng.idle()
  expect(insideOf(eng).keys.size).toBe(0)
  await eng.close()
})

/** All three steps, in portions of `size` rows, until nothing is forgotten any more. */
const prune = (eng: BuildEngine, size: number): void => {
  const { inner, keys } = insideOf(eng)
  for (let before = -1; before !== keys.size; ) {
    before = keys.size
    for (const step of STEPS) {
      for (let from = 0; from < rowsEnd(eng.state.facts); from += size) {
        inner.dispatch({ _tag: 'pruned', step, keep: 0, from, to: from + size })
        eng.settle()
        checkInvariants(eng.state)
      }
    }
  }
}

it('nothing that is left says it was made for what was forgotten', async () => {
  // No rule may hang on such a thing; then it is made for what it does not ask for again.
  let which = 1
  const fickle = rule('fickle', int, function* (_, b) {
    return yield* b.need(set(which))
  })
  const set = source('set', int)
  const eng = createEngine({ rules: [set, fickle, leaf, sum], drive: 'manual', keep: 0 })
  eng.transact((tx) => [1, 2].map((i) => tx.set(set(i), i)))
  const live = eng.live(fickle(0))
  eng.settle()
  which = 2
  eng.transact((tx) => tx.set(set(1), 5))
  eng.settle()
  expect(live.now).toMatchObject({ value: 2 })
  expect(eng.why(fickle(0))).toMatchObject({ chain: [{ cause: { dependency: { key: 1 } } }, {}] })
  // Garbage enough for a collection to begin.
  eng.once(sum([0, 1024]))
  await eng.idle()
  checkInvariants(eng.state)
  expect(insideOf(eng).keys.size).toBe(2)
  expect(eng.why(fickle(0))).toMatchObject({ chain: [{ cause: {} }] })
})

const SOURCES = 4
const RULES = 12
type Step =
  | { readonly set: number; readonly to: number }
  | { readonly once: number }
  | { readonly live: number }
  | { readonly cancel: number }
  | { readonly portion: number }
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ set: fc.nat(SOURCES - 1), to: fc.nat(3) }),
  fc.record({ once: fc.nat(RULES - 1) }),
  fc.record({ live: fc.nat(RULES - 1) }),
  fc.record({ cancel: fc.nat(5) }),
  fc.record({ portion: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ portion: fc.integer({ min: 1, max: 6 }) }),
)

it('whatever happens between its portions, answers are what they are, and in the end nothing is left', () => {
  const plan = fc.array(fc.tuple(fc.nat(SOURCES - 1), fc.nat(), fc.nat()), { minLength: RULES, maxLength: RULES })
  fc.assert(
    fc.property(plan, fc.array(step, { minLength: 5, maxLength: 40 }), (asks, steps) => {
      const world = Array.from({ length: SOURCES }, () => 0)
      /** A rule asks for a source and, by what that says, for one or another of those before it. */
      const nextOf = (i: number, told: number): number | undefined =>
        i === 0 ? undefined : asks[i]![1 + (told % 2)]! % i
      const known = (i: number): number => {
        const told = world[asks[i]![0]]!
        const next = nextOf(i, told)
        return told + (next === undefined ? 0 : 10 * known(next))
      }
      const set = source('set', int)
      const node = rule('node', int, function* (i, b): Building<number> {
        const told = yield* b.need(set(asks[i]![0]))
        const next = nextOf(i, told)
        return told + (next === undefined ? 0 : 10 * (yield* b.need(node(next))))
      })
      const eng = createEngine({ rules: [set, node], drive: 'manual', keep: 2 })
      const { inner, keys } = insideOf(eng)
      eng.transact((tx) => world.forEach((to, i) => void tx.set(set(i), to)))
      const lives: { readonly i: number; readonly live: ReturnType<typeof eng.live<number, never>> }[] = []
      let [number, at] = [0, 0]
      for (const one of steps) {
        if ('set' in one) {
          world[one.set] = one.to
          eng.transact((tx) => tx.set(set(one.set), one.to))
        } else if ('once' in one) {
          const request = eng.once(node(one.once))
          eng.settle()
          expect(request.now).toMatchObject({ right: known(one.once) })
        } else if ('live' in one) lives.push({ i: one.live, live: eng.live(node(one.live)) })
        else if ('cancel' in one) lives.splice(one.cancel, 1)[0]?.live.cancel()
        else {
          // As the engine does, one portion after the other; what was dispatched before is in the same tick.
          inner.dispatch({ _tag: 'pruned', step: STEPS[number]!, keep: 2, from: at, to: at + one.portion })
          eng.tick()
          at += one.portion
          if (at >= rowsEnd(eng.state.facts)) [number, at] = [(number + 1) % STEPS.length, 0]
        }
        checkInvariants(eng.state)
      }
      eng.settle()
      for (const { i, live } of lives) expect(live.now).toMatchObject({ value: known(i) })
      for (const { live } of lives) live.cancel()
      eng.settle()
      prune(eng, 3)
      expect(keys.size).toBe(0)
      expect(eng.state.values.size).toBe(0)
    }),
    runs(300),
  )
})
