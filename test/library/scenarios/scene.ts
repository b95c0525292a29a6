/**
 * A stage for scenarios: an engine between a world that answers only what a scenario lists and a log of all that comes out. Each
 * scenario plays under every driver, with its continuations kept and dropped; after every tick the invariants hold, and in the end,
 * when all is cancelled and collected, the state is that of an engine that was just made.
 */
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  type BuildEngine,
  type BuildError,
  type Builder,
  codec as C,
  type Codec,
  type CreateOptions,
  checkInvariants,
  createEngine,
  type DriveOption,
  describe as inWords,
  type Json,
  type Key,
  type Live,
  type Request,
  rule,
  source,
  type Wait,
} from '../../../src/index.js'
import { insideOf } from '../inside.js'

/** What a read answers besides a value. */
export const ABSENT = Symbol('absent')
export const WAIT = Symbol('wait')
export type Answer = Json | typeof ABSENT | typeof WAIT

type Way = 'tick by tick' | 'settled' | DriveOption
const WAYS: readonly Way[] = ['tick by tick', 'settled', { per: 'fixpoint' }, { per: 'batch' }, { per: { ms: 1 } }]

/** Plays `act` in every way. */
export const scenario = (title: string, act: (scene: Scene) => Promise<void>): void => {
  describe(title, () => {
    for (const way of WAYS) {
      for (const drop of [0, 0.5]) {
        it(`${typeof way === 'string' ? way : JSON.stringify(way)}${drop > 0 ? ', dropping continuations' : ''}`, async () => {
          const scene = new Scene(way, drop)
          await act(scene)
          await scene.end()
        })
      }
    }
  })
}

interface Pending {
  readonly settle: (answer: Answer) => void
  readonly signal: AbortSignal
}

/** Walking a large state after each of many ticks takes too long: one in so many has to do. */
const EDGES_MANY = 100
const TICKS_MANY = 2_000

export class Scene {
  readonly src = this.sourceOf('')
  /** Sources of another kind. */
  readonly other = this.sourceOf('other ')
  /** How often each rule came to an end, by name. */
  readonly makes: Record<string, number> = {}
  options: Partial<CreateOptions> = {}
  private readonly rules: CreateOptions['rules'][number][] = []
  private readonly listed = new Map<string, Answer>()
  private readonly pending = new Map<string, Pending>()
  private readonly changed = new Map<string, () => void>()
  private readonly requests: (Request<Json, string> | Live<Json, string>)[] = []
  private log: string[] = []
  private readonly faults: unknown[] = []
  private engine: BuildEngine | undefined
  private ticks = 0

  constructor(
    private readonly way: Way,
    private readonly drop: number,
  ) {}

  // ---------------------------------------------------------------------------------------------- what there is

  private sourceOf(kind: string) {
    return source(`${kind}read`, {
      key: C.string,
      value: C.json,
      read: (key, { signal }) => this.read(kind + key, signal),
      watch: (key, changed) => {
        const name = kind + key
        this.log.push(`watch ${name}`)
        this.changed.set(name, changed)
        return () => {
          this.log.push(`unwatch ${name}`)
          this.changed.delete(name)
        }
      },
    })
  }

  /** A rule; it may fail with a text. */
  rule<K extends Json>(name: string, make: (key: K, b: Builder<string>) => Generator<Wait, Json, unknown> | Json) {
    const { makes } = this
    makes[name] = 0
    const made = rule(
      name,
      { key: C.json as unknown as Codec<K>, value: C.json, error: C.string },
      function* (key: K, b: Builder<string>) {
        const result = make(key, b)
        try {
          return typeof result === 'object' && result !== null && 'next' in result
            ? yield* result as Generator<Wait, Json, unknown>
            : (result as Json)
        } finally {
          // Also where it throws; a generator that is dropped never gets here.
          makes[name]!++
        }
      },
    )
    this.rules.push(made)
    return made
  }

  /** Further rules, made elsewhere. */
  know(...rules: readonly CreateOptions['rules'][number][]): void {
    this.rules.push(...rules)
  }

  get eng(): BuildEngine {
    if (this.engine !== undefined) return this.engine
    const eng = this.fresh()
    this.engine = eng
    const { options } = insideOf(eng)
    const { onTick } = options
    options.onTick = (input, before, after) => {
      onTick?.(input, before, after)
      if (after.edgesEnd < EDGES_MANY || this.ticks++ % TICKS_MANY === 0) checkInvariants(after)
    }
    return eng
  }

  private fresh(): BuildEngine {
    return createEngine({
      rules: [this.src, this.other, ...this.rules],
      drive: typeof this.way === 'string' ? 'manual' : this.way,
      continuations: this.drop > 0 ? { drop: this.drop } : 'keep',
      onError: (error) => this.faults.push(error),
      ...this.options,
    })
  }

  // ---------------------------------------------------------------------------------------------- reads

  /** What the next read of each answers. Any other read is forbidden. */
  lists(answers: Readonly<Record<string, Answer>>): void {
    for (const [name, answer] of Object.entries(answers)) this.listed.set(name, answer)
  }

  private read(name: string, signal: AbortSignal): Json | undefined | Promise<Json | undefined> {
    const answer = this.listed.get(name)
    if (answer === undefined) {
      this.faults.push(new Error(`${name} is read, and is not listed`))
      return undefined
    }
    this.listed.delete(name)
    if (answer === ABSENT) return undefined
    if (answer !== WAIT) return answer as Json
    this.log.push(`fetch ${name}`)
    signal.addEventListener('abort', () => this.log.push(`drop ${name}`))
    return new Promise((resolve) => {
      const settle = (late: Answer): void => resolve(late === ABSENT ? undefined : (late as Json))
      this.pending.set(name, { settle, signal })
    })
  }

  /** The read of `name` that waits answers. */
  settle(name: string, answer: Answer): void {
    const pending = this.pending.get(name)
    if (pending === undefined) throw new Error(`no read of ${name} waits`)
    pending.settle(answer)
  }

  /** One new version: each of these is another now, and answers so when read. */
  change(answers: Readonly<Record<string, Answer>>): number {
    this.lists(answers)
    return this.eng.transact((tx) => {
      for (const name of Object.keys(answers))
        tx.touch(name.startsWith('other ') ? this.other(name.slice('other '.length)) : this.src(name))
    })
  }

  /** As `change`, by what watches the source. */
  notice(name: string, answer: Answer): void {
    this.lists({ [name]: answer })
    this.notify(name)()
  }

  /** What says that a watched source may have changed. */
  notify(name: string): () => void {
    const changed = this.changed.get(name)
    if (changed === undefined) throw new Error(`${name} is not watched`)
    return changed
  }

  // ---------------------------------------------------------------------------------------------- requests

  once(who: string, key: Key<Json, string>): Request<Json, string> {
    const request = this.eng.once(key)
    this.requests.push(request)
    void request.either().then((result) => {
      if (E.isRight(result)) this.log.push(`${who}: ${JSON.stringify(result.right)}`)
      else if (result.left._tag !== 'cancelled') this.log.push(`${who}: ${inWords(result.left as BuildError)}`)
    })
    return request
  }

  live(who: string, key: Key<Json, string>): Live<Json, string> {
    const live = this.eng.live(key)
    this.requests.push(live)
    live.subscribe((notice) => {
      const said = notice._tag === 'value' ? JSON.stringify(notice.value) : inWords(notice.error as BuildError)
      this.log.push(`${who}@${notice.version}: ${said}`)
    })
    return live
  }

  // ---------------------------------------------------------------------------------------------- what comes of it

  /** Lets everything happen that can, and compares what came out with `lines`, in any order. */
  async gives(...lines: readonly string[]): Promise<void> {
    await this.rest()
    const log = this.log.splice(0)
    for (const fault of this.faults) throw fault
    expect(log.sort()).toEqual([...lines].sort())
  }

  async rest(): Promise<void> {
    const { eng } = this
    await nextTurn()
    if (this.way === 'settled') eng.settle()
    else if (this.way === 'tick by tick') while (eng.tick()) await nextTurn()
    else while (insideOf(eng).isScheduled) await nextTurn()
    await nextTurn()
  }

  /** One tick, where ticks are told to happen; else as many as the driver makes of a turn. */
  async tick(): Promise<void> {
    if (typeof this.way === 'string') this.eng.tick()
    else await nextTurn()
  }

  /** Cancels all, collects, and compares with an engine that was just made. */
  async end(): Promise<void> {
    for (const request of this.requests) request.cancel()
    await this.rest()
    this.eng.gc({ keep: 0 })
    for (const fault of this.faults) throw fault
    expect(this.eng.state).toEqual(this.fresh().state)
    expect(this.eng.progress()).toMatchObject({ inFlight: 0, ready: 0, pending: [], requests: [], lives: [] })
    expect([...this.changed.keys()], 'still watched').toEqual([])
    expect([...this.listed.keys()], 'listed and never read').toEqual([])
    expect(insideOf(this.eng).keys.size, 'keys that are known').toBe(0)
    await this.eng.idle()
    this.eng.close()
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
