/**
 * What differs between two states, of what is stored. Two versions of a table share the pages that did not change, so the
 * cost follows what ticks wrote, not the size of the graph.
 */

import { changedPages } from '../model/changed.js'
import { type BuildId, buildId } from '../model/ids.js'
import { FACT_STRIDE, Fact, KIND_MASK, Kind, type State } from '../model/state.js'
import { changedObjects, objectAt, PAGE_ROWS, pageOf } from '../model/table.js'
import { Reason, reasonIn } from '../model/why.js'
import { isStored, STORED_FACTS, storedWord } from './record.js'

export interface Changes {
  /** Each once. */
  readonly rows: readonly BuildId[]
  /** For each of `rows`: whether its dependencies are others too. */
  readonly lists: readonly boolean[]
  /** Builds whose error or stamp changed. */
  readonly extras: readonly BuildId[]
}

/** `renewed`: rows that were freed and filled again; their lists are others even where they begin alike. */
export const changesBetween = (before: State, after: State, renewed: readonly BuildId[] = []): Changes => {
  const rows: BuildId[] = [...renewed]
  const lists: boolean[] = renewed.map(() => true)
  const isRenewed = new Set<number>(renewed)
  changedPages(before.facts, after.facts, (page) => {
    const old = pageOf(before.facts, page)
    const now = pageOf(after.facts, page)
    for (let r = 0; r < PAGE_ROWS; r++) {
      const at = r * FACT_STRIDE
      if (isRenewed.has(page * PAGE_ROWS + r)) continue
      const change = changeOf(isStored(old, at) ? old : undefined, isStored(now, at) ? now : undefined, at)
      if (change === 'none') continue
      rows.push(buildId(page * PAGE_ROWS + r))
      lists.push(change === 'list')
    }
  })
  const extras = new Set<BuildId>()
  const add = (row: number): void => void extras.add(buildId(row))
  changedObjects(before.errors, after.errors, add)
  changedObjects(before.stamps, after.stamps, (row) => {
    if (objectAt(before.stamps, row)?.last !== objectAt(after.stamps, row)?.last) add(row)
  })
  return { rows, lists, extras: [...extras] }
}

const changeOf = (old: Int32Array | undefined, now: Int32Array | undefined, at: number): 'none' | 'row' | 'list' => {
  if (old === undefined && now === undefined) return 'none'
  const wordsOf = (page: Int32Array | undefined, word: number): number =>
    page === undefined ? 0 : storedWord(page, at, word)
  const differ = (word: number): boolean => wordsOf(old, word) !== wordsOf(now, word)
  // A value that needs nothing, as a source is, may be made again and be the same.
  const hadList = wordsOf(old, Fact.DEP_HEAD) !== 0 || wordsOf(now, Fact.DEP_HEAD) !== 0
  const isValue = (wordsOf(now, Fact.FLAGS) & KIND_MASK) === Kind.VALUE
  if (isValue && !hadList) {
    // That a source is unread may be known without being in the file, as it is found out at each start; that it was set since is not.
    const isUnread = reasonIn(wordsOf(old, Fact.WHY)) === Reason.UNREAD
    const isNoted = (word: number): boolean => word !== Fact.BUILT && (word !== Fact.WHY || isUnread)
    return STORED_FACTS.some((word) => isNoted(word) && differ(word)) ? 'row' : 'none'
  }
  // A list is written anew only by a run, which also sets `BUILT`, or when all of it goes. The head alone does not tell: two
  // runs between two commits may come back to the same edge.
  if (differ(Fact.DEP_HEAD) || differ(Fact.BUILT)) return 'list'
  return STORED_FACTS.some(differ) ? 'row' : 'none'
}
