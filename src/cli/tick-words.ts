/** Ticks in words: what happened in one, and what differs between two. */
import type { Event } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { BuildDiff } from '../replay/diff.js'
import type { Difference, OneReceipt } from '../replay/diff-ticks.js'
import type { Happening } from '../replay/happenings.js'
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
        ...(one.set.length > 0 ? [`set: ${setWords(one.set)}`] : []),
        ...(one.touched.length > 0 ? [`touched: ${shownAll(one.touched)}`] : []),
      ]
      return words.join('; ') || undefined
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
  const words = set.slice(0, SETTINGS).map(({ name, to }) => {
    const text = settingWords(to)
    return `${shownBuild(name)} = ${text.length > VALUE_CHARS ? `${text.slice(0, VALUE_CHARS)}...` : text}`
  })
  return `${words.join(', ')}${set.length > SETTINGS ? ` and ${set.length - SETTINGS} more` : ''}`
}
const SETTINGS = 6
const VALUE_CHARS = 40

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

type Called = (build: BuildId) => string

/** A sentence or two. `a` and `b` are the names of the recordings. */
export const differenceWords = (part: Difference, a: string, b: string, called: Called): string => {
  switch (part.part) {
    case 'setting':
      return `${shownBuild(part.name)} was set to something else: ${settingWords(part.a)} in ${a}, ${settingWords(part.b)} in ${b}`
    case 'event':
      return eventDifference(part, a, b, called)
    case 'batch': {
      if (part.step === 'carry') return 'the policy chose the same, and carries on something else'
      const does = { scan: 'looks at', run: 'runs', start: 'starts', answer: 'answers' }[part.step]
      const only = (name: string, builds: readonly BuildId[]): string => `${name} ${does} ${fewOf(builds.map(called))}`
      const sides = [
        ...(part.onlyA.length > 0 ? [only(a, part.onlyA)] : []),
        ...(part.onlyB.length > 0 ? [only(b, part.onlyB)] : []),
      ]
      return sides.length === 0
        ? `the policy chose otherwise: the same builds in another order (${part.step})`
        : `the policy chose otherwise: ${sides.map((side) => `only ${side}`).join('; ')}`
    }
    case 'receipt':
      return receiptDifference(part, a, b, called)
    case 'name':
      return `id ${part.build} stands for ${part.a === undefined ? 'nothing' : shownBuild(part.a)} in ${a}, and for ${part.b === undefined ? 'nothing' : shownBuild(part.b)} in ${b}`
    case 'reducer':
      return `the same happened, and another state came of it: the programs that recorded them decide otherwise (${
        part.agrees === 'neither'
          ? 'this one decides as neither'
          : `this one decides as that of ${part.agrees === 'a' ? a : b}`
      })`
  }
}

const settingWords = (to: Extract<Difference, { part: 'setting' }>['a']): string =>
  to === undefined ? 'not set' : to._tag === 'value' ? to.text : to._tag

const eventDifference = (
  part: Extract<Difference, { part: 'event' }>,
  a: string,
  b: string,
  called: Called,
): string => {
  const words = (event: Event): string => `${event._tag}${aboutWords(event, called)}`
  if (part.a === undefined) return `something more happened in ${b}: ${words(part.b!)}`
  if (part.b === undefined) return `something more happened in ${a}: ${words(part.a)}`
  if (part.fields.length === 0)
    return `something else happened outside: ${words(part.a)} in ${a}, ${words(part.b)} in ${b}`
  return `${words(part.a)}: ${part.fields
    .map((field) => `${field} is ${fieldOf(part.a, field, called)} in ${a}, ${fieldOf(part.b, field, called)} in ${b}`)
    .join('; ')}`
}

const aboutWords = (event: Event, called: Called): string => {
  if (event._tag === 'requested') return ` ${fewOf(event.targets.map(called))}`
  if ('builds' in event) return ` ${fewOf(event.builds.map(called))}`
  if ('build' in event) return ` ${called(event.build)}`
  if ('changed' in event) return ` ${fewOf(event.changed.map(called))}`
  return 'target' in event ? ` ${called(event.target)}` : ''
}

const RECEIPT_WORDS: Readonly<Record<OneReceipt['_tag'], string>> = {
  scanned: 'was looked at',
  blocked: 'asked for more',
  started: 'was started',
  done: 'was made',
  failed: 'failed',
  needs: 'asked for more',
  pooled: 'takes room in a pool',
  made: 'was made',
  recalled: 'was read where it was kept',
  broken: 'broke',
  holds: 'was found to hold',
  unjudged: 'had to wait to be judged',
  later: 'had to wait for the next tick',
}
const FIELD_WORDS: Readonly<Record<string, string>> = {
  kind: 'what it is',
  stat: 'what stat says of it',
  content: 'what it holds',
  look: 'its file',
  value: 'its value',
  error: 'its error',
  needs: 'what it asked for',
  groups: 'what it asked for',
  create: 'what must not be there',
  cause: 'what broke it',
}

const receiptDifference = (
  part: Extract<Difference, { part: 'receipt' }>,
  a: string,
  b: string,
  called: Called,
): string => {
  const of = called(part.build)
  if (part.fields[0] === 'order') return `the same was told in another order, from ${of} on`
  const did = (receipt: OneReceipt): string => RECEIPT_WORDS[receipt._tag]
  if (part.a === undefined) return `${of} ${did(part.b!)} in ${b}, and in ${a} not by then`
  if (part.b === undefined) return `${of} ${did(part.a)} in ${a}, and in ${b} not by then`
  if (part.fields.length === 0) return `${of} ${did(part.a)} in ${a}, and ${did(part.b)} in ${b}`
  // Where the content differs, so does the stat: that goes without saying.
  const fields = part.fields.filter((field) => field !== 'stat' || !part.fields.includes('content'))
  return `${of} ${did(part.a)}, and differs: ${fields
    .map((field) => {
      // Digests tell nothing more than that.
      if (field === 'stat' || field === 'content') return FIELD_WORDS[field]
      const [one, other] = [fieldOf(part.a, field, called), fieldOf(part.b, field, called)]
      return `${FIELD_WORDS[field] ?? field} (${one} in ${a}, ${other} in ${b})`
    })
    .join('; ')}`
}

const KIND_WORDS = ['absent', 'a file', 'a folder', 'something else', 'not to be looked at']
const NAMED = ['needs', 'create', 'targets', 'builds', 'changed']

const fieldOf = (of: unknown, field: string, called: Called): string => {
  const value = (of as Record<string, unknown>)[field]
  if (Array.isArray(value) && NAMED.includes(field)) return value.length === 0 ? 'nothing' : fewOf(value.map(called))
  if (Array.isArray(value) && field === 'groups')
    return fewOf((value as readonly (readonly BuildId[])[]).flat().map(called)) || 'nothing'
  if (field === 'kind' && typeof value === 'number') return KIND_WORDS[value] ?? String(value)
  if (field === 'cause' && typeof value === 'number') return called(value as BuildId)
  if (field === 'error') return value === undefined ? 'none' : faultWords(value as never, called)
  if (Array.isArray(value)) return value.map((word: number) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  return JSON.stringify(value) ?? 'none'
}
