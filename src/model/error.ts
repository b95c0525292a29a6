/** Why a build is broken. Data, not prose: words are made at the border. */
import type { BuildId } from './ids.js'

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
  /** The build was ended since nobody wanted it any more. It is made again when it is next wanted. */
  | { readonly _tag: 'interrupted' }

/** A broken invariant: a fault of this program, not of the user. Caught only at the very top, which says so. */
export class Bug extends Error {
  override readonly name = 'Bug'
}

export const invariant: (condition: boolean, message: string) => asserts condition = (condition, message) => {
  if (!condition) throw new Bug(message)
}
