/**
 * The state of the engine: plain, immutable data. Only `reduce` makes a new one.
 *
 *   facts    what is known of each target at rest: this is what the store keeps
 *   checked  up to which generation that knowledge was looked at again
 *   edges    the dependency graph, one row an edge, linked from both ends
 *   flight   the worklist: everything that is not at rest; empty when the engine is idle
 *
 * Never here: names (interned at the border), running processes, connections, clocks.
 */

import type { BuildError, Failure } from './error.js'
import type { Session } from './event.js'
import { type BuildId, type EdgeId, edgeId, type Generation, generation } from './ids.js'
import { type Clock, COST_STRIDE, emptyClock, type Lane, PLAN_STRIDE, type Shares, type Terms } from './plan.js'
import { emptyQueue, type Queue } from './queue.js'
import { emptyObjects, emptyTable, type IntTable, type ObjectTable, read } from './table.js'

// ------------------------------------------------------------------------------------------------ facts

/** Words of a row of `facts`. */
export const Fact = {
  /** Kind and flags, see {@link Kind} and {@link Flag}. */
  FLAGS: 0,
  /** Counts the changes of the result. A dependent remembers the revision it saw: it is out-of-date when they differ. */
  REVISION: 1,
  /** Generation of the last run. Of a source that is a file: that in which it was last found to be another. */
  BUILT: 2,
  /** First edge of the recorded dependencies, in the order in which they were asked for. */
  DEP_HEAD: 3,
  /** First edge that points here: the dependents, newest first. */
  DEPENDENT_HEAD: 4,
  /** Digest of what stat says (two words): only ever compared for being equal. */
  STAT: 5,
  /** Digest of the content (four words): the judge where stats differ. Of a link: two of what it says, two of what is at its end. */
  CONTENT: 7,
  /** The dependency that broke this build; 0 when it broke by itself. Meaningful with `Flag.BROKEN`. */
  CAUSE: 11,
  /** value: how many live requests, and builds that one of those stands on, stand on it. More than 0: to be watched. */
  HOLD: 6,
  /** Why it was last made, or how it last changed: see `why.ts`. */
  WHY: 12,
} as const
export const FACT_STRIDE = 13

/** What a target is, as far as known: the low three bits of `Fact.FLAGS`. */
export const Kind = {
  /** Never looked at. */
  UNKNOWN: 0,
  /** Exists and was not built here (or was edited by hand since: `Flag.MODIFIED`). */
  SOURCE: 1,
  /** Built by its rule. */
  TARGET: 2,
  /** Looked for and not there. */
  ABSENT: 3,
  /** Not a target at all: a request, waiting for its answer. */
  REQUEST: 4,
  /** Its result is a value, not a file: it is never scanned. A source, rule or action of the library. */
  VALUE: 5,
  /** A live request: its one dependency is what it follows; at rest between notices. */
  LIVE: 6,
} as const
export const KIND_MASK = 7

export const Flag = {
  /** The last run failed. A broken build is made again when it is next wanted. */
  BROKEN: 1 << 3,
  /** Asked to be out-of-date in every generation (redo-always). */
  ALWAYS: 1 << 4,
  /** Its change is judged by what it said with redo-stamp, not by its file. */
  STAMPED: 1 << 5,
  /** A target that was changed by hand since it was built: left alone, as if it were a source. */
  MODIFIED: 1 << 6,
  /** The look at the file was too close to its last change: the stat alone is not to be trusted next time. */
  RACY: 1 << 7,
  /** Built, and the rule made no file. */
  VIRTUAL: 1 << 8,
  /** value: to be made in any case when it is next wanted: never made, or touched since. */
  STALE: 1 << 9,
  /** value: what is known of it holds, but the value itself was given up: made again for whoever wants to see it. */
  WIPED: 1 << 10,
} as const

// ------------------------------------------------------------------------------------------------ edges

/** Words of a row of `edges`: `dependent` needs `dependency`. */
export const Edge = {
  DEPENDENCY: 0,
  DEPENDENT: 1,
  /** Number of the group << 4, and {@link Mode} bits. */
  MODE: 2,
  /** Next edge of the same dependent. In a free row: the next free row. */
  NEXT_DEP: 3,
  NEXT_DEPENDENT: 4,
  /** The newer neighbour. 0: the newest; or one that nobody asked this of yet, as all that are newer. */
  PREV_DEPENDENT: 5,
  /** While `Mode.LISTED`: neighbours in the list of those who wait for the dependency. */
  NEXT_WAITER: 6,
  PREV_WAITER: 7,
  /** The dependency's revision that the dependent saw. While a do-file's request waits (`Mode.ASKED`): the request. */
  SEEN: 8,
} as const
export const EDGE_STRIDE = 9

export const Mode = {
  /** Depends on the target's absence (redo-ifcreate): it is looked at, never built. */
  CREATE: 1,
  /** In the list of waiters of its dependency, and counted in `Flight.WAITING` of whoever waits. */
  LISTED: 2,
  /** Waits on behalf of the request in `Edge.SEEN`. */
  ASKED: 4,
  /** Only waited for (redo in a do-file): no dependency once the run is over. */
  PASSING: 8,
} as const
export const GROUP_SHIFT = 4

// ------------------------------------------------------------------------------------------------ flight

/** Words of a row of `flight`. All zero: at rest. */
export const Flight = {
  /** {@link Status} and {@link Bit}. */
  STATUS: 0,
  /** The generation this is being brought into. */
  PASS: 1,
  /** How many listed edges must be told before this goes on. */
  WAITING: 2,
  /** First edge of those who wait for this. */
  WAITER_HEAD: 3,
  /** A number below that of everything this waits for: finding a cycle needs a search only where that fails. */
  ORDER: 4,
  /** waiting: the first edge of the group being judged. request of a do-file: its first edge. */
  CURSOR: 5,
  /** Dependencies asked for in the present run, but for those that are kept as they are (`KEPT`). */
  NEW_HEAD: 6,
  NEW_TAIL: 7,
  /** Neighbours in the queue this is in. */
  NEXT: 8,
  PREV: 9,
  /** request: the build whose do-file asks, or 0. build: number of its unanswered requests. */
  BY: 10,
  /** The session this was begun for. */
  SESSION: 11,
  /** running: the last remembered dependency that this run asked for as the last one did, with all before it; else 0. */
  KEPT: 12,
  /** start, running: the pool that has to have, or gave, room: 1 is `State.pools[0]`. 0: a do-file's slot. Or {@link NO_POOL}. */
  POOL: 13,
} as const
export const FLIGHT_STRIDE = 14
/** Takes no room: a pending read. */
export const NO_POOL = -1

/**
 * How far a build has come; the low four bits of `Flight.STATUS`.
 *
 *              demand           dependencies scanned     scanned
 *   rest ────► unknown ───────────────► scan ──────────────┬─► rest (nothing changed, or a source)
 *                                                          ├─► parked: nobody wants it for sure (yet)
 *                                 earlier groups ◄─────────┼─► waiting: a remembered dependency is being made
 *                                 proved unchanged         └─► ready ─► [make runs it]
 *                                                                         │ blocked on what it asked for
 *   rest ◄── done, failed ── ended ◄── running ◄── start: a slot is free ◄── blocked
 *                                         └─── asks for more ──► blocked
 */
export const Status = {
  REST: 0,
  /** Demanded in this generation, not yet scanned: waits until its dependencies are. */
  UNKNOWN: 1,
  /** In the scan queue, or being scanned. */
  SCAN: 2,
  /** Scanned and maybe out-of-date, but nothing that is wanted needs it for sure. */
  PARKED: 3,
  /** Wanted, and waits for remembered dependencies which are being made. */
  WAITING: 4,
  /** In the run queue, or being run. */
  READY: 5,
  /** Began to run, and waits for what it asked for. */
  BLOCKED: 6,
  /** In the start queue: has what it asked for, needs a slot. */
  START: 7,
  /** Holds a slot. */
  RUNNING: 8,
  /** A request of a do-file, fulfilled: in the answer queue until the do-file gets a slot again. */
  ANSWER: 9,
  /** Its do-file is over and holds no slot; what it made is being put in place. */
  ENDED: 10,
} as const
export const STATUS_MASK = 15

export const Bit = {
  /** Somebody needs this for sure; otherwise it may be scanned, but not run. */
  WANTED: 1 << 4,
  /** To be run in any case (redo x). */
  FORCED: 1 << 5,
  /** What the watcher did not speak of need not be looked at. */
  TRUST: 1 << 6,
  /** parked: it is certain that it has to run. */
  OUT_OF_DATE: 1 << 7,
  /** The scan found the file. */
  EXISTS: 1 << 8,
  /** This run asked to be always out-of-date. */
  ALWAYS: 1 << 9,
  /** request: do not stop at the first failure. */
  KEEP_GOING: 1 << 10,
  /** request: something it asked for is broken. */
  FAILED: 1 << 11,
  /** Its process was told to end, since nobody wants it. */
  KILLED: 1 << 12,
  /** A target changed by hand is to be built over. */
  OVERWRITE: 1 << 13,
  /** The remembered dependencies were all compared once. */
  COMPARED: 1 << 14,
  /** Is in the queue of its status. */
  QUEUED: 1 << 15,
  /** blocked: needs a slot to go on. */
  SLOT: 1 << 16,
  /** request: only to look, and to say what is out-of-date. */
  LOOK: 1 << 17,
  /** Scanned, and may have changed since: to be looked at again when it is next demanded. */
  DOUBTED: 1 << 18,
  /** running: it asked for something else than the last run did. */
  DIVERGED: 1 << 19,
  /** A transaction may have changed what this has seen, or is being judged by. */
  VOIDED: 1 << 20,
  /** value: to be run anew. What it asked for is kept, and waited for no less, until the new run has asked. */
  ANEW: 1 << 21,
  /** The scan found another file than the one that was made. */
  EDITED: 1 << 22,
  /** value: in the run queue to be judged, not to be run in any case. */
  UNJUDGED: 1 << 23,
} as const

// ------------------------------------------------------------------------------------------------ state

/** What a target said with redo-stamp, four words as for content: in its last good run, and in the present one. */
export interface Stamp {
  readonly last?: readonly number[] | undefined
  readonly next?: readonly number[] | undefined
}

/** Room for builds that take some: a library's `pools`. */
export interface Pool {
  readonly size: number
  readonly running: number
  readonly queue: Queue
}

export interface State {
  readonly generation: Generation
  /** That of the last transaction. */
  readonly version: number
  readonly facts: IntTable
  /** One word: the generation up to which `facts` is known to hold; negative when it may not hold now. 0: never looked at. */
  readonly checked: IntTable
  readonly edges: IntTable
  readonly flight: IntTable
  /** First free row of `edges`, and one past the last row in use. */
  readonly freeEdge: EdgeId
  readonly edgesEnd: number
  /** Rows of `flight` that are not at rest, and how many of them are unknown, being scanned. */
  readonly inFlight: number
  readonly unknown: number
  readonly scanning: number
  /** Slots in use, and how many there are at most, whatever the sessions say; 0: no limit. */
  readonly running: number
  readonly slotsMax: number
  /** Scanned on a guess: forgotten once nothing else is in flight. */
  readonly park: Queue
  /** To be expanded: demanded, dependencies not yet demanded. */
  readonly expand: Queue
  readonly scan: Queue
  readonly ready: Queue
  readonly start: Queue
  readonly answer: Queue
  /** Open top-level requests by id: what their do-files' requests inherit. */
  readonly sessions: ObjectTable<Session>
  /** Why a broken build is broken, unless a dependency is the cause (`Fact.CAUSE`). */
  readonly errors: ObjectTable<BuildError>
  /** The cycles that runs of files were found in; each such run ends broken with this path. Values break at once. */
  readonly cycles: ObjectTable<readonly BuildId[]>
  readonly stamps: ObjectTable<Stamp>
  /** The results of builds of `Kind.VALUE`. Never undefined, frozen by whoever made them. */
  readonly values: ObjectTable<unknown>
  readonly pools: readonly Pool[]
  /** What was last asked for once, newest last: swept last. At most `keep`. */
  readonly kept: readonly BuildId[]
  readonly keep: number
  /** How many builds make may go through in a tick besides those of its batch, since those need them. 0: the batch alone. */
  readonly ahead: number
  /** How many builds are broken by a cycle. */
  readonly cyclic: number
  /** For the policy, see `plan.ts`: what is kept up for it, by request, build and do-file; and what it keeps itself, plain data. */
  readonly tracks: number
  readonly costs: IntTable
  readonly plans: IntTable
  readonly lanes: ObjectTable<Lane>
  readonly shares: Shares
  readonly terms: ObjectTable<Terms>
  readonly clock: Clock
  readonly carry: unknown
  /** What happened in the last tick, in order: the engine takes it out, and hands that of a whole turn to finalize. */
  readonly news: readonly News[]
}

/** A result. `version`: the newest there was when it was found to hold; it is not mixed with any other. */
export type Answer =
  | { readonly _tag: 'value'; readonly version: number; readonly value: unknown }
  | { readonly _tag: 'failure'; readonly version: number; readonly failure: Failure }

/** What finalize tells others of. Ids only: words are made at the border. */
export type News =
  /** `request` is answered. */
  | {
      readonly _tag: 'responded'
      readonly request: BuildId
      readonly by: BuildId
      readonly ok: boolean
      readonly outOfDate: readonly BuildId[]
      /** To a request for a value. */
      readonly answer?: Answer
    }
  /** The live request has a result, another one than the last. */
  | { readonly _tag: 'noticed'; readonly request: BuildId; readonly answer: Answer }
  /** A run ended well. */
  | { readonly _tag: 'built'; readonly build: BuildId; readonly changed: boolean }
  /** A run failed. */
  | { readonly _tag: 'broke'; readonly build: BuildId; readonly session: BuildId }
  /** A value broke since it needs itself, maybe through others. */
  | { readonly _tag: 'circle'; readonly build: BuildId }
  /** A build that is broken, or broke while it was waited for, was asked for by `request`: so it is not a guess that may fail quietly. */
  | { readonly _tag: 'askedBroken'; readonly build: BuildId; readonly request: BuildId; readonly session: BuildId }
  /** A target was found changed by hand, and is left alone; or it exists and its rule is gone: a source from now on. */
  | { readonly _tag: 'modified' | 'becameSource'; readonly build: BuildId; readonly session: BuildId }
  /** `redo x` for an x that exists and was never built here. */
  | { readonly _tag: 'leftAlone'; readonly build: BuildId; readonly session: BuildId }
  /** A row was freed: its id may be given to another name. */
  | { readonly _tag: 'forgotten'; readonly build: BuildId }

export const emptyState: State = {
  generation: generation(0),
  version: 0,
  facts: emptyTable(FACT_STRIDE),
  checked: emptyTable(1),
  edges: emptyTable(EDGE_STRIDE),
  flight: emptyTable(FLIGHT_STRIDE),
  freeEdge: edgeId(0),
  edgesEnd: 1,
  inFlight: 0,
  unknown: 0,
  scanning: 0,
  running: 0,
  slotsMax: 0,
  park: emptyQueue,
  expand: emptyQueue,
  scan: emptyQueue,
  ready: emptyQueue,
  start: emptyQueue,
  answer: emptyQueue,
  sessions: emptyObjects,
  errors: emptyObjects,
  cycles: emptyObjects,
  stamps: emptyObjects,
  values: emptyObjects,
  pools: [],
  kept: [],
  keep: 0,
  ahead: 0,
  cyclic: 0,
  tracks: 0,
  costs: emptyTable(COST_STRIDE),
  plans: emptyTable(PLAN_STRIDE),
  lanes: emptyObjects,
  shares: [],
  terms: emptyObjects,
  clock: emptyClock,
  carry: null,
  news: [],
}

// ------------------------------------------------------------------------------------------------ selectors

export const kindOf = (state: State, build: BuildId): number => read(state.facts, build, Fact.FLAGS) & KIND_MASK
export const hasFlag = (state: State, build: BuildId, flag: number): boolean =>
  (read(state.facts, build, Fact.FLAGS) & flag) !== 0
export const statusOf = (state: State, build: BuildId): number => read(state.flight, build, Flight.STATUS) & STATUS_MASK

/** Whether anything is known of `x`: it has facts, or is under way. */
export const isKnown = (state: State, x: BuildId): boolean =>
  read(state.facts, x, Fact.FLAGS) !== 0 ||
  read(state.facts, x, Fact.REVISION) !== 0 ||
  statusOf(state, x) !== Status.REST

/** Builds in flight that want attention from a driver: false means that only an event can move anything. */
export const hasWork = (state: State): boolean =>
  state.scan.size > 0 ||
  state.ready.size > 0 ||
  state.start.size > 0 ||
  state.answer.size > 0 ||
  state.expand.size > 0 ||
  state.pools.some((pool) => pool.queue.size > 0)
