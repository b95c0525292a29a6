/** What an engine begins with: nothing, what its store kept, or the past of another one. */
import type { Keys } from '../make/keys.js'
import type { World } from '../make/world.js'
import type { BuildId } from '../model/ids.js'
import { emptyQueue } from '../model/queue.js'
import { emptyState, Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import { eachRow } from '../replay/rows.js'
import type { Settings } from './options.js'

/** The past of another engine, to be gone on from. */
export interface Origin {
  readonly state: State
  /** How many transactions there were: a state that was emptied knows of none. */
  readonly version: number
  /** Gives ids their keys, and sources what they were set to. */
  readonly enter: (keys: Keys, world: World) => void
}

export const firstState = (settings: Settings, kept: State | undefined, version: number): State => {
  const rooms = settings.pools.map(({ size }) => ({ size, running: 0, queue: emptyQueue }))
  return { ...(kept ?? emptyState), version, pools: rooms, keep: settings.keep, ahead: aheadOf(settings) }
}

/** The same room as before, in pools that may have another size: what is under way keeps what it has. */
export const originState = (settings: Settings, { state }: Origin): State => ({
  ...state,
  pools: settings.pools.map(({ size }, i) => ({
    running: 0,
    queue: emptyQueue,
    ...state.pools[i],
    size: Math.max(size, state.pools[i]?.running ?? 0),
  })),
  keep: settings.keep,
  ahead: aheadOf(settings),
})

/** Make goes ahead of the batch as far as the policy says, but where another chooses what is made. */
const aheadOf = ({ policy, control }: Settings): number => (control?.isPumped ? 0 : (policy.ahead ?? 0))

/** Reads and actions that were under way, whose end nobody will hear of. */
export const underWay = (state: State): readonly BuildId[] =>
  buildsWhere(state, (x) => statusOf(state, x) === Status.RUNNING)

/** Requests that somebody waited for, once or live. */
export const requestsIn = (state: State): readonly BuildId[] =>
  buildsWhere(state, (x) => kindOf(state, x) === Kind.REQUEST || kindOf(state, x) === Kind.LIVE)

const buildsWhere = (state: State, is: (x: BuildId) => boolean): readonly BuildId[] => {
  const found: BuildId[] = []
  eachRow(state, (x) => {
    if (is(x)) found.push(x)
  })
  return found
}
