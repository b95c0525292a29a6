/** What has to hold of every schedule: each function plays one, and throws where a law is broken. */
import { createEngine } from '../library/create-engine.js'
import type { Receipt } from '../model/event.js'
import type { ReadyView } from '../reduce/gather.js'
import * as policies from '../reduce/policies/index.js'
import type { PlainPolicy, Policy } from '../reduce/policies/policy.js'
import { fingerprint } from './fingerprint.js'
import { hasCircles } from './plans.js'
import { Play } from './play.js'
import { picker, type Sample, type Step } from './scripts.js'
import type { Config } from './watched.js'

/** The last that came is done first, two at a time. */
const lifo: PlainPolicy = (view) => ({
  scan: view.scan(Number.POSITIVE_INFINITY),
  run: [...view.run(Number.POSITIVE_INFINITY)].reverse().slice(0, 2),
  start: [...view.pooled].reverse(),
  answer: [],
})

/** Goes so far beyond its batch, be it never enough. */
export const ahead = (policy: PlainPolicy, builds: number): PlainPolicy =>
  Object.assign((view: ReadyView) => policy(view), { ahead: builds })

export const everyPolicy: readonly Policy[] = [
  policies.fixpoint(),
  policies.fullBatch(),
  policies.cap(1),
  policies.cap(3),
  lifo,
  ahead(lifo, 1),
  ahead(policies.cap(1), 3),
  ahead(policies.fullBatch(), 5),
]

/** Those that know requests, costs and time: all they keep is in the state, and none of it is left in the end. */
export const knowing: readonly Policy[] = [
  policies.shortestRemaining(),
  policies.leastAttained(),
  policies.fairShare({ a: 2 }),
  policies.criticalPath(),
  policies.lexicographic(policies.deadline(), policies.criticalPath()),
  policies.random(7),
  policies.perClass({ a: policies.shortestRemaining(), b: policies.random(3) }),
  policies.compose(policies.shortestRemaining(), policies.slice(1), policies.aimd(1)),
]

/** Puts receipts in an order that numbers choose. */
export const permutation = (numbers: readonly number[]): ((receipts: readonly Receipt[]) => readonly Receipt[]) => {
  const pick = picker(numbers)
  return (receipts) => {
    const left = [...receipts]
    return receipts.map(() => left.splice(pick(left.length), 1)[0]!)
  }
}

const hasCrash = (steps: readonly Step[]): boolean => steps.some(({ step }) => step === 'crash')

/** Close it when you are done with it. */
export const play = ({ plans, truth }: Sample, steps: readonly Step[], config: Config = {}): Play => {
  const played = new Play(plans, truth, { crashes: hasCrash(steps), cyclic: hasCircles(plans), ...config })
  try {
    for (const step of steps) played.step(step)
  } catch (error) {
    played.close()
    throw error
  }
  return played
}

/** Plays it until all that is under way has ended, in this order; then looks at it. */
const playing = <A>(
  sample: Sample,
  steps: readonly Step[],
  order: readonly number[],
  config: Config,
  look: (played: Play) => A,
): A => {
  const played = play(sample, steps, config)
  try {
    played.finish(picker(order))
    return look(played)
  } finally {
    played.close()
  }
}

/** Whatever happens is right; in the end all is answered, what is kept is what is needed, and then nothing. */
export const expectLawful = (
  sample: Sample,
  steps: readonly Step[],
  order: readonly number[],
  config: Config = {},
): void =>
  playing(sample, steps, order, config, (played) => {
    played.expectSmall()
    const { policy } = config
    const fresh = createEngine({
      rules: [],
      pools: { pool: config.pool ?? 1 },
      drive: 'manual',
      keep: 5,
      ...(policy && { policy }),
    })
    played.expectEmptied(fresh.state)
  })

/** Gives up all or nothing: which half of it goes hangs on what was made first, and with it what is told from memory. */
const whole = (step: Step): Step => {
  if (step.step === 'wipe') return { ...step, percent: 100 }
  return step.step === 'gc' || step.step === 'sweep' ? { ...step, keep: 0 } : step
}

/**
 * A circle is told of by its path. Who is on it may have heard so from the one that it needs, if that was found out before, for somebody else: so
 * the way there is told up to the circle only.
 */
const byCircles = (told: string): string =>
  told.replace(/((?:\d+ < )*\d+): cycle ([\d ]*\d)/g, (_, way: string, path: string) => {
    const on = path.split(' ')
    const through = way.split(' < ')
    const end = through.findIndex((one) => on.includes(one))
    return `${through.slice(0, end + 1 || through.length).join(' < ')}: cycle ${path}`
  })

/** However the builds are picked, cut into ticks, their receipts ordered and continuations dropped: the same is told. */
export const expectConfluent = (sample: Sample, schedule: readonly Step[], order: readonly number[]): void => {
  const steps = schedule.map(whole)
  // With room for all actions, which of them are under way does not hang on which was picked first.
  const common: Config = { whole: true, pool: 9, check: false }
  const told = (more: Config) =>
    playing(sample, steps, order, { ...common, ...more }, ({ history, results, eng }) => ({
      // Where there are circles, when they are found out hangs on what is done first: what comes of it all does not.
      history: JSON.stringify(hasCircles(sample.plans) ? results.map(byCircles) : history),
      state: fingerprint(eng.state),
    }))
  const one = told({})
  for (const policy of everyPolicy) {
    const other = told({ policy, drop: 0.5, permute: permutation(order) })
    if (other.history !== one.history) throw new Error(`told ${one.history}, and ${other.history}`)
  }
  const shuffled = told({ permute: permutation(order) })
  if (shuffled.state !== one.state) throw new Error('the order of receipts changes the state')
}

/** Every driver tells the same; and where its turns are those of `settle`, comes to the same state, word for word. */
export const expectSameDriven = async (
  sample: Sample,
  steps: readonly Step[],
  order: readonly number[],
): Promise<void> => {
  const one = play(sample, steps, { whole: true, check: false })
  try {
    one.finish(picker(order))
    for (const drive of [{ per: 'fixpoint' }, { per: 'batch' }, { per: { ms: 1 } }] as const) {
      const other = play(sample, [], { drive, check: false, crashes: hasCrash(steps) })
      try {
        for (const step of steps) {
          if (['tick', 'run', 'change', 'fail', 'crash'].includes(step.step)) await other.runInTurns()
          if (step.step !== 'tick' && step.step !== 'run') other.step(step)
        }
        await other.finishInTurns(picker(order))
        const [told, toldThere] = [one, other].map(({ history }) => JSON.stringify(history))
        if (told !== toldThere) throw new Error(`told ${told}, and ${toldThere} ${JSON.stringify(drive)}`)
        // Ids are given again at the end of a turn: with shorter turns, others.
        if (drive.per === 'fixpoint' && fingerprint(other.eng.state) !== fingerprint(one.eng.state))
          throw new Error('another state')
      } finally {
        other.close()
      }
    }
  } finally {
    one.close()
  }
}
