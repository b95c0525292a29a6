/** Time that processes have to end by themselves. */
import { constants } from 'node:os'

/** Of the background of a finished do-file, or of one that is to end, in ms. */
const GRACE_MS = 1000

export class Grace {
  private readonly timers = new Set<NodeJS.Timeout>()

  /** Tells a run's group of processes to end, and ends it after a while. `isOver`: there is nothing to end any more. */
  end(kill: (signal: number) => void, isOver: () => boolean): void {
    kill(constants.signals.SIGTERM)
    this.later(() => {
      if (!isOver()) kill(constants.signals.SIGKILL)
    })
  }

  /** As {@link end}, but first lets it be for a while. */
  endLater(kill: (signal: number) => void): void {
    this.later(() => this.end(kill, () => false))
  }

  /** Nothing happens any more. */
  close(): void {
    for (const timer of this.timers) clearTimeout(timer)
  }

  private later(act: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      act()
    }, GRACE_MS)
    timer.unref()
    this.timers.add(timer)
  }
}
