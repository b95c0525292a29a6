/** Forks of random builds, at any tick: fed what was recorded they come to the same, and by themselves to what a fresh engine comes to. */
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { expect, it } from 'vitest'
import { policyNamed } from '../../src/engine.js'
import {
  action,
  type BuildEngine,
  codec as C,
  createEngine,
  type Key,
  type Policy,
  replay,
  source,
} from '../../src/index.js'
import { insideOf } from '../../src/library/inside.js'
import type { SourceKey } from '../../src/model/definition.js'
import { digestOf } from '../../src/model/digest.js'
import { checkInvariants } from '../../src/model/invariants.js'
import { reduce } from '../../src/reduce/reduce.js'
import { copyInto, Rewriter } from '../../src/replay/rewriter.js'
import {
  ACTIONS,
  evaluate,
  FAILS,
  FIRST_PLAN,
  leafKeysOf,
  ofAction,
  type Plans,
  READ_SOURCES,
  type Ref,
  rulesOf,
  SET_SOURCES,
  type Truth,
  textOf,
} from '../../src/testing/plans.js'
import { everyPolicy, knowing, play } from '../../src/testing/plays.js'
import {
  circles,
  passingCircles,
  picker,
  picks,
  type Sample,
  type Step,
  samples,
  schedules,
} from '../../src/testing/scripts.js'
import { textOfResult } from '../../src/testing/watched.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'

const folder = useFolder()
let count = 0
const fresh = (): string => folder.at(`${count++}.rec`)

const shipped: readonly Policy[] = [
  ...everyPolicy,
  ...knowing,
  ...[
    'slice(5)',
    'firstCome',
    'aimd(5)',
    'shortestRemaining(0.2)',
    'fairShare(a: 3)',
    'deadline>criticalPath',
    'criticalPath+slice(1)',
    'shortestRemaining+cap(1)',
    'nagle(4, 1)',
  ].map(policyNamed),
]

/** The same rules, in a world of their own that answers at once. */
const worldOf = (plans: Plans, truth: (ref: Ref) => Truth[number]) => {
  const key = { key: C.int, value: C.int }
  const find = (ref: Ref): number | undefined => {
    const value = truth(ref)
    if (value === FAILS) throw new Error('it fails')
    return value
  }
  const set = source('set', key)
  const read = source('read', { ...key, read: find, watch: () => () => {} })
  const run = (ref: Ref): number => {
    find(ref)
    return ofAction(ref)
  }
  const pooled = action('pooled', { ...key, pool: 'pool', run })
  const free = action('free', { ...key, run })
  const { rules, keyOf } = rulesOf(plans, leafKeysOf({ set, read, pooled, free }))
  return { rules: [set, read, pooled, free, ...rules], keyOf }
}

interface Recorded {
  readonly path: string
  /** At each version: what is outside, and what was set. */
  readonly truths: readonly Truth[]
  readonly settings: readonly ReadonlyMap<Ref, number | undefined>[]
}

const record = (
  sample: Sample,
  steps: readonly Step[],
  order: readonly number[],
  policy: Policy,
  pool: number,
): Recorded => {
  const path = fresh()
  const played = play(sample, steps, {
    policy,
    pool,
    record: true,
    check: false,
  })
  played.finish(picker(order))
  played.eng.export(path)
  // biome-ignore lint/complexity/useLiteralKeys: it is protected, which brackets get around
  const [truths, settings] = [played['truths'], played['settings']]
  played.close()
  return { path, truths, settings }
}

const ask = async (eng: BuildEngine, keys: readonly Key<number>[]): Promise<readonly string[]> => {
  const asked = keys.map((key) => eng.once(key))
  await eng.idle()
  return asked.map((request) => (request.now === undefined ? 'never' : textOfResult(request.now)))
}

const value = fc.option(fc.nat(3), { freq: 6, nil: undefined })
const cases = fc.record({
  sample: fc.oneof(
    { weight: 3, arbitrary: samples() },
    { weight: 1, arbitrary: circles(false) },
    { weight: 1, arbitrary: passingCircles },
  ),
  steps: schedules(25, { ticks: true }),
  order: picks,
  by: fc.nat(shipped.length - 2),
  later: fc.nat(shipped.length - 1),
  pool: fc.integer({ min: 1, max: 2 }),
  otherPool: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  at: fc.nat(),
  other: fc.tuple(value, value, value, value),
  fails: fc.subarray([...READ_SOURCES, ...ACTIONS]),
})

it('what was recorded, fed to a fork, comes to the same; and what it is asked for, to what it is', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ sample, steps, order, by, later, pool, otherPool, at, other, fails }) => {
      const { path, truths, settings } = record(sample, steps, order, shipped[by]!, pool)
      let truth: Truth = []
      const { rules, keyOf } = worldOf(sample.plans, (ref) => truth[ref])
      const recording = replay(path, { rules })
      const { ticks } = recording
      const tick = at % (ticks + 1)
      const end = recording.reader.digestAt(ticks)
      // The command's fork.
      const [part, whole] = [fresh(), fresh()]
      copyInto(part, recording.reader, tick)
      const begun = replay(part, { rules })
      expect(begun.verify()).toEqual({ _tag: 'agrees', ticks: tick })
      const rewriter = new Rewriter(begun.reader, tick, whole)
      for (let t = tick + 1; t <= ticks; t++) rewriter.apply(recording.reader.at(t))
      expect(digestOf(rewriter.state)).toBe(end)
      rewriter.close()
      const rewritten = replay(whole, { rules })
      expect(rewritten.verify()).toEqual({ _tag: 'agrees', ticks: ticks - tick })
      rewritten.close()
      // The library's; and of a fork's recording.
      const which = at % 2 === 0 ? recording : begun
      const forked = fresh()
      const same = which.fork(tick, { drive: 'manual', policy: shipped[by]! })
      expect(digestOf(same.state)).toBe(digestOf(recording.stateAt(tick).state))
      let { state } = same
      for (let t = tick + 1; t <= ticks; t++) state = reduce(state, recording.reader.at(t).input).state
      expect(digestOf(state)).toBe(end)
      void same.close()
      const { version } = same
      truth = truths[version]!
      const eng = which.fork(tick, {
        drive: 'manual',
        record: forked,
        policy: shipped[later]!,
        ...(otherPool && { pools: { pool: otherPool } }),
      })
      expect(eng.version).toBe(version)
      const all: readonly Ref[] = [...truth.keys(), ...ACTIONS, ...sample.plans.map((_, i) => FIRST_PLAN + i)].filter(
        (x, i, all) => all.indexOf(x) === i,
      )
      const expectRight = (answers: readonly string[], fresh: readonly string[]): void => {
        const oracle = evaluate(sample.plans, truth)
        all.forEach((ref, i) => {
          const circle = oracle.circle(ref)
          const said = `${ref} after tick ${tick} of ${ticks}: ${answers[i]}, fresh ${fresh[i]}`
          if (circle === 'none') expect(answers[i], said).toBe(textOf(oracle.result(ref)))
          else if (circle === 'on') expect(answers[i], said).toContain('cycle')
          else expect(answers[i], said).not.toBe('never')
          if (circle === 'none') expect(fresh[i], said).toBe(answers[i])
        })
      }
      const setAll = (eng: BuildEngine, set: ReadonlyMap<Ref, number | undefined>): void => {
        eng.transact((tx) => {
          for (const [ref, value] of set)
            if (value === undefined) tx.remove(keyOf(ref) as SourceKey)
            else tx.set(keyOf(ref) as SourceKey<number>, value)
        })
      }
      const anew = async (set: ReadonlyMap<Ref, number | undefined>): Promise<readonly string[]> => {
        const eng = createEngine({ rules, drive: 'manual', pools: { pool: 1 } })
        setAll(eng, set)
        const answers = await ask(eng, all.map(keyOf))
        void eng.close()
        return answers
      }
      const lives = all.map((ref) => eng.live(keyOf(ref)))
      expectRight(await ask(eng, all.map(keyOf)), await anew(settings[version]!))
      checkInvariants(eng.state)
      // Other settings than those that were recorded.
      truth = other.map((value, ref) => (fails.includes(ref) ? FAILS : value))
      for (const ref of ACTIONS) (truth as Truth[number][])[ref] = fails.includes(ref) ? FAILS : undefined
      const set = new Map(SET_SOURCES.map((ref) => [ref, other[ref]]))
      setAll(eng, set)
      eng.transact((tx) => [...READ_SOURCES, ...ACTIONS].forEach((ref) => tx.touch(keyOf(ref))))
      await eng.idle()
      const answers = await anew(set)
      expectRight(await ask(eng, all.map(keyOf)), answers)
      expectRight(
        lives.map((live) =>
          live.now === undefined
            ? 'never'
            : textOfResult(live.now._tag === 'value' ? E.right(live.now.value) : E.left(live.now.error)),
        ),
        answers,
      )
      checkInvariants(eng.state)
      for (const live of lives) live.cancel()
      await eng.idle()
      eng.gc({ keep: 0 })
      expect(eng.state.inFlight).toBe(0)
      expect(insideOf(eng).keys.size).toBe(0)
      void eng.close()
      const again = replay(forked, { rules })
      expect(again.verify()._tag).toBe('agrees')
      truth = []
      expect(again.verify({ mode: 'reexecute' })._tag).toBe('agrees')
      again.close()
      begun.close()
      recording.close()
    }),
    { ...runs(40), endOnFailure: true },
  )
})
