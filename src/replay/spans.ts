/** When what has a slot, or room in a pool, ran: from when it was started, or had its answer, until it asked for more or ended. */
import { changedRows } from '../model/changed.js'
import type { Input } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Flight, STATUS_MASK, type State, Status } from '../model/state.js'

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

  onTick({ batch }: Input, before: State, after: State, now: number): void {
    for (const x of batch.start) if (!this.since.has(x)) this.since.set(x, undefined)
    changedRows(before.flight, after.flight, STATUS, (row, _, [bits]) => {
      const build = buildId(row)
      if (this.since.has(build)) this.take(build, bits! & STATUS_MASK, now)
    })
  }

  private take(build: BuildId, status: number, now: number): void {
    const start = this.since.get(build)
    if (status === Status.RUNNING) this.since.set(build, start ?? now)
    else {
      if (start !== undefined && now > start) this.tell({ build, start, end: now })
      if (status === Status.REST) this.since.delete(build)
      else this.since.set(build, undefined)
    }
  }
}

const STATUS = [Flight.STATUS]
