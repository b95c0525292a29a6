/** What the words behind a command ask for. */
import { availableParallelism } from 'node:os'
import { normalize } from 'node:path'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { Misuse, parsingFault } from '../model/misuse.js'
import type { Terms } from '../model/plan.js'
import { policyNamed } from '../reduce/policies/named.js'
import type { Policy } from '../reduce/policies/policy.js'

export interface Options {
  readonly targets: readonly string[]
  /** How many do-files may run at once. */
  readonly jobs: number
  readonly keepGoing: boolean
  /** Passed to sh: -x shows each command, -v each line. */
  readonly shellFlags: string
  readonly verbose: boolean
  /** Run in any case, and over files changed by hand. */
  readonly overwrite: boolean
  /** Files changed by hand become sources. */
  readonly take: boolean
  readonly daemon: boolean
  readonly trace: string | undefined
  readonly record: string | undefined
  /** What is begun first, from now on. */
  readonly policy: Policy | undefined
  /** What policies may know of the request: its class, and in how many ms it is due. */
  readonly class: string | undefined
  readonly deadline: number | undefined
  readonly help: boolean
  readonly version: boolean
  readonly json: boolean
}

/** A sentence that names what is wrong and what to do. */
export type UsageError = string

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      jobs: { type: 'string', short: 'j' },
      'keep-going': { type: 'boolean', short: 'k' },
      xtrace: { type: 'boolean', short: 'x' },
      verbose: { type: 'boolean', short: 'v' },
      force: { type: 'boolean' },
      take: { type: 'boolean' },
      overwrite: { type: 'boolean' },
      'no-daemon': { type: 'boolean' },
      trace: { type: 'string' },
      record: { type: 'string' },
      policy: { type: 'string' },
      class: { type: 'string' },
      deadline: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })

/** Without options: what most do-files ask, spared what Node's parser takes. */
const bare = (args: readonly string[]): ReturnType<typeof parse> => ({ values: {}, positionals: [...args] })

/** What builds nothing. */
const QUESTIONS: readonly string[] = [
  'redford-why',
  'redford-why-not',
  'redo-ood',
  'redo-sources',
  'redo-targets',
  'redo-whichdo',
]

/** What builds, and takes all options but those of questions alone. */
const BUILDERS: readonly string[] = ['redo', 'redo-ifchange']

const OF_ALL: readonly string[] = ['help', 'version']
const OF_QUESTIONS: readonly string[] = ['json', 'no-daemon']

/** Of the build as a whole: whoever began it has said so, or has not. How do-files are run is one matter, what they are run for another. */
const OF_A_PERSON: readonly string[] = ['take', 'trace', 'record', 'policy', 'class', 'deadline']

/** Asked of the system once: every do-file's request comes by here. */
let cores: number | undefined

/** `isNested`: a do-file says so. */
export const parseOptions = (
  command: string,
  args: readonly string[],
  isNested: boolean,
): E.Either<UsageError, Options> => {
  try {
    const { values, positionals } = args.some((arg) => arg.startsWith('-')) ? parse(args) : bare(args)
    cores ??= availableParallelism()
    const jobs = values.jobs === undefined ? cores : Number(values.jobs)
    if (!Number.isInteger(jobs) || jobs < 1 || jobs > 10_000)
      return E.left(`-j takes a number from 1 to 10000, not '${values.jobs}'`)
    const deadline = values.deadline === undefined ? undefined : Number(values.deadline)
    if (deadline !== undefined && !(values.deadline!.trim() !== '' && Number.isFinite(deadline) && deadline >= 0))
      return E.left(`--deadline takes a number of ms, not '${values.deadline}'`)
    for (const name of ['record', 'trace'] as const) {
      const file = values[name]
      if (file === '') return E.left(`--${name} takes the name of a file`)
      if (file !== undefined && positionals.some((target) => normalize(target) === normalize(file)))
        return E.left(`--${name}: ${file} is to be built: name another file`)
    }
    if (values.record !== undefined && QUESTIONS.includes(command))
      return E.left(
        `${command.replace('redford-', 'redford ')} builds nothing, so that nothing can be recorded${command.startsWith('redford-why') ? ': a recording is asked by --recording FILE' : ''}`,
      )
    const needless = needlessOf(command, Object.keys(values), isNested)
    if (needless !== undefined) return E.left(needless)
    const overwrite = values.overwrite === true || values.force === true
    if (overwrite && values.take === true)
      return E.left('--take keeps what --overwrite and --force build over: say one of them')
    return E.right({
      targets: positionals,
      jobs,
      keepGoing: values['keep-going'] === true,
      shellFlags: `-e${values.xtrace === true ? 'x' : ''}${values.verbose === true ? 'v' : ''}`,
      verbose: values.verbose === true,
      overwrite,
      take: values.take === true,
      daemon: values['no-daemon'] !== true,
      trace: values.trace,
      record: values.record,
      policy: values.policy === undefined ? undefined : policyOf(values.policy),
      class: values.class,
      deadline,
      help: values.help === true,
      version: values.version === true,
      json: values.json === true,
    })
  } catch (error) {
    if (error instanceof Misuse) return E.left(`--policy: ${error.message}`)
    return E.left(`${parsingFault(error as Error)} (see ${command.replace('redford-', 'redford ')} --help)`)
  }
}

/** What is wrong with the first option that would change nothing. */
const needlessOf = (command: string, names: readonly string[], isNested: boolean): UsageError | undefined => {
  // Whoever asks for help gets it, whatever else is said.
  if (OF_ALL.some((name) => names.includes(name))) return undefined
  const called = command.replace('redford-', 'redford ')
  for (const name of names) {
    const [isBuilder, isOfQuestions] = [BUILDERS.includes(command), OF_QUESTIONS.includes(name)]
    if (isBuilder && name === 'json')
      return `--json means nothing to ${called}: --trace FILE has what happens as JSON, and redford why --json TARGET why it did`
    if (!isBuilder && !isOfQuestions) return `--${name} means nothing to ${called}, which builds nothing`
    if (!isBuilder && !QUESTIONS.includes(command)) return `--${name} means nothing to ${called}, which answers nothing`
    if (isBuilder && isNested && OF_A_PERSON.includes(name))
      return `--${name} means nothing in a do-file: say it to the command that begins the build`
  }
  return undefined
}

/** @throws Misuse */
const policyOf = (text: string): Policy => {
  if (/[/\\]|\.[cm]?[jt]s$/.test(text))
    throw new Misuse(
      `it takes the name of a policy, not a file: redford.config.js names ${text} for the project, by import mine from '${text}' and export default { policy: mine }; redford lab tries it out`,
    )
  return policyNamed(text)
}

/** What policies are told of a request that begins at `now`, in ms of the engine's clock. */
export const termsOf = ({ class: of, deadline }: Options, now: number): Terms => ({
  ...(of !== undefined && { class: of }),
  ...(deadline !== undefined && { deadline: Math.round(now + deadline) }),
})

/** Why a string cannot name a target (204), if so. */
export const badName = (target: string): string | undefined => {
  if (target === '') return 'an empty name cannot be a target (204)'
  if (target.includes('\n'))
    return `'${target.replaceAll('\n', '\\n')}' cannot be a target: its name holds a newline (204)`
  if (target.includes('\0')) return 'a name with a NUL cannot be a target (204)'
  return undefined
}
