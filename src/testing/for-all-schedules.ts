/** Runs a check of a user's builds under many schedules, and finds the smallest one under which it fails. */
import type { BuildEngine } from '../library/create-engine.js'
import { Misuse } from '../model/misuse.js'
import { expectFunctions, expectOptions, replayedBy } from './options.js'
import { type EngineFactory, Pump, type PumpOptions } from './pump.js'
import type { Choices } from './schedule.js'
import { type Failed, LEAST, type Run, type Schedules, type SearchOptions, search } from './search.js'

export interface ScheduleOptions extends SearchOptions {
  /** How many reads and actions fail in a run, at most, each with an {@link InjectedFault}. Default 0. */
  readonly faults?: number
  /** How long something under way outside the engine is waited for, in ms. Default 100. */
  readonly patience?: number
  /** More steps than this are taken for a loop without end. Default 10,000. */
  readonly stepsMax?: number
}

/** What a read or action fails with that was chosen to. */
export class InjectedFault extends Error {
  override readonly name = 'InjectedFault'
  constructor() {
    super('a fault, injected by the schedule')
  }
}

/** The program text by which one schedule is run again, given its options. */
export type AgainBy = (options: Readonly<Record<string, unknown>>) => string
const againByCheck: AgainBy = (options) => `forAllSchedules(engineFactory, check, ${replayedBy(options)})`

export type Check = (eng: BuildEngine) => unknown

/**
 * Runs `check` on a fresh engine for each schedule. It asks and awaits as in real use; what is ready when, in which batch, in which order it is heard
 * of, and which generator is dropped is the schedule's choice. After the first thousand, a schedule that goes only ways which are known by earlier runs
 * is taken to end as they did. @throws ScheduleFailure
 */
export const forAllSchedules = (
  engineFactory: EngineFactory,
  check: Check,
  options: ScheduleOptions = {},
): Promise<Schedules> => searchSchedules(engineFactory, check, options, againByCheck)

/** As {@link forAllSchedules}, for a check that its user did not write. */
export const searchSchedules = async (
  engineFactory: EngineFactory,
  check: Check,
  options: ScheduleOptions,
  again: AgainBy,
): Promise<Schedules> => {
  expectFunctions('forAllSchedules', { engineFactory, check })
  expectOptions('forAllSchedules', options, { ...LEAST, faults: 0, patience: 0, stepsMax: 1 }, [
    'schedule',
    'recordings',
  ])
  const { faults, patience, stepsMax } = options
  const pumped = pumpOptions(options)
  let beginning: string | undefined
  const expectFresh = (pump: Pump): void => {
    const situation = pump.situationNow()
    beginning ??= situation
    if (situation !== beginning)
      throw new Misuse(
        'forAllSchedules: the engine factory gave an engine that knows something of the schedules before: leave its store away, or give each engine a store of its own',
      )
  }
  const run: Run = (choices, { onSituation, onEnd, record }) =>
    runOnce(engineFactory, check, choices, { ...pumped, onSituation }, { record, onEnd, expectFresh })
  return search(run, options, (schedule) => again({ faults, patience, stepsMax, schedule }))
}

const pumpOptions = ({
  faults = 0,
  patience = 100,
  stepsMax = 10_000,
}: ScheduleOptions): Omit<PumpOptions, 'onError'> => ({
  faults,
  fault: () => new InjectedFault(),
  patience,
  stepsMax,
})

const runOnce = async (
  factory: EngineFactory,
  check: Check,
  choices: Choices,
  options: Omit<PumpOptions, 'onError'>,
  {
    record,
    onEnd,
    expectFresh,
  }: {
    readonly record: string | undefined
    readonly onEnd: ((situation: string) => void) | undefined
    readonly expectFresh: (pump: Pump) => void
  },
): Promise<Failed | undefined> => {
  let failed: Failed | undefined
  const onError = (error: unknown): void => {
    failed ??= { error }
  }
  const pump = new Pump(factory, choices, { ...options, onError }, record === undefined ? {} : { record })
  try {
    expectFresh(pump)
  } catch (error) {
    await pump.eng.close()
    throw error
  }
  let isOver = false
  const whole = async (): Promise<void> => {
    try {
      await check(pump.eng)
    } catch (error) {
      // What follows from the engine's end is not what went wrong.
      failed ??= { error }
    }
    isOver = true
  }
  const checking = whole()
  try {
    await pump.run(() => isOver || failed !== undefined)
    // It may wait for what a subscriber that failed was to do.
    if (failed === undefined) await checking
    onEnd?.(pump.endSituation())
  } catch (error) {
    if (error instanceof Misuse) throw error
    failed ??= { error }
  } finally {
    const closing = pump.eng.close()
    if (record !== undefined) await closing
  }
  if (failed?.error instanceof Misuse) throw failed.error
  return failed
}
