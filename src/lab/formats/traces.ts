/** The lab's own trace files: a build with its costs, the change sets of its sources; and times of requests and of edits as CSV. */
import { checkedGraph, costOf, type Graph, LabError } from '../graph.js'

interface Measured {
  readonly rule: string
  readonly out: string
  readonly deps: readonly number[]
  readonly srcs: readonly number[]
  readonly cpu_ms?: number
  readonly wall_ms: number
}

/** `{ meta: { name }, sources: [...], tasks: [{ id, rule, out, deps, srcs, cpu_ms?, wall_ms }] }` */
export const fromBuildTrace = (json: unknown): Graph => {
  const { meta, sources, tasks } = (json ?? {}) as {
    readonly meta?: { readonly name?: string }
    readonly sources?: readonly string[]
    readonly tasks?: readonly Measured[]
  }
  if (!Array.isArray(tasks) || !Array.isArray(sources))
    throw new LabError('no build trace: `tasks` or `sources` is no list')
  return checkedGraph({
    name: meta?.name ?? 'build',
    sources,
    tasks: (tasks as readonly Measured[]).map(({ rule, out, deps, srcs, cpu_ms, wall_ms }) => ({
      name: out,
      rule,
      deps,
      sources: srcs,
      cost: costOf(cpu_ms ?? wall_ms, 1000),
    })),
  })
}

/** When which sources changed, in ms since the first change. */
export interface ChangeSet {
  readonly atMs: number
  readonly sources: readonly number[]
}

/** `{ commits: [[unix time, [numbers of sources], ...]] }` */
export const fromChanges = (json: unknown): readonly ChangeSet[] => {
  const { commits } = (json ?? {}) as { readonly commits?: readonly (readonly [number, readonly number[]])[] }
  if (!Array.isArray(commits)) throw new LabError('no change sets: `commits` is no list')
  if (commits.length === 0) throw new LabError('no change sets: `commits` is empty')
  const first = commits[0]?.[0] ?? 0
  return (commits as NonNullable<typeof commits>).map(([time, sources]) => ({ atMs: (time - first) * 1000, sources }))
}

/** Requests in time, in ms since the first, each with a size. */
export interface Arrival {
  readonly atMs: number
  readonly size: number
  readonly class?: string
  /** In how many ms it is due. */
  readonly dueMs?: number
}

/**
 * Lines of CSV, the first of which names the columns: a time (ms, or a date), and one or more numbers, whose sum is the size. A column `class`
 * tells the class of the request, and `due_ms` in how many ms it is due, where it is not empty.
 */
export const fromCsv = (text: string): readonly Arrival[] => {
  const [head = '', ...rows] = text.split(/\r?\n/).filter((line) => line !== '')
  const columns = head.split(',').map((name) => name.trim())
  const found = rows.map((row, i): Arrival => {
    const cells = row.split(',')
    const [time] = cells
    const sizes = cells.filter((_, column) => column > 0 && !['class', 'due_ms'].includes(columns[column] ?? ''))
    const of = columns.includes('class') ? cells[columns.indexOf('class')] : undefined
    const due = columns.includes('due_ms') ? cells[columns.indexOf('due_ms')] : undefined
    const atMs = /^\d+(\.\d+)?$/.test(time!) ? Number(time) : Date.parse(`${time!.replace(' ', 'T').slice(0, 23)}Z`)
    const size = sizes.reduce((sum, n) => sum + Number(n), 0)
    if (!Number.isFinite(atMs) || !Number.isFinite(size))
      throw new LabError(`line ${i + 2}: no time and numbers: ${row}`)
    const dueMs = Number(due)
    if (due && !(dueMs > 0)) throw new LabError(`line ${i + 2}: its due_ms is no number above 0: ${row}`)
    return { atMs, size, ...(of && { class: of }), ...(due && { dueMs }) }
  })
  if (found.length === 0) throw new LabError('it has no line of a time and numbers behind its first, which names them')
  const back = found.findIndex(({ atMs }, i) => i > 0 && atMs < found[i - 1]!.atMs)
  if (back >= 0) throw new LabError(`line ${back + 2}: its time is before that of the line above`)
  const first = found[0]!.atMs
  return found.map((each) => ({ ...each, atMs: each.atMs - first }))
}
