/** Small worlds of files and rules, and schedules of them, as data that shrinks. */
import fc from 'fast-check'
import type { Rule, World } from './files.js'
import type { Schedule } from './schedule.js'

const SOURCES = [1, 2]
const FIRST_RULE = 10

/** What a rule asks for, as numbers of what is below it. */
const sketches = fc.record({
  asks: fc.array(fc.array(fc.nat(9), { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
  ifOdd: fc.option(fc.nat(9), { freq: 2 }),
  output: fc.constantFrom('sum' as const, 'parity' as const),
  failsAt: fc.option(fc.nat(4), { freq: 2 }),
})

const worlds: fc.Arbitrary<World> = fc
  .tuple(fc.array(sketches, { minLength: 1, maxLength: 3 }), fc.tuple(fc.nat(9), fc.nat(9)))
  .map(([rules, values]) => ({
    files: new Map(SOURCES.map((source, i) => [source, values[i]!])),
    rules: new Map(
      rules.map(({ asks, ifOdd, output, failsAt }, rank): [number, Rule] => {
        const below = [...SOURCES, ...rules.slice(0, rank).map((_, i) => FIRST_RULE + i)].reverse()
        const ref = (n: number): number => below[n % below.length]!
        return [
          FIRST_RULE + rank,
          {
            asks: asks.map((group) => [...new Set(group.map(ref))]),
            output,
            ...(ifOdd === null ? {} : { ifOdd: [ref(ifOdd)] }),
            ...(failsAt === null ? {} : { failsAt }),
          },
        ]
      }),
    ),
  }))

export const fileCases: fc.Arbitrary<[World, Schedule]> = fc.tuple(
  worlds,
  // Mostly as usual, so that what happens besides does so at any time.
  fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(31) }), {
    maxLength: 80,
    size: 'max',
  }),
)

/** The last one first. */
export const targetsOf = ({ rules }: World): readonly number[] => [...rules.keys()].reverse()

export const sourcesIn = ({ rules }: World): ReadonlySet<number> =>
  new Set(
    [...rules.values()].flatMap(({ asks, ifOdd = [] }) => [...asks.flat(), ...ifOdd]).filter((x) => x < FIRST_RULE),
  )
