/** What was done from a tick on, by name: whether two recordings did the same, be it in another order; else who came out otherwise first. */
import type { RecordingReader } from '../store/recording/reader.js'
import { type Deed, Deeds } from './deeds.js'
import { Doers } from './doers.js'
import { Refused } from './walker.js'

/** The first deed of `name` that is another; left out where there is none by the end. */
export interface Otherwise {
  /** Of a build, or several for a request that asked for them. Byte strings. */
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
    const all = new Doers()
    const [mine, others] = [new Deeds(a, from, all), new Deeds(b, from, all)]
    const otherwise = otherwiseIn(mine, others, all)
    return otherwise === undefined ? orderOf(mine, others, all) : { otherwise }
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

interface Parting {
  /** What only one of them ever made it made since somebody asked for it there: that comes first. */
  readonly late: boolean
  readonly tick: number
  readonly at: number
  readonly row: number
  readonly inOther: number
}

const isBefore = (a: Parting, b: Parting | undefined): boolean =>
  b === undefined || (Number(a.late) - Number(b.late) || a.tick - b.tick || a.at - b.at) < 0

/** The earliest in its own recording: nothing comes before what it hangs on. */
const otherwiseIn = (a: Deeds, b: Deeds, all: Doers): Otherwise | undefined => {
  let found: Parting | undefined
  for (let doer = 0; doer < all.size; doer++) {
    let row = a.firstBy(doer)
    let inOther = b.firstBy(doer)
    const isInOneAlone = row === a.end || inOther === b.end
    while (row < a.end && inOther < b.end && a.saysAs(row, b, inOther)) {
      row = a.nextBy(row)
      inOther = b.nextBy(inOther)
    }
    if (row === a.end && inOther === b.end) continue
    const isOfOther = row === a.end || (inOther < b.end && b.tick(inOther) < a.tick(row))
    const [of, at] = isOfOther ? [b, inOther] : [a, row]
    const late = isInOneAlone && of.isOwn(at)
    const parting = { late, tick: of.tick(at), at, row, inOther }
    if (isBefore(parting, found)) found = parting
  }
  if (found === undefined) return undefined
  const { row, inOther } = found
  return {
    names: all.namesOf(row < a.end ? a.doer(row) : b.doer(inOther)),
    ...(row < a.end ? { a: a.deed(row), tickInA: a.tick(row) } : {}),
    ...(inOther < b.end ? { b: b.deed(inOther), tickInB: b.tick(inOther) } : {}),
  }
}

/** They did the same. */
const orderOf = (a: Deeds, b: Deeds, all: Doers): { readonly first?: First } => {
  let inOther = b.first
  for (let row = a.first; row < a.end; row = a.after(row), inOther = b.after(inOther)) {
    if (inOther >= b.end) break
    const [one, other] = [a.doer(row), b.doer(inOther)]
    if (one === other) continue
    const [mine, others] = [all.namesOf(one)[0], all.namesOf(other)[0]]
    if (mine === others) continue
    return mine === undefined || others === undefined ? {} : { first: { a: mine, b: others } }
  }
  return {}
}
