import { dependenciesOf } from '../model/dependencies.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, FACT_STRIDE, Fact, Flight, GROUP_SHIFT, type State } from '../model/state.js'
import { read } from '../model/table.js'

export const OUTPUTS = ['sum', 'parity', 'none'] as const

/** What a rule's process does, step by step. */
export interface Rule {
  /** Asked for one group after the other. */
  readonly asks: readonly (readonly number[])[]
  /** Asked for next, if the sum of what was read so far is odd. */
  readonly ifOdd?: readonly number[]
  /** Fails when one of these exists. */
  readonly ifcreate?: readonly number[]
  /** The output: all that was read, only whether it is odd, or no file at all. */
  readonly output: (typeof OUTPUTS)[number]
  /** Fails when the sum leaves this rest by 5. */
  readonly failsAt?: number
  readonly always?: boolean
  /** Read without asking for it: right only together with `always`. */
  readonly peeks?: number
  /** Goes on when what it asked for is broken. */
  readonly tolerant?: boolean
  /** The do-file: needed before the process can start. */
  readonly script?: number
  /** Says with redo-stamp whether the sum is odd. */
  readonly stamps?: boolean
  /** Asked for by a process in the background; nobody waits for the answer. */
  readonly background?: readonly number[]
  /** No process: make itself goes on with it whenever what it asked for is there. Only asks, and what it outputs. */
  readonly inMake?: boolean
}

export interface World {
  readonly rules: Map<number, Rule>
  readonly files: Map<number, number>
  /** Targets whose file was written by somebody else since: sources, in effect. */
  readonly byHand?: Set<number>
}

/** All files that it asks for, or looks at. */
export const filesOf = ({
  asks,
  ifOdd = [],
  ifcreate = [],
  background = [],
  peeks,
  script,
}: Rule): readonly number[] => [
  ...asks.flat(),
  ...ifOdd,
  ...ifcreate,
  ...background,
  ...(peeks === undefined ? [] : [peeks]),
  ...(script === undefined ? [] : [script]),
]

/** First id of requests. */
export const REQUESTS = 64

/** No result is as large: what a person writes from here on is never what a rule made. */
export const RESULTS_END = 1_000_003

export const resultOf = (rule: Rule, sum: number): number => (rule.output === 'parity' ? sum % 2 : sum % RESULTS_END)

/**
 * What a build from nothing would give: the value, or undefined where it fails. Sources are the files without a rule. Where rules
 * form a circle it is right as long as none of them is tolerant.
 */
export const oracle = (
  world: World,
  target: number,
  path: readonly number[] = [],
  memo = new Map<number, number | undefined>(),
): number | undefined => {
  if (memo.has(target)) return memo.get(target)
  const rule = world.rules.get(target)
  const value = ((): number | undefined => {
    if (rule === undefined || world.byHand?.has(target)) return world.files.get(target)
    if (path.includes(target)) return undefined
    if (rule.script !== undefined && oracle(world, rule.script, [...path, target], memo) === undefined) return undefined
    if (rule.ifcreate?.some((t) => world.files.has(t))) return undefined
    let sum = 1 + (rule.peeks === undefined ? 0 : (world.files.get(rule.peeks) ?? 3))
    const readGroup = (group: readonly number[]): boolean => {
      const values = group.map((t) => {
        const v = oracle(world, t, [...path, target], memo)
        return v !== undefined && world.rules.get(t)?.output === 'none' && !world.byHand?.has(t) ? 7 : v
      })
      if (!values.includes(undefined)) for (const v of values) sum += v!
      else if (rule.tolerant) sum += 7
      else return false
      return true
    }
    for (const group of rule.asks) if (!readGroup(group)) return undefined
    if (sum % 2 === 1 && !readGroup(rule.ifOdd ?? [])) return undefined
    if (rule.failsAt !== undefined && sum % 5 === rule.failsAt) return undefined
    return resultOf(rule, sum)
  })()
  if (path.length === 0) memo.set(target, value)
  return value
}

/** What two runs that should agree are compared by: everything but where rows and edges happen to lie. */
export const canonical = (state: State, ids: readonly number[]): unknown =>
  ids.map((x) => ({
    x,
    facts: Array.from({ length: FACT_STRIDE }, (_, word) => read(state.facts, x, word)).filter(
      (_, word) => word !== Fact.DEP_HEAD && word !== Fact.DEPENDENT_HEAD,
    ),
    checked: read(state.checked, x, 0),
    dependencies: dependenciesOf(state, buildId(x)),
  }))

/** How many groups the state knows that this run asked for. */
export const groupsOf = (state: State, x: BuildId): number => {
  const tail = read(state.flight, x, Flight.NEW_TAIL)
  return tail === 0 ? 0 : (read(state.edges, tail, Edge.MODE) >>> GROUP_SHIFT) + 1
}
