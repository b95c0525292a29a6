/** Scenarios from what people name: trace files, folders of ninja builds, and synthetic graphs. Plain data, so that threads can share the work. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { expectSettings } from './checked.js'
import { type ClassRule, classified } from './classes.js'
import { ninjaFiles, ninjaGraph } from './formats/ninja.js'
import { readText } from './formats/text.js'
import { type ChangeSet, fromBuildTrace, fromChanges, fromCsv } from './formats/traces.js'
import { fromWfFormat } from './formats/wfformat.js'
import { dirtyPart, faster, type Graph, LabError } from './graph.js'
import { Random } from './random.js'
import { isRecording, replayed } from './recordings.js'
import type { Machine } from './simulate.js'
import type { Scenario } from './study.js'
import { type Costs, chain, drawCost, layered, star } from './synthetic.js'
import type { Estimates } from './units.js'
import { type Arrivals, arriving, edits, meanBetween, once, type Workload } from './workload.js'

export interface Settings {
  readonly machine: Machine
  readonly drive?: 'fixpoint' | 'batch' | { readonly ms: number }
  readonly estimates: Estimates
  /** Part of the time in which the slots are to be busy, where jobs arrive by chance. */
  readonly load: number
  /** How many jobs of a trace of many make one run. */
  readonly jobs: number
  readonly speed: number
  /** So many clients, each of which waits for its answer before it asks again; 0: jobs arrive whether or not others are done. */
  readonly clients: number
  /**
   * When the jobs of a trace of many arrive, slowed down or sped up to the load: by chance (left out), as the trace says, or at the times of a
   * CSV file.
   */
  readonly arrivals?: 'chance' | 'recorded' | { readonly file: string }
  /** What class the jobs are of, and when they are due. Left out: what the trace says, or one class for all. */
  readonly classes?: readonly ClassRule[]
  /** A file, for a recording of the run: of one only. */
  readonly record?: string
}

export interface Spec {
  readonly source: string
  /** What it is called, in place of the name of its file. */
  readonly name?: string
  readonly settings: Settings
}

/** @throws LabError where the source is none, or not understood. */
export const scenarioOf = ({ source, name: given, settings }: Spec): Scenario => {
  expectSettings(settings)
  const { machine, drive, estimates, record } = settings
  if (isRecording(source)) {
    if (settings.classes !== undefined)
      throw new LabError(
        `${source}: requests of a recording have the classes that they were made with: leave out --class`,
      )
    const as = machine.slots > 0 ? slotsWords(machine.slots) : 'as it was'
    const nothing = (): Workload => ({ name: source, jobs: [] })
    const options = { machine }
    return {
      name: `${given ?? shortName(source)}, recorded, ${as}`,
      draw: nothing,
      options,
      replayed: (policy, onBreach) =>
        replayed(source, policy, machine.slots, { ...(record !== undefined && { record }), onBreach }),
    }
  }
  const options = { machine, estimates, ...(drive !== undefined && { drive }), ...(record !== undefined && { record }) }
  const { name, draw } = drawer(source, settings)
  const where = machine.slots > 0 ? slotsWords(machine.slots) : 'one thread'
  const { classes = [] } = settings
  // The same jobs at the same times, whatever their classes.
  const inClasses = (seed: number): Workload => classified(draw(seed), classes, new Random(seed).fork(11))
  return { name: `${given ?? name}, ${where}`, draw: inClasses, options }
}

/** The same, where two would be called alike: each by its source. */
export const toldApart = (specs: readonly Spec[]): readonly Spec[] => {
  const names = specs.map((spec) => scenarioOf(spec).name)
  return specs.map((spec, i) =>
    names.indexOf(names[i]!) === names.lastIndexOf(names[i]!) ? spec : { ...spec, name: spec.source },
  )
}

/** All files that are read of it. */
export const filesOf = (source: string): readonly string[] => {
  const path = !existsSync(source) && source.startsWith('edits:') ? source.slice('edits:'.length) : source
  const folder = isFolder(path) ? path : dirname(path)
  return [path, buildBeside(path), join(folder, 'build.ninja'), join(folder, '.ninja_log'), ...ninjaPaths(path)]
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** None where it is not understood: nothing is run of it. */
const ninjaPaths = (path: string): readonly string[] => {
  if (!isFolder(path) && !path.endsWith('.ninja')) return []
  try {
    return ninjaFiles(isFolder(path) ? join(path, 'build.ninja') : path).paths
  } catch (error) {
    if (error instanceof LabError) return []
    throw error
  }
}

const buildBeside = (path: string): string => path.replace(/changes(?=[^/]*$)/, 'build')

interface Drawer {
  readonly name: string
  readonly draw: (seed: number) => Workload
  /** One job, so there is nothing to say of how many there are, and when they come. */
  readonly isOne?: true
}

/** @throws LabError where the source is none. */
export const isOneJob = ({ source, settings }: Spec): boolean =>
  !isRecording(source) && drawer(source, settings).isOne === true

const drawer = (source: string, settings: Settings): Drawer => {
  const [kind, rest] = splitAt(source, ':')
  if (rest !== undefined && !existsSync(source)) {
    if (kind === 'chain' || kind === 'star' || kind === 'layered') return synthetic(kind, rest, settings)
    if (kind === 'queue') return queue(rest, settings)
    if (kind === 'edits') return changes(rest, settings, true)
    throw new LabError(
      `there is no file ${source}, and no kind of graph ${kind}: use chain:N, star:N, layered:LxW, queue:fixed or queue:exponential`,
    )
  }
  if (!existsSync(source)) throw new LabError(`there is no file ${source}`)
  if (source.endsWith('.csv')) return requests(source, settings)
  const json = source.endsWith('.json') ? readJson(source) : undefined
  if (json !== undefined && Array.isArray((json as { readonly commits?: unknown } | null)?.commits))
    return changes(source, settings, false)
  expectOne(source, settings)
  const graph = faster(graphOf(source, json), settings.speed)
  return { name: json === undefined ? graph.name : shortName(source), draw: () => once(graph), isOne: true }
}

const splitAt = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

const slotsWords = (slots: number): string => `${slots} ${slots === 1 ? 'slot' : 'slots'}`

/** A folder may be said as `.`. */
const shortName = (path: string): string => basename(resolve(path)).replace(/\.(json|csv|ninja)$/, '')

const readJson = (path: string): unknown => {
  const text = readText(path)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new LabError(`${path}: ${(error as Error).message}`)
  }
}

/** Of a trace file, a `build.ninja`, or the folder that one is in. */
const graphOf = (path: string, json: unknown): Graph => {
  if (json !== undefined) {
    const isWorkflow = (json as { readonly workflow?: unknown } | null)?.workflow !== undefined
    return understood(path, () => (isWorkflow ? fromWfFormat(json) : fromBuildTrace(json)))
  }
  const build = isFolder(path) ? join(path, 'build.ninja') : path
  if (!build.endsWith('.ninja'))
    throw new LabError(
      `${path}: it is no recording, and by its name none of .json, .csv and .ninja: see redford lab --help`,
    )
  return understood(path, () => ninjaGraph(ninjaFiles(build), shortName(path)))
}

/** What `read` makes of the file at `path`. @throws LabError that names it */
const understood = <A>(path: string, read: () => A): A => {
  try {
    return read()
  } catch (error) {
    if (error instanceof LabError) throw new LabError(`${path}: ${error.message}`)
    throw error
  }
}

/** Change sets of a build: its trace lies beside them, by the same name with `build` for `changes`. */
const changes = (path: string, settings: Settings, isShared: boolean): Drawer => {
  const beside = buildBeside(path)
  if (beside === path || !existsSync(beside))
    throw new LabError(`${path}: change sets need their build beside them, as in own-changes.json, own-build.json`)
  const graph = faster(graphOf(beside, readJson(beside)), settings.speed)
  const all = understood(path, () => fromChanges(readJson(path)))
  const unknown = all.flatMap(({ sources }) => sources).find((source) => graph.sources[source] === undefined)
  if (unknown !== undefined)
    throw new LabError(`${path}: it changes source ${unknown}, and ${beside} has none of that number`)
  if (isShared) expectNoClients(`edits:${path}`, settings)
  const arrivals = arrivalsBy(settings)
  const draw = (seed: number): Workload => {
    const random = new Random(seed)
    const first = random.below(Math.max(1, all.length - settings.jobs))
    const some = all
      .slice(first, first + settings.jobs)
      .map((change) => ({ ...change, graph: dirtyPart(graph, change.sources) }))
    const making = some.filter((change) => change.graph.tasks.length > 0)
    const graphs = making.map((change) => change.graph)
    if (making.length === 0)
      throw new LabError(
        `${path}: ${some.length} changes from ${first} on make nothing necessary: take more with --jobs`,
      )
    const atOf = (changes: readonly ChangeSet[]): readonly number[] => changes.map(({ atMs }) => atMs)
    if (!isShared) return arriving(shortName(path), graphs, arrivals(graphs, random, atOf(making)), random)
    const coming = arrivals(graphs, random, atOf(some), some.length)
    const mean = meanOf(graphs, settings)
    let at = 0
    const timed = some.map(({ sources }, i) => {
      at = coming._tag === 'trace' ? coming.times[i]! : at + Math.round(random.exponential(mean))
      return [at, sources] as const
    })
    return edits(graph, timed)
  }
  return { name: isShared ? `${shortName(path)} of one tree` : shortName(path), draw }
}

const meanOf = (graphs: readonly Graph[], { machine, load }: Settings): number =>
  meanBetween(graphs, Math.max(1, machine.slots), load)

/** How so many jobs, of which some are `graphs`, arrive: `recorded` are their times in the trace, in ms. */
type ArrivalsOf = (graphs: readonly Graph[], random: Random, recorded?: readonly number[], count?: number) => Arrivals

const arrivalsBy = (settings: Settings): ArrivalsOf => {
  const { arrivals = 'chance', clients } = settings
  const file = typeof arrivals === 'object' ? arrivals.file : undefined
  const times = file === undefined ? [] : timesIn(file)
  return (graphs, random, recorded = [], count = graphs.length) => {
    const meanUs = meanOf(graphs, settings)
    if (clients > 0) return { _tag: 'closed', clients, thinkUs: meanUs * clients }
    if (arrivals === 'chance') return { _tag: 'poisson', meanUs }
    if (file === undefined) return { _tag: 'trace', times: spread(recorded, meanUs) }
    if (times.length < count)
      throw new LabError(
        `${file}: it has ${times.length} times, and ${count} jobs are to arrive: take fewer with --jobs`,
      )
    const first = random.below(times.length - count + 1)
    return { _tag: 'trace', times: spread(times.slice(first, first + count), meanUs) }
  }
}

/** In ms. */
const timesIn = (file: string): readonly number[] => {
  if (!existsSync(file))
    throw new LabError(`--arrivals: there is no file ${file}: use chance, recorded, or a CSV of times`)
  const text = readText(file)
  return understood(file, () => fromCsv(text)).map(({ atMs }) => atMs)
}

/** The same times, with so many µs between them in the mean, from 0 on. */
const spread = (atMs: readonly number[], meanUs: number): readonly number[] => {
  const [first = 0] = atMs
  const factor = (meanUs * atMs.length) / Math.max(1, atMs.at(-1)! - first)
  return atMs.map((at) => Math.round((at - first) * factor))
}

const expectNoClients = (source: string, { clients }: Settings): void => {
  if (clients > 0) throw new LabError(`${source}: it comes whether or not what was before is done: leave out --clients`)
}

const expectOne = (source: string, { arrivals, clients }: Settings): void => {
  if (arrivals !== undefined) throw new LabError(`${source}: it is one job: leave out --arrivals`)
  if (clients > 0) throw new LabError(`${source}: it is one job: leave out --clients`)
}

/** Requests with sizes, at their own times, slowed down or sped up to the load: each is as many tasks at once as it is large. */
const requests = (path: string, settings: Settings): Drawer => {
  const text = readText(path)
  if (/^[^\n]*\b(deleted|inserted)\b/.test(text))
    throw new LabError(
      `${path}: edits say when sources change, and are no requests: say edits:own-changes.json --arrivals ${path}`,
    )
  if (settings.arrivals !== undefined && settings.arrivals !== 'recorded')
    throw new LabError(`${path}: requests come at the times that it says: leave out --arrivals`)
  expectNoClients(path, settings)
  const all = understood(path, () => fromCsv(text))
  const draw = (seed: number): Workload => {
    const first = new Random(seed).below(Math.max(1, all.length - settings.jobs))
    const some = all.slice(first, first + settings.jobs)
    const graphs = some.map(({ size }) =>
      faster(
        star(Math.max(1, Math.round(Math.log2(size + 2))), { _tag: 'fixed', us: 100 * (size + 1) }),
        settings.speed,
      ),
    )
    const times = spread(
      some.map(({ atMs }) => atMs),
      meanOf(graphs, settings),
    )
    const workload = arriving(shortName(path), graphs, { _tag: 'trace', times }, new Random(seed))
    return {
      ...workload,
      jobs: workload.jobs.map((job, i) => {
        const { class: of, dueMs } = some[i]!
        return { ...job, ...(of !== undefined && { class: of }), ...(dueMs !== undefined && { due: dueMs * 1000 }) }
      }),
    }
  }
  return { name: shortName(path), draw }
}

const COSTS: Costs = { _tag: 'logNormal', medianUs: 20_000, sigma: 1 }

const synthetic = (kind: 'chain' | 'star' | 'layered', rest: string, settings: Settings): Drawer => {
  const { speed } = settings
  expectOne(`${kind}:${rest}`, settings)
  const sizes = rest.split('x').map(Number)
  const [a = Number.NaN, b = 100] = sizes
  if (sizes.length > (kind === 'layered' ? 2 : 1) || ![a, b].every((n) => Number.isInteger(n) && n >= 1))
    throw new LabError(`${kind}:${rest}: its size must be a number, as in chain:100, layered:10x50`)
  const graph = (seed: number): Graph => {
    if (kind === 'chain') return chain(a, COSTS, seed)
    return kind === 'star' ? star(a, COSTS, seed) : layered({ layers: a, width: b, degree: 3 }, COSTS, seed)
  }
  return { name: `${kind}-${rest}`, draw: (seed) => once(faster(graph(seed), speed)), isOne: true }
}

const MEAN_US = 10_000

/** Single tasks: the queues of theory. */
const queue = (rest: string, settings: Settings): Drawer => {
  if (rest !== 'fixed' && rest !== 'exponential')
    throw new LabError(`queue:${rest}: what tasks take is queue:fixed or queue:exponential`)
  const costs: Costs = rest === 'fixed' ? { _tag: 'fixed', us: MEAN_US } : { _tag: 'exponential', meanUs: MEAN_US }
  if (settings.arrivals === 'recorded')
    throw new LabError(`queue:${rest}: it has no times: leave out --arrivals recorded`)
  const arrivals = arrivalsBy(settings)
  const draw = (seed: number): Workload => {
    const random = new Random(seed)
    const graphs = Array.from({ length: settings.jobs }, () =>
      faster(star(0, { _tag: 'fixed', us: drawCost(random, costs) }), settings.speed),
    )
    return arriving(`queue-${rest}`, graphs, arrivals(graphs, random), random)
  }
  return { name: `queue-${rest}`, draw }
}
