/** What one version of a program's sources did to them, where a recording holds it. */
import type { BuildId } from '../model/ids.js'
import type { RecordedSetting } from '../store/recording/format.js'
import type { RecordingReader } from '../store/recording/reader.js'
import type { TickRecord } from '../store/recording/record.js'
import { groupedBy } from './grouped.js'

/** Of one version; or, where a tick does not tell which of its versions did what, of all from `since` on. */
export interface Transacted {
  readonly version: number
  readonly since?: number
  readonly set: readonly RecordedSetting[]
  /** Names of those that were to be read or made again, and not set. */
  readonly touched: readonly string[]
}

/**
 * What the versions of one tick did. A record holds what all of them set, in the order in which they did, and of each version what it set or
 * touched, as far as that was known by then.
 */
export const transactedIn = (
  { input, settings, names }: TickRecord,
  nameOf: (build: BuildId) => string,
): readonly Transacted[] => {
  const versions = input.events.flatMap((event) =>
    event._tag === 'transacted' ? [{ version: event.version, names: event.builds.map(nameOf) }] : [],
  )
  const [first, last] = [versions[0], versions.at(-1)]
  if (first === undefined || last === undefined) return []
  const saidBy = groupedBy(
    versions.flatMap(({ names }, i) => names.map((name) => ({ name, i }))),
    ({ name }) => name,
  )
  const said = (name: string): readonly { readonly i: number }[] => saidBy.get(name) ?? []
  const fresh = new Set(names.map(([, name]) => name))
  const isTold = ([name, all]: readonly [string, readonly RecordedSetting[]]): boolean => {
    const by = said(name)
    // Before it was known, no version names it.
    if (by.length < all.length || fresh.has(name)) return false
    return by.length === all.length || by[0]?.i === by.at(-1)?.i
  }
  const setOf = groupedBy(settings, ({ name }) => name)
  const of = (set: readonly RecordedSetting[], told: readonly string[]): Pick<Transacted, 'set' | 'touched'> => {
    const isSet = new Set(set.map(({ name }) => name))
    return { set, touched: Array.from(new Set(told)).filter((name) => !isSet.has(name)) }
  }
  if (versions.length === 1 || !Array.from(setOf).every(isTold)) {
    const since = first === last ? {} : { since: first.version }
    return [{ version: last.version, ...since, ...of(settings, [...saidBy.keys()]) }]
  }
  const counts = new Map<string, number>()
  const byVersion = groupedBy(settings, ({ name }) => {
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    return said(name)[count]!.i
  })
  return versions.map(({ version, names }, i) => ({ version, ...of(byVersion.get(i) ?? [], names) }))
}

/**
 * `touched`: it was to be read or made again, and not set. Undefined: that came before the recording, or it does not tell. `name`: a byte
 * string, of `build`; `until`: a tick.
 */
export const settingOf = (
  reader: RecordingReader,
  name: string,
  build: BuildId,
  version: number,
  until: number,
): RecordedSetting['to'] | { readonly _tag: 'touched' } | undefined => {
  for (let tick = until; tick > 0; tick--) {
    const record = reader.recordAt(tick)
    if (!record.input.events.some((event) => event._tag === 'transacted' && event.version === version)) continue
    const settings = record.settings.filter((one) => one.name === name)
    const all = transactedIn({ ...record, settings }, (x) => (x === build ? name : ''))
    const found = all.find((one) => one.version === version)
    if (found === undefined || found.since !== undefined) return undefined
    return found.set.at(-1)?.to ?? (found.touched.includes(name) ? { _tag: 'touched' } : undefined)
  }
  // It was so before the first tick.
  return reader.settingsAt(0).find((one) => one.name === name)?.to
}
