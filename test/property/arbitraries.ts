/** Random worlds and random histories, as data that shrinks. */
import fc from 'fast-check'
import type { Rule, World } from '../support/world.js'

export const SOURCES = [1, 2, 3, 4]
/** Not there at first. */
export const MISSING = [5, 6]
/** Read without being asked for. */
export const PEEK = 7
const FIRST_RULE = 10
const FIRST_SCRIPT = 40

/** A rule before its references mean anything: numbers of what is below it, or of everything. */
interface Sketch {
  readonly asks: number[][]
  readonly ifOdd: number[]
  readonly ifcreate: number | null
  readonly output: Rule['output']
  readonly failsAt: number | null
  readonly always: boolean
  readonly tolerant: boolean
  /** A source of its own, or something that is made. */
  readonly script: 'own' | number | null
  readonly stamps: boolean
  readonly background: number | null
  readonly inMake: boolean
}

export interface Shape {
  /** Rules may need each other in circles. */
  readonly cyclic?: boolean
  readonly tolerant?: boolean
  readonly background?: boolean
  /** Some rules have no process. */
  readonly inMake?: boolean
  readonly rulesMax?: number
}

const often = <A>(value: fc.Arbitrary<A>, weight: number): fc.Arbitrary<A | null> =>
  fc.option(value, { freq: weight, nil: null })

const sketch = (shape: Shape): fc.Arbitrary<Sketch> => {
  const ref = fc.nat(30)
  return fc.record({
    asks: fc.array(fc.array(ref, { minLength: 1, maxLength: 3 }), { maxLength: 2 }),
    ifOdd: fc.array(ref, { maxLength: 2 }),
    ifcreate: fc.option(fc.constantFrom(...MISSING), { freq: 5, nil: null }),
    output: fc.constantFrom('sum', 'sum', 'parity', 'parity', 'none'),
    failsAt: fc.option(fc.nat(4), { freq: 4, nil: null }),
    always: fc.nat(7).map((n) => n === 7),
    tolerant: shape.tolerant === false ? fc.constant(false) : fc.nat(3).map((n) => n === 3),
    script: fc.oneof(fc.constant(null), fc.constant('own' as const), ref),
    stamps: fc.nat(3).map((n) => n === 3),
    background: shape.background ? often(ref, 3) : fc.constant(null),
    inMake: shape.inMake ? fc.boolean() : fc.constant(false),
  })
}

const ruleOf = (s: Sketch, rank: number, pool: readonly number[]): Rule => {
  const resolve = (n: number): number => pool[n % pool.length]!
  const isPlain = !s.always && s.ifcreate === null && s.background === null && !(s.stamps && s.output === 'none')
  return {
    ...(s.inMake && isPlain ? { inMake: true } : {}),
    asks: s.asks.map((group) => group.map(resolve)),
    output: s.output,
    ...(s.ifOdd.length > 0 ? { ifOdd: s.ifOdd.map(resolve) } : {}),
    ...(s.ifcreate === null ? {} : { ifcreate: [s.ifcreate] }),
    ...(s.failsAt === null ? {} : { failsAt: s.failsAt }),
    ...(s.always ? { always: true, peeks: PEEK } : {}),
    ...(s.tolerant ? { tolerant: true } : {}),
    ...(s.script === null ? {} : { script: s.script === 'own' ? FIRST_SCRIPT + rank : resolve(s.script) }),
    ...(s.stamps && s.output === 'none' ? { stamps: true } : {}),
    ...(s.background === null ? {} : { background: [resolve(s.background)] }),
  }
}

export interface Sample {
  readonly rules: readonly (readonly [number, Rule])[]
  readonly files: readonly (readonly [number, number])[]
  readonly targets: readonly number[]
}

/** Ids of targets are dealt at random, so that nothing can rely on dependencies having smaller ids. */
export const samples = (shape: Shape = {}): fc.Arbitrary<Sample> =>
  fc
    .array(sketch(shape), { minLength: 1, maxLength: shape.rulesMax ?? 7 })
    .chain((sketches) => {
      const ids = sketches.map((_, i) => FIRST_RULE + i)
      return fc.tuple(
        fc.constant(sketches),
        fc.shuffledSubarray(ids, { minLength: ids.length }),
        fc.array(fc.nat(9), { minLength: 5, maxLength: 5 }),
      )
    })
    .map(([sketches, ids, values]) => {
      const leaves = [...SOURCES, MISSING[0]!]
      const rules = sketches.map((s, rank): readonly [number, Rule] => {
        // Rules come first, so that deep graphs are frequent.
        const below = shape.cyclic ? ids : ids.slice(0, rank).reverse()
        const id = ids[rank]!
        return [id, ruleOf(s, id - FIRST_RULE, [...below, ...leaves])]
      })
      return {
        rules,
        files: [
          ...SOURCES.map((id, i): readonly [number, number] => [id, values[i]!]),
          [PEEK, values[4]!] as const,
          ...rules.flatMap(([, rule]) =>
            rule.script === undefined || rule.script < FIRST_SCRIPT ? [] : [[rule.script, 0] as const],
          ),
        ],
        targets: ids,
      }
    })

export const worldOf = (sample: Sample): World => ({
  rules: new Map(sample.rules),
  files: new Map(sample.files),
  byHand: new Set(),
})

/** One thing that happens from outside. Numbers choose among what there is at that moment. */
export type Op =
  | {
      readonly op: 'request'
      readonly targets: readonly number[]
      readonly want: 'ifchange' | 'force' | 'overwrite' | 'look' | 'create'
      readonly keepGoing: boolean
      readonly jobs: number
      readonly trust: boolean
    }
  | { readonly op: 'cancel'; readonly which: number }
  | { readonly op: 'edit'; readonly which: number; readonly value: number | null }
  | { readonly op: 'hand'; readonly which: number; readonly remove: boolean }
  | { readonly op: 'tick' | 'settle' | 'finish' | 'collect' | 'recheck' | 'forgetAll' }
  | { readonly op: 'go'; readonly which: number }
  | { readonly op: 'murder'; readonly which: number }

const request = (trust: boolean): fc.Arbitrary<Op> =>
  fc.record({
    op: fc.constant('request' as const),
    targets: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }),
    want: fc.constantFrom('ifchange', 'ifchange', 'ifchange', 'ifchange', 'force', 'overwrite', 'look', 'create'),
    keepGoing: fc.boolean(),
    jobs: fc.integer({ min: 1, max: 3 }),
    trust: trust ? fc.boolean() : fc.constant(false),
  })

export const ops = (options: { trust?: boolean; forget?: boolean } = {}): fc.Arbitrary<Op[]> =>
  fc.array(
    fc.oneof(
      { weight: 5, arbitrary: request(options.trust ?? false) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('cancel' as const), which: fc.nat(9) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          op: fc.constant('edit' as const),
          which: fc.nat(20),
          value: fc.option(fc.nat(9), { freq: 5, nil: null }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ op: fc.constant('hand' as const), which: fc.nat(20), remove: fc.boolean() }),
      },
      { weight: 4, arbitrary: fc.constant<Op>({ op: 'tick' }) },
      { weight: 4, arbitrary: fc.constant<Op>({ op: 'settle' }) },
      // All that was asked for so far is answered before the next thing happens.
      { weight: 3, arbitrary: fc.constant<Op>({ op: 'finish' }) },
      { weight: 1, arbitrary: fc.constant<Op>({ op: 'collect' }) },
      // Files that were built count as sources afterwards, so what is right is another thing then.
      { weight: options.forget ? 1 : 0, arbitrary: fc.constant<Op>({ op: 'forgetAll' }) },
      { weight: 1, arbitrary: fc.constant<Op>({ op: 'recheck' }) },
      { weight: 10, arbitrary: fc.record({ op: fc.constant('go' as const), which: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('murder' as const), which: fc.nat(9) }) },
    ),
    { maxLength: 40, size: 'max' },
  )

/** Which process goes on next: the numbers in turn, then always the first. */
export const picks: fc.Arbitrary<readonly number[]> = fc.array(fc.nat(9), { maxLength: 30 })

export const picker = (numbers: readonly number[]): ((n: number) => number) => {
  let i = 0
  return (n) => (numbers[i++] ?? 0) % n
}

/** What changes in the world between two requests: file, and its value or that it is removed. */
export type Edits = readonly { readonly which: number; readonly value: number | null }[]

export const edits: fc.Arbitrary<Edits> = fc.array(
  fc.record({ which: fc.nat(20), value: fc.option(fc.nat(9), { freq: 5, nil: null }) }),
  { maxLength: 3 },
)
