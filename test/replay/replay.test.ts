/** What was recorded is what happened: at every tick, of both faces, under random policies and orders. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/engine.js'
import { digestOf, StateDigest } from '../../src/model/digest.js'
import { buildId } from '../../src/model/ids.js'
import { emptyState, type State } from '../../src/model/state.js'
import { emptyObjects, IntEditor, IntTable, ObjectTable, objectAt, withObject } from '../../src/model/table.js'
import { Walker } from '../../src/replay/walker.js'
import { decodeSnapshot, encodeSnapshot, packed } from '../../src/store/recording/snapshot.js'
import { fingerprint } from '../../src/testing/fingerprint.js'
import { everyPolicy, knowing, permutation } from '../../src/testing/plays.js'
import { circles, picks, samples, schedules } from '../../src/testing/scripts.js'

const all = [...everyPolicy, ...knowing]

import * as files from '../property/arbitraries.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'
import { type Known, opened, recordOps, recordSteps } from './record.js'

const folder = useFolder()
let count = 0
const fresh = (): string => folder.at(`${count++}.rec`)

/** All but the values, which are texts in a recording. */
const wordsOf = (state: State): string => fingerprint({ ...state, values: emptyObjects })

/** The same words in tables of their own, which nothing was kept up for. */
const copied = (state: State): State =>
  decodeSnapshot(
    packed(
      encodeSnapshot(
        state,
        () => undefined,
        () => ({ _tag: 'left' }),
      ),
    ),
  ).state

const expectSame = (path: string, { states }: Known): void => {
  const replay = opened(path)
  try {
    expect(replay.damage).toBeUndefined()
    expect(replay.ticks).toBe(states.length - 1)
    expect(replay.verify()).toEqual({ _tag: 'agrees', ticks: states.length - 1 })
    for (let tick = 0; tick <= replay.ticks; tick += Math.max(1, Math.floor(replay.ticks / 5))) {
      expect(wordsOf(replay.stateAt(tick).state)).toBe(wordsOf(states[tick]!))
      if (tick > 0) expect(replay.reader.digestAt(tick)).toBe(digestOf(copied(states[tick]!)))
    }
  } finally {
    replay.close()
  }
}

describe('a recording', () => {
  it('of rules replays to the same state at every tick', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(
        samples(),
        schedules(),
        picks,
        fc.nat(all.length - 1),
        fc.constantFrom(0, 0.5),
        (sample, steps, order, policy, drop) => {
          const path = fresh()
          const known = recordSteps(path, sample, steps, order, {
            policy: all[policy]!,
            drop,
            permute: permutation(order),
          })
          expectSame(path, known)
        },
      ),
      runs(150),
    )
  })
  it('of rules that need one another in circles, too', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(circles(true), schedules(15), picks, (sample, steps, order) => {
        const path = fresh()
        expectSame(path, recordSteps(path, sample, steps, order, { cyclic: 'at once' }))
      }),
      runs(60),
    )
  })
  it('of do-files replays to the same state at every tick', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(files.samples({ cyclic: true, background: true }), files.ops(), files.picks, (sample, ops, order) => {
        const path = fresh()
        const known = recordOps(path, sample, ops, order)
        if (known.states.length > 0) expectSame(path, known)
      }),
      runs(150),
    )
  })
})

describe('the digest', () => {
  it('kept up from tick to tick is that of the state by itself', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(samples(), schedules(), picks, (sample, steps, order) => {
        let kept: StateDigest | undefined
        recordSteps(fresh(), sample, steps, order, {
          onTick: (_, before, after) => {
            kept ??= new StateDigest(before)
            kept.advance(after)
            expect(kept.text).toBe(digestOf(copied(after)))
          },
        })
      }),
      runs(100),
    )
  })
})

describe('the reducer', () => {
  it('sees nothing that the recording does not hold: no clock, no chance, no file', { timeout: 60_000 }, () => {
    const path = fresh()
    const [sample, steps, order] = fc.sample(fc.tuple(samples(), schedules(40), picks), { seed: 7, numRuns: 1 })[0]!
    recordSteps(path, sample, steps, order)
    const replay = opened(path)
    const refuse = (): never => {
      throw new Error('looked outside')
    }
    const files = Object.entries(fs).filter(([, value]) => typeof value === 'function')
    const patched = fs as unknown as Record<string, unknown>
    const { random } = Math
    const RealDate = Date
    const { now } = performance
    let verdict: unknown
    try {
      for (const [name] of files) patched[name] = refuse
      syncBuiltinESMExports()
      Math.random = refuse
      performance.now = refuse
      globalThis.Date = refuse as never
      verdict = replay.verify()
    } finally {
      globalThis.Date = RealDate
      performance.now = now
      Math.random = random
      for (const [name, value] of files) patched[name] = value
      syncBuiltinESMExports()
    }
    expect(verdict).toEqual({ _tag: 'agrees', ticks: replay.ticks })
    expect(replay.ticks).toBeGreaterThan(10)
    replay.close()
  })

  it('calls a request by the generation that it began, wherever it is asked from', { timeout: 60_000 }, () => {
    let asked = 0
    const check = (path: string): void => {
      const replay = opened(path)
      const walker = new Walker(replay.reader)
      for (let tick = walker.step(); tick !== undefined; tick = walker.step())
        for (const event of tick.input.events) {
          if (event._tag !== 'requested') continue
          const number = walker.numberOf(event.request)
          expect(number === undefined).toBe(event.by !== 0)
          if (number === undefined) continue
          const session = objectAt(walker.state.sessions, event.request)
          // By those it is given another one, in the same tick.
          const isMoved = tick.input.events.some(({ _tag }) => ['rechecked', 'collect', 'swept'].includes(_tag))
          if (session !== undefined && !isMoved) expect(number).toBe(session.generation)
          const anew = new Walker(replay.reader)
          anew.seek(tick.tick)
          expect(anew.numberOf(event.request)).toBe(number)
          asked++
        }
      replay.close()
    }
    fc.assert(
      fc.property(files.samples(), files.ops(), files.picks, (sample, ops, order) => {
        const path = fresh()
        if (recordOps(path, sample, ops, order).states.length > 0) check(path)
      }),
      runs(30),
    )
    fc.assert(
      fc.property(samples(), schedules(), picks, (sample, steps, order) => {
        const path = fresh()
        recordSteps(path, sample, steps, order)
        check(path)
      }),
      runs(30),
    )
    expect(asked).toBeGreaterThan(50)
  })

  it('goes on from any tick to the same end, in an engine of its own', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(samples(), schedules(), picks, fc.nat(), (sample, steps, order, at) => {
        const path = fresh()
        recordSteps(path, sample, steps, order)
        const replay = opened(path)
        const from = at % (replay.ticks + 1)
        const engine = new Engine({
          make: {} as never,
          state: copied(replay.stateAt(from).state),
          drive: 'manual',
          onTurn: () => {},
        })
        for (let tick = from + 1; tick <= replay.ticks; tick++) {
          engine.apply(replay.reader.at(tick).input)
          expect(digestOf(engine.state)).toBe(replay.reader.digestAt(tick))
        }
        replay.close()
      }),
      runs(60),
    )
  })

  it('that does something else is found at the very tick', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(samples(), schedules(), picks, fc.nat(), (sample, steps, order, at) => {
        const path = fresh()
        recordSteps(path, sample, steps, order)
        const replay = opened(path)
        const tick = 1 + (at % replay.ticks)
        // As if the recorded state had been another one.
        const read = replay.reader.at.bind(replay.reader)
        replay.reader.at = (t) => (t === tick ? { ...read(t), digest: '0'.repeat(16) } : read(t))
        expect(replay.verify()).toMatchObject({ _tag: 'differs', tick })
        replay.close()
      }),
      runs(30),
    )
  })
})

describe('the digest, again', () => {
  it('forgets no part of the state', () => {
    const state = everything()
    const words = digestOf(copied(state))
    for (const name of Object.keys(state) as (keyof State)[]) {
      if (name === 'values' || name === 'news') continue
      const other = { ...state, [name]: changed(state[name]) }
      expect(digestOf(copied(other)), name).not.toBe(words)
    }
  })
})

/** A state in which every part says something. */
const everything = (): State => {
  const state = { ...emptyState }
  for (const name of ['facts', 'checked', 'edges', 'flight', 'costs', 'plans'] as const) {
    const editor = new IntEditor(state[name])
    editor.set(3, 0, 17)
    state[name] = editor.finish()
  }
  for (const name of ['sessions', 'errors', 'cycles', 'stamps', 'lanes', 'terms'] as const)
    state[name] = withObject<never>(state[name] as never, 2, { a: 1 } as never) as never
  return {
    ...state,
    pools: [{ size: 1, running: 0, queue: { head: buildId(1), tail: buildId(1), size: 1 } }],
    kept: [buildId(4)],
    shares: [['a', 1]],
  }
}

const changed = (part: unknown): unknown => {
  if (part instanceof IntTable) {
    const editor = new IntEditor(part)
    editor.set(3, 0, 18)
    return editor.finish()
  }
  if (part instanceof ObjectTable) return withObject<unknown>(part, 2, { a: 2 })
  if (typeof part === 'number') return part + 1
  if (Array.isArray(part)) return part.map(changed)
  if (part === null) return { a: 1 }
  if (typeof part === 'string') return `${part}.`
  return Object.fromEntries(Object.entries(part as object).map(([name, value]) => [name, changed(value)]))
}
