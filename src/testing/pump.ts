/** Moves an engine on by a schedule: which builds are in the next batch, when the end of a read or action is heard of, what fails. */

import type { Control, Ended } from '../library/control.js'
import { BuildEngine } from '../library/create-engine.js'
import { insideOf } from '../library/inside.js'
import type { CreateOptions } from '../library/options.js'
import { emptyBatch } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import { gather } from '../reduce/gather.js'
import { cap, fixpoint, fullBatch } from '../reduce/policies/basic.js'
import type { Policy } from '../reduce/policies/policy.js'
import type { Choices } from './schedule.js'
import { Situation } from './situation.js'

/** Makes the engine that is looked at: `(options) => createEngine({ rules, ...options })`. */
export type EngineFactory = (options: Partial<CreateOptions>) => BuildEngine

/** @throws Misuse where what comes of the factory is no engine */
export const engineOf = (who: string, factory: EngineFactory, options: Partial<CreateOptions>): BuildEngine => {
  const eng: unknown = factory(options)
  if (!isEngine(eng)) throw new Misuse(`${who}: the engine factory must return an engine at once, got ${shown(eng)}`)
  return eng
}

export const isEngine = (eng: unknown): eng is BuildEngine => eng instanceof BuildEngine

export interface PumpOptions {
  /** How many reads and actions are made to fail, at most. */
  readonly faults: number
  /** What a read or action fails with then. */
  readonly fault: () => unknown
  /** How long something that is under way outside is waited for before the schedule goes on without it, in ms. */
  readonly patience: number
  readonly stepsMax: number
  /** Told of what subscribers and watches threw, where the engine has no `onError` of its own. */
  readonly onError: (error: unknown) => void
  /** Told of all that the rest hangs on, before each step. */
  readonly onSituation?: ((situation: string) => void) | undefined
}

/** How often whoever waits for an answer may go on before the next step: promises that follow from one another. */
const HOPS = 24
const TURNS = 4

const POLICIES: readonly Policy[] = [fixpoint(), cap(1), fullBatch()]

/** It went on, or waits, for longer than it may. */
export class Stuck extends Error {
  override readonly name = 'Stuck'
}

export class Pump {
  readonly eng: BuildEngine
  /** Under way, and not yet over; slow: not waited for any more. */
  private readonly pending = new Map<BuildId, 'pending' | 'slow'>()
  private readonly arrived: { readonly build: BuildId; readonly receipt: Ended; readonly deliver: () => void }[] = []
  private readonly situation: Situation
  private wasTold = true
  private faultsLeft: number
  private wake: (() => void) | undefined

  constructor(
    factory: EngineFactory,
    private readonly choices: Choices,
    private readonly options: PumpOptions,
    more: Partial<CreateOptions> = {},
  ) {
    this.faultsLeft = options.faults
    const control = this.control()
    this.eng = engineOf('forAllSchedules', factory, { ...more, control })
    if (insideOf(this.eng).options.control !== control)
      throw new Misuse(
        'the engine factory must hand on what it is given: (options) => createEngine({ rules, ...options })',
      )
    this.situation = new Situation(insideOf(this.eng))
  }

  private control(): Control {
    const { choose } = this.choices
    const base: Control = {
      isPumped: true,
      order: (receipts) => {
        if (receipts.length < 2) return receipts
        const by = choose(2 * receipts.length, 'aside')
        if (by === 0) return receipts
        const turned = [...receipts.slice(by >> 1), ...receipts.slice(0, by >> 1)]
        return by % 2 === 0 ? turned : turned.reverse()
      },
      begun: (build) => {
        this.situation?.onEffect(build)
        if (!this.arrived.some((one) => one.build === build)) this.pending.set(build, 'pending')
      },
      ended: (receipt, deliver) => {
        const { build } = receipt
        this.situation?.onEffect(build)
        this.pending.delete(build)
        this.arrived.push({ build, receipt, deliver })
        this.wake?.()
      },
      dropped: (build) => {
        this.pending.delete(build)
        const at = this.arrived.findIndex((one) => one.build === build)
        if (at >= 0) this.arrived.splice(at, 1)
      },
      isDropped: () => choose(2, 'aside') === 1,
      onError: this.options.onError,
      onTick: (input, _, after) => {
        // What the factory itself did is the same in each run.
        if (this.eng !== undefined) this.situation.onTick(input, after)
        if (after.news.length > 0 || after.inFlight === 0) this.wasTold = true
      },
    }
    if (this.options.faults === 0) return base
    return {
      ...base,
      fault: () => {
        if (this.faultsLeft === 0 || choose(2) === 0) return undefined
        this.faultsLeft--
        return this.options.fault()
      },
    }
  }

  /** Moves on until `isOver`. @throws Stuck */
  async run(isOver: () => boolean): Promise<void> {
    for (let steps = 0; ; steps++) {
      if (this.wasTold) {
        this.wasTold = false
        for (let i = 0; i < HOPS && !isOver(); i++) await undefined
      }
      if (isOver()) return
      if (this.hasPending) await this.arrivals(isOver)
      if (isOver()) return
      this.options.onSituation?.(this.situationNow())
      if (steps > this.options.stepsMax)
        throw new Stuck(`after ${steps} steps it is not over: does something ask again and again?`)
      if (!this.step() && !(await this.stillMoves(isOver))) {
        if (isOver()) return
        throw new Stuck(
          `nothing is left to be done, and the check still waits: if for something outside that takes longer than ${this.options.patience} ms, set \`patience\``,
        )
      }
    }
  }

  private get hasPending(): boolean {
    for (const how of this.pending.values()) if (how === 'pending') return true
    return false
  }

  /** What is under way outside comes to its end before the next choice, so that the choice hangs on no clock. */
  private async arrivals(isOver: () => boolean): Promise<void> {
    for (let i = 0; i < HOPS && this.hasPending && !isOver(); i++) await undefined
    for (let i = 0; i < TURNS && this.hasPending && !isOver(); i++) await new Promise(setImmediate)
    const end = performance.now() + this.options.patience
    while (this.hasPending && !isOver() && performance.now() < end) await this.soon(end - performance.now())
    for (const build of this.pending.keys()) this.pending.set(build, 'slow')
  }

  /** Whether something came up from outside that the engine knows nothing of. */
  private async stillMoves(isOver: () => boolean): Promise<boolean> {
    const moves = (): boolean => isOver() || this.arrived.length > 0 || insideOf(this.eng).inner.isReady
    for (let i = 0; i < TURNS && !moves(); i++) await new Promise(setImmediate)
    const end = performance.now() + this.options.patience
    while (!moves() && performance.now() < end) await this.soon(Math.min(5, end - performance.now()))
    this.wasTold = true
    return moves()
  }

  private soon(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, ms))
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** As a driver does it: a tick, or all there are until nothing is ready; by the engine's own policy, or by another one. */
  private turn(): void {
    const { inner, settings } = insideOf(this.eng)
    // Those that want to know costs and requests would have it told first.
    const others = inner.state.tracks === 0 ? POLICIES : []
    const how = this.choices.choose(2 + 2 * others.length, 'part')
    const other = others[(how >> 1) - 1]
    if (other !== undefined) inner.setPolicy(other)
    if (how % 2 === 0) this.eng.settle()
    else this.eng.tick()
    if (other !== undefined) inner.setPolicy(settings.policy)
  }

  /** All that the rest hangs on. */
  situationNow(): string {
    const { situation, arrived, pending, faultsLeft } = this
    const more = [faultsLeft]
    for (const { build, receipt } of arrived)
      more.push(situation.nameOf(build), 'content' in receipt ? receipt.content[0] ^ receipt.content[1] : -1)
    for (const build of pending.keys()) more.push(situation.nameOf(build))
    return situation.text(more)
  }

  /** What it all came to, in whatever order things were done outside. */
  endSituation(): string {
    return this.situation.endText()
  }

  /** One step; false: there is nothing to do. */
  step(): boolean {
    const { eng, situation, arrived } = this
    const { state } = eng
    const { inner } = insideOf(eng)
    const view = gather(state)
    const run = state.ready.size === 0 ? [] : situation.inOrder(view.run(Number.POSITIVE_INFINITY))
    const start = state.pools.length === 0 ? [] : situation.inOrder(view.pooled)
    const n = run.length + start.length + arrived.length
    if (n === 0) {
      if (!inner.isReady) return false
      // What was asked: by itself, so that all that comes of it is for the schedule to choose.
      inner.tickOf(emptyBatch)
      inner.endTurn()
      return true
    }
    // All of it; one; some; or, as a turn, all of it and all that comes of it.
    const chosen = this.choices.choose(n === 1 ? 2 : n + 3)
    const isTurn = chosen === (n === 1 ? 1 : n + 2)
    const mask = chosen === n + 1 && n > 1 ? this.choices.choose(2 ** Math.min(n, 30), 'part') : -1
    const isIn = (i: number): boolean =>
      chosen === 0 || isTurn || (chosen <= n ? i === chosen - 1 : ((mask >> (i % 30)) & 1) === 1)
    if (arrived.length > 1) arrived.sort((a, b) => situation.compare(a.build, b.build))
    for (const one of arrived.filter((_, i) => isIn(run.length + start.length + i))) {
      arrived.splice(arrived.indexOf(one), 1)
      one.deliver()
    }
    if (isTurn) this.turn()
    else {
      const ofRun = run.filter((_, i) => isIn(i))
      inner.tickOf({ ...emptyBatch, run: ofRun, start: start.filter((_, i) => isIn(run.length + i)) })
      inner.endTurn()
    }
    return true
  }
}
