/** What tests may expect of engines: `expect.extend(matchers)`, in vitest or jest. */
import type { BuildEngine } from '../library/create-engine.js'
import type { Key } from '../model/definition.js'
import { messageOf } from '../model/misuse.js'
import type { ScheduleOptions } from './for-all-schedules.js'
import { type Course, expectConfluent, expectEmptyAfterCancel, expectOracle, expectReplay } from './judgements.js'
import type { EngineFactory } from './pump.js'

interface Judgement {
  readonly pass: boolean
  readonly message: () => string
}

const judged = async (holds: () => void | Promise<void>, otherwise: string): Promise<Judgement> => {
  try {
    await holds()
    return { pass: true, message: () => otherwise }
  } catch (error) {
    return { pass: false, message: () => messageOf(error) }
  }
}

/** Await each: `await expect(eng).toMatchOracle(key)`. */
export const matchers = {
  /** An engine that records, or a factory: what it recorded is what replays come to. */
  toReplay: (of: EngineFactory | BuildEngine, course?: Course): Promise<Judgement> =>
    judged(() => expectReplay(of, course), 'the replay agrees'),
  /** A factory: every schedule tells the same. */
  toBeConfluent: (factory: EngineFactory, options: Course & ScheduleOptions): Promise<Judgement> =>
    judged(() => expectConfluent(factory, options), 'every schedule tells the same'),
  /** An engine whose requests are all cancelled or answered: once collected, it holds nothing. */
  toBeEmptyAfterCancel: (eng: BuildEngine): Promise<Judgement> =>
    judged(() => expectEmptyAfterCancel(eng), 'nothing is left'),
  /** An engine: what each key comes to is what plain recursion says. */
  toMatchOracle: (eng: BuildEngine, ...keys: readonly Key[]): Promise<Judgement> =>
    judged(async () => {
      for (const key of keys) await expectOracle(eng, key)
    }, 'it is what the oracle says'),
}

/** Adds the matchers to `expect`. */
export const extend = (expect: { readonly extend: (matchers: never) => void }): void => expect.extend(matchers as never)
