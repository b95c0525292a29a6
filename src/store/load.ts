/**
 * From records to a state: into flat columns of words, without an object or a call for any row, and links made on the way.
 * It runs once in a process, so mostly before the machine code for it is ready: plain loops over few arrays win.
 */
import { edgeId, generation } from '../model/ids.js'
import { EDGE_STRIDE, Edge, emptyState, FACT_STRIDE, Fact, Flag, KIND_MASK, Kind, type State } from '../model/state.js'
import { eachObject, type IntTable, tableOf, withObject } from '../model/table.js'
import { Names } from './names.js'
import { DEPENDENCY_WORDS, STORED_FACTS, type StoreRecord } from './record.js'

/** What the records say, the later ones over the earlier: at rest, and nothing of it looked at yet. */
export const loadState = (
  records: readonly StoreRecord[],
  generationNumber: number,
  onNames: (names: Names) => void = () => {},
): { state: State; names: Names } => {
  const idsEnd = records.reduce((end, record) => Math.max(end, record.idsEnd), 1)
  if (idsEnd === 1) return { state: { ...emptyState, generation: generation(generationNumber) }, names: new Names() }
  const names = loadNames(records, idsEnd)
  onNames(names)
  const facts = new Int32Array(idsEnd * FACT_STRIDE)
  const lists: Lists = { record: new Int32Array(idsEnd), start: new Int32Array(idsEnd) }
  let { errors, stamps } = emptyState
  records.forEach((record, r) => {
    loadRows(record, r, facts, lists)
    for (const [id, error, last] of record.extras) {
      errors = withObject(errors, id, error ?? undefined)
      stamps = withObject(stamps, id, last === null ? undefined : { last })
    }
  })
  const { edges, edgesEnd } = linkEdges(records, lists, facts)
  let cyclic = 0
  eachObject(errors, (_, error) => {
    if (error._tag === 'cycle') cyclic++
  })
  for (let at = Fact.FLAGS; at < facts.length; at += FACT_STRIDE) {
    // Values are read when they are wanted, and until then as good as given up.
    if ((facts[at]! & (KIND_MASK | Flag.BROKEN)) === Kind.VALUE) facts[at]! |= Flag.WIPED
  }
  const state: State = {
    ...emptyState,
    generation: generation(generationNumber),
    facts: tableOf(FACT_STRIDE, facts),
    edges,
    edgesEnd,
    freeEdge: edgeId(0),
    errors,
    stamps,
    cyclic,
  }
  return { state, names }
}

/** Calls `visit` with each id that a record speaks of, more than once for some. */
export const eachIdOf = ({ rows, rowWords, names, extras }: StoreRecord, visit: (id: number) => void): void => {
  for (let i = 0; i < rows.length; i += rowWords + Math.max(rows[i + 1]!, 0) * DEPENDENCY_WORDS) visit(rows[i]!)
  for (let i = 0; i < names.length; i += 2) visit(names[i]!)
  for (const [id] of extras) visit(id)
}

const loadNames = (records: readonly StoreRecord[], idsEnd: number): Names => {
  const names = new Names()
  names.expect(
    idsEnd,
    records.reduce((length, record) => length + record.nameBytes.length, 0),
  )
  for (const record of records) names.load(record.names, record.nameBytes)
  names.index()
  return names
}

/** By id, where the last list of its dependencies begins: in which record, and at which word of its rows; 0: there is none. */
interface Lists {
  readonly record: Int32Array
  readonly start: Int32Array
}

const loadRows = ({ rows, rowWords }: StoreRecord, record: number, facts: Int32Array, lists: Lists): void => {
  const words = rowWords - 2
  for (let i = 0; i < rows.length; ) {
    const id = rows[i]!
    const count = rows[i + 1]!
    const at = id * FACT_STRIDE
    for (let word = 0; word < words; word++) facts[at + STORED_FACTS[word]!] = rows[i + 2 + word]!
    if (count >= 0) {
      lists.record[id] = record
      lists.start[id] = i + rowWords
    }
    i += rowWords + (count > 0 ? count * DEPENDENCY_WORDS : 0)
  }
}

/** Numbers the edges by dependent, in order, and links them from both ends; the newest dependent is the highest id. */
const linkEdges = (
  records: readonly StoreRecord[],
  lists: Lists,
  facts: Int32Array,
): { edges: IntTable; edgesEnd: number } => {
  const idsEnd = lists.start.length
  const countOf = (id: number): number => {
    const start = lists.start[id]!
    if (start === 0) return 0
    const { rows, rowWords } = records[lists.record[id]!]!
    return rows[start - rowWords + 1]!
  }
  let edgesEnd = 1
  for (let id = 1; id < idsEnd; id++) edgesEnd += countOf(id)
  const edges = new Int32Array(edgesEnd * EDGE_STRIDE)
  // What a dependency knows of its dependents is kept in a column of its own: among the facts it would miss the cache.
  const newest = new Int32Array(idsEnd)
  let e = 1
  let at: number = EDGE_STRIDE
  for (let id = 1; id < idsEnd; id++) {
    const count = countOf(id)
    if (count === 0) continue
    facts[id * FACT_STRIDE + Fact.DEP_HEAD] = e
    const words = records[lists.record[id]!]!.rows
    let from = lists.start[id]!
    for (let i = 0; i < count; i++) {
      const dependency = words[from]!
      edges[at + Edge.DEPENDENCY] = dependency
      edges[at + Edge.DEPENDENT] = id
      edges[at + Edge.MODE] = words[from + 1]!
      edges[at + Edge.SEEN] = words[from + 2]!
      edges[at + Edge.NEXT_DEP] = i + 1 < count ? e + 1 : 0
      edges[at + Edge.NEXT_DEPENDENT] = newest[dependency]!
      newest[dependency] = e++
      from += DEPENDENCY_WORDS
      at += EDGE_STRIDE
    }
  }
  for (let id = 1; id < idsEnd; id++) facts[id * FACT_STRIDE + Fact.DEPENDENT_HEAD] = newest[id]!
  return { edges: tableOf(EDGE_STRIDE, edges), edgesEnd }
}
