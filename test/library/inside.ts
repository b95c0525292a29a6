/** What an engine keeps to itself, for tests that look over its shoulder. */
import type { BuildEngine } from '../../src/index.js'

type Inner = BuildEngine['inner']
type Options = { -readonly [P in keyof Inner['options']]: Inner['options'][P] }

export const insideOf = (
  eng: BuildEngine,
): {
  readonly inner: Inner
  readonly keys: BuildEngine['keys']
  readonly options: Options
  readonly isScheduled: boolean
} => {
  // biome-ignore-start lint/complexity/useLiteralKeys: they are private, which brackets get around
  const inner = eng['inner']
  return { inner, keys: eng['keys'], options: inner['options'] as Options, isScheduled: inner['scheduled'] }
  // biome-ignore-end lint/complexity/useLiteralKeys: they are private, which brackets get around
}
