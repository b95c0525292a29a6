/** Queues of builds, as ends of lists that run through a table's rows. */
import { type BuildId, NO_BUILD } from './ids.js'

/** A queue of builds, linked through two words of their rows: first in, first out, but any can be taken. */
export interface Queue {
  readonly head: BuildId
  readonly tail: BuildId
  readonly size: number
}
export const emptyQueue: Queue = { head: NO_BUILD, tail: NO_BUILD, size: 0 }
