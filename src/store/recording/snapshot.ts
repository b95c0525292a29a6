/** A whole state as bytes, and back: with names and values, so that a recording can be entered anywhere and needs nothing else. */
import { deflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib'
import { OBJECTS, TABLES } from '../../model/digest.js'
import type { BuildId } from '../../model/ids.js'
import type { State } from '../../model/state.js'
import {
  eachObject,
  emptyObjects,
  type IntTable,
  ObjectEditor,
  PAGE_ROWS,
  pageOf,
  pagesEnd,
  tableOf,
} from '../../model/table.js'
import { Damage } from '../database.js'
import { ByteReader, ByteWriter } from './bytes.js'
import { readValue, writeValue } from './results.js'
import type { RecordedValue } from './value.js'

/** The names that builds have, as byte strings. Requests have none. */
export type NamesById = ReadonlyMap<BuildId, string>

export interface Snapshot {
  readonly state: State
  readonly names: NamesById
}

type Rest = Omit<State, (typeof TABLES)[number] | (typeof OBJECTS)[number] | 'values'>

/** Quick rather than small. */
const LEVEL = { level: 1 }

export const packed = (bytes: Buffer): Buffer =>
  bytes.length > STORED_MAX ? deflateRawSync(bytes, LEVEL) : Buffer.concat([storedHeader(bytes.length), bytes])

/** So little, as the state before the first tick mostly is, takes longer to be packed than to be written. */
const STORED_MAX = 4096

/** The last block of a deflated text, not packed: RFC 1951, 3.2.4. */
const storedHeader = (length: number): Buffer => {
  const header = Buffer.from([1, 0, 0, 0, 0])
  header.writeUInt16LE(length, 1)
  header.writeUInt16LE(~length & 0xffff, 3)
  return header
}

/** As `packed`, beside whatever else there is to do. `done` is not called where it cannot be packed. */
export const packedLater = (bytes: Buffer, done: (packed: Buffer) => void): void =>
  deflateRaw(bytes, LEVEL, (error, result) => {
    if (error === null) done(result)
  })

/** Behind the last id whose name a snapshot tells. */
export const endOfNames = ({ facts, flight, checked }: State): number => Math.max(facts.end, flight.end, checked.end)

/** What the tables of a state take, and most of what a snapshot of it takes before it is packed. */
export const bytesOf = (state: State): number =>
  TABLES.reduce((sum, name) => sum + state[name].end * state[name].stride * Int32Array.BYTES_PER_ELEMENT, 0)

/** What else a snapshot tells of a build takes about as much: its name and value. */
const BYTES_A_ROW = 32

/** To be packed. */
export const encodeSnapshot = (
  state: State,
  nameOf: (build: BuildId) => string | undefined,
  recorded: (build: BuildId, value: unknown) => RecordedValue,
): Buffer => {
  const w = new ByteWriter(4096 + bytesOf(state) + BYTES_A_ROW * state.facts.end)
  const {
    facts,
    checked,
    edges,
    flight,
    costs,
    plans,
    sessions,
    errors,
    cycles,
    stamps,
    lanes,
    terms,
    values,
    ...rest
  } = state
  w.text(JSON.stringify({ ...rest, news: [] }), 'utf8')
  for (const name of TABLES) writeTable(w, state[name])
  for (const name of OBJECTS) {
    const entries: [number, unknown][] = []
    eachObject<unknown>(state[name], (row, value) => entries.push([row, value]))
    w.text(JSON.stringify(entries), 'utf8')
  }
  w.count(values.size)
  let last = 0
  eachObject(values, (row, value) => {
    w.count(row - last)
    last = row
    writeValue(w, recorded(row as BuildId, value))
  })
  last = 0
  for (let row = 1; row < endOfNames(state); row++) {
    const name = nameOf(row as BuildId)
    if (name === undefined) continue
    w.count(row - last)
    last = row
    w.text(name, 'latin1')
  }
  w.count(0)
  return w.view()
}

/** @throws Damage */
export const decodeSnapshot = (bytes: Buffer): Snapshot => {
  let r: ByteReader
  try {
    r = new ByteReader(inflateRawSync(bytes))
  } catch (error) {
    throw new Damage(`a snapshot is damaged: ${(error as Error).message}`)
  }
  const rest = JSON.parse(r.text('utf8')) as Rest
  const tables = TABLES.map(() => readTable(r))
  const objects = OBJECTS.map(() => {
    const editor = new ObjectEditor<unknown>(emptyObjects)
    for (const [row, value] of JSON.parse(r.text('utf8')) as [number, unknown][]) editor.set(row, value)
    return editor.finish()
  })
  const values = new ObjectEditor<unknown>(emptyObjects)
  let row = 0
  for (let left = r.count(); left > 0; left--) {
    row += r.count()
    values.set(row, readValue(r))
  }
  const names = new Map<BuildId, string>()
  let id = 0
  for (let step = r.count(); step !== 0; step = r.count()) {
    id += step
    names.set(id as BuildId, r.text('latin1'))
  }
  const state = {
    ...rest,
    ...Object.fromEntries(TABLES.map((name, i) => [name, tables[i]])),
    ...Object.fromEntries(OBJECTS.map((name, i) => [name, objects[i]])),
    values: values.finish(),
  } as State
  return { state, names }
}

const writeTable = (w: ByteWriter, table: IntTable): void => {
  w.count(table.stride)
  w.count(table.end)
  for (let page = 0; page < pagesEnd(table); page++) {
    const rows = Math.min(PAGE_ROWS, table.end - page * PAGE_ROWS)
    const words = pageOf(table, page) ?? new Int32Array(PAGE_ROWS * table.stride)
    w.words(words.subarray(0, rows * table.stride))
  }
}

const readTable = (r: ByteReader): IntTable => {
  const stride = r.count()
  const end = r.count()
  return tableOf(stride, r.words(stride * end))
}
