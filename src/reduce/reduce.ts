/** The reducer: folds the receipts of one batch and the events of one tick into the next state. */
import { absurd } from 'fp-ts/lib/function.js'
import { produce } from 'immer'
import { Bug, invariant } from '../model/error.js'
import type { Ahead, Effect, Event, Input, Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Bit, Flight, Kind, type News, type State, Status } from '../model/state.js'
import { stateWith } from '../model/state-copy.js'
import { collect, sweep } from './collect.js'
import { breakScanCycle } from './cycle.js'
import { expand } from './demand.js'
import { judge, judgeValue, tell } from './judge.js'
import { onAdopted, onAlways, onChanged, onLooked, onRechecked, onStamped, onTaken } from './on-changed.js'
import { onFollowed, onLost, onWiped } from './on-followed.js'
import { onCancelled, onRequested } from './on-request.js'
import { onBlocked, onDone, onEnded, onFailed, onStarted } from './on-run.js'
import { onScanned } from './on-scanned.js'
import { onTracked } from './on-tracked.js'
import { onTransacted } from './on-transacted.js'
import { respond } from './on-unblocked.js'
import {
  isNew,
  isOpen,
  onBroken,
  onFirst,
  onHolds,
  onMade,
  onNeeds,
  onPooled,
  onRecalled,
  onUnjudged,
} from './on-value.js'
import { onPruned } from './prune.js'
import { abandon } from './withdraw.js'
import { Work } from './work.js'

/** The next state, and what the shell is to do at once. */
export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

/** Pure. The order of `receipts` does not matter; that of `events` is the order in which they happened. */
export const reduce = (state: State, input: Input): Step => {
  let effects: readonly Effect[] = []
  const next = after(state, (w) => {
    fold(w, input)
    effects = w.effects
  })
  return { state: next, effects }
}

/** The state after what `work` does; the same where that changes nothing. */
const after = (state: State, work: (w: Work) => void): State => {
  const next = produce(state, (draft) => {
    const w = Work.of(draft)
    work(w)
    w.close(draft)
  })
  return next === state ? state : stateWith(next)
}

/** A state on the way, to be read at once. */
export type Reading = { readonly [Name in 'facts' | 'edges' | 'flight']: Pick<Work[Name], 'get'> } & Pick<
  Work,
  'generation'
>

/**
 * The state after many ticks, each of them as {@link reduce} takes it in, but without a state after each: what that costs is most of a small
 * tick. `told` hears after each of what it told, and may look at what it has come to. What is to be done at once is not done.
 */
export const reduceAll = (
  state: State,
  inputs: Iterable<Input>,
  told: (w: Reading, news: readonly News[]) => void,
): State => {
  let now = state
  const all = inputs[Symbol.iterator]()
  for (let next = all.next(); !next.done; ) {
    now = endTurn(
      after(now, (w) => {
        do {
          fold(w, next.value)
          told(w, w.news)
          next = all.next()
          w.endTick()
          // Lanes are closed with their state.
        } while (!next.done && w.tracker === undefined)
      }),
    )
  }
  return now
}

const fold = (w: Work, input: Input): void => {
  if ('carry' in input.batch) w.carry = input.batch.carry
  take(w, input)
  for (const receipt of inCanonicalOrder(input.receipts)) {
    if (receipt._tag === 'ahead') applyAhead(w, receipt)
    else {
      applyReceipt(w, receipt)
      followUp(w)
    }
  }
  giveUp(w)
  for (const event of input.events) {
    applyEvent(w, event)
    followUp(w)
    giveUp(w)
    followUp(w)
  }
  untangle(w)
  giveUp(w)
  if (w.inFlight === w.park.size) forgetParked(w)
}

/** What was given up is wanted by nobody, maybe. */
const giveUp = (w: Work): void => {
  if (w.givenUp.length > 0) abandon(w, w.givenUp.splice(0), false)
}

/** The state in which the values of `builds` are not at hand: made again for whoever wants to see them. */
export const withoutValues = (state: State, builds: readonly BuildId[]): State => after(state, (w) => onLost(w, builds))

/** The state at the end of a turn: what happened in it has been told. */
export const endTurn = (state: State): State => (state.news.length === 0 ? state : stateWith(state, []))

/** The builds of the batch leave their queues; requests of do-files in it are answered. */
const take = (w: Work, { batch }: Input): void => {
  for (const x of batch.scan) w.take(x, Status.SCAN)
  for (const x of batch.run) w.take(x, Status.READY)
  for (const x of batch.start) w.take(x, Status.START)
  w.starting = batch.start.length
  for (const x of batch.answer) {
    w.take(x, Status.ANSWER)
    respond(w, x)
  }
}

/**
 * What began first, then what is blocked, then what ended, each by id: a build may block on one that ends in the same batch, and must be waiting
 * before that is told.
 */
const inCanonicalOrder = (receipts: readonly Receipt[]): readonly Receipt[] => {
  if (receipts.length < 2) return receipts
  const byRank: [Receipt[], Receipt[], Receipt[], Receipt[], Receipt[]] = [[], [], [], [], []]
  for (const receipt of receipts) byRank[rankOf(receipt)].push(receipt)
  return byRank.flatMap(byId)
}

const rankOf = ({ _tag }: Receipt): 0 | 1 | 2 | 3 | 4 => {
  // As all that it says was seen in the state as it was.
  if (_tag === 'ahead') return 0
  // It runs, whatever comes of the others, and may be ended for that.
  if (_tag === 'started') return 1
  if (_tag === 'blocked' || _tag === 'needs' || _tag === 'unjudged') return 2
  return _tag === 'scanned' ? 3 : 4
}

const idOf = (r: Receipt): number => (r._tag === 'scanned' ? (r.builds[0] ?? 0) : r.build)

/** Sorts in place. They mostly come in order, which is quick to see. */
const byId = (receipts: Receipt[]): Receipt[] => {
  for (let i = 1; i < receipts.length; i++) {
    if (idOf(receipts[i - 1]!) > idOf(receipts[i]!)) return receipts.sort((a, b) => idOf(a) - idOf(b))
  }
  return receipts
}

const applyAhead = (w: Work, { done, open, later }: Ahead): void => {
  const told = w.news.length
  for (let i = later.length - 1; i >= 0; i--) {
    const x = later[i]!
    invariant(w.status(x) === Status.READY && !w.has(x, Bit.QUEUED), 'is put off and was not to be run', x)
    w.moveTo(x, Status.READY)
  }
  for (let i = 0; i < done.length; i++) {
    const receipt = done[i]!
    if (receipt._tag === 'made' && w.ahead > 0 && isNew(w, receipt.build)) onFirst(w, receipt)
    else {
      applyReceipt(w, receipt)
      followUp(w)
    }
  }
  for (const receipt of open) {
    if (isOpen(w, receipt)) applyReceipt(w, receipt)
    followUp(w)
  }
  w.tellInOrder(told)
}

const applyReceipt = (w: Work, receipt: Exclude<Receipt, Ahead>): void => {
  if (!isOfItsKind(w, receipt)) throw new Bug(`a receipt says ${receipt._tag} of what cannot be`)
  switch (receipt._tag) {
    case 'scanned':
      return onScanned(w, receipt)
    case 'blocked':
      return onBlocked(w, receipt)
    case 'started':
      return onStarted(w, receipt)
    case 'done':
      return onDone(w, receipt)
    case 'failed':
      return onFailed(w, receipt)
    case 'needs':
      return onNeeds(w, receipt)
    case 'pooled':
      return onPooled(w, receipt)
    case 'holds':
      return onHolds(w, receipt)
    case 'unjudged':
      return onUnjudged(w, receipt)
    case 'made':
      return onMade(w, receipt)
    case 'recalled':
      return onRecalled(w, receipt)
    case 'broken':
      return onBroken(w, receipt)
    default:
      return absurd(receipt)
  }
}

/** Whether what it speaks of is a file, or a value, as it says. */
const isOfItsKind = (w: Work, receipt: Exclude<Receipt, Ahead>): boolean => {
  switch (receipt._tag) {
    case 'scanned':
      return true
    case 'started':
      return w.isBuild(receipt.build)
    case 'blocked':
    case 'done':
    case 'failed':
      return w.isBuild(receipt.build) && w.kind(receipt.build) !== Kind.VALUE
    default: {
      // Make that goes ahead is the first to speak of what nobody asked for yet.
      const kind = w.kind(receipt.build)
      return kind === Kind.VALUE || (kind === Kind.UNKNOWN && w.ahead > 0)
    }
  }
}

const applyEvent = (w: Work, event: Event): void => {
  switch (event._tag) {
    case 'requested':
      return onRequested(w, event)
    case 'cancelled':
      return onCancelled(w, event.request)
    case 'changed':
      return onChanged(w, event.builds)
    case 'looked':
      return onLooked(w, event.changed)
    case 'ended':
      return onEnded(w, event.build)
    case 'always':
      return onAlways(w, event.build)
    case 'stamped':
      return onStamped(w, event.build, event.stamp)
    case 'rechecked':
      return onRechecked(w, event.session)
    case 'taken':
      return onTaken(w, event.builds)
    case 'adopted':
      return onAdopted(w, event.build, event.look)
    case 'collect':
      return collect(w, event.keep)
    case 'followed':
      return onFollowed(w, event)
    case 'transacted':
      return onTransacted(w, event)
    case 'wiped':
      return onWiped(w, event.builds)
    case 'swept':
      return sweep(w, event.keep)
    case 'pruned':
      return onPruned(w, event)
    case 'read':
      w.clock = { now: event.now, spent: event.spent }
      return
    case 'tracked':
      return onTracked(w, event.tracks)
    default:
      return absurd(event)
  }
}

/** Works off what a receipt or an event brought about, until only make can move things on. */
const followUp = (w: Work): void => {
  const { toJudge, toTell } = w
  for (;;) {
    if (toJudge.length > 0) {
      const x = toJudge.shift()!
      if (isToBeJudged(w, x)) judge(w, x)
      else if (isScannable(w, x)) judgeValue(w, x)
    } else if (toTell.length > 0) tell(w, toTell.shift()!)
    else if (w.expand.size > 0) expand(w, w.expand.head)
    else return
  }
}

const isToBeJudged = (w: Work, x: number): boolean => {
  const status = w.status(x)
  if (status === Status.PARKED) return w.has(x, Bit.WANTED) && !w.has(x, Bit.OUT_OF_DATE)
  return status === Status.WAITING && w.flight.get(x, Flight.WAITING) === 0
}

/** A value, whose dependencies are as far as scans would be. */
const isScannable = (w: Work, x: number): boolean =>
  w.status(x) === Status.UNKNOWN && !w.has(x, Bit.QUEUED) && w.flight.get(x, Flight.WAITING) === 0

/** Nothing is being scanned and yet some wait to be: they wait for each other. */
const untangle = (w: Work): void => {
  while (w.unknown > 0 && w.scanning === 0 && w.expand.size === 0) {
    breakScanCycle(w)
    followUp(w)
  }
}

/** What was scanned on a guess and never needed goes back to rest as it was: its generation is over. */
const forgetParked = (w: Work): void => {
  while (w.park.size > 0) {
    const x = w.park.head
    w.moveTo(x, Status.REST)
    w.flight.clear(x)
  }
}
