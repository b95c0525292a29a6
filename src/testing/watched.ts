/**
 * Plays a schedule on an engine, in a world whose sources and actions answer when the schedule says so, and throws at the first
 * breach of a law. What is right is known from the oracle alone.
 */
import * as E from 'fp-ts/lib/Either.js'
import { type BuildEngine, createEngine } from '../library/create-engine.js'
import { action, source } from '../library/define.js'
import { insideOf } from '../library/inside.js'
import type { CreateOptions, Drive as DriveOption } from '../library/options.js'
import type { Live, Request } from '../library/request.js'
import { codec as C } from '../model/codec.js'
import type { Key } from '../model/definition.js'
import type { Input, Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { checkInvariants } from '../model/invariants.js'
import type { State } from '../model/state.js'
import type { Policy } from '../reduce/policies/policy.js'
import { reduce } from '../reduce/reduce.js'
import { fingerprint } from './fingerprint.js'
import {
  ACTIONS,
  broken,
  type Evaluation,
  evaluate,
  FIRST_PLAN,
  leafKeysOf,
  ofAction,
  type Plans,
  type Ref,
  type Result,
  rulesOf,
  SET_SOURCES,
  type Truth,
  textOf,
} from './plans.js'
import { StoreFile } from './store-file.js'

export interface Config {
  readonly policy?: Policy
  readonly drive?: DriveOption
  /** Chance that a generator that waits is dropped. */
  readonly drop?: number
  /** Room in the pool of the actions. */
  readonly pool?: number
  readonly permute?: (receipts: readonly Receipt[]) => readonly Receipt[]
  /** Reduces every input twice, and compares; looks at the invariants of rows. Default true. */
  readonly check?: boolean
  /** Every `tick` of the schedule goes on until nothing is ready. */
  readonly whole?: boolean
  /** Records it all, in memory. */
  readonly record?: boolean
  /** Called after each tick. */
  readonly onTick?: (input: Input, before: State, after: State) => void
  /** Plans may need one another in circles; `at once`: and ask for all they need at once. */
  readonly cyclic?: boolean | 'at once'
  /** Results are kept in a store, so that the engine may crash. */
  readonly crashes?: boolean
}

const TICKS_MAX = 3_000

/** undefined: removed. */
type Settings = ReadonlyMap<Ref, number | undefined>

/** A read or action under way. Settled twice or late, it is of no account. */
export interface Under {
  readonly ref: Ref
  readonly settle: () => void
  readonly signal: AbortSignal
  isSettled: boolean
}

export interface Asked {
  readonly ref: Ref
  readonly since: number
  readonly request: Request<number>
  isCancelled: boolean
  answers: number
}

export interface Followed {
  readonly ref: Ref
  readonly since: number
  readonly live: Live<number>
  readonly told: { readonly version: number; readonly text: string }[]
  isCancelled: boolean
}

export const fail = (why: string): never => {
  throw new Error(why)
}
export const ensure = (holds: boolean, why: () => string): void => {
  if (!holds) fail(why())
}

/** An engine that is watched in all that it does, in a world whose sources and actions answer when they are told to. */
export class Watched {
  eng: BuildEngine
  readonly rules: CreateOptions['rules']
  readonly keyOf: (ref: Ref) => Key<number>
  readonly asked: Asked[] = []
  readonly followed: Followed[] = []
  /** What was outside at each version, sources that are set included. */
  protected readonly truths: Truth[]
  /** What transactions set, at each version. */
  protected readonly settings: Settings[] = [new Map()]
  /** What `read` finds, whatever a transaction set. */
  protected readonly outside: (number | undefined)[]
  protected readonly file: StoreFile | undefined
  /** Reads and actions that throw. */
  protected readonly failing = new Set<Ref>()
  protected readonly waits = new Set<Ref>()
  protected readonly under: Under[] = []
  protected readonly watched = new Set<Ref>()
  /** The version that the state knows of. */
  protected reduced = 0
  /** That at the end of the last turn: what is told at the end of this one is not older. */
  protected told = 0
  protected ticks = 0
  /** In which version each build was last made, unless it may have been given up since; and touched. */
  protected readonly madeAt = new Map<Ref, number>()
  protected readonly touchedAt = new Map<Ref, number>()
  protected readonly evaluations: Evaluation[] = []
  /** Breaches found where they cannot be thrown. */
  protected readonly faults: unknown[] = []

  constructor(
    readonly plans: Plans,
    truth: readonly (number | undefined)[],
    protected readonly config: Config = {},
  ) {
    this.truths = [truth.map((value, ref) => (SET_SOURCES.includes(ref) ? undefined : value))]
    this.outside = [...truth]
    const key = { key: C.int, value: C.int }
    const set = source('set', key)
    const read = source('read', {
      ...key,
      read: (ref, { signal }) => this.begin(ref, signal, () => this.outside[ref]),
      watch: (ref) => {
        ensure(!this.watched.has(ref), () => `${ref} is watched twice`)
        this.watched.add(ref)
        return () => ensure(this.watched.delete(ref), () => `${ref} is not watched, and is to be no more`)
      },
    })
    const pooled = action('pooled', {
      ...key,
      pool: 'pool',
      run: (ref, { signal }) => {
        const { pool = 1 } = config
        const running = this.running.filter((u) => u.ref !== ref && ACTIONS.includes(u.ref)).length
        ensure(running < pool, () => `${running + 1} actions in a pool of ${pool}`)
        return this.begin(ref, signal, () => ofAction(ref), true) as never
      },
    })
    const free = action('free', { ...key, run: (ref, { signal }) => this.begin(ref, signal, () => ofAction(ref)) })
    const { rules, keyOf } = rulesOf(plans, leafKeysOf({ set, read, pooled, free }))
    this.keyOf = keyOf
    this.rules = [set, read, pooled, free, ...rules]
    if (config.crashes) this.file = new StoreFile()
    this.eng = this.open()
    const settings = new Map<Ref, number | undefined>()
    this.eng.transact((tx) => {
      for (const ref of SET_SOURCES) {
        if (truth[ref] === undefined) continue
        tx.set(set(ref), truth[ref]!)
        settings.set(ref, truth[ref])
      }
    })
    this.settings.push(settings)
    this.truths.push([...truth])
  }

  protected open(): BuildEngine {
    const { config } = this
    return createEngine({
      rules: this.rules,
      pools: { pool: config.pool ?? 1 },
      drive: config.drive ?? 'manual',
      keep: 5,
      onError: (fault) => this.faults.push(fault),
      record: config.record ?? false,
      control: {
        ...(config.permute && { order: config.permute }),
        onTick: (input, before, after) => {
          this.onTick(input, before, after)
          config.onTick?.(input, before, after)
        },
      },
      ...(config.policy && { policy: config.policy }),
      ...(config.drop && { continuations: { drop: config.drop } }),
      ...(this.file && { store: this.file.store }),
    })
  }

  /** Whoever asked is gone, and so is the engine. */
  protected end(): void {
    for (const one of this.asked) one.isCancelled ||= one.answers === 0
    for (const one of this.followed) one.isCancelled = true
    for (const one of this.under) one.isSettled = true
    this.eng.close()
    ensure(this.watched.size === 0, () => `${[...this.watched]} are watched by an engine that is closed`)
  }

  /** Leaves nothing behind. */
  close(): void {
    this.end()
    this.file?.discard()
  }

  /** Under way, and wanted. */
  protected get running(): readonly Under[] {
    return this.under.filter((u) => !u.isSettled && !u.signal.aborted).sort((a, b) => a.ref - b.ref)
  }

  /** Answers now; or, where it is to wait, when the schedule says so: what was there when it was asked. */
  protected begin(ref: Ref, signal: AbortSignal, find: () => number | undefined, waits = this.waits.has(ref)): never {
    ensure(!this.running.some((u) => u.ref === ref), () => `${ref} is under way twice`)
    const findNow = (): number | undefined => {
      if (this.failing.has(ref)) throw new Error('it fails')
      return find()
    }
    if (!waits) return findNow() as never
    let found: { value: number | undefined } | { error: unknown }
    try {
      found = { value: findNow() }
    } catch (error) {
      found = { error }
    }
    const promise = {
      // biome-ignore lint/suspicious/noThenProperty: settles at once, not a turn later
      then: (done: (value: unknown) => void, failed: (error: unknown) => void) => {
        const settle = (): void => {
          if ('error' in found) failed(found.error)
          else done(found.value)
        }
        this.under.push({ ref, settle, signal, isSettled: false })
      },
    }
    return promise as never
  }

  // ---------------------------------------------------------------------------------------------- the engine watched

  protected onTick(input: Input, before: State, after: State): void {
    ensure(this.ticks++ < TICKS_MAX, () => 'the ticks do not end')
    if (this.config.check !== false) {
      checkInvariants(after)
      const words = fingerprint(before)
      const again = reduce(before, { ...input, receipts: [...input.receipts].reverse() })
      ensure(
        fingerprint(again.state) === fingerprint(after),
        () => 'reduced again, in another order, it is another state',
      )
      ensure(fingerprint(before) === words, () => 'the state before was changed')
    }
    for (const receipt of input.receipts.flatMap(each)) {
      if (receipt._tag === 'made' || receipt._tag === 'broken') this.onMade(this.refOf(receipt.build))
    }
    // Whatever was given up may be made again.
    if (input.events.some(({ _tag }) => _tag === 'swept' || _tag === 'pruned' || _tag === 'wiped')) this.madeAt.clear()
    this.reduced = this.eng.version
  }

  /** Nothing is made twice in a version, nor unless something that it asks for is not what it was. */
  protected onMade(ref: Ref): void {
    const last = this.madeAt.get(ref)
    this.madeAt.set(ref, this.reduced)
    if (last === undefined || this.config.cyclic) return
    ensure(last < this.reduced, () => `${ref} is made twice in version ${last}`)
    if (ref < FIRST_PLAN || (this.touchedAt.get(ref) ?? 0) > last) return
    const then = this.at(last)
    then.result(ref)
    for (let version = last + 1; version <= this.reduced; version++) {
      const now = this.at(version)
      if (then.needsOf(ref).some((need) => textOf(now.result(need)) !== textOf(then.result(need)))) return
    }
    fail(`${ref} is made in version ${this.reduced} as in ${last}, and nothing it needs changed`)
  }

  protected refOf(x: BuildId): Ref {
    return insideOf(this.eng).keys.keyOf(x)!.key as Ref
  }

  protected at(version: number): Evaluation {
    this.evaluations[version] ??= evaluate(this.plans, this.truths[version]!)
    return this.evaluations[version]
  }

  // ---------------------------------------------------------------------------------------------- what is told

  /** Whether `ref` needs a circle, so that what comes of it may hang on chance. */
  private isInCircles(ref: Ref, version: number): boolean {
    return this.config.cyclic !== undefined && this.config.cyclic !== false && this.at(version).circle(ref) !== 'none'
  }

  /** The result of `ref` is what it was in one of the versions from `since` on, and in none that was over before this turn. */
  protected expectRight(ref: Ref, text: string, since: number): void {
    const from = Math.max(since, this.told)
    const right: string[] = []
    for (let version = from; version <= this.eng.version; version++) {
      if (this.isInCircles(ref, version)) return
      right.push(textOf(this.at(version).result(ref)))
    }
    ensure(
      right.includes(text),
      () => `${ref} is answered ${text}, and is ${right} in versions ${from} to ${this.eng.version}`,
    )
  }

  protected once(ref: Ref): void {
    const asked: Asked = {
      ref,
      since: this.eng.version,
      request: this.eng.once(this.keyOf(ref)),
      isCancelled: false,
      answers: 0,
    }
    this.asked.push(asked)
    const { request } = asked
    const answer = request.answer.bind(request)
    request.answer = (result) => {
      answer(result)
      if (asked.isCancelled) return
      ensure(++asked.answers === 1, () => `${ref} is answered twice`)
      this.expectRight(ref, textOfResult(result), asked.since)
    }
  }

  protected follow(ref: Ref): void {
    const followed: Followed = {
      ref,
      since: this.eng.version,
      live: this.eng.live(this.keyOf(ref)),
      told: [],
      isCancelled: false,
    }
    this.followed.push(followed)
    followed.live.subscribe((notice) => {
      ensure(!followed.isCancelled, () => `${ref} is told of though its request was cancelled`)
      const text = textOfResult(notice._tag === 'value' ? E.right(notice.value) : E.left(notice.error))
      const last = followed.told.at(-1)
      followed.told.push({ version: notice.version, text })
      ensure(
        notice.version <= this.eng.version && notice.version >= followed.since,
        () => `${ref} is told of with version ${notice.version}`,
      )
      ensure(last?.text !== text, () => `${ref} is told twice that it is ${text}`)
      ensure(
        last === undefined || last.version < notice.version,
        () => `${ref} is told of version ${notice.version} after ${last?.version}`,
      )
      this.expectRight(ref, text, followed.since)
      if (this.isInCircles(ref, notice.version)) return
      const right = textOf(this.at(notice.version).result(ref))
      ensure(right === text, () => `${ref} is ${text} as of version ${notice.version}, when it was ${right}`)
    })
  }
}

export const textOfResult = (result: E.Either<Parameters<typeof broken>[0], number>): string =>
  textOf((E.isRight(result) ? { value: result.right } : broken(result.left)) as Result)

export const sorted = (refs: readonly Ref[]): readonly Ref[] => [...refs].sort((a, b) => a - b)

export const same = (is: unknown, should: unknown, what: string): void => {
  const [one, other] = [JSON.stringify(is), JSON.stringify(should)]
  ensure(one === other, () => `${what}: ${one}, and should be ${other}`)
}

/** What was done ahead of its batch, too. */
export const each = (receipt: Receipt): readonly Receipt[] =>
  receipt._tag === 'ahead' ? [...receipt.done, ...receipt.open] : [receipt]
