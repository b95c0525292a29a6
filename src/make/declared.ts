/** What builds of declared needs come to before they are made. */
import type { BatchDefinition, Needs } from '../model/definition.js'
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import type { Answers } from './answers.js'

/** What a build declared: `ids` once each, `each` as often as the shape names it. */
export interface Declared {
  readonly shape: Needs
  /** It is a plain list. */
  readonly isList: boolean
  readonly ids: readonly BuildId[]
  readonly each: readonly BuildId[]
  /** The state knows that this attempt asked for them. */
  isAsked: boolean
}

/** The first that broke. */
export const firstBroken = (answers: Answers, state: State, ids: readonly BuildId[]): BuildId | undefined => {
  for (const id of ids) if (answers.isBroken(state, id)) return id
  return undefined
}

type Chunks = readonly (readonly BuildId[])[]
/** Builds that are made by one call each. */
export const chunksOf = (of: BatchDefinition, builds: readonly BuildId[], keyOf: (x: BuildId) => unknown): Chunks => {
  const groups = new Map<string | number, BuildId[][]>()
  for (const x of builds) {
    const by = of.by(keyOf(x))
    const chunks = groups.get(by) ?? []
    const last = chunks[chunks.length - 1]
    if (last === undefined || last.length >= of.max) chunks.push([x])
    else last.push(x)
    groups.set(by, chunks)
  }
  return [...groups.values()].flat()
}
