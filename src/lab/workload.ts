/**
 * A workload: what is asked for, and when. Each job is a graph of its own, as builds of several checkouts are, or all are of one graph that
 * they share, whose sources change with each of them.
 */
import { criticalPathOf, dirtyPart, type Graph, LabError, lowerBound, workOf } from './graph.js'
import type { Random } from './random.js'

export interface Job {
  /** When it is asked for, in µs; in a closed loop, how long after its client's last answer. */
  readonly at: number
  /** What has to be made for it: all its tasks. Of a shared graph: what the change of `sources` makes necessary, were it the only one. */
  readonly graph: Graph
  readonly sources?: readonly number[]
  readonly class: string
  /** When it is due, in µs after it is asked for. */
  readonly due?: number
}

export interface Workload {
  readonly name: string
  readonly jobs: readonly Job[]
  /** Built before the first job comes; all jobs ask for what nothing else needs. */
  readonly shared?: Graph
  /** Closed loop: so many clients, each of which asks for its next job when its last one is answered. Undefined: open. */
  readonly clients?: number
}

/** One job, from the beginning. */
export const once = (graph: Graph, of = 'build'): Workload => ({
  name: graph.name,
  jobs: [{ at: 0, graph, class: of }],
})

export type Arrivals =
  | { readonly _tag: 'poisson'; readonly meanUs: number }
  | { readonly _tag: 'every'; readonly us: number }
  /** Times in µs; the n-th job comes at the n-th. */
  | { readonly _tag: 'trace'; readonly times: readonly number[] }
  | { readonly _tag: 'closed'; readonly clients: number; readonly thinkUs: number }

/** Jobs of these graphs, as they arrive. */
export const arriving = (
  name: string,
  graphs: readonly Graph[],
  arrivals: Arrivals,
  random: Random,
  classOf: (graph: Graph) => string = () => 'build',
): Workload => {
  const times = timesOf(graphs.length, arrivals, random)
  const jobs = graphs.map((graph, i): Job => ({ at: times[i]!, graph, class: classOf(graph) }))
  return { name, jobs, ...(arrivals._tag === 'closed' && { clients: arrivals.clients }) }
}

const timesOf = (count: number, arrivals: Arrivals, random: Random): readonly number[] => {
  let now = 0
  switch (arrivals._tag) {
    case 'poisson':
      return Array.from({ length: count }, () => {
        now += random.exponential(arrivals.meanUs)
        return Math.round(now)
      })
    case 'every':
      return Array.from({ length: count }, (_, i) => i * arrivals.us)
    case 'trace':
      if (arrivals.times.length < count)
        throw new LabError(`${count} jobs, and only ${arrivals.times.length} times of arrival`)
      return arrivals.times.slice(0, count)
    case 'closed':
      return Array.from({ length: count }, () => Math.round(random.exponential(arrivals.thinkUs)))
  }
}

/** The mean time between arrivals, in µs, at which so many slots are busy for this part of the time. */
export const meanBetween = (graphs: readonly Graph[], slots: number, load: number): number =>
  graphs.reduce((sum, graph) => sum + workOf(graph), 0) / graphs.length / slots / load

/** What each set of changed sources makes necessary: those that make nothing necessary are left out. */
export const changeJobs = (graph: Graph, changes: readonly (readonly number[])[]): readonly Graph[] =>
  changes.map((sources) => dirtyPart(graph, sources)).filter(({ tasks }) => tasks.length > 0)

/** What a job takes at least, in µs, were it alone. */
export const leastOf = (graph: Graph, slots: number): number => lowerBound(graph, slots)

/** No schedule takes less, in µs, from the first request on: all must be made after they came, and what came last takes its time. */
export const makespanBound = (workload: Workload, slots: number): number => {
  const { jobs, clients, shared } = workload
  if (jobs.length === 0) return 0
  if (clients !== undefined) return closedBound(jobs, clients, slots)
  const first = jobs.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY)
  let bound = first
  let workAfter = 0
  for (const { at, graph } of [...jobs].sort((a, b) => b.at - a.at)) {
    // What a change of one tree makes necessary is made after it, though for others too.
    workAfter = shared === undefined ? workAfter + workOf(graph) : workOf(graph)
    bound = Math.max(bound, at + criticalPathOf(graph), at + Math.ceil(workAfter / slots))
  }
  return bound - first
}

/** Each client asks for one job after the other, and waits in between; and all that they ask for is made after the first of them asked. */
const closedBound = (jobs: readonly Job[], clients: number, slots: number): number => {
  const ends: number[] = []
  let first = Number.POSITIVE_INFINITY
  let work = 0
  for (const [i, { at, graph }] of jobs.entries()) {
    if (i < clients) first = Math.min(first, at)
    work += workOf(graph)
    ends[i % clients] = (ends[i % clients] ?? 0) + at + lowerBound(graph, slots)
  }
  return ends.reduce((bound, end) => Math.max(bound, end - first), Math.ceil(work / slots))
}

/** Changes of the sources of one graph, each of which asks for all of it. */
export const edits = (
  graph: Graph,
  changes: readonly (readonly [at: number, sources: readonly number[]])[],
): Workload => ({
  name: `${graph.name}, edited`,
  shared: graph,
  jobs: changes.map(([at, sources]) => ({ at, sources, graph: dirtyPart(graph, sources), class: 'edit' })),
})
