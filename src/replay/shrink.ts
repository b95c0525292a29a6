/**
 * The smallest recording that still shows a fault. Candidates are recordings like any other, made by the reducer of this program from what a part
 * of the events, and what came of them, leads to; so each of them verifies.
 *
 * What can be left out: ticks at the end; ticks at the beginning, for the state after them; requests and changes from outside, with all
 * that was done for them alone; builds in the lists of those that stay. What cannot: what a state holds with which it begins, and a
 * fault that hangs on another program's reducer.
 */
import * as E from 'fp-ts/lib/Either.js'
import { dependenciesOf } from '../model/dependencies.js'
import { Bug } from '../model/error.js'
import type { Ahead, Alone, Batch, Event, Receipt } from '../model/event.js'
import { LOOK_STRIDE } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { kindOf, type State, Status, statusOf } from '../model/state.js'
import { removeRecording } from '../store/recording/format.js'
import { type RecordedTick, RecordingReader } from '../store/recording/reader.js'
import type { TickRecord } from '../store/recording/record.js'
import { buildsOf } from './diff-ticks.js'
import { Rewriter } from './rewriter.js'
import { speakerOf } from './script.js'
import { Walker } from './walker.js'

/** One event from outside, or one build in the list of one. */
interface Unit {
  readonly tick: number
  readonly event: number
  /** Place in the list; undefined: the event as a whole. */
  readonly item: number | undefined
}

export interface ShrinkOptions {
  /** A file that candidates are written to, one after the other. */
  readonly path: string
  /** Whether the recording at `path` still shows the fault. */
  readonly shows: () => Promise<boolean>
  /** Candidates that are tried at most. Default 2000. */
  readonly triesMax?: number
  readonly onProgress?: (tries: number, ticks: number) => void
}

export type Shrunk =
  /** Not even a copy of all that was recorded shows it. */
  | { readonly _tag: 'unshown' }
  /** What is at `path` is the smallest that was found. */
  | {
      readonly _tag: 'shrunk'
      readonly ticks: number
      readonly from: number
      readonly tries: number
      readonly isWhole: boolean
    }

/** What a candidate leaves out. */
interface Cut {
  readonly from: number
  readonly to: number
  readonly left: ReadonlySet<string>
}

/**
 * Round after round, each of what the one before left, until one leaves all as it is: what was made anew gives ids in another order, and has
 * other cuts.
 */
export const shrink = async (reader: RecordingReader, options: ShrinkOptions): Promise<Shrunk> => {
  const from = reader.ticks
  for (let base = reader, tries = 0, round = 0; ; round++) {
    const search = new Search(base, options, tries)
    const isShown = await search.run()
    const { ticks, isWhole } = search
    tries = search.tries
    // Before what it is made of is closed.
    const next = isShown && isWhole && search.isLess ? search.copy(baseOf(options.path, round + 1)) : undefined
    if (base !== reader) base.close()
    removeRecording(baseOf(options.path, round))
    if (!isShown && round === 0) return { _tag: 'unshown' }
    if (next === undefined) return { _tag: 'shrunk', ticks, from, tries, isWhole }
    base = next
  }
}

const baseOf = (path: string, round: number): string => `${path}.${round}`

class Search {
  private best: Cut
  private bestTicks: number

  constructor(
    private readonly reader: RecordingReader,
    private readonly options: ShrinkOptions,
    public tries: number,
  ) {
    this.best = { from: 0, to: reader.ticks, left: new Set() }
    this.bestTicks = reader.ticks
  }

  /** Leaves the smallest at the path; whether the fault shows at all. */
  async run(): Promise<boolean> {
    if (!(await this.test(this.best))) return false
    for (let before = -1; before !== this.size && !this.isSpent; ) {
      before = this.size
      await this.cutEnd()
      await this.cutBeginning()
      await this.leaveOut(this.units((unit) => unit.item === undefined))
      await this.leaveOut(this.units((unit) => unit.item !== undefined))
    }
    write(this.reader, this.best, this.options.path)
    return true
  }

  get ticks(): number {
    return this.bestTicks
  }

  get isWhole(): boolean {
    return !this.isSpent
  }

  /** Whether anything was left out. */
  get isLess(): boolean {
    const { from, to, left } = this.best
    return from > 0 || to < this.reader.ticks || left.size > 0
  }

  /** The smallest that was found, in a file of its own. */
  copy(path: string): RecordingReader {
    write(this.reader, this.best, path)
    const opened = RecordingReader.open(path)
    if (E.isLeft(opened)) throw new Bug(`a recording that was just written is ${opened.left._tag}`)
    return opened.right
  }

  private get isSpent(): boolean {
    return this.tries >= (this.options.triesMax ?? TRIES_MAX)
  }

  /** Gets less with every cut that is kept. */
  private get size(): number {
    return this.bestTicks * 1e6 + (1e6 - this.best.left.size)
  }

  private async test(cut: Cut): Promise<boolean> {
    if (this.isSpent) return false
    this.tries++
    const ticks = write(this.reader, cut, this.options.path)
    if (ticks === undefined || !(await this.options.shows())) return false
    this.best = cut
    this.bestTicks = ticks
    this.options.onProgress?.(this.tries, ticks)
    return true
  }

  /** As short as halving the end finds, then tick by tick for a while: what shows in a beginning need not show in a longer one. */
  private async cutEnd(): Promise<void> {
    for (let step = (this.best.to - this.best.from) >> 1; step > 0; step >>= 1)
      while (this.best.to - step >= this.best.from && (await this.test({ ...this.best, to: this.best.to - step })));
  }

  private async cutBeginning(): Promise<void> {
    for (let step = (this.best.to - this.best.from) >> 1; step > 0; step >>= 1)
      while (this.best.from + step <= this.best.to && (await this.test({ ...this.best, from: this.best.from + step })));
  }

  /** Delta debugging (A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input", 2002), by complements alone. */
  private async leaveOut(units: readonly Unit[]): Promise<void> {
    let rest = units
    for (let parts = 1; rest.length > 0 && parts <= rest.length * 2 && !this.isSpent; ) {
      const size = Math.ceil(rest.length / parts)
      let isLess = false
      for (let at = 0; at < rest.length; ) {
        const some = rest.slice(at, at + size)
        const left = new Set([...this.best.left, ...some.map(keyOf)])
        if (await this.test({ ...this.best, left })) {
          rest = [...rest.slice(0, at), ...rest.slice(at + size)]
          isLess = true
        } else at += size
      }
      if (size === 1 && !isLess) return
      parts = isLess ? Math.max(1, parts) : parts * 2
      if (size === 1) parts = rest.length
    }
  }

  /** What may be left out of the best so far. */
  private units(isMeant: (unit: Unit) => boolean): readonly Unit[] {
    const found: Unit[] = []
    const { from, to, left } = this.best
    for (let tick = from + 1; tick <= to; tick++)
      this.reader.at(tick).input.events.forEach((event, i) => {
        if (!isFromOutside(event) || left.has(keyOf({ tick, event: i, item: undefined }))) return
        found.push({ tick, event: i, item: undefined })
        const items = buildsOf(event)
          .map((_, item) => ({ tick, event: i, item }))
          .filter((unit) => !left.has(keyOf(unit)))
        if (items.length > 1) found.push(...items)
      })
    // Later ones hang on earlier ones, and go first.
    return found.filter(isMeant).reverse()
  }
}

const TRIES_MAX = 2000
const keyOf = ({ tick, event, item }: Unit): string => `${tick}.${event}${item === undefined ? '' : `.${item}`}`

/** The others come of what is under way, and go with that. */
const isFromOutside = (event: Event): boolean => event._tag !== 'rechecked' && speakerOf(event) === 0

/** Writes the candidate; how many ticks it has, or undefined where the reducer refuses it. */
const write = (reader: RecordingReader, cut: Cut, path: string): number | undefined => {
  const original = new Walker(reader)
  original.seek(cut.from)
  const rewriter = new Rewriter(reader, cut.from, path)
  let ticks = 0
  let elapsed = 0
  try {
    while (original.tick < cut.to) {
      const tick = original.next()!
      const record = part(tick, original.state, rewriter.state, cut.left)
      elapsed += tick.elapsed
      if (record === undefined) rewriter.learn(tick)
      else {
        rewriter.apply(record, elapsed)
        elapsed = 0
        ticks++
      }
      original.step()
    }
    return ticks
  } catch {
    return undefined
  } finally {
    rewriter.close()
  }
}

/** What of `tick` can still happen: to builds that are where they were. Undefined: nothing. */
const part = (tick: RecordedTick, was: State, is: State, left: ReadonlySet<string>): TickRecord | undefined => {
  const { batch, receipts, events } = tick.input
  const isAlike = (x: BuildId): boolean => statusOf(was, x) === statusOf(is, x)
  const chosen = (builds: readonly BuildId[]): readonly BuildId[] => builds.filter(isAlike)
  const less: Batch = {
    ...batch,
    scan: chosen(batch.scan),
    run: chosen(batch.run),
    start: chosen(batch.start),
    answer: chosen(batch.answer),
  }
  const told = receipts.flatMap((receipt) => partOfReceipt(receipt, was, isAlike))
  const asked = new Set<number>()
  const happened = events.flatMap((event, i): readonly Event[] => {
    const kept = partOfEvent(event, (item) => left.has(keyOf({ tick: tick.tick, event: i, item })), isAlike, is, asked)
    if (kept?._tag === 'requested' || kept?._tag === 'followed') asked.add(kept.request)
    return kept === undefined ? [] : [kept]
  })
  const isTransacted = happened.some(({ _tag }) => _tag === 'transacted')
  const isEmpty = [less.scan, less.run, less.start, less.answer, told, happened].every((list) => list.length === 0)
  if (isEmpty) return undefined
  return {
    input: { batch: less, receipts: told, events: happened },
    settings: isTransacted ? tick.settings : [],
    names: tick.names,
  }
}

const partOfReceipt = (receipt: Receipt, was: State, isAlike: (x: BuildId) => boolean): readonly Receipt[] => {
  if (receipt._tag === 'ahead') return partOfAhead(receipt, was, isAlike)
  if (receipt._tag !== 'scanned') return isAlike(receipt.build) ? [receipt] : []
  const kept = receipt.builds.flatMap((x, i) => (isAlike(x) ? [i] : []))
  if (kept.length === receipt.builds.length) return [receipt]
  if (kept.length === 0) return []
  const looks = new Int32Array(kept.length * LOOK_STRIDE)
  kept.forEach((i, k) => {
    looks.set(receipt.looks.subarray(i * LOOK_STRIDE, (i + 1) * LOOK_STRIDE), k * LOOK_STRIDE)
  })
  return [{ ...receipt, builds: kept.map((i) => receipt.builds[i]!), looks }]
}

/** Of the batch, what is where it was; and what that needs. */
const partOfAhead = (ahead: Ahead, was: State, isAlike: (x: BuildId) => boolean): readonly Ahead[] => {
  const needed = new Set<BuildId>()
  const isKept = (said: Alone): boolean => {
    const { build: x } = said
    if (!isAlike(x) || (statusOf(was, x) === Status.REST && !needed.has(x))) return false
    const needs = 'groups' in said ? said.groups.flat() : dependenciesOf(was, x).map(({ build }) => build)
    for (const d of needs) needed.add(d)
    return true
  }
  const open = ahead.open.filter(isKept)
  const done = [...ahead.done].reverse().filter(isKept).reverse()
  const later = ahead.later.filter(isAlike)
  const first = [...done, ...open].map(({ build }) => build).concat(later)[0]
  return first === undefined ? [] : [{ ...ahead, build: first, done, open, later }]
}

const partOfEvent = (
  event: Event,
  isLeft: (item: number | undefined) => boolean,
  isAlike: (x: BuildId) => boolean,
  is: State,
  asked: ReadonlySet<number>,
): Event | undefined => {
  if (isLeft(undefined)) return undefined
  const some = (list: readonly BuildId[]): readonly BuildId[] => list.filter((_, i) => !isLeft(i))
  switch (event._tag) {
    case 'requested':
      if (event.by !== 0) return isAlike(event.by) ? event : undefined
      return { ...event, targets: some(event.targets) }
    case 'changed':
    case 'taken':
    case 'transacted':
    case 'wiped':
      return { ...event, builds: some(event.builds) }
    case 'looked':
      return { ...event, changed: some(event.changed) }
    case 'cancelled':
      // Its request may have been left out, or be answered by now.
      return isAlike(event.request) && (asked.has(event.request) || kindOf(is, event.request) !== 0) ? event : undefined
    case 'ended':
    case 'always':
    case 'stamped':
      return isAlike(event.build) ? event : undefined
    case 'rechecked':
      return kindOf(is, buildId(event.session)) !== 0 ? event : undefined
    default:
      return event
  }
}
