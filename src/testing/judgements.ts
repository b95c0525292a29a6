/** What laws and matchers say of engines: each throws where it does not hold. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildEngine } from '../library/create-engine.js'
import { insideOf } from '../library/inside.js'
import { replay } from '../library/replay.js'
import type { Transaction } from '../library/transaction.js'
import { wordsOf } from '../make/keys.js'
import type { Key } from '../model/definition.js'
import { buildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import { Kind, kindOf } from '../model/state.js'
import { type AgainBy, forAllSchedules, type ScheduleOptions, searchSchedules } from './for-all-schedules.js'
import { expectChanges, expectKeys, replayedBy } from './options.js'
import { judgedBy, textOfResult } from './oracle.js'
import type { EngineFactory } from './pump.js'

export interface Course {
  readonly requests: readonly Key[]
  readonly changes?: readonly ((tx: Transaction) => void)[]
}

/** What each key results in, as texts. Ticks are up to the engine. */
export const resultsOf = async (eng: BuildEngine, keys: readonly Key[]): Promise<readonly string[]> => {
  const asked = keys.map((key) => eng.once(key).either())
  // One that ticks when it is told to only.
  if (insideOf(eng).options.control?.isPumped !== true) await eng.idle()
  return (await Promise.all(asked)).map((result, i) => textOfResult(keys[i]!, result))
}

export const expectOracle = async (eng: BuildEngine, key: Key): Promise<void> => {
  const [text] = await resultsOf(eng, [key])
  const { result, isCyclic } = await judgedBy(eng, key)
  const should = textOfResult(key, result)
  if (text !== should && !isCyclic) throw new Error(`${wordsOf(key)} is ${text}, and should be ${should}`)
}

/** So many are played by default: a test has seconds. */
const CONFLUENT_RUNS = 200

/** Every schedule tells the same, and what is told last is what the simplest one comes to. */
export const expectConfluent = async (
  factory: EngineFactory,
  given: Course & ScheduleOptions,
  again: AgainBy = (replayed) =>
    `expect(engineFactory).toBeConfluent({ requests, changes, ...${replayedBy(replayed)} })`,
): Promise<void> => {
  if (typeof given !== 'object' || given === null)
    throw new Misuse(`toBeConfluent: say what is asked for: { requests: [key] }, got ${shown(given)}`)
  const { requests, changes = [], runs = CONFLUENT_RUNS, ...rest } = given
  const options = { runs, ...rest }
  expectKeys('toBeConfluent', 'requests', requests)
  expectChanges('toBeConfluent', changes)
  let first: string | undefined
  const check = async (eng: BuildEngine): Promise<void> => {
    const told: string[] = []
    told.push(...(await resultsOf(eng, requests)))
    for (const change of changes) {
      eng.transact(change)
      told.push(...(await resultsOf(eng, requests)))
    }
    const text = told.join('\n')
    first ??= text
    if (text !== first) throw new Error(`told\n${text}\nand, under another schedule,\n${first}`)
  }
  // The simplest one, which all others are held against.
  await forAllSchedules(factory, check, { ...options, faults: 0, schedule: 's:' })
  await searchSchedules(factory, check, { ...options, faults: 0 }, ({ faults: _, ...replayed }) => again(replayed))
}

/** What an engine recorded is what replays come to: by its receipts, and by its rules, run again. */
export const expectReplay = async (
  of: EngineFactory | BuildEngine,
  { requests, changes = [] }: Course = { requests: [] },
): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'redford-replay-'))
  const path = join(folder, 'recording')
  try {
    const eng = typeof of === 'function' ? of({ drive: 'manual', record: true }) : of
    for (const change of [undefined, ...changes]) {
      if (change !== undefined) eng.transact(change)
      if (requests.length > 0) await resultsOf(eng, requests)
    }
    const { rules } = insideOf(eng).options
    eng.export(path)
    if (typeof of === 'function') await eng.close()
    if (!existsSync(path)) throw new Error('nothing was recorded')
    const again = replay(path, { rules })
    try {
      const verdicts = [again.verify(), again.verify({ mode: 'reexecute' })]
      for (const verdict of verdicts)
        if (verdict._tag !== 'agrees') throw new Error(`the replay does not agree: ${JSON.stringify(verdict)}`)
    } finally {
      again.close()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Nobody asks for anything any more; then nothing is left, once it is collected. */
export const expectEmptyAfterCancel = (eng: BuildEngine): void => {
  eng.settle()
  const { state } = eng
  for (let x = 1; x < state.facts.end; x++) {
    const kind = kindOf(state, buildId(x))
    if (kind === Kind.REQUEST || kind === Kind.LIVE) throw new Error(`request ${x} is not cancelled`)
  }
  eng.gc({ keep: 0 })
  const { keys } = insideOf(eng)
  const left = keys.part(100).map((x) => wordsOf(keys.keyOf(x)!))
  if (left.length > 0) throw new Error(`all is cancelled, and ${left.join(', ')} is left`)
  if (eng.state.inFlight > 0 || eng.state.facts.end > 0 || eng.state.values.size > 0)
    throw new Error('all is cancelled, and the state is not the empty one')
}
