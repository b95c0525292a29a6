/** Many ticks at once come to the same as one after the other. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { codec, createEngine, rule, source } from '../../src/index.js'
import { dependenciesOf } from '../../src/model/dependencies.js'
import { digestOf } from '../../src/model/digest.js'
import { buildId } from '../../src/model/ids.js'
import { Edge, Fact } from '../../src/model/state.js'
import { fairShare, fullBatch, perClass } from '../../src/reduce/policies/index.js'
import type { Replay } from '../../src/replay/replay.js'
import { Refused, Walker } from '../../src/replay/walker.js'
import type { RecordingReader } from '../../src/store/recording/reader.js'
import { picks, samples, schedules } from '../../src/testing/scripts.js'
import * as files from '../property/arbitraries.js'
import { useFolder } from '../support/folder.js'
import { runs } from '../support/runs.js'
import { opened, recordOps, recordSteps } from './record.js'

const folder = useFolder()
let count = 0
const fresh = (): string => folder.at(`${count++}.rec`)

/** From tick `from` to tick `to`. */
const expectSame = ({ reader }: Replay, from: number, to: number): void => {
  const [one, other] = [new Walker(reader), new Walker(reader)]
  for (const walker of [one, other]) while (walker.tick < from) walker.step()
  const seen: unknown[] = []
  one.run(to, (record, tick, { facts, edges, generation }) => {
    other.step()
    expect([tick, generation, one.news]).toEqual([other.tick, other.state.generation, other.news])
    const told = reader.at(tick)
    expect(record).toEqual({ input: told.input, settings: told.settings, names: told.names })
    const needs: number[] = []
    const known: number[] = []
    for (let row = 1; row < other.state.facts.end; row++) {
      for (let e = facts.get(row, Fact.DEP_HEAD); e !== 0; e = edges.get(e, Edge.NEXT_DEP))
        needs.push(edges.get(e, Edge.DEPENDENCY))
      for (const { build } of dependenciesOf(other.state, buildId(row))) known.push(build)
    }
    expect(needs).toEqual(known)
    seen.push(tick)
  })
  expect(seen).toHaveLength(Math.max(0, to - from))
  expect([one.tick, digestOf(one.state)]).toEqual([other.tick, digestOf(other.state)])
  if (one.tick > 0) expect(digestOf(one.state)).toBe(reader.digestAt(one.tick))
  expect(one.state.news).toEqual([])
  expect([...one.named]).toEqual([...other.named])
  // Where it has to be looked for, that takes a walk each.
  for (let x = one.state.flight.end + 2, left = 3; x > 0 && left > 0; x--, left--)
    expect(one.numberOf(buildId(x))).toBe(other.numberOf(buildId(x)))
}

const check = (path: string, one: number, two: number): void => {
  const replay = opened(path)
  const [from, to] = [one, two].map((n) => n % (replay.ticks + 1)).sort((a, b) => a - b)
  expectSame(replay, from!, to!)
  expectSame(replay, 0, replay.ticks)
  replay.close()
}

it('of builds by do-files', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(
      files.samples({ cyclic: true }),
      files.ops(),
      files.picks,
      fc.nat(),
      fc.nat(),
      fc.constantFrom(undefined, fairShare({ a: 2, b: 1 }), perClass({ a: fullBatch() })),
      (sample, ops, order, one, two, policy) => {
        const path = fresh()
        const { states } = recordOps(path, sample, ops, order, policy === undefined ? {} : { policy })
        if (states.length > 0) check(path, one, two)
      },
    ),
    { ...runs(40), endOnFailure: true },
  )
})

it('of builds by rules', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(samples(), schedules(), picks, fc.nat(), fc.nat(), (sample, steps, order, one, two) => {
      const path = fresh()
      recordSteps(path, sample, steps, order)
      check(path, one, two)
    }),
    { ...runs(60), endOnFailure: true },
  )
})

it('of requests that overlap, more than are kept, and of garbage', { timeout: 120_000 }, async () => {
  const leaf = source('leaf', { key: codec.int, value: codec.int })
  const double = rule('double', { key: codec.int, value: codec.int }, function* (i, b) {
    return 2 * (yield* b.need(leaf(i)))
  })
  const steps = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ ask: fc.nat(9), ticks: fc.nat(3) }) },
      fc.record({ set: fc.nat(9) }),
      fc.record({ keep: fc.nat(6) }),
    ),
    { maxLength: 60, size: 'max' },
  )
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(4), fc.nat(), fc.nat(), async (all, keep, one, two) => {
      const path = fresh()
      const eng = createEngine({ rules: [leaf, double], drive: 'manual', record: path, keep })
      eng.transact((tx) => Array.from({ length: 10 }, (_, i) => tx.set(leaf(i), i)))
      for (const step of all) {
        if ('set' in step) eng.transact((tx) => tx.set(leaf(step.set), step.set + 10))
        else if ('keep' in step) eng.gc({ keep: step.keep })
        else {
          eng.once(double(step.ask))
          for (let tick = 0; tick < step.ticks; tick++) eng.tick()
        }
      }
      while (eng.tick());
      await eng.close()
      check(path, one, two)
    }),
    { ...runs(60), endOnFailure: true },
  )
})

it('what is refused on the way leaves the state before it', () => {
  const path = fresh()
  const [sample] = fc.sample(files.samples(), { numRuns: 1, seed: 7 })
  const [ops] = fc.sample(files.ops(), { numRuns: 1, seed: 7 })
  recordOps(path, sample!, ops!, [1])
  const replay = opened(path)
  const at = Math.ceil(replay.ticks / 2)
  const spoilt = new Proxy(replay.reader, {
    get: (reader, name) => {
      const found: unknown = Reflect.get(reader, name, reader)
      if (name !== 'at' && name !== 'recordAt') return typeof found === 'function' ? found.bind(reader) : found
      return (tick: number) => {
        const record = reader[name](tick)
        const events = [...record.input.events, { _tag: 'adopted', build: buildId(0) }]
        return tick === at ? { ...record, input: { ...record.input, batch: { scan: [9999] }, events } } : record
      }
    },
  }) as RecordingReader
  const walker = new Walker(spoilt)
  expect(() => walker.run()).toThrow(Refused)
  expect(walker.tick).toBe(at - 1)
  expect(digestOf(walker.state)).toBe(
    at === 1 ? digestOf(new Walker(replay.reader).state) : replay.reader.digestAt(at - 1),
  )
  replay.close()
})
