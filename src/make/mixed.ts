/**
 * Make for a project with rules of its own: a target that no do-file makes may be a rule's. What rules result in are files too, so
 * they are looked at, waited for and judged like all others; only how they are run differs.
 */
import type { Key } from '../model/definition.js'
import { type Effect, LOOK_STRIDE, LookWord, type Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { messageOf } from '../model/misuse.js'
import { Fact, Flag, hasFlag, Kind, kindOf, type State } from '../model/state.js'
import { read } from '../model/table.js'
import type { DoFileMake } from './do-file.js'
import { lookAtItself } from './look.js'
import { canBeBuilt } from './lookup.js'
import { refusal } from './receipts.js'
import type { RuleMake } from './rules.js'
import type { Naming } from './scanner.js'
import { isValueFile } from './value-file.js'

type Failed = Extract<Receipt, { _tag: 'failed' }>
type Scanned = Extract<Receipt, { _tag: 'scanned' }>

export class MixedMake {
  /** What is to become of targets that wait for their value and for a slot. */
  private readonly chosen = new Map<BuildId, { readonly key: Key; readonly value: BuildId }>()

  constructor(
    private readonly doFiles: DoFileMake,
    private readonly rules: RuleMake,
    private readonly naming: Naming,
  ) {}

  /** A value that is not as it was left is nobody's work: it is as good as gone, and made again. */
  readonly scan = (state: State, builds: readonly BuildId[]): Scanned => {
    const receipt = this.doFiles.scan(state, builds)
    builds.forEach((x, i) => {
      const at = i * LOOK_STRIDE
      if (this.isValue(x) && !isAsLeft(state, x, receipt.looks, at)) receipt.looks.fill(0, at, at + LOOK_STRIDE)
    })
    return receipt
  }

  readonly run = (state: State, builds: readonly BuildId[]): readonly Receipt[] =>
    builds.flatMap((x) => {
      if (this.isValue(x)) return this.rules.run(state, x)
      this.chosen.delete(x)
      return this.doFiles.run(state, [x]).map((found) => (hasNoRule(found) ? this.orByRule(found) : found))
    })

  /** No do-file makes it. */
  private orByRule(found: Failed): Receipt {
    const { build, create } = found
    const name = this.naming.nameOf(build)
    if (!canBeBuilt(name)) return found
    try {
      const key = this.rules.keyFor(name)
      if (key === undefined) return found
      const value = this.rules.intern(key)
      this.chosen.set(build, { key, value })
      return { _tag: 'blocked', build, needs: [...this.rules.files, value], create, slot: true }
    } catch (error) {
      const why = `${this.rules.config}: ${messageOf(error)}`
      return { ...found, error: { _tag: 'refused', code: 1, why } }
    }
  }

  readonly start = (state: State, builds: readonly BuildId[]): readonly Receipt[] =>
    builds.flatMap((x) => {
      const chosen = this.chosen.get(x)
      if (chosen === undefined) return this.doFiles.start(state, [x])
      this.chosen.delete(x)
      return this.place(state, x, chosen.key, chosen.value)
    })

  readonly standBy = (state: State, next: readonly BuildId[]): void =>
    this.doFiles.standBy(
      state,
      next.filter((x) => !this.chosen.has(x)),
    )

  private place(state: State, x: BuildId, key: Key, value: BuildId): Receipt {
    const name = this.naming.nameOf(x)
    const before = lookAtItself(name)
    const why = this.rules.staleness(state)
    if (why !== undefined) return refusal(x, before, 1, why)
    if (hasFlag(state, value, Flag.BROKEN)) return { ...refusal(x, before, 1, ''), error: { _tag: 'unmet' } }
    let content: unknown
    try {
      content = this.rules.valueOf(state, value, key)
    } catch (error) {
      return refusal(x, before, 1, `its value cannot be read: ${(error as Error).message}`)
    }
    if (typeof content !== 'string' && !(content instanceof Uint8Array))
      return refusal(x, before, 1, `${key.of.name} makes neither a string nor bytes, so no file`)
    const candidate = { doFile: this.rules.config, folder: '', target: name, stem: name }
    return this.doFiles.place(state, x, candidate, content)
  }

  readonly perform = (effect: Effect): void => this.doFiles.perform(effect)

  /** Nothing is in flight. */
  rest(): void {
    this.chosen.clear()
    this.rules.rest()
  }

  private isValue(x: BuildId): boolean {
    return isValueFile(this.naming.nameOf(x))
  }
}

const hasNoRule = (receipt: Receipt): receipt is Failed => receipt._tag === 'failed' && receipt.error._tag === 'noRule'

const isAsLeft = (state: State, x: BuildId, looks: Int32Array, at: number): boolean =>
  kindOf(state, x) === Kind.TARGET &&
  [0, 1, 2, 3].every((i) => looks[at + LookWord.CONTENT + i] === read(state.facts, x, Fact.CONTENT + i))
