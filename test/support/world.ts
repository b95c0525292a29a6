/**
 * A world of files and rules as plain data, which the engine (through a make that plays the processes) and a plain
 * recursive oracle both interpret. Ids are names: rule and file `n` are build `n`.
 */
import type { Make } from '../../src/engine.js'
import { type Drive, Engine } from '../../src/engine.js'
import type { Outcome } from '../../src/finalize/finalize.js'
import { type Effect, LOOK_STRIDE, LookWord, type Receipt, type Want } from '../../src/model/event.js'
import { type BuildId, buildId } from '../../src/model/ids.js'
import { checkInvariants } from '../../src/model/invariants.js'
import { dependenciesOf, Fact, type State } from '../../src/model/state.js'
import { read } from '../../src/model/table.js'
import type { Policy } from '../../src/reduce/policies/fixpoint.js'

/** What a rule's process does, step by step. */
export interface Rule {
  /** Asked for one group after the other. */
  readonly asks: readonly (readonly number[])[]
  /** Asked for next, if the sum of what was read so far is odd. */
  readonly ifOdd?: readonly number[]
  readonly ifcreate?: readonly number[]
  /** The output: all that was read, only whether it is odd, or no file at all. */
  readonly output: 'sum' | 'parity' | 'none'
  /** Fails when the sum leaves this rest by 5. */
  readonly failsAt?: number
  readonly always?: boolean
  /** Goes on when what it asked for is broken. */
  readonly tolerant?: boolean
}

export interface World {
  readonly rules: Map<number, Rule>
  readonly files: Map<number, number>
}

/** First id of requests. */
export const REQUESTS = 1_000

interface Process {
  readonly build: BuildId
  readonly steps: ('create' | number | 'odd' | 'end')[]
  sum: number
}

export class Play {
  readonly engine: Engine
  readonly runs: number[] = []
  readonly scans: number[] = []
  readonly answers = new Map<number, boolean>()
  readonly outcomes: Outcome[] = []
  /** Things that processes will do next, in no particular order. */
  readonly pending: (() => void)[] = []
  private readonly processes = new Map<number, Process>()
  private readonly onAnswer = new Map<number, (ok: boolean) => void>()
  private nextRequest = REQUESTS
  private readonly world: World

  constructor(world: World, options: { policy?: Policy; drive?: Drive; check?: boolean; state?: State } = {}) {
    this.world = world
    const make: Make = {
      scan: (_, builds) => {
        this.scans.push(...builds)
        const looks = new Int32Array(builds.length * LOOK_STRIDE)
        builds.forEach((x, i) => {
          const content = world.files.get(x)
          if (content === undefined) return
          looks[i * LOOK_STRIDE + LookWord.KIND] = 1
          looks[i * LOOK_STRIDE + LookWord.STAT] = content + 1
          looks[i * LOOK_STRIDE + LookWord.CONTENT] = content + 1
        })
        return { _tag: 'scanned', builds, looks }
      },
      run: (_, builds) =>
        builds.map((x): Receipt => {
          if (!world.rules.has(x))
            return { _tag: 'failed', build: x, error: { _tag: 'noRule' }, exists: false, create: [] }
          return { _tag: 'blocked', build: x, needs: [], create: [], slot: true }
        }),
      start: (_, builds) =>
        builds.map((x): Receipt => {
          this.begin(x)
          return { _tag: 'started', build: x }
        }),
      perform: (effect: Effect) => {
        this.kill(effect.build)
      },
    }
    this.engine = new Engine({
      make,
      ...(options.state === undefined ? {} : { state: options.state }),
      ...(options.policy === undefined ? {} : { policy: options.policy }),
      drive: options.drive ?? 'manual',
      onTick: (_, __, after) => {
        if (options.check !== false) checkInvariants(after)
      },
      onTurn: (outcome) => {
        this.outcomes.push(outcome)
        for (const { request, ok } of outcome.responses) {
          if (this.answers.has(request)) throw new Error(`request ${request} is answered twice`)
          this.answers.set(request, ok)
          this.onAnswer.get(request)?.(ok)
          this.onAnswer.delete(request)
        }
      },
    })
  }

  /** A top-level request; its id. */
  request(
    targets: readonly number[],
    want: Want = 'ifchange',
    options: { trust?: boolean; keepGoing?: boolean; jobs?: number } = {},
  ): BuildId {
    const request = buildId(this.nextRequest++)
    this.engine.dispatch({
      _tag: 'requested',
      request,
      by: buildId(0),
      session: request,
      targets: targets.map(buildId),
      want,
      keepGoing: options.keepGoing ?? true,
      jobs: options.jobs ?? 2,
      trust: options.trust ?? false,
    })
    return request
  }

  cancel(request: BuildId): void {
    this.engine.dispatch({ _tag: 'cancelled', request })
  }

  /** Runs until nothing can move; `pick` chooses which process goes on next. */
  finish(pick: (n: number) => number = () => 0): void {
    for (;;) {
      this.engine.settleAll()
      if (this.engine.isReady) continue
      if (this.pending.length === 0) return
      const [next] = this.pending.splice(pick(this.pending.length), 1)
      next?.()
    }
  }

  /** Asks for `targets` and returns the answer. */
  build(
    targets: readonly number[],
    want: Want = 'ifchange',
    options: Parameters<Play['request']>[2] = {},
  ): boolean | undefined {
    const request = this.request(targets, want, options)
    this.finish()
    return this.answers.get(request)
  }

  private begin(build: BuildId): void {
    const rule = this.world.rules.get(build) as Rule
    this.runs.push(build)
    const steps: Process['steps'] = [...rule.asks.keys(), 'odd', 'end']
    if (rule.ifcreate !== undefined) steps.unshift('create')
    const process = { build, steps, sum: 1 }
    this.processes.set(build, process)
    this.later(process)
    if (rule.always) this.pending.push(() => this.engine.dispatch({ _tag: 'always', build }))
  }

  private later(process: Process): void {
    this.pending.push(() => {
      if (this.processes.get(process.build) === process) this.step(process)
    })
  }

  private step(process: Process): void {
    const rule = this.world.rules.get(process.build) as Rule
    const step = process.steps.shift()
    if (step === 'end') return this.end(process, rule)
    const create = step === 'create'
    const targets = create
      ? rule.ifcreate!
      : step === 'odd'
        ? process.sum % 2 === 1
          ? (rule.ifOdd ?? [])
          : []
        : rule.asks[step as number]!
    const request = buildId(this.nextRequest++)
    this.onAnswer.set(request, (ok) => {
      if (!ok && !rule.tolerant) return this.fail(process.build)
      if (!create) for (const t of targets) process.sum += this.world.files.get(t) ?? 7
      this.later(process)
    })
    this.engine.dispatch({
      _tag: 'requested',
      request,
      by: process.build,
      session: buildId(read(this.engine.state.flight, process.build, 11)),
      targets: targets.map(buildId),
      want: create ? 'create' : 'ifchange',
      keepGoing: true,
      jobs: 0,
      trust: false,
    })
  }

  private fail(build: BuildId): void {
    this.processes.delete(build)
    const exists = this.world.files.has(build)
    this.engine.settle({ _tag: 'failed', build, error: { _tag: 'exit', code: 1 }, exists, create: [] })
  }

  private kill(build: BuildId): void {
    const exists = this.world.files.has(build)
    if (!this.processes.delete(build)) return
    this.pending.push(() =>
      this.engine.settle({ _tag: 'failed', build, error: { _tag: 'signal', signal: 'SIGTERM' }, exists, create: [] }),
    )
  }

  private end(process: Process, rule: Rule): void {
    if (rule.failsAt !== undefined && process.sum % 5 === rule.failsAt) return this.fail(process.build)
    this.processes.delete(process.build)
    const virtual = rule.output === 'none'
    const value = valueOf(rule, process.sum)
    if (virtual) this.world.files.delete(process.build)
    else this.world.files.set(process.build, value)
    const content0 = virtual ? 0 : value + 1
    const look = {
      kind: virtual ? 0 : 1,
      racy: false,
      stat0: content0,
      stat1: 0,
      content0,
      content1: 0,
      content2: 0,
      content3: 0,
    }
    this.engine.settle({ _tag: 'done', build: process.build, look, virtual })
  }
}

const valueOf = (rule: Rule, sum: number): number => (rule.output === 'parity' ? sum % 2 : sum % 1_000_003)

/** What a build from nothing would give: the value, or undefined where it fails. Sources are the files without a rule. */
export const oracle = (
  world: World,
  target: number,
  path: readonly number[] = [],
  memo = new Map<number, number | undefined>(),
): number | undefined => {
  if (memo.has(target)) return memo.get(target)
  const rule = world.rules.get(target)
  const value = ((): number | undefined => {
    if (rule === undefined) return world.files.get(target)
    if (path.includes(target)) return undefined
    let sum = 1
    for (const t of rule.asks.flat()) {
      const v = oracle(world, t, [...path, target], memo)
      if (v === undefined && !rule.tolerant) return undefined
      sum += v === undefined || world.rules.get(t)?.output === 'none' ? 7 : v
    }
    if (sum % 2 === 1) {
      for (const t of rule.ifOdd ?? []) {
        const v = oracle(world, t, [...path, target], memo)
        if (v === undefined && !rule.tolerant) return undefined
        sum += v === undefined || world.rules.get(t)?.output === 'none' ? 7 : v
      }
    }
    if (rule.failsAt !== undefined && sum % 5 === rule.failsAt) return undefined
    return valueOf(rule, sum)
  })()
  if (path.length === 0) memo.set(target, value)
  return value
}

/** What two runs that should agree are compared by: everything but where rows and edges happen to lie. */
export const canonical = (state: State, ids: readonly number[]): unknown =>
  ids.map((x) => ({
    x,
    facts: Array.from({ length: 12 }, (_, word) => read(state.facts, x, word)).filter(
      (_, word) => word !== Fact.DEP_HEAD && word !== Fact.DEPENDENT_HEAD,
    ),
    checked: read(state.checked, x, 0),
    dependencies: dependenciesOf(state, buildId(x)),
  }))
