/** What programs hand to the lab: looked over before anything runs, since much that makes no sense would run all the same, and say nothing. */
import { inspect } from 'node:util'
import { checkedGraph, type Graph, LabError } from './graph.js'
import type { Workload } from './workload.js'

/** Whatever it was declared as. */
type Loose = Readonly<Record<string, unknown>>

const expect = (holds: boolean, what: string, must: string, got: unknown): void => {
  if (holds) return
  const shown = inspect(got, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, 80)
  throw new LabError(`${what} must be ${must}, got ${shown}`)
}

const expectObject = (value: unknown, what: string, must: string): Loose => {
  expect(typeof value === 'object' && value !== null, what, must, value)
  return value as Loose
}

const isWhole = (value: unknown, least: number): boolean => Number.isSafeInteger(value) && (value as number) >= least
const isFrom = (value: unknown, least: number): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= least
const isAbove0 = (value: unknown): boolean => isFrom(value, 0) && value !== 0

/** @throws LabError that says what of them makes no sense, and what would. */
export const expectRun = (workload: Workload, options: unknown): void => {
  const given = expectObject(options, 'options', 'an object with policy and machine')
  const { policy, seed, ticksMax } = given
  const { choose } = (policy ?? {}) as { readonly choose?: unknown }
  const isPolicy = typeof policy === 'function' || typeof choose === 'function'
  expect(isPolicy, 'policy', "a policy, as policyNamed('criticalPath') gives", policy)
  expectMachine(given)
  if (seed !== undefined) expect(isFrom(seed, Number.NEGATIVE_INFINITY), 'seed', 'a number', seed)
  if (ticksMax !== undefined) expect(isFrom(ticksMax, 1), 'ticksMax', 'a number from 1 on', ticksMax)
  expectWorkload(workload)
}

const expectMachine = ({ machine, drive, estimates }: Loose): void => {
  const { slots, ...rest } = expectObject(machine, 'machine', 'an object with slots, as { slots: 2 }')
  expect(isWhole(slots, 0), 'machine.slots', 'a whole number from 0 on', slots)
  for (const name of ['perTurn', 'perTick', 'perBuild', 'commit'] as const)
    if (rest[name] !== undefined) expect(isFrom(rest[name], 0), `machine.${name}`, 'µs, from 0 on', rest[name])
  const isDrive = [undefined, 'fixpoint', 'batch'].includes(drive as string | undefined) || isFrom(msOf(drive), 0)
  expect(isDrive, 'drive', "'fixpoint', 'batch' or { ms: 5 }", drive)
  if (estimates === undefined) return
  const { _tag, sigma } = (estimates ?? {}) as { readonly _tag?: unknown; readonly sigma?: unknown }
  const isEstimate = ['exact', 'none', 'rules'].includes(_tag as string) || (_tag === 'error' && isFrom(sigma, 0))
  const must = "{ _tag: 'exact' }, { _tag: 'none' }, { _tag: 'rules' } or { _tag: 'error', sigma: 0.3 }"
  expect(isEstimate, 'estimates', must, estimates)
}

const msOf = (drive: unknown): unknown => (drive as { readonly ms?: unknown } | null | undefined)?.ms

/** Those that were looked at: jobs may have one graph, and a workload is run by many policies. */
const sound = new WeakSet<Graph>()

const expectGraph = (graph: Graph, what: string): void => {
  expectObject(graph, what, 'a graph of tasks and sources')
  if (sound.has(graph)) return
  try {
    sound.add(checkedGraph(graph))
  } catch (error) {
    throw error instanceof LabError ? new LabError(`${what}: ${error.message}`) : error
  }
}

const expectWorkload = (workload: Workload): void => {
  const { jobs, clients } = expectObject(workload, 'workload', 'an object with name and jobs')
  expect(Array.isArray(jobs), 'workload.jobs', 'a list', jobs)
  if (clients !== undefined) expect(isWhole(clients, 1), 'workload.clients', 'a whole number from 1 on', clients)
  if (workload.shared !== undefined) expectGraph(workload.shared, 'workload.shared')
  const sourcesEnd = workload.shared?.sources.length ?? 0
  for (const [i, job] of workload.jobs.entries()) {
    const what = `workload.jobs[${i}]`
    const { at, due } = expectObject(job, what, 'an object with at, graph and class')
    expect(isFrom(at, 0), `${what}.at`, 'µs, from 0 on', at)
    if (due !== undefined) expect(isFrom(due, 0), `${what}.due`, 'µs, from 0 on', due)
    expect(typeof job.class === 'string', `${what}.class`, 'a string', job.class)
    expectGraph(job.graph, `${what}.graph`)
    if (workload.shared === undefined || job.sources === undefined) continue
    const isKnown = Array.isArray(job.sources) && job.sources.every((n) => isWhole(n, 0) && n < sourcesEnd)
    expect(isKnown, `${what}.sources`, `numbers of the ${sourcesEnd} sources of the shared graph`, job.sources)
  }
}

/** @throws LabError */
export const expectSettings = (settings: unknown): void => {
  const given = expectObject(settings, 'settings', 'an object with machine and more')
  const { load, jobs, speed, clients, arrivals } = given
  expectMachine(given)
  expect(isAbove0(load), 'settings.load', 'a number above 0', load)
  expect(isWhole(jobs, 1), 'settings.jobs', 'a whole number from 1 on', jobs)
  expect(isAbove0(speed), 'settings.speed', 'a number above 0', speed)
  expect(isWhole(clients, 0), 'settings.clients', 'a whole number from 0 on', clients)
  const isArrivals =
    [undefined, 'chance', 'recorded'].includes(arrivals as string | undefined) ||
    typeof (arrivals as { readonly file?: unknown } | null)?.file === 'string'
  expect(isArrivals, 'settings.arrivals', "'chance', 'recorded' or { file: 'times.csv' }", arrivals)
  const isOpen = clients === 0 || arrivals === undefined
  expect(isOpen, 'settings.arrivals', 'left out where clients ask when they are answered', arrivals)
}

/** @throws LabError */
export const expectPlan = (plan: unknown, threads: number): void => {
  const lists = expectObject(plan, 'plan', 'an object with specs, policies and seeds')
  const listOf = (name: string): readonly unknown[] => {
    const list = lists[name]
    expect(Array.isArray(list) && list.length > 0, `plan.${name}`, 'a list with something in it', list)
    return list as readonly unknown[]
  }
  const [specs, policies, seeds] = ['specs', 'policies', 'seeds'].map(listOf) as [unknown[], unknown[], unknown[]]
  specs.forEach((spec, i) => {
    const { source } = expectObject(spec, `plan.specs[${i}]`, 'an object with source and settings')
    expect(typeof source === 'string', `plan.specs[${i}].source`, 'a string', source)
  })
  policies.forEach((policy, i) => {
    const isName = typeof policy === 'string' && policies.indexOf(policy) === i
    expect(isName, `plan.policies[${i}]`, 'the name of a policy or of its file, each once', policy)
  })
  seeds.forEach((seed, i) => {
    const isSeed = isWhole(seed, 0) && seeds.indexOf(seed) === i
    expect(isSeed, `plan.seeds[${i}]`, 'a whole number from 0 on, each once', seed)
  })
  expect(isWhole(threads, 1), 'threads', 'a whole number from 1 on', threads)
}
