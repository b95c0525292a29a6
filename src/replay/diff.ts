/** What differs between two states: of one recording at two ticks, or of two recordings. */
import { changedPages } from '../model/changed.js'
import type { Json } from '../model/codec.js'
import type { BuildId } from '../model/ids.js'
import { buildId } from '../model/ids.js'
import { Edge, isKnown, type State } from '../model/state.js'
import { changedObjects, type IntTable, PAGE_ROWS, read } from '../model/table.js'
import type { RecordingReader } from '../store/recording/reader.js'
import { type View, viewOf } from './view.js'
import { Walker } from './walker.js'

/** What of a build differs, and what it was and is. */
export interface Change {
  readonly what: Exclude<keyof View, 'build'>
  readonly from: Json
  readonly to: Json
}

export interface BuildDiff {
  readonly build: BuildId
  /** As a byte string; that of the later state, where they differ. */
  readonly name: string
  /** Nothing was, or is, known of it. */
  readonly is: 'new' | 'gone' | 'changed'
  /** Never empty. */
  readonly changes: readonly Change[]
}

export interface Side {
  readonly state: State
  readonly nameOf: (build: BuildId) => string | undefined
}

/** The builds that differ between the states after ticks `from` and `to`, by id. The ticks must be in the recording. */
export const diffTicks = (reader: RecordingReader, from: number, to: number): readonly BuildDiff[] => {
  const walker = new Walker(reader)
  const sideAt = (tick: number): Side => {
    walker.seek(tick)
    const names = new Map(walker.named)
    return { state: walker.state, nameOf: (build) => names.get(build) }
  }
  if (from <= to) {
    const before = sideAt(from)
    return diffStates(before, sideAt(to))
  }
  const after = sideAt(to)
  return diffStates(sideAt(from), after)
}

const diffStates = (before: Side, after: Side): readonly BuildDiff[] => {
  const found: BuildDiff[] = []
  for (const x of touched(before.state, after.state)) {
    const [was, is] = [isKnown(before.state, x), isKnown(after.state, x)]
    if (!was && !is) continue
    const [from, to] = [viewOf(before.state, before.nameOf, x), viewOf(after.state, after.nameOf, x)]
    const changes = KEYS.flatMap((what): readonly Change[] => {
      // Of what was not there before, only what it is now is news; and the other way round.
      if (what === 'name' && was !== is) return []
      const [a, b] = [jsonOf(from[what]), jsonOf(to[what])]
      return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ what, from: a, to: b }]
    })
    if (changes.length > 0)
      found.push({ build: x, name: is ? to.name : from.name, is: !was ? 'new' : is ? 'changed' : 'gone', changes })
  }
  return found
}

const KEYS = [
  'name',
  'status',
  'kind',
  'flags',
  'revision',
  'built',
  'stat',
  'result',
  'value',
  'error',
  'cause',
  'dependencies',
] as const satisfies readonly Change['what'][]

const jsonOf = (value: unknown): Json => (value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json))

/** Builds with a row, an edge or an object that is not the same, rising. */
const touched = (before: State, after: State): readonly BuildId[] => {
  const found = new Set<number>()
  for (const name of ['facts', 'flight'] as const)
    changedRowsOf(before[name], after[name], (row) => {
      found.add(row)
    })
  changedRowsOf(before.edges, after.edges, (row) => {
    found.add(read(before.edges, row, Edge.DEPENDENT))
    found.add(read(after.edges, row, Edge.DEPENDENT))
  })
  changedObjects(before.errors, after.errors, (row) => {
    found.add(row)
  })
  found.delete(0)
  return Array.from(found)
    .sort((a, b) => a - b)
    .map(buildId)
}

const changedRowsOf = (before: IntTable, after: IntTable, visit: (row: number) => void): void =>
  changedPages(before, after, (page) => {
    for (let row = page * PAGE_ROWS; row < (page + 1) * PAGE_ROWS; row++)
      for (let word = 0; word < after.stride; word++)
        if (read(before, row, word) !== read(after, row, word)) {
          visit(row)
          break
        }
  })
