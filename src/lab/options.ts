/** The words after `redford lab`, and which of them go together. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { LabError } from './graph.js'
import { isRecording } from './recordings.js'

const parseWords = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    tokens: true,
    allowPositionals: true,
    options: {
      policy: { type: 'string', multiple: true },
      slots: { type: 'string' },
      seeds: { type: 'string' },
      seed: { type: 'string' },
      export: { type: 'string' },
      load: { type: 'string' },
      jobs: { type: 'string' },
      clients: { type: 'string' },
      estimates: { type: 'string' },
      arrivals: { type: 'string' },
      drive: { type: 'string' },
      overhead: { type: 'string' },
      class: { type: 'string', multiple: true },
      speed: { type: 'string' },
      csv: { type: 'string' },
      json: { type: 'string' },
      html: { type: 'string' },
      threads: { type: 'string' },
      j: { type: 'string', short: 'j' },
      runs: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
export type Values = ReturnType<typeof parseWords>['values']

/** @throws TypeError where an option is none; LabError where one is said twice that is meant once. */
export const parse = (args: readonly string[]): Pick<ReturnType<typeof parseWords>, 'values' | 'positionals'> => {
  const { values, positionals, tokens } = parseWords(args)
  const said = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []))
  const twice = said.find((name, i) => !Array.isArray(values[name as keyof Values]) && said.indexOf(name) < i)
  if (twice !== undefined) throw new LabError(`${optionOf(twice)} is said twice: say it once`)
  return { values, positionals }
}

const optionOf = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`)

/** @throws LabError where one of these options is said, which mean nothing. */
export const expectNone = (values: Values, names: readonly (keyof Values)[], why: string): void => {
  const said = names.find((name) => values[name] !== undefined)
  if (said !== undefined) throw new LabError(`${why}: leave out ${optionOf(said)}`)
}

/** @throws LabError where an option means nothing for the study. */
export const expectStudy = (values: Values, sources: readonly string[]): void => {
  expectNone(values, ['j', 'runs'], '-j and --runs are for validate, and a study has --slots and --seeds')
  if (values.seed !== undefined && values.seeds !== undefined)
    throw new LabError('--seed is one seed, and --seeds says how many: leave out one of them')
  if (values.clients !== undefined && values.arrivals !== undefined)
    throw new LabError('--clients ask when they are answered, and --arrivals says when: leave out one of them')
  const recording = sources.find(isRecording)
  const ofTraces = ['speed', 'overhead', 'drive', 'estimates', 'clients', 'load', 'jobs', 'arrivals'] as const
  if (recording !== undefined) expectNone(values, ofTraces, `${recording}: what is recorded is run as it was`)
}

/** @throws LabError where an option means nothing for `validate`, or some of its recordings are none. */
export const expectValidation = (values: Values, words: readonly string[]): void => {
  const others = (Object.keys(values) as (keyof Values)[]).filter((name) => !['j', 'runs', 'policy'].includes(name))
  expectNone(values, others, 'validate takes -j, --runs and --policy')
  if ((values.policy ?? []).length > 1) throw new LabError('--policy is said twice: say it once')
  const isMeant = (word: string): boolean => isRecording(word) || (word.endsWith('.rec') && !existsSync(word))
  if (!words.some(isMeant)) return
  const missing = words.find((word) => !existsSync(word))
  if (missing !== undefined) throw new LabError(`there is no file ${missing}`)
  const other = words.find((word) => !isRecording(word))
  if (other !== undefined) throw new LabError(`${other} is no recording: say recordings only, or a folder and targets`)
  expectNone(values, ['j', 'runs'], 'recordings are run as they were, once')
}

export const numberIn = (option: string, text: string | undefined, otherwise: number): number => {
  if (text === undefined) return otherwise
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new LabError(`${option} takes a number, not '${text}'`)
  return number
}

export const wholeIn = (option: string, text: string | undefined, otherwise: number, least: number): number => {
  const number = numberIn(option, text, otherwise)
  if (!Number.isInteger(number) || number < least || number > WHOLE_MAX)
    throw new LabError(`${option} takes a whole number from ${least} to ${WHOLE_MAX}, not '${text}'`)
  return number
}
const WHOLE_MAX = 1_000_000

export const moreThan0 = (option: string, text: string | undefined, otherwise: number): number => {
  const number = numberIn(option, text, otherwise)
  if (number === 0) throw new LabError(`${option} takes a number above 0, not '${text}'`)
  return number
}

/** Each once: what is said twice would count twice. */
export const onceEach = <A>(option: string, all: readonly A[]): readonly A[] => {
  const twice = all.find((one, i) => all.indexOf(one) < i)
  if (twice !== undefined) throw new LabError(`${option}: ${String(twice)} is said twice`)
  return all
}
