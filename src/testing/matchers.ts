/** What tests may expect of engines: `expect.extend(matchers)`, in vitest or jest. */
import type { BuildEngine } from '../library/create-engine.js'
import type { Key } from '../model/definition.js'
import { Misuse, messageOf } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import type { ScheduleOptions } from './for-all-schedules.js'
import { type Course, expectConfluent, expectEmptyAfterCancel, expectOracle, expectReplay } from './judgements.js'
import { expectFunctions, expectKeys } from './options.js'
import { type EngineFactory, isEngine } from './pump.js'

export interface Judgement {
  readonly pass: boolean
  readonly message: () => string
}

const judged = async (holds: () => void | Promise<void>, otherwise: string): Promise<Judgement> => {
  try {
    await holds()
    return { pass: true, message: () => otherwise }
  } catch (error) {
    // Of who asks for what cannot be, and not of the engine: with `.not` it would pass.
    if (error instanceof Misuse) throw error
    return { pass: false, message: () => messageOf(error) }
  }
}

const expectEngine = (who: string, eng: unknown): void => {
  if (!isEngine(eng)) throw new Misuse(`${who}: expected an engine, got ${shown(eng)}`)
}

type Rest<F> = F extends (of: never, ...rest: infer R) => unknown ? (...rest: R) => Promise<void> : never

/** The matchers, as `expect(of)` has them: each takes what is left to be said, and is awaited. */
export type Matching = { [Name in keyof typeof matchers]: Rest<(typeof matchers)[Name]> }

/** Await each: `await expect(eng).toMatchOracle(key)`. */
export const matchers = {
  /** An engine that records, or a factory: what it recorded is what replays come to. */
  toReplay: (of: EngineFactory | BuildEngine, course?: Course): Promise<Judgement> =>
    judged(() => {
      if (typeof of !== 'function') expectEngine('toReplay', of)
      return expectReplay(of, course)
    }, 'the replay agrees'),
  /** A factory: every schedule tells the same. */
  toBeConfluent: (factory: EngineFactory, options: Course & ScheduleOptions): Promise<Judgement> =>
    judged(() => {
      expectFunctions('toBeConfluent', { engineFactory: factory })
      return expectConfluent(factory, options)
    }, 'every schedule tells the same'),
  /** An engine whose requests are all cancelled or answered: once collected, it holds nothing. */
  toBeEmptyAfterCancel: (eng: BuildEngine): Promise<Judgement> =>
    judged(() => {
      expectEngine('toBeEmptyAfterCancel', eng)
      expectEmptyAfterCancel(eng)
    }, 'nothing is left'),
  /** An engine: what each key comes to is what plain recursion says. */
  toMatchOracle: (eng: BuildEngine, ...keys: Key[]): Promise<Judgement> =>
    judged(async () => {
      expectEngine('toMatchOracle', eng)
      expectKeys('toMatchOracle', 'keys', keys)
      for (const key of keys) await expectOracle(eng, key)
    }, 'it is what the oracle says'),
}

/** Adds the matchers to `expect`. */
export const extend = (expect: { readonly extend: (matchers: never) => void }): void => {
  if (typeof expect?.extend !== 'function')
    throw new Misuse("extend: hand it the `expect` of the test runner: import { expect } from 'vitest'")
  expect.extend(matchers as never)
}
