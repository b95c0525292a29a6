/** A run that asks for what the last one asked for keeps its edges, and remembers neither more nor less than one that begins anew. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Dependency, dependenciesOf } from '../../src/model/dependencies.js'
import { buildId } from '../../src/model/ids.js'
import { Fact, Flight, type State, Status, statusOf } from '../../src/model/state.js'
import { read } from '../../src/model/table.js'
import { Play, type Rule, type World } from '../support/world.js'

const TARGET = buildId(1)
const SCRIPT = 9
/** Targets that can be asked for, some of which are built. */
const IDS = [2, 3, 4, 5, 6, 7]

const worldOf = (rule: Rule, odd: boolean): World => ({
  rules: new Map([
    [1, rule],
    [2, { asks: [[11]], output: 'sum' }],
    [3, { asks: [[11]], output: 'none' }],
    [4, { asks: [[12]], output: 'sum', ...(odd ? { failsAt: 1 } : {}) }],
  ]),
  files: new Map([SCRIPT, 5, 6, 7, 11, 12].map((id) => [id, 0])),
})

const without = (dependencies: readonly Dependency[]): unknown =>
  dependencies.map(({ build, group, create }) => [build, group, create])

describe('the dependencies of a run', () => {
  it('are those of a first run that asks the same, whatever the runs before asked for', () => {
    const group = fc.uniqueArray(fc.constantFrom(...IDS), { maxLength: 4 })
    const round = fc.record({
      asks: fc.oneof(fc.constantFrom([[2, 5], [6]], [[2, 5], [6], [3, 7]]), fc.array(group, { maxLength: 4 })),
      ifcreate: fc.constantFrom(undefined, [13], [14, 13]),
      changed: fc.subarray([SCRIPT, 5, 6, 11]),
      fails: fc.boolean(),
      trust: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(round, { minLength: 2, maxLength: 6 }), (rounds) => {
        const ruleOf = ({ asks, ifcreate }: (typeof rounds)[number]): Rule => ({
          asks,
          output: 'sum',
          script: SCRIPT,
          tolerant: true,
          ...(ifcreate === undefined ? {} : { ifcreate }),
        })
        const world = worldOf(ruleOf(rounds[0]!), false)
        const play = new Play(world)
        for (const [n, now] of rounds.entries()) {
          world.rules.set(1, ruleOf(now))
          for (const id of now.changed) world.files.set(id, n * 2 + 2)
          world.rules.set(4, { asks: [[12]], output: 'sum', ...(now.fails ? { failsAt: 1 } : {}) })
          world.files.set(12, n * 5)
          play.engine.dispatch({ _tag: 'changed', builds: [12, ...now.changed].map(buildId) })
          play.build([1], 'force', { trust: now.trust })
          const first = worldOf(ruleOf(now), now.fails)
          const other = new Play(first)
          other.build([1], 'force')
          const found = dependenciesOf(play.engine.state, TARGET)
          expect(without(found)).toEqual(without(dependenciesOf(other.engine.state, TARGET)))
          for (const { build, seen } of found)
            expect([read(play.engine.state.facts, build, Fact.REVISION), -1]).toContain(seen)
        }
      }),
    )
  })

  /** Asks for 2 to 7 once more, after `change`, which gives what it changed: the states around the run, and the last one within it. */
  const again = (change: (world: World) => readonly number[]): { before: State; running: State; after: State } => {
    const world = worldOf({ asks: [IDS], output: 'sum', script: SCRIPT }, false)
    const play = new Play(world)
    play.build([1])
    const before = play.engine.state
    for (const id of change(world)) play.engine.dispatch({ _tag: 'changed', builds: [buildId(id)] })
    play.request([1], 'force', { trust: true })
    while (statusOf(play.engine.state, TARGET) !== Status.RUNNING) play.engine.settleAll()
    let running = before
    while (play.engine.isReady || play.go(() => 0)) {
      play.engine.settleAll()
      if (statusOf(play.engine.state, TARGET) !== Status.REST) running = play.engine.state
    }
    return { before, running, after: play.engine.state }
  }

  it('are kept where nothing changed, and no edge is written', () => {
    const { before, running, after } = again(() => [])
    expect(read(running.flight, TARGET, Flight.KEPT)).not.toBe(0)
    expect(without(dependenciesOf(after, TARGET))).toEqual(without(dependenciesOf(before, TARGET)))
    // That of the do-file was made before the run began; the request's own took the place of another request's.
    expect(running.edgesEnd - before.edgesEnd).toBe(1)
  })

  it('are remembered as the last run saw them until this one ends', () => {
    const { before, running, after } = again((world) => {
      world.files.set(5, 8)
      return [5]
    })
    expect(dependenciesOf(running, TARGET)).toEqual(dependenciesOf(before, TARGET))
    const seen = (state: State): number | undefined =>
      dependenciesOf(state, TARGET).find(({ build }) => build === 5)?.seen
    expect(seen(after)).toBe(read(after.facts, 5, Fact.REVISION))
    expect(seen(after)).not.toBe(seen(before))
  })

  it('count as not seen if redo changed one between two questions, though the last run asked the same', () => {
    const world = worldOf({ asks: [[2], [5]], output: 'sum', script: SCRIPT }, false)
    const play = new Play(world)
    play.build([1])
    play.request([1], 'force', { trust: true })
    // Until the first question is answered.
    while (read(play.engine.state.flight, TARGET, Flight.KEPT) === 0) {
      play.engine.settleAll()
      play.go(() => 0)
    }
    world.rules.set(2, { asks: [[12]], output: 'sum' })
    world.files.set(12, 77)
    play.engine.dispatch({
      _tag: 'requested',
      request: buildId(200),
      by: TARGET,
      session: buildId(read(play.engine.state.flight, TARGET, Flight.SESSION)),
      targets: [buildId(2)],
      want: 'force',
      keepGoing: true,
      jobs: 0,
      trust: false,
    })
    play.finish()
    const [, two, five] = dependenciesOf(play.engine.state, TARGET)
    expect([two?.build, five?.build]).toEqual([2, 5])
    expect(two?.seen).toBe(-1)
    expect(five?.seen).toBe(read(play.engine.state.facts, 5, Fact.REVISION))
  })
})
