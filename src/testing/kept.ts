/** What a daemon leaves behind when it ends without warning: by the records of the store itself, and nothing of it on a disk. */
import { buildId } from '../model/ids.js'
import { emptyState, type State, Status, statusOf } from '../model/state.js'
import { changesBetween } from '../store/changes.js'
import { loadState } from '../store/load.js'
import { Names } from '../store/names.js'
import { parseRecord, RecordKind, RecordWriter, type StoreRecord } from '../store/record.js'

export class Kept {
  /** Put in place, and no commit says so yet. */
  readonly intents = new Set<number>()
  private readonly names = new Names()
  private readonly writer = new RecordWriter()
  private readonly records: StoreRecord[] = []
  committed = emptyState
  private generation = 0

  /** `end`: one past the highest id of a file. */
  constructor(end: number) {
    for (let x = 1; x < end; x++) {
      this.names.place(buildId(x), `file ${x}`)
      this.writer.addName(this.names, buildId(x))
    }
  }

  commit(after: State): void {
    const { writer, names, records } = this
    const { rows, lists, extras } = changesBetween(this.committed, after)
    rows.forEach((x, i) => {
      writer.addRow(after, names, x, lists[i]!)
    })
    for (const x of extras) writer.addExtra(after, x)
    this.committed = after
    // What was put in place and is not known of yet stays intended.
    for (const x of this.intents) if (statusOf(after, buildId(x)) === Status.REST) this.intents.delete(x)
    if (writer.isEmpty) return
    const key = records.length + 1
    const previous = records.at(-1)?.sum ?? 0
    records.push(parseRecord(writer.finish(RecordKind.JOURNAL, key, previous), RecordKind.JOURNAL, key, previous)!)
    this.generation = after.generation
  }

  /** The state that the next daemon begins with. */
  load(): State {
    this.committed = loadState(this.records, this.generation).state
    return this.committed
  }
}
