/** What builds of declared needs declared. */
import type { BatchDefinition, Key, StaticDefinition } from '../model/definition.js'
import type { BuildError as Reason } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import type { State } from '../model/state.js'
import { Declared, NO_SHAPE, remembered } from './declared.js'
import type { KeysOfMake } from './keys.js'
import { laterOf } from './rule.js'
import { listOf, once } from './shape.js'
import { reasonOf } from './thrown.js'

export class Statics {
  /** What builds declared that wait beyond a batch: a cache. */
  private readonly waiting = new Map<BuildId, Declared>()

  constructor(private readonly keys: KeysOfMake) {}

  /** `left`: what was declared before in this batch. */
  declared(
    state: State,
    x: BuildId,
    of: StaticDefinition | BatchDefinition,
    key: unknown,
    isAsked: boolean,
    left?: Declared,
  ): Declared | { readonly error: Reason } {
    const known = left ?? (this.waiting.size === 0 ? undefined : this.waiting.get(x))
    if (known !== undefined && known.isAsked === isAsked) return known
    const ids = isAsked ? undefined : remembered(state, x, this.keys.declaredBy(x))
    if (ids !== undefined) return new Declared(NO_SHAPE, true, ids, ids, isAsked)
    try {
      const shape = now(of.deps(key))
      const list = listOf(shape)
      const each = this.idsOf(list)
      return new Declared(shape, list === shape, once(each), each, isAsked)
    } catch (error) {
      return { error: reasonOf(error) }
    }
  }

  /** All are looked up before any of them is looked at: so the processor waits for memory once, not for each of them. */
  private idsOf(list: readonly Key[]): readonly BuildId[] {
    const ids = list.map(this.known)
    for (let i = 0; i < ids.length; i++) if (ids[i] === 0) ids[i] = this.keys.intern(list[i]!)
    return ids as BuildId[]
  }

  private readonly known = (key: Key): BuildId | 0 => this.keys.known(key)

  wait(x: BuildId, declared: Declared): void {
    declared.forget()
    this.waiting.set(x, declared)
  }

  /** It waits no more. */
  end(x: BuildId): void {
    if (this.waiting.size > 0) this.waiting.delete(x)
  }

  /** Forgets what may wait for what nobody wants. */
  rest(): void {
    this.waiting.clear()
  }
}

/** @throws Misuse where `value` is yet to come. */
export const now = <A>(value: A): A => {
  const later = laterOf(value)
  if (later !== undefined) throw new Misuse(later)
  return value
}
