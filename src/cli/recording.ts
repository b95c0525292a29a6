/** What the commands that read recordings share: how their words are read, a recording is opened, and builds are called. */
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { clearProgress } from '../lab/progress.js'
import { partsOf, shownValue } from '../make/value-file.js'
import { canonical, type Json } from '../model/codec.js'
import type { BuildError } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { fromByteString, toByteString, workingFolderBytes } from '../redo/byte-strings.js'
import { findRoot, Resolver } from '../redo/project.js'
import { errorWords, inLine, printable } from '../redo/words.js'
import type { BuildDiff } from '../replay/diff.js'
import type { Happening } from '../replay/happenings.js'
import { endsOf, Replay, type Verdict } from '../replay/replay.js'
import { Refused } from '../replay/walker.js'
import { folderFault, MEMORY, placeFault, unwritableWords } from '../store/recording/format.js'
import { recordingErrorWords } from '../store/recording/reading-error.js'
import { drawTicks } from './progress.js'

export const OK = 0
/** There is a difference, a fault, or nothing of what was asked for. */
export const NOT_OK = 1
/** The words make no sense, or a recording cannot be read. */
export const USAGE = 2

/** Where a command writes; standard output and error but in tests. */
export interface Out {
  print(text: string): void
  say(text: string): void
  /** Settles once what was printed is taken: false, if it cannot be. Undefined: it always is. */
  readonly taken?: () => Promise<boolean>
}

export const processOut: Out = {
  print: (text) => {
    clearProgress()
    process.stdout.write(text)
  },
  say: (text) => {
    clearProgress()
    process.stderr.write(`redo  ${text}\n`)
  },
  taken: () => new Promise((resolve) => process.stdout.write('', (error) => resolve(!error))),
}

export type Flag = { readonly type: 'string' | 'boolean'; readonly short?: string }
export interface Words {
  readonly files: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  readonly json: boolean
}

/** `count`: how many words that are no options there must be, at least and at most. Left: a sentence. */
export const wordsOf = (
  name: string,
  args: readonly string[],
  count: readonly [number, number],
  flags: Readonly<Record<string, Flag>> = {},
): E.Either<string, Words> => {
  const options = { ...flags, json: { type: 'boolean' } } as const
  const given = withValues(args, options)
  if (E.isLeft(given)) return E.left(`redford ${name}: ${given.left} (see redford ${name} --help)`)
  try {
    const { values, positionals } = parseArgs({ args: [...given.right], allowPositionals: true, options })
    if (positionals.length < count[0] || positionals.length > count[1])
      return E.left(`redford ${name} takes ${countWords(count)} (see redford ${name} --help)`)
    return E.right({
      files: positionals,
      values: values as Words['values'],
      json: (values as { readonly json?: boolean }).json === true,
    })
  } catch (error) {
    return E.left(`redford ${name}: ${faultOf(error as Error)} (see redford ${name} --help)`)
  }
}

/** Of an option that is none, say: `Unknown option '--x'`; what parseArgs says further, of how to write it otherwise, is of no use. */
const faultOf = ({ message }: Error): string => {
  const first = message.split(/[.\n] ?/)[0]!
  return first[0]!.toLowerCase() + first.slice(1)
}

/**
 * An option that takes a value is joined with it: so one that begins with a dash, as in `--at -1`, is told of by whoever knows what it should
 * be. Another option in its place is a value that was forgotten.
 */
const withValues = (
  args: readonly string[],
  options: Readonly<Record<string, Flag>>,
): E.Either<string, readonly string[]> => {
  const nameOf = (arg: string | undefined): string | undefined =>
    Object.keys(options).find((name) => arg === `--${name}` || arg === `-${options[name]!.short}`)
  const found: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') return E.right([...found, ...args.slice(i)])
    const name = nameOf(arg)
    if (name === undefined || options[name]!.type !== 'string') {
      found.push(arg)
      continue
    }
    const value = args[++i]
    if (value === undefined) return E.left(`${arg} needs a value after it`)
    if (value === '--' || nameOf(value) !== undefined)
      return E.left(
        `${arg} needs a value, and '${value}' is an option: say --${name}=${value}, if it is meant as it is`,
      )
    found.push(`--${name}=${value}`)
  }
  return E.right(found)
}

const countWords = ([least, most]: readonly [number, number]): string =>
  least === most
    ? `${least === 1 ? 'one name' : `${least} names`}`
    : `${least === 0 ? 'at most' : `${least} to`} ${most === 1 ? 'one name' : `${most} names`}`

/** A whole number from 0 on, or a sentence. */
export const tickOf = (text: string, ticks: number): E.Either<string, number> => {
  const tick = /^\d{1,15}$/.test(text) ? Number(text) : -1
  return tick < 0 || tick > ticks
    ? E.left(`'${text}' is no tick of the recording: it has ticks 0 to ${ticks}`)
    : E.right(tick)
}

/**
 * Calls `use` with the recording, and closes it. What is damaged is told of, and the valid beginning used; that it was not ended in order is
 * told, too, and is no fault.
 */
export const withRecording = async (
  path: string,
  out: Out,
  use: (replay: Replay) => number | Promise<number>,
): Promise<number> => {
  const opened = Replay.open(path)
  if (E.isLeft(opened)) {
    out.say(recordingErrorWords(opened.left))
    return USAGE
  }
  const replay = opened.right
  replay.reader.onRead = (tick) => {
    // Of a short one there is but one part.
    if (tick > 1) drawTicks(tick, replay.ticks)
  }
  try {
    for (const notice of replay.notices) out.say(notice)
    const why = replay.damageNotice
    const code = await use(replay)
    const now = replay.damageNotice
    // A value that is missing is known once it is looked for.
    if (now !== undefined && now !== why) out.say(now)
    // What was told is not all there was.
    return code === OK && now !== undefined ? NOT_OK : code
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    out.say(`${path}: ${error.message}`)
    return USAGE
  } finally {
    clearProgress()
    replay.close()
  }
}

/** Whether it is all that was recorded, for data of a line each: a line before all others, where there is something to tell. */
export const endsLine = (replay: Replay): string => {
  const ends = endsOf(replay)
  return ends.damage === null && ends.unfinished === null ? '' : `${JSON.stringify(ends)}\n`
}

/** Why nothing can be written to `output`, as a sentence; undefined: it can, as far as is known. */
export const outputFault = (output: string, read: string): string | undefined => {
  if (output.trim() === '') return 'the name of the new recording is empty: name a file by --output'
  if (output === MEMORY) return `to SQLite ${output} is no file: name another one by --output`
  const fault = placeFault(output, read)
  if (fault !== undefined) return `${fault} by --output`
  const noFolder = folderFault(output)
  return noFolder && unwritable(output, noFolder)
}

export const unwritable = (output: string, error: unknown): string => `${unwritableWords(output, error)} by --output`

/** A build as people call it: a file, or the key of a rule. `name` as in a recording; `#7` for a request. */
export const shownBuild = (name: string): string => {
  const [, rule, text] = name[0] === '\0' ? name.split('\0') : []
  return printable(rule === undefined ? (shownValue(name) ?? name) : `${rule}(${text})`)
}

/**
 * Whether a name of a recording is what a person calls `target`, a byte string: in the folder that they are in; if that is none, in the
 * recording; and if that is none, the key of a rule in another way of writing it, as `total(["a", "b"])` or `page(index)`.
 */
export const isCalled = (target: string): readonly ((name: string) => boolean)[] =>
  [nameHere(target), target, ...otherKeys(fromByteString(target)).map(toByteString)].map((called) => (name) => {
    const shown = shownName(name)
    return shown === called || toByteString(shownBuild(name)) === called
  })

/** A shell may have taken the quotes of a text. */
const otherKeys = (target: string): readonly string[] => {
  const [, rule, text] = /^\s*([^()]+?)\s*\((.*)\)\s*$/s.exec(target) ?? []
  if (rule === undefined || text === undefined) return []
  const keys = [() => JSON.parse(text) as Json, () => JSON.parse(text.replaceAll("'", '"')) as Json, () => text.trim()]
  return keys.flatMap((key) => {
    try {
      return [`${rule}(${canonical(key())})`]
    } catch {
      return []
    }
  })
}

/** Some of the names that have `target` in theirs, as a sentence to be added where there is none of that name; they may be none. */
export const likeWords = (target: string, names: Iterable<string>): string => {
  const sought = target.trim().toLowerCase()
  const isLike = (name: string): boolean =>
    [shownBuild(name), textOfName(name)].some((called) => called.toLowerCase().includes(sought))
  const found = sought === '' ? [] : Array.from(names).filter(isLike).map(shownBuild)
  return found.length === 0 ? '' : `; there ${found.length === 1 ? 'is' : 'are'} ${fewOf(found, 3)}`
}

/** By its name from the root, where the working folder lies in a project. */
const nameHere = (target: string): string | undefined => {
  try {
    const cwd = workingFolderBytes()
    return new Resolver(findRoot(cwd), cwd).nameOf(target)
  } catch {
    return undefined
  }
}

/** The same for data: as text, where it is text. */
export const textOfName = (name: string): string => Buffer.from(shownName(name), 'latin1').toString()
const shownName = (name: string): string => {
  const [, rule, text] = name[0] === '\0' ? name.split('\0') : []
  return rule === undefined ? (partsOf(name) && shownValue(name)) || name : `${rule}(${text})`
}

export const faultWords = (error: BuildError | undefined, nameOf: (build: BuildId) => string): string =>
  inLine(errorWords(error, nameOf))

export const verdictWords = (verdict: Verdict): string => {
  switch (verdict._tag) {
    case 'agrees':
      return `verified: the same state after ${verdict.ticks === 1 ? '' : 'each of '}${counted(verdict.ticks, 'tick')}`
    case 'differs':
      return `not the same: after tick ${verdict.tick} the state is ${verdict.found}, and was ${verdict.expected}`
    case 'refused':
      return `not the same: this program refuses tick ${verdict.tick}: ${verdict.why}`
  }
}

/** Microseconds, as people read them. */
export const timeWords = (us: number): string => `${(us / 1e6).toFixed(3)} s`

/** A number with what is counted. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** A few of many. */
export const fewOf = (names: readonly string[], most = 6): string =>
  names.length <= most ? names.join(' ') : `${names.slice(0, most).join(' ')} and ${names.length - most} more`

/** A few of many builds, by the names they have in a recording. */
export const shownAll = (names: readonly string[]): string => fewOf(names.map(shownBuild))

/** Names as texts, wherever they stand in `value`, but for what `kept` names. */
const inText = (value: unknown, kept: readonly string[]): unknown => {
  if (typeof value === 'string') return textOfName(value)
  if (Array.isArray(value)) return value.map((one) => inText(one, kept))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, kept.includes(key) ? one : inText(one, kept)]),
  )
}

/** For `--json`. */
export const happeningData = (one: Happening): unknown => inText(one, ['what', 'want', 'event', 'error', 'to'])
export const buildsData = (builds: readonly BuildDiff[]): readonly unknown[] =>
  builds.map((diff) => ({
    ...diff,
    name: textOfName(diff.name),
    changes: diff.changes.map((change) => (change.what === 'error' ? change : inText(change, ['what']))),
  }))
