/** What sources were set to: the world outside the state, which holds only what was asked for of it. */
import type { Key, SourceDefinition } from '../model/definition.js'
import { textOf } from './keys.js'

/** Set to a value, or removed: then whatever it could read is of no account. */
export type Setting = { readonly value: unknown } | 'removed'

export class World {
  private readonly settings = new Map<SourceDefinition, Map<string | number | boolean, Setting>>()

  get(key: Key): Setting | undefined {
    return this.settings.get(key.of as SourceDefinition)?.get(textOf(key))
  }

  /** `undefined`: as if it had never been set. */
  set(key: Key, setting: Setting | undefined): void {
    const of = key.of as SourceDefinition
    let known = this.settings.get(of)
    if (known === undefined) {
      known = new Map()
      this.settings.set(of, known)
    }
    if (setting === undefined) known.delete(textOf(key))
    else known.set(textOf(key), setting)
  }

  /** All that is set. */
  *all(): Generator<readonly [SourceDefinition, string | number | boolean, Setting]> {
    for (const [of, settings] of this.settings) for (const [text, setting] of settings) yield [of, text, setting]
  }
}
