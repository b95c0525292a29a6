import { describe, expect, it } from 'vitest'
import {
  action,
  type Buildable,
  codec as C,
  createEngine,
  type Key,
  Misuse,
  type Policy,
  rule,
  source,
  thread,
} from '../../src/index.js'
import { Counterexample, type EngineFactory, explore, type Script } from '../../src/testing/index.js'

const n = source('n', { key: C.string, value: C.int })
const late = action('late', { key: C.int, value: C.int, pool: 'pool', run: async (k) => 10 * k })
const plus = rule('plus', { key: C.string, value: C.int }, function* (name, b) {
  const [one, two] = yield* b.all([n(`${name}1`), n(`${name}2`)])
  return one + two + (yield* b.need(late(one)))
})
const parity = rule('parity', { key: C.string, value: C.int }, function* (name, b) {
  return (yield* b.need(plus(name))) % 2
})
const factory: EngineFactory = (options) =>
  createEngine({ rules: [n, late, plus, parity], pools: { pool: 1 }, ...options })

const changes: Script = [
  {
    transact: (tx) => {
      tx.set(n('a1'), 1)
      tx.set(n('a2'), 2)
    },
  },
  { live: parity('a') },
  { transact: (tx) => tx.set(n('a1'), 3) },
  { once: plus('a') },
  { transact: (tx) => tx.remove(n('a2')) },
  { cancel: 1 },
]

/** A rule that comes to something else each time. */
const counting = () => {
  let made = 0
  const counts = rule('counts', { key: C.int, value: C.int }, function* (k, b) {
    yield* b.need(late(k))
    return ++made
  })
  const impure: EngineFactory = (options) => createEngine({ rules: [late, counts], pools: { pool: 1 }, ...options })
  return { counts, impure }
}

const counterexample = async (run: Promise<unknown>): Promise<Counterexample> => {
  const found = await run.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(found instanceof Counterexample)) throw new Error(`no counterexample: ${found}`)
  return found
}

describe('explore', () => {
  it('goes through every schedule, and counts them', async () => {
    const explored = await explore(factory, changes)
    expect(explored).toMatchObject({ isComplete: true, sampled: 0 })
    expect(explored.states).toBeGreaterThan(100)
    expect(explored.schedules).toBeGreaterThan(explored.states)
  })
  it('counts what can be counted by hand', async () => {
    // Two actions that share no room: each begins, then ends; all parts of what can be done next, in every order.
    const alone = action('alone', { key: C.int, value: C.int, run: async (k) => k })
    const both: EngineFactory = (options) => createEngine({ rules: [alone], ...options })
    const script = [{ once: alone(1) }, { once: alone(2) }]
    expect(await explore(both, [script[0]!])).toMatchObject({ states: 4, schedules: 1 })
    // Delannoy-like: ways from (0, 0) to (2, 2) by single and double steps, with the second request at any time.
    expect(await explore(both, script, { choices: 'singles' })).toMatchObject({ schedules: 6 + 3 + 1 })
  })
  it('of fewer choices finds fewer schedules', async () => {
    const [all, singles, own] = await Promise.all(
      (['subsets', 'singles', 'policy'] as const).map((choices) => explore(factory, changes, { choices })),
    )
    expect(all!.schedules).toBeGreaterThan(singles!.schedules)
    expect(singles!.schedules).toBeGreaterThanOrEqual(own!.schedules)
  })
  it('shows the shortest way to what is wrong, and goes it again', async () => {
    const { counts, impure } = counting()
    const script: Script = [{ once: counts(1) }]
    const found = await counterexample(explore(impure, script))
    expect(found.steps).toEqual([
      'step 0',
      'run counts(1)',
      'run late(1)',
      'run late(1)',
      'end late(1)',
      'run counts(1)',
    ])
    const again = await counterexample(explore(impure, script, { schedule: found.schedule }))
    expect(again.steps).toEqual(found.steps)
  })
  it('blames nobody for a step that takes back what is answered already', async () => {
    const script: Script = [{ once: n('a1') }, { live: n('b1') }, { live: n('c1') }, { cancel: 0 }]
    expect(await explore(factory, script, { choices: 'policy' })).toMatchObject({ isComplete: true })
  })
  it('goes on by chance beyond its bound', async () => {
    const explored = await explore(factory, changes, { bound: 50, beyond: { schedules: 20, depth: 3, seed: 1 } })
    expect(explored).toMatchObject({ isComplete: false, sampled: 20 })
  })
  it('beyond its bound, makes what it finds small, and says with which options it is found again', async () => {
    const { counts, impure } = counting()
    const script: Script = [counts(1), late(2), late(3)].map((key) => ({ once: key }))
    const found = await counterexample(
      explore(impure, script, { bound: 5, faults: ['touch'], beyond: { schedules: 1000 } }),
    )
    const line = found.message.split('\n').at(-1)!
    expect(line).toBe(`again: explore(engineFactory, script, { faults: ['touch'], schedule: '${found.schedule}' })`)
    // What else is asked for is left out.
    expect(found.steps).toHaveLength(6)
    expect(found.steps.at(-1)).toBe('run counts(1)')
    const again = await counterexample(explore(impure, script, { faults: ['touch'], schedule: found.schedule }))
    expect(again.steps).toEqual(found.steps)
  })
  it('begins where the factory does, be it that sources are set there, and says so if more was done', async () => {
    const begun: EngineFactory = (options) => {
      const eng = factory(options)
      eng.transact(changes[0] && 'transact' in changes[0] ? changes[0].transact : () => {})
      return eng
    }
    expect(await explore(begun, [{ once: plus('a') }])).toMatchObject({ isComplete: true })
    const built: EngineFactory = (options) => {
      const eng = createEngine({ rules: [fixed], ...options })
      eng.once(fixed(1))
      eng.settle()
      return eng
    }
    const fixed = rule('fixed', { key: C.int, value: C.int }, (k) => k)
    await expect(explore(built, [{ once: fixed(1) }])).rejects.toThrow('the engine factory has built something already')
  })
  it('does not take an action in a thread for one that failed', async () => {
    const threaded = action('threaded', {
      key: C.int,
      value: C.int,
      pool: 'p',
      run: thread(new URL('file:///none.mjs'), 'none'),
    })
    const threads: EngineFactory = (options) =>
      createEngine({ rules: [threaded], pools: { p: { threads: 1 } }, ...options })
    await expect(explore(threads, [{ once: threaded(1) }])).rejects.toThrow('threaded runs in a thread')
  })
  it('goes on with what a policy keeps, and tells of one that takes nothing', async () => {
    const seen = new Set<unknown>()
    const counts: Policy = {
      name: 'counts',
      initial: 0,
      choose: (view, carry) => {
        seen.add(carry)
        return { batch: { scan: [], run: view.run(1), start: view.start(1), answer: [] }, carry: (carry as number) + 1 }
      },
    }
    const three = rule('three', { key: C.int, value: C.int }, function* (k, b) {
      return k === 3 ? 3 : yield* b.need(three(k + 1))
    }) as Buildable<number, number, never>
    const counted: EngineFactory = (options) => createEngine({ rules: [three], policy: counts, ...options })
    await explore(counted, [{ once: three(0) }], { choices: 'policy' })
    expect(seen.size).toBeGreaterThan(2)
    const nothing: Policy = {
      name: 'nothing',
      initial: 0,
      choose: () => ({ batch: null as never }),
    }
    const idle: EngineFactory = (options) => createEngine({ rules: [three], policy: nothing, ...options })
    const found = await counterexample(explore(idle, [{ once: three(0) }], { choices: 'policy' }))
    expect(found.message).toContain('the policy nothing: it decides nothing')
  })
  it('does not run on after rules without end', async () => {
    const up: ReturnType<typeof rule<number, number>> = rule('up', { key: C.int, value: C.int }, function* (k, b) {
      return yield* b.need(up(k + 1))
    })
    const endless: EngineFactory = (options) => createEngine({ rules: [up], ...options })
    const found = await counterexample(explore(endless, [{ once: up(0) }], { bound: 50, stepsMax: 200 }))
    expect(found.message).toContain('200 steps, and it is not over')
    expect(found.message.split('\n').length).toBeLessThan(70)
  })
  it.each([
    ['no factory', () => explore(undefined as never, []), 'explore: engineFactory must be a function, got undefined'],
    ['no script', () => explore(factory, undefined as never), 'the script must be a list of steps'],
    ['an empty step', () => explore(factory, [null as never]), 'step 0 of the script must be a step, such as'],
    ['no key', () => explore(factory, [{ once: 'late' as never }]), '`once` must be a key'],
    ['no transaction', () => explore(factory, [{ transact: 3 as never }]), 'must be a function, got 3'],
    ['no number to sweep', () => explore(factory, [{ sweep: 'x' as never }]), 'must be a whole number, got "x"'],
    ['no such step', () => explore(factory, [{ onec: late(1) } as never]), "is one of 'once', 'live'"],
    ['nothing to cancel', () => explore(factory, [{ cancel: 0 }]), 'takes back step 0, which asked for nothing before'],
    ['a bound of 0', () => explore(factory, [], { bound: 0 }), '`bound` must be at least 1, got 0'],
    ['no number', () => explore(factory, [], { bound: Number.NaN }), '`bound` must be a whole number, got NaN'],
    ['depth 0', () => explore(factory, [], { beyond: { depth: 0 } }), '`depth` must be at least 1, got 0'],
    ['no such option', () => explore(factory, [], { bounds: 9 } as never), 'there is no option `bounds`'],
    ['no such fault', () => explore(factory, [], { faults: ['die' as never] }), 'got "die"'],
    ['no such choices', () => explore(factory, [], { choices: 'all' as never }), "`choices` is one of 'subsets'"],
  ])('refuses %s', async (_, run, why) => {
    const error = await run().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Misuse)
    expect((error as Misuse).message).toContain(why)
  })
  it('knows an error for as good a result as any', async () => {
    const broken = rule('broken', { key: C.int, value: C.int, error: C.string }, function* (k, b) {
      return b.fail(String(yield* b.need(late(k))))
    })
    const tried = rule('tried', { key: C.int, value: C.int }, function* (k, b) {
      return (yield* b.attempt(broken(k)))._tag === 'Left' ? 1 : yield* b.first([broken(k), late(k)])
    })
    const keys: readonly Key[] = [tried(1), broken(1)]
    const fails: EngineFactory = (options) =>
      createEngine({ rules: [late, broken, tried], pools: { pool: 1 }, ...options })
    await explore(
      fails,
      keys.map((once) => ({ once })),
      { faults: ['fail', 'touch', 'wipe'] },
    )
  })
})
