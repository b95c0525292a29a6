/** Reasons against what happened: what `why` says is so, and what `whyNot` says stays unmade is not made by the next build. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildId } from '../../src/model/ids.js'
import { Flag, hasFlag, Kind, kindOf, type State, Status, statusOf } from '../../src/model/state.js'
import { rowsEnd } from '../../src/model/table.js'
import { type Why, why } from '../../src/replay/why.js'
import type { Cause } from '../../src/replay/why-facts.js'
import { whyNot } from '../../src/replay/why-not.js'
import { type Names, requestWords, whyLines, whyNotLines } from '../../src/replay/why-words.js'
import { edits, ops, picker, picks, samples, worldOf } from '../property/arbitraries.js'
import { edit, playOps } from '../property/laws.js'
import { runs } from '../support/runs.js'
import { Play, type Rule, type World } from '../support/world.js'

const same = (x: number): number => x
const nameOf = (x: number): string => `t${x}`
/** What asks for all of these at once. */
const rule = (asks: readonly number[]) => ({ asks: [asks], output: 'sum' }) as const
const words: Pick<Names, 'errorWords' | 'word' | 'generation'> = {
  errorWords: ({ _tag }) => _tag,
  word: 'it',
  generation: requestWords,
}

describe('why', () => {
  it('names what was another, down to a file that is; and nothing else', () => {
    const told = new Set<string>()
    fc.assert(
      fc.property(samples(), edits, picks, fc.boolean(), (sample, changes, order, isForced) => {
        const world = worldOf(sample)
        const play = new Play(world)
        play.build(sample.targets)
        const before = play.engine.state
        const files = new Map(world.files)
        play.runs.length = 0
        edit(play, world, changes, false)
        play.request(sample.targets, isForced ? 'force' : 'ifchange')
        play.finish(picker(order))
        const { state } = play.engine
        const differs = (x: number): boolean => files.get(x) !== world.files.get(x)
        // Without its do-file a run fails before it begins.
        const hasRun = (x: number): boolean => play.runs.includes(x) || hasFlag(state, buildId(x), Flag.BROKEN)
        for (const x of play.runs.map(buildId)) {
          const found = why(state, x, same)
          if (found._tag !== 'made') throw new Error(`${x} is ${found._tag}`)
          expect(found.generation).toBe(state.generation)
          const isFile = world.rules.get(x)!.output !== 'none'
          if (isFile && found.result === 'same') expect(differs(x), `${x} is the same`).toBe(false)
          if (isFile && found.result === 'changed' && !world.rules.get(x)!.stamps)
            expect(differs(x) || hasFlag(before, x, Flag.BROKEN | Flag.STAMPED), `${x} is another`).toBe(true)
          for (const d of [...found.cutoffs, ...found.alsoChanged]) expect(hasRun(d) || differs(d), `${d}`).toBe(true)
          for (const d of found.unchanged) expect(hasRun(d) || differs(d), `${d} is as it was`).toBe(false)
          found.chain.forEach((link, i) => {
            const next = found.chain[i + 1]
            if (link._tag === 'source') {
              told.add(link.change._tag)
              const above = found.chain[i - 1]
              // What is not there has whoever asks for it run each time.
              if (above?._tag === 'made' && above.cause._tag === 'missing')
                return expect(world.files.has(link.build), `${link.build} is there`).toBe(false)
              return expect(differs(link.build), `${link.build} changed: ${link.change._tag}`).toBe(true)
            }
            if (link._tag !== 'made') throw new Error(`${link.build} is ${link._tag}`)
            const { cause } = link
            told.add(cause._tag)
            expect(hasRun(link.build), `${link.build} was run`).toBe(true)
            const wasThere = kindOf(before, buildId(link.build)) === Kind.TARGET
            if (cause._tag === 'first') expect(wasThere, `${link.build} is new`).toBe(false)
            if (cause._tag === 'failed') expect(hasFlag(before, buildId(link.build), Flag.BROKEN)).toBe(true)
            if (cause._tag === 'forced') expect(isForced).toBe(true)
            if (cause._tag === 'always') expect(world.rules.get(link.build)!.always).toBe(true)
            if (cause._tag === 'appeared')
              expect(world.files.has(cause.dependency!) && !files.has(cause.dependency!)).toBe(true)
            if (cause._tag === 'changed') expect(next?.build).toBe(cause.dependency)
            expect(cause._tag).not.toBe('unknown')
          })
        }
      }),
      runs(400),
    )
    // The samples are such that it had a chance to be wrong.
    for (const tag of ['changed', 'content', 'forced', 'failed', 'always', 'went', 'came']) expect(told).toContain(tag)
  })
})

it('what is said of a run is said for as long as it is the last one, or that it is not known any more', () => {
  const groups = ['cutoffs', 'alsoChanged', 'broken', 'added'] as const
  let asked = 0
  fc.assert(
    fc.property(
      samples(),
      fc.array(fc.tuple(edits, fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), fc.boolean()), {
        minLength: 1,
        maxLength: 5,
      }),
      picks,
      (sample, history, order) => {
        const world = worldOf(sample)
        const said = new Map<number, Extract<Why<number>, { _tag: 'made' }>>()
        const check = (state: State, isOver: boolean): void => {
          for (let x = 1; x <= rowsEnd(state.facts); x++) {
            const found = why(state, buildId(x), same)
            if (found._tag !== 'made' || found.result === 'pending') continue
            const before = said.get(x)
            if (before?.generation !== found.generation) {
              if (isOver) said.set(x, found)
              continue
            }
            asked++
            for (const [i, link] of found.chain.entries()) {
              expect(link.build).toBe(before.chain[i]?.build)
              if (link._tag === 'madeSince' || link._tag === 'earlier' || (link._tag === 'source' && link.again)) break
              expect(link).toEqual(before.chain[i])
            }
            for (const group of groups) expect(before[group]).toEqual(expect.arrayContaining([...found[group]]))
            expect(found.unchanged).toEqual(expect.arrayContaining([...before.unchanged]))
            expect(before.neededBy).toEqual(expect.arrayContaining([...found.neededBy]))
            if (before.fault === undefined) expect(found.fault).toBe(undefined)
            else expect(found.fault?.error._tag).not.toBe('interrupted')
          }
        }
        const play = new Play(world, { check: false, onTick: (_, __, after) => check(after, false) })
        const pick = picker(order)
        play.build(sample.targets)
        check(play.engine.state, true)
        for (const [changes, which, isForced] of history) {
          edit(play, world, changes, false)
          const targets = [...new Set(which.map((n) => sample.targets[n % sample.targets.length]!))]
          play.request(targets, isForced ? 'force' : 'ifchange')
          play.finish(pick)
          check(play.engine.state, true)
        }
      },
    ),
    runs(200),
  )
  expect(asked).toBeGreaterThan(10_000)
})

it('of what two requests at once share: each is made by what is another, and that not once more since', () => {
  const world: World = {
    files: new Map([
      [1, 4],
      [2, 5],
    ]),
    rules: new Map([
      [10, rule([1])],
      [11, rule([10, 2])],
      [12, rule([10, 2])],
    ]),
  }
  const play = new Play(world)
  play.build([11, 12])
  world.files.set(1, 5).set(2, 6)
  play.request([11])
  play.request([12])
  play.finish()
  for (const x of [11, 12]) {
    const found = why(play.engine.state, buildId(x), same)
    if (found._tag !== 'made') throw new Error(`${x} is ${found._tag}`)
    expect(found.chain.map(({ _tag, build }) => [_tag, build])).toEqual([
      ['made', x],
      ['made', 10],
      ['source', 1],
    ])
    expect(found.chain.at(-1)).toMatchObject({ again: false })
    expect(found).toMatchObject({ alsoChanged: [2], unchanged: [] })
  }
  expect(why(play.engine.state, buildId(10), same)).toMatchObject({ neededBy: [11] })
})

it('of what changed for an earlier request: all of it that the run before has not seen changed, and nothing else', () => {
  const sources = [1, 2, 3] as const
  const world: World = {
    files: new Map(sources.map((x) => [x, x])),
    rules: new Map([...sources.map((x) => [x + 10, rule([x])] as const), [20, rule([11, 12, 13])]]),
  }
  const play = new Play(world)
  play.build([20])
  world.files.set(1, 5).set(2, 6)
  play.build([11, 12])
  play.build([20])
  const found = why(play.engine.state, buildId(20), same)
  expect(found).toMatchObject({
    chain: [{ build: 20 }, { build: 11 }, { build: 1 }],
    alsoChanged: [12],
    unchanged: [13],
  })
  world.files.set(1, 7)
  play.build([20])
  expect(why(play.engine.state, buildId(20), same)).toMatchObject({ alsoChanged: [], unchanged: [12, 13] })
})

it('of a run that failed, too: what changed for an earlier request, besides what is told of first', () => {
  const world: World = {
    files: new Map([
      [1, 4],
      [2, 5],
    ]),
    rules: new Map([
      [10, rule([1])],
      [11, rule([2])],
      [20, rule([10, 11, 3])],
    ]),
  }
  const play = new Play(world)
  play.build([20])
  world.files.set(1, 7).set(2, 8).set(3, 9)
  play.build([10, 11])
  play.build([20])
  expect(why(play.engine.state, buildId(20), same)).toMatchObject({
    chain: [{ cause: { _tag: 'failed', also: 10 } }, { build: 10 }, { build: 1 }],
    alsoChanged: [11, 3],
    unchanged: [],
  })
})

it('of what was made before is said the same while what it stands on is made again; and of what is not over nothing is', () => {
  const world: World = {
    files: new Map([
      [1, 1],
      [2, 1],
    ]),
    rules: new Map<number, Rule>([
      [10, rule([1])],
      [11, { asks: [[2]], output: 'parity' }],
      [20, { asks: [[10], [11]], output: 'sum' }],
    ]),
  }
  const states: State[] = []
  const play = new Play(world, { check: false, onTick: (_, __, after) => states.push(after) })
  play.build([20])
  world.files.set(1, 2).set(2, 3)
  play.build([20])
  const made = why(play.engine.state, buildId(20), same)
  expect(made).toMatchObject({ chain: [{ build: 20 }, { build: 10 }, { build: 1 }], cutoffs: [11] })
  const { generation } = play.engine.state
  states.length = 0
  world.files.set(1, 3).set(2, 5)
  play.build([20])
  const [before, during] = [true, false].map((isBefore) =>
    states
      .map((state) => [state, why(state, buildId(20), same)] as const)
      .filter(([, found]) => (found._tag === 'made' && found.generation === generation) === isBefore),
  )
  let meanwhile = 0
  for (const [state, found] of before!) {
    if (found._tag !== 'made') throw new Error(found._tag)
    const [first, second, third] = found.chain
    expect([first, second]).toEqual(made._tag === 'made' && made.chain.slice(0, 2))
    expect(third).toMatchObject({
      build: 1,
      change: { generation: expect.toSatisfy((g) => g === generation || (third!._tag === 'source' && third!.again)) },
    })
    expect(found).toMatchObject({ cutoffs: [11], alsoChanged: [] })
    if (statusOf(state, buildId(10)) < Status.READY) continue
    meanwhile++
    expect(why(state, buildId(10), same)).toMatchObject({ result: 'pending', neededBy: [20] })
    expect(whyNot(state, buildId(20), same)).toMatchObject({ _tag: 'underWay' })
  }
  expect(meanwhile).toBeGreaterThan(2)
  const waits = during!.filter(([state]) => statusOf(state, buildId(11)) >= Status.READY)
  expect(waits.length).toBeGreaterThan(1)
  for (const [, found] of waits)
    expect(found).toMatchObject({ result: 'pending', cutoffs: [], alsoChanged: [], unchanged: [] })
})

it('what failed for a later request broke nothing that was made before, and was not needed by it', () => {
  const world: World = {
    files: new Map([
      [1, 4],
      [2, 5],
    ]),
    rules: new Map<number, Rule>([
      [10, rule([1])],
      [20, { asks: [[10], [2]], output: 'sum' }],
      [21, rule([10])],
    ]),
  }
  const play = new Play(world)
  const told = (x: number) => why(play.engine.state, buildId(x), same)
  play.build([20, 21])
  world.files.set(2, 6)
  play.build([20])
  const made = told(20)
  expect(made).toMatchObject({ chain: [{ build: 20 }, { build: 2 }], broken: [], unchanged: [10] })
  world.files.delete(1)
  play.build([21])
  const { generation } = play.engine.state
  expect(told(10)).toMatchObject({ result: 'failed', neededBy: [21] })
  expect(told(20)).toEqual({ ...made, newest: generation })
  const failed = told(21)
  expect(failed).toMatchObject({ result: 'failed', chain: [{ build: 21 }, { build: 10 }, { build: 1 }] })
  // It fails once more: that is not what had the other one fail.
  play.build([10])
  expect(told(10)).toMatchObject({ result: 'failed', chain: [{ cause: { _tag: 'failed' } }], neededBy: [] })
  expect(told(21)).toMatchObject({
    chain: [{ build: 21 }, { _tag: 'madeSince', build: 10, generation: generation + 1 }],
  })
  // What broke it is mended: how that had failed is not known any more.
  world.files.set(1, 4)
  play.build([10])
  expect(told(10)).toMatchObject({ result: 'same' })
  expect(told(21)).toMatchObject({ result: 'failed', fault: { path: [21], error: { _tag: 'exit' } } })
})

it('what nearly had it made is none that is being made', () => {
  const world: World = {
    files: new Map([[1, 1]]),
    rules: new Map([
      [10, rule([1])],
      [20, rule([10])],
    ]),
  }
  const found: unknown[] = []
  const ask = (state: State): void => {
    const said = whyNot(state, buildId(20), same)
    if (said._tag === 'unchanged') found.push(said.nearly)
  }
  const play = new Play(world, { check: false, onTick: (_, __, after) => ask(after) })
  play.build([20])
  const builds = [1, 2].map(() => {
    found.length = 0
    play.request([10], 'force')
    play.finish()
    return [...found]
  })
  const { generation } = play.engine.state
  expect(builds.map((all) => all.at(-1))).toEqual([
    [{ build: 10, how: 'same', generation: generation - 1 }],
    [{ build: 10, how: 'same', generation }],
  ])
  // Up to then, that it was made for the request before.
  expect(builds[1]!.length).toBeGreaterThan(1)
  for (const nearly of builds[1]!.slice(0, -1)) expect(nearly).toEqual(builds[0]!.at(-1))
})

describe('why not', () => {
  it('what it says is as it was is not made by the next build, and what has a reason of its own is', () => {
    const told = new Map<string, number>()
    fc.assert(
      fc.property(
        samples(),
        fc.array(fc.tuple(edits, fc.array(fc.nat(), { minLength: 1, maxLength: 3 })), { minLength: 1, maxLength: 4 }),
        picks,
        (sample, history, order) => {
          const world = worldOf(sample)
          const play = new Play(world)
          const pick = picker(order)
          play.build(sample.targets)
          for (const [changes, which] of history) {
            edit(play, world, changes, false)
            play.request([...new Set(which.map((n) => sample.targets[n % sample.targets.length]!))])
            play.finish(pick)
          }
          const { generation } = play.engine.state
          const look = play.request(sample.targets, 'look')
          play.finish(pick)
          const outOfDate: readonly number[] = play.outcomes.flatMap(({ responses }) =>
            responses.flatMap((response) => (response.request === look ? response.outOfDate : [])),
          )
          const answers = sample.targets.map((x) => {
            const isOutOfDate = outOfDate.includes(x)
            return [x, whyNot(play.engine.state, buildId(x), same, { generation, isOutOfDate })] as const
          })
          play.runs.length = 0
          play.request(sample.targets)
          play.finish(pick)
          const isBroken = (x: number): boolean => hasFlag(play.engine.state, buildId(x), Flag.BROKEN)
          // What was broken may come out as it was before, and then nothing has changed for who saw it then.
          const isMended = (cause: Cause<number>): boolean =>
            cause._tag === 'broken' && play.runs.includes(cause.dependency!) && !isBroken(cause.dependency!)
          for (const [x, found] of answers) {
            told.set(found._tag, (told.get(found._tag) ?? 0) + 1)
            const hasRun = play.runs.includes(x)
            if (found._tag === 'unchanged' || found._tag === 'edited' || found._tag === 'source')
              expect(hasRun, `${x} is ${found._tag} and was run`).toBe(false)
            if (found._tag === 'broken') expect(hasRun || world.rules.get(x)?.script !== undefined, `${x}`).toBe(true)
            const first = found._tag === 'notAsked' ? found.steps[0] : undefined
            if (first?._tag === 'outOfDate' && first.cause !== undefined)
              expect(hasRun || isBroken(x) || isMended(first.cause), `${x} has a reason`).toBe(true)
          }
        },
      ),
      runs(400),
    )
    for (const tag of ['unchanged', 'notAsked', 'broken', 'made']) expect(told.get(tag), tag).toBeGreaterThan(50)
  })
})

it('both answer of every build in every state, in words too, and never at length without end', () => {
  fc.assert(
    fc.property(samples({ cyclic: true, background: true }), ops({ forget: true }), picks, (sample, history, order) => {
      const ask = (state: State): void => {
        for (let x = 0; x <= rowsEnd(state.facts); x++) {
          const id = buildId(x)
          const [a, b] = [why(state, id, nameOf), whyNot(state, id, nameOf)]
          expect(JSON.parse(JSON.stringify([a, b]))).toEqual([a, b])
          for (const line of [...whyLines(a, words), ...whyNotLines(b, words)])
            expect(line).toMatch(/^( {2})*\S((?!undefined|NaN|\[object).)*$/)
        }
      }
      let ticks = 0
      playOps(sample, history, order, {
        options: { check: false, onTick: (_, __, after) => ++ticks % 3 === 0 && ask(after) },
      })
    }),
    runs(40),
  )
})

it('of a long way its two ends are told, in a few lines of a few words', () => {
  const names = Array.from({ length: 50_000 }, (_, i) => `t${i}`)
  const nothing = { cutoffs: [], alsoChanged: [], broken: [], added: [], unchanged: [], neededBy: [] }
  const wayTo = (end: number): Extract<Why<string>, { _tag: 'made' }> => ({
    _tag: 'made',
    build: names[0]!,
    generation: 3,
    newest: 3,
    result: 'changed',
    chain: [
      ...names.slice(0, end).map((build, i) => ({
        _tag: 'made' as const,
        build,
        recipe: false,
        generation: 3,
        result: 'changed' as const,
        cause: { _tag: 'changed' as const, dependency: names[i + 1]! },
      })),
      {
        _tag: 'source',
        build: names[end]!,
        recipe: false,
        change: { _tag: 'content', generation: 3 },
        again: false,
      } as const,
    ],
    ...nothing,
  })
  const short = whyLines(wayTo(24), words)
  expect(short.slice(1)).toEqual([
    ...names.slice(1, 24).map((name, i) => `${'  '.repeat(i + 1)}${name} changed`),
    `${'  '.repeat(24)}t24 has another content, seen in request 3`,
  ])
  const fault = { path: names, error: { _tag: 'exit', code: 1 } as const }
  const long = whyLines({ ...wayTo(names.length - 1), fault }, words)
  const ends = [...names.slice(1, 13), ...names.slice(-12)]
  expect(long.slice(1)).toEqual([
    ...names.slice(1, 13).map((name, i) => `${'  '.repeat(i + 1)}${name} changed`),
    `${'  '.repeat(13)}and 49976 more on the way: --json names them`,
    ...names.slice(-11, -1).map((name, i) => `${'  '.repeat(i + 14)}${name} changed`),
    `${'  '.repeat(24)}t49999 has another content, seen in request 3`,
    `  it failed: ${ends.slice(0, 12).join(' <- ')} <- 49975 more <- ${ends.slice(12).join(' <- ')}: exit`,
  ])
  const steps = names.map((build) => ({ _tag: 'outOfDate' as const, build, recipe: false }))
  const not = whyNotLines({ _tag: 'notAsked', build: names[0]!, generation: 3, steps }, words)
  expect(not).toHaveLength(25)
  expect(not[13]).toBe(`${'  '.repeat(13)}and 49976 more on the way: --json names them`)
  expect(Math.max(...[...long, ...not].map((line) => line.length))).toBeLessThan(400)
})
