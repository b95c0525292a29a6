/**
 * What make says of most builds, made so that V8 does not learn from it. Of the objects of a literal it learns how long they live, and all
 * that a tick makes lives through it: the first ticks would teach it that receipts last, and from then on they would go where garbage is
 * collected last. It learns nothing of constructors, and of copies of lists.
 */
import type { Content, Groups } from '../model/event.js'
import type { BuildId } from '../model/ids.js'

export class Made {
  readonly _tag = 'made'

  constructor(
    readonly build: BuildId,
    readonly groups: Groups,
    readonly value: unknown,
    readonly content: Content,
  ) {}
}

export class Needing {
  readonly _tag = 'needs'

  constructor(
    readonly build: BuildId,
    readonly groups: Groups,
  ) {}
}

export class Holding {
  readonly _tag = 'holds'

  constructor(readonly build: BuildId) {}
}

/** An empty list for objects. What V8 compiled for such it gives up where one comes that might be of small integers yet, as `[]` is at first. */
export const listOfObjects = <A>(): A[] => EMPTY.slice() as A[]
const EMPTY: unknown[] = [undefined]
EMPTY.pop()

const ONE: BuildId[][] = Array.from({ length: 1 }, () => [])

/** One group, if there is anything in it. */
export const groupOf = (ids: readonly BuildId[]): Groups => {
  if (ids.length === 0) return NONE
  const groups: (readonly BuildId[])[] = ONE.slice()
  groups[0] = ids
  return groups
}

export const NONE: Groups = []

const FOUR = Array.from({ length: 4 }, () => 0)

export const contentFrom = (a: number, b: number, c: number, d: number): Content => {
  const words = FOUR.slice()
  words[0] = a
  words[1] = b
  words[2] = c
  words[3] = d
  return words as unknown as Content
}
