/** When what has a slot, or room in a pool, ran: from when it was started, or had its answer, until it asked for more or ended. */
import type { Input } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { type State, Status, statusOf } from '../model/state.js'

/** In µs since the beginning. */
export interface Span {
  readonly build: BuildId
  readonly start: number
  readonly end: number
}

export class Spans {
  /** Of all that was started and is not done: since when it runs; undefined, while it waits. */
  private readonly since = new Map<BuildId, number | undefined>()

  constructor(private readonly tell: (span: Span) => void) {}

  onTick({ batch }: Input, after: State, now: number): void {
    for (const x of batch.start) if (!this.since.has(x)) this.since.set(x, undefined)
    for (const [build, start] of this.since) {
      const status = statusOf(after, build)
      if (status === Status.RUNNING) this.since.set(build, start ?? now)
      else {
        if (start !== undefined && now > start) this.tell({ build, start, end: now })
        if (status === Status.REST) this.since.delete(build)
        else this.since.set(build, undefined)
      }
    }
  }
}
