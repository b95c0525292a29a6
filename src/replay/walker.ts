/** Goes through a recording tick by tick: the very engine, told what was recorded in place of what a make would say. */
import { Engine, type Make, type Reading } from '../engine.js'
import { isContentOf } from '../model/content.js'
import { apart, type Event, type Input, type Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Bit, Fact, Flag, Flight, type News, type State } from '../model/state.js'
import { eachObject, emptyObjects, ObjectEditor, read } from '../model/table.js'
import type { RecordedTick, RecordingReader } from '../store/recording/reader.js'
import type { TickRecord } from '../store/recording/record.js'
import type { RecordedValue } from '../store/recording/value.js'
import { groupedBy } from './grouped.js'

/** The values of the state in place of those of the recording; `name`: that of the build, as a byte string. */
export type Decode = (name: string, value: RecordedValue) => unknown

/** `at`: to be read at once. */
export type Visit = (record: TickRecord, tick: number, at: Reading) => void

/** So far ahead it is quicker to go on than to begin at a snapshot. */
const AHEAD = 64

/** How often a long way is spoken of. */
export const PROGRESS_TICKS = 256

/** The reducer of this program does not take what was recorded of `tick`: it does not fit the state before it. */
export class Refused extends Error {
  override readonly name = 'Refused'
  constructor(
    readonly tick: number,
    readonly why: string,
  ) {
    super(`this program refuses tick ${tick}: ${why}`)
  }
}

export class Walker {
  private engine: Engine
  /** The tick whose state this is; 0: before the first. */
  tick = 0
  /** What the last step told. */
  news: readonly News[] = []
  /** What the last step took in, and the state before it. */
  private stepped: { readonly before: State; readonly receipts: readonly Receipt[] } | undefined = undefined
  private names: Map<BuildId, string>
  /** Of requests that began on the way: what they are called by people; undefined: one of a do-file is not. */
  private numbers = new Map<BuildId, Numbered | undefined>()
  /** The same of all there are. Made when somebody asks for one that did not begin on the way. */
  private asked: Asked | undefined = undefined
  /** Made when somebody looks for a name. */
  private ids: Map<string, BuildId> | undefined = undefined

  constructor(
    private readonly reader: RecordingReader,
    /** Without: as the recording has them. */
    private readonly decode?: Decode,
  ) {
    const start = this.load(0)
    this.engine = start.engine
    this.names = start.names
  }

  get state(): State {
    return this.engine.state
  }

  /** The name of a build as a byte string; a request has none. */
  readonly nameOf = (build: BuildId): string | undefined => this.names.get(build)

  /** All names there are, with their ids. */
  get named(): ReadonlyMap<BuildId, string> {
    return this.names
  }

  /** The build of that name: the newest, since an id may have been given back and the name have got another. */
  readonly find = (name: string): BuildId | undefined => {
    this.ids ??= new Map(Array.from(this.names, ([id, each]) => [each, id]))
    const id = this.ids.get(name)
    // A request may have that id by now.
    return id !== undefined && this.names.get(id) === name ? id : undefined
  }

  /** What a request of a person, or of the program, is called, here and by why: the generation that it began. One of a do-file is not. */
  numberOf(request: BuildId): number | undefined {
    return this.numbered(request)?.number
  }

  /** It was to say what is out-of-date, and no more. */
  isQuestion(request: BuildId): boolean {
    return this.numbered(request)?.isQuestion === true
  }

  private numbered(request: BuildId): Numbered | undefined {
    if (this.numbers.has(request)) return this.numbers.get(request)
    this.asked ??= this.allAsked()
    const { begun, start } = this.asked
    const found = begun.get(request)?.findLast(({ tick }) => tick <= this.tick)
    if (found !== undefined) return found.as
    // It began before the recording did.
    const number = read(start.flight, request, Flight.PASS)
    if (number === 0 || read(start.flight, request, Flight.BY) !== 0) return undefined
    return { number, isQuestion: (read(start.flight, request, Flight.STATUS) & Bit.LOOK) !== 0 }
  }

  /** Goes through the recording once, since many may be asked for: as far as this program takes it, which is as far as anybody comes. */
  private allAsked(): Asked {
    const walker = new Walker(this.reader)
    const begun: AskedOne[] = []
    // Of a walker of its own: a state that was gone on from keeps what came of it.
    const { state: start } = new Walker(this.reader)
    try {
      walker.run(this.reader.ticks, ({ input }, tick) => {
        for (const event of input.events)
          if (event._tag === 'requested' || event._tag === 'followed')
            begun.push({ request: event.request, tick, as: walker.numbers.get(event.request) })
      })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
    }
    return { begun: groupedBy(begun, ({ request }) => request), start }
  }

  /** `before`, `after`: the generation before the tick, and after it. */
  private number(events: Input['events'], before: number, after: number): void {
    for (const event of events)
      if (event._tag === 'requested' && event.by !== 0) this.numbers.set(event.request, undefined)
    for (const { event, generation } of begunIn(events, before, after))
      if (isBegun(event)) this.numbers.set(event.request, { number: generation, isQuestion: isQuestion(event) })
  }

  /** The next tick, without a step: what the step will take in. */
  next(): RecordedTick | undefined {
    return this.tick < this.reader.ticks ? this.reader.at(this.tick + 1) : undefined
  }

  /** Takes in the next tick; undefined: there is none. @throws Refused */
  step(): RecordedTick | undefined {
    const tick = this.next()
    if (tick === undefined) return undefined
    const { generation } = this.state
    this.stepped = { before: this.state, receipts: tick.input.receipts }
    try {
      this.engine.apply(this.decoded(tick))
    } catch (error) {
      throw new Refused(tick.tick, (error as Error).message)
    }
    this.tick++
    this.number(tick.input.events, generation, this.state.generation)
    return tick
  }

  /** Values that the last step made, and that are what they were. */
  same(): ReadonlySet<BuildId> {
    return this.stepped === undefined ? new Set() : madeSameIn(this.stepped.before, this.stepped.receipts)
  }

  /** Goes to the state after tick `tick`, forward or back. */
  seek(tick: number): void {
    if (tick < this.tick || tick > this.tick + AHEAD) {
      const snapshot = this.reader.snapshotTickFor(tick)
      if (tick < this.tick || snapshot > this.tick) {
        this.restart(tick)
        this.tick = snapshot
      }
    }
    this.run(tick)
  }

  private restart(tick: number): void {
    const { engine, names } = this.load(tick)
    this.engine = engine
    this.names = names
    this.ids = undefined
    this.numbers = new Map()
    this.news = []
    this.stepped = undefined
  }

  /**
   * Goes on to tick `to`, or the last. `visit` hears of each tick when it is taken in: there is no state after it, only what stands where by
   * then, which makes many small ticks several times as quick as steps. @throws Refused
   */
  run(to: number = this.reader.ticks, visit: Visit = () => {}): void {
    const end = Math.min(to, this.reader.ticks)
    if (this.tick >= end) return
    const first = this.tick
    const { engine, reader } = this
    let { generation } = engine.state
    let record: TickRecord | undefined
    let isTold = false
    function* inputs(this: Walker): Iterable<Input> {
      for (let tick = first + 1; tick <= end; tick++) {
        isTold = false
        record = reader.recordAt(tick)
        yield this.decoded(record)
      }
    }
    try {
      engine.applyAll(inputs.call(this), (reading, news) => {
        isTold = true
        this.tick++
        this.number(record!.input.events, generation, reading.generation)
        generation = reading.generation
        this.news = news
        visit(record!, this.tick, reading)
      })
    } catch (error) {
      // The state is to be that of this tick, the one before what is refused.
      const last = this.tick
      this.tick = reader.snapshotTickFor(last)
      this.restart(this.tick)
      while (this.tick < last) this.step()
      if (!isTold) this.step()
      throw error
    }
  }

  private load(tick: number): { engine: Engine; names: Map<BuildId, string> } {
    const { state, names } = this.reader.snapshotFor(tick)
    const engine = new Engine({
      make: NO_MAKE,
      state: this.withValues(state, names),
      drive: 'manual',
      onTurn: () => {},
      onTick: (_, __, after) => {
        this.news = after.news
      },
    })
    return { engine, names: new Map(names) }
  }

  private withValues(state: State, names: ReadonlyMap<BuildId, string>): State {
    const { decode } = this
    if (decode === undefined) return state
    const values = new ObjectEditor<unknown>(emptyObjects)
    eachObject(state.values, (row, value) =>
      values.set(row, decode(names.get(row as BuildId)!, value as RecordedValue)),
    )
    return { ...state, values: values.finish() }
  }

  /** What the next tick takes in, with values as they are decoded; its names are known from then on. */
  decoded(tick: TickRecord): Input {
    const { names, input } = tick
    takeNames(this.names, tick)
    for (const [id, name] of names) this.ids?.set(name, id)
    const { decode } = this
    if (decode === undefined) return input
    const decoded = <T extends Receipt>(receipt: T): T => {
      if (receipt._tag === 'made' || receipt._tag === 'recalled')
        return { ...receipt, value: decode(this.names.get(receipt.build)!, receipt.value as RecordedValue) }
      return receipt._tag === 'ahead' ? { ...receipt, done: receipt.done.map(decoded) } : receipt
    }
    return { ...input, receipts: input.receipts.map(decoded) }
  }
}

/** The values that come to what they were in `before`. */
const madeSameIn = (state: State, receipts: readonly Receipt[]): ReadonlySet<BuildId> => {
  const { facts } = state
  const found = new Set<BuildId>()
  for (const receipt of apart(receipts)) {
    if (receipt._tag !== 'made') continue
    const { build: x, content } = receipt
    const wasMade = read(facts, x, Fact.REVISION) > 0 && (read(facts, x, Fact.FLAGS) & Flag.BROKEN) === 0
    if (wasMade && isContentOf(state, x, content)) found.add(x)
  }
  return found
}

/** An event that begins a generation, and which. */
export interface Begun {
  readonly event: Event
  readonly generation: number
}

/** `before`, `after`: the generation before the tick of these events, and after it. */
export const begunIn = (events: Input['events'], before: number, after: number): readonly Begun[] => {
  const bumps = bumpsIn(events)
  if (bumps === 0 && before === after) return []
  // What is empty begins to count anew.
  const cleared = events.findLastIndex(({ _tag }) => _tag === 'collect' || _tag === 'swept') + 1
  // One of a session that is over begins none.
  let rechecks = cleared > 0 ? 0 : after - before - bumps
  let generation = before
  const found: Begun[] = []
  events.forEach((event, i) => {
    if (cleared > 0 && i === cleared) generation = after - bumpsIn(events.slice(cleared))
    if (event._tag === 'transacted' || isBegun(event) || (event._tag === 'rechecked' && rechecks-- > 0))
      found.push({ event, generation: ++generation })
  })
  return found
}

const bumpsIn = (events: Input['events']): number => {
  let bumps = 0
  for (const event of events) if (event._tag === 'transacted' || isBegun(event)) bumps++
  return bumps
}

interface AskedOne {
  readonly request: BuildId
  readonly tick: number
  readonly as: Numbered | undefined
}

interface Asked {
  /** By id, rising by tick: an id may be given again. */
  readonly begun: ReadonlyMap<BuildId, readonly AskedOne[]>
  /** Before the first tick. */
  readonly start: State
}

interface Numbered {
  readonly number: number
  readonly isQuestion: boolean
}

/** A request of a person that wants no more than a look: it changes nothing. */
export const isQuestion = (event: Event): boolean =>
  event._tag === 'requested' && event.by === 0 && event.want === 'look'

/** It begins a generation. */
const isBegun = (event: Event): event is Extract<Event, { _tag: 'requested' | 'followed' }> =>
  event._tag === 'followed' || (event._tag === 'requested' && event.by === 0)

/** Takes in who is spoken of for the first time. A request, which has no name, may have the id of what was forgotten. */
export const takeNames = (names: Map<BuildId, string>, { names: told, input }: TickRecord): void => {
  for (const event of input.events)
    if (event._tag === 'requested' || event._tag === 'followed') names.delete(event.request)
  for (const [id, name] of told) {
    // Moved to the end: `find` takes the newest.
    names.delete(id)
    names.set(id, name)
  }
}

/** Nothing is made in a replay. */
const refuse = (): never => {
  throw new Error('a replay makes nothing')
}
export const NO_MAKE: Make = { scan: refuse, run: refuse, start: refuse, perform: refuse }
