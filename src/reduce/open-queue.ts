/** Queues while a tick is folded. */
import type { Queue } from '../model/queue.js'

export type Open<T> = { -readonly [Name in keyof T]: T[Name] }
export type OpenQueue = Open<Queue>

export const open = (queue: Queue): OpenQueue => ({ head: queue.head, tail: queue.tail, size: queue.size })

export const isChanged = (queue: OpenQueue, before: Queue): boolean =>
  queue.head !== before.head || queue.tail !== before.tail || queue.size !== before.size
