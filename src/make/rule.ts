/**
 * One attempt at a rule. In meaning it restarts: a rule asks, and is run from its beginning again once there is an
 * answer. A generator that waits at the place where it asked is only a cache of that; it may be dropped at any time, and
 * a new one is then told what the old one was told.
 */
import * as E from 'fp-ts/lib/Either.js'
import { type BuildError, buildErrorOf } from '../model/build-error.js'
import type {
  ActionContext,
  Definition,
  FailureOf,
  Key,
  Needs,
  ReadContext,
  RuleDefinition,
  ValueOf,
} from '../model/definition.js'
import type { BuildError as Reason } from '../model/error.js'
import type { Alone, Groups } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import type { State } from '../model/state.js'
import { type Answers, touch } from './answers.js'
import { contentOfError, wayOf } from './content.js'
import { type Keys, wordsOf } from './keys.js'
import { filled, hear, isKey, listOf, once } from './shape.js'
import { Failing, fail, isBug, reasonOf } from './thrown.js'

/** The values of a shape of keys. */
export type ValuesOf<N> = Needs extends N
  ? unknown
  : N extends Key
    ? ValueOf<N>
    : { readonly [I in keyof N]: ValuesOf<N[I]> }

/** A need; `yield*` it to get what it stands for. */
export interface Need<V> {
  [Symbol.iterator](): Iterator<Wait, V, unknown>
}
/** What a rule's generator yields while it waits. Only `yield*` of a need makes one. */
export interface Wait {
  readonly _tag: 'wait'
}
const WAIT: IteratorYieldResult<Wait> = { done: false, value: { _tag: 'wait' } }

/** What a rule asks through. `F`: the error it may fail with. */
export interface Builder<F = never> {
  /** The value behind `key`. If it is broken, so is this build. */
  need<K extends Key>(key: K): Need<ValueOf<K>>
  /** The values of a list, tuple or record of keys, asked for at once: they may be made in parallel. */
  all<const N extends Needs>(needs: N): Need<ValuesOf<N>>
  /** The value, or why there is none: depends on the failure as on a value. */
  attempt<K extends Key>(key: K): Need<E.Either<BuildError<FailureOf<K>>, ValueOf<K>>>
  /** As `attempt` of each, asked for at once. */
  collect<K extends Key>(keys: readonly K[]): Need<readonly E.Either<BuildError<FailureOf<K>>, ValueOf<K>>[]>
  /** The value of the first key that has one. Depends on that and on those before it, not on those behind. */
  first<K extends Key>(keys: readonly K[]): Generator<Wait, ValueOf<K>, unknown>
  /** This build has no value; `error` says why. */
  fail(error: F): never
}

/** Thrown out of a need that is broken: ends the rule. One for all: to find out where each was thrown took a fifth of the time of such builds. */
const UNMET = new Error('what this rule needs is broken: use attempt to go on without it')
UNMET.stack = String(UNMET)
Object.freeze(UNMET)

/** What an action is told: its own word for that, and what `context` says, once it looks. */
export const actionContext = (of: Definition, context: ReadContext): ActionContext<unknown> => ({
  get signal() {
    return context.signal
  },
  fail: (error) => fail(of, error),
})

/** What a need comes to, once all it asked for is at hand. */
type Get<V> = (run: Run, ids: readonly BuildId[], keys: readonly Key[]) => V

interface Issued {
  readonly keys: readonly Key[]
  isYielded: boolean
}

class Asked<V> implements Need<V>, Issued, Iterator<Wait, V, unknown> {
  private ids: readonly BuildId[] | undefined
  isYielded = false
  constructor(
    private readonly run: Run,
    readonly keys: readonly Key[],
    /** No closure, where none is needed: there are as many as there are needs. */
    private readonly get: Get<V>,
  ) {}

  [Symbol.iterator](): this {
    if (!this.isYielded) this.run.yielded()
    this.isYielded = true
    return this
  }

  next(...given: readonly [] | readonly [unknown]): IteratorResult<Wait, V> {
    // Of all that goes through an iterator, only `yield*` hands something in.
    if (given.length === 0) throw new Misuse(TAKEN_APART)
    this.run.expectRunning()
    this.ids ??= this.run.ask(this.keys)
    return this.run.areAtHand(this.ids) ? { done: true, value: this.get(this.run, this.ids, this.keys) } : WAIT
  }
}

/** A set, of few members as a rule. */
class Ids {
  private readonly few: BuildId[] = []
  private many: Set<BuildId> | undefined = undefined

  constructor(members: readonly BuildId[]) {
    for (const id of members) this.add(id)
  }

  /** Whether `id` was not in it. */
  add(id: BuildId): boolean {
    if (this.many !== undefined) {
      if (this.many.has(id)) return false
      this.many.add(id)
      return true
    }
    if (this.few.includes(id)) return false
    this.few.push(id)
    if (this.few.length > 16) this.many = new Set(this.few)
    return true
  }
}

const takeFirst = (run: Run, ids: readonly BuildId[], keys: readonly Key[]): unknown => run.take(ids[0]!, keys[0]!)
const takeList = (run: Run, ids: readonly BuildId[], keys: readonly Key[]): readonly unknown[] =>
  ids.map((id, i) => run.take(id, keys[i]!))

export class Run implements Builder<unknown> {
  /** A need that was made and not yet yielded, and how many of them there are. */
  private outstanding = 0
  private last: Issued | undefined = undefined
  /** How many groups the state knows that this attempt asked for. */
  reported: number
  /** What was asked for: first, and in all once more was. */
  private initial: readonly BuildId[] | undefined
  private asked: Ids | undefined = undefined
  private groups: (readonly BuildId[])[] = []
  /** Of the first groups asked for, so many are known to the state from an earlier generator of this attempt. */
  private known: number
  private unmet: BuildId | undefined = undefined
  /** By its own word: whatever it does after that, it has no value. */
  private hasFailed = false
  /** Of `touch`. */
  touched = 0
  /** Between the beginning and the end of `go`. */
  private isRunning = false
  private generator: Iterator<unknown, unknown, unknown> | undefined = undefined

  constructor(
    private readonly keys: Pick<Keys, 'intern' | 'keyOf'>,
    private readonly definition: RuleDefinition,
    private readonly key: unknown,
    private readonly x: BuildId,
    private state: State,
    known: number,
    private readonly answers: Answers,
  ) {
    this.known = known
    this.reported = known
  }

  // ---------------------------------------------------------------------------------------------- asking

  need<K extends Key>(key: K): Need<ValueOf<K>> {
    return runOf(this, 'need').issue([key], takeFirst) as Need<ValueOf<K>>
  }

  all<const N extends Needs>(needs: N): Need<ValuesOf<N>> {
    const run = runOf(this, 'all')
    const keys = listOf(needs)
    if (keys === needs) return run.issue(keys, takeList) as Need<ValuesOf<N>>
    return run.issue(keys, (_, ids) => {
      let i = 0
      return filled(needs, (key) => this.take(ids[i++]!, key)) as ValuesOf<N>
    })
  }

  attempt<K extends Key>(key: K): Need<E.Either<BuildError<FailureOf<K>>, ValueOf<K>>> {
    return runOf(this, 'attempt').issue([key], (_, [id]) => this.either(id!, key))
  }

  collect<K extends Key>(keys: readonly K[]): Need<readonly E.Either<BuildError<FailureOf<K>>, ValueOf<K>>[]> {
    const run = runOf(this, 'collect')
    checkList('collect', keys)
    return run.issue(keys, (_, ids) => ids.map((id, i) => this.either(id, keys[i]!)))
  }

  first<K extends Key>(keys: readonly K[]): Generator<Wait, ValueOf<K>, unknown> {
    const run = runOf(this, 'first')
    checkList('first', keys)
    return run.tryEach(keys, run.issued({ keys, isYielded: false }))
  }

  private *tryEach<K extends Key>(keys: readonly K[], issued: Issued): Generator<Wait, ValueOf<K>, unknown> {
    issued.isYielded = true
    this.yielded()
    const tried: BuildId[] = []
    for (const key of keys) {
      const found = yield* this.issue([key], (_, [id]) => {
        tried.push(id!)
        return this.answers.isBroken(this.state, id!)
          ? undefined
          : { value: this.answers.resultOf(this.state, id!, key) }
      })
      if (found !== undefined) return found.value as ValueOf<K>
    }
    this.hasFailed = true
    throw new Failing({ _tag: 'noneOf', tried: tried.map((id) => this.answers.failureOf(this.state, id)) })
  }

  fail(error: unknown): never {
    runOf(this, 'fail').expectRunning()
    this.hasFailed = true
    return fail(this.definition, error)
  }

  private issue<V>(keys: readonly Key[], get: Get<V>): Need<V> {
    return this.issued(new Asked(this, keys, get))
  }

  private issued<N extends Issued>(need: N): N {
    this.expectRunning()
    this.outstanding++
    if (this.last === undefined || this.last.isYielded) this.last = need
    return need
  }

  yielded(): void {
    this.outstanding--
  }

  /** What another run asked for through this one, it would not be known to depend on. @throws Misuse */
  expectRunning(): void {
    if (this.isRunning) return
    const name = wordsOf({ of: this.definition, key: this.key })
    throw new Misuse(
      `the b of ${name} is used while that does not run: ask through the b that the rule itself is given`,
    )
  }

  private either<K extends Key>(id: BuildId, key: K): E.Either<BuildError<FailureOf<K>>, ValueOf<K>> {
    if (!this.answers.isBroken(this.state, id)) return E.right(this.answers.resultOf(this.state, id, key) as ValueOf<K>)
    const keyOf = (build: BuildId): Key => this.keys.keyOf(build)!
    return E.left(buildErrorOf(this.answers.failureOf(this.state, id), keyOf, wordsOf) as BuildError<FailureOf<K>>)
  }

  /** The need's side. */
  take(id: BuildId, key: Key): unknown {
    if (!this.answers.isBroken(this.state, id)) return this.answers.resultOf(this.state, id, key)
    this.unmet ??= id
    throw UNMET
  }

  /** Called by needs: adds what was not asked for before as a group. */
  ask(keys: readonly Key[]): readonly BuildId[] {
    const ids = keys.map((key) => this.keys.intern(key))
    if (ids.length > 1) this.touched = touch(this.state, ids)
    const fresh = this.freshOf(ids)
    if (fresh.length === 0) return ids
    if (this.known > 0) this.known--
    else this.groups.push(fresh)
    return ids
  }

  private freshOf(ids: readonly BuildId[]): readonly BuildId[] {
    if (this.initial === undefined) {
      this.initial = once(ids)
      return this.initial
    }
    this.asked ??= new Ids(this.initial)
    const { asked } = this
    return ids.filter((id) => asked.add(id))
  }

  areAtHand(ids: readonly BuildId[]): boolean {
    for (const id of ids) if (!this.answers.isAtHand(this.state, id)) return false
    return true
  }

  // ---------------------------------------------------------------------------------------------- running

  /** Goes on until it waits or ends. `made` turns a value into a receipt. */
  go(state: State, made: (groups: Groups, value: unknown) => Alone): Alone {
    this.state = state
    this.isRunning = true
    try {
      if (this.generator === undefined) {
        const result = this.definition.make(this.key, this)
        if (!isIterator(result)) return this.end(result, made)
        this.generator = result
      }
      const step = this.generator.next(undefined)
      if (step.done !== true) {
        const why = this.swallowed
        if (step.value === WAIT.value && why === undefined) return this.wait()
        return this.misuse(why ?? laterOf(step.value, 'yields') ?? NOT_DELEGATED, step.value)
      }
      return this.end(step.value, made)
    } catch (error) {
      if (isBug(error)) throw error
      if (this.unmet !== undefined) return this.broken({ cause: this.unmet })
      const reason = reasonOf(error)
      if (reason._tag === 'misuse') hear(this.last?.keys)
      return this.broken({ error: reason })
    } finally {
      this.isRunning = false
    }
  }

  private wait(): Alone {
    const { groups } = this
    this.groups = []
    if (groups.length === 0) return this.misuse(IMPURE)
    this.reported += groups.length
    return { _tag: 'needs', build: this.x, groups }
  }

  private end(value: unknown, made: (groups: Groups, value: unknown) => Alone): Alone {
    const why = this.swallowed
    if (why !== undefined) return this.misuse(why, value)
    if (this.outstanding > 0)
      return this.misuse(
        `it asks for ${this.last?.keys.map(wordsOf).join(', ')} and does not wait: write yield* before b.need and the like`,
        value,
      )
    return made(this.groups, value)
  }

  /** What is wrong with a rule that goes on behind a failure. */
  private get swallowed(): string | undefined {
    const { unmet } = this
    if (unmet === undefined) return this.hasFailed ? SWALLOWED : undefined
    return `it catches the failure of ${wordsOf(this.keys.keyOf(unmet)!)} and goes on: use b.attempt to depend on a failure`
  }

  /** `given`: by the rule, which is not looked at. */
  private misuse(why: string, given?: unknown): Alone {
    hear(given)
    return this.broken({ error: { _tag: 'misuse', why } })
  }

  private broken(why: { error: Reason } | { cause: BuildId }): Alone {
    const keyOf = (x: BuildId): Key => this.keys.keyOf(x)!
    const content = 'error' in why ? contentOfError(why.error, (x) => wordsOf(keyOf(x))) : wayOf(keyOf(why.cause))
    return { _tag: 'broken', build: this.x, groups: this.groups, content, ...why }
  }
}

/** @throws Misuse where a rule took the function out of its b, and calls that by itself */
const runOf = (run: unknown, what: keyof Builder): Run => {
  if (run instanceof Run) return run
  throw new Misuse(`it takes ${what} out of b and calls that by itself: write b.${what}(...)`)
}

/** @throws Misuse */
export const checkList = (what: string, keys: unknown): void => {
  if (Array.isArray(keys)) return
  throw new Misuse(
    `b.${what} takes a list of keys, got ${isKey(keys) ? wordsOf(keys) : shown(keys)}: put it into a list`,
  )
}

const NOT_DELEGATED = 'it yields something that is not a need: write yield* b.need(key), with the star'
const TAKEN_APART = 'it goes through a need in place of waiting for it: write yield* before b.need and the like'
const SWALLOWED =
  'it fails by b.fail or b.first, catches that and goes on: fail only where there is nothing to go on with'
const IMPURE =
  'it asked for something else when it was run again: a rule may depend on nothing but its key and what it needs'

const isIterator = (value: unknown): value is Iterator<unknown, unknown, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  'next' in value &&
  typeof value.next === 'function' &&
  Symbol.iterator in value

/** Why a value that is yet to come, and that a rule `gives` so, will not do; undefined where it has come. */
export const laterOf = (value: unknown, gives: 'returns' | 'yields' = 'returns'): string | undefined => {
  if (typeof value !== 'object' || value === null) return undefined
  const isPromise = 'then' in value && typeof value.then === 'function'
  if (!isPromise && !(Symbol.asyncIterator in value)) return undefined
  // Nobody else will hear of it.
  if (isPromise) Promise.resolve(value).catch(() => {})
  return `it ${gives} a promise: rules are synchronous; what has to be waited for belongs into an action or a source`
}
