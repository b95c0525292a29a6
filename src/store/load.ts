/** From records to a state: straight into pages of words, without an object for any row, and links made on the way. */
import { type BuildId, edgeId, generation } from '../model/ids.js'
import { EDGE_STRIDE, Edge, emptyState, FACT_STRIDE, Fact, type State } from '../model/state.js'
import { emptyObjects, type IntTable, PAGE_ROWS, tableOfPages, withObject } from '../model/table.js'
import { Names } from './names.js'
import { DEPENDENCY_WORDS, ROW_WORDS, STORED_FACTS, type StoreRecord } from './record.js'

const PAGE_BITS = Math.log2(PAGE_ROWS)
const MASK = PAGE_ROWS - 1

/** The pages of a table that is being filled. */
type Pages = Int32Array[]

/** What the records say, the later ones over the earlier: at rest, and nothing of it looked at yet. */
export const loadState = (
  records: readonly StoreRecord[],
  generationNumber: number,
): { state: State; names: Names } => {
  const idsEnd = records.reduce((end, record) => Math.max(end, record.idsEnd), 1)
  const names = loadNames(records, idsEnd)
  const lists = new Lists(records, idsEnd)
  const facts: Pages = []
  let { errors, stamps } = emptyState
  records.forEach((record, r) => {
    loadRows(record.rows, r, facts, lists)
    for (const [id, error, last] of record.extras) {
      errors = withObject(errors, id, error ?? undefined)
      stamps = withObject(stamps, id, last === null ? undefined : { last })
    }
  })
  const { edges, edgesEnd } = linkEdges(facts, lists, idsEnd)
  const state: State = {
    ...emptyState,
    generation: generation(generationNumber),
    facts: tableOfPages(FACT_STRIDE, facts),
    edges,
    edgesEnd,
    freeEdge: edgeId(0),
    errors: errors.size === 0 ? emptyObjects : errors,
    stamps,
  }
  return { state, names }
}

/** Calls `visit` with each id that a record speaks of, more than once for some. */
export const eachIdOf = ({ rows, names, extras }: StoreRecord, visit: (id: number) => void): void => {
  for (let i = 0; i < rows.length; i += ROW_WORDS + Math.max(rows[i + 1]!, 0) * DEPENDENCY_WORDS) visit(rows[i]!)
  for (let i = 0; i < names.length; i += 2) visit(names[i]!)
  for (const [id] of extras) visit(id)
}

const loadNames = (records: readonly StoreRecord[], idsEnd: number): Names => {
  const names = new Names()
  names.expect(
    idsEnd,
    records.reduce((length, record) => length + record.nameBytes.length, 0),
  )
  for (const record of records) {
    let at = names.appendBytes(record.nameBytes)
    for (let i = 0; i < record.names.length; i += 2) {
      const length = record.names[i + 1]!
      names.place(record.names[i] as BuildId, at, length)
      if (length > 0) at += length
    }
  }
  names.index()
  return names
}

/** For each id, where its last list of dependencies stands: in which record, and at which word of its rows. */
class Lists {
  private readonly record: Int32Array
  private readonly at: Int32Array
  private readonly records: readonly StoreRecord[]

  constructor(records: readonly StoreRecord[], idsEnd: number) {
    this.records = records
    this.record = new Int32Array(idsEnd)
    this.at = new Int32Array(idsEnd)
  }

  set(id: number, record: number, at: number): void {
    this.record[id] = record
    this.at[id] = at
  }

  /** The words the list is among; it begins at `start(id)`, and the word `ROW_WORDS - 1` before that is its length. */
  wordsOf(id: number): Int32Array {
    return this.records[this.record[id]!]!.rows
  }

  /** 0: there is none. */
  start(id: number): number {
    return this.at[id]!
  }
}

const loadRows = (rows: Int32Array, record: number, facts: Pages, lists: Lists): void => {
  for (let i = 0; i < rows.length; ) {
    const id = rows[i]!
    const count = rows[i + 1]!
    const page = pageFor(facts, id, FACT_STRIDE)
    const at = (id & MASK) * FACT_STRIDE
    for (let word = 0; word < STORED_FACTS.length; word++) page[at + STORED_FACTS[word]!] = rows[i + 2 + word]!
    if (count >= 0) lists.set(id, record, i + ROW_WORDS)
    i += ROW_WORDS + Math.max(count, 0) * DEPENDENCY_WORDS
  }
}

/** Numbers the edges by dependent, in order, and links them from both ends; the newest dependent is the highest id. */
const linkEdges = (facts: Pages, lists: Lists, idsEnd: number): { edges: IntTable; edgesEnd: number } => {
  const edges: Pages = []
  let e = 1
  for (let id = 1; id < idsEnd; id++) {
    const start = lists.start(id)
    if (start === 0) continue
    const words = lists.wordsOf(id)
    const count = words[start - ROW_WORDS + 1]!
    if (count === 0) continue
    pageFor(facts, id, FACT_STRIDE)[(id & MASK) * FACT_STRIDE + Fact.DEP_HEAD] = e
    for (let i = 0; i < count; i++, e++) {
      const from = start + i * DEPENDENCY_WORDS
      const dependency = words[from]!
      const page = pageFor(edges, e, EDGE_STRIDE)
      const at = (e & MASK) * EDGE_STRIDE
      page[at + Edge.DEPENDENCY] = dependency
      page[at + Edge.DEPENDENT] = id
      page[at + Edge.MODE] = words[from + 1]!
      page[at + Edge.SEEN] = words[from + 2]!
      if (i + 1 < count) page[at + Edge.NEXT_DEP] = e + 1
      const dependencyPage = pageFor(facts, dependency, FACT_STRIDE)
      const headAt = (dependency & MASK) * FACT_STRIDE + Fact.DEPENDENT_HEAD
      const head = dependencyPage[headAt]!
      page[at + Edge.NEXT_DEPENDENT] = head
      if (head !== 0) edges[head >>> PAGE_BITS]![(head & MASK) * EDGE_STRIDE + Edge.PREV_DEPENDENT] = e
      dependencyPage[headAt] = e
    }
  }
  return { edges: tableOfPages(EDGE_STRIDE, edges), edgesEnd: e }
}

/** The page of a row, made if it is not there. */
const pageFor = (pages: Pages, row: number, stride: number): Int32Array =>
  (pages[row >>> PAGE_BITS] ??= new Int32Array(PAGE_ROWS * stride))
