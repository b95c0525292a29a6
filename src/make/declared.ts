/** What builds of declared needs come to before they are made. */
import type { Needs } from '../model/definition.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, Fact, Flag, GROUP_SHIFT, Mode, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { BROKEN, type Found, lookIn, MISSING } from './found.js'
import { filled } from './shape.js'

/** What a build declared: `ids` once each, `each` as often as the shape names it. */
export class Declared {
  /** What was found in this batch, by the places of `each`; and the first place where something broke. */
  private found: unknown[] | undefined = undefined
  private brokenAt = NOWHERE
  constructor(
    private readonly shape: Needs,
    /** It is a plain list. */
    readonly isList: boolean,
    readonly ids: readonly BuildId[],
    private readonly each: readonly BuildId[],
    /** The state knows that this attempt asked for them. */
    public isAsked: boolean,
  ) {}

  /** It is a plain list that names nothing twice. */
  get isPlain(): boolean {
    return this.isList && this.each === this.ids
  }

  /** Looks for what was not found before in this batch, for each once; returns what is not to be had yet. */
  look(answers: Found, state: State): readonly BuildId[] {
    const { each } = this
    const isFirst = this.found === undefined
    this.found ??= each.slice()
    const { found } = this
    if (isFirst) for (let i = 0; i < each.length; i++) found[i] = lookIn(state, each[i]!)
    let missing = NONE_MISSING
    for (let i = 0; i < each.length; i++) {
      if (!isFirst && found[i] !== MISSING) continue
      const d = each[i]!
      const value = answers.look(state, d, found[i])
      found[i] = value
      if (value === MISSING) {
        if (missing === NONE_MISSING) missing = [d]
        else missing.push(d)
      } else if (value === BROKEN && i < this.brokenAt) this.brokenAt = i
    }
    return missing
  }

  /** The first that broke, once all was found. */
  get cause(): BuildId | undefined {
    return this.brokenAt === NOWHERE ? undefined : this.each[this.brokenAt]
  }

  /** Once all was found and nothing broke: for one who asks once, since it is theirs from then on. */
  values(): unknown {
    const found = this.found!
    if (this.isList) return found
    let i = 0
    return filled(this.shape, () => found[i++])
  }

  /** The batch is over: what was found may be another in the next. */
  forget(): void {
    this.found = undefined
    this.brokenAt = NOWHERE
  }
}
const NOWHERE = -1 >>> 1
const NONE_MISSING: BuildId[] = []

/** Of a plain list nothing but the ids is asked. */
export const NO_SHAPE: Needs = []

/**
 * What `x` declared when it was made last, a plain list of `count` keys: what it declares is up to its key alone, so that it need not be asked again.
 * Undefined where the state tells otherwise, it was touched, or `count` is 0.
 */
export const remembered = ({ facts, edges }: State, x: BuildId, count: number): readonly BuildId[] | undefined => {
  if (count === 0 || (read(facts, x, Fact.FLAGS) & Flag.STALE) !== 0) return undefined
  const ids: BuildId[] = []
  for (let e = read(facts, x, Fact.DEP_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
    const mode = read(edges, e, Edge.MODE)
    if (mode >>> GROUP_SHIFT !== 0 || (mode & Mode.CREATE) !== 0 || ids.length === count) return undefined
    ids.push(buildId(read(edges, e, Edge.DEPENDENCY)))
  }
  return ids.length === count ? ids : undefined
}

type Chunks = readonly (readonly BuildId[])[]
/** Builds that are made by one call each: those that are alike `by` what is said of them, at most `max`. */
export const chunksOf = (max: number, by: ReadonlyMap<BuildId, string | number>): Chunks => {
  const groups = new Map<string | number, BuildId[][]>()
  for (const [x, group] of by) {
    const chunks = groups.get(group) ?? []
    const last = chunks[chunks.length - 1]
    if (last === undefined || last.length >= max) chunks.push([x])
    else last.push(x)
    groups.set(group, chunks)
  }
  return [...groups.values()].flat()
}
