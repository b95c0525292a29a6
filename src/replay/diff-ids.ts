/** Ids are given to names as they come up, in each recording by itself: what one of them says, told in the ids of the other. */
import { type BuildError, type Failure, smallestFirst } from '../model/error.js'
import type { Event, Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import type { TickRecord } from '../store/recording/record.js'
import { takeNames } from './walker.js'

type To = (build: BuildId) => BuildId

/** Who ids stand for in one recording, tick by tick. Requests are known by what they ask, and for whom. */
export class Called {
  private readonly names: Map<BuildId, string>
  private readonly ids: Map<string, BuildId>
  private readonly requests = new Map<BuildId, string>()
  private readonly asked = new Map<string, number>()

  constructor(names: ReadonlyMap<BuildId, string>) {
    this.names = new Map(names)
    this.ids = new Map(Array.from(names, ([id, name]) => [name, id]))
  }

  /** The name of a build; a request has none. */
  nameOf(build: BuildId): string | undefined {
    return this.names.get(build)
  }

  /** The same, and of a request what tells it from others. */
  keyOf(build: BuildId): string | undefined {
    return this.names.get(build) ?? this.requests.get(build)
  }

  find(key: string): BuildId | undefined {
    const id = this.ids.get(key)
    return id !== undefined && this.keyOf(id) === key ? id : undefined
  }

  take(record: TickRecord): void {
    takeNames(this.names, record)
    for (const [id, name] of record.names) {
      this.ids.set(name, id)
      this.requests.delete(id)
    }
    for (const event of record.input.events) {
      if (event._tag !== 'requested' && event._tag !== 'followed') continue
      const [by, want, targets] =
        event._tag === 'followed' ? [0 as BuildId, 'live', [event.target]] : [event.by, event.want, event.targets]
      const words = `\n${JSON.stringify([this.nameOf(by), want, targets.map((x) => this.nameOf(x) ?? x)])}`
      const count = this.asked.get(words) ?? 0
      this.asked.set(words, count + 1)
      const key = `${words}${count}`
      this.requests.set(event.request, key)
      this.ids.set(key, event.request)
    }
  }
}

/** Ids of `b` that stand for nothing in `a`, though their numbers do, are those from here on. */
const FOREIGN = 2 ** 30

/** From the ids of `b` to those of `a`. */
export const idsFrom =
  (b: Called, a: Called): To =>
  (build) => {
    const key = build === 0 ? undefined : b.keyOf(build)
    if (key === undefined) return build
    return a.find(key) ?? (a.keyOf(build) === undefined ? build : buildId(FOREIGN + build))
  }

/** Whether what one tick, which both have taken, tells of names leaves each id stand for the same in both. */
export const isSameIn = (told: TickRecord, of: Called, other: Called): boolean =>
  told.names.every(([id, name]) =>
    other.keyOf(id) === undefined ? other.find(name) === undefined : other.nameOf(id) === name && of.find(name) === id,
  )

/** The id in `b` of what `build` stands for: the other way round. */
export const idBack = (build: BuildId): BuildId => (build >= FOREIGN ? buildId(build - FOREIGN) : build)

/** With other ids. */
export const translated = <T extends TickRecord>(record: T, to: To): T => {
  const { batch, receipts, events } = record.input
  const steps = { scan: batch.scan.map(to), run: batch.run.map(to), start: batch.start.map(to) }
  return {
    ...record,
    names: record.names.map(([id, name]) => [to(id), name] as const),
    input: {
      batch: { ...batch, ...steps, answer: batch.answer.map(to) },
      receipts: receipts.map((receipt) => saidIn(receipt, to)),
      events: events.map((event) => saidIn(event, to)),
    },
  }
}

const ONE = new Set(['build', 'request', 'by', 'session', 'target', 'cause'])
const MANY = new Set(['builds', 'targets', 'needs', 'create', 'changed', 'later'])

/** What an event or a receipt says, with other ids. */
export const saidIn = <T extends Event | Receipt>(said: T, to: To): T =>
  Object.fromEntries(
    Object.entries(said).map(([field, value]): [string, unknown] => {
      if (ONE.has(field) && value !== undefined) return [field, to(value as BuildId)]
      if (MANY.has(field)) return [field, (value as readonly BuildId[]).map(to)]
      if (field === 'groups') return [field, (value as readonly (readonly BuildId[])[]).map((group) => group.map(to))]
      if (field === 'done' || field === 'open')
        return [field, (value as readonly Receipt[]).map((one) => saidIn(one, to))]
      return [field, field === 'error' && value !== undefined ? errorIn(value as BuildError, to) : value]
    }),
  ) as unknown as T

/** The same with other ids. */
export const errorIn = (error: BuildError, to: To): BuildError => {
  if (error._tag === 'cycle') return { ...error, path: smallestFirst(error.path.map(to), (x) => x) }
  if (error._tag !== 'noneOf') return error
  return {
    ...error,
    tried: error.tried.map((one): Failure => ({ path: one.path.map(to), error: errorIn(one.error, to) })),
  }
}
