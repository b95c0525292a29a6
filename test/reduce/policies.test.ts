/** What each policy is for, on the lab's machine; and that none of them can break a build. */
import { describe, expect, it } from 'vitest'
import type { Graph, Task } from '../../src/lab/graph.js'
import { metricsOf } from '../../src/lab/metrics.js'
import { Random } from '../../src/lab/random.js'
import { type Machine, type Run, type SimulateOptions, simulate } from '../../src/lab/simulate.js'
import { chain, star } from '../../src/lab/synthetic.js'
import { arriving, type Job, once, type Workload } from '../../src/lab/workload.js'
import { Misuse } from '../../src/model/misuse.js'
import { Plan, Track } from '../../src/model/plan.js'
import { read, rowsEnd } from '../../src/model/table.js'
import { PATIENCE } from '../../src/reduce/policies/guard.js'
import * as policies from '../../src/reduce/policies/index.js'
import { policyNamed } from '../../src/reduce/policies/named.js'
import type { CarryPolicy, Policy } from '../../src/reduce/policies/policy.js'
import { Play } from '../support/world.js'

const task = (name: string, cost: number, deps: readonly number[] = []): Task => ({
  name,
  cost,
  deps,
  sources: [],
  rule: 'task',
})
const graphOf = (...tasks: readonly Task[]): Graph => ({ name: 'graph', tasks, sources: [] })
const ms = (n: number) => ({ _tag: 'fixed', us: n * 1000 }) as const
const job = (at: number, graph: Graph, rest: Partial<Job> = {}): Job => ({
  at: at * 1000,
  graph,
  class: 'job',
  ...rest,
})
const workload = (...jobs: readonly Job[]): Workload => ({ name: 'jobs', jobs })

const run = (of: Workload, policy: Policy, machine: Machine, rest: Partial<SimulateOptions> = {}): Run =>
  simulate(of, { policy, machine, gantt: true, ...rest })
const startOrder = ({ gantt }: Run): readonly string[] =>
  gantt.toSorted((a, b) => a.start - b.start).map(({ name }) => name)
const latencies = ({ asked, answered }: Run): readonly number[] => answered.map((at, i) => (at - asked[i]!) / 1000)

describe('criticalPath', () => {
  // All begin at once, when `first` is done; `long` is last of them, and what the chain needs.
  const graph = graphOf(
    task('first', 1000),
    task('a', 1000, [0]),
    task('b', 1000, [0]),
    task('long', 5000, [0]),
    task('end', 5000, [3]),
  )

  it('starts what the most costly chain waits for', () => {
    expect(startOrder(run(once(graph), policies.criticalPath(), { slots: 1 }))[1]).toBe('long')
    expect(startOrder(run(once(graph), policies.fullBatch(), { slots: 1 }))[1]).toBe('a')
  })
  it('without costs takes all for equal, and still goes by the length of chains', () => {
    const known = run(once(graph), policies.criticalPath(), { slots: 1 }, { estimates: { _tag: 'none' } })
    expect(startOrder(known)[1]).toBe('long')
  })
  it('works nothing out while there is room for all that waits', () => {
    const inner = policies.criticalPath()
    const ranked = (slots: number): number => {
      let count = 0
      const choose: typeof inner.choose = (view, carry) => {
        const { plans } = view.state
        for (let x = 1; x < rowsEnd(plans); x++) if (read(plans, x, Plan.RANK_PASS) !== 0) count++
        return inner.choose(view, carry)
      }
      run(once(star(20, ms(10))), { ...inner, choose }, { slots })
      return count
    }
    expect(ranked(20)).toBe(0)
    expect(ranked(19)).toBeGreaterThan(0)
  })
  it('of several requests takes the one that came first', () => {
    const late = graphOf(task('late', 1000), task('then', 9000, [0]))
    const jobs = workload(job(0, star(4, ms(10))), job(1, star(4, ms(10))), job(2, late))
    expect(startOrder(run(jobs, policies.criticalPath(), { slots: 1 })).at(-2)).toBe('late')
  })
})

describe('policies of requests', () => {
  const large = star(20, ms(10))
  const small = graphOf(task('small', 10_000))

  it('firstCome lets a small one wait, shortestRemaining and leastAttained do not', () => {
    const jobs = workload(job(0, large), job(1, small))
    const small1 = (policy: Policy): number => latencies(run(jobs, policy, { slots: 1 }))[1]!
    expect(small1(policies.firstCome())).toBe(219)
    expect(small1(policies.shortestRemaining())).toBe(19)
    expect(small1(policies.leastAttained())).toBe(19)
  })
  it('shortestRemaining with ageing does not let a large one wait for ever', () => {
    const stream = Array.from({ length: 60 }, (_, i) => job(Math.max(0, 10 * i - 0.5), small))
    const jobs = workload(job(0, graphOf(task('large', 30_000))), ...stream)
    const largest = (ageing: number): number =>
      latencies(run(jobs, policies.shortestRemaining({ ageing }), { slots: 1 }))[0]!
    expect(largest(0)).toBeGreaterThan(600)
    expect(largest(1)).toBeLessThan(80)
  })
  it('deadline takes what is due first, and what is not due at all last', () => {
    const one = graphOf(task('x', 10_000))
    const jobs = workload(job(0, one), job(0, one), job(0, one, { due: 90_000 }), job(0, one, { due: 50_000 }))
    expect(latencies(run(jobs, policies.deadline(), { slots: 1 }))).toEqual([30, 40, 20, 10])
  })
  it('fairShare gives each class its part, by weight', () => {
    const jobs = workload(
      ...Array.from({ length: 30 }, () => job(0, small, { class: 'a' })),
      ...Array.from({ length: 30 }, () => job(0, small, { class: 'b' })),
    )
    const { gantt } = run(jobs, policies.fairShare({ a: 3 }), { slots: 1 })
    const ofA = gantt
      .toSorted((a, b) => a.start - b.start)
      .slice(0, 20)
      .filter((ran) => ran.job < 30)
    expect(ofA).toHaveLength(15)
  })
  it('fairShare lets a class that wanted nothing save nothing up', () => {
    const jobs = workload(
      ...Array.from({ length: 40 }, () => job(0, small, { class: 'a' })),
      ...Array.from({ length: 20 }, () => job(201, small, { class: '__proto__' })),
    )
    const { gantt } = run(jobs, policies.fairShare(), { slots: 1 })
    const later = gantt.filter(({ start }) => start >= 250_000 && start < 350_000)
    expect(later.filter((ran) => ran.job < 40).length).toBe(5)
  })
  it('perClass: the first class before the second, each by a policy of its own', () => {
    const jobs = workload(
      job(0, chain(1, ms(30)), { class: 'batch' }),
      job(0, chain(1, ms(10)), { class: 'batch' }),
      job(0, chain(1, ms(30)), { class: 'ui' }),
      job(0, chain(1, ms(10)), { class: 'ui' }),
      job(0, chain(1, ms(10)), { class: 'other' }),
    )
    const policy = policies.perClass({ ui: policies.shortestRemaining(), batch: policies.firstCome() })
    expect(latencies(run(jobs, policy, { slots: 1 }))).toEqual([70, 80, 40, 10, 90])
  })
  it('perClass lets a policy wait that wants to', () => {
    const one = chain(1, ms(1))
    const jobs = workload(job(0, one, { class: 'ui' }), job(2, one, { class: 'ui' }))
    const { batches } = run(jobs, policies.perClass({ ui: policies.nagle(10, 5) }), { slots: 0 })
    expect(batches).toEqual([2])
  })
  it.each([
    'fairShare',
    'fairShare(ui: 3, batch: 1)',
    'perClass(ui: shortestRemaining(0.2), batch: fairShare(a: 2))',
    'perClass(ui: shortestRemaining>criticalPath, batch: cap(4)+slice(5))',
  ])('%s is called as it is written', (name) => expect(policyNamed(name).name).toBe(name))
  it('lexicographic goes by the second where the first holds them for equal, and takes only what has an order', () => {
    const shape = graphOf(
      task('first', 1000),
      task('leaf', 1000, [0]),
      task('head', 1000, [0]),
      task('tail', 1000, [2]),
    )
    const policy = policies.lexicographic(policies.shortestRemaining(), policies.criticalPath())
    expect(startOrder(run(workload(job(0, shape), job(0, shape)), policy, { slots: 1 }))[1]).toBe('head')
    expect(() => policies.lexicographic(policies.slice(5))).toThrow(Misuse)
  })
  describe("an order of one's own", () => {
    const shape = graphOf(task('a', 1000), task('b', 1000), task('c', 1000))
    const told = (key: () => unknown) => {
      const mine = { ...policies.criticalPath(), order: { _tag: 'ofBuild', key: key as () => number } as const }
      const breaches: string[] = []
      const onBreach = (breach: string): void => void breaches.push(breach)
      const found = run(once(shape), policies.lexicographic(mine), { slots: 1 }, { onBreach })
      return { order: startOrder(found), breaches: [...new Set(breaches)] }
    }
    it.each([Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
      'may have any number: %s for all is as they come',
      (key) => expect(told(() => key)).toEqual({ order: ['a', 'b', 'c'], breaches: [] }),
    )
    it.each([
      [() => Number.NaN, 'criticalPath: it throws: the key of an order must be a number, got NaN'],
      [() => undefined, 'criticalPath: it throws: the key of an order must be a number, got undefined'],
      [() => expect.fail('boo'), 'criticalPath: it throws: boo'],
    ])('is looked over as a policy is: %#', (key, breach) =>
      expect(told(key)).toEqual({ order: ['a', 'b', 'c'], breaches: [breach] }),
    )
  })
})

describe('policies of pace', () => {
  const many = star(200, ms(1))

  it('slice takes as many builds as fit into its time, by what they cost', () => {
    const { batches } = run(once(many), policies.slice(5), { slots: 0 }, { drive: 'batch' })
    expect(Math.max(...batches.slice(2))).toBe(5)
  })
  it('aimd finds how many that is by itself', () => {
    const { batches } = run(
      once(many),
      policies.aimd(10),
      { slots: 0 },
      { drive: 'batch', estimates: { _tag: 'none' } },
    )
    const settled = batches.slice(5, -2)
    expect(Math.max(...settled)).toBeLessThanOrEqual(18)
    expect(settled.reduce((a, b) => a + b) / settled.length).toBeGreaterThan(4)
  })
  it('nagle puts requests that come close together into one batch, and none waits longer than it says', () => {
    const one = graphOf(task('x', 1000))
    const jobs = workload(job(0, one), job(2, one), job(50, one))
    const { batches, ...rest } = run(jobs, policies.nagle(10, 5), { slots: 0 })
    expect(batches).toEqual([2, 1])
    expect(latencies(rest as Run)).toEqual([7, 5, 6])
    expect(run(jobs, policies.fullBatch(), { slots: 0 }).batches).toEqual([1, 1, 1])
  })
  it('compose cuts down what the first chose', () => {
    const jobs = workload(job(0, many), job(1, graphOf(task('small', 1000))))
    const policy = policies.compose(policies.shortestRemaining(), policies.slice(5))
    const result = run(jobs, policy, { slots: 0 }, { drive: 'batch' })
    expect(Math.max(...result.batches.slice(2))).toBe(5)
    expect(latencies(result)[1]).toBeLessThan(20)
  })
})

describe('random', () => {
  it('chooses the same for the same seed, and else something else', () => {
    const schedule = (seed: number): readonly string[] =>
      startOrder(run(once(star(30, ms(1))), policies.random(seed), { slots: 2 }))
    expect(schedule(1)).toEqual(schedule(1))
    expect(schedule(2)).not.toEqual(schedule(1))
  })
})

describe('what a policy carries on', () => {
  it('is part of the batch and of the state, and plain data', () => {
    const carries: unknown[] = []
    const counting: CarryPolicy<number> = {
      name: 'counting',
      initial: 0,
      choose: (view, count) => ({ batch: policies.fullBatch()(view), carry: count + 1 }),
    }
    const world = { rules: new Map([[1, { asks: [[2]], output: 'sum' as const }]]), files: new Map([[2, 1]]) }
    const play = new Play(world, { policy: counting, onTick: ({ batch }) => void carries.push(batch.carry) })
    expect(play.build([1])).toBe(true)
    const kept = carries.filter((carry) => carry !== undefined) as { readonly carry: number }[]
    expect(kept.map(({ carry }) => carry)).toEqual(kept.map((_, i) => i + 1))
    expect(play.engine.state.carry).toEqual(JSON.parse(JSON.stringify(kept.at(-1))))
  })
})

describe('a policy that breaks the rules', () => {
  const told = (policy: Policy): readonly string[] => {
    const breaches: string[] = []
    const { gantt } = run(
      once(star(3, ms(1))),
      policy,
      { slots: 1 },
      { onBreach: (breach) => void breaches.push(breach) },
    )
    expect(gantt).toHaveLength(4)
    return breaches
  }
  const all = policies.fullBatch()
  it.each<readonly [string, Policy, string]>([
    [
      'takes what is not ready',
      function mine(view) {
        return { ...all(view), run: [...view.run(9), 4 as never, 999 as never] }
      },
      'mine: its `run` holds build 999, which is not ready to run',
    ],
    [
      'takes one twice',
      function mine(view) {
        return { ...all(view), run: [...view.run(9), ...view.run(1)] }
      },
      'mine: it takes build 4 twice',
    ],
    [
      'starts more than there is room for',
      function mine(view) {
        return { ...all(view), start: view.start(9) }
      },
      'mine: it starts 2 more than there are slots and rooms for',
    ],
    [
      'answers with something else',
      { name: 'mine', initial: 0, choose: () => ({ batch: { run: [] } as never }) },
      'mine: its batch has no list `scan`, but undefined',
    ],
    [
      'answers with no batch',
      { name: 'mine', initial: 0, choose: () => ({ batch: 'all' as never }) },
      'mine: it decides nothing: its `choose` must give { batch }, with { scan, run, start, answer }, each a list of builds of the view',
    ],
    [
      'answers with nothing',
      { name: 'mine', initial: 0, choose: () => undefined as never },
      'mine: it decides nothing: its `choose` must give { batch }, with { scan, run, start, answer }, each a list of builds of the view',
    ],
    [
      'throws',
      function mine() {
        throw new Error('boom')
      },
      'mine: it throws: boom',
    ],
    [
      'takes what no build can be',
      function mine(view) {
        return { ...all(view), run: [...view.run(9), -1 as never] }
      },
      'mine: its `run` holds -1, which is no build',
    ],
    [
      'takes names',
      function mine(view) {
        return { ...all(view), scan: [...view.scan(9), 'a' as never] }
      },
      'mine: its `scan` holds a, which is no build',
    ],
  ])('%s: it is told, and the build is made all the same', (_, policy, breach) => {
    expect(told(policy)).toContain(breach)
  })

  it.each([0, -1, Number.NaN])(
    'waits for ever, to be asked again in %d ms: it is told, and what is oldest is taken',
    (wakeMs) => {
      const batch = { scan: [], run: [], start: [], answer: [] }
      expect(told({ name: 'mine', initial: 0, choose: () => ({ batch, wakeMs }) })).toContain(
        'mine: it takes nothing, though nothing runs and it names no `wakeMs` after which to ask it again',
      )
    },
  )
  it('waits for a time, while nothing runs: that is its right', () => {
    const batch = { scan: [], run: [], start: [], answer: [] }
    const waits: Policy = {
      name: 'mine',
      initial: 0,
      tracks: Track.CLOCK,
      choose: (view) => (view.now < 20 ? { batch, wakeMs: 20 - view.now } : { batch: all(view) }),
    }
    expect(told(waits)).toEqual([])
  })

  it.each([
    ['a map', new Map([[1, 2]]), 'it is a Map'],
    ['a function', { a: [1, () => 1] }, 'it.a[1] is of type function'],
    ['nothing', { a: undefined }, 'it.a is of type undefined'],
    ['what is no number', [Number.NaN], 'it[0] is NaN'],
    ['an object of a class', { when: new Date(0) }, 'it.when is a Date'],
  ])('carries %s: it is told, and the carry is what it was', (_, carry, why) => {
    const seen = new Set<unknown>()
    const mine: CarryPolicy = {
      name: 'mine',
      initial: 'first',
      choose: (view, known) => {
        seen.add(known)
        return { batch: all(view), carry }
      },
    }
    expect(told(mine)).toContain(`mine: its carry is no plain data, so it is left as it was: ${why}`)
    expect([...seen]).toEqual(['first'])
  })

  it.each([
    ['cap', () => policies.cap(0), 'cap(max): max must be a number from 1 on, got 0'],
    ['cap', () => policies.cap(Number.NaN), 'cap(max): max must be a number from 1 on, got NaN'],
    ['slice', () => policies.slice(-1), 'slice(ms): ms must be a number from 0 on, got -1'],
    ['aimd', () => policies.aimd('5' as never), "aimd(targetMs): targetMs must be a number from 0 on, got '5'"],
    ['nagle', () => policies.nagle(0, 5), 'nagle(max, ms): max must be a number from 1 on, got 0'],
    ['nagle', () => policies.nagle(2, -5), 'nagle(max, ms): ms must be a number from 0 to 60000, got -5'],
    ['nagle', () => policies.nagle(9, 1e9), 'nagle(max, ms): ms must be a number from 0 to 60000, got 1000000000'],
    [
      'shortestRemaining',
      () => policies.shortestRemaining({ aging: 0 } as never),
      'shortestRemaining: there is no option `aging`: use ageing',
    ],
    [
      'shortestRemaining',
      () => policies.shortestRemaining({ ageing: -1 }),
      'shortestRemaining({ ageing }): ageing must be a number from 0 to 1000, got -1',
    ],
    [
      'random',
      () => policies.random(Number.NaN),
      `random(seed): seed must be a number from ${-(2 ** 53) + 1} to ${2 ** 53 - 1}, got NaN`,
    ],
    [
      'fairShare',
      () => policies.fairShare({ ui: 0 }),
      'fairShare(weights): the weight of ui must be a number above 0, got 0',
    ],
    [
      'fairShare',
      () => policies.fairShare({ ui: '3' as never }),
      "fairShare(weights): the weight of ui must be a number above 0, got '3'",
    ],
    [
      'fairShare',
      () => policies.fairShare(3 as never),
      'fairShare(weights): `weights` must be numbers by class, as in { ui: 3, batch: 1 }, got 3',
    ],
    [
      'fairShare',
      () => policies.fairShare({ ui: {} as never }),
      'fairShare(weights): the weight of ui must be a number above 0, got an object',
    ],
    ['cap', () => policies.cap(Object.create(null)), 'cap(max): max must be a number from 1 on, got an object'],
    ['lexicographic', () => policies.lexicographic(), 'lexicographic: it takes one policy or more, got none'],
    [
      'lexicographic',
      () => policies.lexicographic(undefined as never),
      'lexicographic: undefined has no order: it takes firstCome, shortestRemaining, leastAttained, deadline, criticalPath',
    ],
    [
      'lexicographic',
      () => policies.lexicographic(policies.deadline as never),
      'lexicographic: a function that makes one and is not called has no order: it takes firstCome, shortestRemaining, leastAttained, deadline, criticalPath',
    ],
    [
      'compose',
      () => policies.compose(policies.firstCome as never),
      'compose: its policy 1 must be a policy, such as policies.shortestRemaining(), got a function that makes one and is not called',
    ],
    [
      'compose',
      () => (policies.compose as () => unknown)(),
      'compose: its policy 1 must be a policy, such as policies.shortestRemaining(), got undefined',
    ],
    [
      'compose',
      () => policies.compose(policies.fullBatch(), 'cap(3)' as never),
      "compose: its policy 2 must be a policy, such as policies.shortestRemaining(), got 'cap(3)'",
    ],
    [
      'compose',
      () => policies.compose({ name: 'mine' } as never),
      'compose: its policy 1 must be a policy, such as policies.shortestRemaining(), got an object',
    ],
    [
      'perClass',
      () => policies.perClass({}),
      'perClass(policies): `policies` names no class, and must name one or more',
    ],
    [
      'perClass',
      () => policies.perClass({ ui: undefined as never }),
      'perClass(policies): that of ui must be a policy, such as policies.shortestRemaining(), got undefined',
    ],
    [
      'one by name',
      () => policyNamed('fairShare(3)'),
      'fairShare(3): its arguments must be of classes, as in fairShare, or with weights: fairShare(ui: 3, batch: 1)',
    ],
    ['one by name', () => policyNamed('fairShare(ui: 3, ui: 4)'), 'fairShare(ui: 3, ui: 4): it names class ui twice'],
    [
      'one by name',
      () => policyNamed('fairShare(ui: 0)'),
      'fairShare(weights): the weight of ui must be a number above 0, got 0',
    ],
    ['one by name', () => policyNamed('perClass(ui: cap(0))'), 'cap(max): max must be a number from 1 on, got 0'],
    ['one by name', () => policyNamed('criticalPath+cap(0)'), 'cap(max): max must be a number from 1 on, got 0'],
    ['one by name', () => policyNamed('cap(4,5)'), 'cap(4,5): it takes one argument, as in cap(4)'],
  ])('%s refuses what would stop all', (_, make, why) => expect(make).toThrow(new Misuse(why)))

  it('takes nothing at all: what is oldest is taken after some ticks, as long as there are any', () => {
    const lazy: Policy = (view) => ({
      ...all(view),
      start: view.start(1000).slice(-view.freeSlots || 1000),
    })
    const order = startOrder(run(once(star(300, ms(1))), lazy, { slots: 1 }))
    expect(order.indexOf('leaf 0')).toBeLessThanOrEqual(PATIENCE)
    expect(order.indexOf('leaf 1')).toBeLessThanOrEqual(2 * PATIENCE)
    expect(order.indexOf('leaf 0')).toBeGreaterThan(10)
    expect(metricsOf(run(once(star(300, ms(1))), lazy, { slots: 1 })).starved).toBeGreaterThan(1)
    expect(metricsOf(run(once(star(300, ms(1))), policies.fullBatch(), { slots: 1 })).starved).toBe(0)
  })
})

it('every policy makes every task of every job once', () => {
  const jobs = arriving(
    'mixed',
    [star(10, ms(2)), chain(5, ms(3)), star(30, ms(1)), graphOf(task('x', 500))],
    { _tag: 'every', us: 3000 },
    new Random(1),
    ({ tasks }) => (tasks.length > 5 ? 'large' : 'small'),
  )
  const each: readonly Policy[] = [
    policies.fixpoint(),
    policies.fullBatch(),
    policies.cap(1),
    policies.slice(1),
    policies.fairShare({ small: 4 }),
    policies.leastAttained(),
    policies.shortestRemaining(),
    policies.criticalPath(),
    policies.deadline(),
    policies.aimd(1),
    policies.nagle(4, 2),
    policies.random(3),
    policies.firstCome(),
    policies.perClass({ small: policies.random(2) }),
    policies.compose(policies.random(4), policies.cap(2)),
  ]
  for (const policy of each)
    for (const slots of [0, 1, 3])
      for (const drive of ['fixpoint', 'batch', { ms: 2 }] as const) {
        const { gantt } = run(jobs, policy, { slots, perTick: 10, perBuild: 1 }, { drive })
        expect(new Set(gantt.map((ran) => `${ran.job} ${ran.name}`)).size).toBe(48)
        expect(gantt).toHaveLength(48)
      }
})
