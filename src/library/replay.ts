/** A recording with the rules that it is of: to be run again, and gone on from. */
import * as E from 'fp-ts/lib/Either.js'
import { wordsOf } from '../make/keys.js'
import type { Setting, World } from '../make/world.js'
import type { Json } from '../model/codec.js'
import { aboutRule, type Definition, type Key } from '../model/definition.js'
import type { BuildError } from '../model/error.js'
import { expectList, optionsIn, shownOption } from '../model/expect.js'
import type { BuildId } from '../model/ids.js'
import { Misuse, messageOf } from '../model/misuse.js'
import { Kind, kindOf } from '../model/state.js'
import { eachObject, emptyObjects, ObjectEditor, objectAt } from '../model/table.js'
import { isMaker } from '../reduce/policies/named.js'
import { isPolicy } from '../reduce/policies/policy.js'
import { withoutValues } from '../reduce/reduce.js'
import type { Counterfactual, Otherwise } from '../replay/otherwise.js'
import { Replay as Inner, type Verdict, type VerifyOptions } from '../replay/replay.js'
import { Walker } from '../replay/walker.js'
import type { Why } from '../replay/why.js'
import type { WhyNot } from '../replay/why-not.js'
import { MEMORY, type RecordedSetting } from '../store/recording/format.js'
import { RecordingReader } from '../store/recording/reader.js'
import { type RecordingError, recordingErrorWords } from '../store/recording/reading-error.js'
import { BuildEngine } from './create-engine.js'
import { type KeyedMoment, keyedMoment, needsRules, unknownName } from './moment.js'
import { type CreateOptions, definitionsOf } from './options.js'
import { requestsIn } from './origin.js'
import { LEFT, RecordedKeys } from './recorded-keys.js'
import { expectPlace } from './recording.js'
import { type Reexecution, reexecute } from './reexecute.js'
import type { Known } from './why.js'

export interface ReplayOptions {
  /** The rules, sources and actions that were recorded: needed to run them again, and to fork. */
  readonly rules?: CreateOptions['rules']
}

/** What may be otherwise; pools by name, as `createEngine` takes them, or in their order. */
export type OtherwiseByName = Pick<Otherwise, 'policy' | 'jobs' | 'record' | 'onBreach'> & {
  readonly pools?: Otherwise['pools'] | Readonly<Record<string, number>>
}

/** The recording cannot be read; `reason` says why, as data. */
export class RecordingFailed extends Error {
  override readonly name = 'RecordingFailed'
  constructor(readonly reason: RecordingError) {
    super(recordingErrorWords(reason))
  }
}

/** Opens a recording. @throws RecordingFailed */
export const replay = (path: string, options: ReplayOptions = {}): Replay => {
  if (typeof path !== 'string' || path === '')
    throw new Misuse(`replay: expected the path of a recording, got ${shownOption(path)}`)
  optionsIn('replay', options, ['rules'])
  if (options.rules !== undefined) {
    expectList('replay', options.rules, 'replay(path, { rules: [...] })')
    definitionsOf(options.rules, 'replay')
  }
  const opened = RecordingReader.open(path)
  if (E.isLeft(opened)) throw new RecordingFailed(opened.left)
  return new Replay(opened.right, options)
}

type Pools = NonNullable<CreateOptions['pools']>

export class Replay extends Inner {
  constructor(
    reader: RecordingReader,
    private readonly options: ReplayOptions,
  ) {
    super(reader)
  }

  /**
   * Is the recording what this program comes to? In three strengths: `receipts` (the default) believes what every build said, runs nothing, and
   * compares states; `reexecute` runs every rule again against the answers that it got; `counterfactual` asks what would have been
   * under another policy, in other pools, with other slots.
   */
  override verify(options?: VerifyOptions & { readonly mode?: 'receipts' }): Verdict
  override verify(options: VerifyOptions & { readonly mode: 'reexecute' }): Reexecution
  override verify(options: VerifyOptions & { readonly mode: 'counterfactual' } & OtherwiseByName): Counterfactual
  override verify(
    options: VerifyOptions & OtherwiseByName & { readonly mode?: 'receipts' | 'reexecute' | 'counterfactual' } = {},
  ): Verdict | Reexecution | Counterfactual {
    optionsIn('verify', options, VERIFY_OPTIONS)
    const { mode = 'receipts', onProgress } = options
    for (const name of ['onProgress', 'onBreach'] as const)
      if (options[name] !== undefined && typeof options[name] !== 'function')
        throw new Misuse(`verify: \`${name}\` must be a function, got ${shownOption(options[name])}`)
    const otherwise = OTHERWISE.find((name) => options[name] !== undefined)
    if ((mode === 'receipts' || mode === 'reexecute') && otherwise !== undefined)
      throw new Misuse(`verify: \`${otherwise}\` says what would be otherwise: it needs mode: 'counterfactual'`)
    if (mode === 'reexecute') {
      this.expectValues('verify')
      return reexecute(this.reader, definitionsOf(this.rules('verify')), onProgress)
    }
    if (mode === 'counterfactual') {
      const { policy } = options
      if (policy !== undefined && (isMaker(policy) || !isPolicy(policy)))
        throw new Misuse('verify: `policy` must be a policy, such as policies.fullBatch()')
      if (options.record !== undefined) this.expectFile(options.record)
      const onBreach = (breach: string): never => {
        throw new Misuse(`verify: the policy ${breach}`)
      }
      const { jobs, pools } = options
      if (jobs !== undefined && !(Number.isInteger(jobs) && jobs > 0))
        throw new Misuse(`verify: \`jobs\` must be a whole number from 1 on, got ${shownOption(jobs)}`)
      const { pools: _, ...others } = options
      return this.counterfactual({ onBreach, ...others, ...(pools !== undefined && { pools: this.sizesOf(pools) }) })
    }
    if (mode === 'receipts') return super.verify(options)
    throw new Misuse(`verify: \`mode\` must be 'receipts', 'reexecute' or 'counterfactual', got ${shownOption(mode)}`)
  }

  /**
   * An engine that goes on from the state after `tick`, as if nothing had come of it yet. Its past requests are let go; what was under way is
   * begun again. `options` as for `createEngine`, but for a store that lasts; the recording's own rules and pools need not be named again. What a
   * rule of another version made is made again when it is next wanted.
   */
  fork(tick: number, options: Partial<CreateOptions> = {}): BuildEngine {
    this.expectValues('fork')
    if (typeof options !== 'object' || options === null)
      throw new Misuse(`fork: the options must be an object, got ${shownOption(options)}`)
    if (options.store?._tag === 'sqlite')
      throw new Misuse('fork: `store`: it goes on from the recording, not from a store: leave it out')
    const rules = options.rules ?? this.rules('fork')
    expectList('fork', rules, 'fork(tick, { rules: [...] })')
    const { record } = options
    const target = typeof record === 'object' ? record?.path : record
    if (typeof target === 'string') expectPlace('fork: record', target, this.reader.path)
    const definitions = definitionsOf(rules, 'fork')
    const recorded = new RecordedKeys(definitions, (digest) => this.reader.beside(digest))
    const walker = new Walker(this.reader, recorded.decode)
    walker.seek(this.checked(tick))
    const pools = this.poolsWith(options.pools, definitions)
    const keep = options.keep ?? (this.about.options.keep as number)
    const left: BuildId[] = []
    const values = new ObjectEditor<unknown>(emptyObjects)
    eachObject(walker.state.values, (row, value) => {
      if (value === LEFT) left.push(row as BuildId)
      else values.set(row, value)
    })
    const state = withoutValues({ ...walker.state, values: values.finish() }, left)
    const eng = new BuildEngine(
      { ...options, rules, pools, keep },
      {
        state,
        version: this.versionAt(tick),
        enter: (keys, world) => {
          for (const [build, name] of walker.named) {
            if (kindOf(state, build) === Kind.UNKNOWN) continue
            const key = recorded.keyOf(name)
            if (key === undefined) throw new Misuse(`fork: ${unknownName(name)}`)
            keys.place(build, key)
          }
          keys.opened(Math.max(state.facts.end, state.flight.end), new Set(requestsIn(state)))
          this.setWorld(tick, recorded, world)
        },
      },
    )
    const same = new Set([...definitions].filter((of) => this.isAsRecorded(of)))
    const others = [...walker.named].flatMap(([build, name]) => {
      const key = kindOf(state, build) === Kind.VALUE ? recorded.keyOf(name) : undefined
      return key === undefined || (same.has(key.of) && isTold(key.of, objectAt(state.errors, build))) ? [] : key
    })
    if (others.length > 0) eng.transact((tx) => others.forEach((key) => tx.touch(key)))
    return eng
  }

  /** The state after tick `tick` (0: before the first), to be asked by keys where the rules are at hand. */
  override stateAt(tick: number): KeyedMoment {
    return keyedMoment(super.stateAt(tick), this.recordedKeys())
  }

  /** The first tick after whose state `predicate` holds. */
  override firstTick(predicate: (moment: KeyedMoment) => boolean): number | undefined {
    if (typeof predicate !== 'function')
      throw new Misuse(`firstTick: expected a function of a moment, got ${shownOption(predicate)}`)
    const recorded = this.recordedKeys()
    return super.firstTick((moment) => {
      const holds: unknown = predicate(keyedMoment(moment, recorded))
      // Which any test would take for true.
      if (holds instanceof Promise) throw new Misuse('firstTick: the predicate gave a promise: it must say at once')
      return Boolean(holds)
    })
  }

  /** Why the build was last made, as of `tick`; and why it was not made since. */
  why(key: Key, tick: number = this.ticks): Why<Known> {
    return this.stateAt(tick).why(key)
  }

  whyNot(key: Key, tick: number = this.ticks): WhyNot<Known> {
    return this.stateAt(tick).whyNot(key)
  }

  /** Sizes of pools, by name as `createEngine` takes them, in the order in which the state has them. */
  private sizesOf(pools: unknown): readonly number[] {
    const known = Object.keys((this.about.options.pools as object | undefined) ?? {})
    const sizes = (
      Array.isArray(pools) ? Object.fromEntries(pools.map((size, i) => [known[i] ?? i, size])) : pools
    ) as object
    if (typeof sizes !== 'object' || sizes === null)
      throw new Misuse(`verify: \`pools\` must be sizes by name, such as { cpu: 2 }, got ${shownOption(pools)}`)
    for (const [name, size] of Object.entries(sizes)) {
      if (!known.includes(name))
        throw new Misuse(`verify: there is no pool ${name}: it was recorded with ${known.join(', ') || 'none'}`)
      if (size !== undefined && !(Number.isInteger(size) && (size as number) > 0))
        throw new Misuse(`verify: pool ${name} must have a whole number of rooms from 1 on, got ${shownOption(size)}`)
    }
    return known.map((name) => (sizes as Record<string, number>)[name]!)
  }

  /** Those that were recorded come first, in their order, by which the state knows them. */
  private poolsWith(given: Pools = {}, definitions: Iterable<Definition>): Pools {
    // What it is instead, createEngine tells.
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
    const threaded = new Set<string | undefined>()
    for (const of of definitions) if (of.kind === 'action' && typeof of.run !== 'function') threaded.add(of.pool)
    const sizes = Object.entries((this.about.options.pools as Readonly<Record<string, number>> | undefined) ?? {})
    const known = sizes.map(([name, size]) => [name, threaded.has(name) ? { threads: size } : size] as const)
    const first = Object.keys(given).find((name) => /^\d+$/.test(name) && !sizes.some(([other]) => other === name))
    if (first !== undefined)
      throw new Misuse(
        `fork: \`pools\`: ${first} would come before those that were recorded, as a number does in an object: name it otherwise`,
      )
    return { ...Object.fromEntries(known), ...given }
  }

  /** @throws Misuse where no recording of what would have been can be put at `path` */
  private expectFile(path: unknown): void {
    if (typeof path !== 'string' || path === '' || path === MEMORY)
      throw new Misuse(`verify: \`record\` must be the path of a file, got ${shownOption(path)}`)
    expectPlace('verify: record', path, this.reader.path)
  }

  private recordedKeys(): RecordedKeys | undefined {
    const { rules } = this.options
    return rules && new RecordedKeys(definitionsOf(rules), (digest) => this.reader.beside(digest))
  }

  private isAsRecorded(of: Definition): boolean {
    const now = JSON.stringify(aboutRule(of))
    return this.about.rules.some((rule) => JSON.stringify(rule) === now)
  }

  private versionAt(tick: number): number {
    for (let t = tick; t > 0; t--) {
      const last = this.reader.recordAt(t).input.events.findLast(({ _tag }) => _tag === 'transacted')
      if (last?._tag === 'transacted') return last.version
    }
    return super.stateAt(0).state.version
  }

  /** What sources were set to at `tick`. */
  private setWorld(tick: number, recorded: RecordedKeys, world: World): void {
    for (const { name, to } of this.reader.settingsAt(tick)) {
      const key = recorded.keyOf(name)
      if (key === undefined) continue
      try {
        world.set(key, settingOf(key, to))
      } catch (error) {
        throw new Misuse(`fork: ${wordsOf(key)} was set to what its codec does not take: ${messageOf(error)}`)
      }
    }
  }

  /** @throws Misuse where what was made is files */
  private expectValues(who: string): void {
    if (this.about.face === 'redo')
      throw new Misuse(
        `${who}: ${this.reader.path} was recorded by redo, and holds no files: neither do-files nor rules of a project can be run again from it`,
      )
  }

  private rules(what: string): CreateOptions['rules'] {
    const { rules } = this.options
    if (rules === undefined) throw needsRules(what)
    return rules
  }
}

/** Whether what it failed with, if it did, is of the error codec that it has now. */
const isTold = ({ errors }: Definition, error: BuildError | undefined): boolean => {
  if (error?._tag !== 'failed') return true
  try {
    errors?.decode(error.error)
    return errors !== undefined
  } catch {
    return false
  }
}

const OTHERWISE = ['policy', 'jobs', 'pools', 'record', 'onBreach'] as const
const VERIFY_OPTIONS = ['mode', 'onProgress', ...OTHERWISE]

const settingOf = (key: Key, to: RecordedSetting['to']): Setting | undefined => {
  if (to._tag === 'unset') return undefined
  return to._tag === 'removed' ? 'removed' : { value: key.of.values.decode(JSON.parse(to.text) as Json) }
}
