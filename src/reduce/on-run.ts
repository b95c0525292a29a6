/** What becomes of a build that runs: it blocks on what it needs, starts, ends well, or fails. */
import { type BuildError, invariant } from '../model/error.js'
import type { Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { isFolder, wordsOfLook } from '../model/look.js'
import { Bit, Edge, Fact, Flag, Flight, KIND_MASK, Kind, Mode, NO_POOL, Status } from '../model/state.js'
import { objectAt, withObject } from '../model/table.js'
import { Reason } from '../model/why.js'
import { cycleThrough } from './cycle.js'
import { demand, isScanned, need, passOf } from './demand.js'
import { slotsOf } from './gather.js'
import { bumpRevision, rest, restUnchecked, suspectDependents } from './judge.js'
import { replaceList } from './kept.js'
import { closeRequestsOf } from './on-request.js'
import { becomeSource, contentDiffers, writeLook } from './on-scanned.js'
import { onUnblocked } from './on-unblocked.js'
import { breakCircle } from './on-value.js'
import { onCost } from './track.js'
import { noteNoRule, noteSame, noteSourceChange, noteWhy } from './why.js'
import { giveUpWaits, isStarted } from './withdraw.js'
import type { Work } from './work.js'

type Of<Tag> = Extract<Receipt, { _tag: Tag }>

/** The run needs one more group of dependencies; `create` are those whose absence it relies on. */
export const onBlocked = (w: Work, { build: x, needs, create, slot }: Of<'blocked'>): void => {
  invariant(w.status(x) === Status.READY, 'blocked without being run', x)
  w.moveTo(x, Status.BLOCKED)
  w.setBits(x, slot ? Bit.SLOT : 0, slot ? 0 : Bit.SLOT)
  const pass = passOf(w, x)
  const group = w.nextGroup(x)
  const add = (d: BuildId, isCreate: boolean): boolean => {
    const e = w.newEdge(x, d, group, isCreate)
    w.append(x, e)
    if (isCreate ? demand(w, d, pass) || isScanned(w, d) : need(w, d, pass)) {
      w.edges.set(e, Edge.SEEN, w.seen(d, isCreate))
      return true
    }
    const cycle = isCreate ? undefined : cycleThrough(w, x, d)
    if (cycle !== undefined) {
      breakCircle(w, cycle)
      return false
    }
    w.list(e)
    return true
  }
  const isAcyclic = [...create.map((d) => add(d, true)), ...needs.map((d) => add(d, false))].every((ok) => ok)
  if (!isAcyclic)
    fail(w, x, { _tag: 'failed', build: x, error: { _tag: 'interrupted' }, exists: w.has(x, Bit.EXISTS), create: [] })
  else if (w.flight.get(x, Flight.WAITING) === 0) onUnblocked(w, x)
}

export const onStarted = (w: Work, { build: x }: Of<'started'>): void => {
  // A read goes on by itself, in nobody's room.
  const isRead = w.kind(x) === Kind.VALUE && w.status(x) === Status.READY
  invariant(isRead || w.status(x) === Status.START, 'started out of turn', x)
  if (isRead) {
    w.flight.set(x, Flight.POOL, NO_POOL)
    w.setBits(x, 0, Bit.UNJUDGED)
  }
  w.moveTo(x, Status.RUNNING)
}

/**
 * Gives its slot to the next one, while what it made is put in place. One that waits for an answer has given it back before. The only
 * slot is not given up before that: who asks for one at a time gets one after the other.
 */
export const onEnded = (w: Work, x: BuildId): void => {
  if (w.status(x) === Status.RUNNING && slotsOf(w) > 1) w.moveTo(x, Status.ENDED)
}

const canEnd = (w: Work, x: BuildId): boolean => {
  const status = w.status(x)
  return status === Status.READY || status === Status.START || isStarted(w, x) || status === Status.BLOCKED
}

export const onDone = (w: Work, { build: x, look, virtual, cost }: Of<'done'>): void => {
  invariant(canEnd(w, x), 'is done and was not run', x)
  const looks = wordsOfLook(look)
  const stamp = objectAt(w.stamps, x)
  const stamped = stamp?.next !== undefined
  const before = w.facts.get(x, Fact.FLAGS)
  const cycle = objectAt(w.cycles, x)
  // A run that makes no file, or a folder, has nothing to compare, unless it said with redo-stamp what matters.
  const changed =
    (before & KIND_MASK) !== Kind.TARGET ||
    (before & Flag.MODIFIED) !== 0 ||
    ((before & Flag.VIRTUAL) !== 0) !== virtual ||
    (stamped
      ? !isEqual(stamp.last, stamp.next)
      : (before & Flag.STAMPED) !== 0 || virtual || isFolder(look) || contentDiffers(w, x, looks, 0))
  endRun(w, x)
  if (!changed) noteSame(w, x)
  onCost(w, x, cost)
  const flags =
    Kind.TARGET | (virtual ? Flag.VIRTUAL : 0) | (stamped ? Flag.STAMPED : 0) | (w.has(x, Bit.ALWAYS) ? Flag.ALWAYS : 0)
  // Whose request closed a cycle is chance: all on it break, those too that would go on without an answer.
  w.facts.set(x, Fact.FLAGS, cycle === undefined ? flags : flags | Flag.BROKEN)
  w.stamps = withObject(w.stamps, x, stamped ? { last: stamp.next } : undefined)
  writeLook(w, x, looks, 0)
  w.setError(x, cycle && { _tag: 'cycle', path: cycle })
  w.setCycle(x, undefined)
  w.facts.set(x, Fact.CAUSE, 0)
  if (cycle === undefined) w.tell({ _tag: 'built', build: x, changed })
  else tellBroken(w, x)
  if (changed) bumpRevision(w, x)
  else if (cycle !== undefined) suspectDependents(w, x)
  rest(w, x)
}

const isEqual = (a: readonly number[] | undefined, b: readonly number[] | undefined): boolean =>
  a !== undefined && b !== undefined && a.every((word, i) => word === b[i])

export const onFailed = (w: Work, receipt: Of<'failed'>): void => {
  invariant(canEnd(w, receipt.build), 'failed and was not run', receipt.build)
  fail(w, receipt.build, receipt)
}

const fail = (w: Work, x: BuildId, { error, exists, create, claimed }: Of<'failed'>): void => {
  // Its rule is gone and it is there: a source from now on. It is looked at again as one by whoever waits for it.
  if (error._tag === 'noRule' && exists && !w.has(x, Bit.OVERWRITE) && objectAt(w.cycles, x) === undefined) {
    if (w.kind(x) === Kind.TARGET)
      w.tell({ _tag: 'becameSource', build: x, session: buildId(w.flight.get(x, Flight.SESSION)) })
    endRun(w, x)
    becomeSource(w, x)
    noteSourceChange(w, x, Reason.LEFT, w.flight.get(x, Flight.PASS))
    w.stamps = withObject(w.stamps, x, undefined)
    restUnchecked(w, x)
    return
  }
  const group = w.nextGroup(x)
  for (const d of create) {
    const e = w.newEdge(x, d, group, true)
    w.append(x, e)
    w.edges.set(e, Edge.SEEN, w.revision(d))
  }
  const before = w.facts.get(x, Fact.WHY)
  endRun(w, x)
  if (error._tag === 'noRule' ? !exists : exists && isUnseen(w, x, error)) noteNoRule(w, x, before)
  const cycle = objectAt(w.cycles, x)
  const mayHaveCause = cycle === undefined && (error._tag === 'exit' || error._tag === 'unmet')
  const cause = mayHaveCause ? brokenDependency(w, x) : buildId(0)
  // A target whose old file is still there stays one; of the rest nothing is left to tell it from what never was.
  const kept = exists ? w.facts.get(x, Fact.FLAGS) & ~Flag.VIRTUAL : Kind.ABSENT
  w.facts.set(x, Fact.FLAGS, kept | Flag.BROKEN)
  if (claimed !== undefined) {
    w.facts.set(x, Fact.FLAGS, Kind.TARGET | Flag.BROKEN)
    writeLook(w, x, wordsOfLook(claimed), 0)
  }
  const last = objectAt(w.stamps, x)?.last
  w.stamps = withObject(w.stamps, x, last && { last })
  w.setError(x, cycle === undefined ? error : { _tag: 'cycle', path: cycle })
  w.setCycle(x, undefined)
  w.facts.set(x, Fact.CAUSE, cause)
  // Its result did not change, and yet what depends on it does not hold any more.
  suspectDependents(w, x)
  if (w.has(x, Bit.KILLED)) {
    // Nobody wanted it when it was ended; somebody may by now.
    restUnchecked(w, x)
    return
  }
  tellBroken(w, x)
  rest(w, x)
}

/** Whether what may be there was no target, and nothing was found that makes it: a source that cannot be looked at. */
const isUnseen = (w: Work, x: BuildId, { _tag }: BuildError): boolean => {
  if (_tag !== 'refused' || w.kind(x) !== Kind.ABSENT) return false
  for (let e = w.facts.get(x, Fact.DEP_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP))
    if ((w.edges.get(e, Edge.MODE) & Mode.CREATE) === 0) return false
  return true
}

const tellBroken = (w: Work, x: BuildId): void =>
  w.tell({ _tag: 'broke', build: x, session: buildId(w.flight.get(x, Flight.SESSION)) })

/** The first of its dependencies that is broken: the likely reason why a do-file, or a rule that makes files, failed. */
const brokenDependency = (w: Work, x: BuildId): BuildId => {
  for (let e = w.facts.get(x, Fact.DEP_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEP)) {
    const d = buildId(w.edges.get(e, Edge.DEPENDENCY))
    if ((w.edges.get(e, Edge.MODE) & Mode.CREATE) === 0 && w.isBroken(d)) return d
  }
  return buildId(0)
}

/** What was asked for twice counts once. What was not the same both times cannot have been seen right: no revision equals that. */
const endRun = (w: Work, x: BuildId): void => {
  closeRequestsOf(w, x)
  giveUpWaits(w, x)
  noteWhy(w, x)
  w.facts.set(x, Fact.BUILT, w.flight.get(x, Flight.PASS))
  // What is kept was remembered, so nothing in it is there twice.
  if (!replaceList(w, x)) return
  const known = new Map<number, number>()
  let last = 0
  for (let e = w.facts.get(x, Fact.DEP_HEAD); e !== 0; ) {
    const next = w.edges.get(e, Edge.NEXT_DEP)
    const mode = w.edges.get(e, Edge.MODE)
    const key = w.edges.get(e, Edge.DEPENDENCY) * 2 + (mode & Mode.CREATE)
    const first = known.get(key)
    if (first === undefined && (mode & Mode.PASSING) === 0) {
      known.set(key, e)
      last = e
    } else {
      if (first !== undefined && w.edges.get(first, Edge.SEEN) !== w.edges.get(e, Edge.SEEN))
        w.edges.set(first, Edge.SEEN, -1)
      if (last === 0) w.facts.set(x, Fact.DEP_HEAD, next)
      else w.edges.set(last, Edge.NEXT_DEP, next)
      w.freeOne(e)
    }
    e = next
  }
}
