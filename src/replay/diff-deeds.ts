/** What was done from a tick on, by name: whether two recordings did the same, be it in another order; else who came out otherwise first. */
import { canonical, type Json } from '../model/codec.js'
import { dependenciesOf } from '../model/dependencies.js'
import type { BuildError } from '../model/error.js'
import { apart, LOOK_STRIDE, LookWord } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { RecordedSetting } from '../store/recording/format.js'
import type { RecordedTick, RecordingReader } from '../store/recording/reader.js'
import type { RecordedValue } from '../store/recording/value.js'
import { groupedBy } from './grouped.js'
import { shownName } from './view.js'
import { Refused, Walker } from './walker.js'

/** Something that was done, found or told, but for when. Names are byte strings. */
export type Deed =
  | { readonly what: 'set'; readonly to: RecordedSetting['to'] }
  | { readonly what: 'asked'; readonly terms: string }
  | { readonly what: 'answered'; readonly ok: boolean }
  | { readonly what: 'found'; readonly kind: number; readonly content: readonly number[] }
  | {
      readonly what: 'made'
      readonly needs: readonly string[]
      readonly content: readonly number[]
      /** Of a rule. */
      readonly value?: RecordedValue
    }
  | { readonly what: 'broken'; readonly needs: readonly string[]; readonly error?: BuildError; readonly cause?: string }
  /** An event: what it is called, and what it says besides. */
  | { readonly what: 'told'; readonly event: string; readonly says: Json }

/** The first deed of `name` that is another; left out where there is none by the end. */
export interface Otherwise {
  /** Of a build, or several for a request that asked for them. */
  readonly names: readonly string[]
  readonly a?: Deed
  readonly b?: Deed
  readonly tickInA?: number
  readonly tickInB?: number
}

/** From tick `from` on. Undefined: it cannot be told, since this program does not take what was recorded. */
export const deedsApart = (
  a: RecordingReader,
  b: RecordingReader,
  from: number,
):
  | { readonly otherwise: Otherwise }
  /** The same was done: `a` comes before `b` in the first, and after it in the other; without: only times differ. */
  | { readonly otherwise?: undefined; readonly first?: First }
  | undefined => {
  try {
    const [mine, others] = [deedsIn(a, from), deedsIn(b, from)]
    const otherwise = otherwiseIn(mine, others)
    return otherwise === undefined ? orderOf(mine, others) : { otherwise }
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

/** Byte strings. */
export interface First {
  readonly a: string
  readonly b: string
}

interface Done {
  readonly names: readonly string[]
  /** Whose it is: what is said of one name comes one after the other. */
  readonly key: string
  readonly tick: number
  readonly at: number
  readonly deed: Deed
  readonly text: string
}

const deedsIn = (reader: RecordingReader, from: number): readonly Done[] => {
  const walker = new Walker(reader)
  walker.seek(from - 1)
  const all = new Deeds(walker)
  for (let tick = walker.step(); tick !== undefined; tick = walker.step()) all.take(tick)
  return all.found
}

class Deeds {
  private readonly done: Done[] = []
  private readonly requests = new Map<BuildId, readonly string[]>()
  private readonly made = new Set<string>()
  private readonly lastFound = new Map<string, string>()
  private tick = 0

  constructor(private readonly walker: Walker) {}

  /** Of what was made, what a look at it found hangs on when that was. */
  get found(): readonly Done[] {
    return this.done.filter(({ deed, names }) => deed.what !== 'found' || !this.made.has(names[0]!))
  }

  take({ tick, settings, input: { receipts, events } }: RecordedTick): void {
    this.tick = tick
    for (const { name, to } of settings) this.add(name, { what: 'set', to })
    for (const receipt of apart(receipts)) this.takeReceipt(receipt)
    for (const event of events) this.takeEvent(event)
    for (const news of this.walker.news)
      if (news._tag === 'responded' && news.by === 0)
        this.push(this.requests.get(news.request) ?? [`#${news.request}`], 'request', { what: 'answered', ok: news.ok })
  }

  private takeReceipt(receipt: ReturnType<typeof apart>[number]): void {
    switch (receipt._tag) {
      case 'scanned':
        receipt.builds.forEach((x, i) => {
          const words = Array.from(receipt.looks.subarray(i * LOOK_STRIDE, (i + 1) * LOOK_STRIDE))
          const deed: Deed = { what: 'found', kind: words[LookWord.KIND]!, content: words.slice(LookWord.CONTENT) }
          const [name, text] = [this.name(x), JSON.stringify(deed)]
          if (this.lastFound.get(name) !== text) this.add(name, deed)
          this.lastFound.set(name, text)
        })
        break
      case 'done': {
        const { kind, content0, content1, content2, content3 } = receipt.look
        const content = [kind, content0, content1, content2, content3]
        this.addMade(receipt.build, { what: 'made', needs: this.needs(receipt.build), content })
        break
      }
      case 'made': {
        const { build, content, value } = receipt
        this.addMade(build, { what: 'made', needs: this.needs(build), content, value: value as RecordedValue })
        break
      }
      case 'failed':
        this.addMade(receipt.build, { what: 'broken', needs: this.needs(receipt.build), error: receipt.error })
        break
      case 'broken': {
        const { build, error, cause } = receipt
        const why = {
          ...(error === undefined ? {} : { error }),
          ...(cause === undefined ? {} : { cause: this.name(cause) }),
        }
        this.addMade(build, { what: 'broken', needs: this.needs(build), ...why })
      }
    }
  }

  private takeEvent(event: RecordedTick['input']['events'][number]): void {
    const told = (x: BuildId, says: Json): void => this.add(this.name(x), { what: 'told', event: event._tag, says })
    switch (event._tag) {
      case 'requested': {
        if (event.by !== 0) break
        const { want, keepGoing, jobs, trust, terms, targets } = event
        this.ask(event.request, targets, [want, keepGoing, jobs, trust, terms ?? null])
        break
      }
      case 'followed':
        this.ask(event.request, [event.target], ['live', event.terms ?? null])
        break
      case 'cancelled': {
        const names = this.requests.get(event.request)
        if (names !== undefined) this.push(names, 'request', { what: 'told', event: 'cancelled', says: null })
        break
      }
      case 'transacted':
      case 'taken':
      case 'wiped':
        for (const x of event.builds) told(x, null)
        break
      case 'adopted':
      case 'always':
        told(event.build, null)
        break
      case 'stamped':
        told(event.build, [...event.stamp])
        break
      case 'collect':
        this.push([], 'outside', { what: 'told', event: event._tag, says: event.keep })
        break
      case 'rechecked':
      case 'tracked':
        this.push([], 'outside', { what: 'told', event: event._tag, says: null })
    }
  }

  private ask(request: BuildId, targets: readonly BuildId[], terms: readonly unknown[]): void {
    const names = targets.map(this.name)
    this.requests.set(request, names)
    this.push(names, 'request', { what: 'asked', terms: JSON.stringify(terms) })
  }

  private readonly name = (x: BuildId): string => shownName(this.walker.nameOf, x)

  private needs(x: BuildId): readonly string[] {
    return dependenciesOf(this.walker.state, x).map(({ build }) => this.name(build))
  }

  private addMade(x: BuildId, deed: Deed): void {
    this.made.add(this.name(x))
    this.add(this.name(x), deed)
  }

  private add(name: string, deed: Deed): void {
    this.push([name], '', deed)
  }

  private push(names: readonly string[], of: string, deed: Deed): void {
    const key = JSON.stringify([of, ...names])
    this.done.push({ names, key, tick: this.tick, at: this.done.length, deed, text: textOf(deed) })
  }
}

/** Without ids, and where it threw. */
const textOf = (deed: Deed): string => {
  if (deed.what === 'set') return canonical(deed.to)
  if (deed.what !== 'broken' || deed.error === undefined) return JSON.stringify(deed)
  const { path, tried, trace, ...error } = deed.error as Readonly<Record<string, unknown>>
  return JSON.stringify({ ...deed, error })
}

/** The earliest in its own recording: nothing comes before what it hangs on. */
const otherwiseIn = (a: readonly Done[], b: readonly Done[]): Otherwise | undefined => {
  const [ofA, ofB] = [byKey(a), byKey(b)]
  let found:
    | { readonly late: boolean; readonly tick: number; readonly at: number; readonly other: Otherwise }
    | undefined
  for (const key of new Set([...ofA.keys(), ...ofB.keys()])) {
    const [mine, others] = [ofA.get(key) ?? [], ofB.get(key) ?? []]
    let i = 0
    while (i < mine.length && i < others.length && mine[i]!.text === others[i]!.text) i++
    const [one, other] = [mine[i], others[i]]
    if (one === undefined && other === undefined) continue
    const first = one === undefined || (other !== undefined && other.tick < one.tick) ? other! : one
    // What only one of them ever made it made since somebody asked for it there: that comes first.
    const late = (mine.length === 0 || others.length === 0) && ['found', 'made', 'broken'].includes(first.deed.what)
    if (
      found !== undefined &&
      (Number(late) - Number(found.late) || first.tick - found.tick || first.at - found.at) >= 0
    )
      continue
    found = {
      late,
      tick: first.tick,
      at: first.at,
      other: {
        names: first.names,
        ...(one === undefined ? {} : { a: one.deed, tickInA: one.tick }),
        ...(other === undefined ? {} : { b: other.deed, tickInB: other.tick }),
      },
    }
  }
  return found?.other
}

const byKey = (deeds: readonly Done[]): ReadonlyMap<string, readonly Done[]> => groupedBy(deeds, ({ key }) => key)

/** They did the same. */
const orderOf = (a: readonly Done[], b: readonly Done[]): { readonly first?: First } => {
  const i = a.findIndex((deed, k) => deed.key !== b[k]?.key && deed.names[0] !== b[k]?.names[0])
  const [one, other] = [a[i]?.names[0], b[i]?.names[0]]
  return one === undefined || other === undefined ? {} : { first: { a: one, b: other } }
}
