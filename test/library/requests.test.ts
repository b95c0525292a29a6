/** Requests with a class and a deadline, and policies that go by them. */
import { describe, expect, it } from 'vitest'
import { action, codec as C, createEngine, Misuse, policies, rule } from '../../src/index.js'

const int = { key: C.int, value: C.int }

/** An engine with room for one action at a time, and the order in which they were begun. */
const setUp = (policy: Parameters<typeof createEngine>[0]['policy']) => {
  const order: number[] = []
  const wait = action('wait', {
    ...int,
    pool: 'one',
    run: async (n) => {
      order.push(n)
      await new Promise((done) => setTimeout(done, 5))
      return n
    },
  })
  const all = rule('all', int, function* (n, b) {
    return (yield* b.all([1, 2, 3].map((i) => wait(10 * n + i)))).length
  })
  return { eng: createEngine({ rules: [wait, all], pools: { one: 1 }, ...(policy && { policy }) }), all, wait, order }
}

it('what is due first is made first', async () => {
  const { eng, wait, order } = setUp(policies.deadline())
  const asked = [eng.once(wait(1)), eng.once(wait(2), { deadline: 2000 }), eng.once(wait(3), { deadline: 1000 })]
  await Promise.all(asked.map(({ promise }) => promise))
  expect(order).toEqual([3, 2, 1])
  await eng.close()
})

it('a small request passes a large one, live or not, and what it cost is known', async () => {
  const { eng, all, wait, order } = setUp(policies.shortestRemaining({ ageing: 0 }))
  const live = eng.live(all(1), { class: 'large' })
  await new Promise((done) => setTimeout(done, 2))
  // Of the large one mostly one.
  const begun = order.length
  await eng.once(wait(5), { class: 'small' }).promise
  expect(order[begun]).toBe(5)
  await eng.idle()
  expect(order).toHaveLength(4)
  const shares = new Map(eng.state.shares)
  expect([...shares.keys()]).toEqual(['large', 'small'])
  expect(shares.get('small')).toBeGreaterThan(4000)
  expect(eng.progress().leftMs).toBe(0)
  live.cancel()
  await eng.close()
})

it('a policy of the user that breaks the rules is told, and all is made', async () => {
  const told: unknown[] = []
  const greedy = {
    name: 'greedy',
    initial: 0,
    choose: (view: Parameters<ReturnType<typeof policies.cap>>[0]) => ({
      batch: { scan: [], run: view.run(9), start: view.pool(0, 9), answer: [] },
    }),
  }
  const one = action('one', { ...int, pool: 'p', run: async (n) => n })
  const eng = createEngine({ rules: [one], pools: { p: 1 }, policy: greedy, onError: (error) => void told.push(error) })
  expect(await Promise.all([1, 2, 3].map((n) => eng.once(one(n)).promise))).toEqual([1, 2, 3])
  expect(told[0]).toBeInstanceOf(Misuse)
  expect(String(told[0])).toContain('the policy greedy: it starts 2 more than there are slots and rooms for')
  await eng.close()
})

it('a class is a text, a deadline a time', async () => {
  const { eng, wait } = setUp(undefined)
  expect(() => eng.once(wait(1), { class: 1 as never })).toThrow('once: `class` must be a string, got 1')
  expect(() => eng.live(wait(1), { deadline: Number.NaN })).toThrow('live: `deadline` must be a time in ms, got NaN')
  const unknown = (name: string) => `once: there is no option \`${name}\`: use class, deadline`
  expect(() => eng.once(wait(1), { deadlin: 1 } as never)).toThrow(unknown('deadlin'))
  expect(() => eng.once(wait(1), ['ui'] as never)).toThrow(unknown('0'))
  expect(() => eng.once(wait(1), 'ui' as never)).toThrow("once: the options must be an object, got 'ui'")
  await eng.close()
})

it('classes share the rooms of a pool', async () => {
  const { eng, wait, order } = setUp(policies.perClass({ ui: policies.firstCome(), batch: policies.cap(9) }))
  const asked = ['ui', 'batch', 'ui', 'none'].map((name, n) => eng.once(wait(n), { class: name }).promise)
  expect(await Promise.all(asked)).toEqual([0, 1, 2, 3])
  expect(order).toEqual([0, 2, 1, 3])
  await eng.close()
})

describe('a policy that waits for a time', () => {
  const one = rule('one', int, (n) => n)
  const waiting = () => createEngine({ rules: [one], drive: 'manual', policy: policies.nagle(9, 20) })

  it('goes on once that has come, where ticks happen when told', async () => {
    const eng = waiting()
    const idle = eng.once(one(1))
    await eng.idle()
    expect(idle.now).toMatchObject({ right: 1 })
    const request = eng.once(one(2))
    eng.settle()
    expect(request.now).toBeUndefined()
    await new Promise((done) => setTimeout(done, 25))
    eng.settle()
    expect(request.now).toMatchObject({ right: 2 })
    await eng.close()
  })

  it('and where they happen by themselves again', async () => {
    const eng = waiting()
    const request = eng.once(one(1))
    eng.settle()
    eng.drive({ per: 'fixpoint' })
    expect(await request.promise).toBe(1)
    await eng.close()
  })
})

describe('ticks that happen when told from now on', () => {
  const one = rule('one', int, (n) => n)

  it('do not happen where a turn was about to run', async () => {
    const eng = createEngine({ rules: [one] })
    const request = eng.once(one(1))
    eng.drive('manual')
    await new Promise(setImmediate)
    expect(request.now).toBeUndefined()
    eng.settle()
    expect(request.now).toMatchObject({ right: 1 })
    await eng.close()
  })

  it('are done by who waits until there is no work', async () => {
    const eng = createEngine({ rules: [one] })
    const request = eng.once(one(1))
    const idle = eng.idle()
    eng.drive('manual')
    await idle
    expect(request.now).toMatchObject({ right: 1 })
    await eng.close()
  })

  it('happen so on, where another drive was asked for that there is not', async () => {
    const eng = createEngine({ rules: [one], drive: 'manual' })
    expect(() => eng.drive({ per: 'hour' } as never)).toThrow('drive: it must be')
    const request = eng.once(one(1))
    await eng.idle()
    expect(request.now).toMatchObject({ right: 1 })
    await eng.close()
  })
})
