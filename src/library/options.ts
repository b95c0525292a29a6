/** What an engine is created with, checked; and what follows from it. */
import type { Drive as InnerDrive } from '../engine.js'
import type { ActionDefinition, Definition, Key } from '../model/definition.js'
import { expectList, finite, isCount, optionsIn, shownOption } from '../model/expect.js'
import { Misuse } from '../model/misuse.js'
import { Track } from '../model/plan.js'
import { fixpoint } from '../reduce/policies/basic.js'
import { isMaker } from '../reduce/policies/named.js'
import { isPolicy, type Policy, tracksOf } from '../reduce/policies/policy.js'
import type { Control } from './control.js'
import type { Defined } from './define.js'
import type { MemoryStore, SqliteStore } from './store.js'

/** When ticks happen: all there are in one turn of the event loop, one a turn, as many as fit into `ms`, or when told. */
export type Drive = { readonly per: 'fixpoint' | 'batch' } | { readonly per: { readonly ms: number } } | 'manual'

export interface CreateOptions {
  /** All that is asked for, and all that they need. */
  readonly rules: readonly Defined[]
  /** Where results are kept. Default: `memoryStore()`. */
  readonly store?: MemoryStore | SqliteStore
  readonly policy?: Policy
  /** Room in each pool: how many actions of it run at once; with `threads`, each in a worker thread of its own. */
  readonly pools?: Readonly<Record<string, number | { readonly threads: number }>>
  readonly drive?: Drive
  /** How many of the last answers to `once` stay known though nobody holds them. Default 1000. */
  readonly keep?: number
  /** Generators that wait are kept, or dropped with a chance of `drop` (0 to 1): costs time, changes nothing. */
  readonly continuations?: Continuations
  /** Whether keys and values are frozen. Default true. */
  readonly freeze?: boolean
  /** Records every tick: into the file of that name, or, with `true`, in memory, for `eng.export`. Default: not at all. */
  readonly record?: string | boolean | RecordOptions
  /**
   * Where an error goes that a subscriber, a source's `watch` or a thread without work threw, and that nothing more is recorded. Default:
   * thrown out of the event loop; of a recording, a warning of the process.
   */
  readonly onError?: (error: unknown) => void
  /** For test kits. */
  readonly control?: Control
}
type Continuations = 'keep' | { readonly drop: number; readonly seed?: number }

export interface RecordOptions {
  /** The file; a recording that is there is replaced. Without it the recording is in memory, until `eng.export(path)`. */
  readonly path?: string
  /** A value whose text is longer than this, in chars, is told by its digest alone. Default 65,536. */
  readonly valueMax?: number
  /** Longer ones are kept beside the log, each once. Default false. */
  readonly beside?: boolean
}

/** The options as the engine reads them. */
export interface Settings {
  readonly known: ReadonlySet<Definition>
  readonly pools: readonly Room[]
  readonly policy: Policy
  readonly keep: number
  readonly freeze: boolean
  /** Where the policy goes by what things cost. */
  readonly now: (() => number) | undefined
  readonly isDropped: () => boolean
  readonly onError: (error: unknown) => void
  readonly onBreach: (breach: string) => void
  /** What the build goes on without. */
  readonly onTrouble: (error: Error) => void
  readonly control: Control | undefined
}

interface Room {
  readonly name: string
  readonly size: number
  readonly hasThreads: boolean
}

const KEEP = 1000

/** Without `control`, of which users are not told. */
const NAMES: Readonly<Record<Exclude<keyof CreateOptions, 'control'>, true>> = {
  rules: true,
  store: true,
  policy: true,
  pools: true,
  drive: true,
  keep: true,
  continuations: true,
  freeze: true,
  record: true,
  onError: true,
}

/** @throws Misuse */
export const settingsOf = (options: CreateOptions): Settings => {
  const { control, ...others } = options ?? {}
  const named = optionsIn('createEngine', others as CreateOptions, Object.keys(NAMES))
  const {
    rules,
    store,
    record = false,
    pools = {},
    policy = fixpoint(),
    keep = KEEP,
    continuations = 'keep',
    freeze = true,
    onError = control?.onError ?? throwLater,
  } = named
  expectList('createEngine', rules, 'createEngine({ rules: [...] })')
  // What makes a policy takes no view.
  if (isMaker(policy))
    throw new Misuse(
      `createEngine: \`policy\` is what makes one: call it, as in policies.${(policy as { readonly name: string }).name}(...)`,
    )
  if (!isPolicy(policy))
    throw new Misuse(
      'createEngine: `policy` must be a policy, such as policies.fixpoint() or policies.cap(100), or one of your own: (view) => batch, or { name, initial, choose }',
    )
  if (!isCount(keep))
    throw new Misuse(`createEngine: \`keep\` must be a whole number from 0 on, got ${shownOption(keep)}`)
  if (typeof freeze !== 'boolean')
    throw new Misuse(`createEngine: \`freeze\` must be true or false, got ${shownOption(freeze)}`)
  if (store !== undefined && store?._tag !== 'memory' && store?._tag !== 'sqlite')
    throw new Misuse("createEngine: `store` must be memoryStore(), or sqliteStore('builds.sqlite')")
  if (typeof record !== 'boolean' && typeof record !== 'string' && (typeof record !== 'object' || record === null))
    throw new Misuse(`createEngine: \`record\` must be a path, true or { path }, got ${shownOption(record)}`)
  if (typeof onError !== 'function') throw new Misuse('createEngine: `onError` must be a function')
  if (typeof pools !== 'object' || pools === null || Array.isArray(pools))
    throw new Misuse(`createEngine: \`pools\` must be a record of sizes, such as { net: 4 }, got ${shownOption(pools)}`)
  const known = definitionsOf(rules)
  const rooms = Object.entries(pools).map(roomOf)
  for (const of of known) if (of.kind === 'action') checkPool(of, rooms)
  const tell = guarded(onError)
  const onBreach = (breach: string): void => tell(new Misuse(`the policy ${breach}`))
  const onTrouble = named.onError !== undefined ? tell : (error: Error): void => process.emitWarning(error.message)
  const now = (tracksOf(policy) & (Track.RANK | Track.LANES)) === 0 ? undefined : () => performance.now()
  const isDropped = control?.isDropped ?? dropper(continuations)
  return {
    known,
    pools: rooms,
    policy,
    keep: finite(keep),
    freeze,
    now,
    isDropped,
    onError: tell,
    onBreach,
    onTrouble,
    control,
  }
}

const roomOf = ([name, room]: readonly [string, number | { readonly threads: number }]): Room => {
  const hasThreads = typeof room === 'object' && room !== null
  const size = hasThreads ? optionsIn(`createEngine: pool ${name}`, room, ['threads']).threads : room
  if (!Number.isSafeInteger(size) || size < 1)
    throw new Misuse(
      `createEngine: pool ${name}: its size must be a positive integer, or { threads: N }, got ${hasThreads ? `{ threads: ${shownOption(size)} }` : shownOption(size)}`,
    )
  return { name, size, hasThreads }
}

const checkPool = ({ name, pool, run }: ActionDefinition, rooms: readonly Room[]): void => {
  const room = rooms.find((each) => each.name === pool)
  if (pool !== undefined && room === undefined)
    throw new Misuse(`createEngine: action ${name} is of pool ${pool}: add it to \`pools\`, with its size`)
  const isThreaded = typeof run !== 'function'
  if (isThreaded && room?.hasThreads !== true)
    throw new Misuse(
      `createEngine: action ${name} runs in a thread: it needs a \`pool\` that has some, such as pools: { cpu: { threads: 2 } }`,
    )
  if (!isThreaded && room?.hasThreads === true)
    throw new Misuse(
      `createEngine: action ${name} is of pool ${pool}, which runs in threads: its \`run\` must be thread(file, name), or the pool a number`,
    )
}

/** @throws Misuse where they are none, or two have one name */
export const definitionsOf = (rules: readonly Defined[], who = 'createEngine'): ReadonlySet<Definition> => {
  const named = new Map<string, Definition>()
  for (const each of rules) {
    const definition = each?.definition
    if (definition === undefined)
      throw new Misuse(
        `${who}: \`rules\` must be sources, rules and actions, and one of them is ${isKeyLike(each) ? `a key of ${each.of.name}: leave out the call` : shownOption(each)}`,
      )
    if (named.has(definition.name))
      throw new Misuse(
        named.get(definition.name) === definition
          ? `${who}: ${definition.name} is in \`rules\` twice: name it once`
          : `${who}: two of \`rules\` are named ${definition.name}: each needs a name of its own`,
      )
    named.set(definition.name, definition)
  }
  return new Set(named.values())
}

const isKeyLike = (value: unknown): value is Key => typeof value === 'object' && value !== null && 'of' in value

/** @throws Misuse */
export const innerDrive = (drive: Drive): InnerDrive => {
  if (drive === 'manual') return 'manual'
  const { per } = typeof drive === 'object' && drive !== null ? optionsIn('drive', drive, ['per']) : {}
  if (per === 'fixpoint' || per === 'batch') return per
  if (typeof per === 'object' && per !== null) {
    const { ms } = optionsIn('drive: `per`', per, ['ms'])
    if (typeof ms === 'number' && ms > 0) return per
  }
  throw new Misuse("drive: it must be { per: 'fixpoint' }, { per: 'batch' }, { per: { ms: 5 } } or 'manual'")
}

const DROP_SEED = 1

/** Says now and then, by a seeded generator (mulberry32, by Tommy Ettinger), that a continuation is to be dropped. */
const dropper = (continuations: Continuations): (() => boolean) => {
  if (continuations === 'keep') return () => false
  const isRecord = typeof continuations === 'object' && continuations !== null
  const { drop, seed = DROP_SEED } = isRecord
    ? optionsIn('createEngine: `continuations`', continuations, ['drop', 'seed'])
    : {}
  if (typeof drop !== 'number' || !(drop >= 0 && drop <= 1) || !Number.isSafeInteger(seed))
    throw new Misuse(
      "createEngine: `continuations` must be 'keep' or { drop: N }, with N from 0 to 1; and `seed` an integer",
    )
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296 < drop
  }
}

/** What it throws in turn is thrown out of the event loop: nobody else misses an answer for it. */
const guarded =
  (onError: (error: unknown) => void) =>
  (error: unknown): void => {
    try {
      onError(error)
    } catch (thrown) {
      throwLater(thrown)
    }
  }

/** Out of the event loop: nobody here waits for it. */
export const throwLater = (error: unknown): void => {
  setImmediate(() => {
    throw error
  })
}
