/** The smallest recording that still shows a fault: it verifies, shows it, and nothing more of it can be left out. */

import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { codec as C, createEngine, replay as library, rule } from '../../src/index.js'
import type { BuildId } from '../../src/model/ids.js'
import { Replay } from '../../src/replay/replay.js'
import { Rewriter } from '../../src/replay/rewriter.js'
import { shrink } from '../../src/replay/shrink.js'
import { Stepper } from '../../src/replay/stepper.js'
import { statusNameOf } from '../../src/replay/view.js'
import { picks, samples, schedules } from '../../src/testing/scripts.js'
import * as files from '../property/arbitraries.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'
import { opened, recordOps, recordSteps } from './record.js'

const folder = useFolder()
let count = 0
const fresh = (): string => folder.at(`${count++}.rec`)

/** Whether the build of that name breaks on the way, in a recording that begins with nothing. */
const breaks = (path: string, name: string, fromNothing: boolean): boolean => {
  const replay = E.toUnion(Replay.open(path)) as Replay
  try {
    expect(replay.verify()).toEqual({ _tag: 'agrees', ticks: replay.ticks })
    const stepper = new Stepper(replay.reader)
    if (fromNothing && stepper.state.facts.end !== 0) return false
    return stepper.forwardTo((state) => {
      const x = stepper.idOf(name)
      return x !== undefined && statusNameOf(state, x) === 'broken'
    })
  } finally {
    replay.close()
  }
}

/** A build that breaks in it, if any does. */
const brokenIn = (replay: Replay): string | undefined => {
  const stepper = new Stepper(replay.reader)
  let found: string | undefined
  stepper.forwardTo((state) => {
    for (let x = 1; x < state.facts.end && found === undefined; x++)
      if (statusNameOf(state, x as BuildId) === 'broken') found = stepper.nameOf(x as BuildId)
    return found !== undefined
  })
  return found
}

const expectShrunk = async (path: string, fromNothing: boolean, seen: number[]): Promise<void> => {
  const replay = opened(path)
  const name = brokenIn(replay)
  if (name === undefined) return replay.close()
  const small = fresh()
  const found = await shrink(replay.reader, {
    path: small,
    shows: () => Promise.resolve(breaks(small, name, fromNothing)),
  })
  const { ticks } = replay
  replay.close()
  if (found._tag === 'unshown') throw new Error('a copy does not show it')
  expect(found.from).toBe(ticks)
  expect(found.isWhole).toBe(true)
  expect(breaks(small, name, fromNothing)).toBe(true)
  const again = opened(small)
  expect(again.ticks).toBe(found.ticks)
  // With the state given it takes no tick at all, or the one in which it breaks.
  if (!fromNothing) expect(found.ticks).toBeLessThanOrEqual(1)
  const smaller = fresh()
  const second = await shrink(again.reader, {
    path: smaller,
    shows: () => Promise.resolve(breaks(smaller, name, fromNothing)),
  })
  // Nothing more can be left out.
  expect([second._tag, 'ticks' in second && second.ticks]).toEqual(['shrunk', found.ticks])
  const asked = Array.from({ length: again.ticks }, (_, i) => again.reader.at(i + 1).input.events)
    .flat()
    .filter((event) => event._tag === 'requested' && event.by === 0)
  again.close()
  if (fromNothing) seen.push(asked.length)
}

describe('the smallest recording that shows a fault', () => {
  for (const fromNothing of [false, true])
    it(`of do-files, ${fromNothing ? 'from nothing on' : 'from any state on'}`, { timeout: 240_000 }, async () => {
      const seen: number[] = []
      await fc.assert(
        fc.asyncProperty(files.samples({ cyclic: true }), files.ops(), files.picks, async (sample, ops, order) => {
          const path = fresh()
          if (recordOps(path, sample, ops, order).states.length > 0) await expectShrunk(path, fromNothing, seen)
        }),
        runs(25),
      )
      // Most breaks need one request alone.
      if (fromNothing) expect(seen.filter((requests) => requests === 1).length).toBeGreaterThan(seen.length / 2)
    })

  it('of rules', { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(samples(), schedules(), picks, async (sample, steps, order) => {
        const path = fresh()
        recordSteps(path, sample, steps, order)
        await expectShrunk(path, true, [])
      }),
      runs(15),
    )
  })

  it('of a live request that was taken back in the tick in which it came', async () => {
    const path = fresh()
    const sample = { plans: [{ do: 'attempt', of: 0 }], truth: [undefined, undefined, undefined, undefined] } as const
    const steps = [
      { step: 'live', ref: -1 },
      { step: 'cancel', which: 0 },
      { step: 'tick' },
      { step: 'live', ref: 0 },
    ] as const
    recordSteps(path, sample as never, steps as never, [0])
    await expectShrunk(path, true, [])
  })

  it('of what shows nothing is not looked for', async () => {
    const path = fresh()
    const [sample] = fc.sample(files.samples(), { numRuns: 1, seed: 3 })
    const [ops] = fc.sample(files.ops(), { numRuns: 1, seed: 3 })
    recordOps(path, sample!, ops!, [1])
    const replay = opened(path)
    expect(await shrink(replay.reader, { path: fresh(), shows: () => Promise.resolve(false) })).toEqual({
      _tag: 'unshown',
    })
    replay.close()
  })
})

describe('a recording that begins in the midst of another', () => {
  it('has one id for each name: those that were forgotten by then are of no build', () => {
    const leaf = rule('leaf', { key: C.int, value: C.int }, (n) => n)
    const pair = rule('pair', { key: C.int, value: C.int }, function* (n, b) {
      const [x, y] = yield* b.all([leaf(n % 7), leaf((n * 3) % 5)])
      return x! + y!
    })
    const rules = [leaf, pair]
    const [path, cut] = [fresh(), fresh()]
    const eng = createEngine({ rules, drive: 'manual', record: path })
    for (let n = 0; n < 30; n++) {
      void eng.once(pair(n)).promise
      eng.settle()
      if (n % 3 === 0) eng.gc()
    }
    void eng.close()
    const replay = library(path, { rules })
    for (let tick = 0; tick < replay.ticks; tick++) {
      const rewriter = new Rewriter(replay.reader, tick, cut)
      for (let t = tick + 1; t <= replay.ticks; t++) rewriter.apply(replay.reader.at(t))
      rewriter.close()
      const other = library(cut, { rules })
      const { names } = other.reader.snapshotFor(0)
      expect(new Set(names.values()).size).toBe(names.size)
      for (const n of [0, 1, 2, 3, 4, 5, 6])
        expect(other.stateAt(0).look(leaf(n))).toEqual(replay.stateAt(tick).look(leaf(n)))
      expect(other.verify({ mode: 'reexecute' })._tag).toBe('agrees')
      other.close()
    }
    replay.close()
  })
})
