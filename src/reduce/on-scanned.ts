/** What a look at the file says of a target, given what was recorded of it. */
import { LOOK_STRIDE, LookWord, type Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Bit, Fact, Flag, Flight, KIND_MASK, Kind, Status } from '../model/state.js'
import { packWhy, Reason, reasonIn } from '../model/why.js'
import { bumpRevision, judge, outOfDate, rest, tellScanned } from './judge.js'
import { noteSourceChange, noteTouch } from './why.js'
import type { Work } from './work.js'

type Scanned = Extract<Receipt, { _tag: 'scanned' }>

export const onScanned = (w: Work, receipt: Scanned): void => {
  receipt.builds.forEach((x, i) => {
    if (w.status(x) === Status.REST && w.kind(x) === Kind.UNKNOWN)
      return onEarlyLook(w, x, receipt.looks, i * LOOK_STRIDE)
    // Given up since, or scanned for a request that is over: the look is stale.
    if (w.status(x) !== Status.SCAN) return
    onLook(w, x, receipt.looks, i * LOOK_STRIDE)
    if (w.status(x) !== Status.REST) tellScanned(w, x)
  })
}

/** Make looked before anybody asked, as for a do-file's request that is about to come: what is there is a source, and known to hold. */
const onEarlyLook = (w: Work, x: BuildId, looks: Int32Array, at: number): void => {
  if (looks[at + LookWord.KIND] === 0) return
  becomeSource(w, x)
  noteSourceChange(w, x, Reason.SEEN, w.generation)
  writeLook(w, x, looks, at)
  bumpRevision(w, x)
  w.checked.set(x, 0, w.generation)
}

const onLook = (w: Work, x: BuildId, looks: Int32Array, at: number): void => {
  const exists = looks[at + LookWord.KIND] !== 0
  if (exists) w.setBits(x, Bit.EXISTS)
  if (w.kind(x) === Kind.TARGET) return onTargetLook(w, x, looks, at, exists)
  if (exists) return onSource(w, x, looks, at)
  // Not there, and nothing made it before: absent, or, if it is wanted, to be made by a rule.
  const isNews = w.kind(x) !== Kind.ABSENT
  const how = w.kind(x) === Kind.UNKNOWN ? Reason.SEEN : Reason.WENT
  setKind(w, x, Kind.ABSENT, isNews ? Flag.BROKEN : 0)
  if (isNews) noteSourceChange(w, x, how, w.flight.get(x, Flight.PASS))
  writeLook(w, x, looks, at)
  if (isNews) bumpRevision(w, x)
  if (w.has(x, Bit.WANTED)) outOfDate(w, x)
  else if (w.isBroken(x)) outOfDate(w, x)
  else rest(w, x)
}

/** It exists, and was not built here: a source, whatever rules there are. */
const onSource = (w: Work, x: BuildId, looks: Int32Array, at: number): void => {
  if (w.has(x, Bit.FORCED)) {
    if (w.has(x, Bit.OVERWRITE)) return outOfDate(w, x)
    w.tell({ _tag: 'leftAlone', build: x, session: buildId(w.flight.get(x, Flight.SESSION)) })
  }
  const kind = w.kind(x)
  const differs = kind !== Kind.SOURCE || contentDiffers(w, x, looks, at)
  const pass = w.flight.get(x, Flight.PASS)
  const how = howChanged(w, x, pass)
  becomeSource(w, x)
  if (differs) noteSourceChange(w, x, how, pass)
  else if (statDiffers(w, x, looks, at)) noteTouch(w, x, pass)
  writeLook(w, x, looks, at)
  if (differs) bumpRevision(w, x)
  rest(w, x)
}

const howChanged = (w: Work, x: BuildId, pass: number): number => {
  if (w.kind(x) !== Kind.SOURCE) return w.kind(x) === Kind.ABSENT ? Reason.CAME : Reason.SEEN
  // Just taken, as it was changed by hand: the look is the first one since.
  const isTaken = reasonIn(w.facts.get(x, Fact.WHY)) === Reason.TAKEN && w.facts.get(x, Fact.BUILT) >= pass - 1
  return isTaken ? Reason.TAKEN : Reason.CONTENT
}

export const becomeSource = (w: Work, x: BuildId): void => {
  setKind(w, x, Kind.SOURCE, Flag.BROKEN | Flag.ALWAYS | Flag.STAMPED | Flag.MODIFIED | Flag.VIRTUAL)
  if (w.facts.get(x, Fact.DEP_HEAD) !== 0) {
    const head = w.facts.get(x, Fact.DEP_HEAD)
    w.facts.set(x, Fact.DEP_HEAD, 0)
    w.freeList(head)
  }
  w.setError(x, undefined)
  w.facts.set(x, Fact.CAUSE, 0)
}

const onTargetLook = (w: Work, x: BuildId, looks: Int32Array, at: number, exists: boolean): void => {
  const overwrite = w.has(x, Bit.OVERWRITE)
  const isVirtual = w.flag(x, Flag.VIRTUAL)
  const isChanged = exists && contentDiffers(w, x, looks, at)
  const changedByHand =
    exists && (w.flag(x, Flag.MODIFIED) || isVirtual || (isChanged && !isAsWasByItself(w, x, looks, at)))
  if (changedByHand && !overwrite) {
    w.tell({ _tag: 'modified', build: x, session: buildId(w.flight.get(x, Flight.SESSION)) })
    const differs = isChanged || isVirtual || w.isBroken(x)
    setKind(w, x, Kind.TARGET, Flag.BROKEN | Flag.VIRTUAL)
    w.facts.set(x, Fact.FLAGS, w.facts.get(x, Fact.FLAGS) | Flag.MODIFIED)
    writeLook(w, x, looks, at)
    if (differs) {
      w.facts.set(x, Fact.WHY, packWhy(Reason.EDITED, w.flight.get(x, Flight.PASS)))
      bumpRevision(w, x)
    }
    return rest(w, x)
  }
  if (changedByHand || isChanged) w.setBits(x, Bit.EDITED)
  // Of a link to something else than before the old look is kept, for what the run makes to be compared with.
  if (exists && !overwrite && !isChanged) writeLook(w, x, looks, at)
  const mustRun =
    w.has(x, Bit.FORCED) ||
    isChanged ||
    w.flag(x, Flag.BROKEN) ||
    (!exists && !isVirtual) ||
    (w.flag(x, Flag.ALWAYS) && w.facts.get(x, Fact.BUILT) < w.flight.get(x, Flight.PASS))
  if (mustRun) outOfDate(w, x)
  else judge(w, x)
}

const setKind = (w: Work, x: BuildId, kind: number, off: number): void => {
  w.facts.set(x, Fact.FLAGS, (w.facts.get(x, Fact.FLAGS) & ~(KIND_MASK | off)) | kind)
}

const CONTENT_WORDS = 4
/** How many of them are a link's own. */
const OWN_WORDS = 2

export const contentDiffers = (w: Work, x: BuildId, looks: Int32Array, at: number, words = CONTENT_WORDS): boolean => {
  for (let i = 0; i < words; i++) {
    if (w.facts.get(x, Fact.CONTENT + i) !== looks[at + LookWord.CONTENT + i]) return true
  }
  return false
}

const statDiffers = (w: Work, x: BuildId, looks: Int32Array, at: number): boolean =>
  w.facts.get(x, Fact.STAT) !== looks[at + LookWord.STAT] ||
  w.facts.get(x, Fact.STAT + 1) !== looks[at + LookWord.STAT + 1]

/** It is the link that it was, whatever is at its end: nobody had a hand in it. (Files that differ do so in all words.) */
const isAsWasByItself = (w: Work, x: BuildId, looks: Int32Array, at: number): boolean =>
  !contentDiffers(w, x, looks, at, OWN_WORDS)

/** Records what the look saw: an equal content behind a new stat is trusted by its stat from now on. */
export const writeLook = (w: Work, x: BuildId, looks: Int32Array, at: number): void => {
  for (let i = 0; i < 2; i++) w.facts.set(x, Fact.STAT + i, looks[at + LookWord.STAT + i]!)
  for (let i = 0; i < 4; i++) w.facts.set(x, Fact.CONTENT + i, looks[at + LookWord.CONTENT + i]!)
  const flags = w.facts.get(x, Fact.FLAGS)
  w.facts.set(x, Fact.FLAGS, looks[at + LookWord.RACY] !== 0 ? flags | Flag.RACY : flags & ~Flag.RACY)
}
