/** What `why` and `whyNot` found, in words: one cause a line, and the line below it says what caused that. */
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import { type Link, type Result, type Why, why } from './why.js'
import type { Cause, Change, Fault, FaultError } from './why-facts.js'
import { type Asked, type Nearly, type Stage, type Step, type WhyNot, whyNot } from './why-not.js'

/** How things are called. */
export interface Names {
  /** As users read it. */
  readonly nameOf: (build: BuildId) => string
  /** What a user calls a target; undefined: nothing is known by that name. */
  readonly idOf: (target: string) => BuildId | undefined
  readonly errorWords: (error: FaultError<string>) => string
  /** The target that is asked about, as a word of a command line. */
  readonly word: string
  /** What a generation is called: by what began it, as `request 7`. `newest`: there are more, up to that one. */
  readonly generation: (generation: number, newest?: number) => string
  /** What a version is called; `version 7`, if not said. */
  readonly version?: (version: number) => string
  /** What that version did to a source, as `set it to 7`; undefined: that is not known. */
  readonly setting?: (build: string, version: number) => string | undefined
}

/** `isKnown`: false where nothing can be said, and the text says what to do. */
export interface Told {
  readonly isKnown: boolean
  readonly text: string
}

export const whyText = (state: State, names: Names, target: string, asked: Asked = {}): Told => {
  const build = names.idOf(target)
  const found = build === undefined ? unknown(target) : why(state, build, names.nameOf, asked.generation)
  return { isKnown: found._tag !== 'unknown', text: textOf(whyLines(found, names)) }
}

export const whyNotText = (state: State, names: Names, target: string, asked: Asked = {}): Told => {
  const build = names.idOf(target)
  const found = build === undefined ? unknown(target) : whyNot(state, build, names.nameOf, asked)
  return { isKnown: found._tag !== 'unknown', text: textOf(whyNotLines(found, names)) }
}

const unknown = (build: string) => ({ _tag: 'unknown', build }) as const
const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

type Wording = Pick<Names, 'errorWords' | 'word' | 'generation' | 'version' | 'setting'>

/** What a generation is called where it is known by its number alone. */
export const requestWords = (generation: number, newest?: number): string =>
  `request ${generation}${newest === undefined ? '' : ` of ${newest}`}`

// ------------------------------------------------------------------------------------------------ why

export const whyLines = (found: Why<string>, words: Wording): readonly string[] => {
  const { build } = found
  switch (found._tag) {
    case 'unknown':
      return [unknownWords(build, words.word)]
    case 'neverMade':
      return [neverMadeWords(build, found.isWanted)]
    case 'source':
      return [`${build} is a source: nothing makes it`, `  ${changeWords(found.change, 'it', words)}`]
    case 'edited':
      return editedLines(build, found.generation, words, `it was made before that in ${words.generation(found.made)}`)
    case 'made':
      return madeLines(found, words)
  }
}

/** `word`: the same as a word of a command line. */
export const unknownWords = (build: string, word: string): string =>
  `nothing is known of ${build}: nobody has asked for it yet; run redo-ifchange ${word}, or see redo-targets for what is known`
const neverMadeWords = (build: string, isWanted: boolean): string =>
  `${build} was never made: it is not there, and ${isWanted ? 'nothing makes it' : `nobody asked for it${OR_IN_VAIN}`}`
/** A request that failed, or was taken back, leaves no word of what it had not come to. */
const OR_IN_VAIN = ', or their request ended before its turn'

const editedLines = (build: string, generation: number, words: Wording, ...more: readonly string[]) => [
  `${build} was changed by hand, seen${inGeneration(generation, words)}, so it is left alone`,
  ...more.map((line) => `  ${line}`),
  `  redo --overwrite ${words.word} makes it again; redo --take ${words.word} has it a source`,
]

const madeLines = (found: Extract<Why<string>, { _tag: 'made' }>, words: Wording): readonly string[] => {
  const { build, generation, newest, result, chain, fault, request, pending } = found
  const when = `in ${generation === newest ? `${words.generation(generation)}, the last one` : words.generation(generation, newest)}`
  const isFirst = chain[0]?._tag === 'made' && chain[0].cause._tag === 'first'
  // Of what is to be made again it is not known any more, unless it failed.
  const came = (isFirst || pending !== undefined) && result === 'changed' ? '' : `: ${RESULTS[result]}`
  const lines = [result === 'pending' ? `${build} is being made ${when}` : `${build} was made ${when}${came}`]
  lines.push(...wayLines(chain, (link, i) => linkLines(link, chain[i + 1], words)))
  if (fault !== undefined) lines.push(`  it failed: ${faultWords(fault, words)}`)
  if (pending !== undefined)
    lines.push(`  it is to be made again when it is next wanted: ${causeWords(pending, build, words)}`)
  const add = (what: string, builds: readonly string[]): void => {
    if (builds.length > 0) lines.push(`  ${what}: ${listed(builds)}`)
  }
  add('made again, with the same result, so not a cause', found.cutoffs)
  if (!isFirst) {
    add('changed too', found.alsoChanged)
    add('broken', found.broken)
    add('new', found.added)
    add('unchanged', found.unchanged)
  }
  add('needed by', found.neededBy)
  if (request !== undefined) add('asked for', request.targets)
  return lines
}

const linkLines = (link: Link<string>, next: Link<string> | undefined, words: Wording): readonly string[] => {
  switch (link._tag) {
    case 'made':
      return causeLines(link, next, words)
    case 'source':
      return []
    case 'madeSince':
      return [
        `${link.build} was made again in ${words.generation(link.generation)}: why it changed before is not known any more`,
      ]
    case 'earlier':
      return [`${link.build} changed in an earlier run than its last: why is not known any more`]
  }
}

const RESULTS: Readonly<Record<Result, string>> = {
  changed: 'it has another result than before',
  same: 'with the same result as before',
  failed: 'it failed',
  pending: 'not done yet',
}

/** `next` says more of what the cause names. */
const causeLines = (
  { build, cause, result }: Extract<Link<string>, { _tag: 'made' }>,
  next: Link<string> | undefined,
  words: Wording,
): readonly string[] => {
  if (cause._tag === 'unknown' && result === 'pending')
    return ['what for is not known yet: what it depends on may be another, or as it was']
  const source = next?._tag === 'source' ? [sourceWords(next, words)] : undefined
  if ('also' in cause && cause.also !== undefined) {
    const is = next?._tag === 'made' ? CHANGED_TO[next.result] : 'changed'
    return [causeWords(cause, build, words), `and ${source?.[0] ?? `${subject(cause.also, next?.recipe)} ${is}`}`]
  }
  if ('dependency' in cause && cause.dependency !== undefined) {
    // What was never there has nothing more to tell.
    if (cause._tag === 'missing' && next?._tag === 'source' && next.change._tag === 'seen')
      return [causeWords(cause, build, words)]
    if (cause._tag !== 'unsure' && source !== undefined) return source
    return [dependencyWords(cause._tag, subject(cause.dependency, next?.recipe)), ...(source ?? [])]
  }
  return [causeWords(cause, build, words)]
}

/** What a dependency that was another is now. */
const CHANGED_TO: Readonly<Record<Result, string>> = {
  changed: 'changed',
  same: 'is not broken any more',
  failed: 'is broken',
  pending: 'changed',
}

const subject = (build: string, isRecipe: boolean | undefined): string =>
  isRecipe === true ? `${build}, by which it is made,` : build

const causeWords = (cause: Cause<string>, build: string, words: Wording): string => {
  switch (cause._tag) {
    case 'unknown':
      return 'why is not known any more'
    case 'first':
      return 'it was never made before'
    case 'changed':
    case 'missing':
    case 'broken':
    case 'unsure':
    case 'appeared':
      return dependencyWords(cause._tag, cause.dependency ?? 'something it needed')
    case 'forced':
      return 'it was asked for in any case (redo)'
    case 'outputGone':
      return 'its file was gone'
    case 'outputChanged':
      return 'its file was not the one that it had made'
    case 'always':
      return 'it is always out-of-date (redo-always)'
    case 'failed':
      return 'it failed the last time'
    case 'interrupted':
      return 'it was cut short the last time'
    case 'wiped':
      return 'its value was given up, and somebody wanted it'
    case 'set':
      return cause.version === 0
        ? 'a transaction set or touched it'
        : `${words.version?.(cause.version) ?? `version ${cause.version}`} ${words.setting?.(build, cause.version) ?? 'set or touched it'}`
    case 'unread':
      return 'it was read again: nobody looked while the engine was closed'
    case 'redefined':
      return 'its rule is another one than before'
  }
}

const dependencyWords = (tag: 'changed' | 'missing' | 'broken' | 'unsure' | 'appeared', d: string): string => {
  switch (tag) {
    case 'changed':
      return `${d} changed`
    case 'missing':
      return `${d} is not there`
    case 'broken':
      return `${d} is broken`
    case 'unsure':
      return `${d} was broken the last time, or changed meanwhile`
    case 'appeared':
      return `${d} exists now, and did not before`
  }
}

const sourceWords = (
  { build, recipe, change, again }: Extract<Link<string>, { _tag: 'source' }>,
  words: Wording,
): string => `${changeWords(change, subject(build, recipe), words)}${again ? ', so once more since' : ''}`

const changeWords = (change: Change, it: string, words: Wording): string => {
  const when = inGeneration(change.generation, words)
  const what = {
    unknown: `${it} changed; how is not known`,
    seen: `${it} was looked at for the first time${when}`,
    content: `${it} has another content, seen${when}`,
    came: `${it} appeared, seen${when}`,
    went: `${it} is gone, seen${when}`,
    taken: `${it} became a source by redo --take${when}`,
    left: `${it} became a source${when}: nothing makes it any more`,
    edited: `${it} was changed by hand, seen${when}, and is left alone`,
  }[change._tag]
  const touched = 'touched' in change ? change.touched : undefined
  return touched === undefined
    ? what
    : `${what}; touched since${inGeneration(touched, words, ',')}, with the same content`
}

const inGeneration = (generation: number, words: Wording, before = ''): string =>
  generation === 0 ? '' : `${before} in ${words.generation(generation)}`

const faultWords = ({ path, error }: Fault<string>, words: Wording): string => {
  const what = words.errorWords(error)
  return path.length < 2 ? what : `${twoEnds(path.slice(1), (left) => `${left} more`).join(' <- ')}: ${what}`
}

/** Of a longer way only its two ends are told, of so many steps each. */
const WAY_END = 12

/** `between`: what stands for so many that are left out. */
const twoEnds = <A>(way: readonly A[], between: (left: number) => A): readonly A[] => {
  const left = way.length - 2 * WAY_END
  return left > 1 ? [...way.slice(0, WAY_END), between(left), ...way.slice(-WAY_END)] : way
}

/** The lines of each step, below those of the one before. */
const wayLines = <S>(way: readonly S[], linesOf: (step: S, i: number) => readonly string[]): readonly string[] => {
  const steps = way.map((step, i) => () => linesOf(step, i))
  const told = twoEnds(steps, (left) => () => [`and ${left} more on the way: --json names them`])
  const each = told.map((lines) => lines()).filter((lines) => lines.length > 0)
  return each.flatMap((lines, i) => lines.map((line) => '  '.repeat(i + 1) + line))
}

const LISTED_MAX = 8
const listed = (builds: readonly string[]): string =>
  builds.length <= LISTED_MAX
    ? builds.join(', ')
    : `${builds.slice(0, LISTED_MAX).join(', ')} and ${builds.length - LISTED_MAX} more`

// ------------------------------------------------------------------------------------------------ why not

export const whyNotLines = (found: WhyNot<string>, words: Wording): readonly string[] => {
  const { build } = found
  switch (found._tag) {
    case 'unknown':
      return [unknownWords(build, words.word)]
    case 'neverMade':
      return [neverMadeWords(build, found.isWanted)]
    case 'source':
      return [`${build} is a source: nothing makes it`, `  ${changeWords(found.change, 'it', words)}`]
    case 'made':
      return [`${build} was made in ${words.generation(found.generation)}, the last one: see redford why ${words.word}`]
    case 'underWay':
      return [
        `${build} is not made yet: ${STAGES[found.stage]}`,
        ...(found.waitsFor.length > 0 ? [`  it waits for ${listed(found.waitsFor)}`] : []),
      ]
    case 'edited':
      return editedLines(build, found.generation, words)
    case 'broken':
      return [
        `${build} was run in ${words.generation(found.generation)}, and failed`,
        `  ${faultWords(found.fault, words)}`,
        `  it is run again ${found.isKept ? 'once something that it depends on changes' : 'when it is next asked for'}`,
      ]
    case 'notAsked':
      if (found.nearly !== undefined)
        return [
          `${build} was last made in ${words.generation(found.generation)}, and whoever asks for it has it looked at again`,
          ...stepLines(found.steps, words),
          ...nearlyLines(found.nearly, words),
        ]
      return [
        `${build} is out-of-date, and nobody asked for it since ${words.generation(found.generation)}, when it was made${OR_IN_VAIN}`,
        ...(found.steps.length > 0 ? stepLines(found.steps, words) : ['  its file is gone, or another than it was']),
      ]
    case 'unchanged':
      return [
        `${build} is as it was made in ${words.generation(found.generation)}: nothing that it depends on changed since`,
        ...nearlyLines(found.nearly, words),
      ]
  }
}

const STAGES: Readonly<Record<Stage, string>> = {
  looking: 'what it depends on is being looked at',
  guess: 'whether it is needed is not known yet',
  waiting: 'something that it depends on is being made',
  queued: 'it is next once there is room for it',
  running: 'it is being made',
}

const stepLines = (steps: readonly Step<string>[], words: Wording): readonly string[] =>
  wayLines(steps, (step, i) => {
    const next = steps[i + 1]
    if (step._tag === 'source') return [changeWords(step.change, subject(step.build, step.recipe), words)]
    if (step._tag === 'made') {
      const before = steps[i - 1]
      const isBroken = before?._tag === 'outOfDate' && before.cause?._tag === 'broken'
      return [
        `${step.build} was ${isBroken ? 'run' : 'made'} in ${words.generation(step.generation)}${isBroken ? ', and failed' : ''}`,
      ]
    }
    if (step.cause === undefined)
      return next === undefined ? [] : [`${subject(next.build, next.recipe)} is out-of-date`]
    return next?._tag === 'source' ? [] : [causeWords(step.cause, step.build, words)]
  })

const nearlyLines = (nearly: readonly Nearly<string>[], words: Wording): readonly string[] => [
  ...nearly
    .slice(0, LISTED_MAX)
    .map(({ build, how, generation }) =>
      how === 'touched'
        ? `  nearly: ${build} was touched, seen in ${words.generation(generation)}; its content is the same`
        : `  nearly: ${build} was made again in ${words.generation(generation)}, with the same result`,
    ),
  ...(nearly.length > LISTED_MAX ? [`  and ${nearly.length - LISTED_MAX} more like these`] : []),
]
