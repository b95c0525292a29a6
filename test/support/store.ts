/** For tests of the store: states made by real builds, and what of a state a store is to keep. */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { buildId } from '../../src/model/ids.js'
import { FACT_STRIDE, Fact, KIND_MASK, Kind, type State } from '../../src/model/state.js'
import { objectAt, read } from '../../src/model/table.js'
import type { Names } from '../../src/store/names.js'
import { openStore, type Store, type StoreOptions } from '../../src/store/store.js'
import { canonical, Play, REQUESTS, type Rule, type World } from './world.js'

/** Opens the store and throws where it cannot be opened. */
export const opened = (folder: string, options: StoreOptions = {}): Store => {
  const store = openStore(folder, options)
  if (E.isLeft(store)) throw new Error(JSON.stringify(store.left))
  return store.right
}

/** All that is to be found again: facts, dependencies, errors, stamps, names. What is in flight or was looked at is not. */
export const lasting = (state: State, names: Names): unknown => {
  const ids = Array.from({ length: Math.min(REQUESTS, names.idsEnd) }, (_, x) => x).filter(
    (x) => (read(state.facts, x, Fact.FLAGS) & KIND_MASK) !== Kind.REQUEST,
  )
  const rows = canonical(state, ids) as { x: number; checked?: number }[]
  return rows
    .map(({ checked: _, ...row }) => ({
      ...row,
      error: objectAt(state.errors, row.x) ?? null,
      stamp: objectAt(state.stamps, row.x)?.last ?? null,
      name: names.isNamed(buildId(row.x)) ? names.nameOf(buildId(row.x)) : null,
    }))
    .filter((row) => row.name !== null || JSON.stringify(row).replace(/"x":\d+/, '') !== EMPTY)
}
const EMPTY = JSON.stringify({
  x: 0,
  facts: new Array(FACT_STRIDE - 2).fill(0),
  dependencies: [],
  error: null,
  stamp: null,
  name: null,
}).replace(/"x":\d+/, '')

/** Rules and files that depend on each other in any way, cycles and failures included. */
export const worlds = (size: number): fc.Arbitrary<World> => {
  const target = fc.integer({ min: 1, max: size })
  const group = fc.array(target, { minLength: 1, maxLength: 3 })
  const rule: fc.Arbitrary<Rule> = fc.record(
    {
      asks: fc.array(group, { maxLength: 2 }),
      output: fc.constantFrom('sum' as const, 'parity' as const, 'none' as const),
      ifOdd: group,
      ifcreate: group,
      failsAt: fc.integer({ min: 0, max: 4 }),
      always: fc.boolean(),
      tolerant: fc.boolean(),
    },
    { requiredKeys: ['asks', 'output'] },
  )
  const entry = <A>(value: fc.Arbitrary<A>): fc.Arbitrary<Map<number, A>> =>
    fc.array(fc.tuple(target, value), { maxLength: size }).map((entries) => new Map(entries))
  return fc.record({ rules: entry(rule), files: entry(fc.nat(100)) })
}

/** Something that happens between two commits. */
export type Move =
  | { readonly do: 'build'; readonly target: number; readonly steps: number }
  | { readonly do: 'write'; readonly target: number; readonly value: number }
  | { readonly do: 'stamp'; readonly target: number; readonly value: number }
  | { readonly do: 'collect' }

export const moves = (size: number): fc.Arbitrary<Move> => {
  const target = fc.integer({ min: 1, max: size })
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('build' as const), target, steps: fc.integer({ min: 0, max: 30 }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), target, value: fc.nat(100) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('stamp' as const), target, value: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.constant({ do: 'collect' as const }) },
  )
}

/** A play whose builds are named in the store: target `n` is `dir/n`, and is build `n`. */
export const playIn = (store: Store, world: World, size: number): Play => {
  for (let n = 1; n <= size; n++) store.names.intern(`dir/${n}`)
  return new Play(world, { state: store.state, check: false })
}

/** Makes the move; a build is left in flight after so many steps of its processes. */
export const make = (play: Play, world: World, move: Move): void => {
  switch (move.do) {
    case 'build':
      play.request([move.target])
      break
    case 'write':
      world.files.set(move.target, move.value)
      play.engine.dispatch({ _tag: 'changed', builds: [buildId(move.target)] })
      break
    case 'stamp':
      play.engine.dispatch({ _tag: 'stamped', build: buildId(move.target), stamp: [move.value, 0, 0, 0] })
      break
    case 'collect':
      play.engine.dispatch({ _tag: 'collect', keep: 'targets' })
  }
  for (let i = 0; i < (move.do === 'build' ? move.steps : 1); i++) {
    play.engine.settleAll()
    play.pending.shift()?.run()
  }
  play.engine.settleAll()
}

/** In memory where there is such a place: hundreds of stores are made, and each waits for the disk several times. */
const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
export const temporary = (): string => mkdtempSync(join(place, 'redford-store-'))
export const discard = (folder: string): void => rmSync(folder, { recursive: true, force: true })
/** The folder as a crash at this moment would leave it. */
export const copyOf = (folder: string): string => {
  const copy = temporary()
  cpSync(folder, copy, { recursive: true })
  return copy
}
