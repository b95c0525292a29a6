/** What is told from outside of targets and running builds, and asks nothing. */
import type { Look } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { generation } from '../model/ids.js'
import { Bit, Fact, Flag, KIND_MASK, Kind } from '../model/state.js'
import { objectAt, withObject } from '../model/table.js'
import { bumpRevision, suspectDependents } from './judge.js'
import { wordsOf, writeLook } from './on-scanned.js'
import { isStarted } from './withdraw.js'
import type { Work } from './work.js'

/** These may not be what they were, nor may what depends on them. */
export const onChanged = (w: Work, builds: readonly BuildId[]): void => {
  for (const x of builds) {
    const checked = w.checked.get(x, 0)
    if (checked > 0) w.checked.set(x, 0, -checked)
    suspectDependents(w, x)
  }
}

export const onAlways = (w: Work, x: BuildId): void => {
  if (isStarted(w, x)) w.setBits(x, Bit.ALWAYS)
}

export const onStamped = (w: Work, x: BuildId, stamp: readonly number[]): void => {
  if (isStarted(w, x)) w.stamps = withObject(w.stamps, x, { last: objectAt(w.stamps, x)?.last, next: stamp })
}

export const onRechecked = (w: Work, id: BuildId): void => {
  const session = w.session(id)
  if (session === undefined) return
  w.generation = generation(w.generation + 1)
  w.sessions = withObject(w.sessions, id, { ...session, generation: w.generation })
}

/** The files become sources; what was remembered of how they were built goes with their next look. */
export const onTaken = (w: Work, builds: readonly BuildId[]): void => {
  for (const x of builds) {
    if (w.kind(x) !== Kind.TARGET || w.status(x) !== 0) continue
    const head = w.facts.get(x, Fact.DEP_HEAD)
    w.facts.set(x, Fact.FLAGS, Kind.SOURCE | (w.facts.get(x, Fact.FLAGS) & ~KIND_MASK & Flag.RACY))
    w.facts.set(x, Fact.DEP_HEAD, 0)
    w.freeList(head)
    w.setError(x, undefined)
    w.stamps = withObject(w.stamps, x, undefined)
    bumpRevision(w, x)
  }
}

/** The file is ours, and its dependencies are not known: a target, never a source, that has to be built again. */
export const onAdopted = (w: Work, x: BuildId, look: Look): void => {
  w.facts.set(x, Fact.FLAGS, Kind.TARGET | Flag.BROKEN)
  writeLook(w, x, wordsOf(look), 0)
  w.setError(x, { _tag: 'interrupted' })
  bumpRevision(w, x)
}
