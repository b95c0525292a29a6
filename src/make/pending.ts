/** Reads and actions under way: each ends once, or is dropped and never heard of again. */
import type { ReadContext } from '../model/definition.js'
import type { BuildId } from '../model/ids.js'

/** What came of a read or action. */
export type Ended = { readonly value: unknown } | { readonly error: unknown }

/** Says when nobody wants it any more. Most reads answer at once and never look: the signal is made for those that do. */
class Interest implements ReadContext {
  private controller: AbortController | undefined = undefined
  private isOver = false

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController()
      if (this.isOver) this.controller.abort()
    }
    return this.controller.signal
  }

  end(): void {
    this.isOver = true
    this.controller?.abort()
  }
}

export class Pending {
  private readonly running = new Map<BuildId, Interest>()
  /** Work may close the engine that begins it, and more of the same batch. */
  private isClosed = false

  /** Runs `work`. What comes of it at once is returned; what comes later is told to `later`, unless it is dropped before that. */
  begin(build: BuildId, work: (context: ReadContext) => unknown, later: (ended: Ended) => void): Ended | undefined {
    if (this.isClosed) return undefined
    const interest = new Interest()
    let result: PromiseLike<unknown>
    try {
      const made = work(interest)
      if (!isThenable(made)) return { value: made }
      result = made
    } catch (error) {
      return { error }
    }
    this.running.set(build, interest)
    const end = (ended: Ended): void => {
      if (this.running.get(build) !== interest) return
      this.running.delete(build)
      later(ended)
    }
    const done = (value: unknown): void => end({ value })
    const fail = (error: unknown): void => end({ error })
    // Unlike a promise, what is only like one may settle twice, or with another, or throw.
    let isSettled = false
    const settle = (value: unknown): void => {
      if (isSettled) return
      isSettled = true
      try {
        if (isThenable(value)) return void Promise.resolve(value).then(done, fail)
      } catch (error) {
        return fail(error)
      }
      done(value)
    }
    const refuse = (error: unknown): void => {
      if (isSettled) return
      isSettled = true
      fail(error)
    }
    try {
      result.then(settle, refuse)
    } catch (error) {
      refuse(error)
    }
    if (this.isClosed) this.drop(build)
    return undefined
  }

  drop(build: BuildId): void {
    const interest = this.running.get(build)
    this.running.delete(build)
    interest?.end()
  }

  /** Drops all; nothing is begun any more. */
  close(): void {
    this.isClosed = true
    for (const build of [...this.running.keys()]) this.drop(build)
  }

  get builds(): readonly BuildId[] {
    return [...this.running.keys()].sort((a, b) => a - b)
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
