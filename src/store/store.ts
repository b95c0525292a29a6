/**
 * The store: the state as SQLite keeps it. A commit appends one record of what changed to the journal; a checkpoint
 * rewrites the pages that the journal speaks of and empties it. All is read once, on opening. It keeps what is known at
 * rest: not what was looked at, what is in flight, who asked, or requests.
 *
 * Whoever opens it holds the lock (`lock.ts`). After a crash it holds the last commit; after a power loss, with
 * `synchronous: 'normal'`, maybe one before that; damaged, it says so and never tells what was not written.
 */
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { type BuildId, buildId } from '../model/ids.js'
import { emptyState, FACT_STRIDE, type State } from '../model/state.js'
import { objectAt, PAGE_ROWS, pageOf, pagesEnd, rowsEnd } from '../model/table.js'
import { type Changes, changesBetween } from './changes.js'
import { type Contents, readContents } from './contents.js'
import { Costs } from './costs.js'
import { closeQuietly, emptyHead, isDamage, openDatabase, refusalOf, type StoreError, setAside } from './database.js'
import { createTexts, type Statements, StoreFile } from './file.js'
import { IntentLog } from './intents.js'
import { eachIdOf, loadState } from './load.js'
import type { Names } from './names.js'
import { type Note, NoteKind, Notes, type NotesEdit, writeNotes } from './notes.js'
import {
  encodeHead,
  type Head,
  isStored,
  PAGE_IDS,
  RecordKind,
  RecordWriter,
  ROW_WORDS,
  sumOf,
  sumOfPages,
} from './record.js'
import type { Database } from './sqlite.js'
import type { Along, Intent, StoreOptions, StoreWarning } from './terms.js'

export { type StoreError, StoreFault } from './database.js'
export type { Along, Intent, StoreOptions, StoreWarning } from './terms.js'

const JOURNAL_BYTES_MAX = 4 << 20
/** What of the log of intents the last commit took over. */
const LOG_END = 'intentsEnd'

/** Opens the store in `folder`, which exists; makes it if it is not there. */
export const openStore = (folder: string, options: StoreOptions = {}): E.Either<StoreError, Store> =>
  openStoreFile(join(folder, 'state.sqlite'), options)

/** The same for a file of any name. */
export const openStoreFile = (path: string, options: StoreOptions = {}): E.Either<StoreError, Store> => {
  const connect = (): Database => {
    const db = openDatabase(path, options.synchronous ?? 'normal', options.migrations)
    if (options.texts) createTexts(db)
    return db
  }
  const limit = options.journalBytesMax ?? JOURNAL_BYTES_MAX
  try {
    const { file, contents, why } = tryOpen(path, connect)
    if (file !== undefined && contents !== undefined && why === undefined) {
      return E.right(new Store(path, file, contents, limit, undefined, options.onNames))
    }
    file?.close()
    const kept = contents === undefined ? 'nothing' : contents.journalLost > 0 ? 'older' : 'state'
    const warning: StoreWarning = { _tag: 'damaged', setAside: setAside(path), why: why ?? '', kept }
    return E.right(new Store(path, new StoreFile(path, connect, connect()), contents, limit, warning))
  } catch (error) {
    const refusal = refusalOf(path, error)
    if (refusal === undefined) throw error
    return E.left(refusal)
  }
}

/** `why`: what is wrong, if it is damaged; then `contents` is what can be trusted, if anything. @throws what is not damage */
const tryOpen = (path: string, connect: () => Database): { file?: StoreFile; contents?: Contents; why?: string } => {
  let db: Database | undefined
  try {
    db = connect()
    const contents = readContents(db)
    const file = new StoreFile(path, connect, db)
    if (contents.journalLost > 0) return { file, contents, why: `${contents.journalLost} commits are damaged` }
    if (contents.notesLost) return { file, contents, why: 'intents or meta are damaged' }
    return { file, contents }
  } catch (error) {
    if (db !== undefined) closeQuietly(db)
    if (refusalOf(path, error) !== undefined || !isDamage(error)) throw error
    return { why: (error as Error).message }
  }
}

export class Store {
  readonly names: Names
  readonly warning: StoreWarning | undefined
  /** Those found on opening: their process ended before it settled them. `ino` is a string in them. Several of one name: any may be in place. */
  readonly intents: readonly Intent[]
  private readonly file: StoreFile
  private readonly journalBytesMax: number
  private readonly writer = new RecordWriter()
  private readonly notes: Notes
  /** Intents that no commit has taken over. */
  private readonly log: IntentLog
  private committed: State
  readonly costs: Costs
  private head: Head
  /** Checksums of the pages by number. */
  private pageSums: ReadonlyMap<number, number>
  private pageBytes = 0
  private journalBytes = 0
  /** Pages that the journal speaks of. */
  private dirty = new Set<number>()
  /** Intents that are done, and whose commit failed. */
  private unsettled: readonly string[] = []

  /** Made by `openStore`. With a `warning` the file is new, and gets all that there is. */
  constructor(
    path: string,
    file: StoreFile,
    contents: Contents | undefined,
    journalBytesMax: number,
    warning?: StoreWarning,
    onNames?: (names: Names) => void,
  ) {
    this.file = file
    this.journalBytesMax = journalBytesMax
    this.warning = warning
    this.head = contents?.head ?? emptyHead
    this.pageSums = contents?.pageSums ?? new Map()
    this.notes = contents?.notes ?? new Notes()
    const records = contents === undefined ? [] : [...contents.pages, ...contents.journal]
    const { state: facts, names } = loadState(records, this.head.generation, onNames)
    const state = contents === undefined ? facts : { ...facts, costs: contents.costs }
    this.committed = state
    this.costs = new Costs((before, after) => file.saveCosts(before, after), state.costs)
    this.names = names
    this.log = new IntentLog(`${path}-intents`, Number(this.meta(LOG_END) ?? 0))
    const found = [...this.notes.all(NoteKind.INTENT).map(intentOf), ...this.log.found]
    this.intents = [...new Map(found.map((intent) => [`${intent.ino} ${intent.name}`, intent])).values()]
    if (contents === undefined || warning !== undefined) {
      this.checkpointOf(state, 'all')
      return
    }
    this.pageBytes = contents.pageBytes
    this.journalBytes = contents.journalBytes
    for (const record of contents.journal) eachIdOf(record, (id) => this.dirty.add(pageOfId(id)))
  }

  /** The last committed state; right after opening, with nothing looked at and nothing in flight. */
  get state(): State {
    return this.committed
  }

  /** Bytes of the records that a start would have to apply to the pages. */
  get journalSize(): number {
    return this.journalBytes
  }

  /** Whether the file is still where it was opened. */
  get isInPlace(): boolean {
    return this.file.isInPlace
  }

  /**
   * Makes `after` what the next start will find, and forgets the intents of `settled` with it: one transaction, whose cost
   * follows what changed since the last commit; nothing is written if nothing did.
   * @throws StoreFault: nothing is written, and the next commit makes up for it.
   */
  commit(after: State, settled: readonly string[] = [], along?: Along): void {
    const changes = changesBetween(this.committed, after, along?.renewed)
    this.unsettled = [...this.unsettled, ...settled]
    const edit = this.settle(this.unsettled, along)
    if (along !== undefined) this.nameNew(after, changes.rows, along)
    const texts = this.file.isSuspect
      ? (along?.texts(emptyState, after, allIds(after)) ?? [])
      : (along?.texts(this.committed, after, changes.rows) ?? [])
    const ids = [...changes.rows, ...changes.extras, ...this.names.changed]
    if (ids.length === 0 && edit.put.length === 0 && edit.drop.length === 0 && !this.file.isSuspect) {
      this.committed = after
    } else if (this.file.isSuspect) {
      this.notes.keep(edit)
      this.checkpointOf(after, 'all', undefined, texts)
    } else if (ids.length * ROW_WORDS * 4 + this.journalBytes > Math.max(this.journalBytesMax, this.pageBytes / 4)) {
      this.checkpointOf(after, new Set([...this.dirty, ...ids.map(pageOfId)]), edit, texts)
    } else {
      this.append(after, changes, edit, texts)
      for (const id of ids) this.dirty.add(pageOfId(id))
    }
    this.unsettled = []
    this.log.clear()
    this.costs.committed(after.costs)
  }

  /** Records that these targets will be put in place, before any of them is. @throws StoreFault: none is recorded. */
  intend(intents: readonly Intent[]): void {
    this.file.record(() => this.log.add(intents))
    const names = new Set(intents.map(({ name }) => name))
    this.unsettled = this.unsettled.filter((name) => !names.has(name))
  }

  /** Plans to forget the intents of `settled`, and to take over those of the log. */
  private settle(settled: readonly string[], along?: Along): NotesEdit {
    const drop = settled.map((key) => ({ kind: NoteKind.INTENT, key }))
    if (this.log.isEmpty) return this.notes.edit(along?.put ?? [], [...drop, ...(along?.drop ?? [])])
    const done = new Set(settled)
    const kept = this.log.all.filter(({ name }) => !done.has(name)).map(noteOf)
    const end = { kind: NoteKind.META, key: LOG_END, value: String(this.log.end) }
    return this.notes.edit([...kept, end, ...(along?.put ?? [])], [...drop, ...(along?.drop ?? [])])
  }

  private nameNew(after: State, rows: readonly BuildId[], { nameOf }: Along): void {
    for (const id of rows) {
      const page = pageOf(after.facts, Math.floor(id / PAGE_ROWS))
      if (!this.names.isNamed(id) && isStored(page, (id % PAGE_ROWS) * FACT_STRIDE)) this.names.place(id, nameOf(id))
    }
  }

  /** Takes `state` for what the file holds: what it adds to that is found out again at each start. */
  rebase(state: State): void {
    this.committed = state
  }

  /** The text that was kept of `id`. It is for the caller to tell whether it is the one that was written. */
  text(id: BuildId): string | undefined {
    try {
      const text = this.file.texts.get.get(id)
      return typeof text === 'string' ? text : undefined
    } catch (error) {
      if (!isDamage(error)) throw error
      return undefined
    }
  }

  /** All notes of a kind. */
  notesOf(kind: number): readonly Note[] {
    return this.notes.all(kind)
  }

  /** Commits, and brings the pages up to date, so that the next start has no journal to apply. @throws StoreFault */
  checkpoint(after: State): void {
    this.commit(after)
    if (this.head.journal > 0) this.checkpointOf(after, this.dirty)
  }

  /** These were settled without a commit. @throws StoreFault */
  dropIntents(names: readonly string[]): void {
    const edit = this.settle(names)
    if (edit.drop.length + edit.put.length > 0) this.editNotes(edit)
    this.log.clear()
  }

  /** What `setMeta` last said of `key`. */
  meta(key: string): string | undefined {
    return this.notes.get(NoteKind.META, key)
  }
  /** Remembers a value from one process to the next; undefined forgets. @throws StoreFault */
  setMeta(key: string, value: string | undefined): void {
    if (this.meta(key) === value) return
    const note = { kind: NoteKind.META, key }
    this.editNotes(this.notes.edit(value === undefined ? [] : [{ ...note, value }], value === undefined ? [note] : []))
  }

  /** Lets go of the file; with `after`, once it holds that. @throws StoreFault, closed all the same. */
  close(after?: State): void {
    try {
      if (after !== undefined) {
        this.checkpoint(after)
        this.costs.keep(after.costs)
      }
    } finally {
      this.file.close()
      this.log.close()
    }
  }

  private editNotes(edit: NotesEdit): void {
    this.head = this.file.transact((statements) => {
      writeNotes(statements, edit)
      return setHead(statements, { ...this.head, notes: edit.count, notesSum: edit.sum })
    })
    this.notes.keep(edit)
  }

  private append(after: State, { rows, lists, extras }: Changes, edit: NotesEdit, texts: Texts): void {
    const { writer, names, head } = this
    for (let i = 0; i < rows.length; i++) writer.addRow(after, names, rows[i]!, lists[i]!)
    for (const id of names.changed) writer.addName(names, id)
    for (const id of extras) writer.addExtra(after, id)
    const key = head.journal + 1
    const record = writer.isEmpty ? undefined : writer.finish(RecordKind.JOURNAL, key, head.chain)
    const next: Head = {
      ...head,
      ...(record === undefined ? {} : { journal: key, chain: sumOf(record) }),
      generation: after.generation,
      notes: edit.count,
      notesSum: edit.sum,
    }
    this.file.transact((statements) => {
      if (record !== undefined) statements.append.run(key, record)
      writeNotes(statements, edit)
      this.writeTexts(texts)
      setHead(statements, next)
    })
    this.head = next
    this.journalBytes += record?.length ?? 0
    this.notes.keep(edit)
    this.names.settle()
    this.committed = after
  }

  /** Writes `pages` of `after` anew and empties the journal. `all`: as if the file held nothing. */
  private checkpointOf(after: State, pages: ReadonlySet<number> | 'all', edit?: NotesEdit, texts: Texts = []): void {
    const sums = new Map(pages === 'all' ? [] : this.pageSums)
    const write = (statements: Statements): { head: Head; pageBytes: number } => {
      if (pages === 'all') {
        statements.dropPages.run()
        this.notes.writeAll(statements)
      } else if (edit !== undefined) writeNotes(statements, edit)
      for (const page of pages === 'all' ? this.allPages(after) : pages) this.writePage(statements, after, page, sums)
      statements.dropJournal.run()
      this.writeTexts(texts)
      const sum = sumOfPages(sums)
      const { count: notes, sum: notesSum } = edit ?? this.notes
      const head = setHead(statements, {
        generation: after.generation,
        journal: 0,
        chain: sum,
        pages: sum,
        notes,
        notesSum,
      })
      return { head, pageBytes: statements.pageBytes.get() as number }
    }
    const { head, pageBytes } = pages === 'all' ? this.file.rewrite(write) : this.file.transact(write)
    this.head = head
    this.pageSums = sums
    this.pageBytes = pageBytes
    this.journalBytes = 0
    this.dirty = new Set()
    if (edit !== undefined) this.notes.keep(edit)
    this.names.settle()
    this.committed = after
  }

  /** Inside a transaction. */
  private writeTexts(texts: Texts): void {
    for (const [id, text] of texts) {
      if (text === undefined) this.file.texts.drop.run(id)
      else this.file.texts.set.run(id, text)
    }
  }

  private allPages(state: State): Iterable<number> {
    const end = pageOfId(Math.max(this.names.idsEnd, pagesEnd(state.facts) * PAGE_ROWS) - 1) + 1
    return Array.from({ length: end }, (_, page) => page)
  }

  /** Writes one page, and its checksum to `sums`. */
  private writePage(statements: Statements, state: State, page: number, sums: Map<number, number>): void {
    const { writer, names } = this
    const hasExtras = state.errors.size + state.stamps.size > 0
    for (let n = Math.max(page * PAGE_IDS, 1); n < (page + 1) * PAGE_IDS; n++) {
      const id = buildId(n)
      if (isStored(pageOf(state.facts, Math.floor(n / PAGE_ROWS)), (n % PAGE_ROWS) * FACT_STRIDE))
        writer.addRow(state, names, id, true)
      if (names.isNamed(id)) writer.addName(names, id)
      if (hasExtras && (objectAt(state.errors, id) ?? objectAt(state.stamps, id)?.last) !== undefined)
        writer.addExtra(state, id)
    }
    if (writer.isEmpty) {
      if (sums.delete(page)) statements.dropPage.run(page)
      return
    }
    const record = writer.finish(RecordKind.PAGE, page)
    statements.setPage.run(page, record)
    sums.set(page, sumOf(record))
  }
}

const allIds = (state: State): readonly BuildId[] =>
  Array.from({ length: Math.max(rowsEnd(state.facts) - 1, 0) }, (_, i) => buildId(i + 1))

type Texts = ReturnType<Along['texts']>

const pageOfId = (id: BuildId | number): number => Math.floor(id / PAGE_IDS)

const setHead = (statements: Statements, head: Head): Head => {
  statements.setHead.run(encodeHead(head))
  return head
}

const noteOf = ({ name, ino, size }: Intent): Note => ({ kind: NoteKind.INTENT, key: name, value: `${ino} ${size}` })

const intentOf = ({ key, value }: Note): Intent => {
  const [ino, size] = value.split(' ')
  return { name: key, ino: ino as string, size: Number(size) }
}
