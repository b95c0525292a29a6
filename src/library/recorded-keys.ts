/** The names and values of a recording as the keys and values of rules that are at hand. */
import { toTable } from '../make/answers.js'
import { freezeDeep } from '../make/freeze.js'
import { Keys } from '../make/keys.js'
import type { Json } from '../model/codec.js'
import { resultIn } from '../model/content.js'
import type { Definition, Key } from '../model/definition.js'
import type { BuildId } from '../model/ids.js'
import type { RecordedValue } from '../store/recording/value.js'
import { keyFrom, partsOf } from './name.js'

/** In place of a value that the recording left out, or that its codec does not take back. */
export const LEFT: unique symbol = Symbol('left')

export class RecordedKeys {
  readonly keys: Keys
  private readonly definitions: ReadonlyMap<string, Definition>

  constructor(
    definitions: Iterable<Definition>,
    /** What was kept beside the log, by its digest. */
    private readonly beside: (digest: string) => string | undefined,
  ) {
    this.definitions = new Map(Array.from(definitions, (of) => [of.name, of]))
    this.keys = new Keys(this.definitions.values(), true)
  }

  /** The key that `name` stands for; undefined: of no rule that is at hand, or none of its keys. */
  keyOf(name: string): Key | undefined {
    const parts = partsOf(name)
    const of = parts && this.definitions.get(parts.rule)
    if (of === undefined) return undefined
    try {
      return keyFrom(of, parts!.text)
    } catch {
      return undefined
    }
  }

  /** `build` stands for `name` from now on. */
  place(build: BuildId, name: string): void {
    const key = this.keyOf(name)
    const known = this.keys.keyOf(build)
    if (key === undefined) return
    if (known !== undefined) this.keys.release(build)
    this.keys.place(build, key)
  }

  /** A value as rules see it. */
  readonly decode = (name: string, value: RecordedValue): unknown => {
    const key = this.keyOf(name)
    if (key === undefined) return LEFT
    const json = this.jsonOf(value)
    if (json === undefined) return LEFT
    try {
      const decoded = key.of.values.decode(json)
      freezeDeep(decoded)
      return toTable(decoded)
    } catch {
      return LEFT
    }
  }

  private jsonOf(value: RecordedValue): Json | undefined {
    switch (value._tag) {
      case 'inContent':
        return resultIn(value.content)
      case 'text':
        return JSON.parse(value.text) as Json
      case 'beside': {
        const text = this.beside(value.digest)
        return text === undefined ? undefined : (JSON.parse(text) as Json)
      }
      case 'left':
        return undefined
    }
  }
}
