/** What differs between what two recordings say of one tick. */
import { type Batch, type Event, LOOK_STRIDE, LookWord, type Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { wordsOfLook } from '../model/look.js'
import type { RecordedSetting } from '../store/recording/format.js'
import type { TickRecord } from '../store/recording/record.js'
import { groupedBy } from './grouped.js'

export type Difference =
  /** A source was set to something else: `transact`. Undefined: it was not set. */
  | {
      readonly part: 'setting'
      readonly name: string
      readonly a: RecordedSetting['to'] | undefined
      readonly b: RecordedSetting['to'] | undefined
    }
  /** The same was set, in another order. */
  | { readonly part: 'settings' }
  /** Something else happened outside. `builds`: what it is about. `fields`: what differs where both are of the same kind. */
  | {
      readonly part: 'event'
      readonly a: Event | undefined
      readonly b: Event | undefined
      readonly fields: readonly string[]
      readonly builds: readonly BuildId[]
    }
  /** It was to be done in another way: in other slots, by another policy. By itself it is no difference. */
  | { readonly part: 'way' }
  /** The policy chose otherwise. Where neither has one of its own, it is the order that differs; `carry`: what the policy carries on. */
  | {
      readonly part: 'batch'
      readonly step: keyof Batch
      readonly onlyA: readonly BuildId[]
      readonly onlyB: readonly BuildId[]
    }
  /** What was made, or found, of `build`. `order`: they say the same of it, after or before another. */
  | {
      readonly part: 'receipt'
      readonly build: BuildId
      readonly a: OneReceipt | undefined
      readonly b: OneReceipt | undefined
      readonly fields: readonly string[]
    }
  /** The same id stands for another name. */
  | { readonly part: 'name'; readonly build: BuildId; readonly a: string | undefined; readonly b: string | undefined }
  /** The same happened, and another state came of it: digests, and which of them this program comes to. */
  | { readonly part: 'reducer'; readonly a: string; readonly b: string; readonly agrees: 'a' | 'b' | 'neither' }

/** A receipt of one build: of a scan, its own look alone. */
export type OneReceipt = { readonly _tag: Exclude<Receipt['_tag'], 'ahead'> | 'later'; readonly build: BuildId } & {
  readonly [name: string]: unknown
}

/** The cause first. Empty: they say the same. */
export const partsOf = (a: TickRecord, b: TickRecord): readonly Difference[] => {
  const batch = batchParts(a.input.batch, b.input.batch)
  const chosen = new Set(batch.flatMap((part) => (part.part === 'batch' ? [...part.onlyA, ...part.onlyB] : [])))
  const found = [
    ...settingParts(a.settings, b.settings),
    ...eventParts(a.input.events, b.input.events),
    ...batch,
    // That there is a receipt of what only one of them chose tells nothing new.
    ...receiptParts(a.input.receipts, b.input.receipts).filter(
      (part) => part.part !== 'receipt' || !chosen.has(part.build),
    ),
  ]
  const names = nameParts(a.names, b.names)
  // Who is spoken of in one of them alone has a name in it alone.
  return [...found, ...names.filter((part) => found.length === 0 || (part.a !== undefined && part.b !== undefined))]
}

/** Only what is another each time: what stat says of a file, what the clock says, what something cost. */
export const isMeasured = (part: Difference): boolean => {
  if (part.part === 'event')
    return part.a?._tag === 'read' && part.fields.length > 0 && part.fields.every((field) => OF_CLOCK.has(field))
  return part.part === 'receipt' && part.fields.length > 0 && part.fields.every((field) => OF_RUN.has(field))
}
const OF_CLOCK: ReadonlySet<string> = new Set(['now', 'spent'])
const OF_RUN: ReadonlySet<string> = new Set(['stat', 'racy', 'cost'])

/** A difference in what is outside, or in what a rule does, whatever comes later. Else it may be one of order alone. */
export const isCertain = (part: Difference): boolean => {
  if (part.part === 'reducer') return true
  // What only one of them sets in this tick, the other may have set before, or may set later.
  if (part.part === 'setting') return part.a !== undefined && part.b !== undefined
  return part.part === 'receipt' && part.fields.length > 0 && part.fields[0] !== 'order' && !isMeasured(part)
}

/** By name: who sets several at once may name them in any order. */
const settingParts = (a: TickRecord['settings'], b: TickRecord['settings']): readonly Difference[] => {
  if (same(a, b)) return []
  const [mine, others] = [settingsByName(a), settingsByName(b)]
  const found = Array.from(new Set([...mine.keys(), ...others.keys()])).flatMap((name): readonly Difference[] => {
    const [one, other] = [mine.get(name) ?? [], others.get(name) ?? []]
    const i = firstDifference(one, other)
    return i === undefined ? [] : [{ part: 'setting', name, a: one[i]?.to, b: other[i]?.to }]
  })
  return found.length > 0 ? found : [{ part: 'settings' }]
}

const settingsByName = (settings: TickRecord['settings']): ReadonlyMap<string, TickRecord['settings']> =>
  groupedBy(settings, ({ name }) => name)

/** The first that differs: what comes after it may only be shifted. */
const eventParts = (a: readonly Event[], b: readonly Event[]): readonly Difference[] => {
  if (same(a, b)) return []
  const [mine, others] = [a, b].map((events) => events.filter(({ _tag }) => _tag !== 'tracked')) as [Event[], Event[]]
  const [wanted, otherWanted] = [mine, others].map((events) => events.map(withoutWay)) as [Event[], Event[]]
  const i = firstDifference(wanted, otherWanted)
  if (i === undefined) return [{ part: 'way' }]
  const [one, other] = [wanted[i], otherWanted[i]]
  const fields = one !== undefined && other !== undefined && one._tag === other._tag ? fieldsOf(one, other) : []
  const builds = Array.from(new Set([one, other].flatMap((event) => (event === undefined ? [] : buildsOf(event)))))
  return [{ part: 'event', a: mine[i], b: others[i], fields, builds }]
}

/** Without what the number of slots, the policy, or a look beforehand make of it. */
const withoutWay = (event: Event): Event => {
  if (event._tag === 'followed') {
    const { terms: _, ...rest } = event
    return rest
  }
  if (event._tag !== 'requested') return event
  const { terms: _, ...rest } = event
  return { ...rest, jobs: 0, trust: false }
}

/** The builds that it is about. */
export const buildsOf = (event: Event): readonly BuildId[] => {
  switch (event._tag) {
    case 'requested':
      return event.by === 0 ? event.targets : [event.by, ...event.targets]
    case 'changed':
    case 'taken':
    case 'transacted':
    case 'wiped':
      return event.builds
    case 'looked':
      return event.changed
    case 'ended':
    case 'always':
    case 'stamped':
    case 'adopted':
      return [event.build]
    case 'followed':
      return [event.target]
    case 'cancelled':
    case 'rechecked':
    case 'collect':
    case 'swept':
    case 'pruned':
    case 'read':
    case 'tracked':
      return []
  }
}

const batchParts = (a: Batch, b: Batch): readonly Difference[] => [
  ...(['scan', 'run', 'start', 'answer'] as const).flatMap((step): readonly Difference[] => {
    if (same(a[step], b[step])) return []
    const [mine, others] = [new Set(a[step]), new Set(b[step])]
    const onlyA = a[step].filter((x) => !others.has(x))
    const onlyB = b[step].filter((x) => !mine.has(x))
    return [{ part: 'batch', step, onlyA, onlyB }]
  }),
  ...(same(a.carry, b.carry) ? [] : [{ part: 'batch', step: 'carry', onlyA: [], onlyB: [] } as const]),
]

const receiptParts = (a: readonly Receipt[], b: readonly Receipt[]): readonly Difference[] => {
  const [mine, others] = [a.flatMap(each), b.flatMap(each)]
  const [ofA, ofB] = [byBuild(mine), byBuild(others)]
  const found: Difference[] = []
  for (const build of new Set([...ofA.keys(), ...ofB.keys()])) {
    const [one, other] = [ofA.get(build) ?? [], ofB.get(build) ?? []]
    const i = firstDifference(one, other)
    if (i === undefined) continue
    const [left, right] = [one[i], other[i]]
    const fields = left !== undefined && right?._tag === left._tag ? fieldsOf(left, right) : []
    found.push({ part: 'receipt', build, a: left, b: right, fields })
  }
  // What only one of them did may be for what another one asked.
  if (found.length > 0) return [...found.filter(isOfBoth), ...found.filter((part) => !isOfBoth(part))]
  const i = firstDifference(mine, others)
  // One receipt for a whole scan, or several for its parts, is no difference to anybody but the bytes.
  if (i === undefined) return same(a.map(tagOf), b.map(tagOf)) ? [] : [orderOf(mine[0], others[0])]
  return [orderOf(mine[i], others[i])]
}

const isOfBoth = (part: Difference): boolean => part.part === 'receipt' && part.a !== undefined && part.b !== undefined

const tagOf = ({ _tag }: Receipt): string => _tag

const orderOf = (a: OneReceipt | undefined, b: OneReceipt | undefined): Difference => ({
  part: 'receipt',
  build: (a ?? b)!.build,
  a,
  b,
  fields: ['order'],
})

const each = (receipt: Receipt): readonly OneReceipt[] => {
  if (receipt._tag === 'ahead') {
    const { done, open, later } = receipt
    // Each of the batch that was not begun has a receipt of that.
    return [...[...done, ...open].flatMap(each), ...later.map((build): OneReceipt => ({ _tag: 'later', build }))]
  }
  if (receipt._tag === 'done') {
    const { look, ...rest } = receipt
    return [{ ...rest, ...fieldsOfLook(wordsOfLook(look)) }]
  }
  if (receipt._tag === 'broken') {
    // Made of the error, which may have ids in it.
    const { content: _, ...rest } = receipt
    return [rest as unknown as OneReceipt]
  }
  if (receipt._tag !== 'scanned') return [receipt as unknown as OneReceipt]
  return receipt.builds.map((build, i) => {
    const words = receipt.looks.subarray(i * LOOK_STRIDE, (i + 1) * LOOK_STRIDE)
    return { _tag: 'scanned', build, ...fieldsOfLook(words) }
  })
}

const fieldsOfLook = (look: Int32Array) => {
  const words = Array.from(look)
  return {
    kind: words[LookWord.KIND],
    racy: words[LookWord.RACY] !== 0,
    stat: words.slice(LookWord.STAT, LookWord.CONTENT),
    content: words.slice(LookWord.CONTENT),
  }
}

const byBuild = (receipts: readonly OneReceipt[]): ReadonlyMap<BuildId, readonly OneReceipt[]> =>
  groupedBy(receipts, ({ build }) => build)

const nameParts = (
  a: TickRecord['names'],
  b: TickRecord['names'],
): readonly Extract<Difference, { part: 'name' }>[] => {
  const [mine, others] = [new Map(a), new Map(b)]
  return Array.from(new Set([...mine.keys(), ...others.keys()])).flatMap(
    (build): readonly Extract<Difference, { part: 'name' }>[] => {
      const [one, other] = [mine.get(build), others.get(build)]
      return one === other ? [] : [{ part: 'name', build, a: one, b: other }]
    },
  )
}

/** Names of fields that differ between two records of the same kind. */
const fieldsOf = (a: object, b: object): readonly string[] =>
  Array.from(new Set([...Object.keys(a), ...Object.keys(b)])).filter(
    (name) => !same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
  )

const firstDifference = (a: readonly unknown[], b: readonly unknown[]): number | undefined => {
  for (let i = 0; i < Math.max(a.length, b.length); i++)
    if (i >= a.length || i >= b.length || !same(a[i], b[i])) return i
  return undefined
}

const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
