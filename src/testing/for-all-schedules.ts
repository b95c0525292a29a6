/** Runs a check of a user's builds under many schedules, and finds the smallest one under which it fails. */
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildEngine } from '../library/create-engine.js'
import { Misuse } from '../model/misuse.js'
import { expectFunctions, expectOptions, replayedBy, thrownInWords } from './options.js'
import { type EngineFactory, Pump, type PumpOptions } from './pump.js'
import { anyOf, Choices, fewDeviations, numbers, type Schedule, scheduleOf, textOfSchedule, usual } from './schedule.js'
import { shrunk } from './shrink.js'
import { Ways } from './ways.js'

export interface ScheduleOptions {
  /** How many schedules. Default 1000. */
  readonly runs?: number
  readonly seed?: number
  /** This one only, as a failure named it. */
  readonly schedule?: string
  /** How many reads and actions fail in a run, at most, each with an {@link InjectedFault}. Default 0. */
  readonly faults?: number
  /** Folder for the recording of a failure. Default: a folder of the system's for temporary files. */
  readonly recordings?: string
  /** How long something under way outside the engine is waited for, in ms. Default 100. */
  readonly patience?: number
  /** More steps than this are taken for a loop without end. Default 10,000. */
  readonly stepsMax?: number
  /** No new run is begun after so many ms. Default: none is left out. */
  readonly timeLimit?: number
}

/** What a read or action fails with that was chosen to. */
export class InjectedFault extends Error {
  override readonly name = 'InjectedFault'
  constructor() {
    super('a fault, injected by the schedule')
  }
}

/** The program text by which one schedule is run again, given its options. */
export type Again = (options: Readonly<Record<string, unknown>>) => string
const againByCheck: Again = (options) => `forAllSchedules(engineFactory, check, ${replayedBy(options)})`

/** The smallest schedule that was found under which the check fails; `cause` is how. */
export class ScheduleFailure extends Error {
  override readonly name = 'ScheduleFailure'
  constructor(
    readonly seed: number,
    readonly schedule: string,
    /** A recording of it; undefined: it could not be recorded. */
    readonly recording: string | undefined,
    readonly runs: number,
    cause: unknown,
    /** Run once more, it failed again. If not, the check hangs on something that no schedule chooses. */
    readonly isRepeated = true,
    { faults, patience, stepsMax }: Pick<ScheduleOptions, 'faults' | 'patience' | 'stepsMax'> = {},
    again: Again = againByCheck,
  ) {
    super(
      [
        `after ${inWords(runs)}, by seed ${seed}, one fails, and so does ${schedule}: ${thrownInWords(cause)}`,
        ...(isRepeated ? [] : [`run once more, ${schedule} passes: the check hangs on more than the schedule`]),
        ...(recording === undefined ? [] : [`recorded: ${recording}`]),
        `again: ${again({ faults, patience, stepsMax, schedule })}`,
      ].join('\n'),
      { cause },
    )
  }
}

const inWords = (runs: number): string => (runs === 1 ? 'one schedule' : `${runs} schedules`)

export interface Schedules {
  readonly runs: number
  readonly seed: number
  /** So many of them were run; the others go only ways that are known. */
  readonly played: number
  /** In how many different situations they ended: 1, if all comes to the same. */
  readonly ends: number
}

/** So many are run, whatever is known, and one in so many of those after them: rules may go by more than what they are told. */
const PLAYED = 1000
const ONE_IN = 1000

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
  again: Again,
): Promise<Schedules> => {
  const { runs = 1000, seed = (Math.random() * 2 ** 31) | 0, schedule, timeLimit = Number.POSITIVE_INFINITY } = options
  expectFunctions('forAllSchedules', { engineFactory, check })
  expectOptions('forAllSchedules', options, numbersOf, ['schedule', 'recordings'])
  const pumped = pumpOptions(options)
  const failing = (choices: Choices): Promise<Failed | undefined> => runOnce(engineFactory, check, choices, pumped)
  const smallest = async (found: Schedule, failed: Failed, run: number): Promise<ScheduleFailure> => {
    const schedule = await shrunk(found, async (smaller) => (await failing(Choices.of(smaller))) !== undefined)
    return told(engineFactory, check, schedule, seed, run, failed, options, again)
  }
  if (schedule !== undefined) {
    const known = scheduleOf(schedule)
    const failed = await failing(Choices.of(known))
    if (failed !== undefined) throw await told(engineFactory, check, known, seed, 1, failed, options, again)
    return { runs: 1, seed, played: 1, ends: 1 }
  }
  const seeds = numbers(seed)
  const ways = new Ways()
  const ends = new Set<string>()
  const onEnd = (situation: string): void => void ends.add(situation)
  const end = performance.now() + timeLimit
  let run = 0
  let played = 0
  for (; run < runs && (run === 0 || performance.now() < end); run++) {
    const own = seeds()
    const isAny = run < PLAYED ? run % 2 === 1 : run % ONE_IN === 0
    // The simplest one first.
    const answers = run === 0 ? usual : isAny ? anyOf(own) : fewDeviations(own, ways.longest)
    if (run >= PLAYED && !isAny && ways.lead(fewDeviations(own, ways.longest))) continue
    const walk = isAny ? undefined : ways.walk()
    const choices = new Choices((n, how) => {
      const answer = answers(n, how)
      walk?.asked(n, how, answer)
      return answer
    })
    const onSituation = walk && ((situation: string): void => walk.arrived(situation))
    const failed = await runOnce(engineFactory, check, choices, { ...pumped, onSituation }, { onEnd })
    if (failed !== undefined) throw await smallest(choices.taken, failed, run + 1)
    walk?.ended()
    played++
  }
  return { runs: run, seed, played, ends: ends.size }
}

/** The least that each may be. */
const numbersOf = {
  runs: 1,
  seed: Number.NEGATIVE_INFINITY,
  faults: 0,
  patience: 0,
  stepsMax: 1,
  timeLimit: 0,
}

const pumpOptions = ({ faults = 0, patience = 100, stepsMax = 10_000 }: ScheduleOptions): PumpOptions => ({
  faults,
  fault: () => new InjectedFault(),
  patience,
  stepsMax,
})

interface Failed {
  readonly error: unknown
}

const runOnce = async (
  factory: EngineFactory,
  check: Check,
  choices: Choices,
  options: PumpOptions,
  { record, onEnd }: { readonly record?: string; readonly onEnd?: (situation: string) => void } = {},
): Promise<Failed | undefined> => {
  const pump = new Pump(factory, choices, options, record === undefined ? {} : { record })
  let isOver = false
  let failed: Failed | undefined
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
    await pump.run(() => isOver)
    await checking
    onEnd?.(pump.situationNow())
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

/** Runs it once more, recorded, and says all that there is to say of it. */
const told = async (
  factory: EngineFactory,
  check: Check,
  schedule: Schedule,
  seed: number,
  runs: number,
  first: Failed,
  options: ScheduleOptions,
  again: Again,
): Promise<ScheduleFailure> => {
  const { recordings = join(tmpdir(), 'redford-schedules') } = options
  const text = textOfSchedule(schedule)
  let recording: string | undefined = join(recordings, `${seed >>> 0}-${runs}.redford`)
  let failed: Failed | undefined
  try {
    mkdirSync(recordings, { recursive: true })
    failed = await runOnce(factory, check, Choices.of(schedule), pumpOptions(options), { record: recording })
  } catch {
    recording = undefined
  }
  const isRepeated = recording === undefined || failed !== undefined
  return new ScheduleFailure(seed, text, recording, runs, (failed ?? first).error, isRepeated, options, again)
}
