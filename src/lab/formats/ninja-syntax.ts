/** What a `build.ninja` and the files that it includes state, with variables expanded as ninja does. */
import { posix } from 'node:path'
import { LabError } from '../graph.js'

export interface Statement {
  readonly outputs: readonly string[]
  readonly rule: string
  readonly inputs: readonly string[]
}

export interface NinjaBuild {
  readonly statements: readonly Statement[]
  /** Where ninja keeps its log, from the folder that it runs in. */
  readonly builddir: string
}

/** Variables: of a file that is read by `subninja`, or of one build statement, before those around it. */
class Scope {
  private readonly values = new Map<string, string>()

  constructor(private readonly outer?: Scope) {}

  set(name: string, value: string): void {
    this.values.set(name, value)
  }

  get(name: string): string {
    return this.values.get(name) ?? this.outer?.get(name) ?? ''
  }

  /** As ninja has it, what is no variable is empty. */
  expand(text: string): string {
    return text.replace(
      /\$(?:([\w-]+)|\{([\w.-]+)\}|([ :$]))/g,
      (_, bare?: string, braced?: string, plain?: string) => plain ?? this.get((bare ?? braced)!),
    )
  }
}

interface Line {
  readonly at: string
  readonly text: string
  readonly isIndented: boolean
}

const INCLUDES_MAX = 100

/** `readFile` gives the text of an included file, whose path is from the folder that ninja runs in. @throws LabError */
export const ninjaBuild = (text: string, readFile: (path: string) => string, path = 'build.ninja'): NinjaBuild => {
  const statements: Statement[] = []
  const readAll = (file: string, content: string, scope: Scope, depth: number): void => {
    const lines = linesOf(file, content)
    for (const [i, { at, text: line, isIndented }] of lines.entries()) {
      if (isIndented) continue
      const [, word = '', rest = ''] = /^([\w.-]+)\s*(.*)$/.exec(line) ?? []
      if (word === 'build') statements.push(statementOf(lines, i, scope))
      else if (word === 'include' || word === 'subninja') {
        if (depth === INCLUDES_MAX) throw new LabError(`${at}: files include each other, ${INCLUDES_MAX} deep`)
        const included = scope.expand(rest.trim())
        let found: string
        try {
          found = readFile(included)
        } catch (error) {
          throw new LabError(`${at}: ${included} cannot be read: ${(error as Error).message}`)
        }
        readAll(included, found, word === 'include' ? scope : new Scope(scope), depth + 1)
      } else if (rest.startsWith('=')) scope.set(word, scope.expand(rest.slice(1).trimStart()))
      else if (!['rule', 'pool', 'default'].includes(word)) throw notUnderstood(at, line)
    }
  }
  const scope = new Scope()
  readAll(path, text, scope, 0)
  return { statements, builddir: scope.get('builddir') }
}

const notUnderstood = (at: string, line: string): LabError =>
  new LabError(`${at}: not understood: ${line.slice(0, 80)}`)

/** Of the line at `i`, with the variables that are indented under it. */
const statementOf = (lines: readonly Line[], i: number, outer: Scope): Statement => {
  const { at, text: line } = lines[i]!
  const parts = /^build\s+((?:\$.|[^:$])+?)\s*:\s*([\w.-]+)\s*(.*)$/.exec(line)
  if (parts === null) throw notUnderstood(at, line)
  const own = new Scope(outer)
  for (let j = i + 1; lines[j]?.isIndented; j++) {
    const [, name, value = ''] = /^\s+([\w.-]+)\s*=\s*(.*)$/.exec(lines[j]!.text) ?? []
    if (name === undefined) throw notUnderstood(lines[j]!.at, lines[j]!.text)
    own.set(name, outer.expand(value))
  }
  const paths = (text: string): readonly string[] =>
    (text.match(/(?:\$.|[^\s$|])+/g) ?? []).map((word) => pathOf(own.expand(word)))
  // Behind |@ come validations, which nothing waits for.
  return { outputs: paths(parts[1]!), rule: parts[2]!, inputs: paths(parts[3]!.split('|@')[0]!) }
}

/** As ninja writes it to its log. */
const pathOf = (path: string): string => posix.normalize(path).replace(/(?<=.)\/$/, '')

/** Without comments; lines that end with `$` go on in the next. */
const linesOf = (file: string, content: string): readonly Line[] => {
  const lines: Line[] = []
  let begun: Line | undefined
  for (const [i, line] of content.split(/\r?\n/).entries()) {
    if (begun === undefined && /^\s*(#|$)/.test(line)) continue
    const text: string = begun === undefined ? line : begun.text + line.trimStart()
    const { at, isIndented }: Line = begun ?? { at: `${file}:${i + 1}`, text, isIndented: /^\s/.test(line) }
    const goesOn = (/\$*$/.exec(text)?.[0].length ?? 0) % 2 === 1
    begun = goesOn ? { at, text: text.slice(0, -1), isIndented } : undefined
    if (!goesOn) lines.push({ at, text, isIndented })
  }
  if (begun !== undefined) lines.push(begun)
  return lines
}
