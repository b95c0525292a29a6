/** What the laws found once, as small as it got: each is a schedule that broke one. */
import { describe, it } from 'vitest'
import { policies } from '../../src/index.js'
import type { Plan } from '../../src/testing/plans.js'
import { ahead, everyPolicy, expectLawful } from '../../src/testing/plays.js'
import type { Change, Sample, Step } from '../../src/testing/scripts.js'

const list = (...of: number[]): Plan => ({ do: 'list', of })
const live = (ref: number): Step => ({ step: 'live', ref })
const [tick, run]: Step[] = [{ step: 'tick' }, { step: 'run' }]
const wipe = (percent: number): Step => ({ step: 'wipe', percent })
const touch = (ref: number): Step => ({ step: 'change', changes: [], touches: [ref] })
const both = (...changes: readonly (readonly [number, number | undefined])[]): Step => ({
  step: 'change',
  changes: changes.map(([source, value]) => ({ source, value, how: 'outside', waits: false })),
  touches: [],
})
const change = (source: number, value: number | undefined): Step => both([source, value])
const nothing = [undefined, undefined, undefined, undefined]
/** Sources are 0 to 3, actions 4 to 6, plans 7 and on. */
const lawful = (plans: readonly Plan[], steps: readonly Step[], cyclic?: boolean): void =>
  expectLawful({ plans, truth: nothing }, steps, [0], cyclic ? { cyclic } : {})

describe('an answer', () => {
  it('names the version it is of, where the source changes between the request and the tick', () =>
    lawful([list()], [live(1), tick!, change(1, 0)]))
  it('names the version it is of, where the source was not known when it changed', () =>
    lawful([list(0)], [change(0, 0), live(7), change(0, undefined)]))
  it('names the version it is of, where a value went and came back', () =>
    lawful([list(2, 6)], [live(7), change(2, 3), run!, change(2, undefined), live(7), change(2, 3)]))
  it('names a version in which it held, though the change that it follows from is older', () =>
    lawful(
      [
        { do: 'throw', of: 3 },
        { do: 'pick', by: 7, of: [0] },
      ],
      [change(3, 0), live(8), run!, both([0, 0], [3, undefined]), change(3, 0)],
    ))
  it('is there though its value was given up, and it is found to be the same', () =>
    lawful([{ do: 'attempt', of: 2 }], [live(7), wipe(100), change(2, undefined), live(7)]))
  it('comes of a run that asks for what was given up, and is found to be the same', () =>
    lawful(
      [
        { do: 'pick', by: 4, of: [0] },
        { do: 'pick', by: 7, of: [0] },
      ],
      [live(8), run!, { step: 'settle', which: 0, stale: false }, change(0, 0), wipe(50), touch(4), touch(8)],
    ))
  it('is the same wherever in the program an alternative of it threw', () =>
    lawful(
      [
        { do: 'throw', of: 0 },
        { do: 'first', of: [7] },
      ],
      [change(0, 1), live(8), run!, touch(7), touch(8), tick!, tick!, tick!, tick!, tick!],
    ))
})

describe('a read', () => {
  it('may end in the tick in which it is given up', () =>
    expectLawful(
      { plans: [{ do: 'pick', by: 0, of: [3, 0] }], truth: [0, undefined, undefined, undefined] },
      [
        live(7),
        { step: 'change', changes: [{ source: 3, value: undefined, how: 'outside', waits: true }], touches: [] },
        run!,
        change(0, undefined),
        tick!,
        tick!,
        { step: 'settle', which: 0, stale: false },
      ],
      [0],
    ))
})

describe('a circle', () => {
  it('is told where one on it waits for something else as well', () => lawful([list(0, 7)], [live(7)], true))
  it('stands though another one on it is looked at again', () =>
    lawful([list(7, 1), { do: 'static', of: [7, 1] }], [live(8), tick!, tick!, tick!, change(1, 0)], true))
  it('is found through what was only remembered, which is given up thereby', () =>
    lawful([list(8), list(7, 3)], [live(7), run!, touch(3)], true))
  it('is told of once, though one on it would go on without an answer', () =>
    lawful([list(8), { do: 'collect', of: [2, 7] }], [live(8), wipe(50), change(2, undefined)], true))
  it('is told by the names of all on it, though one that came to nothing was garbage', () =>
    expectLawful(
      { plans: [list(8), list(9, 0), list(7)], truth: nothing },
      [live(8), live(7), tick!, { step: 'cancel', which: 0 }, { step: 'gc', keep: 0 }, { step: 'once', ref: 9 }],
      [0],
      { cyclic: true, policy: ahead(policies.fullBatch(), 5) },
    ))
  /** 7 needs itself as long as the source is 0, and goes on to another when it is 1. */
  const passing = (source: number): Sample => ({
    plans: [{ do: 'pick', by: source, of: [8, 1] }, list(3, 9), list(7)],
    truth: [0, 5, 0, 3],
  })
  const amid = (source: number, more: Partial<Change>, after: readonly Step[] = []): void => {
    for (const policy of everyPolicy)
      for (let ticks = 0; ticks < 12; ticks++) {
        const change: Step = {
          step: 'change',
          changes: [{ source, value: 1, how: 'outside', waits: false, ...more }],
          touches: [],
        }
        const steps = [live(7), live(9), ...Array.from({ length: ticks }, () => tick!), change, ...after]
        expectLawful(passing(source), steps, [0], { cyclic: true, policy })
      }
  }
  it('that a transaction dissolves is told no more, however far it was found out', () => amid(0, {}))
  it('nor is one through a build that waits to know whether it still needs what it asked for', () =>
    amid(2, { waits: true }, [run!, { step: 'settle', which: 0, stale: false }]))
})
