/** Finds rules that hang on more than their key and what they ask for: on a clock, on chance, on what an earlier run left behind. */
import { insideOf } from '../library/inside.js'
import type { Transaction } from '../library/transaction.js'
import { wordsOf } from '../make/keys.js'
import type { Key } from '../model/definition.js'
import { expectChanges, expectFunctions, expectKeys, expectOptions } from './options.js'
import { Oracle, textOfResult } from './oracle.js'
import { Outside, untilKnown } from './outside.js'
import { type EngineFactory, engineOf } from './pump.js'

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

/** Other years, months, days, hours, minutes, seconds; some in the past of today, some in its future, whenever that is; an hour of each third of a day. */
const LATER_MS = [
  [400, 7, 13, 11],
  [5_000, 13, 40, 5],
  [12_345, 19, 2, 59],
  [30_000, 3, 29, 31],
].map(([days, hours, minutes, seconds]) => (((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!) * 1000 + 321)

/** Each says what is another, and makes it so while `run` runs. */
/** So many others of its rule are made in the midst of a build. */
const OTHERS_MAX = 5

interface Condition {
  readonly when: string
  readonly under: <A>(run: () => A) => A
}
const always: readonly Condition[] = [
  { when: 'run a second time', under: fixed },
  ...LATER_MS.map((ms) => ({ when: 'by another clock', under: <A>(run: () => A): A => at(ms, 0.5, run) })),
  ...[0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1 - 2 ** -53].map((chance) => ({
    when: 'by other random numbers',
    under: <A>(run: () => A): A => at(0, chance, run),
  })),
]

/** Runs every rule behind `requests` again, under other conditions. Returns how many runs there were. @throws Impure */
export const purity = async (engineFactory: EngineFactory, options: PurityOptions): Promise<number> => {
  expectFunctions('purity', { engineFactory })
  expectOptions('purity', options, { patience: 1 }, ['requests', 'changes'])
  const { requests, changes = [] } = options
  expectKeys('purity', 'requests', requests)
  expectChanges('purity', changes)
  const eng = engineOf('purity', engineFactory, { drive: 'manual' })
  for (const key of requests) insideOf(eng).keys.checkFor('purity', key)
  for (const change of changes) eng.transact(change)
  const { world } = insideOf(eng)
  await eng.close()
  const before = kept()
  const conditions: readonly Condition[] = [
    ...always,
    {
      when: 'with nothing that other runs left on globalThis',
      under: (run) => fixed(() => without(before, run)),
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
    // Between its needs, its rule runs for another key.
    for (const other of oracle
      .reached()
      .filter((one) => one.of === key.of && one !== key)
      .slice(0, OTHERS_MAX))
      fixed(() => {
        runs++
        const amid = textOfResult(key, oracle.amid(key, other))
        if (amid !== text && !oracle.isCyclic)
          throw new Impure(
            key.of.name,
            wordsOf(key),
            `with ${wordsOf(other)} made in the midst of it`,
            `it came to ${amid}, and before to ${text}`,
          )
      })
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

type Names = ReadonlyMap<object, ReadonlySet<string | symbol>>

/** What there is on all that every program shares: globalThis, what is on it, their prototypes, and the environment. */
const kept = (): Names => {
  const shared = new Set<object>([globalThis, process.env])
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    // Getters are for who needs what they load.
    const value: unknown = Object.getOwnPropertyDescriptor(globalThis, name)?.value
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) continue
    shared.add(value)
    const { prototype } = value as { readonly prototype?: object }
    if (typeof prototype === 'object' && prototype !== null) shared.add(prototype)
  }
  return new Map([...shared].map((one) => [one, new Set(Reflect.ownKeys(one))]))
}

/** What was put there since is not there while `run` runs. */
const without = <A>(before: Names, run: () => A): A => {
  const taken: (readonly [object, string | symbol, PropertyDescriptor])[] = []
  for (const [one, names] of before)
    for (const name of Reflect.ownKeys(one)) {
      const found = names.has(name) ? undefined : Object.getOwnPropertyDescriptor(one, name)
      if (found?.configurable !== true) continue
      taken.push([one, name, found])
      Reflect.deleteProperty(one, name)
    }
  try {
    return run()
  } finally {
    for (const [one, name, found] of taken) Object.defineProperty(one, name, found)
  }
}

const wordsIn = (keys: readonly Key[]): string => keys.map(wordsOf).join(', ')

/** The clocks stand at so many ms, counted from a day of long ago, and every random number is `chance`. */
const at = <A>(ms: number, chance: number, run: () => A): A => {
  const { Date: RealDate } = globalThis
  const now = 1_000_000_000_000 + ms
  const hrtime = (since?: [number, number]): [number, number] => {
    const [seconds, nanos] = [Math.floor(now / 1000), (now % 1000) * 1_000_000]
    if (since === undefined) return [seconds, nanos]
    const [s, n] = [seconds - since[0], nanos - since[1]]
    return n < 0 ? [s - 1, n + 1_000_000_000] : [s, n]
  }
  const stands: readonly (readonly [object, string, unknown])[] = [
    [
      globalThis,
      'Date',
      new Proxy(RealDate, {
        apply: () => new RealDate(now).toString(),
        construct: (date, args, made) => Reflect.construct(date, args.length === 0 ? [now] : args, made) as Date,
        get: (date, name) => (name === 'now' ? () => now : Reflect.get(date, name)),
      }),
    ],
    [performance, 'now', () => ms],
    [performance, 'timeOrigin', now - ms],
    [process, 'hrtime', Object.assign(hrtime, { bigint: () => BigInt(now) * 1_000_000n })],
    [process, 'uptime', () => ms / 1000],
    [Math, 'random', () => chance],
  ]
  const were = stands.map(([of, name]) => Object.getOwnPropertyDescriptor(of, name))
  for (const [of, name, value] of stands) Object.defineProperty(of, name, { value, configurable: true, writable: true })
  try {
    return run()
  } finally {
    stands.forEach(([of, name], i) => {
      const was = were[i]
      if (was === undefined) Reflect.deleteProperty(of, name)
      else Object.defineProperty(of, name, was)
    })
  }
}
