import { insideOf } from '../library/inside.js'
import type { SourceKey } from '../model/definition.js'
import { Misuse } from '../model/misuse.js'
import { Flight, type State, Status, statusOf } from '../model/state.js'
import { read } from '../model/table.js'
import { fingerprint } from './fingerprint.js'
import { ACTIONS, evaluate, FAILS, FIRST_PLAN, inCircles, READ_SOURCES, type Ref, type Truth, textOf } from './plans.js'
import type { Step } from './scripts.js'
import { type Asked, ensure, type Followed, same, sorted, textOfResult, Watched } from './watched.js'

export class Play extends Watched {
  // ---------------------------------------------------------------------------------------------- steps

  step(step: Step): void {
    this.perform(step)
    for (const fault of this.faults) throw fault
  }

  private perform(step: Step): void {
    const { eng } = this
    switch (step.step) {
      case 'once':
        return this.once(this.target(step.ref))
      case 'live':
        return this.follow(this.target(step.ref))
      case 'cancel': {
        const open = this.openRequests
        return open[step.which % Math.max(1, open.length)]?.()
      }
      case 'change':
        return this.change(
          step.changes,
          step.touches.map((n) => this.target(n)),
        )
      case 'settle': {
        const { running } = this
        const all = [...this.under].sort((a, b) => a.ref - b.ref)
        const under = step.stale
          ? all[step.which % Math.max(1, all.length)]
          : running[step.which % Math.max(1, running.length)]
        under?.settle()
        if (under !== undefined) under.isSettled = true
        return
      }
      case 'tick':
        if (this.config.whole) return this.run()
        eng.tick()
        this.told = this.reduced
        return
      case 'run':
        return this.run()
      case 'gc':
        eng.gc({ keep: step.keep })
        return this.expectRest()
      case 'sweep':
        // In the midst of it all, as the engine does now and then by itself.
        insideOf(eng).inner.dispatch({ _tag: 'swept', keep: step.keep })
        return
      case 'wipe':
        eng.wipe({ percent: step.percent })
        return this.expectRest()
      case 'fail':
        // As it is until now, and not before.
        if (this.config.whole) this.run()
        if (step.fails) this.failing.add(step.ref)
        else this.failing.delete(step.ref)
        return this.change([], [step.ref])
      case 'crash':
        return this.crash()
    }
  }

  /** Negative: the plans, from the last one on, around and around. */
  private target(ref: number): Ref {
    return ref >= 0 ? ref : FIRST_PLAN + this.plans.length - 1 - ((-ref - 1) % this.plans.length)
  }

  private get openRequests(): readonly (() => void)[] {
    const end = (one: Asked | Followed, request: { cancel(): void }) => (): void => {
      one.isCancelled = true
      request.cancel()
    }
    return [
      ...this.asked.filter((a) => !a.isCancelled && a.answers === 0).map((a) => end(a, a.request)),
      ...this.followed.filter((f) => !f.isCancelled).map((f) => end(f, f.live)),
    ]
  }

  private change(changes: Extract<Step, { step: 'change' }>['changes'], touches: readonly Ref[]): void {
    // What was asked for in the same tick may be answered as of before it or after it: that hangs on whether make goes ahead.
    if (this.config.whole) this.run()
    const settings = new Map(this.settings.at(-1)!)
    this.eng.transact((tx) => {
      for (const { source: ref, value, how, waits } of changes) {
        const isRead = READ_SOURCES.includes(ref)
        if (isRead && how === 'outside') {
          this.outside[ref] = value
          if (waits) this.waits.add(ref)
          else this.waits.delete(ref)
          tx.touch(this.keyOf(ref))
          settings.delete(ref)
          continue
        }
        settings.set(ref, value)
        if (value === undefined) tx.remove(this.keyOf(ref) as SourceKey)
        else tx.set(this.keyOf(ref) as SourceKey<number>, value)
      }
      for (const ref of touches) {
        // Read again: what was set is of no account any more.
        if (READ_SOURCES.includes(ref)) settings.delete(ref)
        tx.touch(this.keyOf(ref))
        this.touchedAt.set(ref, this.eng.version + 1)
      }
    })
    this.settings.push(settings)
    const truth = [...this.truths.at(-1)!]
    for (const { source } of changes) truth[source] = this.outcome(source)
    for (const ref of touches) truth[ref] = this.outcome(ref)
    this.truths.push(truth)
  }

  /** What a source or action comes to, once it is read or run. */
  private outcome(ref: Ref): Truth[number] {
    const settings = this.settings.at(-1)!
    if (settings.has(ref)) return settings.get(ref)
    if (this.failing.has(ref)) return FAILS
    return READ_SOURCES.includes(ref) ? this.outside[ref] : undefined
  }

  /** What was not committed never was. */
  private crash(): void {
    const { file } = this
    if (file === undefined) throw new Misuse('a script with crashes is played with `crashes: true`')
    file.crash()
    this.end()
    this.eng = this.open()
    const { version } = this.eng
    ensure(version < this.truths.length, () => `version ${version} never was`)
    this.reduced = this.told = version
    for (const history of [this.truths, this.settings, this.evaluations]) history.length = version + 1
    this.madeAt.clear()
    for (const [ref, at] of this.touchedAt) if (at > version) this.touchedAt.delete(ref)
    // What can be read is read again, and what was said of actions since is to be said again.
    const truth = [...this.truths[version]!]
    for (const ref of READ_SOURCES) truth[ref] = this.outcome(ref)
    this.truths[version] = truth
    delete this.evaluations[version]
    const lost = ACTIONS.filter((ref) => truth[ref] !== this.outcome(ref))
    if (lost.length > 0) this.change([], lost)
  }

  /** Ticks until nothing is ready; then all that can be known is. */
  run(): void {
    this.eng.settle()
    for (const fault of this.faults) throw fault
    this.expectRest()
  }

  /** As `run`, under a driver that takes turns of the event loop. */
  async runInTurns(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (insideOf(this.eng).inner.isScheduled)
    for (const fault of this.faults) throw fault
    this.expectRest()
  }

  // ---------------------------------------------------------------------------------------------- at rest

  /** Nothing is ready: whatever does not wait for what is under way is answered, and nothing else is under way. */
  expectRest(): void {
    const { eng, running } = this
    this.told = this.reduced
    const pooled = ACTIONS.filter((ref) => {
      const id = insideOf(eng).keys.find(this.keyOf(ref))
      return id !== undefined && statusOf(eng.state, id) === Status.START
    })
    const waits = new Set([...running.map((u) => u.ref), ...pooled])
    const pending = eng.progress().pending.map((key) => key.key as Ref)
    same(
      sorted(pending),
      running.map((u) => u.ref),
      'pending',
    )
    const now = evaluate(this.plans, this.truths.at(-1)!, waits)
    const circleAt = (ref: Ref) => (this.config.cyclic ? now.circle(ref) : 'none')
    for (const { ref, request, isCancelled } of this.asked) {
      if (isCancelled || request.now !== undefined || circleAt(ref) !== 'none') continue
      const result = now.result(ref)
      ensure(result === 'wait', () => `${ref} is not answered, and is ${textOf(result)}`)
    }
    for (const { ref, told, isCancelled } of this.followed) {
      if (isCancelled) continue
      const is = told.at(-1)?.text
      const circle = circleAt(ref)
      if (circle === 'on') ensure(`${is}`.includes(': cycle'), () => `${ref} is on a circle, and is told to be ${is}`)
      if (circle !== 'none') continue
      const result = now.result(ref)
      if (result !== 'wait') same(is, textOf(result), `${ref} was last told to be`)
    }
    if (this.config.cyclic) {
      if (waits.size > 0) return
      ensure(eng.state.inFlight === 0, () => `${eng.state.inFlight} are left in flight`)
      if (this.config.cyclic === 'at once') this.expectCircles()
      return
    }
    // A run that has to look again keeps what it asked for until it has asked anew.
    const kept = [...waits].filter((ref) => now.reached.has(ref) || this.isWaitedFor(ref))
    same(sorted(kept), sorted([...waits]), 'under way')
    if (this.openRequests.length === 0) same(sorted([...waits]), [], 'under way for nobody')
    if (waits.size > 0) return
    ensure(eng.state.inFlight === 0, () => `${eng.state.inFlight} are left in flight`)
    same(sorted([...this.watched]), sorted(this.followedNow.filter((ref) => READ_SOURCES.includes(ref))), 'watched')
  }

  private expectCircles(): void {
    for (const { ref, told, isCancelled } of this.followed) {
      if (isCancelled) continue
      const is = told.at(-1)!.text
      const should = inCircles(this.plans, this.truths.at(-1)!, ref)
      if (should === 'cycle') ensure(is.includes(': cycle'), () => `${ref} is on a circle, and is told to be ${is}`)
      else if (should === 'broken') ensure(is.includes(':'), () => `${ref} needs a circle, and is told to be ${is}`)
      else same(is, textOf(should), `${ref} was last told to be`)
    }
  }

  private isWaitedFor(ref: Ref): boolean {
    const id = insideOf(this.eng).keys.find(this.keyOf(ref))!
    return read(this.eng.state.flight, id, Flight.WAITER_HEAD) !== 0
  }

  /** What live requests stand on. */
  private get followedNow(): readonly Ref[] {
    const now = evaluate(this.plans, this.truths.at(-1)!)
    for (const { ref, isCancelled } of this.followed) if (!isCancelled) now.result(ref)
    return [...now.reached]
  }

  /** Lets all that is under way end. */
  finish(pick: (n: number) => number): void {
    this.run()
    while (this.settleOne(pick)) this.run()
    this.expectAnswered()
  }

  async finishInTurns(pick: (n: number) => number): Promise<void> {
    await this.runInTurns()
    while (this.settleOne(pick)) await this.runInTurns()
    this.expectAnswered()
  }

  private settleOne(pick: (n: number) => number): boolean {
    const { running } = this
    const under = running[pick(Math.max(1, running.length))]
    if (under === undefined) return false
    under.settle()
    under.isSettled = true
    return true
  }

  private expectAnswered(): void {
    ensure(this.eng.state.inFlight === 0, () => `${this.eng.state.inFlight} are left in flight`)
    for (const { ref, request } of this.asked) ensure(request.now !== undefined, () => `${ref} was never answered`)
  }

  /** What is kept is what live requests stand on: no more, no less. */
  expectSmall(): void {
    // What comes of circles is not told by `evaluate`.
    if (this.config.cyclic) return
    this.eng.gc({ keep: 0 })
    const { keys } = insideOf(this.eng)
    const kept = keys.part(100).map((id) => keys.keyOf(id)!.key as Ref)
    same(sorted(kept), sorted([...this.followedNow]), 'kept')
  }

  /** Everything is cancelled and collected: nothing is left. */
  expectEmptied(fresh: State): void {
    for (const cancel of this.openRequests) cancel()
    this.eng.settle()
    same(
      this.running.map((u) => u.ref),
      [],
      'under way though nobody waits',
    )
    same([...this.watched], [], 'watched though nobody follows')
    this.eng.gc({ keep: 0 })
    same(insideOf(this.eng).keys.size, 0, 'keys that are known')
    ensure(fingerprint(this.eng.state) === fingerprint(fresh), () => 'the state is not the empty one')
  }

  /** What was told last, request by request; of those that were cancelled, nothing. */
  get results(): readonly string[] {
    const wanted = <A extends { readonly isCancelled: boolean }>(all: readonly A[]) =>
      all.filter(({ isCancelled }) => !isCancelled)
    return [
      ...wanted(this.asked).map(({ ref, request }) => `${ref}: ${request.now && textOfResult(request.now)}`),
      ...wanted(this.followed).map(({ ref, told }) => `${ref}: ${told.at(-1)?.text}`),
    ]
  }

  /** All that was told, request by request. */
  get history(): readonly string[] {
    return [
      ...this.asked.map(
        ({ ref, request, isCancelled }) =>
          `${ref}: ${isCancelled || request.now === undefined ? '' : textOfResult(request.now)}`,
      ),
      ...this.followed.map(
        ({ ref, told }) => `${ref}: ${told.map(({ version, text }) => `${version} ${text}`).join(', ')}`,
      ),
    ]
  }
}
