/** What a build needs is made with it: how much waits, what one tick goes through, and what cannot be made so. */
import { expect, it, vi } from 'vitest'
import {
  action,
  type Building,
  codec as C,
  checkInvariants,
  createEngine,
  forServer,
  type Input,
  policies,
  rule,
  source,
} from '../../src/index.js'
import { ahead } from '../../src/testing/plays.js'
import { insideOf } from './inside.js'

const int = { key: C.int, value: C.int }
const LEAVES = 8

const tree = (policy = policies.fixpoint()) => {
  const made: number[] = []
  const leaf = source('leaf', int)
  const sum = rule('sum', int, function* (n, b): Building<number> {
    const [x, y] = yield* b.all([of(2 * n), of(2 * n + 1)])
    made.push(n)
    return (x + y) % 5
  })
  const of = (n: number) => (n < LEAVES ? sum(n) : leaf(n))
  const eng = createEngine({ rules: [leaf, sum], drive: 'manual', policy })
  eng.transact((tx) => {
    for (let n = LEAVES; n < 2 * LEAVES; n++) tx.set(leaf(n), n)
  })
  const inputs: Input[] = []
  const { options } = insideOf(eng)
  const { onTick } = options
  options.onTick = (input, before, after) => {
    onTick?.(input, before, after)
    inputs.push(input)
    checkInvariants(after)
  }
  return { eng, leaf, sum, made, inputs }
}
const right = Array.from({ length: LEAVES }, (_, i) => LEAVES + i).reduce((a, b) => a + b) % 5

it('a graph is made in the tick after the request, from the bottom up, each build once', () => {
  const { eng, sum, made, inputs } = tree()
  eng.live(sum(1))
  eng.tick()
  expect(made).toEqual([])
  eng.tick()
  expect(made).toEqual([4, 5, 2, 6, 7, 3, 1])
  expect(eng.state.inFlight).toBe(0)
  expect(inputs).toHaveLength(2)
})

it('a change makes what it reaches, and what it does not change cuts it off', () => {
  const { eng, leaf, sum, made } = tree()
  const live = eng.live(sum(1))
  eng.settle()
  made.length = 0
  eng.transact((tx) => tx.set(leaf(8), 9))
  eng.settle()
  expect(made).toEqual([4, 2, 1])
  expect(live.now).toMatchObject({ value: (right + 1) % 5 })
  made.length = 0
  // Modulo 5 it is the same: only what sees the leaf is made.
  eng.transact((tx) => tx.set(leaf(8), 14))
  eng.settle()
  expect(made).toEqual([4])
})

it('with room for fewer builds than are needed, the rest waits, and is made once', () => {
  for (const builds of [1, 2, 3, 7]) {
    const { eng, sum, made, inputs } = tree(ahead(policies.fixpoint(), builds))
    const request = eng.once(sum(1))
    eng.settle()
    expect(request.now).toMatchObject({ right })
    expect([...made].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
    for (const { receipts } of inputs)
      for (const receipt of receipts)
        if (receipt._tag === 'ahead') expect(receipt.done.length).toBeLessThanOrEqual(builds)
  }
})

it('a policy that does not say how far goes no further than its batch', () => {
  const { eng, sum, inputs } = tree(policies.fullBatch())
  eng.once(sum(1))
  eng.settle()
  expect(inputs.flatMap(({ receipts }) => receipts).some(({ _tag }) => _tag === 'ahead')).toBe(false)
})

it('what waits for an action begins all that it needs in one tick', async () => {
  let begun = 0
  const slow = action('slow', { ...int, run: async (n: number) => ++begun && n })
  const pair = rule('pair', int, function* (n, b) {
    const [x, y] = yield* b.all([slow(n), slow(n + 1)])
    return x + y
  })
  const both = rule('both', int, function* (_, b) {
    const [x, y] = yield* b.all([pair(0), pair(2)])
    return x + y
  })
  const eng = createEngine({ rules: [slow, pair, both], drive: 'manual' })
  const request = eng.once(both(0))
  eng.tick()
  eng.tick()
  expect(begun).toBe(4)
  await eng.idle()
  expect(request.now).toMatchObject({ right: 6 })
})

it('ends with the time of a turn: the rest is made in later ticks, each build once all the same', async () => {
  const count = 2000
  const results = await Promise.all(
    [{ drive: { per: 'fixpoint' } } as const, { drive: { per: { ms: 1e-9 } } }, forServer].map(async (options) => {
      let made = 0
      const leaf = source('leaf', int)
      const node = rule('node', int, function* (n, b): Building<number> {
        const below = n === 0 ? yield* b.need(leaf(0)) : yield* b.need(node(Math.floor((n - 1) / 2)))
        made++
        return (below * 7 + n) % 1009
      })
      const all = rule('all', int, function* (n, b): Building<number> {
        return (yield* b.all(Array.from({ length: n }, (_, i) => node(i)))).reduce((x, y) => (x * 3 + y) % 1009)
      })
      const eng = createEngine({ rules: [leaf, node, all], ...options })
      eng.transact((tx) => tx.set(leaf(0), 1))
      const value = await eng.once(all(count)).promise
      const { tick } = eng.progress()
      await eng.close()
      return { value, made, tick }
    }),
  )
  expect(results.map(({ made }) => made)).toEqual([count, count, count])
  expect(new Set(results.map(({ value }) => value)).size).toBe(1)
  expect(results[1]!.tick).toBeGreaterThan(4 * results[0]!.tick)
})

it('looks at the time more often where builds take long', async () => {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  try {
    for (const [ms, most] of [
      [3, 2],
      [1, 4],
      [0.001, 2000],
    ] as const) {
      const busy = rule('busy', int, (k) => {
        now += ms
        return k
      })
      const all = rule('all', int, function* (n, b): Building<number> {
        return (yield* b.all(Array.from({ length: n }, (_, i) => busy(i)))).length
      })
      const took: number[] = []
      let last = 0
      const eng = createEngine({
        rules: [busy, all],
        ...forServer,
        control: {
          onTick: () => {
            took.push(now - last)
            last = now
          },
        },
      })
      last = now
      expect(await eng.once(all(100)).promise).toBe(100)
      await eng.close()
      expect(Math.max(...took)).toBeLessThanOrEqual(most * ms)
    }
  } finally {
    clock.mockRestore()
  }
})

it('what is broken through many others costs each of them once, when it breaks otherwise', () => {
  const leaf = source('leaf', int)
  const above = rule('above', { ...int, error: C.int }, function* (n, b): Building<number> {
    const x = yield* b.need(n === 0 ? leaf(0) : above(n - 1))
    return n === 0 ? b.fail(x) : x
  })
  const eng = createEngine({ rules: [leaf, above], drive: 'manual' })
  const told: unknown[] = []
  for (const error of [1, 2, 2]) {
    eng.transact((tx) => tx.set(leaf(0), error))
    if (error === 1) eng.live(above(2_000)).subscribe((notice) => told.push(notice.version))
    eng.settle()
  }
  expect(told).toEqual([1, 2])
})
