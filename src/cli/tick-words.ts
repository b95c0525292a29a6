/** Ticks in words: what happened in one, and what became of builds between two. */
import type { BuildId } from '../model/ids.js'
import type { BuildDiff } from '../replay/diff.js'
import type { Happening } from '../replay/happenings.js'
import type { RecordedSetting } from '../store/recording/format.js'
import { faultWords, fewOf, shownBuild } from './recording.js'

const shownAll = (names: readonly string[]): string => fewOf(names.map(shownBuild))

/** Undefined: nothing to be spoken of. `called`: how a build that an error names is called. */
export const happeningWords = (one: Happening, called: (build: BuildId) => string): string | undefined => {
  switch (one.what) {
    case 'asked':
      return one.by === undefined
        ? `request ${one.request} for ${shownAll(one.targets) || 'nothing'} (${one.want})`
        : `${shownBuild(one.by)} asks for ${shownAll(one.targets) || 'nothing'}`
    case 'cancelled':
      return one.request === undefined ? 'a do-file no longer waits' : `request ${one.request} is taken back`
    case 'doubted':
      return one.targets.length === 0 ? undefined : `may have changed: ${shownAll(one.targets)}`
    case 'transacted': {
      const words = [
        ...(one.set.length > 0 ? [`set ${setWords(one.set)}`] : []),
        ...(one.touched.length > 0 ? [`touched ${shownAll(one.touched)}`] : []),
      ]
      return words.length === 0 ? undefined : `version ${one.version}: ${words.join('; ')}`
    }
    case 'taken':
      return `sources from now on: ${shownAll(one.targets)}`
    case 'wiped':
      return `values given up: ${shownAll(one.targets)}`
    case 'adopted':
      return `found as an earlier process left it: ${shownAll(one.targets)}`
    case 'looked':
      return `everything was looked at; ${one.targets.length === 0 ? 'all is as it was' : `not as it was: ${shownAll(one.targets)}`}`
    case 'found':
      return [
        ...(one.there.length > 0 ? [`looked at ${shownAll(one.there)}`] : []),
        ...(one.absent.length > 0 ? [`absent: ${shownAll(one.absent)}`] : []),
      ].join('; ')
    case 'needs':
      return `${shownBuild(one.target)} needs ${shownAll(one.needs)}`
    case 'started':
      return `${shownBuild(one.target)} runs`
    case 'ended':
      return undefined
    case 'made':
      return `${shownBuild(one.target)} is made${one.changed ? '' : ', and is what it was'}`
    case 'broken':
      return `${shownBuild(one.target)} is broken: ${one.cause === undefined ? faultWords(one.error, called) : `since ${shownBuild(one.cause)} is`}`
    case 'answered':
      return one.by === undefined
        ? `request ${one.request} is answered: ${one.ok ? 'ok' : 'failed'}`
        : `${shownBuild(one.by)} is answered${one.ok ? '' : ': failed'}`
    case 'noticed':
      return `request ${one.request} is told of a new result`
    case 'forgotten':
      return `forgotten: ${shownAll(one.targets)}`
    case 'told':
      return `${one.target === undefined ? '' : `${shownBuild(one.target)}: `}${one.event}`
  }
}

const setWords = (set: Extract<Happening, { what: 'transacted' }>['set']): string => {
  const words = set.slice(0, SETTINGS).map(({ name, to }) => `${shownBuild(name)} = ${shortened(settingWords(to))}`)
  return `${words.join(', ')}${set.length > SETTINGS ? ` and ${set.length - SETTINGS} more` : ''}`
}
const SETTINGS = 6
const VALUE_CHARS = 40
export const shortened = (text: string): string =>
  text.length > VALUE_CHARS ? `${text.slice(0, VALUE_CHARS)}...` : text

const WHAT: Readonly<Record<string, string>> = {
  stat: 'what stat says',
  result: 'its result',
  cause: 'what broke it',
  built: 'the generation it was made in',
  revision: 'how often it changed',
  error: 'its error',
}

/** `numberOf`: what a request is called, as `Walker` has it. */
export const buildDiffWords = (
  { build, name, is, changes }: BuildDiff,
  numberOf: (request: BuildId) => number | undefined,
): readonly string[] => [
  `${name === `#${build}` ? requestWords(numberOf(build)) : shownBuild(name)}${is === 'changed' ? '' : ` (${is})`}`,
  ...changes.map(({ what, from, to }) => `    ${WHAT[what] ?? what}: ${shownJson(from)} -> ${shownJson(to)}`),
]

const requestWords = (number: number | undefined): string =>
  number === undefined ? 'a request of a do-file' : `request ${number}`

const shownJson = (value: unknown): string => {
  if (value === null || (Array.isArray(value) && value.length === 0)) return 'none'
  if (typeof value === 'string') return shownBuild(value)
  if (Array.isArray(value))
    return value.every((each) => typeof each === 'string') ? shownAll(value) : JSON.stringify(value)
  return JSON.stringify(value)
}

export const settingWords = (to: RecordedSetting['to'] | undefined): string =>
  to === undefined ? 'not set' : to._tag === 'value' ? to.text : to._tag
