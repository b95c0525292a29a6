/** Why a build is broken. Data, not prose: words are made at the border. */
import type { Json } from './codec.js'
import { type BuildId, buildId } from './ids.js'

export type BuildError =
  /** There is no file of that name and no rule that makes one. */
  | { readonly _tag: 'noRule' }
  /** The do-file ended with a code other than 0. */
  | { readonly _tag: 'exit'; readonly code: number }
  /** The do-file was ended by a signal. */
  | { readonly _tag: 'signal'; readonly signal: string }
  /** The do-file could not be started, or its output not be put in place (206, 207, 209, ENOSPC...). `code` is redo's own. */
  | { readonly _tag: 'refused'; readonly code: number; readonly why: string }
  /** The build needs itself. The path begins at its smallest id, and does not repeat it at the end. */
  | { readonly _tag: 'cycle'; readonly path: readonly BuildId[] }
  /** What it asked for is broken. */
  | { readonly _tag: 'unmet' }
  /** A rule or action threw. `trace`: where, as the runtime tells it. */
  | { readonly _tag: 'threw'; readonly message: string; readonly trace: string }
  /** A rule or action said that it cannot answer, and why: a value of its error type, as its codec encodes it. */
  | { readonly _tag: 'failed'; readonly error: Json }
  /** The source has no value. */
  | { readonly _tag: 'absent' }
  /** None of the alternatives could be made. */
  | { readonly _tag: 'noneOf'; readonly tried: readonly Failure[] }
  /** The rule does what no rule may do. */
  | { readonly _tag: 'misuse'; readonly why: string }
  /** The build was ended since nobody wanted it any more. It is made again when it is next wanted. */
  | { readonly _tag: 'interrupted' }

/** Why a build has no result: `path` leads from it, dependency by dependency, to the one that broke by itself. */
export interface Failure {
  readonly path: readonly BuildId[]
  readonly error: BuildError
}

/** The failure of `x`, found along the dependencies that each was broken by (`causeOf`; 0: it broke by itself). */
export const failureFrom = (
  x: BuildId,
  causeOf: (build: BuildId) => number,
  errorOf: (build: BuildId) => BuildError | undefined,
): Failure => {
  const path = [x]
  // Looked at again after 1, 2, 4 ... steps: whoever goes round comes by.
  let mark = x
  for (let d = causeOf(x); d !== 0; d = causeOf(buildId(d))) {
    invariant(d !== mark, 'is broken by what goes round in a circle', x)
    if ((path.length & (path.length - 1)) === 0) mark = buildId(d)
    path.push(buildId(d))
  }
  return { path, error: errorOf(path[path.length - 1]!) ?? { _tag: 'interrupted' } }
}

/** A circle from its smallest member on, so that it reads the same wherever it was found to begin. */
export const smallestFirst = <A>(path: readonly A[], orderOf: (member: A) => string | number): readonly A[] => {
  const orders = path.map(orderOf)
  const at = orders.reduce<number>((best, order, i) => (order < orders[best]! ? i : best), 0)
  return [...path.slice(at), ...path.slice(0, at)]
}

/** A broken invariant: a fault of this program, not of the user. Caught only at the very top, which says so. */
export class Bug extends Error {
  override readonly name = 'Bug'
}

/** `build`: whom the message speaks of. Where this is asked often, a message with its number in it would cost more than all the rest. */
export const invariant: (condition: boolean, message: string, build?: number) => asserts condition = (
  condition,
  message,
  build,
) => {
  if (!condition) throw new Bug(build === undefined ? message : `build ${build} ${message}`)
}
