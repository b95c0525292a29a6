/** Scan: looks at files, one by one or many in one go, and says how they look, whatever that means for the build. */
import { LOOK_STRIDE, LookWord, type Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { ABSENT, writeLook } from '../model/look.js'
import { Fact, Flag, hasFlag, KIND_MASK, Kind, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { look } from './look.js'
import { lookWithContent } from './look-content.js'
import { copyContent, isAsRecorded, writeStat } from './look-words.js'
import { BULK_MIN, statAllSync } from './stat-all.js'

/** Interning, as far as make needs it. */
export interface Naming {
  nameOf(build: BuildId): string
  intern(name: string): BuildId
  /** The names, each with a NUL behind it. */
  packed(builds: readonly BuildId[]): Buffer
}

/** `program`: the C program, for looking at many files at once. */
export class Scanner {
  constructor(
    private readonly naming: Naming,
    private readonly program: string | undefined,
  ) {}

  readonly scan = (state: State, builds: readonly BuildId[]): Extract<Receipt, { _tag: 'scanned' }> => {
    const looks = new Int32Array(builds.length * LOOK_STRIDE)
    const { program } = this
    const words = program !== undefined && builds.length >= BULK_MIN ? this.bulk(program, builds) : undefined
    builds.forEach((x, i) => {
      const at = i * LOOK_STRIDE
      const known =
        words !== undefined &&
        isAsRecorded(state, x, words[i * 4]!, words[i * 4 + 2]!, words[i * 4 + 3]!) &&
        // A racy stat proves nothing, so the content has to be read.
        !hasFlag(state, x, Flag.RACY)
      if (known) {
        looks[at + LookWord.KIND] = words[i * 4]!
        looks[at + LookWord.STAT] = words[i * 4 + 2]!
        looks[at + LookWord.STAT + 1] = words[i * 4 + 3]!
        copyContent(state, x, looks, at)
      } else this.lookInto(state, x, looks, at)
    })
    return { _tag: 'scanned', builds, looks }
  }

  /**
   * Looks at all of `builds` in one go; which of them are not as recorded, or undefined where one go is not to be had. Those
   * whose stat proves nothing count as changed. `early`: what was found by looking at them before.
   */
  readonly changedOf = (
    state: State,
    builds: readonly BuildId[],
    early?: Int32Array,
  ): readonly BuildId[] | undefined => {
    const { program } = this
    if (program === undefined || builds.length < BULK_MIN) return undefined
    const words = early ?? this.bulk(program, builds)
    if (words === undefined) return undefined
    return builds.filter((x, i) => {
      const kind = words[i * 4]!
      const flags = read(state.facts, x, Fact.FLAGS)
      if ((flags & KIND_MASK) === Kind.ABSENT || (flags & Flag.VIRTUAL) !== 0) return kind !== ABSENT
      return (flags & Flag.RACY) !== 0 || !isAsRecorded(state, x, kind, words[i * 4 + 2]!, words[i * 4 + 3]!)
    })
  }

  /** Undefined where the program does not run, be it for want of processes: each is looked at by itself then. */
  private bulk(program: string, builds: readonly BuildId[]): Int32Array | undefined {
    try {
      return statAllSync(program, this.naming.packed(builds))
    } catch {
      return undefined
    }
  }

  private lookInto(state: State, x: BuildId, looks: Int32Array, at: number): void {
    const name = this.naming.nameOf(x)
    const seen = look(name)
    if (
      seen.kind !== ABSENT &&
      isAsRecorded(state, x, seen.kind, seen.stat0, seen.stat1) &&
      !hasFlag(state, x, Flag.RACY)
    ) {
      writeStat(looks, at, seen)
      copyContent(state, x, looks, at)
    } else writeLook(looks, at, lookWithContent(name, seen))
  }
}
