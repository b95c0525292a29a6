/** Events from outside, and what is said of a run, in words; and what of them differs. */
import type { Event, Want } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { faultWords, fewOf } from './recording.js'

type Called = (build: BuildId) => string

/** What somebody wants who asks. */
export const WANTS: Readonly<Record<Want | 'live', string>> = {
  ifchange: 'brought up to date',
  force: 'run in any case',
  overwrite: 'run in any case, over what was changed by hand',
  create: 'looked for, since its absence is relied on',
  look: 'looked at, to say what is out-of-date',
  value: 'brought up to date',
  live: 'followed',
}

/** As a subject of a sentence. */
export const eventWords = (event: Event, called: Called): string => {
  const all = (builds: readonly BuildId[]): string => fewOf(builds.map(called)) || 'nothing'
  switch (event._tag) {
    case 'requested': {
      const what = `${all(event.targets)} to be ${WANTS[event.want]}`
      return event.by === 0 ? `a request for ${what}` : `what ${called(event.by)} asks for: ${what}`
    }
    case 'followed':
      return `a request for ${called(event.target)} to be followed`
    case 'cancelled':
      return 'a request that is taken back'
    case 'changed':
      return `word that these may have changed: ${all(event.builds)}`
    case 'looked':
      return `a look at everything, by which these are not as they were: ${all(event.changed)}`
    case 'ended':
      return `the end of the do-file of ${called(event.build)}`
    case 'always':
      return `redo-always of ${called(event.build)}`
    case 'stamped':
      return `redo-stamp of ${called(event.build)}`
    case 'rechecked':
      return 'redo-recheck'
    case 'taken':
      return `redo --take ${all(event.builds)}`
    case 'adopted':
      return `${called(event.build)}, found as an earlier process left it`
    case 'collect':
      return 'that what nothing needs is forgotten'
    case 'transacted':
      // What nobody asked for yet is set all the same.
      return `version ${event.version}${event.builds.length === 0 ? '' : `, of ${all(event.builds)}`}`
    case 'wiped':
      return `that values are given up: ${all(event.builds)}`
    case 'swept':
    case 'pruned':
      return 'that values which nobody holds are given up'
    case 'read':
      return 'what the clock says'
    case 'tracked':
      return 'what is kept up for the policy'
  }
}

const FIELDS: Readonly<Record<string, string>> = {
  // Of events.
  request: 'its number',
  by: 'who asks',
  session: 'for whom',
  targets: 'what it is for',
  target: 'what it is for',
  want: 'how it is wanted',
  keepGoing: 'whether to go on after a failure',
  terms: 'its class, or when it is due',
  builds: 'which they are',
  build: 'which it is',
  changed: 'which they are',
  stamp: 'what it says',
  version: 'its version',
  keep: 'how many are kept',
  now: 'the time',
  spent: 'what the last tick took',
  // Of what is said of a run.
  kind: 'what it is',
  stat: 'what stat says of it',
  racy: 'whether it was looked at right after it was written',
  content: 'what it holds',
  look: 'its file',
  claimed: 'its file',
  value: 'its value',
  error: 'its error',
  needs: 'what it asked for',
  groups: 'what it asked for',
  create: 'what must not be there',
  cause: 'what broke it',
  cost: 'what it cost',
  virtual: 'whether it makes no file',
  exists: 'whether its file is there',
  slot: 'whether it takes a slot',
  pool: 'which pool',
}

export const fieldName = (field: string): string => FIELDS[field] ?? field

export const KIND_WORDS = ['absent', 'a file', 'a folder', 'something else', 'not to be looked at']
const NAMED = ['needs', 'create', 'targets', 'builds', 'changed']
const ONE_NAMED = ['cause', 'by', 'target', 'build']
/** They tell nothing more than that they differ. */
const DIGESTS = ['stat', 'content', 'look', 'claimed', 'stamp', 'request', 'session']

/** What a field says; undefined: nothing that tells anybody more than that it differs. */
export const fieldWords = (of: unknown, field: string, called: Called): string | undefined => {
  const value = (of as Record<string, unknown>)[field]
  if (DIGESTS.includes(field)) return undefined
  if (Array.isArray(value) && NAMED.includes(field)) return fewOf(value.map(called)) || 'nothing'
  if (Array.isArray(value) && field === 'groups')
    return fewOf((value as readonly (readonly BuildId[])[]).flat().map(called)) || 'nothing'
  if (field === 'kind' && typeof value === 'number') return KIND_WORDS[value] ?? String(value)
  if (ONE_NAMED.includes(field) && typeof value === 'number') return value === 0 ? 'nobody' : called(value as BuildId)
  if (field === 'error') return value === undefined ? 'none' : faultWords(value as never, called)
  if (field === 'want') return WANTS[value as Want] ?? String(value)
  if (field === 'cost' || field === 'spent') return value === undefined ? 'not known' : `${value} µs`
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return value === undefined ? 'none' : JSON.stringify(value)
}
