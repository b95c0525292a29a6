/** What programs ask of `redford/lab` that makes no sense. */
import { describe, expect, it } from 'vitest'
import {
  type Graph,
  LabError,
  type Plan,
  policyNamed,
  runPlan,
  type SimulateOptions,
  simulate,
  type Workload,
} from '../../src/lab/index.js'
import { settings } from '../support/lab-settings.js'

const graph = (...tasks: readonly { readonly cost?: number; readonly deps?: readonly number[] }[]): Graph => ({
  name: 'own',
  sources: ['a'],
  tasks: tasks.map((task, i) => ({ name: `t${i}`, cost: 5, deps: [], sources: [], rule: 'r', ...task })),
})
const workload = (one: Graph, more: object = {}): Workload => ({
  name: 'w',
  jobs: [{ at: 0, graph: one, class: 'c' }],
  ...more,
})
const good = workload(graph({}, { deps: [0] }))
const options: SimulateOptions = { policy: policyNamed('firstCome'), machine: { slots: 1 } }

describe('simulate', () => {
  const refused = (given: unknown, of: unknown, why: string): void => {
    const run = (): unknown => simulate(given as Workload, of as SimulateOptions)
    expect(run).toThrow(LabError)
    expect(run).toThrow(why)
  }
  it.each([
    [undefined, 'options must be an object with policy and machine, got undefined'],
    [{ policy: undefined }, "policy must be a policy, as policyNamed('criticalPath') gives, got undefined"],
    [{ policy: 'firstCome' }, "policy must be a policy, as policyNamed('criticalPath') gives, got 'firstCome'"],
    [{ machine: undefined }, 'machine must be an object with slots, as { slots: 2 }, got undefined'],
    [{ machine: {} }, 'machine.slots must be a whole number from 0 on, got undefined'],
    [{ machine: { slots: -1 } }, 'machine.slots must be a whole number from 0 on, got -1'],
    [{ machine: { slots: Number.NaN } }, 'machine.slots must be a whole number from 0 on, got NaN'],
    [{ machine: { slots: 1.5 } }, 'machine.slots must be a whole number from 0 on, got 1.5'],
    [{ machine: { slots: 1, perTick: -1 } }, 'machine.perTick must be µs, from 0 on, got -1'],
    [{ estimates: 'exact' }, "estimates must be { _tag: 'exact' }, "],
    [{ estimates: null }, "estimates must be { _tag: 'exact' }, "],
    [{ estimates: { _tag: 'error' } }, "or { _tag: 'error', sigma: 0.3 }, got { _tag: 'error' }"],
    [{ drive: 'foo' }, "drive must be 'fixpoint', 'batch' or { ms: 5 }, got 'foo'"],
    [{ drive: { ms: -1 } }, "drive must be 'fixpoint', 'batch' or { ms: 5 }, got { ms: -1 }"],
    [{ seed: 'x' }, "seed must be a number, got 'x'"],
    [{ ticksMax: Number.NaN }, 'ticksMax must be a number from 1 on, got NaN'],
  ])('with %j', (of, why) => refused(good, of === undefined ? undefined : { ...options, ...of }, why))
  it.each([
    [undefined, 'workload must be an object with name and jobs, got undefined'],
    [{ name: 'w' }, 'workload.jobs must be a list, got undefined'],
    [{ name: 'w', jobs: [null] }, 'workload.jobs[0] must be an object with at, graph and class, got null'],
    [
      { name: 'w', jobs: [{ at: -1, graph: graph({}), class: 'c' }] },
      'workload.jobs[0].at must be µs, from 0 on, got -1',
    ],
    [{ name: 'w', jobs: [{ at: 0, graph: graph({}) }] }, 'workload.jobs[0].class must be a string, got undefined'],
    [
      { name: 'w', jobs: [{ at: 0, class: 'c' }] },
      'workload.jobs[0].graph must be a graph of tasks and sources, got undefined',
    ],
    [workload(graph({ cost: -5 })), 'workload.jobs[0].graph: task 0 (t0): it takes -5 µs: it must be 1 or more'],
    [workload(graph({ cost: Number.NaN })), 'workload.jobs[0].graph: task 0 (t0): what it takes is no number'],
    [workload(graph({ deps: [7] })), 'workload.jobs[0].graph: task 0 (t0): it needs task 7, and there are 1'],
    [
      workload(graph({ deps: [1] }, { deps: [0] })),
      'workload.jobs[0].graph: own: its tasks need each other: t0 needs t1 needs t0',
    ],
    [workload(graph({}), { clients: 0 }), 'workload.clients must be a whole number from 1 on, got 0'],
    [workload(graph({}), { shared: 5 }), 'workload.shared must be a graph of tasks and sources, got 5'],
    [
      { name: 'w', shared: graph({}), jobs: [{ at: 0, graph: graph({}), class: 'c', sources: [1] }] },
      'workload.jobs[0].sources must be numbers of the 1 sources of the shared graph, got [ 1 ]',
    ],
  ])('of %j', (given, why) => refused(given, options, why))
  it('of what makes sense runs', () => {
    expect(simulate(good, options).makespan).toBe(10)
    expect(simulate({ name: 'none', jobs: [] }, options).makespan).toBe(0)
  })
})

describe('runPlan', () => {
  const plan: Plan = { specs: [{ source: 'chain:3', settings }], policies: ['firstCome'], seeds: [1] }
  const set = (more: object): object => ({ specs: [{ source: 'chain:3', settings: { ...settings, ...more } }] })
  it.each([
    [{ specs: [] }, 1, 'plan.specs must be a list with something in it, got []'],
    [{ policies: [] }, 1, 'plan.policies must be a list with something in it, got []'],
    [{ policies: undefined }, 1, 'plan.policies must be a list with something in it, got undefined'],
    [
      { policies: [policyNamed('random')] },
      1,
      'plan.policies[0] must be the name of a policy or of its file, each once, got',
    ],
    [{ seeds: [1, 1] }, 1, 'plan.seeds[1] must be a whole number from 0 on, each once, got 1'],
    [{ seeds: [1.5] }, 1, 'plan.seeds[0] must be a whole number from 0 on, each once, got 1.5'],
    [{ specs: [{ settings }] }, 1, 'plan.specs[0].source must be a string, got undefined'],
    [{ specs: [{ source: 'chain:3' }] }, 1, 'settings must be an object with machine and more, got undefined'],
    [set({ machine: undefined }), 1, 'machine must be an object with slots'],
    [set({ machine: { slots: -1 } }), 1, 'machine.slots must be a whole number from 0 on, got -1'],
    [set({ estimates: 'exact' }), 1, "estimates must be { _tag: 'exact' }, "],
    [set({ load: 0 }), 1, 'settings.load must be a number above 0, got 0'],
    [set({ jobs: 1.5 }), 1, 'settings.jobs must be a whole number from 1 on, got 1.5'],
    [set({ speed: Number.NaN }), 1, 'settings.speed must be a number above 0, got NaN'],
    [set({ clients: -1 }), 1, 'settings.clients must be a whole number from 0 on, got -1'],
    [
      set({ arrivals: 'often' }),
      1,
      "settings.arrivals must be 'chance', 'recorded' or { file: 'times.csv' }, got 'often'",
    ],
    [
      set({ clients: 2, arrivals: 'chance' }),
      1,
      "settings.arrivals must be left out where clients ask when they are answered, got 'chance'",
    ],
    [{}, Number.NaN, 'threads must be a whole number from 1 on, got NaN'],
    [{}, 1.5, 'threads must be a whole number from 1 on, got 1.5'],
  ])('of %j, in %s threads', async (more, threads, why) => {
    const running = runPlan({ ...plan, ...more } as Plan, threads)
    await expect(running).rejects.toThrow(why)
    await expect(running).rejects.toBeInstanceOf(LabError)
  })
})
