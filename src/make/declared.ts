/** What builds of declared needs come to before they are made. */
import type { BatchDefinition, Needs } from '../model/definition.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, Fact, GROUP_SHIFT, Mode, type State } from '../model/state.js'
import { read } from '../model/table.js'
import type { Answers } from './answers.js'

/** What a build declared: `ids` once each, `each` as often as the shape names it. */
export class Declared {
  constructor(
    readonly shape: Needs,
    /** It is a plain list. */
    readonly isList: boolean,
    readonly ids: readonly BuildId[],
    readonly each: readonly BuildId[],
    /** The state knows that this attempt asked for them. */
    public isAsked: boolean,
  ) {}
}

/** Of a plain list nothing but the ids is asked. */
export const NO_SHAPE: Needs = []

/**
 * What `x` declared when it was made last, a plain list of `count` keys: what it declares is up to its key alone, so that it need not be asked again.
 * Undefined where the state tells otherwise, or `count` is 0.
 */
export const remembered = ({ facts, edges }: State, x: BuildId, count: number): readonly BuildId[] | undefined => {
  if (count === 0) return undefined
  const ids: BuildId[] = []
  for (let e = read(facts, x, Fact.DEP_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
    const mode = read(edges, e, Edge.MODE)
    if (mode >>> GROUP_SHIFT !== 0 || (mode & Mode.CREATE) !== 0 || ids.length === count) return undefined
    ids.push(buildId(read(edges, e, Edge.DEPENDENCY)))
  }
  return ids.length === count ? ids : undefined
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
