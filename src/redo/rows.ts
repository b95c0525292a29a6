/** What is in the tables, all of it: for when that is asked for, and not at every tick. */
import { costLeft } from '../model/costs.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Fact, Kind, kindOf, type State } from '../model/state.js'
import { PAGE_ROWS, pageOf, pagesEnd } from '../model/table.js'
import { slotsOf } from '../reduce/gather.js'

/** How long it will still take, in s, as far as earlier runs tell. */
export const secondsLeft = (state: State): number => Math.round(costLeft(state).cost / slotsOf(state) / 1e6)

export const leftWords = (state: State): string => {
  const seconds = secondsLeft(state)
  return seconds < 1 ? '' : `, about ${seconds} s left`
}

/** All ids that have facts and are no requests. */
export const namedRows = (state: State): readonly BuildId[] => {
  const found: BuildId[] = []
  for (let p = 0; p < pagesEnd(state.facts); p++) {
    const page = pageOf(state.facts, p)
    if (page === undefined) continue
    for (let r = 0; r < PAGE_ROWS; r++) {
      const x = buildId(p * PAGE_ROWS + r)
      const kind = kindOf(state, x)
      if (page[r * state.facts.stride + Fact.FLAGS] !== 0 && kind !== Kind.REQUEST) found.push(x)
    }
  }
  return found
}
