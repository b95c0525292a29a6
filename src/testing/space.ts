/**
 * The space of all pasts of an engine: a node is a state with what is under way, how far the script has come, and what was told. From a node
 * to the next it is one tick, done by the real reducer and the real make; nothing of it is kept anywhere else, so that pasts may part.
 */
import { type Inside, insideOf } from '../library/inside.js'
import { memoryStore } from '../library/store.js'
import { Transaction } from '../library/transaction.js'
import { contentOfError } from '../make/content.js'
import { askedAnew, Keys, wordsOf } from '../make/keys.js'
import { reasonOf } from '../make/thrown.js'
import { ValueMake } from '../make/value.js'
import { World } from '../make/world.js'
import type { Definition, Key } from '../model/definition.js'
import { emptyBatch, type Input, type Receipt } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import { Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import { gather } from '../reduce/gather.js'
import { isPlain } from '../reduce/policies/basic.js'
import { guard } from '../reduce/policies/guard.js'
import { decide, type Policy } from '../reduce/policies/policy.js'
import { Missing, Outside } from './outside.js'
import { type EngineFactory, engineOf } from './pump.js'

/** What users do, one after the other; when, between all that the engine does, is for the search to choose. */
export type ScriptStep =
  | { readonly once: Key }
  | { readonly live: Key }
  /** The request that the step of this number made. */
  | { readonly cancel: number }
  | { readonly transact: (tx: Transaction) => void }
  | { readonly sweep: number }
  | { readonly wipe: true }
export type Script = readonly ScriptStep[]

/** What may happen besides: a read or action fails, a request is taken back, all is swept or wiped, a leaf is touched. */
export const FAULTS = ['fail', 'cancel', 'sweep', 'wipe', 'touch'] as const
export type Fault = (typeof FAULTS)[number]
export const CHOICES = ['subsets', 'singles', 'policy'] as const

export interface Asked {
  readonly step: number
  readonly isLive: boolean
  readonly since: number
  readonly state: 'open' | 'answered' | 'cancelled'
  readonly told: string | undefined
}

export interface Node {
  readonly state: State
  /** The ends of reads and actions that are under way, by build. */
  readonly underWay: readonly { readonly build: BuildId; readonly end: Receipt }[]
  readonly position: number
  /** How many transactions of the script, for what sources are set to. */
  readonly settings: number
  readonly asked: readonly Asked[]
  /** In which version each build was last made. */
  readonly made: ReadonlyMap<BuildId, number>
  readonly faults: number
  /** The leaf that a fault made fail, as long as it does. */
  readonly failing: BuildId | undefined
  /** Something happened that lets what holds be made again. */
  readonly isLoose: boolean
}

export type Choice =
  | {
      readonly tick: readonly BuildId[]
      readonly settle: readonly BuildId[]
      readonly fails?: BuildId
      /** What the policy that chose it keeps. */
      readonly carry?: unknown
    }
  | { readonly step: number }
  | { readonly fault: Exclude<Fault, 'fail'>; readonly of: number }

/** A law does not hold. */
export class Unlawful extends Error {
  override readonly name = 'Unlawful'
}
export const ensure = (holds: boolean, why: () => string): void => {
  if (!holds) throw new Unlawful(why())
}

export interface SpaceOptions {
  /** Which batches: every part of what is ready (of more than twelve builds: each by itself), each build by itself, or what the engine's own policy says. */
  readonly choices?: (typeof CHOICES)[number]
  readonly faults?: readonly Fault[]
  /** How many faults, at most. Default 1. */
  readonly faultsMax?: number
  /** Whether what is told is compared with the oracle. Default true. */
  readonly oracle?: boolean
  /** How long a read or action is waited for, in ms. Default 10,000. */
  readonly patience?: number
}

export const FAULT = 'a fault, injected by the search'

export abstract class Space {
  readonly keys: Keys
  protected readonly inside: Inside
  private readonly make: ValueMake
  protected readonly outside: Outside
  /** The engine's own. */
  private readonly policy: Policy
  /** What sources are set to after each transaction of the script. */
  protected readonly worlds: World[] = []
  protected readonly changed: (readonly Key[])[] = []
  protected readonly requests: BuildId[] = []
  /** Of the make that runs now. */
  private current = new World()
  private ends: Receipt[] = []
  private missing: Missing | undefined = undefined
  private readonly patched = new Map<Definition, Definition>()

  constructor(
    factory: EngineFactory,
    readonly script: Script,
    protected readonly options: SpaceOptions,
  ) {
    this.outside = new Outside(options.patience)
    const eng = engineOf('explore', factory, { drive: 'manual', store: memoryStore() })
    this.inside = insideOf(eng)
    eng.close()
    if (this.inside.inner.state.facts.end > 0)
      throw new Misuse('explore: the engine factory has built something already: say in the script what is asked for')
    const { settings } = this.inside
    this.policy = isPlain(settings.policy)
      ? settings.policy
      : guard(settings.policy, { onBreach: (breach) => ensure(false, () => `the policy ${breach}`) })
    this.keys = new Keys(settings.known, settings.freeze)
    for (const _ of script) this.requests.push(this.keys.lend())
    this.follow(this.inside.world)
    const keyOf = (x: BuildId): Key | undefined => {
      const key = this.keys.keyOf(x)
      return key && this.controlled(key)
    }
    this.make = new ValueMake({
      // What was declared on one past is not known on another.
      keys: askedAnew({ intern: (key) => this.keys.intern(key), keyOf }),
      world: { get: (key) => this.current.get(this.plain(key)) },
      poolOf: (name) => settings.pools.findIndex((pool) => pool.name === name),
      inThread: () => Promise.reject(new Error('no threads here')),
      recall: () => undefined,
      isDropped: () => true,
      freeze: settings.freeze,
      settle: (receipt) => this.ends.push(receipt),
    })
  }

  get first(): Node {
    return {
      // Each build is a step of its own.
      state: { ...this.inside.inner.state, ahead: 0 },
      underWay: [],
      position: 0,
      settings: 0,
      asked: [],
      made: new Map(),
      faults: 0,
      failing: undefined,
      isLoose: false,
    }
  }

  /** Works out what sources are set to after each transaction. */
  private follow(before: World): void {
    this.worlds.push(before)
    for (const step of this.script) {
      if (!('transact' in step)) continue
      const tx = new Transaction(this.keys, this.inside.settings.freeze)
      const changes = tx.write(step.transact)
      const world = new World()
      for (const [of, text, setting] of this.worlds[this.worlds.length - 1]!.all())
        world.set({ of, key: of.keys.decode(of.keys.isPrimitive === true ? text : JSON.parse(String(text))) }, setting)
      for (const { key, setting, isRead } of changes)
        if (key.of.kind === 'source' && (!isRead || key.of.read !== undefined)) world.set(key, setting)
      this.worlds.push(world)
      this.changed.push(changes.map(({ key }) => key))
    }
  }

  // ---------------------------------------------------------------------------------------------- make

  /** The same key, of a definition whose reads and actions answer from what is known of them. */
  private controlled(key: Key): Key {
    const { of } = key
    if (of.kind !== 'source' && of.kind !== 'action') return key
    if (of.kind === 'source' && of.read === undefined) return key
    let patched = this.patched.get(of)
    if (patched === undefined) {
      const answer = (k: unknown): unknown => this.answer({ of, key: k })
      patched = of.kind === 'source' ? { ...of, read: answer } : { ...of, run: answer }
      this.patched.set(of, patched)
      this.plainOf.set(patched, of)
    }
    return { of: patched, key: key.key }
  }
  private readonly plainOf = new Map<Definition, Definition>()
  private plain(key: Key): Key {
    const of = this.plainOf.get(key.of)
    return of === undefined ? key : { of, key: key.key }
  }

  /** What is missing is told of after the make, which takes whatever is thrown for an answer. */
  private cameOf(key: Key): ReturnType<Outside['of']> {
    try {
      return this.outside.of(key)
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      this.missing = error
      return { came: { value: undefined }, isLate: true }
    }
  }

  private answer(key: Key): unknown {
    const { came, isLate } = this.cameOf(key)
    if (!isLate) {
      if ('error' in came) throw came.error
      return came.value
    }
    return {
      // biome-ignore lint/suspicious/noThenProperty: its end is told at once, and kept until the search lets it come
      then: (done: (value: unknown) => void, failed: (error: unknown) => void) =>
        'error' in came ? failed(came.error) : done(came.value),
    }
  }

  // ---------------------------------------------------------------------------------------------- choices

  isOver({ state, underWay, position }: Node): boolean {
    if (position < this.script.length || underWay.length > 0) return false
    const view = gather(state)
    return view.run(1).length === 0 && view.pooled.length === 0
  }

  /** All that may come next; the simplest first. */
  choicesAt(node: Node): readonly Choice[] {
    const { state, underWay, position } = node
    const found: Choice[] = []
    const view = gather(state)
    const run = [...view.run(Number.POSITIVE_INFINITY), ...view.pooled].sort((x, y) => x - y)
    const ends = underWay.map(({ build }) => build)
    const n = run.length + ends.length
    const { choices = 'subsets' } = this.options
    if (n > 0) {
      if (choices === 'policy') {
        const { batch, wakeMs = 0, ...kept } = decide(this.policy, view, state.carry)
        // One that waits gets its way at some time.
        const own = wakeMs > 0 && ends.length === 0 ? run : [...batch.run, ...batch.start]
        if (own.length > 0) found.push({ tick: own, settle: [], ...kept })
        for (const end of ends) found.push({ tick: [], settle: [end] })
      } else if (choices === 'singles' || n > 12) {
        for (const x of run) found.push({ tick: [x], settle: [] })
        for (const end of ends) found.push({ tick: [], settle: [end] })
      } else
        for (let mask = 2 ** n - 1; mask > 0; mask--)
          found.push({
            tick: run.filter((_, i) => (mask & (1 << i)) !== 0),
            settle: ends.filter((_, i) => (mask & (1 << (run.length + i))) !== 0),
          })
    }
    if (position < this.script.length) found.push({ step: position })
    if (node.faults < (this.options.faultsMax ?? 1))
      for (const fault of this.faultsAt(node, run, ends)) found.push(fault)
    return found
  }

  private *faultsAt(node: Node, run: readonly BuildId[], ends: readonly BuildId[]): Generator<Choice> {
    for (const fault of this.options.faults ?? []) {
      if (fault === 'fail') {
        for (const x of run) if (this.canFail(node, x)) yield { tick: [x], settle: [], fails: x }
        for (const x of ends) yield { tick: [], settle: [x], fails: x }
      } else if (fault === 'cancel') {
        for (let i = 0; i < node.asked.length; i++) if (node.asked[i]!.state === 'open') yield { fault, of: i }
      } else if (fault === 'touch') {
        for (const x of this.known(node)) if (this.isLeaf(x)) yield { fault, of: x }
      } else if (this.known(node).length > 0) yield { fault, of: 0 }
    }
  }

  protected known({ state }: Node): readonly BuildId[] {
    const found: BuildId[] = []
    for (let x = 1; x < state.facts.end; x++) if (kindOf(state, buildId(x)) === Kind.VALUE) found.push(buildId(x))
    return found
  }

  /** Whether it would be begun, not only find out that it needs room. */
  private canFail(node: Node, x: BuildId): boolean {
    const { of } = this.keys.keyOf(x)!
    return this.isLeaf(x) && (of.kind !== 'action' || of.pool === undefined || isPooled(node, x))
  }

  protected isLeaf(x: BuildId): boolean {
    const kind = this.keys.keyOf(x)?.of.kind
    return kind === 'source' || kind === 'action'
  }

  /** In words. */
  say(choice: Choice): string {
    const name = (x: BuildId): string => wordsOf(this.keys.keyOf(x)!)
    if ('step' in choice) return `step ${choice.step}`
    if ('fault' in choice) {
      if (choice.fault === 'touch') return `touch ${name(buildId(choice.of))}`
      return choice.fault === 'cancel' ? `cancel request ${choice.of}` : choice.fault
    }
    const parts = [
      ...(choice.tick.length > 0 ? [`run ${choice.tick.map(name).join(', ')}`] : []),
      ...(choice.settle.length > 0 ? [`end ${choice.settle.map(name).join(', ')}`] : []),
      ...(choice.fails === undefined ? [] : [`${name(choice.fails)} fails`]),
    ]
    return parts.join('; ')
  }

  // ---------------------------------------------------------------------------------------------- one tick

  /** The node after `choice`. @throws Unlawful, Bug, Missing */
  after(node: Node, choice: Choice): Node {
    if (!('tick' in choice)) return this.happened(node, choice)
    const { tick, settle, fails, ...carried } = choice
    const receipts: Receipt[] = []
    const underWay = node.underWay.filter(({ build, end }) => {
      if (!settle.includes(build)) return true
      receipts.push(build === fails ? failed(build) : end)
      return false
    })
    this.current = this.worlds[node.settings]!
    this.ends = []
    const start = tick.filter((x) => isPooled(node, x))
    const run = tick.filter((x) => !isPooled(node, x))
    if (run.length > 0) receipts.push(...this.make.run(node.state, run))
    if (start.length > 0) receipts.push(...this.make.start(node.state, start))
    this.make.rest()
    const { missing } = this
    this.missing = undefined
    if (missing !== undefined) throw missing
    for (const end of this.ends) if ('build' in end) underWay.push({ build: end.build, end })
    underWay.sort((x, y) => x.build - y.build)
    const told = receipts.map((receipt) =>
      'build' in receipt && receipt.build === fails ? failed(receipt.build) : receipt,
    )
    const base =
      fails === undefined
        ? { ...node, underWay }
        : {
            ...node,
            underWay: underWay.filter(({ build }) => build !== fails),
            faults: node.faults + 1,
            failing: fails,
          }
    return this.reduced(base, { batch: { ...emptyBatch, run, start, ...carried }, receipts: told, events: [] })
  }

  /** A step of the script, or a fault. */
  protected abstract happened(node: Node, choice: Exclude<Choice, { readonly tick: unknown }>): Node
  /** The node after `input`, if that is lawful. */
  protected abstract reduced(node: Node, input: Input): Node
}

const isPooled = ({ state }: Node, x: BuildId): boolean => statusOf(state, x) === Status.START

const fault = reasonOf(new Error(FAULT))
const content = contentOfError(fault)
const failed = (build: BuildId): Receipt => ({ _tag: 'broken', build, groups: [], error: fault, content })
