/** What was done from a tick on, by name: whether two recordings did the same, be it in another order; else who came out otherwise first. */
import type { RecordingReader } from '../store/recording/reader.js'
import { type Deed, Deeds, Kind } from './deeds.js'
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
  /** Only one has it, and the other one does as much elsewhere, less often. */
  readonly again?: true
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
    if (all.isRequest(doer)) {
      // There may be several for the same, each with its answer: in which order they come is nothing that came out.
      const [beyond, otherBeyond] = [firstBeyond(a, row, b, inOther), firstBeyond(b, inOther, a, row)]
      row = beyond
      inOther = otherBeyond
    }
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
  const isAgain = row === a.end ? hasLike(a, b, inOther) : inOther === b.end && hasLike(b, a, row)
  return {
    names: all.namesOf(row < a.end ? a.doer(row) : b.doer(inOther)),
    ...(isAgain ? { again: true } : {}),
    ...(row < a.end ? { a: a.deed(row), tickInA: a.tick(row) } : {}),
    ...(inOther < b.end ? { b: b.deed(inOther), tickInB: b.tick(inOther) } : {}),
  }
}

/** From `row` on, the first that says what the other one says less often. */
const firstBeyond = (of: Deeds, row: number, other: Deeds, inOther: number): number => {
  const left = new Map<number, number>()
  const count = (saying: number, by: number): number => {
    const found = (left.get(saying) ?? 0) + by
    left.set(saying, found)
    return found
  }
  for (let at = inOther; at < other.end; at = other.nextBy(at)) count(other.saying(at), 1)
  for (let at = row; at < of.end; at = of.nextBy(at)) if (count(of.saying(at), -1) < 0) return at
  return of.end
}

/** Whether who did what is in row `inOther` of `other` did as much in `of`: made it, or asked for it, say; or said the same. */
const hasLike = (of: Deeds, other: Deeds, inOther: number): boolean => {
  const kind = other.kind(inOther)
  const isAsked = other.deed(inOther).what === 'asked'
  for (let row = of.firstBy(other.doer(inOther)); row < of.end; row = of.nextBy(row)) {
    if (of.kind(row) !== kind) continue
    if (kind !== Kind.OTHER || of.saysAs(row, other, inOther) || (isAsked && of.deed(row).what === 'asked')) return true
  }
  return false
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
