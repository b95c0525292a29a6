/** `why` and `whyNot` of a library's builds: with keys in place of ids. */
import type { Keys } from '../make/keys.js'
import type { Key } from '../model/definition.js'
import type { State } from '../model/state.js'
import { type Why, why } from '../replay/why.js'
import { type WhyNot, whyNot } from '../replay/why-not.js'

/** What a build is known by; undefined: its rule is none of the engine's any more. */
export type Known = Key | undefined

export const whyOf = (state: State, keys: Keys, key: Key): Why<Known> => {
  keys.checkFor('why', key)
  const build = keys.find(key)
  return build === undefined ? { _tag: 'unknown', build: key } : why(state, build, (x) => keys.keyOf(x))
}

export const whyNotOf = (state: State, keys: Keys, key: Key): WhyNot<Known> => {
  keys.checkFor('whyNot', key)
  const build = keys.find(key)
  return build === undefined ? { _tag: 'unknown', build: key } : whyNot(state, build, (x) => keys.keyOf(x))
}
