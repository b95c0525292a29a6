/** Where two recordings part, and which part of what was recorded then is the first to differ. */
import { digestOf, StateDigest } from '../model/digest.js'
import type { BuildId } from '../model/ids.js'
import type { RecordingReader } from '../store/recording/reader.js'
import { diffByName, isAlike, otherSettings, type Unlike } from './diff-names.js'
import { type Difference, isMeasured, partsOf } from './diff-ticks.js'
import { Walker } from './walker.js'

export type RecordingDiff = Found & {
  /** What they say of themselves in other words: program, face, policy, rules, options. By itself it is no difference. */
  readonly about: readonly string[]
}

type Found =
  | { readonly _tag: 'same'; readonly ticks: number }
  /** The shorter one is the beginning of the other. */
  | { readonly _tag: 'prefix'; readonly shorter: 'a' | 'b'; readonly ticks: number; readonly more: number }
  /** From `tick` on they differ, but in nothing that is not measured; up to where the shorter one ends, `more` before the other. */
  | { readonly _tag: 'measured'; readonly tick: number; readonly ticks: number; readonly more: number }
  /** They do not begin with the same state. */
  | ({ readonly _tag: 'start' } & Unlike)
  /** They do not begin with the same state; but in ids, counters, and what is measured, nothing of what they asked for, knew and made differs. */
  | { readonly _tag: 'alike' }
  | {
      readonly _tag: 'tick'
      /** The first that is not the same; but for what is measured, and so another each time, if that differs from tick `measured` on. */
      readonly tick: number
      readonly measured?: number
      /** The cause first; what follows from it alone is left out. Never empty. */
      readonly parts: readonly Difference[]
      /** Names of the builds that `parts` speak of, as byte strings. Requests have none. */
      readonly names: ReadonlyMap<BuildId, string>
    }

export const diffRecordings = (a: RecordingReader, b: RecordingReader): RecordingDiff => {
  const about = (['program', 'face', 'policy', 'rules', 'options'] as const).filter(
    (name) => JSON.stringify(a.about[name]) !== JSON.stringify(b.about[name]),
  )
  if (!isSameStart(a, b)) {
    const found = diffByName(a, b)
    return isAlike(found) ? { _tag: 'alike', about } : { _tag: 'start', about, ...found }
  }
  const tick = a.firstDifference(b)
  if (tick !== undefined) return { about, ...differenceFrom(a, b, tick) }
  if (a.ticks === b.ticks) return { _tag: 'same', about, ticks: a.ticks }
  const ticks = Math.min(a.ticks, b.ticks)
  const more = Math.max(a.ticks, b.ticks) - ticks
  return { _tag: 'prefix', about, shorter: a.ticks < b.ticks ? 'a' : 'b', ticks, more }
}

/** The first that is not only measured: two builds of the same by do-files differ in what stat says of the first file that they make. */
const differenceFrom = (a: RecordingReader, b: RecordingReader, first: number): Found => {
  const ticks = Math.min(a.ticks, b.ticks)
  for (let tick = first; tick <= ticks; tick++) {
    const parts = partsOf(a.at(tick), b.at(tick))
    if (parts.every(isMeasured) && (parts.length > 0 || tick > first)) continue
    const measured = tick > first ? { measured: first } : {}
    return { _tag: 'tick', tick, ...measured, ...partsAt(a, b, tick) }
  }
  return { _tag: 'measured', tick: first, ticks, more: Math.max(a.ticks, b.ticks) - ticks }
}

const isSameStart = (a: RecordingReader, b: RecordingReader): boolean => {
  const [mine, others] = [a.snapshotFor(0), b.snapshotFor(0)]
  return (
    mine.names.size === others.names.size &&
    Array.from(mine.names).every(([id, name]) => others.names.get(id) === name) &&
    digestOf(mine.state) === digestOf(others.state) &&
    otherSettings(a, b).length === 0
  )
}

const partsAt = (
  a: RecordingReader,
  b: RecordingReader,
  tick: number,
): { readonly parts: readonly Difference[]; readonly names: ReadonlyMap<BuildId, string> } => {
  const parts = partsOf(a.at(tick), b.at(tick))
  if (parts.length === 0) return { parts: [reducerAt(a, b, tick)], names: new Map() }
  const causes = parts.filter((part) => !isMeasured(part))
  return { parts: causes, names: namesAt(a, b, tick, causes) }
}

/** The same happened, and other states came of it: which of them does this program come to? */
const reducerAt = (a: RecordingReader, b: RecordingReader, tick: number): Difference => {
  const expected = { a: a.digestAt(tick), b: b.digestAt(tick) }
  const walker = new Walker(a)
  walker.seek(tick - 1)
  const digest = new StateDigest(walker.state)
  let found: string
  try {
    walker.step()
    digest.advance(walker.state)
    found = digest.text
  } catch (error) {
    found = (error as Error).message
  }
  const agrees = found === expected.a ? 'a' : found === expected.b ? 'b' : 'neither'
  return { part: 'reducer', ...expected, agrees }
}

/** Names are told where a build is first spoken of, so they are looked for from the tick on back. */
const namesAt = (
  a: RecordingReader,
  b: RecordingReader,
  tick: number,
  parts: readonly Difference[],
): ReadonlyMap<BuildId, string> => {
  const wanted = new Set<BuildId>()
  for (const part of parts) {
    if (part.part === 'batch') for (const x of [...part.onlyA, ...part.onlyB]) wanted.add(x)
    if (part.part === 'receipt') wanted.add(part.build)
    if (part.part === 'event') for (const x of part.builds) wanted.add(x)
  }
  const found = new Map<BuildId, string>()
  const take = (names: Iterable<readonly [BuildId, string]>): void => {
    for (const [id, name] of names) if (wanted.delete(id)) found.set(id, name)
  }
  take(a.at(tick).names)
  take(b.at(tick).names)
  const from = a.snapshotTickFor(tick - 1)
  for (let t = tick - 1; t > from && wanted.size > 0; t--) {
    const { names, input } = a.at(t)
    take(names)
    for (const event of input.events) if (event._tag === 'requested') wanted.delete(event.request)
  }
  if (wanted.size > 0) take(a.snapshotFor(tick - 1).names)
  return found
}
