/** What is in the tables, all of it: for when that is asked for, and not at every tick. */
import { costLeft } from '../model/costs.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Fact, KIND_MASK, Kind, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { eachRow } from '../reduce/collect.js'
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
  eachRow(state.facts, (row) => {
    const flags = read(state.facts, row, Fact.FLAGS)
    if (flags !== 0 && (flags & KIND_MASK) !== Kind.REQUEST) found.push(buildId(row))
  })
  return found
}
