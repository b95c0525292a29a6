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
}

/** Lines of CSV: a time (ms, or a date), and one or more numbers, whose sum is the size. */
export const fromCsv = (text: string): readonly Arrival[] => {
  const rows = text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .slice(1)
  const found = rows.map((row, i): Arrival => {
    const [time, ...sizes] = row.split(',')
    const atMs = /^\d+(\.\d+)?$/.test(time!) ? Number(time) : Date.parse(`${time!.replace(' ', 'T').slice(0, 23)}Z`)
    const size = sizes.reduce((sum, n) => sum + Number(n), 0)
    if (!Number.isFinite(atMs) || !Number.isFinite(size))
      throw new LabError(`line ${i + 2}: no time and numbers: ${row}`)
    return { atMs, size }
  })
  if (found.length === 0) throw new LabError('it has no line of a time and numbers behind its first, which names them')
  const back = found.findIndex(({ atMs }, i) => i > 0 && atMs < found[i - 1]!.atMs)
  if (back >= 0) throw new LabError(`line ${back + 2}: its time is before that of the line above`)
  const first = found[0]!.atMs
  return found.map(({ atMs, size }) => ({ atMs: atMs - first, size }))
}
