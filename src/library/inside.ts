/** What an engine is made of, for whoever looks over its shoulder. */
import type { Engine } from '../engine.js'
import type { Keys } from '../make/keys.js'
import type { World } from '../make/world.js'
import type { CreateOptions, Settings } from './options.js'

export interface Inside {
  readonly inner: Engine
  readonly options: CreateOptions
  readonly settings: Settings
  readonly keys: Keys
  readonly world: World
}

export const INSIDE: unique symbol = Symbol('inside')

export const insideOf = (eng: { readonly [INSIDE]: Inside }): Inside => eng[INSIDE]
