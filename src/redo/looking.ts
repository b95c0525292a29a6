/** Looks at files that something may have happened to, or that a do-file is about to use, and tells the engine what is not as it knows it. */
import type { Engine } from '../engine.js'
import { NOTE_STRIDE } from '../make/forkserver-messages.js'
import { look } from '../make/look.js'
import { lookWithContent } from '../make/look-content.js'
import type { Run } from '../make/run.js'
import { isContentOf } from '../model/content.js'
import { type Event, LOOK_STRIDE, LookWord, type Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { ABSENT, contentOfLook, FILE } from '../model/look.js'
import { Fact, Flag, hasFlag, Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import { objectAt, read } from '../model/table.js'
import { holdsFor } from '../model/why.js'

/** So many looks take as long as hearing of everything that the watcher has to tell. */
const LOOKS_MAX = 16

/** Events that leave what is known of a source as it is. */
const HARMLESS: ReadonlySet<Event['_tag']> = new Set(['requested', 'ended', 'always', 'stamped'])

export interface LookingOptions {
  readonly engine: () => Engine
  readonly nameOf: (build: BuildId) => string
  readonly scan: (state: State, builds: readonly BuildId[]) => Extract<Receipt, { _tag: 'scanned' }>
}

export class Looking {
  constructor(private readonly options: LookingOptions) {}

  private get state(): State {
    return this.options.engine().state
  }

  /** Something happened to these files; our own doing, and what changed nothing, is no news. True: all are as recorded. */
  onFileEvents(builds: readonly BuildId[]): boolean {
    const changed = builds.filter((build) => !this.isAsRecorded(build))
    if (changed.length > 0) this.options.engine().dispatch({ _tag: 'changed', builds: changed })
    return changed.length === 0
  }

  /**
   * Looks at sources that `run` asks for, in place of waiting until the watcher has told of whatever happened to them. Undefined:
   * there are too many of them for that, or they are no sources, so that there is more to know than how they look. Else whether there is but
   * one answer: all are there, and known to be what they are.
   */
  lookAgain(run: Run, builds: readonly BuildId[]): boolean | undefined {
    const { state } = this
    const engine = this.options.engine()
    const known = builds.filter((x) => kindOf(state, x) === Kind.SOURCE)
    const fresh = builds.filter((x) => kindOf(state, x) === Kind.UNKNOWN)
    if (builds.length > LOOKS_MAX || known.length + fresh.length < builds.length) return undefined
    const isCertain =
      statusOf(state, run.build) === Status.RUNNING &&
      engine.hasOnly((event) => HARMLESS.has(event._tag)) &&
      known.every((x) => isCurrent(state, x, run.session)) &&
      fresh.every((x) => statusOf(state, x) === Status.REST)
    if (fresh.length > 0) {
      const seen = this.options.scan(state, fresh)
      if (!fresh.every((_, i) => seen.looks[i * LOOK_STRIDE + LookWord.KIND] !== 0)) return undefined
      engine.settle(seen)
    }
    return this.onFileEvents(known) && isCertain
  }

  /** Takes in that a do-file has asked for these files, which looked so then: what is not known, or not as that, is looked at. */
  take(builds: readonly BuildId[], noted: Int32Array): void {
    const { state } = this
    const engine = this.options.engine()
    const isFresh = (x: BuildId): boolean => kindOf(state, x) === Kind.UNKNOWN && statusOf(state, x) === Status.REST
    const fresh = builds.filter(isFresh)
    if (fresh.length > 0) engine.settle(lookOf(builds, noted, fresh) ?? this.options.scan(state, fresh))
    const isKnown = (x: BuildId, i: number): boolean =>
      this.isKnownAs(x, noted, i) && (!hasFlag(state, x, Flag.RACY) || this.isAsRecorded(x))
    const changed = builds.filter((x, i) => !isFresh(x) && !isKnown(x, i))
    if (changed.length > 0) engine.dispatch({ _tag: 'changed', builds: changed })
  }

  /** Whether what is known of it is of the file that looked like the `i`th that was noted. */
  isKnownAs(x: BuildId, noted: Int32Array, i: number): boolean {
    const { facts } = this.state
    const at = i * NOTE_STRIDE
    return read(facts, x, Fact.STAT) === noted[at] && read(facts, x, Fact.STAT + 1) === noted[at + 1]
  }

  private isAsRecorded(build: BuildId): boolean {
    const { facts } = this.state
    const name = this.options.nameOf(build)
    const seen = look(name)
    const wasThere = kindOf(this.state, build) !== Kind.ABSENT && !hasFlag(this.state, build, Flag.VIRTUAL)
    if ((seen.kind !== ABSENT) !== wasThere) return false
    if (!wasThere) return true
    if (seen.stat0 !== read(facts, build, Fact.STAT) || seen.stat1 !== read(facts, build, Fact.STAT + 1)) return false
    if (!hasFlag(this.state, build, Flag.RACY)) return true
    // The stat may be that of an earlier change in the same instant. Later ones make events of their own.
    return isContentOf(this.state, build, contentOfLook(lookWithContent(name, seen)))
  }
}

/** What was noted of some of `builds`, if that is all there is to know: files that did not just change, and what they held. */
const lookOf = (
  builds: readonly BuildId[],
  noted: Int32Array,
  some: readonly BuildId[],
): Extract<Receipt, { _tag: 'scanned' }> | undefined => {
  const looks = new Int32Array(some.length * LOOK_STRIDE)
  for (const [j, x] of some.entries()) {
    const from = builds.indexOf(x) * NOTE_STRIDE
    const content = noted.subarray(from + 2, from + NOTE_STRIDE)
    if (content.every((word) => word === 0)) return undefined
    const at = j * LOOK_STRIDE
    looks[at + LookWord.KIND] = FILE
    looks.set(noted.subarray(from, from + 2), at + LookWord.STAT)
    looks.set(content, at + LookWord.CONTENT)
  }
  return { _tag: 'scanned', builds: some, looks }
}

/** At rest, and known to hold for what `session` asks. */
const isCurrent = (state: State, x: BuildId, session: BuildId): boolean => {
  const asked = objectAt(state.sessions, session)
  if (asked === undefined || statusOf(state, x) !== Status.REST || hasFlag(state, x, Flag.BROKEN)) return false
  return holdsFor(read(state.checked, x, 0), asked.generation, asked.trust)
}
