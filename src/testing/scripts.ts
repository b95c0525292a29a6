/** Random plans and schedules, as data that shrinks. */
import fc from 'fast-check'
import { ACTIONS, FIRST_PLAN, hasPlainCircles, type Plan, type Plans, READ_SOURCES, type Ref } from './plans.js'

export type Step =
  | { readonly step: 'once' | 'live'; readonly ref: Ref }
  | { readonly step: 'cancel'; readonly which: number }
  | { readonly step: 'change'; readonly changes: readonly Change[]; readonly touches: readonly Ref[] }
  /** `stale`: any that ever was under way, ended or dropped. */
  | { readonly step: 'settle'; readonly which: number; readonly stale: boolean }
  | { readonly step: 'tick' | 'run' }
  | { readonly step: 'gc' | 'sweep'; readonly keep: number }
  | { readonly step: 'wipe'; readonly percent: number }
  /** From now on the read or action throws, or does not any more; it is touched. */
  | { readonly step: 'fail'; readonly ref: Ref; readonly fails: boolean }
  /** The engine ends without warning; another one goes on from what was committed. */
  | { readonly step: 'crash' }

export interface Change {
  readonly source: Ref
  readonly value: number | undefined
  /** By the transaction; or outside, and it is told to read again. */
  readonly how: 'set' | 'outside'
  /** Reads of it wait from now on. */
  readonly waits: boolean
}

export interface Sample {
  readonly plans: Plans
  readonly truth: readonly (number | undefined)[]
}

/** Stands for a build that a plan needs. */
const need = fc.nat(59)
/** A source or action; or, negative, a plan, counted from the last, which needs the others. */
const target = fc.oneof({ weight: 1, arbitrary: fc.nat(6) }, { weight: 4, arbitrary: fc.integer({ min: -8, max: -1 }) })
const value = fc.option(fc.nat(3), { freq: 6, nil: undefined })

const few = (refs: fc.Arbitrary<Ref>): fc.Arbitrary<Ref[]> => fc.array(refs, { minLength: 1, maxLength: 3 })

const planOf = (ref: fc.Arbitrary<Ref>): fc.Arbitrary<Plan> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('list', 'series', 'first', 'static', 'batch', 'collect'),
        of: few(ref),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('pick'), by: ref, of: few(ref) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('attempt', 'fail', 'throw'), of: ref }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('map'), of: ref, modulo: fc.constantFrom(1, 2, 2) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('literal'), value: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('list', 'static', 'batch'), of: fc.constant([]) }) },
  ) as fc.Arbitrary<Plan>

/** Each plan needs sources, actions, and plans before it. */
export const samples = (plansMax = 8): fc.Arbitrary<Sample> =>
  fc.noBias(
    fc.record({
      plans: fc.array(planOf(need), { minLength: 1, maxLength: plansMax, size: 'max' }).map((plans) =>
        plans.map((plan, i) => {
          const lower = (n: number): Ref => {
            if (n < 25) return n % 4
            return n < 30 || i === 0 ? 4 + (n % 3) : FIRST_PLAN + i - 1 - (n % Math.min(i, n < 50 ? 3 : i))
          }
          return resolved(plan, lower)
        }),
      ),
      truth: fc.tuple(value, value, value, value),
    }),
  )

/** Plans may need one another in circles. */
export const circles = (atOnce: boolean): fc.Arbitrary<Sample> =>
  fc.record({
    plans: fc
      .array(
        atOnce
          ? (fc.record({
              do: fc.constantFrom('list', 'list', 'static', 'batch'),
              of: few(need),
            }) as fc.Arbitrary<Plan>)
          : planOf(need),
        { minLength: 1, maxLength: 5 },
      )
      .map((plans) => plans.map((plan) => resolved(plan, (n) => (n < 20 ? n % 4 : FIRST_PLAN + (n % plans.length))))),
    truth: fc.tuple(value, value, value, value),
  })

/** Most plans go where a source sends them: circles come and go as sources change. */
export const passingCircles: fc.Arbitrary<Sample> = fc.noBias(
  fc.record({
    plans: fc
      .array(
        fc.oneof(
          { weight: 3, arbitrary: fc.record({ do: fc.constant('pick'), by: fc.nat(11), of: few(need) }) },
          {
            weight: 2,
            arbitrary: fc.record({
              do: fc.constantFrom('list', 'series', 'static', 'batch', 'collect'),
              of: few(need),
            }),
          },
        ) as fc.Arbitrary<Plan>,
        { minLength: 2, maxLength: 5, size: 'max' },
      )
      .map((plans) => plans.map((plan) => resolved(plan, (n) => (n < 12 ? n % 4 : FIRST_PLAN + (n % plans.length))))),
    truth: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
  }),
)

/** As {@link circles}; but none of them overlap, so that what comes of them hangs on no chance. */
export const plainCircles = (atOnce: boolean): fc.Arbitrary<Sample> =>
  circles(atOnce).filter(({ plans }) => hasPlainCircles(plans))

const resolved = (plan: Plan, at: (n: number) => Ref): Plan => {
  const found = { ...plan } as { of?: Ref | readonly Ref[]; by?: Ref }
  if (typeof found.of === 'number') found.of = at(found.of)
  else if (found.of !== undefined) found.of = found.of.map(at)
  if (found.by !== undefined) found.by = at(found.by)
  return found as Plan
}

const usual = [
  { weight: 3, arbitrary: fc.record({ step: fc.constant('once'), ref: target }) },
  { weight: 4, arbitrary: fc.record({ step: fc.constant('live'), ref: target }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('cancel'), which: fc.nat(9) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      step: fc.constant('change'),
      changes: fc.uniqueArray(
        fc.record({
          source: fc.nat(3),
          value,
          how: fc.constantFrom('outside', 'outside', 'set'),
          waits: fc.boolean(),
        }),
        { minLength: 1, maxLength: 3, selector: (change) => change.source },
      ),
      touches: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.tuple(target) }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ step: fc.constant('settle'), which: fc.nat(9), stale: fc.nat(4).map((n) => n === 4) }),
  },
  { weight: 9, arbitrary: fc.record({ step: fc.constant('tick') }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('run') }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constantFrom('gc', 'sweep'), keep: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('wipe'), percent: fc.constantFrom(50, 100) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constant('fail'),
      ref: fc.constantFrom(...READ_SOURCES, ...ACTIONS),
      fails: fc.nat(2).map((n) => n > 0),
    }),
  },
] as fc.WeightedArbitrary<Step>[]
const step = fc.oneof(...usual)
const stepOrTick = fc.oneof(...usual, { weight: 25, arbitrary: fc.constant<Step>({ step: 'tick' }) })
const stepOrCrash = fc.oneof(...usual, { weight: 2, arbitrary: fc.constant<Step>({ step: 'crash' }) })

/** Mostly, something is followed from the beginning. `ticks`: most steps are such, so that all else happens in the midst of it. An engine that crashes needs a store, and takes some milliseconds. */
export const schedules = (
  maxLength = 25,
  { crashes = false, ticks = false }: { readonly crashes?: boolean; readonly ticks?: boolean } = {},
): fc.Arbitrary<Step[]> =>
  fc.noBias(
    fc
      .tuple(
        fc.subarray([-1, -2, -3]),
        fc.array(crashes ? stepOrCrash : ticks ? stepOrTick : step, { maxLength, size: 'max' }),
      )
      .map(([refs, steps]) => [...refs.map((ref): Step => ({ step: 'live', ref })), ...steps]),
  )
export const picks = fc.array(fc.nat(9), { minLength: 1, maxLength: 12 })

/** Numbers as choices, over and over. */
export const picker = (numbers: readonly number[]): ((n: number) => number) => {
  let i = 0
  return (n) => (numbers[i++ % numbers.length] ?? 0) % n
}
