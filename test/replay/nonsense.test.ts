/** Ticks that cannot have been: each is refused, by its number, or leads to a state like any other. Nothing goes on for ever. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Alone, type Event, emptyBatch, type Input, type Receipt } from '../../src/model/event.js'
import { type BuildId, buildId } from '../../src/model/ids.js'
import { checkInvariants } from '../../src/model/invariants.js'
import { emptyState, Fact, Kind, kindOf, type State } from '../../src/model/state.js'
import { read, rowsEnd } from '../../src/model/table.js'
import { Rewriter } from '../../src/replay/rewriter.js'
import { renumbered } from '../../src/replay/script.js'
import { Refused } from '../../src/replay/walker.js'
import { edgesOf } from '../../src/replay/why-facts.js'
import type { TickRecord } from '../../src/store/recording/record.js'
import { picks, samples, schedules } from '../../src/testing/scripts.js'
import * as files from '../property/arbitraries.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'
import { opened, plainRecorder, recordOps, recordSteps } from './record.js'

const folder = useFolder()
let count = 0
const fresh = (): string => folder.at(`${count++}.rec`)

/** A number for each thing that is chosen. */
type Dice = readonly [number, number, number, number]

const swap = (list: readonly BuildId[], at: number, id: BuildId): readonly BuildId[] =>
  list.map((x, i) => (i === at % list.length ? id : x))

/** The same, in which one that may be within it is said by `change`. */
const within = (receipt: Receipt, n: number, change: (receipt: Alone) => Receipt): Receipt => {
  if (receipt._tag === 'scanned') return receipt
  if (receipt._tag !== 'ahead') return change(receipt)
  const list = n % 2 === 0 ? ('done' as const) : ('open' as const)
  return {
    ...receipt,
    [list]: receipt[list].map((each, i) => (i === (n >> 1) % receipt[list].length ? change(each) : each)),
  }
}

/** Something else that is said of a build. */
const OTHERWISE: readonly ((build: BuildId) => Alone)[] = [
  (build) => ({ _tag: 'holds', build }),
  (build) => ({ _tag: 'unjudged', build }),
  (build) => ({ _tag: 'recalled', build, value: { _tag: 'left' } }),
  (build) => ({ _tag: 'started', build }),
  (build) => ({ _tag: 'pooled', build, pool: 0 }),
  (build) => ({ _tag: 'needs', build, groups: [] }),
  (build) => ({ _tag: 'broken', build, groups: [], error: { _tag: 'absent' }, content: [0, 0, 0, 0] }),
  (build) => ({ _tag: 'made', build, groups: [], value: { _tag: 'left' }, content: [1, 2, 3, 4] }),
]

/** The same of another build: the `n`-th of the ids in it is `id`. */
const ofAnother = <T extends Receipt | Event>(term: T, n: number, id: BuildId): T => {
  if (term._tag === 'scanned') return { ...term, builds: swap(term.builds, n, id) }
  if (term._tag === 'ahead') {
    if (n % 2 === 0) return { ...term, build: id }
    return { ...term, later: n % 4 === 1 ? swap(term.later, n >> 2, id) : [...term.later, id] }
  }
  let ids = 0
  renumbered(term as Event, (x) => {
    ids++
    return x
  })
  let at = 0
  return renumbered(term as Event, (x) => (at++ === n % Math.max(1, ids) ? id : x)) as T
}

const STEPS = ['scan', 'run', 'start', 'answer'] as const

/** What happened, in which one thing is another: what it is of, whether it was at all, or how often. */
const spoilt = ({ batch, receipts, events }: Input, other: Input, [what, which, n, to]: Dice, end: number): Input => {
  const id = buildId(1 + (to % (end + 2)))
  const step = STEPS[which % 4]!
  const at = <A>(list: readonly A[], change: (item: A) => readonly A[]): readonly A[] =>
    list.flatMap((item, i) => (i === which % list.length ? change(item) : [item]))
  switch (what % 13) {
    case 0:
      return { batch, receipts: at(receipts, (receipt) => [ofAnother(receipt, n, id)]), events }
    case 10:
      return {
        batch,
        receipts: at(receipts, (receipt) => [within(receipt, to, (each) => ofAnother(each, n, id))]),
        events,
      }
    case 11: {
      const change = (each: Alone) => OTHERWISE[n % OTHERWISE.length]!(each.build)
      return { batch, receipts: at(receipts, (receipt) => [within(receipt, to, change)]), events }
    }
    case 12:
      return { batch, receipts: [...receipts, OTHERWISE[n % OTHERWISE.length]!(id)], events }
    case 1:
      return { batch, receipts, events: at(events, (event) => [ofAnother(event, n, id)]) }
    case 2:
      return { batch: { ...batch, [step]: swap(batch[step], n, id) }, receipts, events }
    case 3:
      return { batch: { ...batch, [step]: [...batch[step], id] }, receipts, events }
    case 4:
      return { batch, receipts: at(receipts, () => []), events }
    case 5:
      return { batch, receipts, events: at(events, () => []) }
    case 6:
      return { batch, receipts: at(receipts, (receipt) => [receipt, receipt]), events }
    case 7:
      return { batch, receipts, events: at(events, (event) => [event, event]) }
    case 8:
      return { batch, receipts: [...receipts, ...other.receipts], events: [...other.events, ...events] }
    default:
      return { batch: other.batch, receipts, events }
  }
}

/**
 * Whether values stand on one another in a circle that is no error, which only nonsense can say; to refuse it, the reducer would have to walk the
 * graph at each receipt. Who is held cannot be told then.
 */
const isCircular = (state: State): boolean => {
  if (state.cyclic > 0) return false
  const isDone = new Map<number, boolean>()
  const reaches = (x: BuildId): boolean => {
    if (kindOf(state, x) !== Kind.VALUE) return false
    if (isDone.has(x)) return isDone.get(x) === false
    isDone.set(x, false)
    const found = edgesOf(state, x, read(state.facts, x, Fact.DEP_HEAD)).some(({ build }) => reaches(build))
    isDone.set(x, true)
    return found
  }
  for (let x = 1; x < rowsEnd(state.facts); x++) if (reaches(buildId(x))) return true
  return false
}

/** How many were taken, and refused. */
const seen = { taken: 0, refused: 0 }

const expectSense = (path: string, tries: readonly Dice[]): void => {
  const replay = opened(path)
  try {
    for (const dice of replay.ticks === 0 ? [] : tries) {
      const tick = 1 + (dice[1] % replay.ticks)
      const original = replay.reader.at(tick)
      const other = replay.reader.at(1 + (dice[3] % replay.ticks))
      const small = fresh()
      const rewriter = new Rewriter(replay.reader, tick - 1, small)
      const end = Math.max(rewriter.state.facts.end, rewriter.state.flight.end)
      const input = spoilt(original.input, other.input, dice, end)
      const apply = (record: TickRecord): boolean => {
        try {
          rewriter.apply(record)
        } catch {
          seen.refused++
          return false
        }
        seen.taken++
        if (isCircular(rewriter.state)) return false
        checkInvariants(rewriter.state)
        return true
      }
      if (apply({ ...original, input })) for (let t = tick + 1; t <= replay.ticks && apply(replay.reader.at(t)); t++);
      rewriter.close()
    }
  } finally {
    replay.close()
  }
}

describe('a tick that cannot have been', () => {
  it('is refused by its number, whoever comes to it', () => {
    const path = fresh()
    const recorder = plainRecorder(path, emptyState)
    recorder.onTick({ batch: { ...emptyBatch, run: [buildId(1)] }, receipts: [], events: [] }, emptyState)
    recorder.close()
    const replay = opened(path)
    const why = 'build 1 is chosen out of turn'
    expect(replay.verify()).toEqual({ _tag: 'refused', tick: 1, why })
    expect(() => replay.stateAt(1)).toThrow(new Refused(1, why))
    expect(() => replay.counterfactual()).toThrow(`this program refuses tick 1: ${why}`)
    replay.close()
  })

  const tries = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()), { minLength: 10, maxLength: 10 })

  it('is refused, or leads to a state like any other: do-files', { timeout: 240_000 }, () => {
    fc.assert(
      fc.property(files.samples({ cyclic: true }), files.ops(), files.picks, tries, (sample, ops, order, dice) => {
        const path = fresh()
        if (recordOps(path, sample, ops, order).states.length > 0) expectSense(path, dice)
      }),
      runs(60),
    )
  })
  it('is refused, or leads to a state like any other: rules', { timeout: 240_000 }, () => {
    fc.assert(
      fc.property(samples(), schedules(), picks, tries, (sample, steps, order, dice) => {
        const path = fresh()
        recordSteps(path, sample, steps, order)
        expectSense(path, dice)
      }),
      runs(60),
    )
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(100)
  })
})
