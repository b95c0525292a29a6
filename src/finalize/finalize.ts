/**
 * Finalize: what others are to be told at the end of a turn, from the states before and after it. Pure. Only here do
 * subscriptions come about: which targets are to be watched is derived from the tables, never asked for while reducing.
 */

import { changedRows } from '../model/changed.js'
import type { BuildId } from '../model/ids.js'
import { buildId } from '../model/ids.js'
import { Fact, KIND_MASK, Kind, type News, type State, Status, statusOf } from '../model/state.js'
import { read } from '../model/table.js'

export interface Outcome {
  /** One for each request that was answered. */
  readonly responses: readonly Extract<News, { _tag: 'responded' }>[]
  /** What happened to builds, in order. */
  readonly notices: readonly Exclude<News, { _tag: 'responded' | 'noticed' | 'forgotten' }>[]
  /** What live requests are told, in order. */
  readonly followers: readonly Extract<News, { _tag: 'noticed' }>[]
  /** Ids that may be given to other names. */
  readonly forgotten: readonly BuildId[]
  /** Ids that were forgotten, and are in use again for the same names: nothing of what was known of them counts. */
  readonly renewed: readonly BuildId[]
  /** Targets that are to be watched from now on, and that are not any more; by rising id. */
  readonly watch: readonly BuildId[]
  readonly unwatch: readonly BuildId[]
}

/** Whether a change of this target's file matters to anyone; of a value, whether a live request stands on it. */
const isWatched = (flags: number, holds: number): boolean => {
  const kind = flags & KIND_MASK
  return kind === Kind.SOURCE || kind === Kind.TARGET || kind === Kind.ABSENT || (kind === Kind.VALUE && holds > 0)
}

/** Whether a row that was freed earlier in the turn was taken again, for the same name. */
const isInUse = (state: State, x: BuildId): boolean =>
  statusOf(state, x) !== Status.REST ||
  read(state.facts, x, Fact.FLAGS) !== 0 ||
  read(state.facts, x, Fact.DEPENDENT_HEAD) !== 0

/** By rising id. */
const watches = (before: State, after: State): Pick<Outcome, 'watch' | 'unwatch'> => {
  const watch: BuildId[] = []
  const unwatch: BuildId[] = []
  changedRows(before.facts, after.facts, [Fact.FLAGS, Fact.HOLD], (x, were, are) => {
    const was = isWatched(were[0]!, were[1]!)
    const is = isWatched(are[0]!, are[1]!)
    if (was !== is) (is ? watch : unwatch).push(buildId(x))
  })
  return { watch, unwatch }
}

type Sorted = {
  readonly [Kind in 'responses' | 'notices' | 'followers']: Outcome[Kind][number][]
} & { readonly forgotten: Set<BuildId> }

/** By itself: what is compiled for a long list would be given up behind it each time. */
const sort = (happened: readonly News[], { responses, notices, followers, forgotten }: Sorted): void => {
  for (const news of happened) {
    if (news._tag === 'responded') responses.push(news)
    else if (news._tag === 'noticed') followers.push(news)
    else if (news._tag === 'forgotten') forgotten.add(news.build)
    else notices.push(news)
  }
}

export const finalize = (before: State, after: State): Outcome => {
  const { watch, unwatch } = watches(before, after)
  const sorted: Sorted = { responses: [], notices: [], followers: [], forgotten: new Set() }
  sort(after.news, sorted)
  const { responses, notices, followers, forgotten } = sorted
  const renewed = [...forgotten].filter((x) => isInUse(after, x))
  for (const x of renewed) forgotten.delete(x)
  return { responses, notices, followers, forgotten: [...forgotten], renewed, watch, unwatch }
}
