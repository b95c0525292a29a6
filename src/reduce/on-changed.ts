/** What is told from outside of targets and running builds, and asks nothing. */
import { invariant } from '../model/error.js'
import type { Look } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { buildId, generation } from '../model/ids.js'
import { wordsOfLook } from '../model/look.js'
import { Bit, Edge, FACT_STRIDE, Fact, Flag, KIND_MASK, Kind, Mode, Status } from '../model/state.js'
import { objectAt, PAGE_ROWS, pageOf, pagesEnd, read, rowsEnd, tableOf, withObject } from '../model/table.js'
import { Reason } from '../model/why.js'
import { bumpRevision, suspect } from './judge.js'
import { writeLook } from './on-scanned.js'
import { noteSourceChange } from './why.js'
import { isStarted } from './withdraw.js'
import type { Work } from './work.js'

/** These may not be what they were, nor may what depends on them. */
export const onChanged = (w: Work, builds: readonly BuildId[]): void => {
  for (const x of builds) {
    if (w.kind(x) === Kind.TARGET && w.status(x) === Status.REST) forgetCheck(w, x)
    if (w.status(x) === Status.WAITING || w.status(x) === Status.PARKED) w.setBits(x, Bit.DOUBTED)
    suspect(w, x)
  }
}

/**
 * The file of a target is another, or gone. Were it made again just as it was, nothing would tell that a do-file which runs now may have
 * read something else: so that one has seen we know not what, and one that asks from now on waits for what is made of it.
 */
const forgetCheck = (w: Work, x: BuildId): void => {
  w.checked.set(x, 0, 0)
  for (let e = w.facts.get(x, Fact.DEPENDENT_HEAD); e !== 0; e = w.edges.get(e, Edge.NEXT_DEPENDENT)) {
    const isAnswered = (w.edges.get(e, Edge.MODE) & Mode.ASKED) === 0
    if (isAnswered && isStarted(w, buildId(w.edges.get(e, Edge.DEPENDENT)))) w.edges.set(e, Edge.SEEN, -1)
  }
}

/**
 * Everything known was looked at. What is unchanged, with all that it depends on, need not be looked at again until the
 * watcher, or the end of the process, says otherwise. One pass over the tables, in place of demanding each target.
 */
export const onLooked = (w: Work, changed: readonly BuildId[]): void => {
  // Plain reads in one loop, and a table made in one piece: this is the first thing a process does, and the compiler has not
  // warmed up.
  const [facts, edges] = [w.facts.view(), w.edges.view()]
  const pass = Math.max(1, w.generation)
  const doubtful: BuildId[] = [...changed]
  const checked = new Int32Array(rowsEnd(facts))
  for (let p = 0; p < pagesEnd(facts); p++) {
    const page = pageOf(facts, p)
    if (page === undefined) continue
    for (let r = 0; r < PAGE_ROWS; r++) {
      const flags = page[r * FACT_STRIDE + Fact.FLAGS]!
      const kind = flags & KIND_MASK
      const x = buildId(p * PAGE_ROWS + r)
      if (kind === Kind.UNKNOWN || kind === Kind.REQUEST || (w.inFlight > 0 && w.status(x) !== Status.REST)) {
        checked[x] = w.checked.get(x, 0)
        continue
      }
      let isSame = (flags & (Flag.ALWAYS | Flag.BROKEN | Flag.MODIFIED)) === 0
      for (let e = page[r * FACT_STRIDE + Fact.DEP_HEAD]!; e !== 0 && isSame; e = read(edges, e, Edge.NEXT_DEP)) {
        const d = read(edges, e, Edge.DEPENDENCY)
        if (read(facts, d, Fact.REVISION) !== read(edges, e, Edge.SEEN)) isSame = false
        const of = read(facts, d, Fact.FLAGS)
        const isGone = (of & Flag.BROKEN) !== 0 || (of & KIND_MASK) === Kind.ABSENT
        if (isGone && (read(edges, e, Edge.MODE) & Mode.CREATE) === 0) isSame = false
      }
      checked[x] = isSame ? pass : -pass
      if (!isSame) doubtful.push(x)
    }
  }
  w.checked.replace(tableOf(1, checked))
  for (const x of doubtful) suspect(w, x)
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
  w.setSession(id, { ...session, generation: w.generation })
}

/** The files become sources; what was remembered of how they were built goes with their next look. */
export const onTaken = (w: Work, builds: readonly BuildId[]): void => {
  for (const x of builds) {
    if (w.kind(x) !== Kind.TARGET || w.status(x) !== 0) continue
    const head = w.facts.get(x, Fact.DEP_HEAD)
    w.facts.set(x, Fact.FLAGS, Kind.SOURCE | (w.facts.get(x, Fact.FLAGS) & ~KIND_MASK & Flag.RACY))
    w.facts.set(x, Fact.DEP_HEAD, 0)
    w.freeList(head)
    noteSourceChange(w, x, Reason.TAKEN, w.generation)
    w.setError(x, undefined)
    w.stamps = withObject(w.stamps, x, undefined)
    bumpRevision(w, x)
  }
}

/** The file is ours, and its dependencies are not known: a target, never a source, that has to be built again. */
export const onAdopted = (w: Work, x: BuildId, look: Look): void => {
  invariant(w.isBuild(x) && w.status(x) === Status.REST, 'is adopted while it is worked on', x)
  w.facts.set(x, Fact.FLAGS, Kind.TARGET | Flag.BROKEN)
  writeLook(w, x, wordsOfLook(look), 0)
  w.setError(x, { _tag: 'interrupted' })
  bumpRevision(w, x)
}
