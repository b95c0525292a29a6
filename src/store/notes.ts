/**
 * Notes: the small things of the store that are not rows of the state, by key: intents, what sources were set to, and what a
 * program wants to remember. Held in memory too, so an edit is planned, written in a transaction, and kept only once that is committed.
 */
import { crc32 } from 'node:zlib'
import type { Database, Statement } from './sqlite.js'

export const NoteKind = { INTENT: 1, META: 2, SETTING: 3 } as const

export interface Note {
  readonly kind: number
  /** One char per byte. */
  readonly key: string
  readonly value: string
}

interface StoredNote extends Note {
  readonly id: number
  readonly sum: number
}

/** What an edit changes; `count` and `sum` are those of all notes afterwards. */
export interface NotesEdit {
  readonly put: readonly StoredNote[]
  readonly drop: readonly StoredNote[]
  readonly count: number
  readonly sum: number
}

const keyOf = (kind: number, key: string): string => `${kind}:${key}`

const sumOfNote = ({ kind, key, value }: Note): number =>
  crc32(Buffer.from(JSON.stringify([kind, key, value]), 'utf8')) | 0

export class Notes {
  private readonly notes = new Map<string, StoredNote>()
  private nextId = 1
  private sumOfAll = 0

  get count(): number {
    return this.notes.size
  }

  /** The checksums of all notes, xored: it does not depend on their order. */
  get sum(): number {
    return this.sumOfAll
  }

  get(kind: number, key: string): string | undefined {
    return this.notes.get(keyOf(kind, key))?.value
  }

  all(kind: number): readonly Note[] {
    return [...this.notes.values()].filter((note) => note.kind === kind)
  }

  /** Plans to write `put` over what is there, and to take out `drop`; what is not there is none to take out. */
  edit(put: readonly Note[], drop: readonly Omit<Note, 'value'>[]): NotesEdit {
    const puts = new Map<string, StoredNote>()
    const drops = new Map<string, StoredNote>()
    for (const { kind, key } of [...drop, ...put]) {
      const old = this.notes.get(keyOf(kind, key))
      if (old !== undefined) drops.set(keyOf(kind, key), old)
    }
    for (const note of put) puts.set(keyOf(note.kind, note.key), { ...note, id: 0, sum: sumOfNote(note) })
    let id = this.nextId
    const numbered = [...puts.values()].map((note) => ({ ...note, id: id++ }))
    let sum = 0
    for (const note of [...drops.values(), ...numbered]) sum ^= note.sum
    return {
      put: numbered,
      drop: [...drops.values()],
      count: this.count + numbered.length - drops.size,
      sum: this.sum ^ sum,
    }
  }

  /** The edit is committed. */
  keep({ put, drop }: NotesEdit): void {
    for (const note of drop) {
      this.notes.delete(keyOf(note.kind, note.key))
      this.sumOfAll ^= note.sum
    }
    for (const note of put) {
      this.notes.set(keyOf(note.kind, note.key), note)
      this.sumOfAll ^= note.sum
      this.nextId = Math.max(this.nextId, note.id + 1)
    }
  }

  /** Inside a transaction: makes the table what is in memory. */
  writeAll(statements: NoteStatements): void {
    statements.removeAll.run()
    writeNotes(statements, { put: [...this.notes.values()], drop: [] })
  }

  /** Reads the table; rows that are not what was written are left out, which the count and sum of the rest will show. */
  static load(db: Database): Notes {
    const notes = new Notes()
    const rows = db.prepare('select id, kind, key, value, sum from notes').raw().all() as unknown[][]
    for (const [id, kind, key, value, sum] of rows) {
      if (!Buffer.isBuffer(key) || typeof value !== 'string') continue
      const note = { kind: kind as number, key: key.toString('latin1'), value }
      if (sumOfNote(note) !== sum) continue
      notes.keep({ put: [{ ...note, id: id as number, sum }], drop: [], count: 0, sum: 0 })
    }
    return notes
  }
}

export interface NoteStatements {
  readonly insert: Statement
  readonly remove: Statement
  readonly removeAll: Statement
}

export const noteStatements = (db: Database): NoteStatements => ({
  insert: db.prepare('insert into notes (id, kind, key, value, sum) values (?, ?, ?, ?, ?)'),
  remove: db.prepare('delete from notes where id = ?'),
  removeAll: db.prepare('delete from notes'),
})

/** Inside a transaction. */
export const writeNotes = (statements: NoteStatements, { put, drop }: Pick<NotesEdit, 'put' | 'drop'>): void => {
  for (const { id } of drop) statements.remove.run(id)
  for (const { id, kind, key, value, sum } of put) {
    statements.insert.run(id, kind, Buffer.from(key, 'latin1'), value, sum)
  }
}
