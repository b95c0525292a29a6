/** What `diff` says of two builds, compared with what was done otherwise in one of them, and with what their rules came to. */
import { rmSync } from 'node:fs'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { diffCommand } from '../../src/cli/diff.js'
import { codec as C, createEngine, type Key, rule, source } from '../../src/index.js'
import type { Builder } from '../../src/make/rule.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'

const folder = useFolder()
const int = { key: C.int, value: C.int }

/** 0 to 2: set by transactions; 3 to 5: read, by and by; then the plans. */
type Ref = number
const READ = 3
const PLAN = 6

interface Plan {
  readonly do: 'list' | 'series' | 'pick' | 'map' | 'first' | 'attempt' | 'fail'
  readonly of: readonly Ref[]
}

type Step =
  | { readonly step: 'set'; readonly values: readonly (readonly [Ref, number | undefined])[] }
  | { readonly step: 'ask' | 'live'; readonly ref: Ref }
  | { readonly step: 'come'; readonly ref: Ref }
  /** From now on the plan adds so much. */
  | { readonly step: 'bend'; readonly ref: Ref; readonly by: number }
  | { readonly step: 'cancel'; readonly which: number }
  | { readonly step: 'tick' | 'run' | 'gc' }

interface Done {
  readonly tick: number
  readonly ref: Ref
  readonly what: string
}

interface Ran {
  readonly path: string
  /** The ticks that there were before each step. */
  readonly at: readonly number[]
  readonly done: readonly Done[]
}

let count = 0

const record = async (plans: readonly Plan[], steps: readonly Step[]): Promise<Ran> => {
  const path = folder.at(`${count++}.rec`)
  let ticks = (): number => 0
  const done: Done[] = []
  const at: number[] = []
  const bent = new Map<Ref, number>()
  const world = new Map<Ref, number | undefined>([3, 4, 5].map((ref) => [ref, ref]))
  const pending = new Map<Ref, () => void>()
  const tell = (ref: Ref, what: string): void => {
    done.push({ tick: ticks() + 1, ref, what })
  }
  const set = source('set', int)
  const late = source('late', {
    ...int,
    read: (ref: Ref, { signal }) => {
      const value = world.get(ref)
      return new Promise<number | undefined>((resolve) =>
        pending.set(ref, () => {
          pending.delete(ref)
          if (!signal.aborted) tell(ref, String(value))
          resolve(value)
        }),
      )
    },
  })
  const keyOf = (ref: Ref): Key<number> => (ref < READ ? set(ref) : ref < PLAN ? late(ref) : plan(ref))
  const plan = rule('plan', { ...int, error: C.int }, function* (ref: Ref, b: Builder<number>) {
    const { do: how, of } = plans[ref - PLAN]!
    const keys = of.map(keyOf)
    const end = (value: number): number => {
      const made = value + (bent.get(ref) ?? 0)
      tell(ref, String(made))
      return made
    }
    switch (how) {
      case 'list':
        return end((yield* b.all(keys)).reduce((sum, value) => (sum * 7 + value + 1) % 97, 1))
      case 'series': {
        let sum = 1
        for (const key of keys) sum = (sum * 7 + (yield* b.need(key)) + 1) % 97
        return end(sum)
      }
      case 'pick': {
        const by = yield* b.need(keys[0]!)
        return end(yield* b.need(keys[by % keys.length]!))
      }
      case 'map':
        return end((yield* b.need(keys[0]!)) % 2)
      case 'first':
        return end(yield* b.first(keys))
      case 'attempt': {
        const one = yield* b.attempt(keys[0]!)
        return end(E.isRight(one) ? one.right : 55)
      }
      case 'fail': {
        const value = yield* b.need(keys[0]!)
        if (value % 2 === 0) return end(value)
        tell(ref, `fails ${value}`)
        return b.fail(value)
      }
    }
  })
  const eng = createEngine({ rules: [set, late, plan], drive: 'manual', record: path, keep: 3 })
  const run = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    while (eng.tick());
  }
  // biome-ignore lint/complexity/useLiteralKeys: it is private, which brackets get around
  ticks = () => eng['ticks']
  const lives: { cancel(): void }[] = []
  for (const step of steps) {
    at.push(ticks())
    switch (step.step) {
      case 'set':
        eng.transact((tx) => {
          for (const [ref, value] of step.values)
            if (ref >= READ) {
              world.set(ref, value)
              tx.touch(keyOf(ref))
            } else if (value === undefined) tx.remove(set(ref))
            else tx.set(set(ref), value)
        })
        break
      case 'ask':
        eng.once(keyOf(step.ref)).promise.catch(() => {})
        break
      case 'live':
        lives.push(eng.live(keyOf(step.ref)))
        break
      case 'cancel':
        lives[step.which % Math.max(1, lives.length)]?.cancel()
        break
      case 'come':
        pending.get(step.ref)?.()
        await new Promise((resolve) => setImmediate(resolve))
        break
      case 'bend':
        bent.set(step.ref, step.by)
        break
      case 'tick':
        eng.tick()
        break
      case 'run':
        await run()
        break
      case 'gc':
        eng.gc({ keep: 0 })
    }
  }
  at.push(ticks())
  await run()
  for (let some = true; some; ) {
    some = pending.size > 0
    for (const ref of [3, 4, 5]) pending.get(ref)?.()
    await run()
  }
  await eng.close()
  return { path, at, done }
}

const told = async (...args: readonly string[]): Promise<string> => {
  let text = ''
  const take = (more: string): void => {
    text += more
  }
  await diffCommand(args, { print: take, say: take })
  return text
}

const ref = fc.nat(20)
const plans: fc.Arbitrary<readonly Plan[]> = fc.noBias(
  fc
    .array(
      fc.record({
        do: fc.constantFrom('list', 'list', 'series', 'series', 'pick', 'map', 'first', 'attempt', 'fail'),
        of: fc.array(ref, { minLength: 1, maxLength: 3 }),
      }),
      { minLength: 2, maxLength: 6, size: 'max' },
    )
    .map(
      (all) =>
        all.map((plan, i) => ({
          ...plan,
          of: plan.of.map((n) => (i === 0 || n < 9 ? n % 6 : PLAN + (n % i))),
        })) as Plan[],
    ),
)
const steps = (plans: number): fc.Arbitrary<readonly Step[]> => {
  const any = fc.oneof(
    { weight: 1, arbitrary: fc.nat(5) },
    { weight: 4, arbitrary: fc.nat(plans - 1).map((n) => PLAN + n) },
  )
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        step: fc.constant('set' as const),
        values: fc.uniqueArray(fc.tuple(fc.nat(5), fc.option(fc.nat(9), { freq: 8, nil: undefined })), {
          minLength: 1,
          maxLength: 3,
          selector: ([ref]) => ref,
        }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ step: fc.constantFrom('ask' as const, 'live' as const), ref: any }) },
    { weight: 6, arbitrary: fc.record({ step: fc.constant('come' as const), ref: fc.integer({ min: 3, max: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('cancel' as const), which: fc.nat(5) }) },
    { weight: 4, arbitrary: fc.constant<Step>({ step: 'tick' }) },
    { weight: 4, arbitrary: fc.constant<Step>({ step: 'run' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ step: 'gc' }) },
  )
  return fc.noBias(fc.array(step, { minLength: 6, maxLength: 20, size: 'max' }))
}
const ALL: Step = {
  step: 'set',
  values: [
    [0, 1],
    [1, 2],
    [2, 3],
  ],
}

interface Case {
  readonly plans: readonly Plan[]
  readonly a: readonly Step[]
  readonly b: readonly Step[]
  readonly at: number
  readonly what: (typeof WHATS)[number]
}
const WHATS = ['value', 'bend', 'more', 'swap'] as const

/** One difference. */
const cases: fc.Arbitrary<Case> = plans.chain((plans) =>
  fc
    .tuple(steps(plans.length), fc.constantFrom(...WHATS), fc.nat(), steps(plans.length), fc.nat())
    .map(([given, what, pick, others, other]): Case => {
      const a = [ALL, ...given]
      const with_ = (at: number, gone: number, ...more: readonly Step[]) => [
        ...a.slice(0, at),
        ...more,
        ...a.slice(at + gone),
      ]
      const none = { plans, a, b: a, at: 0, what }
      if (what === 'value') {
        const places = a.flatMap((step, i) => (step.step === 'set' ? [i] : []))
        const at = places[pick % places.length]!
        const { values } = a[at] as Extract<Step, { step: 'set' }>
        const which = other % values.length
        const changed = values.map(([ref, value], i) => [ref, i === which ? (value ?? 0) + 10 : value] as const)
        return { ...none, b: with_(at, 1, { step: 'set', values: changed }), at }
      }
      const at = 1 + (pick % (a.length - 1))
      if (what === 'bend')
        return { ...none, b: with_(at, 0, { step: 'bend', ref: PLAN + (other % plans.length), by: 100 }), at }
      if (what === 'more') return { ...none, b: with_(at, 0, others[other % others.length]!), at }
      return at + 1 < a.length ? { ...none, b: with_(at, 2, a[at + 1]!, a[at]!), at } : none
    }),
)

const called = (ref: Ref): string => `${ref < READ ? 'set' : ref < PLAN ? 'late' : 'plan'}(${ref})`
const has = (text: string, pattern: string): boolean =>
  new RegExp(pattern.replaceAll('(', '\\(').replaceAll(')', '\\)')).test(text)

/** What is said of values and of who asked, by what was made and asked. */
const expectTrue = (text: string, given: Case, one: Ran, other: Ran): void => {
  const from = Number(/tick (\d+) is the first/.exec(text)?.[1])
  const sidesOf = (side: string | undefined): readonly [Ran, Ran] => (side === 'A' ? [one, other] : [other, one])
  const made = (ran: Ran, ref: Ref): readonly Done[] =>
    ran.done.filter((done) => done.ref === ref && done.tick >= from && !done.what.startsWith('fails'))
  for (const [, ref, x, y, i = from, j = from] of text.matchAll(
    /(?:plan|late)\((\d)\) was made, and differs: .*its value \((\d+) in A, (\d+) in B\)(?: \(tick (\d+) of A, tick (\d+) of B\))?/g,
  )) {
    expect(one.done).toContainEqual({ tick: Number(i), ref: Number(ref), what: x })
    expect(other.done).toContainEqual({ tick: Number(j), ref: Number(ref), what: y })
  }
  for (const [, ref, side, how, tick] of text.matchAll(
    /(?:plan|late)\((\d)\) was made in ([AB]) (only|more often).* \(tick (\d+)/g,
  )) {
    const [mine, others] = sidesOf(side).map((ran) => made(ran, Number(ref)))
    expect(mine!.map((done) => done.tick)).toContain(Number(tick))
    expect(others!.length).toBeLessThan(mine!.length)
    expect(others!.length > 0).toBe(how === 'more often')
  }
  for (const [, name, how, side, often] of text.matchAll(
    /(\w+\(\d\)) was (asked for|set to \d+) in ([AB]) (only|more often)/g,
  )) {
    const [mine, others] = sidesOf(side).map((ran) => {
      const steps = (ran === one ? given.a : given.b).filter((_, i) => ran.at[i]! + 1 >= from)
      const isSet = how !== 'asked for'
      return steps.filter((step) => (step.step === 'set') === isSet && namesIn(step).includes(name!)).length
    })
    expect(others).toBeLessThan(mine!)
    if (often === 'only') expect(others).toBe(0)
  }
}

/** Who is set, touched or asked for. */
const namesIn = (step: Step): readonly string[] => {
  if (step.step === 'set') return step.values.map(([ref]) => called(ref))
  return step.step === 'ask' || step.step === 'live' ? [called(step.ref)] : []
}

const bare = ({ done }: Ran): readonly object[] =>
  [...done].sort((x, y) => x.ref - y.ref).map(({ ref, what }) => ({ ref, what }))

const expectCause = (text: string, { a, b, at, what }: Case, one: Ran, other: Ran): void => {
  const [line = ''] = text.split('\n')
  const [was, is] = [a[at]!, b[at]!]
  const isSame = /^they are the same/.test(line)
  const isAlike = isSame || /^nothing differs/.test(line)
  if (what === 'value' && was.step === 'set' && is.step === 'set') {
    const i = was.values.findIndex(([, value], i) => value !== is.values[i]![1])
    const [[ref, x], [, y]] = [was.values[i]!, is.values[i]!]
    const values = `${x ?? 'removed'} in A, ${y} in B`
    if (ref < READ)
      expect(line).toBe(
        `tick ${one.at[at]! + 1} is the first that differs: ${called(ref)} was set to something else: ${values}`,
      )
    // It need not be read.
    else if (isSame) expect(other.done).toEqual(one.done)
    else if (x === undefined) expect(text).toContain(`${called(ref)} broke in A, and was made in B`)
    else expect(line).toContain(`${called(ref)} was made, and differs: its value (${values})`)
  }
  if (what === 'bend' && is.step === 'bend') {
    const i = one.done.findIndex((done, i) => JSON.stringify(done) !== JSON.stringify(other.done[i]))
    expect(isSame).toBe(i < 0)
    if (i < 0) return
    const [mine, others] = [one.done[i]!, other.done[i]!]
    expect(line).toBe(
      `tick ${mine.tick} is the first that differs: ${called(is.ref)} was made, and differs: its value (${mine.what} in A, ${others.what} in B)`,
    )
  }
  const isLonger = / ends after tick /.test(line)
  if (what === 'more' && namesIn(is).length > 0 && !isLonger) {
    expect(isAlike).toBe(false)
    const isNamed = (name: string): boolean =>
      has(text, `request for ${name} to be|${name} was (asked for|set to|touched|removed)`)
    expect(namesIn(is).some(isNamed)).toBe(true)
  }
  if (what === 'swap') {
    const names = namesIn(was)
    // Which of them is taken back goes by when they came.
    const isOrder =
      !a.some(({ step }) => step === 'cancel') && !namesIn(a[at + 1]!).some((name) => names.includes(name))
    // What is set by transactions is made, too, of which nobody tells but the recording.
    if (isOrder && JSON.stringify(bare(one)) === JSON.stringify(bare(other)) && !has(text, ': set(\\d) was made'))
      expect(isAlike).toBe(true)
  }
  // Whoever was not known yet is set all the same; what is read is not set.
  expect(text).not.toMatch(/unset|of nothing/)
}

it('what differs is what was planted, and what is said of it is true', { timeout: 120_000 }, async () => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(cases, async (given) => {
      const [one, other] = [await record(given.plans, given.a), await record(given.plans, given.b)]
      const text = (await told(one.path, other.path)).replaceAll(one.path, 'A').replaceAll(other.path, 'B')
      for (const { path } of [one, other]) rmSync(path)
      try {
        expectTrue(text, given, one, other)
        expectCause(text, given, one, other)
      } catch (error) {
        throw new Error(`${text}${JSON.stringify([one.done, other.done])}`, { cause: error })
      }
      if (!text.startsWith('they are the same')) seen.set(given.what, (seen.get(given.what) ?? 0) + 1)
    }),
    { ...runs(250), endOnFailure: true },
  )
  for (const what of WHATS) expect([what, (seen.get(what) ?? 0) > 2]).toEqual([what, true])
})

describe('one and the same is said', () => {
  const plans: readonly Plan[] = [{ do: 'list', of: [0, 2] }]
  const ask: Step = { step: 'ask', ref: PLAN }
  const [run, gc]: readonly [Step, Step] = [{ step: 'run' }, { step: 'gc' }]
  const diff = async (a: readonly Step[], b: readonly Step[]): Promise<string> => {
    const [one, other] = [await record(plans, [ALL, ...a]), await record(plans, [ALL, ...b])]
    return (await told(one.path, other.path)).replaceAll(one.path, 'A').replaceAll(other.path, 'B')
  }
  const set = (...values: readonly (readonly [Ref, number])[]): Step => ({ step: 'set', values })

  it('of what is read, that it was touched, and of a version of what nobody asked for, its number', async () => {
    expect(await diff([ask, run], [set([3, 1]), ask, run])).toBe(
      'tick 1 is the first that differs: late(3) was touched in B, and not in A\n' +
        '  and something else happened outside: a request for plan(6) to be brought up to date in A, version 2 in B\n',
    )
  })
  it('of what one asked for as well, that the other one did more often', async () => {
    expect(await diff([set([1, 5]), run, ask, run], [ask, set([1, 5]), run, ask, run])).toMatch(
      /^the first that came out otherwise: plan\(6\) was asked for in B more often than in A \(tick \d of B\)$/m,
    )
  })
  it('of requests for the same that came in another order', async () => {
    const live: Step = { step: 'live', ref: PLAN }
    expect(await diff([ask, live, run], [live, ask, run])).toMatch(/^nothing differs in what came out: /)
  })
  it('of a source that is set, be it known by then or not', async () => {
    expect(await diff([gc, ask, run, set([0, 5]), run], [ask, run, gc, set([0, 5]), run])).toMatch(
      /^nothing differs in what came out: /,
    )
  })
})
