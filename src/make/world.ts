/** What sources were set to: the world outside the state, which holds only what was asked for of it. */
import type { Key, SourceDefinition } from '../model/definition.js'
import { isIndex, textOf } from './keys.js'

/** Set to a value, or removed: then whatever it could read is of no account. */
export type Setting = { readonly value: unknown } | 'removed'

type Text = string | number | boolean

/** Of one source. Small integers, which are common, index a list: a map of a hundred thousand misses the cache. */
class Settings {
  /** Of 0 and on, as far as these were set in turn. */
  private readonly few: (Setting | undefined)[] = []
  private readonly many = new Map<Text, Setting>()

  get(text: Text): Setting | undefined {
    return this.isAmongFew(text) ? this.few[text as number] : this.many.get(text)
  }

  set(text: Text, setting: Setting | undefined): void {
    const { few, many } = this
    if (this.isAmongFew(text)) few[text as number] = setting
    else if (setting === undefined) many.delete(text)
    else if (text !== few.length) many.set(text, setting)
    else {
      few.push(setting)
      for (let next = many.get(few.length); next !== undefined; next = many.get(few.length)) {
        many.delete(few.length)
        few.push(next)
      }
    }
  }

  *all(): Generator<readonly [Text, Setting]> {
    for (let i = 0; i < this.few.length; i++) if (this.few[i] !== undefined) yield [i, this.few[i]!]
    yield* this.many
  }

  private isAmongFew(text: Text): boolean {
    return isIndex(text) && text < this.few.length
  }
}

export class World {
  private readonly settings = new Map<SourceDefinition, Settings>()

  get(key: Key): Setting | undefined {
    return this.settings.get(key.of as SourceDefinition)?.get(textOf(key))
  }

  /** `undefined`: as if it had never been set. */
  set(key: Key, setting: Setting | undefined): void {
    const of = key.of as SourceDefinition
    let known = this.settings.get(of)
    if (known === undefined) {
      known = new Settings()
      this.settings.set(of, known)
    }
    known.set(textOf(key), setting)
  }

  /** All that is set. */
  *all(): Generator<readonly [SourceDefinition, Text, Setting]> {
    for (const [of, settings] of this.settings) for (const [text, setting] of settings.all()) yield [of, text, setting]
  }
}
