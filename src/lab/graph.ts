/** Graphs of tasks as plain data: what a workload is made of, and what can be said of it without running it. */

export interface Task {
  readonly name: string
  /** What it takes on the machine that it was measured on, in µs; at least 1. */
  readonly cost: number
  /** Numbers of tasks that must be done before. */
  readonly deps: readonly number[]
  /** Numbers of sources that it reads. */
  readonly sources: readonly number[]
  /** What it is made by: tasks of one rule cost alike. */
  readonly rule: string
}

export interface Graph {
  readonly name: string
  readonly tasks: readonly Task[]
  readonly sources: readonly string[]
}

export class LabError extends Error {
  override readonly name = 'LabError'
}

/** `graph` itself, where it makes sense. @throws LabError that names the task, where it does not */
export const checkedGraph = (graph: Graph): Graph => {
  const { tasks, sources } = graph
  if (!Array.isArray(tasks) || !Array.isArray(sources)) throw new LabError('a graph needs lists of tasks and sources')
  const isNumberIn = (n: unknown, end: number): boolean =>
    Number.isInteger(n) && (n as number) >= 0 && (n as number) < end
  tasks.forEach((task: Task | null | undefined, i) => {
    if (typeof task !== 'object' || task === null) throw new LabError(`task ${i} is none: it is ${String(task)}`)
    const { name, cost, deps, sources: read } = task
    const fail = (why: string): never => {
      throw new LabError(`task ${i} (${name}): ${why}`)
    }
    if (typeof cost !== 'number' || !Number.isFinite(cost)) fail('what it takes is no number')
    if (cost < 1) fail(`it takes ${cost} µs: it must be 1 or more`)
    for (const [what, list, end] of [
      ['task', deps, tasks.length],
      ['source', read, sources.length],
    ] as const) {
      if (!Array.isArray(list)) fail(`its ${what}s are no list`)
      const wrong = list.findIndex((n) => !isNumberIn(n, end))
      if (wrong >= 0) fail(`it needs ${what} ${list[wrong]}, and there are ${end}`)
    }
  })
  inOrder(graph)
  return graph
}

/** In µs. NaN where it is no time. */
export const costOf = (time: unknown, us: number): number =>
  typeof time === 'number' && time >= 0 ? Math.max(1, Math.round(time * us)) : Number.NaN

/** Every task after all that it needs. @throws LabError where tasks need each other. */
export const inOrder = ({ name, tasks }: Graph): readonly number[] => {
  const missing = tasks.map(({ deps }) => deps.length)
  const dependents = dependentsOf(tasks)
  const order = tasks.flatMap((_, i) => (missing[i] === 0 ? [i] : []))
  for (const i of order) for (const d of dependents[i]!) if (--missing[d]! === 0) order.push(d)
  if (order.length < tasks.length) {
    throw new LabError(`${name}: its tasks need each other: ${cycleOf(tasks, (i) => missing[i]! > 0).join(' needs ')}`)
  }
  return order
}

/** Names along one, of tasks that wait for each other or for such. */
const cycleOf = (tasks: readonly Task[], isStuck: (i: number) => boolean): readonly string[] => {
  const way: number[] = []
  let at = tasks.findIndex((_, i) => isStuck(i))
  while (!way.includes(at)) {
    way.push(at)
    at = tasks[at]!.deps.find(isStuck)!
  }
  return [...way.slice(way.indexOf(at)), at].map((i) => tasks[i]!.name).slice(0, CYCLE_SHOWN)
}
const CYCLE_SHOWN = 10

export const dependentsOf = (tasks: readonly Task[]): readonly (readonly number[])[] => {
  const dependents: number[][] = tasks.map(() => [])
  tasks.forEach(({ deps }, i) => {
    for (const d of deps) dependents[d]!.push(i)
  })
  return dependents
}

export const workOf = ({ tasks }: Graph): number => tasks.reduce((sum, { cost }) => sum + cost, 0)

/** What the longest chain takes, in µs. */
export const criticalPathOf = (graph: Graph): number => {
  const ends = new Float64Array(graph.tasks.length)
  let longest = 0
  for (const i of inOrder(graph)) {
    const { cost, deps } = graph.tasks[i]!
    let start = 0
    for (const d of deps) start = Math.max(start, ends[d]!)
    ends[i] = start + cost
    longest = Math.max(longest, ends[i]!)
  }
  return longest
}

/** No schedule of it on so many slots is shorter, in µs: neither than its longest chain, nor than its work, evenly spread. */
export const lowerBound = (graph: Graph, slots: number): number =>
  Math.max(criticalPathOf(graph), Math.ceil(workOf(graph) / slots))

/** Tasks that nothing else needs. */
export const rootsOf = ({ tasks }: Graph): readonly number[] =>
  dependentsOf(tasks).flatMap((dependents, i) => (dependents.length === 0 ? [i] : []))

/** The part of it that has to be made again when `sources` change; what it needs besides is there. */
export const dirtyPart = (graph: Graph, sources: readonly number[]): Graph => {
  const dirty = new Set(dirtyTasks(graph, sources))
  return partOf(
    graph,
    graph.tasks.map((_, i) => dirty.has(i)),
  )
}

/** Which of its tasks that are, each after all that it needs. */
export const dirtyTasks = (graph: Graph, sources: readonly number[]): readonly number[] => {
  const changed = new Set(sources)
  const dirty = new Set<number>()
  for (const i of inOrder(graph)) {
    const task = graph.tasks[i]!
    if (task.sources.some((s) => changed.has(s)) || task.deps.some((d) => dirty.has(d))) dirty.add(i)
  }
  return [...dirty]
}

const partOf = (graph: Graph, isIn: readonly boolean[]): Graph => {
  const number = new Map<number, number>()
  graph.tasks.forEach((_, i) => {
    if (isIn[i]) number.set(i, number.size)
  })
  const tasks = graph.tasks
    .filter((_, i) => isIn[i])
    .map((task) => ({ ...task, deps: task.deps.flatMap((d) => number.get(d) ?? []) }))
  return { ...graph, tasks }
}

/** The same, on a machine that is so many times as fast. */
export const faster = (graph: Graph, speed: number): Graph =>
  speed === 1
    ? graph
    : { ...graph, tasks: graph.tasks.map((t) => ({ ...t, cost: Math.max(1, Math.round(t.cost / speed)) })) }
