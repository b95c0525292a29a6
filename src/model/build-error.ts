/** Why a build has no value, as those see it who asked: with keys, and the whole chain down to the root cause. */
import type { Key } from './definition.js'
import { type Failure, smallestFirst } from './error.js'
import type { BuildId } from './ids.js'

export type BuildError<F = unknown> =
  /** It said so itself, with `fail`. */
  | { readonly _tag: 'failed'; readonly key: Key; readonly error: F }
  /** It threw. `trace`: where. */
  | { readonly _tag: 'threw'; readonly key: Key; readonly message: string; readonly trace: string }
  /** The source has no value. */
  | { readonly _tag: 'absent'; readonly key: Key }
  /** What it needs is broken. */
  | { readonly _tag: 'dependency'; readonly key: Key; readonly cause: BuildError }
  /** It needs itself, along this path, which begins at the name that sorts first. */
  | { readonly _tag: 'cycle'; readonly key: Key; readonly path: readonly Key[] }
  /** None of the alternatives can be made. */
  | { readonly _tag: 'noneOf'; readonly key: Key; readonly tried: readonly BuildError[] }
  /** The rule does what no rule may do; `why` says what to do instead. */
  | { readonly _tag: 'misuse'; readonly key: Key; readonly why: string }
  /** The request was taken back before it was answered, or the engine closed. */
  | { readonly _tag: 'cancelled'; readonly key: Key }

/** The error that everything above it follows from. */
export const rootOf = (error: BuildError): BuildError => {
  let root = error
  while (root._tag === 'dependency') root = root.cause
  return root
}

/** `keyOf` says what an id stands for; `nameOf` names it, so that a cycle reads the same however ids were given. */
export const buildErrorOf = (
  { path, error }: Failure,
  keyOf: (build: BuildId) => Key,
  nameOf: (key: Key) => string,
): BuildError => {
  const root = keyOf(path[path.length - 1]!)
  let whole: BuildError
  switch (error._tag) {
    case 'threw':
      whole = { _tag: 'threw', key: root, message: error.message, trace: error.trace }
      break
    case 'failed':
      whole = { _tag: 'failed', key: root, error: root.of.errors?.decode(error.error) }
      break
    case 'absent':
      whole = { _tag: 'absent', key: root }
      break
    case 'misuse':
      whole = { _tag: 'misuse', key: root, why: error.why }
      break
    case 'cycle':
      whole = { _tag: 'cycle', key: root, path: smallestFirst(error.path.map(keyOf), nameOf) }
      break
    case 'noneOf':
      whole = { _tag: 'noneOf', key: root, tried: error.tried.map((failure) => buildErrorOf(failure, keyOf, nameOf)) }
      break
    default: {
      const message = error._tag === 'refused' ? error.why : error._tag === 'exit' ? `exit ${error.code}` : error._tag
      whole = { _tag: 'threw', key: root, message, trace: '' }
    }
  }
  for (let i = path.length - 2; i >= 0; i--) whole = { _tag: 'dependency', key: keyOf(path[i]!), cause: whole }
  return whole
}
