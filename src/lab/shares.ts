/** A study, shared among threads: each has every so-manieth pair of scenario and seed, and says what became of each cell. */
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { messageOf } from '../model/misuse.js'
import { type Policy, renamed } from '../reduce/policies/policy.js'
import { random } from '../reduce/policies/random.js'
import { LabError } from './graph.js'
import { isPolicyFile, loadPolicy } from './load-policy.js'
import { type Spec, scenarioOf, toldApart } from './scenarios.js'
import { type Cell, cellsOf } from './study.js'

export interface Plan {
  readonly specs: readonly Spec[]
  /** Names, or files. */
  readonly policies: readonly string[]
  readonly seeds: readonly number[]
}

/** A question that a policy is asked, or its loading, may take so many s. */
const PATIENCE_S = 15

type Message =
  | { readonly _tag: 'loaded' }
  | { readonly _tag: 'cell'; readonly cell: Cell }
  | { readonly _tag: 'failed'; readonly why: string; readonly isOurs: boolean }

/** All cells, in the order of the plan, whatever the number of threads. @throws LabError */
export const runShares = async (
  given: Plan,
  threads: number,
  onCell: (cell: Cell) => void,
): Promise<readonly Cell[]> => {
  // What is wrong with it is told before anything runs. Files of policies are loaded in threads alone, which they may end.
  const plan = { ...given, specs: toldApart(given.specs) }
  for (const name of plan.policies) if (!isPolicyFile(name)) await loadPolicy(name)
  const count = Math.max(1, Math.min(Math.floor(threads) || 1, plan.specs.length * plan.seeds.length))
  const all = Array.from({ length: count }, (_, share) => ({ plan, share, count, asked: newAsked() }))
  const workers = all.map((labShare) => new Worker(fileURLToPath(import.meta.url), { workerData: { labShare } }))
  try {
    const shares = workers.map((worker, share) => cellsFrom(worker, all[share]!, onCell))
    const cells = (await Promise.all(shares)).flat()
    const scenarios = plan.specs.map((spec) => scenarioOf(spec).name)
    const rank = (cell: Cell): number =>
      scenarios.indexOf(cell.scenario) * plan.seeds.length + plan.seeds.indexOf(cell.seed)
    return cells
      .map((cell, i) => ({ cell, i }))
      .sort((a, b) => rank(a.cell) - rank(b.cell) || a.i - b.i)
      .map(({ cell }) => cell)
  } finally {
    for (const worker of workers) void worker.terminate()
  }
}

/** All that are of its share: a thread that ends before it has sent them is an error. */
const cellsFrom = (worker: Worker, of: Share, onCell: (cell: Cell) => void): Promise<readonly Cell[]> =>
  new Promise((resolve, reject) => {
    const { plan, share, count, asked } = of
    const due = pairsOf(of).flatMap((pair) => plan.policies.map((policy) => ({ ...pair, policy })))
    const cells: Cell[] = []
    let hasLoaded = false
    const fail = (how: string): void => {
      const at = due[cells.length]
      const where =
        at === undefined
          ? 'when all was done'
          : hasLoaded
            ? `at ${at.policy}, on ${scenarioOf(at.spec).name}, seed ${at.seed}`
            : `while it loaded ${plan.policies.join(', ')}`
      reject(new LabError(`thread ${share + 1} of ${count} ${how}, ${where}`))
    }
    // In s of this process, which may be stopped itself.
    const patience = setInterval(() => {
      if (!plan.policies.some(isPolicyFile)) return
      const now = Atomics.load(asked, 0)
      waited = now === before && (now % 2 === 1 || !hasLoaded) ? waited + 1 : 0
      before = now
      if (waited >= PATIENCE_S) fail(`had no answer in ${PATIENCE_S} s`)
    }, 1000)
    let [before, waited] = [0, 0]
    worker.on('exit', () => clearInterval(patience))
    worker.on('message', (message: Message) => {
      if (message._tag === 'loaded') hasLoaded = true
      else if (message._tag === 'cell') {
        cells.push(message.cell)
        onCell(message.cell)
        // It may hold a timer of a policy, and never end by itself.
        if (cells.length === due.length) resolve(cells)
      } else reject(message.isOurs ? new LabError(message.why) : new Error(message.why))
    })
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') fail('ran out of memory')
      // It is thrown out of turn: by what a policy does later, or by what is no policy.
      else if (plan.policies.some(isPolicyFile)) fail(`broke: ${messageOf(error)}`)
      else reject(error)
    })
    worker.on('exit', (code) => {
      if (cells.length < due.length) fail(`ended early, with exit code ${code}`)
      else resolve(cells)
    })
  })

interface Share {
  readonly plan: Plan
  readonly share: number
  readonly count: number
  /** How often policies of somebody's own were asked, and answered: odd, while one is at it. */
  readonly asked: Int32Array<SharedArrayBuffer>
}
const newAsked = (): Share['asked'] => new Int32Array(new SharedArrayBuffer(4))

const pairsOf = ({ plan, share, count }: Share) =>
  plan.specs.flatMap((spec) => plan.seeds.map((seed) => ({ spec, seed }))).filter((_, i) => i % count === share)

const work = async (of: Share): Promise<void> => {
  const { plan, asked } = of
  const onQuestion = (): void => void Atomics.add(asked, 0, 1)
  const say = (message: Message): void => parentPort?.postMessage(message)
  try {
    const policies = await Promise.all(
      plan.policies.map(async (name) => ({ name, instances: [await loadPolicy(name), await loadPolicy(name, 1)] })),
    )
    say({ _tag: 'loaded' })
    for (const { spec, seed } of pairsOf(of)) {
      // A random policy without a seed of its own has that of the run, and is one in tables; a recording tells of it by that.
      const named =
        spec.settings.record === undefined ? (policy: Policy) => renamed(policy, 'random') : (policy: Policy) => policy
      const made = policies.map(({ name, instances }) => {
        let count = 0
        return () => (name === 'random' ? named(random(seed)) : instances[count++ % 2]!)
      })
      const study = { scenarios: [scenarioOf(spec)], policies: made, seeds: [seed], onQuestion }
      for (const cell of cellsOf(study, () => performance.now()))
        say({ _tag: 'cell', cell: seed === plan.seeds[0] ? cell : withoutDetails(cell) })
    }
  } catch (error) {
    const { stack = String(error), message } = error as Error
    say({ _tag: 'failed', isOurs: error instanceof LabError, why: error instanceof LabError ? message : stack })
  }
}

const withoutDetails = ({ latencies: _, occupancy: __, gantt: ___, ...cell }: Cell): Cell => cell

const data = (workerData ?? {}) as { labShare?: Share | undefined }
const { labShare } = data
if (!isMainThread && labShare !== undefined) {
  // A policy may import this module as part of the package, once more: it is not to do the same again.
  data.labShare = undefined
  void work(labShare)
}
