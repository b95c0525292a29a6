/** Where two recordings part, and which part of what was recorded then is the first to differ. */
import { digestOf, StateDigest } from '../model/digest.js'
import type { Event } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { RecordingReader } from '../store/recording/reader.js'
import { deedsApart, type First, type Otherwise } from './diff-deeds.js'
import { Called, idBack, idsFrom, isSameIn, saidIn, translated } from './diff-ids.js'
import { diffByName, isAlike, otherSettings, type Unlike } from './diff-names.js'
import { type Difference, isCertain, isMeasured, partsOf } from './diff-ticks.js'
import { takeNames, Walker } from './walker.js'

export type RecordingDiff = Found & {
  /** What they say of themselves in other words: program, face, policy, rules, options, jobs. By itself it is no difference. */
  readonly about: readonly string[]
  /** How many slots people asked for, where that is another number: each once, rising. */
  readonly jobs?: Jobs
}

export interface Jobs {
  readonly a: readonly number[]
  readonly b: readonly number[]
}

type Found =
  | { readonly _tag: 'same'; readonly ticks: number }
  /** The shorter one is the beginning of the other. */
  | { readonly _tag: 'prefix'; readonly shorter: 'a' | 'b'; readonly ticks: number; readonly more: number }
  /** From `tick` on they differ, but in nothing that is not measured; up to where the shorter one ends, `more` before the other. */
  | { readonly _tag: 'measured'; readonly tick: number; readonly ticks: number; readonly more: number }
  /** They do not begin with the same state. */
  | ({ readonly _tag: 'start' } & Unlike)
  /** They do not begin with the same state, or were to be done in another way; but in ids, counters, and what is measured, nothing of what they asked for, knew and made differs. */
  | { readonly _tag: 'alike' }
  | {
      readonly _tag: 'tick'
      /** The first that is not the same; but for what is measured, and so another each time, if that differs from tick `measured` on. */
      readonly tick: number
      readonly measured?: number
      /** The cause first; what follows from it alone is left out. Never empty. */
      readonly parts: readonly Difference[]
      /** Names of the builds that `parts` speak of, as byte strings. Requests have none. Where an id is another in both, it is that of `a`. */
      readonly names: ReadonlyMap<BuildId, string>
      /** Where `parts` may be a matter of time alone: what came out otherwise first from then on. */
      readonly otherwise?: Otherwise
    }
  /** From `tick` on the same was done in another order, or at other times, and nothing else differs. */
  | {
      readonly _tag: 'order'
      readonly tick: number
      readonly measured?: number
      readonly parts: readonly Difference[]
      readonly names: ReadonlyMap<BuildId, string>
      /** `a` comes before `b` in the first recording, and after it in the other; left out: only times differ. */
      readonly first?: First
    }

export const diffRecordings = (a: RecordingReader, b: RecordingReader): RecordingDiff => {
  const found = differenceOf(a, b)
  const jobs = found._tag === 'same' || found._tag === 'prefix' ? undefined : otherJobs(a, b)
  const about = (['program', 'face', 'policy', 'rules', 'options'] as const).filter(
    (name) => JSON.stringify(a.about[name]) !== JSON.stringify(b.about[name]),
  )
  return { ...found, about: jobs === undefined ? about : [...about, 'jobs'], ...(jobs === undefined ? {} : { jobs }) }
}

const differenceOf = (a: RecordingReader, b: RecordingReader): Found => {
  if (!isSameStart(a, b)) {
    const found = diffByName(a, b)
    return isAlike(found) ? { _tag: 'alike' } : { _tag: 'start', ...found }
  }
  const tick = a.firstDifference(b)
  if (tick !== undefined) return differenceFrom(a, b, tick)
  if (a.ticks === b.ticks) return { _tag: 'same', ticks: a.ticks }
  const ticks = Math.min(a.ticks, b.ticks)
  const more = Math.max(a.ticks, b.ticks) - ticks
  return { _tag: 'prefix', shorter: a.ticks < b.ticks ? 'a' : 'b', ticks, more }
}

/** Slots are for do-files: a program asks for none. */
const otherJobs = (a: RecordingReader, b: RecordingReader): Jobs | undefined => {
  if (a.about.face !== 'redo' || b.about.face !== 'redo') return undefined
  const jobs = { a: jobsIn(a), b: jobsIn(b) }
  return JSON.stringify(jobs.a) === JSON.stringify(jobs.b) ? undefined : jobs
}

const jobsIn = (reader: RecordingReader): readonly number[] => {
  const found = new Set<number>()
  for (let tick = 1; tick <= reader.ticks; tick++)
    for (const event of reader.recordAt(tick).input.events)
      if (event._tag === 'requested' && event.by === 0) found.add(event.jobs)
  return Array.from(found).sort((one, other) => one - other)
}

/** The first that is not only measured: two builds of the same by do-files differ in what stat says of the first file that they make. */
const differenceFrom = (a: RecordingReader, b: RecordingReader, first: number): Found => {
  const ticks = Math.min(a.ticks, b.ticks)
  // Up to here each id stands for the same in both.
  const names = namesBefore(a, first)
  const [inA, inB] = [new Called(names), new Called(names)]
  const to = idsFrom(inB, inA)
  let isAligned = true
  let measuredFrom: number | undefined
  for (let tick = first; tick <= ticks; tick++) {
    const [mine, others] = [a.at(tick), b.at(tick)]
    inA.take(mine)
    inB.take(others)
    isAligned &&= isSameIn(mine, inA, inB) && isSameIn(others, inB, inA)
    const theirs = isAligned ? others : translated(others, to)
    const found = partsOf(mine, theirs).filter((part) => part.part !== 'name' || isAligned)
    if (found.length === 0 && tick === first && isAligned)
      return { _tag: 'tick', tick, parts: [reducerAt(a, b, tick)], names: new Map() }
    const parts = found.filter((part) => !isMeasured(part) && part.part !== 'way')
    if (parts.length === 0) {
      if (found.some(isMeasured)) measuredFrom ??= tick
      continue
    }
    const measured = measuredFrom === undefined ? {} : { measured: measuredFrom }
    const told = { tick, ...measured, parts, names: namesIn(parts, (x) => inA.nameOf(x) ?? inB.nameOf(idBack(x))) }
    const apart = parts.some(isCertain) ? undefined : deedsApart(a, b, tick)
    if (apart === undefined || apart.otherwise !== undefined) return { _tag: 'tick', ...told, ...apart }
    return { _tag: 'order', ...told, ...apart }
  }
  const more = Math.max(a.ticks, b.ticks) - ticks
  // Nothing but the ids themselves.
  if (!isAligned && more === 0) return { _tag: 'order', tick: first, parts: [], names: new Map() }
  if (measuredFrom === undefined && more === 0) return { _tag: 'alike' }
  return { _tag: 'measured', tick: measuredFrom ?? first, ticks, more }
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

/** Names are told where a build is first spoken of. */
const namesBefore = (reader: RecordingReader, tick: number): ReadonlyMap<BuildId, string> => {
  const names = new Map(reader.snapshotFor(tick - 1).names)
  for (let t = reader.snapshotTickFor(tick - 1) + 1; t < tick; t++) takeNames(names, reader.recordAt(t))
  return names
}

/** Of all that the parts speak of. */
const namesIn = (
  parts: readonly Difference[],
  nameOf: (build: BuildId) => string | undefined,
): ReadonlyMap<BuildId, string> => {
  const found = new Map<BuildId, string>()
  const take = (x: BuildId): BuildId => {
    const name = nameOf(x)
    if (name !== undefined) found.set(x, name)
    return x
  }
  for (const part of parts) {
    if (part.part === 'batch') for (const x of [...part.onlyA, ...part.onlyB]) take(x)
    if (part.part === 'receipt' || part.part === 'event')
      for (const said of [part.a, part.b]) if (said !== undefined) saidIn(said as Event, take)
  }
  return found
}
