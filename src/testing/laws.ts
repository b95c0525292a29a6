/** The laws, as tests of a user's own rules. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { insideOf } from '../library/inside.js'
import { sqliteStore } from '../library/store.js'
import type { Transaction } from '../library/transaction.js'
import { fromTable } from '../make/answers.js'
import { wordsOf } from '../make/keys.js'
import { canonical } from '../model/codec.js'
import type { Key } from '../model/definition.js'
import { Misuse } from '../model/misuse.js'
import { objectAt } from '../model/table.js'
import { Counterexample, explore } from './explore.js'
import { type AgainBy, forAllSchedules, type ScheduleOptions, searchSchedules } from './for-all-schedules.js'
import {
  type Course,
  expectConfluent,
  expectEmptyAfterCancel,
  expectOracle,
  expectReplay,
  resultsOf,
} from './judgements.js'
import { expectChanges, expectFunctions, expectKeys, expectOptions, replayedBy } from './options.js'
import type { EngineFactory } from './pump.js'
import { purity } from './purity.js'
import type { ScriptStep } from './space.js'

/** What of a test runner is used: vitest's, jest's, node's own. */
export interface Runner {
  readonly describe: (name: string, tests: () => void) => void
  /** `timeout`: how long it may take, in ms. Node's own `it` takes no heed of it, and needs none. */
  readonly it: (name: string, test: () => Promise<void>, timeout: number) => void
}

export interface LawOptions extends Pick<ScheduleOptions, 'runs' | 'seed' | 'patience' | 'schedule'> {
  /** What is asked for. */
  readonly requests: readonly Key[]
  /** What changes, one transaction after the other. */
  readonly changes?: readonly ((tx: Transaction) => void)[]
  /** How many states are explored. Default 20,000. */
  readonly bound?: number
  /** How long each of the tests may take, in ms. Default two minutes. */
  readonly timeout?: number
  readonly runner?: Runner
}

/** What the law of every schedule explores: the first change, two that ask once, one that follows, and the other changes. */
export const lawScript = ({ requests, changes = [] }: Course): readonly ScriptStep[] => [
  ...changes.slice(0, 1).map((transact) => ({ transact })),
  ...requests.slice(0, 2).map((once) => ({ once })),
  { live: requests[0]! },
  ...changes.slice(1).map((transact) => ({ transact })),
]

/** Registers a test for each law. Without `runner`, `describe` and `it` are to be there for all, as with vitest's `globals`. */
export const laws = (engineFactory: EngineFactory, options: LawOptions): void => {
  expectFunctions('laws', { engineFactory })
  expectOptions('laws', options, LEAST, OTHERS)
  const { describe, it: register } = options.runner ?? (globalThis as unknown as Partial<Runner>)
  if (describe === undefined || register === undefined)
    throw new Misuse("laws: name the test runner: import { describe, it } from 'vitest', { runner: { describe, it } }")
  const { requests, changes = [], runs = 100, bound = 20_000, timeout = TIMEOUT_MS, seed, patience, schedule } = options
  expectKeys('laws', 'requests', requests)
  expectChanges('laws', changes)
  const schedules: ScheduleOptions = {
    runs,
    ...(seed !== undefined && { seed }),
    ...(patience !== undefined && { patience }),
    ...(schedule !== undefined && { schedule }),
  }
  const runner = options.runner === undefined ? '' : 'runner, '
  const again: AgainBy = (replayed) => `laws(engineFactory, { requests, changes, ${runner}...${replayedBy(replayed)} })`
  const script = lawScript({ requests, changes })
  const each = async (check: Parameters<typeof forAllSchedules>[1]): Promise<void> => {
    await searchSchedules(engineFactory, check, schedules, again)
  }
  const it = (name: string, test: () => Promise<void>): void => register(name, test, timeout)
  describe('the laws of builds', () => {
    // First of all: what a rule keeps from its first run on is the same in every later one.
    it('rules hang on nothing but their key and what they ask for', () =>
      purity(engineFactory, { requests, changes: changes.slice(0, 1) }).then(() => {}))
    it('values are what plain recursion comes to', () =>
      each(async (eng) => {
        for (const change of [undefined, ...changes]) {
          if (change !== undefined) eng.transact(change)
          await Promise.all(requests.map((key) => expectOracle(eng, key)))
        }
      }))
    it('every schedule comes to the same', () =>
      expectConfluent(engineFactory, { ...schedules, requests, changes }, again))
    it('every schedule of the script is lawful: what is made once a version, answered once, and right', async () => {
      await explore(engineFactory, script, { bound, choices: 'singles', beyond: { schedules: runs } }).catch(
        (error: unknown) => {
          if (error instanceof Counterexample)
            error.message = error.message.replace(', script,', ', lawScript({ requests, changes }),')
          throw error
        },
      )
    })
    it('what happened is what a replay comes to, and so are the rules, run again', () =>
      expectReplay(engineFactory, { requests, changes }))
    it('once all is cancelled and collected, nothing is left', () =>
      each(async (eng) => {
        const lives = requests.map((key) => eng.live(key))
        for (const change of changes) eng.transact(change)
        await eng.idle()
        for (const live of lives) live.cancel()
        expectEmptyAfterCancel(eng)
      }))
    it('garbage collected at any time, or values given up, change nothing that is told', () =>
      each(async (eng) => {
        for (const change of [undefined, ...changes]) {
          if (change !== undefined) eng.transact(change)
          const before = await resultsOf(eng, requests)
          eng.gc({ keep: 0 })
          if ((await resultsOf(eng, requests)).join() !== before.join()) throw new Error('collected, it is another')
          eng.wipe()
          if ((await resultsOf(eng, requests)).join() !== before.join()) throw new Error('given up, it is another')
        }
      }))
    it('an engine that is gone, at any time, and opened again from its store, goes on to the same', () =>
      expectReopened(engineFactory, requests, changes))
    it('keys and values come back from what they are written as', async () => {
      await forAllSchedules(
        engineFactory,
        async (eng) => {
          for (const change of changes) eng.transact(change)
          await resultsOf(eng, requests)
          expectRoundTrips(eng)
        },
        { ...schedules, runs: 1 },
      )
    })
  })
}

const TIMEOUT_MS = 120_000
const LEAST = { runs: 1, bound: 1, timeout: 1, seed: Number.NEGATIVE_INFINITY, patience: 0 }
const OTHERS = ['requests', 'changes', 'runner', 'schedule']

type Eng = ReturnType<EngineFactory>

const expectRoundTrips = (eng: Eng): void => {
  const { keys } = insideOf(eng)
  for (const x of keys.part(100)) {
    const key = keys.keyOf(x)!
    const { of } = key
    const text = canonical(of.keys.encode(key.key))
    const again = canonical(of.keys.encode(of.keys.decode(JSON.parse(text))))
    if (again !== text) throw new Error(`${of.name}: its key ${text} comes back as ${again}`)
    const value = objectAt(eng.state.values, x)
    if (value === undefined) continue
    const written = canonical(of.values.encode(fromTable(value)))
    const read = canonical(of.values.encode(of.values.decode(JSON.parse(written))))
    if (read !== written) throw new Error(`${wordsOf(key)}: its value ${written} comes back as ${read}`)
  }
}

/** Ends engines after each number of ticks, as a sudden end would: what was committed is there. */
const expectReopened = async (
  factory: EngineFactory,
  requests: readonly Key[],
  changes: readonly ((tx: Transaction) => void)[],
): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'redford-laws-'))
  try {
    const whole = factory({ drive: 'manual' })
    for (const change of changes) whole.transact(change)
    const should = await resultsOf(whole, requests)
    await whole.close()
    for (let ticks = 0, isOver = false; !isOver && ticks < 50; ticks++) {
      const store = sqliteStore(join(folder, `${ticks}.db`))
      const first = factory({ drive: 'manual', store })
      for (const change of changes) first.transact(change)
      for (const key of requests) first.once(key)
      let done = 0
      while (done < ticks && first.tick()) done++
      isOver = done < ticks
      await first.close()
      const second = factory({ drive: 'manual', store })
      // What the factory itself sets, it set anew, over what was changed.
      if (second.version > first.version) for (const change of changes) second.transact(change)
      const results = await resultsOf(second, requests)
      await second.close()
      if (results.join() !== should.join())
        throw new Error(`ended after ${done} ticks, it comes to ${results}, and should come to ${should}`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
