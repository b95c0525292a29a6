/** Builds of declared needs: what they declared, whether that is at hand, and its values. */
import type { BatchDefinition, Key, StaticDefinition } from '../model/definition.js'
import type { BuildError as Reason } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import type { State } from '../model/state.js'
import type { Found } from './ahead.js'
import { Declared, NO_SHAPE, remembered } from './declared.js'
import type { KeysOfMake } from './keys.js'
import { laterOf, reasonOf } from './rule.js'
import { filled, listOf, once } from './shape.js'

export class Statics {
  /** What builds declared that wait beyond a batch: a cache. */
  private readonly waiting = new Map<BuildId, Declared>()
  /** Of which `valueOf` tells. */
  private state: State | undefined

  constructor(
    private readonly keys: KeysOfMake,
    private readonly found: Found,
  ) {}

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

  areAtHand(state: State, ids: readonly BuildId[]): boolean {
    for (const id of ids) if (!this.found.isAtHand(state, id)) return false
    return true
  }

  valuesOf(state: State, { shape, isList, each }: Declared): unknown {
    this.state = state
    if (isList) return each.map(this.valueOf)
    let i = 0
    return filled(shape, () => this.valueOf(each[i++]!))
  }

  private readonly valueOf = (id: BuildId): unknown => this.found.resultOf(this.state!, id)

  wait(x: BuildId, declared: Declared): void {
    this.waiting.set(x, declared)
  }

  /** It waits no more. */
  end(x: BuildId): void {
    if (this.waiting.size > 0) this.waiting.delete(x)
  }

  /** The batch is over. */
  clear(): void {
    this.state = undefined
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
