/**
 * Plans: rules as data. The same plan is run by the engine, through the rules below, and by a plain recursive evaluation,
 * the oracle, which knows nothing of ticks, waiting or what was made before.
 */
import * as E from 'fp-ts/lib/Either.js'
import { rule } from '../library/define.js'
import type { Builder } from '../make/rule.js'
import type { BuildError } from '../model/build-error.js'
import { codec as C } from '../model/codec.js'
import type { Key } from '../model/definition.js'

/** A number that stands for a build: a source, an action, then the plans of a sample. */
export type Ref = number
/** Set by transactions only; read by a function. */
export const SET_SOURCES: readonly Ref[] = [0, 1]
export const READ_SOURCES: readonly Ref[] = [2, 3]
/** In a pool, the last but one breaks; the last is in none, and done at once. */
export const ACTIONS: readonly Ref[] = [4, 5, 6]
export const FIRST_PLAN = 7
const BREAKS: Ref = 5

export type Plan =
  | { readonly do: 'literal'; readonly value: number }
  /** All at once; the values make one number, which depends on their order. */
  | { readonly do: 'list' | 'static' | 'batch'; readonly of: readonly Ref[] }
  /** One after the other. */
  | { readonly do: 'series'; readonly of: readonly Ref[] }
  /** The first that has a value. */
  | { readonly do: 'first'; readonly of: readonly Ref[] }
  /** Loses much of the value: changes stop here. */
  | { readonly do: 'map'; readonly of: Ref; readonly modulo: number }
  /** A value picks what is needed next. */
  | { readonly do: 'pick'; readonly by: Ref; readonly of: readonly Ref[] }
  | { readonly do: 'attempt'; readonly of: Ref }
  | { readonly do: 'collect'; readonly of: readonly Ref[] }
  /** Breaks, by its own word or by throwing, where the value is odd. */
  | { readonly do: 'fail' | 'throw'; readonly of: Ref }

export type Plans = readonly Plan[]

// ------------------------------------------------------------------------------------------------ results

/** A value; or why there is none: the builds down to the one that broke, and what it says. */
export type Result =
  | { readonly value: number }
  | { readonly chain: readonly Ref[]; readonly why: string }
  /** What it depends on is under way. */
  | 'wait'

export const isBroken = (result: Result): result is Extract<Result, { chain: unknown }> =>
  result !== 'wait' && 'chain' in result

export const textOf = (result: Result): string => {
  if (result === 'wait') return result
  return 'value' in result ? String(result.value) : `${result.chain.join(' < ')}: ${result.why}`
}

const mixed = (values: readonly number[]): number => values.reduce((sum, value) => (sum * 7 + value + 1) % 97, 1)
/** What `attempt` makes of a failure. */
const ofFailure = (text: string): number => 100 + [...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 9973, 7)
export const ofAction = (ref: Ref): number => {
  if (ref === BREAKS) throw new Error('it breaks')
  return ref * 11
}

// ------------------------------------------------------------------------------------------------ the oracle

/** What sources, and actions that fail, come to at one version; undefined: absent, or as an action does by itself. */
export type Truth = readonly (number | undefined | typeof FAILS)[]
/** Of a read or action that throws. */
export const FAILS = 'fails'

/** All that one evaluation comes by. */
export interface Evaluation {
  readonly result: (ref: Ref) => Result
  /** Whatever was evaluated so far. */
  readonly reached: ReadonlySet<Ref>
  /** What it asked for itself. */
  readonly needsOf: (ref: Ref) => readonly Ref[]
  /** What its result is, as far as circles go: `on` a circle, the only one among all that it needs; `none`; or what hangs on chance. */
  readonly circle: (ref: Ref) => 'none' | 'on' | 'chance'
}

/** Evaluates plans as a person would. What is in `waits` has no result yet; of what is found to need itself, the result is of no account. */
export const evaluate = (plans: Plans, truth: Truth, waits: ReadonlySet<Ref> = new Set()): Evaluation => {
  const known = new Map<Ref, Result>()
  const needs = new Map<Ref, Ref[]>()

  const result = (ref: Ref): Result => {
    const found = known.get(ref)
    if (found !== undefined) return found
    if (needs.has(ref)) return { chain: [ref], why: 'cycle' }
    needs.set(ref, [])
    const evaluated = waits.has(ref) ? 'wait' : ref < FIRST_PLAN ? leaf(ref) : ofPlan(ref, plans[ref - FIRST_PLAN]!)
    known.set(ref, evaluated)
    return evaluated
  }

  const leaf = (ref: Ref): Result => {
    const value = truth[ref]
    if (value === FAILS) return { chain: [ref], why: 'threw it fails' }
    if (ref === BREAKS) return { chain: [ref], why: 'threw it breaks' }
    if (ACTIONS.includes(ref)) return { value: ofAction(ref) }
    return value === undefined ? { chain: [ref], why: 'absent' } : { value }
  }

  const ofPlan = (ref: Ref, plan: Plan): Result => {
    const ask = (of: Ref): Result => {
      needs.get(ref)!.push(of)
      return result(of)
    }
    /** With the value of `of`, unless that waits or is broken. */
    const then = (of: Result, go: (value: number) => Result): Result => {
      if (of === 'wait') return of
      return 'value' in of ? go(of.value) : { chain: [ref, ...of.chain], why: of.why }
    }
    const all = (of: readonly Ref[], go: (values: readonly number[]) => Result): Result => {
      const results = of.map(ask)
      if (results.includes('wait')) return 'wait'
      const broken = results.find(isBroken)
      return broken !== undefined
        ? then(broken, () => broken)
        : go(results.map((r) => (r as { readonly value: number }).value))
    }
    switch (plan.do) {
      case 'literal':
        return { value: plan.value }
      case 'list':
      case 'static':
      case 'batch':
        return all(plan.of, (values) => ({ value: mixed(values) }))
      case 'series': {
        const values: number[] = []
        for (const of of plan.of) {
          const one = then(ask(of), (value) => ({ value }))
          if (one === 'wait' || isBroken(one)) return one
          values.push(one.value)
        }
        return { value: mixed(values) }
      }
      case 'first': {
        const tried: string[] = []
        for (const of of plan.of) {
          const one = ask(of)
          if (!isBroken(one)) return one
          tried.push(textOf(one))
        }
        return { chain: [ref], why: `noneOf [${tried.join('; ')}]` }
      }
      case 'map':
        return then(ask(plan.of), (value) => ({ value: value % plan.modulo }))
      case 'pick':
        return then(ask(plan.by), (value) => then(ask(plan.of[value % plan.of.length]!), (v) => ({ value: v })))
      case 'attempt': {
        const one = ask(plan.of)
        return isBroken(one) ? { value: ofFailure(textOf(one)) } : one
      }
      case 'collect': {
        const results = plan.of.map(ask)
        if (results.includes('wait')) return 'wait'
        return {
          value: mixed(results.map((r) => (isBroken(r) ? ofFailure(textOf(r)) : (r as { value: number }).value))),
        }
      }
      case 'fail':
        return then(ask(plan.of), (value) => (value % 2 === 1 ? { chain: [ref], why: `failed ${value}` } : { value }))
      case 'throw':
        return then(ask(plan.of), (value) => (value % 2 === 1 ? { chain: [ref], why: `threw ${value}` } : { value }))
    }
  }
  const needsOf = (ref: Ref): readonly Ref[] => needs.get(ref) ?? []
  return {
    result,
    reached: { has: (r: Ref) => known.has(r), [Symbol.iterator]: () => known.keys() } as never,
    needsOf,
    circle: (ref) => {
      result(ref)
      const all = [ref, ...below(needsOf, ref)]
      const circular = new Set(all.filter((each) => below(needsOf, each).has(each)))
      if (circular.size === 0) return 'none'
      const isOne = circular.has(ref) && isPlain(needsOf, [...circular])
      // Who goes on behind the failure of another circle makes something of how that was found out.
      const hasOther = [...circular].some((each) => !below(needsOf, each).has(ref))
      const isCaught = hasOther && all.some((each) => catches(plans[each - FIRST_PLAN]))
      return isOne && !isCaught ? 'on' : 'chance'
    },
  }
}

const catches = (plan: Plan | undefined): boolean =>
  plan?.do === 'attempt' || plan?.do === 'collect' || plan?.do === 'first'

type NeedsOf = (ref: Ref) => readonly Ref[]

/** All that a plan may need. */
const mayNeed =
  (plans: Plans): NeedsOf =>
  (ref) => {
    const { of = [], by = [] } = (plans[ref - FIRST_PLAN] ?? {}) as { of?: Ref | Ref[]; by?: Ref }
    return [by, of].flat()
  }

/** All that `ref` needs in turn: itself only where it is on a circle. */
const below = (needs: NeedsOf, ref: Ref): ReadonlySet<Ref> => {
  const found = new Set<Ref>(needs(ref))
  for (const each of found) for (const need of needs(each)) found.add(need)
  return found
}

/** All that `ref` is on a circle with, itself included; nothing, where it is on none. */
const circleOf = (needs: NeedsOf, ref: Ref): readonly Ref[] => {
  const all = below(needs, ref)
  return all.has(ref) ? [...all].filter((each) => below(needs, each).has(ref)) : []
}

/** There is one way around only. */
const isPlain = (needs: NeedsOf, circle: readonly Ref[]): boolean =>
  circle.every((each) => new Set(needs(each).filter((need) => circle.includes(need))).size === 1)

const refsOf = (plans: Plans): readonly Ref[] => plans.map((_, i) => FIRST_PLAN + i)

export const hasCircles = (plans: Plans): boolean =>
  refsOf(plans).some((ref) => circleOf(mayNeed(plans), ref).length > 0)

/** No circles overlap: which one is found does not hang on chance. */
export const hasPlainCircles = (plans: Plans): boolean =>
  refsOf(plans).every((ref) => isPlain(mayNeed(plans), circleOf(mayNeed(plans), ref)))

/** Of plans that ask for all they need at once: the result. Where circles overlap, which one breaks first hangs on chance. */
export const inCircles = (plans: Plans, truth: Truth, ref: Ref): 'cycle' | 'broken' | Result => {
  const needs = mayNeed(plans)
  const circle = circleOf(needs, ref)
  if (circle.length > 0 && isPlain(needs, circle)) return 'cycle'
  if ([...below(needs, ref)].some((each) => circleOf(needs, each).length > 0)) return 'broken'
  return evaluate(plans, truth).result(ref)
}

// ------------------------------------------------------------------------------------------------ the rules

/** What the engine says of a failure, in the oracle's words. */
export const broken = (error: BuildError): Extract<Result, { chain: unknown }> => {
  const chain: Ref[] = []
  let root = error
  for (; root._tag === 'dependency'; root = root.cause) chain.push(root.key.key as Ref)
  chain.push(root.key.key as Ref)
  return { chain, why: whyOf(root) }
}

const whyOf = (root: BuildError): string => {
  switch (root._tag) {
    case 'failed':
      return `failed ${root.error}`
    case 'threw':
      return `threw ${root.message}`
    case 'noneOf':
      return `noneOf [${root.tried.map((tried) => textOf(broken(tried))).join('; ')}]`
    case 'cycle':
      return `cycle ${root.path.map((key) => key.key).join(' ')}`
    default:
      return root._tag
  }
}

/** The keys of what is no plan: of sources that are set or read, and of actions, the last of which is in no pool. */
export const leafKeysOf =
  (leaves: Readonly<Record<'set' | 'read' | 'pooled' | 'free', (ref: Ref) => Key<number>>>) =>
  (ref: Ref): Key<number> => {
    if (SET_SOURCES.includes(ref)) return leaves.set(ref)
    if (READ_SOURCES.includes(ref)) return leaves.read(ref)
    return ref === ACTIONS.at(-1) ? leaves.free(ref) : leaves.pooled(ref)
  }

/** Rules that run `plans`. `leafKey` names a source or action. */
export const rulesOf = (plans: Plans, leafKey: (ref: Ref) => Key<number>) => {
  const planOf = (ref: Ref): Plan => plans[ref - FIRST_PLAN]!
  const keyOf = (ref: Ref): Key<number> => {
    if (ref < FIRST_PLAN) return leafKey(ref)
    const kind = planOf(ref).do
    return kind === 'static' ? declared(ref) : kind === 'batch' ? batched(ref) : run(ref)
  }
  const keysOf = (ref: Ref): readonly Key<number>[] => (planOf(ref) as { readonly of: readonly Ref[] }).of.map(keyOf)

  const run = rule('plan', { key: C.int, value: C.int, error: C.int }, function* (ref: Ref, b: Builder<number>) {
    const plan = planOf(ref)
    switch (plan.do) {
      case 'literal':
        return plan.value
      case 'series': {
        const values: number[] = []
        for (const key of keysOf(ref)) values.push(yield* b.need(key))
        return mixed(values)
      }
      case 'first':
        return yield* b.first(keysOf(ref))
      case 'map':
        return (yield* b.need(keyOf(plan.of))) % plan.modulo
      case 'pick': {
        const at = yield* b.need(keyOf(plan.by))
        return yield* b.need(keyOf(plan.of[at % plan.of.length]!))
      }
      case 'attempt':
        return numberOf(yield* b.attempt(keyOf(plan.of)))
      case 'collect':
        return mixed((yield* b.collect(keysOf(ref))).map(numberOf))
      case 'fail':
      case 'throw': {
        const value = yield* b.need(keyOf(plan.of))
        if (value % 2 === 0) return value
        if (plan.do === 'throw') throw new Error(String(value))
        return b.fail(value)
      }
      default:
        return mixed(yield* b.all(keysOf(ref)))
    }
  })
  const declared = rule.static('declared', {
    key: C.int,
    value: C.int,
    deps: keysOf,
    make: (values) => mixed(values),
  })
  const batched = rule.batch('batched', {
    key: C.int,
    value: C.int,
    deps: keysOf,
    batch: { max: 2, by: (ref) => ref % 2 },
    make: (units) => units.map(({ deps }) => mixed(deps)),
  })
  return { rules: [run, declared, batched], keyOf }
}

const numberOf = (one: E.Either<BuildError, number>): number =>
  E.isRight(one) ? one.right : ofFailure(textOf(broken(one.left)))
