/** A `build.ninja` and the `.ninja_log` that its builds left: what was built, from what, and how long each took. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { checkedGraph, type Graph, LabError, type Task } from '../graph.js'
import { type NinjaBuild, ninjaBuild, type Statement } from './ninja-syntax.js'
import { readText } from './text.js'

/**
 * Tasks without a line in the log have never run, and are left out unless something needs them: then they take `unknownUs`. `readFile` gives
 * the text of files that are included.
 * @throws LabError, also where the log knows fewer than half of the tasks that are left: it is of another build
 */
export const fromNinja = (
  build: string,
  log: string,
  name = 'ninja',
  unknownUs = 1000,
  readFile: (path: string) => string = notHere,
): Graph => graphOf(ninjaBuild(build, readFile), log, name, unknownUs)

const notHere = (): never => {
  throw new Error('say how files are read, with readFile')
}

export interface NinjaFiles {
  readonly build: NinjaBuild
  readonly log: string
  /** All of them, the log last. */
  readonly paths: readonly string[]
}

/** The `build.ninja` at `path`, what it includes, and where its log is: in its `builddir`. @throws LabError */
export const ninjaFiles = (path: string): NinjaFiles => {
  const folder = dirname(path)
  const paths = [path]
  if (!existsSync(path)) throw new LabError(`there is no file ${path}: a ninja build needs build.ninja and .ninja_log`)
  const readFile = (file: string): string => {
    paths.push(resolve(folder, file))
    return readFileSync(resolve(folder, file), 'utf8')
  }
  const build = ninjaBuild(readText(path), readFile)
  const log = build.builddir === '' ? join(folder, '.ninja_log') : resolve(folder, build.builddir, '.ninja_log')
  return { build, log, paths: [...paths, log] }
}

/** As `fromNinja`, of files. */
export const ninjaGraph = ({ build, log }: NinjaFiles, name: string): Graph => {
  if (!existsSync(log))
    throw new LabError(
      `there is no file ${log}: a ninja build needs build.ninja and .ninja_log: build it with ninja first`,
    )
  return graphOf(build, readText(log), name, 1000)
}

const graphOf = ({ statements }: NinjaBuild, log: string, name: string, unknownUs: number): Graph => {
  const all = statements.filter(({ rule }) => rule !== 'phony')
  if (all.length === 0) throw new LabError('build.ninja: it has no build statement')
  const times = timesOf(log)
  const knownOf = ({ outputs }: Statement): readonly number[] => outputs.flatMap((output) => times.get(output) ?? [])
  const needs = needsOf(statements)
  const kept = new Set(all.filter((statement) => knownOf(statement).length > 0))
  const ran = kept.size
  // A set's iteration goes on to what is added.
  for (const statement of kept) for (const by of needs.get(statement)!.made) kept.add(by)
  if (ran === 0 || ran < kept.size / 2) {
    const asked = ran === 0 ? all : [...kept]
    const missing = asked.find((statement) => knownOf(statement).length === 0)!.outputs[0]
    throw new LabError(
      `.ninja_log: it says of ${ran} of ${asked.length} tasks how long they took, and not of ${missing}: build all with ninja, and try again`,
    )
  }
  const numbers = new Map(all.filter((statement) => kept.has(statement)).map((statement, i) => [statement, i]))
  const sources: string[] = []
  const sourceNumbers = new Map<string, number>()
  const sourceNumber = (path: string): number => {
    if (!sourceNumbers.has(path)) sourceNumbers.set(path, sources.push(path) - 1)
    return sourceNumbers.get(path)!
  }
  const byNumber = (a: number, b: number): number => a - b
  const tasks = [...numbers.keys()].map((statement): Task => {
    const { made, read } = needs.get(statement)!
    const known = knownOf(statement)
    return {
      name: statement.outputs[0]!,
      cost: known.length === 0 ? unknownUs : Math.max(1, ...known.map((ms) => ms * 1000)),
      deps: [...made].map((by) => numbers.get(by)!).sort(byNumber),
      sources: [...read].map(sourceNumber).sort(byNumber),
      rule: statement.rule,
    }
  })
  const told = ran < all.length / 2 ? `${name} (${tasks.length} of its ${all.length} tasks, the rest never ran)` : name
  return checkedGraph({ name: told, tasks, sources })
}

interface Needs {
  readonly made: ReadonlySet<Statement>
  readonly read: ReadonlySet<string>
}

/** Phony statements stand for what they need. */
const needsOf = (statements: readonly Statement[]): ReadonlyMap<Statement, Needs> => {
  const maker = new Map(
    statements.flatMap((statement) => statement.outputs.map((output) => [output, statement] as const)),
  )
  return new Map(
    statements.map((statement) => {
      const made = new Set<Statement>()
      const read = new Set<string>()
      const seen = new Set<string>()
      const left = [...statement.inputs]
      for (let input = left.pop(); input !== undefined; input = left.pop()) {
        if (seen.has(input)) continue
        seen.add(input)
        const by = maker.get(input)
        if (by === undefined) read.add(input)
        else if (by.rule === 'phony') left.push(...by.inputs)
        else if (by !== statement) made.add(by)
      }
      return [statement, { made, read }]
    }),
  )
}

/** By output, in ms; the last line of each counts. */
const timesOf = (log: string): ReadonlyMap<string, number> => {
  const times = new Map<string, number>()
  for (const line of log.split('\n')) {
    if (line.startsWith('#') || line === '') continue
    const [start, end, , output] = line.split('\t')
    const ms = Number(end) - Number(start)
    if (output === undefined || !Number.isFinite(ms))
      throw new LabError(`.ninja_log: not understood: ${line.slice(0, 80)}`)
    times.set(output, ms)
  }
  return times
}
