/** What was asked for once, and lately. */
import type { BuildId } from '../model/ids.js'

/** So few are looked for one by one: to make a set of all costs more. */
const FEW = 8

/** The last `keep` of `before`, each there once, and then of `asked`; what was asked for again counts as the last. The same list where nothing is another. */
export const lastAsked = (before: readonly BuildId[], asked: readonly BuildId[], keep: number): readonly BuildId[] => {
  if (asked.length === 0 || (asked.length === 1 && before.at(-1) === asked[0])) return lastOf(before, keep)
  if (asked.length > FEW) {
    const all = new Set(before)
    for (const x of asked) {
      all.delete(x)
      all.add(x)
    }
    return lastOf([...all], keep)
  }
  const all = [...before]
  for (const x of asked) {
    const at = all.lastIndexOf(x)
    if (at >= 0) all.splice(at, 1)
    all.push(x)
  }
  return lastOf(all, keep)
}

const lastOf = (all: readonly BuildId[], keep: number): readonly BuildId[] =>
  all.length > keep ? all.slice(all.length - keep) : all
