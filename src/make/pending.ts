/** Reads and actions under way: each ends once, or is dropped and never heard of again. */
import type { BuildId } from '../model/ids.js'

/** What came of a read or action. */
export type Ended = { readonly value: unknown } | { readonly error: unknown }

export class Pending {
  private readonly running = new Map<BuildId, AbortController>()

  /** Runs `work`. What comes of it at once is returned; what comes later is told to `later`, unless it is dropped before that. */
  begin(build: BuildId, work: (signal: AbortSignal) => unknown, later: (ended: Ended) => void): Ended | undefined {
    const controller = new AbortController()
    let result: unknown
    try {
      result = work(controller.signal)
    } catch (error) {
      return { error }
    }
    if (!isThenable(result)) return { value: result }
    this.running.set(build, controller)
    const end = (ended: Ended): void => {
      if (this.running.get(build) !== controller) return
      this.running.delete(build)
      later(ended)
    }
    result.then(
      (value) => end({ value }),
      (error: unknown) => end({ error }),
    )
    return undefined
  }

  drop(build: BuildId): void {
    const controller = this.running.get(build)
    this.running.delete(build)
    controller?.abort()
  }

  dropAll(): void {
    for (const build of [...this.running.keys()]) this.drop(build)
  }

  get builds(): readonly BuildId[] {
    return [...this.running.keys()].sort((a, b) => a - b)
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
