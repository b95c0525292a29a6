/** What goes into the reducer: events from the border, receipts from make; and what comes out for make: batches, effects. */
import type { BuildError } from './error.js'
import type { BuildId, Generation } from './ids.js'
import type { Terms } from './plan.js'

/** One top-level request: what all that is done on its behalf shares. */
export interface Session extends Terms {
  readonly generation: Generation
  /** How many do-files may run at once for it. */
  readonly jobs: number
  /** The watcher is trusted: only what it spoke of is looked at. */
  readonly trust: boolean
}

/** How a request wants its targets. */
export type Want =
  /** Brought up to date (redo-ifchange). */
  | 'ifchange'
  /** Run in any case (redo). */
  | 'force'
  /** Run in any case, even over a file changed by hand (redo --overwrite). */
  | 'overwrite'
  /** Looked at only: the dependent is out-of-date once one exists (redo-ifcreate). */
  | 'create'
  /** Looked at with all it depends on; the answer says which of them are out-of-date (redo-ood). */
  | 'look'
  /** As `ifchange`, for a result that is a value: the answer holds it. */
  | 'value'

/** Facts from outside, told to the reducer in the order in which they came. */
export type Event =
  | {
      readonly _tag: 'requested'
      /** A fresh id, never used for a name. */
      readonly request: BuildId
      /** The build whose do-file asks, or 0 for a top-level request, which begins a session and a generation. */
      readonly by: BuildId
      /** The session; for a top-level request its own id. */
      readonly session: BuildId
      readonly targets: readonly BuildId[]
      readonly want: Want
      readonly keepGoing: boolean
      /** Top-level only: see {@link Session}. */
      readonly jobs: number
      readonly trust: boolean
      readonly terms?: Terms
    }
  /** Whoever made the request is gone. */
  | { readonly _tag: 'cancelled'; readonly request: BuildId }
  /** These may not be what they were. */
  | { readonly _tag: 'changed'; readonly builds: readonly BuildId[] }
  /** All that is known was looked at in one go, and but for these it is what it was recorded to be. */
  | { readonly _tag: 'looked'; readonly changed: readonly BuildId[] }
  /**
   * The do-file of `build` ended, and not by failing: its slot is free. A later receipt tells what came of it. (Of one that failed only the
   * receipt tells: nothing more may be started then.)
   */
  | { readonly _tag: 'ended'; readonly build: BuildId }
  /** The running do-file of `build` said redo-always. */
  | { readonly _tag: 'always'; readonly build: BuildId }
  /** The running do-file of `build` said redo-stamp; four words of digest. */
  | { readonly _tag: 'stamped'; readonly build: BuildId; readonly stamp: readonly number[] }
  /** redo-recheck: what the session asks from now on is looked at again. */
  | { readonly _tag: 'rechecked'; readonly session: BuildId }
  /** redo --take: the file, changed by hand, is a source from now on. */
  | { readonly _tag: 'taken'; readonly builds: readonly BuildId[] }
  /** Found on start: this program put the file in place, and was ended before it could record that. It is built again. */
  | { readonly _tag: 'adopted'; readonly build: BuildId; readonly look: Look }
  /** Forget what no target needs. */
  | { readonly _tag: 'collect'; readonly keep: 'targets' | 'nothing' }
  /** A live request: tell of the result of `target`, a value, now and whenever it is another one. */
  | { readonly _tag: 'followed'; readonly request: BuildId; readonly target: BuildId; readonly terms?: Terms }
  /** These may have other results from `version` on; each is made again if it is wanted. All at once: nobody sees a mixture. */
  | { readonly _tag: 'transacted'; readonly version: number; readonly builds: readonly BuildId[] }
  /** The values of these are given up; what is known of them stays. */
  | { readonly _tag: 'wiped'; readonly builds: readonly BuildId[] }
  /** Forget every value that no request holds, nor any of the last `keep` that were asked for once. */
  | { readonly _tag: 'swept'; readonly keep: number }
  /** The same of the rows from `from` up to `to`, a step at a time: see `prune.ts`. */
  | {
      readonly _tag: 'pruned'
      readonly step: 'giveUp' | 'unname' | 'forget'
      readonly keep: number
      readonly from: number
      readonly to: number
    }
  /** What a clock says, in ms, and what the last tick cost, in µs: read for policies that ask for it. */
  | { readonly _tag: 'read'; readonly now: number; readonly spent: number }
  /** The policy is another one, for which `tracks` is to be kept up. */
  | { readonly _tag: 'tracked'; readonly tracks: number }

/** What a look at a file found. `kind` 0: absent. Words as in `Fact.STAT`, `Fact.CONTENT`. */
export interface Look {
  readonly kind: number
  readonly racy: boolean
  readonly stat0: number
  readonly stat1: number
  readonly content0: number
  readonly content1: number
  readonly content2: number
  readonly content3: number
}

/** Words of one row of a `scanned` receipt's `looks`. */
export const LookWord = { KIND: 0, RACY: 1, STAT: 2, CONTENT: 4 } as const
export const LOOK_STRIDE = 8

/** What make says of builds: of the batch's own, or, for long work, of those started in an earlier one. */
export type Receipt =
  /** One for the whole scan: `looks` holds `LOOK_STRIDE` words for each of `builds`. */
  | { readonly _tag: 'scanned'; readonly builds: readonly BuildId[]; readonly looks: Int32Array }
  /** The run got as far as needing one group of dependencies. `slot`: it takes a slot to go on. */
  | {
      readonly _tag: 'blocked'
      readonly build: BuildId
      readonly needs: readonly BuildId[]
      readonly create: readonly BuildId[]
      readonly slot: boolean
    }
  /** The do-file, read or action runs; its end comes as a receipt of a later tick. */
  | { readonly _tag: 'started'; readonly build: BuildId }
  /** The run ended well. `look` is that of the result; `virtual`: it made no file. */
  | {
      readonly _tag: 'done'
      readonly build: BuildId
      readonly look: Look
      readonly virtual: boolean
      /** What the run cost, in µs, where that was measured. */
      readonly cost?: number
    }
  | {
      readonly _tag: 'failed'
      readonly build: BuildId
      readonly error: BuildError
      /** The target's file is there, or may be: it could not be looked at. */
      readonly exists: boolean
      /** What was looked for in vain. */
      readonly create: readonly BuildId[]
      /** The file as the failed run left it, where it is the run's work all the same. */
      readonly claimed?: Look
    }
  // Of a value. `groups`: what it asked for since its last receipt, unless it said so of it in an earlier one.
  /** The run needs more: all groups but the last are at hand. */
  | { readonly _tag: 'needs'; readonly build: BuildId; readonly groups: Groups }
  /** value: all that it depends on is what it was, and so is it. */
  | { readonly _tag: 'holds'; readonly build: BuildId }
  /** value: that it holds can only be told once what it depends on is at rest. */
  | { readonly _tag: 'unjudged'; readonly build: BuildId }
  | Ahead
  /** The run takes room in a pool: the number of it in `State.pools`. */
  | { readonly _tag: 'pooled'; readonly build: BuildId; readonly pool: number }
  /** `content`: four words that tell results apart. */
  | {
      readonly _tag: 'made'
      readonly build: BuildId
      readonly groups: Groups
      readonly value: unknown
      readonly content: Content
      readonly cost?: number
    }
  /** The value, which was given up, was found where it was kept. */
  | { readonly _tag: 'recalled'; readonly build: BuildId; readonly value: unknown }
  /** `cause`: the dependency that broke it; then `error` is left out, since it is that one's, and `content` says which it is: see `contentOfCause`. */
  | {
      readonly _tag: 'broken'
      readonly build: BuildId
      readonly groups: Groups
      readonly error?: BuildError
      readonly cause?: BuildId
      readonly content: Content
    }

/**
 * What make did of its own accord (`State.ahead`): values of the batch, and before them others that they need, which may be at rest.
 * `build` is the first of the batch.
 */
export interface Ahead {
  readonly _tag: 'ahead'
  readonly build: BuildId
  /** What was made or found to hold, each after all that it depends on. */
  readonly done: readonly Alone[]
  /** What has to wait, each after one that needs it. */
  readonly open: readonly Alone[]
  /** Of the batch, and not begun. */
  readonly later: readonly BuildId[]
}

/** What is said of one build. */
export type Alone = Exclude<Receipt, { readonly _tag: 'scanned' | 'ahead' }>

/** What is said of each build by itself, those of an `ahead` first, in the order in which it tells of them. */
export const apart = (receipts: readonly Receipt[]): readonly Exclude<Receipt, Ahead>[] => {
  const found: Exclude<Receipt, Ahead>[] = []
  for (const receipt of receipts) if (receipt._tag === 'ahead') found.push(...receipt.done, ...receipt.open)
  for (const receipt of receipts) if (receipt._tag !== 'ahead') found.push(receipt)
  return found
}

/** Dependencies in the order in which they were asked for: those of one group at once, groups one after the other. */
export type Groups = readonly (readonly BuildId[])[]
/** Four 32-bit words: the content itself where it fits, else a digest. */
export type Content = readonly [number, number, number, number]

/** What one tick does: chosen by the policy, done by make. */
export interface Batch {
  readonly scan: readonly BuildId[]
  /** First part of a run: find out what is needed. */
  readonly run: readonly BuildId[]
  /** Second part, once that is up-to-date; each takes a slot. */
  readonly start: readonly BuildId[]
  /** Requests of do-files to be answered; each gives its do-file a slot again. */
  readonly answer: readonly BuildId[]
  /** What the policy wants to know next time, if that is another thing than now; plain data. */
  readonly carry?: unknown
}
export const emptyBatch: Batch = { scan: [], run: [], start: [], answer: [] }

/** For the shell to do at once, after the tick. */
export type Effect =
  /** End the process, read or action of `build`: nobody wants it. */
  { readonly _tag: 'kill'; readonly build: BuildId }

/** All that one reduction folds. Recorded, it is all that replay needs. */
export interface Input {
  readonly batch: Batch
  readonly receipts: readonly Receipt[]
  readonly events: readonly Event[]
}
