/** Looks for whatever breaks a law, by random graphs, scripts and schedules, and makes what it finds small. */
import fc from 'fast-check'
import { digestOf } from '../model/digest.js'
import { buildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import { IntEditor } from '../model/table.js'
import { FIRST_PLAN, type Ref } from './plans.js'
import { everyPolicy, expectConfluent, expectLawful, permutation, play } from './plays.js'
import { circles, picker, picks, type Sample, type Step, samples, schedules } from './scripts.js'

export interface Found {
  /** How many schedules were played until one broke a law. */
  readonly schedules: number
  /** How the smallest one that was found breaks it. */
  readonly why: string
  /** Rules, sources and actions that have a part in it. */
  readonly builds: number
  readonly plans: Sample['plans']
  readonly steps: readonly Step[]
}

/** A state that is another in one number has another digest, whichever number that is. */
export const expectTold = (sample: Sample, steps: readonly Step[], order: readonly number[]): void => {
  const played = play(sample, steps, { check: false })
  played.finish(picker(order))
  const { state } = played.eng
  const digest = digestOf(state)
  const expectOther = (what: string, other: State): void => {
    if (digestOf(other) === digest) throw new Error(`the digest of a state says nothing of its ${what}`)
  }
  for (const name of ['facts', 'checked', 'edges', 'flight'] as const) {
    const editor = new IntEditor(state[name])
    editor.set(1, 0, editor.get(1, 0) + 1)
    expectOther(name, { ...state, [name]: editor.finish() })
  }
  for (const name of ['generation', 'version', 'edgesEnd', 'inFlight', 'keep', 'cyclic'] as const)
    expectOther(name, { ...state, [name]: state[name] + 1 })
  expectOther('kept', { ...state, kept: [...state.kept, buildId(1)] })
  for (const name of ['park', 'ready', 'start'] as const)
    expectOther(name, { ...state, [name]: { ...state[name], size: state[name].size + 1 } })
}

type Case = readonly [Sample, Step[], number[], number, number, boolean]

const cases = (sample: fc.Arbitrary<Sample>): fc.Arbitrary<Case> =>
  fc.tuple(sample, schedules(12), picks, fc.nat(4), fc.nat(2), fc.boolean())

const laws: readonly {
  readonly cases: fc.Arbitrary<Case>
  readonly runs: number
  readonly expect: (...of: Case) => void
}[] = [
  {
    cases: cases(samples(4)),
    runs: 300,
    expect: (sample, steps, order, policy, pool, drops) =>
      expectLawful(sample, steps, order, {
        policy: everyPolicy[policy]!,
        pool: pool + 1,
        drop: drops ? 0.5 : 0,
        permute: permutation(order),
      }),
  },
  { cases: cases(samples(4)), runs: 100, expect: (sample, steps, order) => expectConfluent(sample, steps, order) },
  {
    cases: cases(circles(true)),
    runs: 100,
    expect: (sample, steps, order, policy) =>
      expectLawful(sample, steps, order, { cyclic: 'at once', policy: everyPolicy[policy]! }),
  },
  { cases: cases(samples(4)), runs: 50, expect: (sample, steps, order) => expectTold(sample, steps, order) },
]

/** At most `schedules` of them; undefined: no law was broken. */
export const hunt = (options: { readonly schedules?: number; readonly seed?: number } = {}): Found | undefined => {
  const { schedules: most = 10_000, seed = 1 } = options
  let count = 0
  for (let round = 0; count < most; round++)
    for (const law of laws) {
      const numRuns = Math.min(law.runs, most - count)
      if (numRuns <= 0) return undefined
      const found = fc.check(
        fc.property(law.cases, (of) => law.expect(...of)),
        { seed: seed + round, numRuns },
      )
      if (!found.failed) {
        count += numRuns
        continue
      }
      const [sample, steps] = found.counterexample![0]
      const error = found.errorInstance
      return {
        schedules: count + found.numRuns,
        why: error instanceof Error ? error.message : String(error),
        builds: buildsIn(sample, steps),
        plans: sample.plans,
        steps,
      }
    }
  return undefined
}

/** All that the script speaks of, and all that it may need. */
const buildsIn = ({ plans }: Sample, steps: readonly Step[]): number => {
  const found = new Set<Ref>()
  for (const step of steps) {
    if (step.step !== 'once' && step.step !== 'live') continue
    found.add(step.ref >= 0 ? step.ref : FIRST_PLAN + plans.length - 1 - ((-step.ref - 1) % plans.length))
  }
  for (const ref of found) {
    const plan = plans[ref - FIRST_PLAN] as { readonly of?: Ref | readonly Ref[]; readonly by?: Ref } | undefined
    for (const need of [plan?.by ?? [], plan?.of ?? []].flat()) found.add(need)
  }
  return found.size
}
