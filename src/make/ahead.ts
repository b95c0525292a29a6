/**
 * Values beyond the batch. What a build of the batch needs and is not at hand is made at once, or found to hold, as long as make can
 * do that by itself, before the state knows of any of it; and so is what that needs. So most of a graph is gone through from the
 * bottom up, each build once, and never waits in the state. What cannot be finished here is left to the reducer.
 */

import { contentIn } from '../model/content.js'
import { contentOfCause } from '../model/content-of-cause.js'
import type { Ahead as AheadReceipt, Alone, Content, Groups } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Bit, Edge, Fact, Flag, Flight, GROUP_SHIFT, KIND_MASK, Kind, Mode, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { Holding, listOfObjects, Made } from './ended.js'
import { DUE, type Ended, type Found, OPEN } from './found.js'

export interface Attempts {
  /** Whether it can be made without regard to others that are ready. */
  readonly isAlone: (x: BuildId) => boolean
  /** Begins, or goes on, with a build. What ends it tells of the groups since the attempt before, or of all of this batch: the very list. */
  readonly attempt: (state: State, attempted: Attempted) => Alone
  /** It waits beyond this batch. */
  readonly leave: (attempted: Attempted) => void
}

/** A build that is attempted, maybe several times in a batch. */
export interface Attempted {
  readonly x: BuildId
  /** What it asked for in this batch. */
  readonly groups: Groups
  /** Where the attempt says that it needs more: what of it is to be brought first. */
  wants: readonly BuildId[]
  /** Whatever the attempt before left for the next. */
  left: unknown
}

/** After so many builds at most it is looked at the time. */
const LOOK_MAX = 32

const NONE: Groups = []

/** A build that was begun, and what it waits for. */
class Begun implements Attempted {
  wants: readonly BuildId[] = NONE_WANTED
  next = 0
  /** Something it needs is not to be had in this batch. */
  isStuck = false
  /** The group being judged, and whether anything of it is another than it was. */
  group = -1
  isChanged = false
  groups: Groups = NONE
  left: unknown = undefined

  constructor(
    readonly x: BuildId,
    /** The edge that it is judged from on; 0: all were seen. */
    public edge: number,
    /** Until it is known that it has to run. */
    public isJudged: boolean,
  ) {}
}
const NONE_WANTED: readonly BuildId[] = []

export class Ahead {
  private left: number
  /** How long it might still take when that was looked at last, in ms; after how many builds it is looked at again, and how many there were. */
  private time: number
  private look = 1
  private ended = 0
  private readonly done = listOfObjects<Alone>()
  private readonly open = listOfObjects<Alone>()
  /** Of what is broken by others, as far as somebody asked. */
  private readonly contents = new Map<BuildId, Content>()

  constructor(
    private readonly state: State,
    private readonly found: Found,
    private readonly attempts: Attempts,
    /** How long it may still take, in ms: no more is begun once that is nothing. Asked now and then. */
    private readonly timeLeft: () => number = () => Number.POSITIVE_INFINITY,
  ) {
    this.left = state.ahead
    this.time = timeLeft()
  }

  run(builds: readonly BuildId[]): AheadReceipt {
    const { found } = this
    for (const x of builds) found.put(x, DUE)
    const later: BuildId[] = []
    for (const x of builds) {
      if (found.placeOf(x) !== DUE) continue
      if (this.left > 0) this.bring(x)
      else later.push(x)
    }
    return { _tag: 'ahead', build: builds[0]!, done: this.done, open: this.open.reverse(), later }
  }

  /** Depth first, without recursion. */
  private bring(root: BuildId): void {
    const below: Begun[] = []
    let top: Begun | undefined = this.begin(root)
    while (top !== undefined) {
      const first: BuildId | 0 = top.isJudged ? this.judge(top) : this.wanted(top)
      if (first !== 0) {
        below.push(top)
        top = this.begin(first)
      } else if (this.goOn(top)) {
        if (++this.ended === this.look) this.lookAtTime()
        const { x }: Begun = top
        top = below.pop()
        if (top !== undefined && !this.found.isDone(x)) top.isStuck = true
      }
    }
  }

  /** What it asked for and is to be brought first; 0: nothing. */
  private wanted(begun: Begun): BuildId | 0 {
    const { wants } = begun
    while (begun.next < wants.length) {
      const d = wants[begun.next++]!
      const place = this.found.placeOf(d)
      if (this.found.isAtHand(this.state, d, place)) continue
      if (this.canBegin(d, place)) return d
      begun.isStuck = true
    }
    return 0
  }

  /** `place`: where it was found. */
  private canBegin(x: BuildId, place: number): boolean {
    if (this.left <= 0) return false
    if (place !== 0) return place === DUE
    const { facts, flight } = this.state
    if (read(flight, x, Flight.STATUS) !== 0) return false
    const flags = read(facts, x, Fact.FLAGS)
    const kind = flags & KIND_MASK
    return (kind === Kind.VALUE || kind === Kind.UNKNOWN) && (flags & Flag.WIPED) === 0 && this.attempts.isAlone(x)
  }

  private begin(x: BuildId): Begun {
    this.left--
    this.found.put(x, OPEN)
    return new Begun(x, read(this.state.facts, x, Fact.DEP_HEAD), isToBeJudged(this.state, x))
  }

  /** Builds that take long are looked after one by one, and quick ones not more often than need be. */
  private lookAtTime(): void {
    const time = this.timeLeft()
    if (time <= 0) this.left = 0
    const each = (this.time - time) / this.ended
    const fitting = each > 0 ? Math.floor(time / each / 2) : LOOK_MAX
    this.look = Math.max(1, Math.min(LOOK_MAX, 2 * this.look, fitting))
    this.time = time
    this.ended = 0
  }

  /** Whether nothing more is to be done for it. */
  private goOn(begun: Begun): boolean {
    const { x, groups } = begun
    if (begun.isStuck) {
      if (begun.isJudged) this.open.push({ _tag: 'unjudged', build: x })
      else {
        this.attempts.leave(begun)
        this.open.push({ _tag: 'needs', build: x, groups })
      }
      return true
    }
    if (begun.isJudged) {
      if (!begun.isChanged) {
        this.holds(x)
        return true
      }
      begun.isJudged = false
    }
    const receipt = this.attempts.attempt(this.state, begun)
    if (receipt._tag === 'needs') {
      const more = receipt.groups
      begun.groups = groups.length === 0 ? more : [...groups, ...more]
      begun.isStuck = more.length === 0
      begun.next = 0
      return false
    }
    if (receipt._tag === 'made' || receipt._tag === 'broken')
      this.end(groups.length === 0 || receipt.groups === groups ? receipt : withGroups(receipt, groups))
    else this.open.push(receipt)
    return true
  }

  /** As the reducer's `judge`: group by group, each as a whole. Returns what is to be brought first; 0: nothing. */
  private judge(begun: Begun): BuildId | 0 {
    const { edges } = this.state
    let e = begun.edge
    for (; e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
      const mode = read(edges, e, Edge.MODE)
      const group = mode >>> GROUP_SHIFT
      if (group !== begun.group) {
        if (begun.isStuck || begun.isChanged) break
        begun.group = group
      }
      if ((mode & Mode.CREATE) !== 0) continue
      const d = buildId(read(edges, e, Edge.DEPENDENCY))
      if (this.isCurrent(d)) {
        if (this.found.revisionOf(this.state, d) !== read(edges, e, Edge.SEEN)) begun.isChanged = true
      } else if (this.canBegin(d, this.found.placeOf(d))) {
        begun.edge = e
        return d
      } else begun.isStuck = true
    }
    begun.edge = e
    return 0
  }

  /** Known to hold, be the value there or not. */
  private isCurrent(x: BuildId): boolean {
    const place = this.found.placeOf(x)
    if (place !== 0) return place > 0
    if (read(this.state.checked, x, 0) <= 0) return false
    // What is in flight is not known to hold, or it was given up.
    const flags = read(this.state.facts, x, Fact.FLAGS)
    return (flags & (KIND_MASK | Flag.WIPED)) === Kind.VALUE || read(this.state.flight, x, Flight.STATUS) === 0
  }

  private holds(x: BuildId): void {
    const { facts } = this.state
    this.done.push(new Holding(x))
    // Where the value was given up, it is not to be had in this batch.
    if ((read(facts, x, Fact.FLAGS) & Flag.WIPED) === 0) this.found.end(x, undefined, read(facts, x, Fact.REVISION))
  }

  private end(receipt: Ended): void {
    this.done.push(receipt)
    this.found.end(receipt.build, receipt, this.revisionAfter(receipt))
  }

  /** As the reducer will have it. */
  private revisionAfter(receipt: Ended): number {
    const { state } = this
    const { facts } = state
    const x = receipt.build
    const revision = read(facts, x, Fact.REVISION)
    if (revision === 0) return 1
    const isBroken = receipt._tag === 'broken'
    if (isBroken !== ((read(facts, x, Fact.FLAGS) & Flag.BROKEN) !== 0)) return (revision + 1) | 0
    const content = isBroken ? this.contentOf(receipt) : receipt.content
    for (let i = 0; i < 4; i++) if (read(facts, x, Fact.CONTENT + i) !== content[i]) return (revision + 1) | 0
    return revision
  }

  /** As the reducer will have it. What is broken by what is broken, and so on, is worked out once for each, from the last one on. */
  private contentOf(receipt: Ended): Content {
    const above: Caused[] = []
    let at = receipt
    let content: Content | undefined
    while (content === undefined) {
      if (!isCaused(at)) content = at.content
      else {
        content = this.contents.get(at.build)
        if (content !== undefined) break
        above.push(at)
        const below = this.found.receiptOf(at.cause)
        if (below === undefined) content = contentIn(this.state, at.cause)
        else at = below
      }
    }
    while (above.length > 0) {
      const { build, content: way } = above.pop()!
      content = contentOfCause(way, content)
      this.contents.set(build, content)
    }
    return content
  }
}

type Caused = Ended & { readonly _tag: 'broken'; readonly cause: BuildId }
const isCaused = (receipt: Ended): receipt is Caused => receipt._tag === 'broken' && receipt.cause !== undefined

/** Besides what it asked for in the end, it asked for `groups` before. */
const withGroups = (receipt: Ended, before: Groups): Ended => {
  const groups = receipt.groups.length === 0 ? before : [...before, ...receipt.groups]
  if (receipt._tag === 'broken') return { ...receipt, groups }
  // Most receipts are such, and copying one word by word is far quicker.
  const { build, value, content } = receipt
  return new Made(build, groups, value, content)
}

/** Whether it is to be seen first whether it holds. What rests is; of what is ready, what the reducer says so of. */
export const isToBeJudged = ({ facts, flight }: State, x: BuildId): boolean => {
  const flags = read(facts, x, Fact.FLAGS)
  if ((flags & KIND_MASK) !== Kind.VALUE || (flags & Flag.STALE) !== 0) return false
  const status = read(flight, x, Flight.STATUS)
  return status === 0 || (status & (Bit.UNJUDGED | Bit.ANEW)) === Bit.UNJUDGED
}
