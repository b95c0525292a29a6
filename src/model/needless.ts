/** Values that nothing needs any more, and what is left of them until they are forgotten. */
import { Fact, Flag, Flight, KIND_MASK, Kind } from './state.js'
import type { RowsOfState } from './why.js'

type Rows = Pick<RowsOfState, 'facts' | 'flight'>

/** No request, run or result stands on it, nor is it one of `kept`. */
export const isNeedless = ({ facts, flight }: Rows, x: number, kept: ReadonlySet<number>): boolean =>
  facts.get(x, Fact.DEPENDENT_HEAD) === 0 &&
  (facts.get(x, Fact.FLAGS) & KIND_MASK) === Kind.VALUE &&
  flight.get(x, Flight.STATUS) === 0 &&
  facts.get(x, Fact.HOLD) === 0 &&
  !kept.has(x)

/** Never made, or given up altogether: nothing but its id is left. */
export const isBare = ({ facts }: Rows, x: number): boolean =>
  facts.get(x, Fact.FLAGS) === BARE && facts.get(x, Fact.REVISION) === 0
export const BARE = Kind.VALUE | Flag.STALE
