/** What tells apart results that are broken by a dependency. */
import type { Content } from './event.js'

/**
 * A failure is told from another by where it began, and by the way from there. `way`: of the dependency, by its name, since ids are given to others
 * once they are forgotten; `content`: of what it came to.
 */
export const contentOfCause = (way: Content, [a, b, c, d]: Content): Content => [
  Math.imul(a, 0x9e3779b1) ^ way[0],
  Math.imul(b, 0x9e3779b1) ^ way[1],
  Math.imul(c, 0x9e3779b1) ^ way[2],
  d,
]
