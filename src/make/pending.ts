/** Reads and actions under way: each ends once, or is dropped and never heard of again. */
import type { BuildId } from '../model/ids.js'

export class Pending {
  private readonly running = new Map<BuildId, AbortController>()

  /** Runs `work`; `done` gets what came of it, unless it is dropped before that. */
  begin(
    build: BuildId,
    work: (signal: AbortSignal) => unknown,
    done: (result: { readonly value: unknown } | { readonly error: unknown }) => void,
  ): 'now' | 'later' {
    const controller = new AbortController()
    let result: unknown
    try {
      result = work(controller.signal)
    } catch (error) {
      done({ error })
      return 'now'
    }
    if (!isThenable(result)) {
      done({ value: result })
      return 'now'
    }
    this.running.set(build, controller)
    const end = (outcome: { readonly value: unknown } | { readonly error: unknown }): void => {
      if (this.running.get(build) !== controller) return
      this.running.delete(build)
      done(outcome)
    }
    result.then(
      (value) => end({ value }),
      (error: unknown) => end({ error }),
    )
    return 'later'
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
