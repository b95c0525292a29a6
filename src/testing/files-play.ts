/** Plays builds of files: processes that ask, write, fail and are killed, step by step, whenever they are told to go on. */
import type { Make } from '../engine.js'
import { type Drive, Engine } from '../engine.js'
import type { Outcome } from '../finalize/finalize.js'
import { type Effect, type Event, type Input, LOOK_STRIDE, type Look, type Receipt, type Want } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { checkInvariants } from '../model/invariants.js'
import { writeLook } from '../model/look.js'
import { Flag, Flight, hasFlag, type State } from '../model/state.js'
import { read } from '../model/table.js'
import type { Policy } from '../reduce/policies/policy.js'
import { groupsOf, REQUESTS, type Rule, resultOf, type World } from './files.js'

type Step = 'always' | 'create' | 'background' | number | 'odd' | 'stamp' | 'ended' | 'end'

/** What a process does next: its next step, or it fails, or ends since it was told to. */
type What = 'step' | 'fail' | 'kill'

interface Process {
  readonly build: BuildId
  /** Tells it from an earlier one of the same build, of which a request may still be open. */
  readonly run: number
  /** How many requests came of it. */
  asked: number
  readonly rule: Rule
  readonly steps: Step[]
  sum: number
  isKilled: boolean
}

export interface PlayOptions {
  readonly policy?: Policy
  readonly drive?: Drive
  readonly check?: boolean
  readonly state?: State
  /** Puts receipts in another order before they are reduced. */
  readonly permute?: (receipts: readonly Receipt[]) => readonly Receipt[]
  /** First id of requests, where targets need more ids than {@link REQUESTS}. */
  readonly firstRequest?: number
  /** More ticks than this are taken for a loop without end. */
  readonly ticksMax?: number
  readonly onTick?: (input: Input, before: State, after: State) => void
  /** What a file looks like; `state` knows what it was. Default: as its content is. */
  readonly look?: (build: BuildId, state?: State) => Look
  /** A result is about to be put in place. */
  readonly intend?: (build: BuildId) => void
  /** At the end of a turn, before anybody is answered. */
  readonly onTurn?: (after: State, outcome: Outcome) => void
  readonly onAnswer?: (request: BuildId, ok: boolean) => void
}

export class Play {
  readonly engine: Engine
  readonly runs: number[] = []
  readonly scans: number[] = []
  readonly answers = new Map<number, boolean>()
  readonly outcomes: Outcome[] = []
  /** Top-level requests made and not cancelled. */
  readonly open = new Set<number>()
  /** Things that processes will do next; in no particular order. */
  readonly pending: { readonly build: number; readonly what: What; readonly run: () => void }[] = []
  readonly processes = new Map<number, Process>()
  private readonly onAnswer = new Map<number, (ok: boolean) => void>()
  /** Of requests of processes: whose they are. */
  readonly names = new Map<number, string>()
  /** Dispatched or settled, and not ticked yet. */
  readonly untold: (Event | Receipt)[] = []
  /** Whether what came of it cannot be put in place. */
  refusesWrite: ((build: number) => boolean) | undefined
  /** The id of the next request. */
  nextRequest: number
  ticks = 0

  constructor(
    private readonly world: World,
    private readonly options: PlayOptions = {},
  ) {
    this.nextRequest = options.firstRequest ?? REQUESTS
    const permute = options.permute ?? ((receipts) => receipts)
    const make: Make = {
      scan: (state, builds) => {
        this.scans.push(...builds)
        const looks = new Int32Array(builds.length * LOOK_STRIDE)
        builds.forEach((x, i) => {
          writeLook(looks, i * LOOK_STRIDE, this.look(x, state))
        })
        return { _tag: 'scanned', builds, looks }
      },
      run: (state, builds) =>
        permute(
          builds.map((x): Receipt => {
            const rule = world.rules.get(x)
            if (rule?.inMake) return this.goOn(state, x, rule)
            if (rule === undefined)
              return { _tag: 'failed', build: x, error: { _tag: 'noRule' }, exists: world.files.has(x), create: [] }
            return {
              _tag: 'blocked',
              build: x,
              needs: rule.script === undefined ? [] : [buildId(rule.script)],
              create: [],
              slot: true,
            }
          }),
        ),
      start: (state, builds) =>
        permute(
          builds.map((x): Receipt => {
            const script = world.rules.get(x)!.script
            if (script !== undefined && hasFlag(state, buildId(script), Flag.BROKEN)) {
              return {
                _tag: 'failed',
                build: x,
                error: { _tag: 'refused', code: 1, why: 'no do-file' },
                exists: world.files.has(x),
                create: [],
              }
            }
            this.begin(x)
            return { _tag: 'started', build: x }
          }),
        ),
      perform: (effect: Effect) => this.kill(effect.build),
    }
    this.engine = new Engine({
      make,
      ...(options.state === undefined ? {} : { state: options.state }),
      ...(options.policy === undefined ? {} : { policy: options.policy }),
      drive: options.drive ?? 'manual',
      onTick: (input, before, after) => {
        this.untold.length = 0
        if (++this.ticks > (options.ticksMax ?? 5_000)) throw new Error('ticks without end')
        if (options.check !== false) checkInvariants(after)
        options.onTick?.(input, before, after)
      },
      onTurn: (outcome, _, after) => {
        this.outcomes.push(outcome)
        options.onTurn?.(after, outcome)
        for (const { request, ok } of outcome.responses) {
          if (this.answers.has(request)) throw new Error(`request ${request} is answered twice`)
          this.answers.set(request, ok)
          options.onAnswer?.(request, ok)
          this.onAnswer.get(request)?.(ok)
          this.onAnswer.delete(request)
        }
      },
    })
  }

  dispatch(...events: readonly Event[]): void {
    this.untold.push(...events)
    this.engine.dispatch(...events)
  }

  private settle(receipt: Receipt): void {
    this.untold.push(receipt)
    this.engine.settle(receipt)
  }

  /** A top-level request; its id. */
  request(
    targets: readonly number[],
    want: Want = 'ifchange',
    options: { trust?: boolean; keepGoing?: boolean; jobs?: number } = {},
  ): BuildId {
    const request = buildId(this.nextRequest++)
    this.open.add(request)
    this.dispatch({
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
    this.open.delete(request)
    this.dispatch({ _tag: 'cancelled', request })
  }

  /** Runs until nothing can move; `pick` chooses which process goes on next. */
  finish(pick: (n: number) => number = () => 0): void {
    for (;;) {
      this.engine.settleAll()
      if (this.engine.isReady) continue
      if (!this.go(pick)) return
    }
  }

  /** As {@link finish}, under a driver that takes turns of the event loop. */
  async finishInTurns(pick: (n: number) => number = () => 0): Promise<void> {
    for (;;) {
      while (this.engine.isReady) await new Promise(setImmediate)
      // The last turn may have told of answers only.
      await new Promise(setImmediate)
      if (!this.engine.isReady && !this.go(pick)) return
    }
  }

  /** Lets one process go on; false when there is none. */
  go(pick: (n: number) => number): boolean {
    if (this.pending.length === 0) return false
    // By id, since the order in which answers come depends on the driver.
    this.pending.sort((a, b) => a.build - b.build)
    const [next] = this.pending.splice(pick(this.pending.length), 1)
    next?.run()
    return true
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

  /** A process ends by a signal from elsewhere. */
  murder(build: number): void {
    const process = this.processes.get(build)
    if (process !== undefined) this.fail(process, { _tag: 'signal', signal: 'SIGKILL' })
  }

  /** From its beginning, past all that it has asked for before. */
  private goOn(state: State, build: BuildId, rule: Rule): Receipt {
    let known = groupsOf(state, build)
    if (known === 0) this.runs.push(build)
    const asks = (group: readonly number[]): boolean => group.length > 0 && known-- <= 0
    const blocked = (group: readonly number[]): Receipt => ({
      _tag: 'blocked',
      build,
      needs: group.map(buildId),
      create: [],
      slot: false,
    })
    const hasBroken = (group: readonly number[]): boolean => group.some((d) => hasFlag(state, buildId(d), Flag.BROKEN))
    const script = rule.script === undefined ? [] : [rule.script]
    if (asks(script)) return blocked(script)
    if (hasBroken(script)) return this.failed(build, { _tag: 'unmet' })
    let sum = 1
    for (let i = 0; i <= rule.asks.length; i++) {
      const group = rule.asks[i] ?? (sum % 2 === 1 ? (rule.ifOdd ?? []) : [])
      if (asks(group)) return blocked(group)
      if (!hasBroken(group)) for (const d of group) sum += this.world.files.get(d) ?? 7
      else if (rule.tolerant) sum += 7
      else return this.failed(build, { _tag: 'unmet' })
    }
    return this.failsAtEnd({ rule, sum }) ? this.failed(build, { _tag: 'exit', code: 1 }) : this.done(build, rule, sum)
  }

  private begin(build: BuildId): void {
    const rule = this.world.rules.get(build) as Rule
    this.runs.push(build)
    const steps: Step[] = [
      ...(rule.always ? (['always'] as const) : []),
      ...(rule.ifcreate === undefined ? [] : (['create'] as const)),
      ...(rule.background === undefined ? [] : (['background'] as const)),
      ...rule.asks.keys(),
      'odd',
      ...(rule.stamps ? (['stamp'] as const) : []),
      'ended',
      'end',
    ]
    const process = {
      build,
      run: rule.background === undefined ? 0 : this.runs.length,
      asked: 0,
      rule,
      steps,
      sum: 1 + (rule.peeks === undefined ? 0 : (this.world.files.get(rule.peeks) ?? 3)),
      isKilled: false,
    }
    if (this.processes.has(build)) throw new Error(`build ${build} runs twice at once`)
    this.processes.set(build, process)
    this.later(process)
  }

  private soon({ build }: Process, what: What, run: () => void): void {
    this.pending.push({ build, what, run })
  }

  private later(process: Process): void {
    this.soon(process, 'step', () => {
      if (this.processes.get(process.build) === process && !process.isKilled) this.step(process)
    })
  }

  private step(process: Process): void {
    const { rule, build } = process
    const step = process.steps.shift()
    switch (step) {
      case 'end':
        return this.end(process)
      case 'ended':
        if (!this.failsAtEnd(process)) this.dispatch({ _tag: 'ended', build })
        return this.later(process)
      case 'always':
        this.dispatch({ _tag: 'always', build })
        return this.later(process)
      case 'stamp':
        this.dispatch({ _tag: 'stamped', build, stamp: [process.sum % 2, 0, 0, 0] })
        return this.later(process)
      case 'background':
        this.ask(process, rule.background!, 'ifchange')
        return this.later(process)
      case 'create':
        this.onAnswer.set(this.ask(process, rule.ifcreate!, 'create'), () => {
          if (rule.ifcreate!.some((t) => this.world.files.has(t))) this.failLater(process)
          else this.later(process)
        })
        return
    }
    const targets = step === 'odd' ? (process.sum % 2 === 1 ? (rule.ifOdd ?? []) : []) : rule.asks[step as number]!
    this.onAnswer.set(this.ask(process, targets, 'ifchange'), (ok) => {
      if (!ok && !rule.tolerant) return this.failLater(process)
      if (!ok) process.sum += 7
      else for (const t of targets) process.sum += this.world.files.get(t) ?? 7
      this.later(process)
    })
  }

  private ask(process: Process, targets: readonly number[], want: Want): BuildId {
    const request = buildId(this.nextRequest++)
    this.names.set(request, `${process.build} ${process.run} ${process.asked++}`)
    this.dispatch({
      _tag: 'requested',
      request,
      by: process.build,
      session: buildId(read(this.engine.state.flight, process.build, Flight.SESSION)),
      targets: targets.map(buildId),
      want,
      keepGoing: true,
      jobs: 0,
      trust: false,
    })
    return request
  }

  private failsAtEnd({ rule, sum }: Pick<Process, 'rule' | 'sum'>): boolean {
    return rule.failsAt !== undefined && sum % 5 === rule.failsAt
  }

  private failLater(process: Process): void {
    this.soon(process, 'fail', () => this.fail(process, { _tag: 'exit', code: 1 }))
  }

  private fail(process: Process, error: Extract<Receipt, { _tag: 'failed' }>['error']): void {
    const { build } = process
    if (this.processes.get(build) !== process) return
    this.processes.delete(build)
    this.settle(this.failed(build, error))
  }

  private failed(build: BuildId, error: Extract<Receipt, { _tag: 'failed' }>['error']): Receipt {
    return { _tag: 'failed', build, error, exists: this.world.files.has(build), create: [] }
  }

  private kill(build: BuildId): void {
    const process = this.processes.get(build)
    if (process === undefined) return
    process.isKilled = true
    this.soon(process, 'kill', () => this.fail(process, { _tag: 'signal', signal: 'SIGTERM' }))
  }

  private end(process: Process): void {
    const { rule, build } = process
    if (this.failsAtEnd(process)) return this.fail(process, { _tag: 'exit', code: 1 })
    if (this.refusesWrite?.(build)) return this.fail(process, { _tag: 'refused', code: 209, why: 'no room is left' })
    this.processes.delete(build)
    this.settle(this.done(build, rule, process.sum))
  }

  /** Puts what came of it in place. */
  private done(build: BuildId, rule: Rule, sum: number): Receipt {
    const virtual = rule.output === 'none'
    if (virtual) this.world.files.delete(build)
    else {
      this.options.intend?.(build)
      this.world.files.set(build, resultOf(rule, sum))
    }
    this.world.byHand?.delete(build)
    return { _tag: 'done', build, look: this.look(build), virtual }
  }

  private look(build: BuildId, state?: State): Look {
    if (this.options.look !== undefined) return this.options.look(build, state)
    const content = this.world.files.get(build)
    const [kind, word] = content === undefined ? [0, 0] : [1, content + 1]
    return { kind, racy: false, stat0: word, stat1: 0, content0: word, content1: 0, content2: 0, content3: 0 }
  }
}
