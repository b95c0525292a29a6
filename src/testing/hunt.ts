/** Looks for whatever breaks a law, by random graphs, scripts and schedules, and makes what it finds small. */
import fc from 'fast-check'
import { digestOf } from '../model/digest.js'
import { buildId } from '../model/ids.js'
import { messageOf } from '../model/misuse.js'
import type { State } from '../model/state.js'
import { IntEditor } from '../model/table.js'
import { fileCases, sourcesIn, targetsOf } from './file-cases.js'
import { playFiles } from './files-schedules.js'
import { FIRST_PLAN, type Ref } from './plans.js'
import { everyPolicy, expectConfluent, expectLawful, permutation, play } from './plays.js'
import { Choices, textOfSchedule } from './schedule.js'
import { circles, picker, picks, plainCircles, type Sample, type Step, samples, schedules } from './scripts.js'

export interface Found {
  /** How many schedules were played until one broke a law. */
  readonly schedules: number
  /** How the smallest one that was found breaks it. */
  readonly why: string
  /** Rules, sources and actions that have a part in it. */
  readonly builds: number
  readonly plans: unknown
  readonly steps: unknown
}

/** A state that is another in one number has another digest, whichever number that is. */
const expectTold = (sample: Sample, steps: readonly Step[], order: readonly number[]): void => {
  const played = play(sample, steps, { check: false })
  played.finish(picker(order))
  const { state } = played.eng
  played.close()
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

type Case = [Sample, Step[], number[], number, number, boolean]

const cases = (sample: fc.Arbitrary<Sample>, steps = schedules(12)): fc.Arbitrary<Case> =>
  fc.tuple(sample, steps, picks, fc.nat(4), fc.nat(2), fc.boolean())

/** What is found in the cases that were looked at, if anything. */
type Law = (
  seed: number,
  most: number,
) => { readonly looked: number; readonly found?: Omit<Found, 'schedules'> | undefined }

const law =
  <C extends readonly unknown[]>(
    cases: fc.Arbitrary<C>,
    runs: number,
    expect: (...of: C) => void,
    told: (...of: C) => Pick<Found, 'builds' | 'plans' | 'steps'>,
  ): Law =>
  (seed, most) => {
    const run = fc.check(
      fc.property(cases, (of) => expect(...of)),
      { seed, numRuns: Math.min(runs, most) },
    )
    if (!run.failed) return { looked: run.numRuns }
    const error = run.errorInstance
    const why = messageOf(error)
    return { looked: run.numRuns, found: { why, ...told(...run.counterexample![0]) } }
  }

const ofSample = (...[sample, steps]: Case): Pick<Found, 'builds' | 'plans' | 'steps'> => ({
  builds: buildsIn(sample, steps),
  plans: sample.plans,
  steps,
})

const laws: readonly Law[] = [
  law(
    cases(samples(4)),
    300,
    (sample, steps, order, policy, pool, drops) =>
      expectLawful(sample, steps, order, {
        policy: everyPolicy[policy]!,
        pool: pool + 1,
        drop: drops ? 0.5 : 0,
        permute: permutation(order),
      }),
    ofSample,
  ),
  law(cases(samples(4)), 100, (sample, steps, order) => expectConfluent(sample, steps, order), ofSample),
  law(
    cases(circles(true)),
    100,
    (sample, steps, order, policy) =>
      expectLawful(sample, steps, order, { cyclic: 'at once', policy: everyPolicy[policy]! }),
    ofSample,
  ),
  law(cases(plainCircles(false)), 100, (sample, steps, order) => expectConfluent(sample, steps, order), ofSample),
  law(
    cases(samples(4), schedules(12, { crashes: true })),
    100,
    (sample, steps, order, policy) => expectLawful(sample, steps, order, { policy: everyPolicy[policy]! }),
    ofSample,
  ),
  law(cases(samples(4)), 50, (sample, steps, order) => expectTold(sample, steps, order), ofSample),
  law(
    fileCases,
    300,
    (world, schedule) => playFiles(world, { targets: targetsOf(world), clients: 3, faults: 5 }, Choices.of(schedule)),
    (world, schedule) => ({
      builds: world.rules.size + sourcesIn(world).size,
      plans: [...world.rules],
      steps: textOfSchedule(schedule),
    }),
  ),
]

/** At most `schedules` of them; undefined: no law was broken. */
export const hunt = (options: { readonly schedules?: number; readonly seed?: number } = {}): Found | undefined => {
  const { schedules: most = 10_000, seed = 1 } = options
  let count = 0
  for (let round = 0; count < most; round++)
    for (const look of laws) {
      if (count >= most) return undefined
      const { looked, found } = look(seed + round, most - count)
      count += looked
      if (found !== undefined) return { schedules: count, ...found }
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
