/** Files as a file system tells of them: a write shows in a time, and the clock for that ticks only when it is told to, so that two writes may look alike. */
import { isAsRecorded } from '../make/look-words.js'
import type { Look } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Fact, Flag, hasFlag, type State } from '../model/state.js'
import { read } from '../model/table.js'

const FILE = 1
const absent: Look = { kind: 0, racy: false, stat0: 0, stat1: 0, content0: 0, content1: 0, content2: 0, content3: 0 }

export class Disk extends Map<number, number> {
  private now = 1
  /** How often each was put in place. */
  private readonly puts = new Map<number, number>()
  private readonly stats = new Map<number, { readonly changed: number; readonly node: number }>()

  /** `isMade`: what comes of a rule is put in place as a file of its own; all else is written in place. */
  constructor(
    files: Iterable<readonly [number, number]>,
    private readonly isMade: (file: number) => boolean,
  ) {
    super()
    for (const [file, value] of files) this.set(file, value)
  }

  tick(): void {
    this.now++
  }

  override set(file: number, value: number): this {
    // The first are written by the constructor.
    const known = this.isMade(file) ? undefined : this.stats.get(file)
    this.stats.set(file, { changed: this.now, node: known?.node ?? this.put(file) })
    return super.set(file, value)
  }

  private put(file: number): number {
    const count = (this.puts.get(file) ?? 0) + 1
    this.puts.set(file, count)
    return count
  }

  /** All that there is to know of it. */
  get text(): string {
    return JSON.stringify([this.now, [...this], [...this.stats.values()], [...this.puts]])
  }

  override delete(file: number): boolean {
    this.stats.delete(file)
    return super.delete(file)
  }

  /** What a file looks like, read only where what `state` knows of it does not tell. */
  look(file: BuildId, state?: State): Look {
    const stat = this.stats.get(file)
    if (stat === undefined) return absent
    const seen = { ...absent, kind: FILE, racy: stat.changed >= this.now, stat0: stat.changed, stat1: stat.node }
    const isAsKnown =
      state !== undefined && isAsRecorded(state, file, FILE, seen.stat0, seen.stat1) && !hasFlag(state, file, Flag.RACY)
    return { ...seen, content0: isAsKnown ? read(state.facts, file, Fact.CONTENT) : this.get(file)! + 1 }
  }
}
