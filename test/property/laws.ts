/** What has to hold of every history: each function plays one and throws where a law is broken. */
import { expect } from 'vitest'
import type { Drive } from '../../src/engine.js'
import { dependenciesOf } from '../../src/model/dependencies.js'
import type { BuildError } from '../../src/model/error.js'
import type { Receipt } from '../../src/model/event.js'
import { buildId } from '../../src/model/ids.js'
import { Flag, hasFlag, Kind, kindOf, type State } from '../../src/model/state.js'
import { type IntTable, objectAt, pageOf, pagesEnd, read, rowsEnd } from '../../src/model/table.js'
import type { Policy } from '../../src/reduce/policies/policy.js'
import { oracle, Play, type PlayOptions, RESULTS_END, type World } from '../support/world.js'
import { type Edits, MISSING, type Op, PEEK, picker, type Sample, SOURCES, worldOf } from './arbitraries.js'

const EDITABLE = [...SOURCES, ...MISSING, PEEK]

/** The world changes, and the watcher says so if `announce`. */
const write = (play: Play, world: World, file: number, value: number | null, announce: boolean): void => {
  if (value === null) world.files.delete(file)
  else world.files.set(file, value)
  if (world.rules.has(file)) {
    if (value === null) world.byHand?.delete(file)
    else world.byHand?.add(file)
  }
  if (announce) play.engine.dispatch({ _tag: 'changed', builds: [buildId(file)] })
}

/** One op of a history, on whatever there is at that moment. */
const perform = (play: Play, world: World, sample: Sample, op: Op, announce: boolean, fresh: () => number): void => {
  const { engine } = play
  switch (op.op) {
    case 'request': {
      const targets = op.targets.map(
        (n) => [...sample.targets, ...SOURCES, ...MISSING][n % (sample.targets.length + 6)]!,
      )
      play.request(targets, op.want, { keepGoing: op.keepGoing, jobs: op.jobs, trust: op.trust })
      return
    }
    case 'cancel': {
      const open = [...play.open]
      if (open.length > 0) play.cancel(buildId(open[op.which % open.length]!))
      return
    }
    case 'edit':
      return write(play, world, EDITABLE[op.which % EDITABLE.length]!, op.value, announce)
    case 'hand':
      return write(play, world, sample.targets[op.which % sample.targets.length]!, op.remove ? null : fresh(), announce)
    case 'tick':
      engine.tick()
      return
    case 'settle':
      return engine.settleAll()
    case 'finish':
      return play.finish()
    case 'collect':
      return engine.dispatch({ _tag: 'collect', keep: 'targets' })
    case 'forgetAll':
      return engine.dispatch({ _tag: 'collect', keep: 'nothing' })
    case 'recheck': {
      const session = [...play.open].find((request) => !play.answers.has(request))
      if (session !== undefined) engine.dispatch({ _tag: 'rechecked', session: buildId(session) })
      return
    }
    case 'go':
      play.go((n) => op.which % n)
      return
    case 'murder': {
      const running = [...play.processes.keys()]
      if (running.length > 0) play.murder(running[op.which % running.length]!)
    }
  }
}

export interface Told {
  readonly announce?: boolean
  readonly options?: PlayOptions
}

/** Plays `ops` as they come, lets everything finish, and checks that all was answered. */
export const playOps = (
  sample: Sample,
  ops: readonly Op[],
  picks: readonly number[],
  told: Told = {},
): { play: Play; world: World } => {
  const world = worldOf(sample)
  const play = new Play(world, told.options)
  let last = RESULTS_END
  for (const op of ops) perform(play, world, sample, op, told.announce ?? false, () => ++last)
  play.finish(picker(picks))
  expectAnswered(play)
  return { play, world }
}

/** Nothing is pending: then every request was answered, and nothing waits. */
export const expectAnswered = (play: Play): void => {
  for (const request of play.open) expect(play.answers.has(request), `request ${request} is answered`).toBe(true)
  const { state } = play.engine
  expect(play.processes.size, 'processes left').toBe(0)
  expect(state.inFlight, 'in flight, but for what was parked').toBe(state.park.size)
  expect(state.running).toBe(0)
  expect(state.sessions.size).toBe(0)
  expect(state.cycles.size).toBe(0)
}

/** Asks for every target; the answer and what lies in the files is what the oracle says. */
export const expectRight = (
  play: Play,
  world: World,
  sample: Sample,
  options: Parameters<Play['request']>[2] = {},
  pick?: (n: number) => number,
): void => {
  const request = play.request(sample.targets, 'ifchange', options)
  play.finish(pick)
  expectAnswered(play)
  const values = sample.targets.map((t) => [t, oracle(world, t)] as const)
  for (const [t, value] of values) {
    if (value === undefined) expect(hasFlag(play.engine.state, buildId(t), Flag.BROKEN), `${t} is broken`).toBe(true)
    else {
      const isFile = world.rules.get(t)?.output !== 'none' || world.byHand?.has(t)
      expect([t, world.files.get(t)]).toEqual([t, isFile ? value : undefined])
    }
  }
  expect(play.answers.get(request)).toBe(values.every(([, value]) => value !== undefined))
}

/** What has to run although nothing changed, going by what is remembered. */
const mustRun = (state: State, world: World, x: number): boolean => {
  if (hasFlag(state, buildId(x), Flag.MODIFIED) || kindOf(state, buildId(x)) === Kind.SOURCE) return false
  if (hasFlag(state, buildId(x), Flag.BROKEN | Flag.ALWAYS)) return true
  return dependenciesOf(state, buildId(x)).some(({ build, create, seen }) => {
    if (create) return false
    const isStampless = world.rules.get(build)?.output === 'none' && !world.rules.get(build)?.stamps
    return hasFlag(state, build, Flag.BROKEN) || seen === -1 || (isStampless && mustRun(state, world, build))
  })
}

const hasRepeats = (list: readonly number[]): boolean => new Set(list).size < list.length

/** Nothing changed: only what must run runs, everything is looked at once at most, and after what it depended on. */
export const expectQuiet = (play: Play, world: World, sample: Sample, trust: boolean): void => {
  const { state } = play.engine
  const allowed = sample.targets.filter((x) => mustRun(state, world, x))
  play.runs.length = 0
  play.scans.length = 0
  play.build(sample.targets, 'ifchange', { trust })
  expect(
    play.runs.filter((x) => !allowed.includes(x)),
    'run for nothing',
  ).toEqual([])
  expect(hasRepeats(play.runs), `run twice: ${play.runs}`).toBe(false)
  expect(hasRepeats(play.scans), `scanned twice: ${play.scans}`).toBe(false)
  for (const x of sample.targets) {
    if (!play.scans.includes(x) || hasFlag(state, buildId(x), Flag.BROKEN)) continue
    for (const { build } of dependenciesOf(state, buildId(x))) {
      if (play.scans.includes(build))
        expect(play.scans.indexOf(build), `${build} is looked at before ${x}`).toBeLessThan(play.scans.indexOf(x))
    }
  }
}

/** Everything is cancelled and collected: nothing is left in any table. */
export const expectEmptied = (play: Play): void => {
  for (const request of play.open) if (!play.answers.has(request)) play.cancel(buildId(request))
  play.finish()
  play.engine.dispatch({ _tag: 'collect', keep: 'nothing' })
  play.finish()
  const { state } = play.engine
  for (const table of [state.facts, state.checked, state.flight]) {
    for (let x = 0; x < rowsEnd(table); x++) {
      for (let word = 0; word < table.stride; word++)
        if (read(table, x, word) !== 0) throw new Error(`row ${x}, word ${word} is left`)
    }
    if (rowsEnd(table) > 4 * 8192) throw new Error('grows without end')
  }
  for (const table of [state.errors, state.cycles, state.stamps, state.sessions]) expect(table.size).toBe(0)
  const { inFlight, unknown, scanning, running } = state
  expect({ inFlight, unknown, scanning, running }).toEqual({
    inFlight: 0,
    unknown: 0,
    scanning: 0,
    running: 0,
  })
  for (const queue of [state.expand, state.scan, state.ready, state.start, state.answer, state.park])
    expect(queue).toEqual({ head: 0, tail: 0, size: 0 })
  // Every edge is free again.
  let free = 0
  for (let e: number = state.freeEdge; e !== 0; e = read(state.edges, e, 3)) free++
  expect(free).toBe(state.edgesEnd - 1)
}

export const edit = (play: Play, world: World, edits: Edits, announce: boolean): void => {
  for (const { which, value } of edits) write(play, world, EDITABLE[which % EDITABLE.length]!, value, announce)
}

/** Rounds of edits and whole builds; all answers, and the play as it ends. */
export const rounds = (
  sample: Sample,
  history: readonly Edits[],
  options: PlayOptions & { jobs?: number; trust?: boolean; picks?: readonly number[] },
): { play: Play; world: World; answers: unknown[] } => {
  const world = worldOf(sample)
  const play = new Play(world, options)
  const pick = picker(options.picks ?? [])
  const answers: unknown[] = []
  const request = { jobs: options.jobs ?? 2, trust: options.trust ?? false }
  for (const edits of [[], ...history]) {
    edit(play, world, edits, true)
    const id = play.request(sample.targets, 'ifchange', request)
    play.finish(pick)
    answers.push([play.answers.get(id), ...sample.targets.map((t) => world.files.get(t))])
  }
  return { play, world, answers }
}

/** As {@link rounds}, under a driver that takes turns of the event loop. */
export const roundsInTurns = async (
  sample: Sample,
  history: readonly Edits[],
  drive: Drive,
  policy: Policy,
): Promise<{ play: Play; answers: unknown[] }> => {
  const world = worldOf(sample)
  const play = new Play(world, { drive, policy })
  const answers: unknown[] = []
  for (const edits of [[], ...history]) {
    edit(play, world, edits, true)
    const id = play.request(sample.targets)
    await play.finishInTurns()
    answers.push([play.answers.get(id), ...sample.targets.map((t) => world.files.get(t))])
  }
  play.engine.close()
  return { play, answers }
}

/** Puts receipts in an order that numbers choose. */
export const permutation = (numbers: readonly number[]): ((receipts: readonly Receipt[]) => readonly Receipt[]) => {
  let i = 0
  return (receipts) => {
    const left = [...receipts]
    const found: Receipt[] = []
    while (left.length > 0) found.push(...left.splice((numbers[i++ % numbers.length] ?? 0) % left.length, 1))
    return found
  }
}

export const errorAt = (state: State, x: number): BuildError | undefined => objectAt(state.errors, x)

/** The words of all rows that differ from zeros, page by page. */
const pagesOf = (table: IntTable): string[] =>
  Array.from({ length: pagesEnd(table) }, (_, page) => {
    const words = pageOf(table, page)
    return words === undefined ? '' : `${page}: ${words}`
  })

export const pagesOfState = ({ facts, checked, edges, flight, costs, plans }: State): string[][] =>
  [facts, checked, edges, flight, costs, plans].map(pagesOf)

/** Equal word for word. (A comparison of half a million words by the matcher takes its time.) */
export const expectSame = (one: State, other: State): void => {
  const { facts, checked, edges, flight, costs, plans, ...rest } = one
  const { facts: _, checked: __, edges: ___, flight: ____, costs: c, plans: p, ...otherRest } = other
  expect(otherRest).toEqual(rest)
  expect(pagesOfState(other)).toEqual(pagesOfState(one))
}
