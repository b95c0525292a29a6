/** Why builds are broken, in words that mean the same in two recordings: with names in place of ids, and without where something threw. */
import { type BuildError, smallestFirst } from '../model/error.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Fact, Flag, hasFlag } from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import type { Side } from './diff.js'
import { shownName } from './view.js'

const errorText = (error: BuildError | undefined, called: (build: BuildId) => string): string =>
  JSON.stringify(named(error, called))

const named = (error: BuildError | undefined, called: (build: BuildId) => string): unknown => {
  if (error === undefined) return null
  if (error._tag === 'cycle') return { ...error, path: smallestFirst(error.path.map(called), (name) => name) }
  if (error._tag === 'noneOf')
    return {
      ...error,
      tried: error.tried.map((one) => ({ path: one.path.map(called), error: named(one.error, called) })),
    }
  const { trace: _, ...rest } = error as Readonly<Record<string, unknown>>
  return rest
}

/** Where a chain ends. */
interface Root {
  readonly words: string
  /** In a circle nobody is the first to break. */
  readonly circle: readonly BuildId[]
}

/** Of a state. */
export class Errors {
  /** Chains may be long, and many have the same end. */
  private readonly roots = new Map<BuildId, Root>()

  constructor(private readonly side: Side) {}

  /** Empty: it is not broken. Else the root error, and which of its dependencies broke it. */
  of(x: BuildId): string {
    if (!hasFlag(this.side.state, x, Flag.BROKEN)) return ''
    const cause = this.causeOf(x)
    const { words, circle } = this.rootOf(x)
    return `${cause === 0 || circle.includes(x) ? '' : this.called(cause)}\n${words}`
  }

  private readonly called = (x: BuildId): string => shownName(this.side.nameOf, x)

  private causeOf(x: BuildId): BuildId | 0 {
    const { state } = this.side
    const cause = hasFlag(state, x, Flag.BROKEN) ? read(state.facts, x, Fact.CAUSE) : 0
    return cause === 0 ? 0 : buildId(cause)
  }

  private rootOf(x: BuildId): Root {
    const { roots } = this
    const way = new Set<BuildId>()
    let at = x
    // As long as a change is on its way, what broke it may have come to hang on it.
    for (let cause = this.causeOf(at); cause !== 0 && !roots.has(at) && !way.has(at); cause = this.causeOf(at)) {
      way.add(at)
      at = cause
    }
    const root = roots.get(at) ?? this.rootAt(at)
    for (const each of way) roots.set(each, root)
    return root
  }

  private rootAt(x: BuildId): Root {
    const error = objectAt(this.side.state.errors, x)
    const words = errorText(error, this.called)
    return error?._tag === 'cycle' ? { words, circle: error.path } : { words: `${this.called(x)} ${words}`, circle: [] }
  }
}
