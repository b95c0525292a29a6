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
import { canonical, Play, type World } from './world.js'

/** Opens the store and throws where it cannot be opened. */
export const opened = (folder: string, options: StoreOptions = {}): Store => {
  const store = openStore(folder, options)
  if (E.isLeft(store)) throw new Error(JSON.stringify(store.left))
  return store.right
}

/** All that is to be found again: facts, dependencies, errors, stamps, names. What is in flight or was looked at is not. */
export const lasting = (state: State, names: Names): unknown => {
  const ids = Array.from({ length: names.idsEnd }, (_, x) => x).filter(
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

/** One past the highest id of targets. */
export const TARGETS_END = 64

/** Something that happens between two commits. Numbers choose among what there is. */
export type Move =
  /** A request, and so many steps of all processes: others are left in flight. */
  | { readonly move: 'build'; readonly which: number; readonly steps: number; readonly force: boolean }
  | { readonly move: 'write'; readonly which: number; readonly value: number }
  | { readonly move: 'take'; readonly which: number }
  | { readonly move: 'collect' }

export const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      move: fc.constant('build' as const),
      which: fc.nat(20),
      steps: fc.constantFrom(0, 1, 3, 10, 1_000),
      force: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ move: fc.constant('write' as const), which: fc.nat(20), value: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('take' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ move: 'collect' as const }) },
)

/** A play whose builds are named in the store: target `n` is `dir/n`, and is build `n`. */
export const playIn = (store: Store, world: World, targetsEnd = TARGETS_END): Play => {
  for (let n = 1; n < targetsEnd; n++) store.names.intern(`dir/${n}`)
  return new Play(world, { state: store.state, check: false, firstRequest: targetsEnd })
}

export const makeMove = (play: Play, world: World, move: Move): void => {
  const among = (all: Map<number, unknown>, which: number): number => [...all.keys()][which % all.size]!
  switch (move.move) {
    case 'build':
      play.request([among(world.rules, move.which)], move.force ? 'force' : 'ifchange')
      break
    case 'write':
      world.files.set(among(world.files, move.which), move.value)
      break
    case 'take':
      play.engine.dispatch({ _tag: 'taken', builds: [buildId(among(world.rules, move.which))] })
      break
    case 'collect':
      play.engine.dispatch({ _tag: 'collect', keep: 'targets' })
  }
  play.engine.settleAll()
  for (let i = 0; i < (move.move === 'build' ? move.steps : 0); i++) {
    if (!play.go((n) => i % n) && !play.engine.isReady) break
    play.engine.settleAll()
  }
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
