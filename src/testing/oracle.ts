/**
 * The oracle: what a key comes to by plain recursion, as a person would work it out, who knows nothing of ticks, waiting, or what was made
 * before.
 */
import * as E from 'fp-ts/lib/Either.js'
import type { BuildEngine } from '../library/create-engine.js'
import { insideOf } from '../library/inside.js'
import { freezeDeep } from '../make/freeze.js'
import { textOf, wordsOf } from '../make/keys.js'
import { checkList } from '../make/rule.js'
import { expectKey, filled, keysIn } from '../make/shape.js'
import { fail, reasonOf } from '../make/thrown.js'
import type { Setting } from '../make/world.js'
import { type BuildError, buildErrorOf } from '../model/build-error.js'
import { CodecError, canonical, type Json } from '../model/codec.js'
import type { BatchDefinition, Definition, Key, Needs } from '../model/definition.js'
import type { BuildError as Reason } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { Misuse, messageOf } from '../model/misuse.js'
import { Outside, untilKnown } from './outside.js'

export type Result = E.Either<BuildError, unknown>

/** What sources are set to. */
export interface Settings {
  get(key: Key): Setting | undefined
}

/** Ends a rule whose need is broken. */
class Unmet extends Error {
  constructor(readonly why: BuildError) {
    super('what it needs is broken')
  }
}
class NoneOf extends Error {
  constructor(readonly tried: readonly BuildError[]) {
    super('nothing is left to try')
  }
}

/** Needs so deep down are worked out by themselves first, since a stack has an end. */
const DEEP = 200
const DEEPEST = 1_000_000
class Deeper extends Error {
  constructor(readonly key: Key) {
    super('what is needed is deep down')
  }
}

export class Oracle {
  private readonly known = new Map<Definition, Map<string | number | boolean, Result>>()
  private readonly needs = new Map<string, Key[]>()
  private readonly above: Key[] = []
  private readonly order: Key[] = []
  /** Somewhere, something needs itself: what comes of that hangs on where it is found out. */
  isCyclic = false

  constructor(
    private readonly settings: Settings,
    private readonly outside: Outside,
    /** Leaves that fail, whatever they would say: by name. */
    private readonly failing: ReadonlyMap<string, string> = new Map(),
  ) {}

  /** @throws Missing */
  of(key: Key): Result {
    if (this.above.length > 0) return this.found(key)
    const open = [key]
    for (;;) {
      const next = open.at(-1)!
      try {
        const result = this.found(next)
        open.pop()
        if (open.length === 0) return result
      } catch (error) {
        if (!(error instanceof Deeper)) throw error
        if (open.some((one) => isSame(one, error.key))) return this.circle(key)
        if (open.length * DEEP > DEEPEST)
          throw new Misuse(
            `${wordsOf(key)} needs more than ${DEEPEST} builds, each of which needs the next: does a rule ask without end?`,
          )
        open.push(error.key)
      }
    }
  }

  /** Somewhere below `key`, too far away to be seen at once. */
  private circle(key: Key): Result {
    this.isCyclic = true
    return E.left({ _tag: 'cycle', key, path: [key] })
  }

  private found(key: Key): Result {
    let known = this.known.get(key.of)
    if (known === undefined) {
      known = new Map()
      this.known.set(key.of, known)
    }
    const text = textOf(key)
    const found = known.get(text)
    if (found !== undefined) return found
    if (this.above.some((one) => isSame(one, key))) return this.circle(key)
    if (this.above.length >= DEEP) throw new Deeper(key)
    this.above.push(key)
    let result: Result
    try {
      result = this.work(key)
    } finally {
      this.above.pop()
    }
    if (E.isRight(result)) {
      textOfValue(key, result.right)
      // As in an engine: what one build results in, no other can change.
      freezeDeep(result.right)
    }
    known.set(text, result)
    this.order.push(key)
    return result
  }

  /** What `key` asked for, in order. */
  needsOf(key: Key): readonly Key[] {
    this.of(key)
    return this.needs.get(wordsOf(key)) ?? []
  }

  /** All that was worked out so far, what needs nothing else first. */
  reached(): readonly Key[] {
    return this.order
  }

  /** An oracle that knows all that this one does, but for `key`. */
  without(key: Key): Oracle {
    const other = new Oracle(this.settings, this.outside, this.failing)
    for (const [of, known] of this.known) other.known.set(of, new Map(known))
    other.known.get(key.of)?.delete(textOf(key))
    return other
  }

  /** Runs the rule of `key` until it asks for something the time after `stop` others, and gives it up there. */
  runUpTo(key: Key, stop: number): void {
    const { of } = key
    if (of.kind !== 'rule') return
    let asked = 0
    const ask = (need: Key): Result => {
      if (asked++ >= stop) throw new Unmet({ _tag: 'cancelled', key: need })
      return this.of(need)
    }
    try {
      resultOfMake(of.make(key.key, builderOf(of, ask)))
    } catch {
      // Given up.
    }
  }

  /** Whether both may be made in one call of their rule. */
  mayShare(one: Key, other: Key): boolean {
    const { of } = one
    if (of.kind !== 'batch' || other.of !== of || isSame(one, other) || of.max < 2) return false
    return [one, other].every((key) => E.isRight(this.of(key))) && of.by(one.key) === of.by(other.key)
  }

  /** What `key` comes to, made in one call with `mate`, which comes before it. */
  inBatch(mate: Key, key: Key): Result {
    const { of } = key
    if (of.kind !== 'batch') return this.of(key)
    const units = [mate, key].map((unit) => ({
      key: unit.key,
      deps: all(of.deps(unit.key), (need) => this.of(need)),
    }))
    try {
      return E.right(madeOf(of, units)[1])
    } catch (error) {
      return E.left(errorOf(key, reasonOf(error)))
    }
  }

  /** What `key` comes to where, at each of its needs, the rule runs for `other` from beginning to end. */
  amid(key: Key, other: Key): Result {
    return this.work(key, (need) => {
      this.work(other)
      return this.of(need)
    })
  }

  private work(key: Key, answer = (need: Key): Result => this.of(need)): Result {
    const { of } = key
    if (of.kind === 'source' || of.kind === 'action') return this.leaf(key)
    const asked: Key[] = []
    let unmet: BuildError | undefined
    // What ends a run before its time, as that something is not known yet, is no failure, whatever the rule makes of it.
    let early: { readonly error: unknown } | undefined
    const ask = (need: Key): Result => {
      expectKey(need)
      asked.push(need)
      try {
        return answer(need)
      } catch (error) {
        early ??= { error }
        throw error
      }
    }
    const met: Take = (result) => {
      if (E.isLeft(result)) unmet ??= result.left
      return take(result)
    }
    const make = (): unknown => {
      if (of.kind === 'rule') return resultOfMake(of.make(key.key, builderOf(of, ask, met)))
      const deps = all(of.deps(key.key), ask, met)
      if (of.kind === 'static') return of.make(deps, key.key)
      of.by(key.key)
      return madeOf(of, [{ key: key.key, deps }])[0]
    }
    try {
      const value = make()
      if (early === undefined) return E.right(value)
    } catch (error) {
      // A rule that catches what it needs being broken, and throws something else, is broken by it all the same.
      if (early === undefined) return E.left(failureOf(key, error, unmet))
    } finally {
      this.needs.set(wordsOf(key), asked)
    }
    throw early.error
  }

  private leaf(key: Key): Result {
    const failing = this.failing.get(wordsOf(key))
    if (failing !== undefined) return E.left({ _tag: 'threw', key, message: failing, trace: '' })
    if (key.of.kind === 'source') {
      const setting = this.settings.get(key)
      if (setting === 'removed') return E.left({ _tag: 'absent', key })
      if (setting !== undefined) return E.right(setting.value)
      if (key.of.read === undefined) return E.left({ _tag: 'absent', key })
    }
    const { came } = this.outside.of(key)
    if ('error' in came) return E.left(errorOf(key, reasonOf(came.error)))
    if (came.value === undefined && key.of.kind === 'source') return E.left({ _tag: 'absent', key })
    return E.right(came.value)
  }
}

const isSame = (one: Key, other: Key): boolean => one.of === other.of && textOf(one) === textOf(other)

const errorOf = (key: Key, reason: Reason): BuildError =>
  buildErrorOf({ path: [1 as BuildId], error: reason }, () => key, wordsOf)

const failureOf = (key: Key, error: unknown, unmet: BuildError | undefined): BuildError => {
  if (unmet !== undefined) return { _tag: 'dependency', key, cause: unmet }
  if (error instanceof NoneOf) return { _tag: 'noneOf', key, tried: error.tried }
  return errorOf(key, reasonOf(error))
}

/** What a batch makes of its units: as many. */
const madeOf = (of: BatchDefinition, units: Parameters<BatchDefinition['make']>[0]): readonly unknown[] => {
  const values: unknown = of.make(units)
  if (!Array.isArray(values) || values.length !== units.length)
    throw new CodecError(`an array of ${units.length} values, one for each unit`, values, '')
  return values
}

type Take = (result: Result) => unknown
const take: Take = (result) => {
  if (E.isLeft(result)) throw new Unmet(result.left)
  return result.right
}
const all = (needs: Needs, ask: (key: Key) => Result, met = take): unknown => {
  const results = keysIn(needs).map(ask)
  for (const result of results) met(result)
  let i = 0
  return filled(needs, () => met(results[i++]!))
}

/** Needs that are there as soon as they are asked for. */
const builderOf = (of: Definition, ask: (key: Key) => Result, met = take) => {
  const now = <A>(get: () => A) => ({
    // biome-ignore lint/correctness/useYield: there is nothing to wait for
    *[Symbol.iterator](): Generator<never, A, unknown> {
      return get()
    },
  })
  return {
    need: (key: Key) => now(() => met(ask(key))),
    all: (needs: Needs) => now(() => all(needs, ask, met)),
    attempt: (key: Key) => now(() => ask(key)),
    collect: (keys: readonly Key[]) => {
      checkList('collect', keys)
      return now(() => keys.map(ask))
    },
    first: (keys: readonly Key[]) => {
      checkList('first', keys)
      return now(() => {
        const tried: BuildError[] = []
        for (const key of keys) {
          const result = ask(key)
          if (E.isRight(result)) return result.right
          tried.push(result.left)
        }
        throw new NoneOf(tried)
      })
    },
    fail: (error: unknown): never => fail(of, error),
  }
}

const resultOfMake = (made: unknown): unknown => {
  const isGenerator = typeof made === 'object' && made !== null && 'next' in made && Symbol.iterator in made
  return isGenerator ? (made as Generator<unknown, unknown, unknown>).next().value : made
}

/** A result as one text: equal where results are, whatever threw where. @throws Misuse as `textOfValue` */
export const textOfResult = (key: Key, result: Result): string =>
  E.isLeft(result) ? textOfError(result.left) : textOfValue(key, result.right)

/** @throws Misuse where it does not fit its codec: that is told of by who made it, before others go on with it. */
const textOfValue = (key: Key, value: unknown): string => {
  try {
    return canonical(key.of.values.encode(value) as Json)
  } catch (error) {
    throw new Misuse(`${wordsOf(key)}: its value does not fit its codec: ${messageOf(error)}`)
  }
}

export const textOfError = (error: BuildError): string => {
  // As long as what is needed is deep.
  let through = ''
  let root = error
  for (; root._tag === 'dependency'; root = root.cause) through += `${wordsOf(root.key)} < `
  return through + textOfRoot(root)
}

const textOfRoot = (error: Exclude<BuildError, { _tag: 'dependency' }>): string => {
  switch (error._tag) {
    case 'failed':
      return `${wordsOf(error.key)}: failed ${JSON.stringify(error.error)}`
    case 'threw':
      return `${wordsOf(error.key)}: threw ${error.message}`
    case 'noneOf':
      return `${wordsOf(error.key)}: none of [${error.tried.map(textOfError).join('; ')}]`
    case 'misuse':
      return `${wordsOf(error.key)}: ${error.why}`
    case 'cycle':
      return `cycle ${error.path.map(wordsOf).join(' ')}`
    default:
      return `${wordsOf(error.key)}: ${error._tag}`
  }
}

/** What `key` should be, by the engine's rules and by what its sources are set to now. Reads and actions are run for it. */
export const oracleOf = async (eng: BuildEngine, key: Key): Promise<Result> => (await judgedBy(eng, key)).result

/** The same; and whether something needs itself, so that it hangs on where that is found out. */
export const judgedBy = (
  eng: BuildEngine,
  key: Key,
): Promise<{ readonly result: Result; readonly isCyclic: boolean }> => {
  const outside = new Outside()
  const { world } = insideOf(eng)
  return untilKnown(() => {
    const oracle = new Oracle(world, outside)
    return { result: oracle.of(key), isCyclic: oracle.isCyclic }
  })
}
