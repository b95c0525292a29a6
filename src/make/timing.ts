/** What runs cost. */
import type { Receipt } from '../model/event.js'

/** How long a run takes, without the time in which it waits for what it asked for. In ms of `performance.now()`. */
export class Timing {
  private startedMs = 0
  private endedMs = 0
  private waiting = 0
  private waitingSinceMs = 0
  private waitedMs = 0

  start(): void {
    this.startedMs = performance.now()
  }

  end(): void {
    this.endedMs = performance.now()
    while (this.waiting > 0) this.answered()
  }

  /** It asks for something. */
  ask(): void {
    if (this.waiting++ === 0) this.waitingSinceMs = performance.now()
  }

  answered(): void {
    if (this.waiting > 0 && --this.waiting === 0) this.waitedMs += performance.now() - this.waitingSinceMs
  }

  /** What it took, in µs, if it was started and has ended. */
  get cost(): { readonly cost?: number } {
    if (this.startedMs === 0 || this.endedMs === 0) return {}
    return { cost: Math.max(1, Math.round((this.endedMs - this.startedMs - this.waitedMs) * 1000)) }
  }
}

/** With what it cost, in µs, since `began`. */
export const costing = (receipt: Receipt, began: number | undefined, clock: (() => number) | undefined): Receipt =>
  receipt._tag !== 'made' || began === undefined ? receipt : { ...receipt, cost: Math.round((clock!() - began) * 1000) }
