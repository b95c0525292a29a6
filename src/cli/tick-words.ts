/** What happened in a tick, in words. */
import type { BuildId } from '../model/ids.js'
import { inLine } from '../redo/words.js'
import type { Happening } from '../replay/happenings.js'
import { shortened } from '../replay/short.js'
import type { RecordedSetting } from '../store/recording/format.js'
import { faultWords, shownAll, shownBuild } from './recording.js'

/** Undefined: nothing to be spoken of. `called`: how a build that an error names is called. */
export const happeningWords = (one: Happening, called: (build: BuildId) => string): string | undefined => {
  switch (one.what) {
    case 'asked':
      if (one.want === 'look') return `question ${one.request}: is ${shownAll(one.targets) || 'nothing'} out-of-date?`
      return one.by === undefined
        ? `request ${one.request} for ${shownAll(one.targets) || 'nothing'} (${one.want})`
        : `${shownBuild(one.by)} asks for ${shownAll(one.targets) || 'nothing'}`
    case 'cancelled':
      return one.request === undefined
        ? 'a do-file no longer waits'
        : `${one.isQuestion === true ? 'question' : 'request'} ${one.request} is taken back`
    case 'doubted':
      return one.targets.length === 0 ? undefined : `may have changed: ${shownAll(one.targets)}`
    case 'transacted': {
      // What is read is set no more where it is touched.
      const set = one.set.filter(({ to }) => to._tag !== 'unset')
      const touched = [...one.set.flatMap(({ name, to }) => (to._tag === 'unset' ? name : [])), ...one.touched]
      const words = [
        ...(set.length > 0 ? [`set ${setWords(set)}`] : []),
        ...(touched.length > 0 ? [`touched ${shownAll(touched)}`] : []),
      ]
      const of = one.since === undefined ? `version ${one.version}` : `versions ${one.since} to ${one.version}`
      return words.length === 0 ? undefined : `${of}: ${words.join('; ')}`
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
      if (one.outOfDate !== undefined)
        return `question ${one.request} is answered: ${one.outOfDate.length === 0 ? 'nothing is out-of-date' : `out-of-date: ${shownAll(one.outOfDate)}`}`
      return one.by === undefined
        ? `request ${one.request} is answered: ${one.ok ? 'ok' : 'failed'}`
        : `${shownBuild(one.by)} is answered${one.ok ? '' : ': failed'}`
    case 'noticed':
      return `request ${one.request} is told of a new result`
    case 'forgotten':
      return `forgotten: ${shownAll(one.targets)}`
    case 'told':
      return `${one.target === undefined ? '' : `${shownBuild(one.target)} `}${TOLD[one.event] ?? one.event}`
  }
}

/** With the name of a build before it, where it is about one. */
const TOLD: Readonly<Record<string, string>> = {
  pooled: 'takes room in a pool',
  recalled: 'is read from where it was kept',
  holds: 'is found to be what it was',
  always: 'says that it is always out-of-date (redo-always)',
  stamped: 'says by what it is to be judged (redo-stamp)',
  rechecked: 'all is to be looked at again (redo-recheck)',
  collect: 'what nothing needs is forgotten',
  swept: 'values that nobody holds are given up',
  pruned: 'values that nobody holds are given up',
}

const setWords = (set: Extract<Happening, { what: 'transacted' }>['set']): string => {
  const words = set.slice(0, SETTINGS).map(({ name, to }) => `${shownBuild(name)} = ${shortened(settingWords(to))}`)
  return `${words.join(', ')}${set.length > SETTINGS ? ` and ${set.length - SETTINGS} more` : ''}`
}
const SETTINGS = 6

export const settingWords = (to: RecordedSetting['to'] | undefined): string =>
  to === undefined ? 'not set' : to._tag === 'value' ? inLine(to.text) : to._tag
