/** What one run of a build says, as a recording has it. */
import type { Event, Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'

/** What a build says, so many microseconds after it was told to go on. */
export interface Output {
  readonly delay: number
  readonly term: Term
  /** Of a request of a do-file: which of its targets, unknown by then, were looked at as it came. */
  readonly noted?: readonly BuildId[]
}

/** `exited`: its end had the next do-file begin, which stood by. The `ended` of it may come later. */
export type Term = Receipt | Event | { readonly _tag: 'exited' }

/** One run of a build: what it says each time that it is told to go on. */
export interface RunScript {
  /** The version (of values) or generation (of files) that it was begun in. */
  readonly mark: number
  /** Of a rule: what it asks for, in order; what it comes to is its one output. */
  readonly groups: (readonly BuildId[])[]
  readonly turns: Output[][]
}

/** Nothing more is heard of a run after this. */
export const isLast = ({ _tag }: Term): boolean =>
  _tag === 'done' || _tag === 'failed' || _tag === 'made' || _tag === 'broken' || _tag === 'recalled'

/** An action, or a read, that runs: told to run again, it was given up before. */
export const isBegun = ({ turns }: RunScript): boolean =>
  turns.flat().some(({ term }) => term._tag === 'started') && !turns[0]!.some(({ term }) => term._tag === 'blocked')

/** Had it not been given up, it would have come to what the next one came to, though no sooner than `after`. */
export const endAs = ({ turns }: RunScript, next: RunScript, after: number): void => {
  const last = turns.length - 1
  const rest = next.turns[last]?.slice(turns[last]!.length) ?? []
  turns[last]!.push(...rest.map((output) => ({ ...output, delay: Math.max(output.delay, after) })))
  turns.push(...next.turns.slice(last + 1))
}

/** All it waits for is a slot, or room in its pool. */
export const isFound = ({ turns }: RunScript): boolean =>
  turns[0]!.some(({ term }) => term._tag === 'pooled' || (term._tag === 'blocked' && term.slot))

/** Its value was found in a store. */
export const isRecall = ({ turns }: RunScript): boolean => turns[0]!.some(({ term }) => term._tag === 'recalled')
