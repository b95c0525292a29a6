/**
 * The ways that schedules went, as one graph: its places are the questions that a schedule answers, and places that are in the same situation are
 * one. A schedule that only goes ways that are known, each of them gone by a run in full, comes to what is known, and need not be run.
 */
import type { Answers, Asking } from './schedule.js'

class Place {
  /** How many answers there are; 0: nobody has been asked here yet. */
  n = 0
  how: Asking = 'step'
  next: (Place | undefined)[] | undefined
  situation: string | undefined = undefined
  /** The check was over here, and all was well. */
  isEnd = false
}

/** So many places are kept; beyond, what is not known stays so. */
const ROOM = 1_000_000
/** More questions than these may go around in a circle. */
const LONGEST = 10_000

export class Ways {
  private readonly root = new Place()
  private readonly known = new Map<string, Place>()
  private count = 0
  /** The most steps that a schedule had. */
  longest = 1

  /** Whether a schedule of these answers goes by known ways to its end. */
  lead(answers: Answers): boolean {
    let at: Place | undefined = this.root
    for (let i = 0; i < LONGEST && at !== undefined; i++) {
      if (at.isEnd) return true
      at = at.n === 0 ? undefined : at.next![answers(at.n, at.how)]
    }
    return false
  }

  /** Follows a run. */
  walk(): Walk {
    return new Walk(this.root, this)
  }

  /** The place of that situation, `own` if there is none yet. */
  placeOf(situation: string, own: Place): Place {
    const found = this.known.get(situation)
    if (found !== undefined) return found
    own.situation = situation
    this.known.set(situation, own)
    return own
  }

  fresh(): Place | undefined {
    return this.count++ < ROOM ? new Place() : undefined
  }
}

export class Walk {
  /** The question that was answered last, and how. */
  private from: Place | undefined = undefined
  private via = 0
  private steps = 0

  /** `at` is undefined where this run is not followed any more. */
  constructor(
    private at: Place | undefined,
    private readonly ways: Ways,
  ) {}

  asked(n: number, how: Asking, answer: number): void {
    if (how === 'aside') return
    if (how === 'step') this.steps++
    const { at } = this
    if (at === undefined) return
    if (at.n === 0) {
      at.n = n
      at.how = how
      at.next = new Array<Place | undefined>(n).fill(undefined)
    }
    // Another question in the same situation: of rules that go by more than what they are told.
    if (at.n !== n || at.isEnd) {
      this.at = undefined
      return
    }
    this.from = at
    this.via = answer
    this.at = at.next![answer] ?? this.ways.fresh()
    at.next![answer] = this.at
  }

  /** All that was begun is done, and the next choice hangs on `situation`. */
  arrived(situation: string): void {
    const { at, from } = this
    if (at === undefined || at.situation === situation) return
    if (from === undefined && at.situation !== undefined) return
    const own = at.situation === undefined ? at : this.ways.fresh()
    this.at = own && this.ways.placeOf(situation, own)
    if (from !== undefined) from.next![this.via] = this.at
    this.from = undefined
  }

  /** The check is over, and all is well. */
  ended(): void {
    if (this.at !== undefined && this.at.n === 0) this.at.isEnd = true
    this.ways.longest = Math.max(this.ways.longest, this.steps)
  }
}
