/** A `build.ninja` and the `.ninja_log` that its builds left: what was built, from what, and how long each took. */
import { checkedGraph, type Graph, LabError, type Task } from '../graph.js'

interface Statement {
  readonly outputs: readonly string[]
  readonly rule: string
  readonly inputs: readonly string[]
}

/** Tasks without a line in the log have never run, and are left out unless something needs them: then they take `unknownUs`. */
export const fromNinja = (build: string, log: string, name = 'ninja', unknownUs = 1000): Graph => {
  const statements = statementsOf(build).filter(({ rule }) => rule !== 'phony')
  const phony = new Map(
    statementsOf(build)
      .filter(({ rule }) => rule === 'phony')
      .flatMap(({ outputs, inputs }) => outputs.map((output) => [output, inputs] as const)),
  )
  const times = timesOf(log)
  const maker = new Map(statements.flatMap(({ outputs }, i) => outputs.map((output) => [output, i] as const)))
  const sources: string[] = []
  const sourceNumbers = new Map<string, number>()
  const tasks = statements.map(({ outputs, rule, inputs }, i): Task => {
    const deps = new Set<number>()
    const read = new Set<number>()
    const seen = new Set<string>()
    const left = [...inputs]
    for (let input = left.pop(); input !== undefined; input = left.pop()) {
      if (seen.has(input)) continue
      seen.add(input)
      const through = phony.get(input)
      const by = maker.get(input)
      if (through !== undefined) left.push(...through)
      else if (by !== undefined) {
        if (by !== i) deps.add(by)
      } else {
        if (!sourceNumbers.has(input)) sourceNumbers.set(input, sources.push(input) - 1)
        read.add(sourceNumbers.get(input)!)
      }
    }
    const known = outputs.flatMap((output) => times.get(output) ?? [])
    const cost = known.length === 0 ? unknownUs : Math.max(1, ...known.map((ms) => ms * 1000))
    const byNumber = (a: number, b: number): number => a - b
    return { name: outputs[0]!, cost, deps: [...deps].sort(byNumber), sources: [...read].sort(byNumber), rule }
  })
  if (tasks.length === 0) throw new LabError('build.ninja: it has no build statement')
  return checkedGraph({ name, tasks, sources })
}

/** Continued lines are one; variables stay as they are written, since the same path is written the same. */
const statementsOf = (build: string): readonly Statement[] => {
  const found: Statement[] = []
  for (const line of build.replace(/\$\r?\n\s*/g, ' ').split(/\r?\n/)) {
    if (!line.startsWith('build ')) continue
    const parts = /^build\s+((?:\$.|[^:$])+?)\s*:\s*(\S+)\s*(.*)$/.exec(line)
    if (parts === null) throw new LabError(`build.ninja: not understood: ${line.slice(0, 80)}`)
    const words = (text: string): readonly string[] =>
      text
        .split(/(?<!\$)\s+/)
        .filter((word) => word !== '' && word !== '|' && word !== '||')
        .map((word) => word.replace(/\$([ :$])/g, '$1'))
    // Behind |@ come validations, which nothing waits for.
    found.push({ outputs: words(parts[1]!), rule: parts[2]!, inputs: words(parts[3]!.split(/\s\|@\s/)[0]!) })
  }
  return found
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
