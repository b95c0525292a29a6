/** Looks for a schedule under which something fails, and makes the one that it finds as small as it gets. */
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import { thrownInWords } from './options.js'
import { anyOf, Choices, fewDeviations, numbers, type Schedule, scheduleOf, textOfSchedule, usual } from './schedule.js'
import { shrunk } from './shrink.js'
import { Ways } from './ways.js'

export interface SearchOptions {
  /** How many schedules. Default 1000. */
  readonly runs?: number
  /** Default: another one each time; a failure names it. */
  readonly seed?: number
  /** This one only, as a failure named it. */
  readonly schedule?: string
  /** Folder for the recording of a failure. Default: one of its own among the system's temporary files. */
  readonly recordings?: string
  /** No new run is begun after so many ms. Default: none is left out. */
  readonly timeLimit?: number
}

/** The least that each may be. */
export const LEAST = { runs: 1, seed: Number.NEGATIVE_INFINITY, timeLimit: 0 }

export interface Failed {
  readonly error: unknown
}

/** What is told of a run while it goes on. */
export interface Told {
  /** All that the rest hangs on, before each step. */
  readonly onSituation?: ((situation: string) => void) | undefined
  readonly onEnd?: (situation: string) => void
}

/** Plays one schedule from a fresh beginning; with `record`, into a file of that name. */
export type Run = (choices: Choices, told: Told & { readonly record?: string }) => Promise<Failed | undefined>

/** The program text by which one schedule is run again. */
export type Again = (schedule: string) => string

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
    /** It failed whenever it was run. If not, the check hangs on something that no schedule chooses. */
    readonly isRepeated: boolean,
    again: string,
  ) {
    // The simplest one is run first.
    const passed =
      schedule === SIMPLEST && runs > 1 ? `run first, ${schedule} passed` : `run once more, ${schedule} passes`
    super(
      [
        `after ${inWords(runs)}, by seed ${seed}, one fails, and so does ${schedule}: ${thrownInWords(cause)}`,
        ...(isRepeated
          ? []
          : [`${passed}: the check hangs on more than the schedule, as a clock, chance, or what runs before it left`]),
        ...(recording === undefined ? [] : [`recorded: ${recording}`]),
        `again: ${again}`,
      ].join('\n'),
      { cause },
    )
  }
}

const SIMPLEST = textOfSchedule([])

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

/**
 * Runs many schedules, the simplest one first. After the first thousand, one that goes only ways which are known by earlier runs is taken to end as they
 * did. @throws ScheduleFailure
 */
export const search = async (run: Run, options: SearchOptions, again: Again): Promise<Schedules> => {
  const { runs = 1000, seed = (Math.random() * 2 ** 31) | 0, schedule, timeLimit = Number.POSITIVE_INFINITY } = options
  const told = async (schedule: Schedule, count: number, first: Failed): Promise<ScheduleFailure> => {
    const text = textOfSchedule(schedule)
    let recording = recordingIn(options.recordings, `${seed >>> 0}-${count}`)
    let failed: Failed | undefined
    try {
      if (recording !== undefined) failed = await run(Choices.of(schedule), { record: recording })
    } catch {
      recording = undefined
    }
    const hasPassed = text === SIMPLEST && count > 1
    const isRepeated = !hasPassed && (recording === undefined || failed !== undefined)
    return new ScheduleFailure(seed, text, recording, count, (failed ?? first).error, isRepeated, again(text))
  }
  if (options.recordings !== undefined && typeof options.recordings !== 'string')
    throw new Misuse(`\`recordings\` must be the name of a folder, got ${shown(options.recordings)}`)
  if (schedule !== undefined) {
    const known = scheduleOf(schedule)
    const failed = await run(Choices.of(known), {})
    if (failed !== undefined) throw await told(known, 1, failed)
    return { runs: 1, seed, played: 1, ends: 1 }
  }
  const seeds = numbers(seed)
  const ways = new Ways()
  const ends = new Set<string>()
  const onEnd = (situation: string): void => void ends.add(situation)
  const end = performance.now() + timeLimit
  let count = 0
  let played = 0
  for (; count < runs && (count === 0 || performance.now() < end); count++) {
    const own = seeds()
    const isAny = count < PLAYED ? count % 2 === 1 : count % ONE_IN === 0
    // The simplest one first.
    const answers = count === 0 ? usual : isAny ? anyOf(own) : fewDeviations(own, ways.longest)
    if (count >= PLAYED && !isAny && ways.lead(fewDeviations(own, ways.longest))) continue
    const walk = isAny ? undefined : ways.walk()
    const choices = new Choices((n, how) => {
      const answer = answers(n, how)
      walk?.asked(n, how, answer)
      return answer
    })
    const onSituation = walk && ((situation: string): void => walk.arrived(situation))
    const failed = await run(choices, { onSituation, onEnd })
    if (failed !== undefined) {
      const fails = async (smaller: Schedule): Promise<boolean> => (await run(Choices.of(smaller), {})) !== undefined
      throw await told(await shrunk(choices.taken, fails), count + 1, failed)
    }
    walk?.ended()
    played++
  }
  return { runs: count, seed, played, ends: ends.size }
}

/** A file that is not there yet; undefined: no such folder can be made. */
const recordingIn = (folder: string | undefined, name: string): string | undefined => {
  try {
    if (folder === undefined) return join(mkdtempSync(join(tmpdir(), 'redford-schedules-')), `${name}.redford`)
    mkdirSync(folder, { recursive: true })
    for (let i = 1; ; i++) {
      const path = join(folder, `${i === 1 ? name : `${name}-${i}`}.redford`)
      if (!existsSync(path)) return path
    }
  } catch {
    return undefined
  }
}
