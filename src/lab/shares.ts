/** A study, shared among threads: each has every so-manieth pair of scenario and seed, and says what became of each cell. */
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { renamed } from '../reduce/policies/policy.js'
import { random } from '../reduce/policies/random.js'
import { LabError } from './graph.js'
import { loadPolicy } from './load-policy.js'
import { type Spec, scenarioOf, toldApart } from './scenarios.js'
import { type Cell, cellsOf } from './study.js'

export interface Plan {
  readonly specs: readonly Spec[]
  /** Names, or files. */
  readonly policies: readonly string[]
  readonly seeds: readonly number[]
}

type Message =
  | { readonly _tag: 'cell'; readonly cell: Cell }
  | { readonly _tag: 'failed'; readonly why: string; readonly isOurs: boolean }

/** All cells, in the order of the plan, whatever the number of threads. @throws LabError */
export const runPlan = async (given: Plan, threads: number, onCell: (cell: Cell) => void): Promise<readonly Cell[]> => {
  // What is wrong with it is told before anything runs.
  const plan = { ...given, specs: toldApart(given.specs) }
  for (const name of plan.policies) await loadPolicy(name)
  const count = Math.max(1, Math.min(threads, plan.specs.length * plan.seeds.length))
  const shares = Array.from({ length: count }, (_, share) => inThread(plan, share, count, onCell))
  const cells = (await Promise.all(shares)).flat()
  const scenarios = plan.specs.map((spec) => scenarioOf(spec).name)
  const rank = (cell: Cell): number =>
    scenarios.indexOf(cell.scenario) * plan.seeds.length + plan.seeds.indexOf(cell.seed)
  return cells
    .map((cell, i) => ({ cell, i }))
    .sort((a, b) => rank(a.cell) - rank(b.cell) || a.i - b.i)
    .map(({ cell }) => cell)
}

const inThread = (plan: Plan, share: number, count: number, onCell: (cell: Cell) => void): Promise<readonly Cell[]> =>
  new Promise((resolve, reject) => {
    const cells: Cell[] = []
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { labShare: { plan, share, count } } })
    worker.on('message', (message: Message) => {
      if (message._tag === 'cell') {
        cells.push(message.cell)
        onCell(message.cell)
      } else reject(message.isOurs ? new LabError(message.why) : new Error(message.why))
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve(cells))
  })

interface Share {
  readonly plan: Plan
  readonly share: number
  readonly count: number
}

const work = async ({ plan, share, count }: Share): Promise<void> => {
  const say = (message: Message): void => parentPort?.postMessage(message)
  try {
    const policies = await Promise.all(
      plan.policies.map(async (name) => ({ name, instances: [await loadPolicy(name), await loadPolicy(name, 1)] })),
    )
    const pairs = plan.specs.flatMap((spec) => plan.seeds.map((seed) => ({ spec, seed })))
    for (const { spec, seed } of pairs.filter((_, i) => i % count === share)) {
      // A random policy without a seed of its own has that of the run.
      const made = policies.map(({ name, instances }) => {
        let asked = 0
        return () => (name === 'random' ? renamed(random(seed), name) : instances[asked++ % 2]!)
      })
      const study = { scenarios: [scenarioOf(spec)], policies: made, seeds: [seed] }
      for (const cell of cellsOf(study, () => performance.now()))
        say({ _tag: 'cell', cell: seed === plan.seeds[0] ? cell : withoutDetails(cell) })
    }
  } catch (error) {
    const { stack = String(error), message } = error as Error
    say({ _tag: 'failed', isOurs: error instanceof LabError, why: error instanceof LabError ? message : stack })
  }
}

const withoutDetails = ({ latencies: _, occupancy: __, gantt: ___, ...cell }: Cell): Cell => cell

const { labShare } = (workerData ?? {}) as { readonly labShare?: Share }
if (!isMainThread && labShare !== undefined) void work(labShare)
