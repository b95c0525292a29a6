/** What tells apart results that are broken by a dependency. */
import type { Content } from './event.js'
import type { BuildId } from './ids.js'

/** An error is told from another by where it began: a chain is another when its root is. `word`: of the content of the cause. */
export const contentOfCause = (cause: BuildId, word: (i: number) => number): Content => [
  word(0) ^ Math.imul(cause, 0x9e3779b1),
  word(1),
  word(2),
  word(3),
]
