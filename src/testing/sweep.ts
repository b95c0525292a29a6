/** Every graph of so many builds, searched through to the end: what this project shows of itself. */
import { createEngine } from '../library/create-engine.js'
import { action, rule } from '../library/define.js'
import { codec as C } from '../model/codec.js'
import type { Key } from '../model/definition.js'
import { type Dag, dagsOf } from './dags.js'
import { type ExploreOptions, explore } from './explore.js'
import { expectOptions } from './options.js'
import type { EngineFactory } from './pump.js'
import type { Script } from './space.js'

export interface Swept {
  readonly graphs: number
  /** How many there are. */
  readonly of: number
  readonly states: number
  readonly steps: number
  readonly schedules: number
}

/** Rules that run `dag`: builds that need none are actions that take time, all others rules; and a rule that asks for all that no other needs. */
export const buildsOf = (dag: Dag): { readonly factory: EngineFactory; readonly script: Script } => {
  const leaf = action('leaf', { key: C.int, value: C.int, run: async (i) => i + 1 })
  const inner = rule('build', { key: C.int, value: C.int }, function* (i, b) {
    const values = yield* b.all(dag[i]!.map(key))
    return values.reduce((sum, value) => (sum * 7 + value) % 97, i)
  })
  const key = (i: number): Key<number> => (dag[i]!.length === 0 ? leaf(i) : inner(i))
  const needed = new Set(dag.flat())
  const roots = dag.map((_, i) => i).filter((i) => !needed.has(i))
  const all = rule.static('all', {
    key: C.int,
    value: C.array(C.int),
    deps: () => roots.map(key),
    make: (values) => values,
  })
  return {
    factory: (options) => createEngine({ rules: [leaf, inner, all], ...options }),
    script: [{ once: roots.length === 1 ? key(roots[0]!) : all(0) }],
  }
}

export interface SweepOptions extends ExploreOptions {
  /** ms: no graph is begun after that. */
  readonly timeLimit?: number
  /** Of the graphs in their order, those from this one, */
  readonly from?: number
  /** and up to that one, which is not among them. */
  readonly to?: number
}

/** Searches through the graphs of `builds` builds, in an order that takes of each kind early. @throws Counterexample */
export const sweep = async (
  builds: number,
  { timeLimit = Number.POSITIVE_INFINITY, from = 0, to = Number.POSITIVE_INFINITY, ...options }: SweepOptions = {},
): Promise<Swept> => {
  expectOptions('sweep', { builds }, { builds: 0 })
  const end = performance.now() + timeLimit
  const dags = graphsOf(builds)
  let [graphs, states, steps, schedules] = [0, 0, 0, 0]
  for (let at = from; at < Math.min(to, dags.length) && performance.now() < end; at++) {
    const { factory, script } = buildsOf(dags[(at * STRIDE) % dags.length]!)
    const explored = await explore(factory, script, { bound: 1_000_000, ...options })
    graphs++
    states += explored.states
    steps += explored.steps
    schedules += explored.schedules
  }
  return { graphs, of: dags.length, states, steps, schedules }
}
/** A prime. */
const STRIDE = 7919

/** Those of six builds take a second to be told apart: they are kept for the next call. */
const graphsOf = (builds: number): readonly Dag[] => {
  const known = graphs.get(builds) ?? dagsOf(builds)
  graphs.set(builds, known)
  return known
}
const graphs = new Map<number, readonly Dag[]>()
