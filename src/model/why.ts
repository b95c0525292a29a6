/**
 * Why a build was last made, or how a source last changed, in one word: `Fact.WHY`. It is told from what was known before the run, when
 * that is over, and in an order of its own: so it is the same under every schedule.
 *
 *   bits 0..4   the reason
 *   bit 5       the run came to the result that there was
 *   the rest    whom or when the reason speaks of: a dependency, a generation or a version; 0: nobody, or not known
 */

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
  /** Its last run was cut short. */
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
  // another, its content was not.
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
export const REASON_MASK = 31
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
