/** What tells apart results that are broken by a dependency. */
import type { Content } from './event.js'
import type { BuildId } from './ids.js'

/** An error is told from another by where it began: a chain is another when its root is. `content`: of the cause. */
export const contentOfCause = (cause: BuildId, [a, b, c, d]: Content): Content => [
  a ^ Math.imul(cause, 0x9e3779b1),
  b,
  c,
  d,
]
