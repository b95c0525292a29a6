/** The lab's own trace files: a build with its costs, the change sets of its sources; and times of requests and of edits as CSV. */
import { checkedGraph, costOf, type Graph, LabError } from '../graph.js'
import { listIn, objectIn, objectsIn, textIn, textsIn } from './fields.js'

/** `{ meta: { name }, sources: [...], tasks: [{ id, rule, out, deps, srcs, cpu_ms?, wall_ms }] }` */
export const fromBuildTrace = (json: unknown): Graph => {
  const { meta, sources, tasks } = (json ?? {}) as Readonly<Record<string, unknown>>
  if (!Array.isArray(tasks) || !Array.isArray(sources))
    throw new LabError('no build trace: `tasks` or `sources` is no list')
  return checkedGraph({
    name: textIn(objectIn(meta ?? {}, 'meta').name ?? 'build', 'meta.name'),
    sources: textsIn(sources, 'sources'),
    tasks: objectsIn(tasks, 'tasks').map(({ rule, out, deps, srcs, cpu_ms, wall_ms }, i) => ({
      name: textIn(out, `tasks[${i}].out`),
      rule: textIn(rule ?? 'task', `tasks[${i}].rule`),
      // That they are numbers, and which, is looked at with the graph.
      deps: deps as readonly number[],
      sources: srcs as readonly number[],
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
  const { commits } = (json ?? {}) as { readonly commits?: unknown }
  if (!Array.isArray(commits)) throw new LabError('no change sets: `commits` is no list')
  if (commits.length === 0) throw new LabError('no change sets: `commits` is empty')
  const all = commits.map((commit, i) => {
    const [time, sources] = listIn(commit, `commits[${i}]`)
    const numbers = listIn(sources, `commits[${i}][1]`)
    if (typeof time !== 'number') throw new LabError(`commits[${i}][0] is no time: it must be a number of seconds`)
    if (!numbers.every(Number.isInteger)) throw new LabError(`commits[${i}][1]: it must be numbers of sources`)
    return { time, sources: numbers as readonly number[] }
  })
  const back = all.findIndex(({ time }, i) => i > 0 && time < all[i - 1]!.time)
  if (back >= 0) throw new LabError(`commits[${back}]: its time is before that of the one before it`)
  return all.map(({ time, sources }) => ({ atMs: (time - all[0]!.time) * 1000, sources }))
}

/** Requests in time, in ms since the first, each with a size. */
export interface Arrival {
  readonly atMs: number
  readonly size: number
  readonly class?: string
  /** In how many ms it is due. */
  readonly dueMs?: number
}

/** Of a time in ms, or a date, which is of UTC where it does not say. NaN where it is neither: much that is none would pass for a date. */
const msOf = (time: string): number => {
  if (/^\d+(\.\d+)?$/.test(time)) return Number(time)
  const [, day, clock = '00:00', zone = 'Z'] = DATE.exec(time) ?? []
  return day === undefined ? Number.NaN : Date.parse(`${day}T${clock}${zone}`)
}
const DATE = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/

/**
 * Lines of CSV, the first of which names the columns: a time (ms, or a date), and one or more numbers, whose sum is the size. A column `class`
 * tells the class of the request, and `due_ms` in how many ms it is due, where it is not empty.
 */
export const fromCsv = (text: string): readonly Arrival[] => {
  const lines = text.split(/\r?\n/).map((line, i) => ({ line, number: i + 1 }))
  const [head, ...rows] = lines.filter(({ line }) => line !== '')
  const columns = (head?.line ?? '').split(',').map((name) => name.trim())
  const optional = ['class', 'due_ms'].map((name) => columns.indexOf(name))
  const found = rows.map(({ line, number }) => {
    const fail = (why: string): never => {
      throw new LabError(`line ${number}: ${why}: ${line}`)
    }
    const cells = line.split(',').map((cell) => cell.trim())
    const [time = ''] = cells
    const atMs = msOf(time)
    const sizes = cells.filter((_, column) => column > 0 && !optional.includes(column))
    const size = sizes.reduce((sum, n) => sum + Number(n), 0)
    if (Number.isNaN(atMs)) fail(`its first cell is no time, in ms or as 2023-11-16 18:17:03.979`)
    if (!Number.isFinite(size)) fail('no time and numbers')
    if (cells.length !== columns.length) fail(`it has ${cells.length} cells, and the first line ${columns.length}`)
    if (sizes.includes('')) fail('a cell is empty where a number must be')
    if (sizes.some((n) => Number(n) < 0)) fail('a size is below 0')
    const [of = '', due = ''] = optional.map((column) => cells[column])
    const dueMs = Number(due)
    if (due !== '' && !(dueMs > 0)) fail('its due_ms is no number above 0')
    return { number, arrival: { atMs, size, ...(of !== '' && { class: of }), ...(due !== '' && { dueMs }) } }
  })
  if (found.length === 0) throw new LabError('it has no line of a time and numbers behind its first, which names them')
  const back = found.find(({ arrival }, i) => i > 0 && arrival.atMs < found[i - 1]!.arrival.atMs)
  if (back !== undefined) throw new LabError(`line ${back.number}: its time is before that of the line above`)
  const first = found[0]!.arrival.atMs
  return found.map(({ arrival }) => ({ ...arrival, atMs: arrival.atMs - first }))
}
