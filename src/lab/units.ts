/** The tasks of a workload as builds: ids, dependencies and costs in arrays, and what the engine is to believe of the costs. */
import { type BuildId, buildId } from '../model/ids.js'
import { COST_STRIDE, Cost } from '../model/plan.js'
import { emptyTable, IntEditor, type IntTable } from '../model/table.js'
import { dirtyTasks, type Graph, rootsOf } from './graph.js'
import type { Random } from './random.js'
import type { Workload } from './workload.js'

/** What the policies know of costs before anything ran. */
export type Estimates =
  | { readonly _tag: 'exact' }
  /** Each off by a factor, whose logarithm is normal with this spread. */
  | { readonly _tag: 'error'; readonly sigma: number }
  /** The mean of its rule. */
  | { readonly _tag: 'rules' }
  | { readonly _tag: 'none' }

/** One job as the engine sees it. */
export interface Placed {
  readonly targets: readonly BuildId[]
  /** Its sources, of a shared graph: which have changed. */
  readonly changed: readonly BuildId[]
  /** All that has to be made for it. */
  readonly needed: readonly BuildId[]
}

export class Units {
  /** By id. A source costs nothing. */
  readonly cost: number[] = [0]
  readonly deps: (readonly BuildId[])[] = [[]]
  readonly names: string[] = ['']
  /** By id: number of the job that it is a task of; -1: of a shared graph. */
  readonly job: number[] = [-1]
  readonly isSource: boolean[] = [false]
  readonly placed: readonly Placed[]
  readonly costs: IntTable
  /** All of a shared graph, to be built beforehand. */
  readonly shared: readonly BuildId[]

  constructor(workload: Workload, estimates: Estimates, random: Random) {
    const editor = new IntEditor(emptyTable(COST_STRIDE))
    const estimate = (graph: Graph, first: number): void => this.estimate(editor, graph, first, estimates, random)
    const { shared } = workload
    if (shared === undefined) {
      this.shared = []
      this.placed = workload.jobs.map(({ graph }, job) => {
        const first = this.add(graph, job, false)
        estimate(graph, first)
        const needed = graph.tasks.map((_, i) => buildId(first + i))
        return { targets: rootsOf(graph).map((i) => buildId(first + i)), changed: [], needed }
      })
    } else {
      const first = this.add(shared, -1, true)
      estimate(shared, first)
      this.shared = rootsOf(shared).map((i) => buildId(first + i))
      const source = (i: number): BuildId => buildId(first + shared.tasks.length + i)
      this.placed = workload.jobs.map(({ sources = [] }) => ({
        targets: this.shared,
        changed: sources.map(source),
        needed: dirtyTasks(shared, sources).map((i) => buildId(first + i)),
      }))
    }
    this.costs = editor.finish()
  }

  /** One past the last id. */
  get end(): number {
    return this.cost.length
  }

  private add({ tasks, sources }: Graph, job: number, withSources: boolean): number {
    const first = this.end
    const source = first + tasks.length
    for (const task of tasks) {
      const own = withSources ? task.sources.map((i) => buildId(source + i)) : []
      this.push(task.name, task.cost, [...own, ...task.deps.map((i) => buildId(first + i))], job, false)
    }
    if (withSources) for (const name of sources) this.push(name, 0, [], job, true)
    return first
  }

  private push(name: string, cost: number, deps: readonly BuildId[], job: number, isSource: boolean): void {
    this.names.push(name)
    this.cost.push(cost)
    this.deps.push(deps)
    this.job.push(job)
    this.isSource.push(isSource)
  }

  private estimate(editor: IntEditor, { tasks }: Graph, first: number, estimates: Estimates, random: Random): void {
    if (estimates._tag === 'none') return
    const rules = new Map<string, { sum: number; count: number }>()
    for (const { rule, cost } of tasks) {
      const mean = rules.get(rule) ?? { sum: 0, count: 0 }
      rules.set(rule, { sum: mean.sum + cost, count: mean.count + 1 })
    }
    tasks.forEach(({ rule, cost }, i) => {
      const mean = rules.get(rule)!
      const factor = estimates._tag === 'error' ? random.logNormal(estimates.sigma) : 1
      const known = estimates._tag === 'rules' ? mean.sum / mean.count : cost * factor
      editor.set(first + i, Cost.OWN, Math.max(1, Math.min(2 ** 31 - 1, Math.round(known))))
    })
  }
}
