/** The sources that are watched: those that live requests stand on, as finalize tells. */
import type { Outcome } from '../finalize/finalize.js'
import { type Keys, wordsOf } from '../make/keys.js'
import type { Key, Watch } from '../model/definition.js'
import { shownOption } from '../model/expect.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'

export class Watches {
  private readonly stops = new Map<BuildId, ReturnType<Watch<unknown>>>()
  /** Whoever begins or ends a watch may close the engine. */
  private isClosed = false

  /** `changed`: called when a source says that it may have another value. `attempt`: calls what is the user's. */
  constructor(
    private readonly keys: Keys,
    private readonly changed: (key: Key) => void,
    private readonly attempt: (act: () => unknown) => unknown,
  ) {}

  apply({ watch, unwatch }: Pick<Outcome, 'watch' | 'unwatch'>): void {
    for (const id of unwatch) {
      const stop = this.stops.get(id)
      this.stops.delete(id)
      this.attempt(() => stop?.())
    }
    for (const id of watch) {
      if (this.isClosed) return
      const of = this.keys.definitionOf(id)
      if (of?.kind !== 'source' || of.watch === undefined) continue
      const key = this.keys.keyOf(id)!
      const { watch: begin } = of
      this.attempt(() => {
        const stop = begin(key.key, () => this.changed(key))
        if (stop !== undefined && typeof stop !== 'function')
          throw new Misuse(`watch: ${wordsOf(key)}: it must return a function that ends it, got ${shownOption(stop)}`)
        if (this.isClosed) return stop?.()
        this.stops.set(id, stop)
      })
    }
  }

  /** Ends all; resolved when nothing of them is left. */
  async close(): Promise<void> {
    this.isClosed = true
    const stopping = Array.from(this.stops.values(), (stop) => this.attempt(() => stop?.()))
    this.stops.clear()
    await Promise.all(stopping)
  }
}

/** Calls what is a user's: what it throws, now or later, stops nobody else. Gives what is to be waited for, if anything. */
export const attempter =
  (onError: (error: unknown) => void) =>
  (act: () => unknown): unknown => {
    try {
      const made = act()
      return made instanceof Promise ? made.catch(onError) : made
    } catch (error) {
      return onError(error)
    }
  }
