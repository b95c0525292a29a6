/** Finds rules that hang on more than their key and what they ask for: on a clock, on chance, on what an earlier run left behind. */
import { insideOf } from '../library/inside.js'
import type { Transaction } from '../library/transaction.js'
import { wordsOf } from '../make/keys.js'
import type { Key } from '../model/definition.js'
import { expectChanges, expectFunctions, expectKeys, expectOptions } from './options.js'
import { Oracle, textOfResult } from './oracle.js'
import { Outside, untilKnown } from './outside.js'
import type { EngineFactory } from './pump.js'

export interface PurityOptions {
  /** What is asked for: their rules, and all that these need, are looked at. */
  readonly requests: readonly Key[]
  /** Done first: what sources are set to. */
  readonly changes?: readonly ((tx: Transaction) => void)[]
  /** How long a read or action is waited for, in ms. Default 10,000. */
  readonly patience?: number
}

/** A rule that is no function of its key and its answers. */
export class Impure extends Error {
  override readonly name = 'Impure'
  constructor(
    readonly rule: string,
    readonly key: string,
    /** What was another when it came to something else. */
    readonly when: string,
    difference: string,
  ) {
    super(`${key} is impure: ${when}, ${difference}`)
  }
}

/** Clock and chance stand still, so that what is another is what was made so. */
const fixed = <A>(run: () => A): A => at(0, 0.5, run)

/** Each says what is another, and makes it so while `run` runs. */
interface Condition {
  readonly when: string
  readonly under: <A>(run: () => A) => A
}
const always: readonly Condition[] = [
  { when: 'run a second time', under: fixed },
  { when: 'by another clock', under: (run) => at(LATER_MS, 0.5, run) },
  ...[0, 0.123, 0.987, 1 - 2 ** -53].map((chance) => ({
    when: 'by other random numbers',
    under: <A>(run: () => A): A => at(0, chance, run),
  })),
]
/** Another year, month, day, hour, minute, second. */
const LATER_MS = ((400 * 24 + 7) * 60 + 13) * 60_000 + 11_321

/** Runs every rule behind `requests` again, under other conditions. Returns how many runs there were. @throws Impure */
export const purity = async (engineFactory: EngineFactory, options: PurityOptions): Promise<number> => {
  expectFunctions('purity', { engineFactory })
  expectOptions('purity', options, { patience: 1 }, ['requests', 'changes'])
  const { requests, changes = [] } = options
  expectKeys('purity', 'requests', requests)
  expectChanges('purity', changes)
  const eng = engineFactory({ drive: 'manual' })
  for (const change of changes) eng.transact(change)
  const { world } = insideOf(eng)
  await eng.close()
  const globals = new Set(Reflect.ownKeys(globalThis))
  const conditions: readonly Condition[] = [
    ...always,
    {
      when: 'with nothing on globalThis that was not there before',
      under: (run) => fixed(() => without(globals, run)),
    },
  ]
  const outside = new Outside(options.patience)
  const oracle = new Oracle(world, outside)
  for (const key of requests) await untilKnown(() => fixed(() => oracle.of(key)))
  let runs = 0
  for (const key of oracle.reached()) {
    if (key.of.kind === 'source' || key.of.kind === 'action') continue
    const text = textOfResult(key, oracle.of(key))
    const needs = wordsIn(oracle.needsOf(key))
    const compare = (when: string, again: Oracle): void => {
      runs++
      const [textThen, needsThen] = [textOfResult(key, again.of(key)), wordsIn(again.needsOf(key))]
      // What comes of a circle hangs on where it is found out.
      if (again.isCyclic || oracle.isCyclic) return
      if (needsThen !== needs)
        throw new Impure(key.of.name, wordsOf(key), when, `it asked for ${needsThen}, and before for ${needs}`)
      if (textThen !== text)
        throw new Impure(key.of.name, wordsOf(key), when, `it came to ${textThen}, and before to ${text}`)
    }
    // What is asked for only now has to be found out first.
    for (const { when, under } of conditions) await untilKnown(() => under(() => compare(when, oracle.without(key))))
    // As an engine may: run up to each of its needs, given up there, and run from its beginning.
    for (let stop = 0; stop < oracle.needsOf(key).length; stop++) {
      fixed(() => {
        oracle.runUpTo(key, stop)
        compare(`given up at its need ${stop + 1} and run from its beginning`, oracle.without(key))
      })
    }
    // In a batch with others.
    for (const mate of oracle.reached().filter((other) => oracle.mayShare(key, other)))
      fixed(() => {
        runs++
        const together = textOfResult(key, oracle.inBatch(mate, key))
        if (together !== text)
          throw new Impure(
            key.of.name,
            wordsOf(key),
            `made in one batch with ${wordsOf(mate)}`,
            `it came to ${together}, and alone to ${text}`,
          )
      })
    // What it needs is there in another order.
    const turned = new Oracle(world, outside)
    fixed(() => {
      for (const need of [...oracle.needsOf(key)].reverse()) turned.of(need)
      compare('with what it needs made in the opposite order', turned)
    })
  }
  return runs
}

/** What was put on globalThis since is not there while `run` runs. */
const without = <A>(globals: ReadonlySet<string | symbol>, run: () => A): A => {
  const own = globalThis as unknown as Record<string | symbol, unknown>
  const since = Reflect.ownKeys(globalThis).filter((name) => !globals.has(name))
  const values = since.map((name) => [name, Object.getOwnPropertyDescriptor(own, name)!] as const)
  for (const name of since) delete own[name]
  try {
    return run()
  } finally {
    for (const [name, value] of values) Object.defineProperty(own, name, value)
  }
}

const wordsIn = (keys: readonly Key[]): string => keys.map(wordsOf).join(', ')

/** The clock stands at so many ms, counted from a day of long ago, and every random number is `chance`. */
const at = <A>(ms: number, chance: number, run: () => A): A => {
  const { Date: RealDate, performance: clock } = globalThis
  const [{ now: realNow }, { random }] = [clock, Math]
  const now = 1_000_000_000_000 + ms
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now).toString(),
    construct: (date, args, made) => Reflect.construct(date, args.length === 0 ? [now] : args, made) as Date,
    get: (date, name) => (name === 'now' ? () => now : Reflect.get(date, name)),
  })
  clock.now = () => ms
  Math.random = () => chance
  try {
    return run()
  } finally {
    globalThis.Date = RealDate
    clock.now = realNow
    Math.random = random
  }
}
