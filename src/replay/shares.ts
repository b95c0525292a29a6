/** What the engine itself took for what its ticks did, as it was recorded: so that a build plays as slowly as it was. */
import type { Batch } from '../model/event.js'
import type { BuildId } from '../model/ids.js'

/** Kinds of what a tick takes; `goOn`: of `run`, what had begun. Where make went ahead, what was begun was mostly done in the same tick. */
type Part = (typeof PARTS)[number] | 'goOn'
const PARTS = ['scan', 'run', 'start', 'answer'] as const

/** The builds of `batch`, and the even share of each in `elapsed`. */
export const sharesOf = (
  batch: Batch,
  elapsed: number,
): readonly { readonly part: Part; readonly x: BuildId; readonly share: number }[] => {
  const all = PARTS.flatMap((part) => batch[part].map((x) => ({ part, x })))
  return all.map((each) => ({ ...each, share: elapsed / all.length }))
}

/**
 * What a tick that took builds took of time, from the end of the one before: in microseconds, by kind and build, in the order in which they
 * were taken. Of an answer: by the build that asked.
 */
export class Shares {
  private readonly known = new Map<string, number[]>()
  private sum = 0
  private count = 0

  add(part: Part, x: BuildId, share: number): void {
    const key = `${part} ${x}`
    const all = this.known.get(key)
    if (all === undefined) this.known.set(key, [share])
    else all.push(share)
    this.sum += share
    this.count++
  }

  /** What it took the `n`th time, from 0 on; else what it took last, else the mean of all. What was never seen to go on does so for nothing. */
  of(part: Part, x: BuildId, n: number): number {
    const all = this.known.get(`${part} ${x}`)
    if (part === 'goOn') return all?.[n] ?? 0
    if (all === undefined) return this.count === 0 ? 0 : this.sum / this.count
    return all[Math.min(n, all.length - 1)]!
  }
}

/** Goes through them as batches are taken anew. */
export class Spending {
  private readonly taken = new Map<string, number>()
  private readonly askers = new Map<BuildId, BuildId>()

  constructor(
    private readonly shares: Shares,
    private readonly hasBegun: (x: BuildId) => boolean,
  ) {}

  /** The do-file of `by` made it. */
  asked(request: BuildId, by: BuildId): void {
    this.askers.set(request, by)
  }

  costOf(batch: Batch): number {
    let cost = 0
    this.each(batch, (part, x, n) => {
      cost += this.shares.of(part, x, n)
    })
    return cost
  }

  take(batch: Batch): void {
    this.each(batch, (part, x, n) => void this.taken.set(`${part} ${x}`, n + 1))
  }

  private each(batch: Batch, work: (part: Part, x: BuildId, n: number) => void): void {
    for (const taken of PARTS)
      for (const each of batch[taken]) {
        const x = this.askers.get(each) ?? each
        const part = taken === 'run' && this.hasBegun(x) ? 'goOn' : taken
        work(part, x, this.taken.get(`${part} ${x}`) ?? 0)
      }
  }
}
