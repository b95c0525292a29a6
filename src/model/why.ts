/**
 * Why a build was last made, or how a source last changed, in one word: `Fact.WHY`. It is told from what was known before the run, when
 * that is over, and in an order of its own: so it is the same under every schedule.
 *
 *   bits 0..4   the reason
 *   bit 5       the run came to the result that there was
 *   the rest    whom or when the reason speaks of: a dependency, a generation or a version; 0: nobody, or not known
 */

import type { BuildError } from './error.js'
import { Bit, Edge, Fact, Flag, Flight, KIND_MASK, Kind, Mode, STATUS_MASK, Status } from './state.js'
import { type ObjectTable, objectAt } from './table.js'

export const Reason = {
  /** Not known: made by a version that did not record it. */
  NONE: 0,

  // Why it was made. The dependency, if any, is the first one that was another; for what is not about it, it changed as well.
  /** It was never made before. */
  FIRST: 1,
  /** It was asked for in any case (redo x). */
  FORCED: 2,
  /** A dependency has another result than the last run saw. */
  CHANGED: 3,
  /** A file exists now whose absence was relied on. */
  APPEARED: 4,
  /** A dependency is not there any more. */
  MISSING: 5,
  /** A dependency is broken. */
  BROKEN: 6,
  /** The last run cannot have seen the dependency right: it was broken, or changed meanwhile. */
  UNSURE: 7,
  /** Its own file was gone. */
  OUTPUT_GONE: 8,
  /** Its own file was another than the one it made. */
  OUTPUT_CHANGED: 9,
  /** It said so itself (redo-always). */
  ALWAYS: 10,
  /** It failed the last time. */
  FAILED: 11,
  /** Its last run was cut short, by a signal or with the program that ran it. */
  INTERRUPTED: 12,
  /** value: it was given up or lost, and somebody wanted to see it. */
  WIPED: 13,
  /** value: set, touched or removed by a transaction. Speaks of its version. */
  SET: 14,
  /** value: nobody looked at the source while it may have changed. */
  UNREAD: 15,
  /** value: its rule is another one now, or what is kept of it cannot be read. */
  REDEFINED: 16,

  // How a source last changed, in the generation in `Fact.BUILT`. Speaks of the generation in which it was last touched: its stat was
  // another, its content was not. Of one that is not there: of that in which it changed, since it may have been tried to be made after it.
  /** It was looked at for the first time. */
  SEEN: 17,
  /** It has another content. */
  CONTENT: 18,
  /** It was not there before. */
  CAME: 19,
  /** It is not there any more. */
  WENT: 20,
  /** It was a target, and was declared a source (redo --take). */
  TAKEN: 21,
  /** It was a target, and nothing makes it any more. */
  LEFT: 22,

  /** A target was changed by hand, and is left alone. Speaks of the generation in which that was found. */
  EDITED: 23,
} as const
const REASON_MASK = 31
export const LAST_REASON = Reason.EDITED

/** Bit of `Fact.WHY`: the run came to the result that there was. */
export const WHY_SAME = 32
const SUBJECT_SHIFT = 6
const SUBJECTS_END = 1 << 26

/** The word. `subject`: a build, generation or version. */
export const packWhy = (reason: number, subject = 0): number =>
  ((subject < SUBJECTS_END ? subject : 0) << SUBJECT_SHIFT) | reason

export const reasonIn = (word: number): number => word & REASON_MASK
export const subjectIn = (word: number): number => word >>> SUBJECT_SHIFT
export const isSameIn = (word: number): boolean => (word & WHY_SAME) !== 0

/** Whether a reason speaks of a build. */
export const isAboutBuild = (reason: number): boolean => reason >= Reason.FIRST && reason <= Reason.WIPED
/** Whether it says how a source changed. */
export const isOfSource = (reason: number): boolean => reason >= Reason.SEEN && reason <= Reason.LEFT

// ------------------------------------------------------------------------------------------------ finding it

interface Rows {
  get(row: number, word: number): number
}

/** The tables of a state, or of one that is being made. */
export interface RowsOfState {
  readonly facts: Rows
  readonly checked: Rows
  readonly edges: Rows
  readonly flight: Rows
  readonly errors: ObjectTable<BuildError>
}

const kindIn = (s: RowsOfState, x: number): number => s.facts.get(x, Fact.FLAGS) & KIND_MASK
const hasFlagIn = (s: RowsOfState, x: number, flag: number): boolean => (s.facts.get(x, Fact.FLAGS) & flag) !== 0
const hasBitIn = (s: RowsOfState, x: number, bit: number): boolean => (s.flight.get(x, Flight.STATUS) & bit) !== 0
const isCreate = (s: RowsOfState, e: number): boolean => (s.edges.get(e, Edge.MODE) & Mode.CREATE) !== 0

/** Whether the dependency is not what the dependent saw: changed since, broken, or gone. */
export const differs = (s: RowsOfState, e: number): boolean => {
  const d = s.edges.get(e, Edge.DEPENDENCY)
  if (s.facts.get(d, Fact.REVISION) !== s.edges.get(e, Edge.SEEN)) return true
  const kind = kindIn(s, d)
  if (isCreate(s, e) || kind === Kind.VALUE) return false
  return hasFlagIn(s, d, Flag.BROKEN) || kind === Kind.ABSENT
}

/** At rest, and known to hold for `pass`. */
export const isCurrentIn = (s: RowsOfState, x: number, pass: number, trust: boolean): boolean => {
  if ((s.flight.get(x, Flight.STATUS) & STATUS_MASK) !== Status.REST) return false
  return holdsFor(s.checked.get(x, 0), pass, trust)
}

/** Whether what was known to hold for `checked`, as the state has it, is known to hold for `pass`. */
export const holdsFor = (checked: number, pass: number, trust: boolean): boolean =>
  (checked < 0 ? -checked : checked) >= pass && checked !== 0 ? true : trust && checked > 0

/** Why `x`, a file that is being made or whose run is just over, is made. To be asked before anything of the run is recorded. */
export const whyOfFile = (s: RowsOfState, x: number): number => {
  const own = ownReason(s, x)
  if (own === Reason.FIRST) return packWhy(own)
  const e = firstDiffering(s, x, own !== Reason.NONE)
  return packWhy(own === Reason.NONE ? reasonOf(s, e) : own, s.edges.get(e, Edge.DEPENDENCY))
}

/** What has it run whatever became of its dependencies. */
const ownReason = (s: RowsOfState, x: number): number => {
  const kind = kindIn(s, x)
  const isBroken = hasFlagIn(s, x, Flag.BROKEN)
  if (kind !== Kind.TARGET && kind !== Kind.SOURCE && !isBroken) return Reason.FIRST
  if (hasBitIn(s, x, Bit.EDITED)) return Reason.OUTPUT_CHANGED
  if (hasBitIn(s, x, Bit.FORCED)) return Reason.FORCED
  if (isBroken) {
    const error = objectAt(s.errors, x)?._tag
    return error === 'interrupted' || error === 'signal' ? Reason.INTERRUPTED : Reason.FAILED
  }
  if (!hasBitIn(s, x, Bit.EXISTS) && !hasFlagIn(s, x, Flag.VIRTUAL)) return Reason.OUTPUT_GONE
  const isNew = s.facts.get(x, Fact.BUILT) < s.flight.get(x, Flight.PASS)
  return hasFlagIn(s, x, Flag.ALWAYS) && isNew ? Reason.ALWAYS : Reason.NONE
}

/**
 * The first remembered dependency that is known to be another than the last run saw; else 0, whose row is all zeros. `isBesides`: of those
 * that this run asked for as well, since what is known of others is chance, and not one that was broken then, and is.
 */
const firstDiffering = (s: RowsOfState, x: number, isBesides: boolean): number => {
  const [pass, trust] = [s.flight.get(x, Flight.PASS), hasBitIn(s, x, Bit.TRUST)]
  const kept = s.flight.get(x, Flight.KEPT)
  let isAsked = kept !== 0
  let asked: ReadonlySet<number> | undefined
  for (let e = s.facts.get(x, Fact.DEP_HEAD); e !== 0; e = s.edges.get(e, Edge.NEXT_DEP)) {
    const d = s.edges.get(e, Edge.DEPENDENCY)
    // The rarer first: it spares a look at a row that nothing else needs.
    if (differs(s, e) && (isCreate(s, e) || isCurrentIn(s, d, pass, trust))) {
      if (!isBesides) return e
      if (!isAsked) asked ??= askedBy(s, x)
      if (!isBrokenAsBefore(s, e) && (isAsked || asked?.has(d))) return e
    }
    if (e === kept) isAsked = false
  }
  return 0
}

/** What the present run of `x` asked for, but for what is kept. */
const askedBy = (s: RowsOfState, x: number): ReadonlySet<number> => {
  const asked = new Set<number>()
  for (let e = s.flight.get(x, Flight.NEW_HEAD); e !== 0; e = s.edges.get(e, Edge.NEXT_DEP))
    asked.add(s.edges.get(e, Edge.DEPENDENCY))
  return asked
}

const isBrokenAsBefore = (s: RowsOfState, e: number): boolean =>
  s.edges.get(e, Edge.SEEN) < 0 && hasFlagIn(s, s.edges.get(e, Edge.DEPENDENCY), Flag.BROKEN)

/** Of a dependency that differs. */
export const reasonOf = (s: RowsOfState, e: number): number => {
  // What waited for this very build counts as changed.
  if (e === 0) return Reason.UNSURE
  const d = s.edges.get(e, Edge.DEPENDENCY)
  if (isCreate(s, e)) return Reason.APPEARED
  const kind = kindIn(s, d)
  if (kind === Kind.VALUE) return Reason.CHANGED
  if (kind === Kind.ABSENT) return Reason.MISSING
  if (hasFlagIn(s, d, Flag.BROKEN)) return Reason.BROKEN
  return s.edges.get(e, Edge.SEEN) < 0 ? Reason.UNSURE : Reason.CHANGED
}

/**
 * As {@link whyOfFile}, of a value. That it is to be made in any case was noted by whoever said so. `first`: the edge of the first
 * dependency that is known to be another, if that was seen on the way.
 */
export const whyOfValue = (s: RowsOfState, x: number, first?: number): number => {
  if (s.facts.get(x, Fact.REVISION) === 0) return packWhy(Reason.FIRST)
  if (hasFlagIn(s, x, Flag.STALE)) return s.facts.get(x, Fact.WHY) & ~WHY_SAME
  const e = first ?? firstDiffering(s, x, false)
  const reason = e === 0 && hasFlagIn(s, x, Flag.WIPED) ? Reason.WIPED : reasonOf(s, e)
  return packWhy(reason, s.edges.get(e, Edge.DEPENDENCY))
}
