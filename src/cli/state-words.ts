/** States in words: what became of builds between two ticks, and what is known of one. */
import type { BuildError } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import type { BuildDiff, Change } from '../replay/diff.js'
import type { Generations } from '../replay/generations.js'
import { shortened, shortenedApart } from '../replay/short.js'
import { shownName, type View } from '../replay/view.js'
import type { Walker } from '../replay/walker.js'
import { faultWords, fewOf, shownBuild } from './recording.js'

export interface Called {
  readonly build: (build: BuildId) => string
  /** `isGone`: it is no more, and another may have its id by now. */
  readonly request: (request: BuildId, isGone: boolean) => string
  readonly generation: (generation: number) => string
}

/** As of the place of `walker`; requests as of where those that are gone were, and those that are there are. */
export const calledIn = (walker: Walker, generations: Generations, gone = walker, there = walker): Called => ({
  build: (x) => shownBuild(shownName(walker.nameOf, x)),
  request: (x, isGone) => {
    const at = isGone ? gone : there
    const number = at.numberOf(x)
    return number === undefined ? 'a request of a do-file' : `${at.isQuestion(x) ? 'question' : 'request'} ${number}`
  },
  generation: (generation) => generations.words(generation, walker.tick),
})

/** As in docs; what is not here is of no use but to the engine. */
const FLAGS: Readonly<Record<string, string>> = {
  always: 'always out-of-date',
  stamped: 'judged by redo-stamp',
  modified: 'changed by hand',
  racy: 'looked at right after it was written',
  virtual: 'makes no file',
  stale: 'to be made in any case',
  wiped: 'its value given up',
  wanted: 'wanted',
  forced: 'to be run in any case',
  out_of_date: 'out-of-date',
  exists: 'its file is there',
  keep_going: 'to keep going',
  failed: 'something that it asked for is broken',
  killed: 'told to end',
  overwrite: 'to be built over what was changed by hand',
  look: 'only to be looked at',
  doubted: 'to be looked at again',
  diverged: 'asked for something else than last time',
  voided: 'may have changed meanwhile',
  anew: 'to be run anew',
  edited: 'its file is not the one that it made',
}

const flagWords = (flags: readonly string[]): string =>
  Array.from(new Set(flags.flatMap((flag) => FLAGS[flag] ?? []))).join(', ')

/** What is not here is called as it is. */
const WHAT: Readonly<Record<string, string>> = {
  stat: 'what stat says of it',
  value: 'its value',
  error: 'its error',
  cause: 'what broke it',
  built: 'last made, or found, in',
  revision: 'how often it changed',
  dependencies: 'depends on',
}
/** Of a request the others say nothing. */
const OF_REQUESTS: ReadonlySet<string> = new Set(['status', 'error', 'cause', 'dependencies'])

export const buildDiffWords = ({ build, name, is, changes }: BuildDiff, called: Called): readonly string[] => {
  const isRequest = name === `#${build}`
  const isRule = name[0] === '\0'
  const title = `${isRequest ? called.request(build, is === 'gone') : shownBuild(name)}${is === 'changed' ? '' : ` (${is})`}`
  // Of what is gone, nothing is left.
  if (is === 'gone') return [title]
  const has = (one: string): boolean => changes.some(({ what }) => what === one)
  const lines = changes.flatMap(({ what, from, to }): readonly string[] => {
    if (isRequest && !OF_REQUESTS.has(what)) return []
    if (what === 'result') {
      // What a value was and is tells it, and so does that it broke.
      if (isRule && ['value', 'error', 'cause'].some(has)) return []
      return [
        isRule ? `its value: ${digestWords(from, to, 'value')}` : `what it holds: ${digestWords(from, to, 'content')}`,
      ]
    }
    if (what === 'stat') return has('result') ? [] : [`${WHAT.stat}: ${digestWords(from, to, 'stat')}`]
    if (what === 'value' && typeof from === 'string' && typeof to === 'string')
      return [`${WHAT.value}: ${shortenedApart(from, to).join(' -> ')}`]
    const [one, other] = [from, to].map((side) => sideWords(what, side, called)) as [string, string]
    return one === other ? [] : [`${WHAT[what] ?? what}: ${one} -> ${other}`]
  })
  return [title, ...lines.map((line) => `    ${line}`)]
}

const digestWords = (from: unknown, to: unknown, what: string): string =>
  from === '' ? 'known from now on' : to === '' ? 'not known any more' : `another ${what}`

const sideWords = (what: Change['what'], side: Change['to'], called: Called): string => {
  if (side === null) return 'none'
  switch (what) {
    case 'flags':
      return flagWords(side as readonly string[]) || 'none'
    case 'built':
      return side === 0 ? 'never' : called.generation(side as number)
    case 'error':
      return faultWords(side as unknown as BuildError, called.build)
    case 'value':
      return shortened(side as string)
    case 'dependencies':
      return fewOf((side as readonly string[]).map(shownNeed)) || 'nothing'
    case 'name':
    case 'cause':
      return shownBuild(side as string)
    default:
      return String(side)
  }
}

/** As `View` has it. */
const shownNeed = (name: string): string =>
  name[0] === '!' ? `${shownBuild(name.slice(1))} (must not be there)` : shownBuild(name)

/** What was so in the generation that is named next. What is not there and not broken, nobody tried to make. */
const sinceWords = ({ kind, status }: View): string =>
  kind === 'source' ? 'as it is since ' : kind === 'absent' && status !== 'broken' ? 'looked for in ' : 'made in '

/** A line each. */
export const viewWords = (view: View, called: Called): readonly string[] => {
  const { revision, built, error, cause } = view
  const lines = [
    ['flags: ', flagWords(view.flags)],
    ['value: ', view.value === undefined ? '' : shortened(view.value)],
    [sinceWords(view), built === 0 ? '' : called.generation(built)],
    ['changed ', revision === 0 ? '' : revision === 1 ? 'once' : `${revision} times`],
    ['error: ', error === undefined ? '' : faultWords(error, called.build)],
    ['broken by: ', cause === undefined ? '' : shownBuild(cause)],
    ['depends on: ', fewOf(view.dependencies.map(shownNeed), 50)],
  ] as const
  return [
    `${shownBuild(view.name)}: ${view.status}, ${view.kind}`,
    ...lines.flatMap(([what, words]) => (words === '' ? [] : [`  ${what}${words}`])),
  ]
}
