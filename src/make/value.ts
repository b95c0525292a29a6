/** Makes values: runs rules, reads sources, starts actions. What takes long ends with a receipt of a later tick. */
import { CodecError } from '../model/codec.js'
import type {
  ActionDefinition,
  BatchDefinition,
  Definition,
  Key,
  ReadContext,
  RuleDefinition,
  SourceDefinition,
  StaticDefinition,
  ThreadFunction,
} from '../model/definition.js'
import { groupsOf, isToBeRecalled } from '../model/dependencies.js'
import { Bug, type BuildError as Reason } from '../model/error.js'
import type { Alone, Effect, Groups, Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { unfitness } from '../model/json.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import { Bit, Flight, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { Ahead, type Attempted, type Attempts, isToBeJudged } from './ahead.js'
import { toTable } from './answers.js'
import { contentOf, contentOfError, wayOf } from './content.js'
import { chunksOf, type Declared } from './declared.js'
import { groupOf, Made, Needing, NONE } from './ended.js'
import { Found } from './found.js'
import { freezeDeep } from './freeze.js'
import type { KeysOfMake } from './keys.js'
import { type Ended, Pending } from './pending.js'
import { actionContext, Run } from './rule.js'
import { hear } from './shape.js'
import { now, Statics } from './statics.js'
import { isBug, reasonOf } from './thrown.js'
import { costing } from './timing.js'
import type { World } from './world.js'

export interface ValueMakeOptions {
  readonly keys: KeysOfMake
  readonly world: Pick<World, 'get'>
  /** The number of a pool by its name. */
  readonly poolOf: (name: string) => number
  readonly inThread: (run: ThreadFunction, pool: string, key: unknown, signal: AbortSignal) => Promise<unknown>
  /** The value of a build, where it was given up and is kept elsewhere. */
  readonly recall: (state: State, build: BuildId) => { readonly value: unknown } | undefined
  /** Whether a waiting generator is to be dropped, as if it had never been kept. */
  readonly isDropped: () => boolean
  readonly freeze: boolean
  /** What a read or action throws in place of being begun; undefined: nothing. */
  readonly fault?: (key: Key) => unknown
  /** How long a tick may still take, in ms. */
  readonly timeLeft?: () => number
  /** In ms, where costs of reads and actions are to be known. */
  readonly now?: (() => number) | undefined
  /** Takes the end of long work. */
  readonly settle: (receipt: Receipt) => void
}

export class ValueMake {
  /** Generators that wait beyond a batch: a cache. */
  private readonly waiting = new Map<BuildId, Run>()
  private readonly pending = new Pending()
  /** Empty between batches. */
  readonly found = new Found()
  private readonly statics: Statics

  constructor(private readonly options: ValueMakeOptions) {
    this.statics = new Statics(options.keys)
  }

  /** Values are never scanned. */
  readonly scan = (_: State, builds: readonly BuildId[]): never => {
    throw new Bug(`build ${builds[0]} is a value and is to be scanned`)
  }

  readonly run = (state: State, builds: readonly BuildId[]): readonly Receipt[] => {
    const receipts: Receipt[] = []
    try {
      this.runEach(state, state.ahead > 0 ? this.runAhead(state, builds, receipts) : builds, receipts)
    } finally {
      this.found.clear()
    }
    return receipts
  }

  /** Runs these and no others, where so much is `found` already. */
  runEach(state: State, builds: readonly BuildId[], receipts: Receipt[]): void {
    const batches = new Map<BatchDefinition, Map<BuildId, Declared>>()
    for (const x of builds) {
      const attempted: Attempted = { x, groups: [], wants: [], left: undefined }
      const receipt = this.recall(state, x) ?? this.attempt(state, attempted)
      if (receipt !== undefined) {
        receipts.push(receipt)
        this.leave(attempted)
      } else {
        const of = this.keyOf(x).of as BatchDefinition
        const batch = batches.get(of) ?? new Map<BuildId, Declared>()
        batches.set(of, batch.set(x, attempted.left as Declared))
      }
    }
    for (const [of, together] of batches) for (const receipt of this.runBatch(of, together)) receipts.push(receipt)
  }

  /** Makes what can be made with what it needs; returns what is left. */
  private runAhead(state: State, builds: readonly BuildId[], receipts: Receipt[]): readonly BuildId[] {
    const left: BuildId[] = []
    const roots: BuildId[] = []
    for (const x of builds) {
      const isOwn = this.isAlone(x) && !isToBeRecalled(state, x)
      if (isOwn) roots.push(x)
      else if (isToBeJudged(state, x)) receipts.push({ _tag: 'unjudged', build: x })
      else left.push(x)
    }
    if (roots.length > 0) {
      receipts.push(new Ahead(state, this.found, this.attempts, this.options.timeLeft).run(roots))
    }
    return left
  }

  private readonly attempts: Attempts = {
    // What is made with others of its kind waits for them.
    isAlone: (x) => this.isAlone(x),
    attempt: (state, attempted) => this.attempt(state, attempted)!,
    leave: (attempted) => this.leave(attempted),
  }

  private isAlone(x: BuildId): boolean {
    return (this.options.keys.definitionOf(x) ?? this.keyOf(x).of).kind !== 'batch'
  }

  /** Undefined: of a batch, and all it needs is at hand: what it declared is left. */
  private attempt(state: State, attempted: Attempted): Alone | undefined {
    const { of, key } = this.keyOf(attempted.x)
    switch (of.kind) {
      case 'rule':
        return this.runRule(state, attempted, of, key)
      case 'source':
        return this.read(of, key, attempted.x)
      case 'action':
        return this.begin(of, key, attempted.x)
      default:
        return this.runStatic(state, attempted, of, key)
    }
  }

  /** It waits beyond this batch, if it waits. */
  private leave({ x, left }: Attempted): void {
    if (left instanceof Run) this.waiting.set(x, left)
    else if (left !== undefined) this.statics.wait(x, left as Declared)
  }

  private recall(state: State, x: BuildId): Alone | undefined {
    if (!isToBeRecalled(state, x)) return undefined
    const found = this.options.recall(state, x)
    if (found === undefined) return undefined
    if (this.options.freeze) freezeDeep(found.value)
    return { _tag: 'recalled', build: x, value: toTable(found.value) }
  }

  /** An action has room. */
  readonly start = (_: State, builds: readonly BuildId[]): readonly Receipt[] =>
    builds.map((x) => {
      const { of, key } = this.keyOf(x)
      return this.runAction(of as ActionDefinition, key, x)
    })

  /** Begins reads and actions again that were under way in `state` for an engine that is gone. */
  readonly resume = (builds: readonly BuildId[]): void => {
    for (const x of builds) {
      const { of, key } = this.keyOf(x)
      const receipt = of.kind === 'source' ? this.read(of, key, x) : this.runAction(of as ActionDefinition, key, x)
      if (receipt._tag !== 'started') this.options.settle(receipt)
    }
  }

  readonly perform = (effect: Effect): void => this.pending.drop(effect.build)

  /** Ends everything: nothing is settled any more. */
  close(): void {
    this.pending.close()
    this.rest()
  }

  /** Forgets generators that may wait for what nobody wants. */
  rest(): void {
    this.waiting.clear()
    this.statics.rest()
  }

  /** Reads and actions under way. */
  get underWay(): readonly BuildId[] {
    return this.pending.builds
  }

  private keyOf(x: BuildId): Key {
    const key = this.options.keys.keyOf(x)
    if (key === undefined) throw new Bug(`build ${x} stands for no key`)
    return key
  }

  // ---------------------------------------------------------------------------------------------- results

  private made(of: Definition, build: BuildId, groups: Groups, value: unknown): Alone {
    try {
      const content = contentOf(of.values, now(value))
      if (this.options.freeze) freezeDeep(value)
      return new Made(build, groups, toTable(value), content)
    } catch (error) {
      if (error instanceof Misuse) return broken(build, groups, reasonOf(error))
      hear(value)
      return broken(build, groups, { _tag: 'misuse', why: `its value does not fit its codec: ${unfitness(error)}` })
    }
  }

  // ---------------------------------------------------------------------------------------------- sources, actions

  private read(of: SourceDefinition, key: unknown, x: BuildId): Alone {
    const setting = this.options.world.get({ of, key })
    if (setting === 'removed') return broken(x, [], { _tag: 'absent' })
    if (setting !== undefined) return this.made(of, x, [], setting.value)
    if (of.read === undefined) return broken(x, [], { _tag: 'absent' })
    return this.underTake(
      x,
      (context) => of.read!(key, context),
      (value) => (value === undefined ? broken(x, [], { _tag: 'absent' }) : this.made(of, x, [], value)),
    )
  }

  private begin(of: ActionDefinition, key: unknown, x: BuildId): Alone {
    if (of.pool !== undefined) return { _tag: 'pooled', build: x, pool: this.options.poolOf(of.pool) }
    return this.runAction(of, key, x)
  }

  private runAction(of: ActionDefinition, key: unknown, x: BuildId): Alone {
    const { run } = of
    const work =
      typeof run === 'function'
        ? (context: ReadContext) => run(key, actionContext(of, context))
        : ({ signal }: ReadContext) => this.options.inThread(run, of.pool!, key, signal)
    return this.underTake(x, work, (value) => this.made(of, x, [], value))
  }

  /** Does `work`: what comes of it at once is the receipt, else that it has started. */
  private underTake(x: BuildId, work: (context: ReadContext) => unknown, made: (value: unknown) => Alone): Alone {
    const receiptOf = (ended: Ended): Alone =>
      'value' in ended ? made(ended.value) : broken(x, [], reasonOf(ended.error))
    const { now: clock, settle, fault: faultOf } = this.options
    const fault = faultOf?.(this.keyOf(x))
    if (fault !== undefined) return broken(x, [], reasonOf(fault))
    const began = clock?.()
    const ended = this.pending.begin(x, work, (later) => settle(costing(receiptOf(later), began, clock)))
    return ended === undefined ? { _tag: 'started', build: x } : receiptOf(ended)
  }

  /** How many groups the present attempt at `x` asked for. */
  private askedBy(state: State, x: BuildId, asked: number): number {
    const status = read(state.flight, x, Flight.STATUS)
    return asked + (status === 0 || (status & Bit.ANEW) !== 0 ? 0 : groupsOf(state, x))
  }

  private runRule(state: State, attempted: Attempted, of: RuleDefinition, key: unknown): Alone {
    const { x, groups: before, left } = attempted
    const known = this.askedBy(state, x, before.length)
    let run = known === 0 ? undefined : ((left as Run | undefined) ?? this.waiting.get(x))
    if (run === undefined || run.reported !== known)
      run = new Run(this.options.keys, of, key, x, state, known, this.found)
    const receipt = run.go(state, (groups, value) => this.made(of, x, groups, value))
    if (receipt._tag === 'needs') attempted.wants = receipt.groups.flat()
    attempted.left = receipt._tag === 'needs' && !this.options.isDropped() ? run : undefined
    if (this.waiting.size > 0) this.waiting.delete(x)
    return receipt
  }

  // ---------------------------------------------------------------------------------------------- declared needs

  /** Undefined: as of `attempt`. */
  private runStatic(
    state: State,
    attempted: Attempted,
    of: StaticDefinition | BatchDefinition,
    key: unknown,
  ): Alone | undefined {
    const { x } = attempted
    const isAsked = this.askedBy(state, x, attempted.groups.length) > 0
    const declared = this.statics.declared(state, x, of, key, isAsked, attempted.left as Declared | undefined)
    attempted.left = undefined
    if ('error' in declared) return broken(x, [], declared.error)
    const fresh = declared.isAsked ? NONE : groupOf(declared.ids)
    const missing = declared.look(this.found, state)
    if (missing.length > 0) {
      declared.isAsked = true
      attempted.left = declared
      attempted.wants = missing
      return new Needing(x, fresh)
    }
    const groups = declared.isAsked ? attempted.groups : fresh
    this.statics.end(x)
    const { cause } = declared
    if (cause !== undefined) return { _tag: 'broken', build: x, groups, cause, content: wayOf(this.keyOf(cause)) }
    if (declared.isPlain) this.options.keys.declared(x, declared.ids.length)
    if (of.kind === 'batch') {
      attempted.left = declared
      return undefined
    }
    let value: unknown
    try {
      value = of.make(declared.values(), key)
    } catch (error) {
      if (isBug(error)) throw error
      return broken(x, groups, reasonOf(error))
    }
    return this.made(of, x, groups, value)
  }

  /** Makes builds of one definition, as many in one call as it wants. Of each: what it declared, and all of that was found. */
  private runBatch(of: BatchDefinition, builds: ReadonlyMap<BuildId, Declared>): readonly Receipt[] {
    const receipts: Receipt[] = []
    const by = new Map<BuildId, string | number>()
    for (const x of builds.keys()) {
      const group = attempt(() => alikeBy(of, this.keyOf(x).key))
      if ('error' in group) receipts.push(broken(x, [], group.error))
      else by.set(x, group.value)
    }
    for (const together of chunksOf(of.max, by)) {
      const units = together.map((x) => {
        const declared = builds.get(x)!
        const groups = declared.isAsked ? NONE : groupOf(declared.ids)
        return { x, groups, unit: { key: this.keyOf(x).key, deps: declared.values() } }
      })
      const made = attempt(() => {
        const values = now(of.make(units.map(({ unit }) => unit)))
        if (!Array.isArray(values) || values.length !== units.length)
          throw new CodecError(`an array of ${units.length} values, one for each unit`, values, '')
        return values
      })
      units.forEach(({ x, groups }, i) => {
        receipts.push('error' in made ? broken(x, groups, made.error) : this.made(of, x, groups, made.value[i]))
      })
    }
    return receipts
  }
}

/** Objects are never alike: each build would be made alone, and nobody would know why. */
const alikeBy = (of: BatchDefinition, key: unknown): string | number => {
  const said: unknown = of.by(key)
  if (typeof said === 'object' && said !== null) {
    hear(said)
    throw new Misuse(`its \`by\` must give a string or a number, got ${shown(said)}: join what it is made of`)
  }
  return said as string | number
}

const broken = (build: BuildId, groups: Groups, error: Reason): Extract<Receipt, { _tag: 'broken' }> => ({
  _tag: 'broken',
  build,
  groups,
  error,
  content: contentOfError(error),
})

const attempt = <A>(act: () => A): { readonly value: A } | { readonly error: Reason } => {
  try {
    return { value: act() }
  } catch (error) {
    if (isBug(error)) throw error
    return { error: reasonOf(error) }
  }
}
