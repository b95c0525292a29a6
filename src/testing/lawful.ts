/** The space of all pasts, in which each tick is looked at: whoever breaks a law is told of with the choices that led there. */
import { eitherOf } from '../library/told.js'
import { wordsOf } from '../make/keys.js'
import type { Effect, Event, Input, Receipt } from '../model/event.js'
import { emptyBatch } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { checkInvariants } from '../model/invariants.js'
import type { Answer, News, State } from '../model/state.js'
import { endTurn, reduce } from '../reduce/reduce.js'
import { Oracle, textOfResult } from './oracle.js'
import type { EngineFactory } from './pump.js'
import { shapeOf } from './shape.js'
import { numberOf } from './situation.js'
import { type Asked, type Choice, ensure, FAULT, type Node, type Script, Space, type SpaceOptions } from './space.js'

const REQUEST: Omit<Extract<Event, { _tag: 'requested' }>, 'request' | 'session' | 'targets'> = {
  _tag: 'requested',
  by: buildId(0),
  want: 'value',
  keepGoing: true,
  jobs: 1,
  trust: true,
}

export class LawfulSpace extends Space {
  private readonly oracles = new Map<string, Oracle>()
  private readonly empty: string
  private last: { readonly before: State; readonly input: Input } | undefined

  constructor(factory: EngineFactory, script: Script, options: SpaceOptions) {
    super(factory, script, options)
    // What the factory set is told already.
    this.empty = shapeOf(this.quietly(this.first.state, { _tag: 'swept', keep: 0 }))
  }

  /** What holds of every node, and of the way it was last come by. */
  check(node: Node): void {
    const { before, input } = this.last ?? {}
    if (before !== undefined && input !== undefined && input.receipts.length > 1) {
      const { state } = reduce(before, { ...input, receipts: [...input.receipts].reverse() })
      ensure(shapeOf(state) === shapeOf(node.state), () => 'the order in which receipts are listed changes the state')
    }
    checkInvariants(node.state)
    if (this.isOver(node)) this.expectEnded(node)
    else if (this.options.choices === 'policy')
      ensure(this.choicesAt(node).length > 0, () => 'builds are ready, and the policy takes none of them')
  }

  /** Equal nodes have the same futures. */
  keyOf(node: Node): string {
    const more = [
      node.position,
      node.settings,
      node.faults,
      node.failing ?? 0,
      node.isLoose ? 1 : 0,
      node.underWay.length,
    ]
    for (const { build, end } of node.underWay) more.push(build, end._tag === 'made' ? end.content[0] : -1)
    let made = 0
    for (const [build, version] of node.made) made = (made + Math.imul((version << 12) + build, 0x9e3779b1)) | 0
    more.push(made)
    const { carry } = node.state
    if (carry !== null && carry !== undefined) more.push(hashOf(JSON.stringify(carry)))
    for (const { state, told } of node.asked)
      more.push(state === 'open' ? 1 : state === 'answered' ? 2 : 3, hashOf(told))
    return shapeOf(node.state, more)
  }

  // ---------------------------------------------------------------------------------------------- what happens

  protected happened(node: Node, choice: Exclude<Choice, { readonly tick: unknown }>): Node {
    // Not every step is one of the engine's: what is taken back already is not taken back again.
    this.last = undefined
    if ('fault' in choice) return this.afterFault({ ...node, faults: node.faults + 1 }, choice)
    const next = { ...node, position: node.position + 1 }
    const step = this.script[node.position]!
    const request = this.requests[node.position]!
    if ('once' in step || 'live' in step) {
      const isLive = 'live' in step
      const target = this.keys.intern('live' in step ? step.live : step.once)
      const asked: Asked = { step: node.position, isLive, since: node.state.version, state: 'open', told: undefined }
      const event: Event = isLive
        ? { _tag: 'followed', request, target }
        : { ...REQUEST, request, session: request, targets: [target] }
      return this.happens({ ...next, asked: [...node.asked, asked] }, event)
    }
    if ('cancel' in step) {
      const at = node.asked.findIndex((one) => one.step === step.cancel)
      return at < 0 || node.asked[at]!.state !== 'open' ? next : this.cancelled(next, at)
    }
    if ('sweep' in step)
      return this.happens({ ...next, made: new Map(), isLoose: true }, { _tag: 'swept', keep: step.sweep })
    if ('wipe' in step) return this.wiped(next)
    const builds = this.changed[node.settings]!.flatMap((key) => this.keys.find(key) ?? [])
    return this.transacted({ ...next, settings: node.settings + 1 }, builds)
  }

  private afterFault(node: Node, { fault, of }: Extract<Choice, { readonly fault: unknown }>): Node {
    switch (fault) {
      case 'cancel':
        return this.cancelled(node, of)
      case 'sweep':
        return this.happens({ ...node, made: new Map(), isLoose: true }, { _tag: 'swept', keep: 0 })
      case 'wipe':
        return this.wiped(node)
      case 'touch':
        return this.transacted(node, [buildId(of)])
    }
  }

  private cancelled(node: Node, at: number): Node {
    const asked = node.asked.with(at, { ...node.asked[at]!, state: 'cancelled' })
    return this.happens({ ...node, asked }, { _tag: 'cancelled', request: this.requests[node.asked[at]!.step]! })
  }

  private wiped(node: Node): Node {
    return this.happens({ ...node, made: new Map(), isLoose: true }, { _tag: 'wiped', builds: this.known(node) })
  }

  private transacted(node: Node, builds: readonly BuildId[]): Node {
    const { version } = node.state
    const failing = node.failing !== undefined && builds.includes(node.failing) ? undefined : node.failing
    return this.happens({ ...node, failing }, { _tag: 'transacted', version: version + 1, builds })
  }

  private happens(node: Node, ...events: readonly Event[]): Node {
    return this.reduced(node, { batch: emptyBatch, receipts: [], events })
  }

  protected reduced(node: Node, input: Input): Node {
    const { state: before } = node
    const { state, effects } = reduce(before, input)
    this.last = { before, input }
    const rested = endTurn(state)
    let next: Node = { ...node, state: rested, ...this.withoutKilled(node, effects) }
    next = this.withMade(next, node, input.receipts)
    for (const news of state.news) next = this.told(next, node, news)
    return next
  }

  private withoutKilled(node: Node, effects: readonly Effect[]): Partial<Node> {
    if (effects.length === 0) return {}
    return { underWay: node.underWay.filter(({ build }) => !effects.some((effect) => effect.build === build)) }
  }

  // ---------------------------------------------------------------------------------------------- laws

  /** Nothing is made twice in a version, nor unless something that it asks for is not what it was. */
  private withMade(next: Node, before: Node, receipts: readonly Receipt[]): Node {
    let { made, failing } = next
    for (const receipt of receipts) {
      if (receipt._tag !== 'made' && receipt._tag !== 'broken') continue
      const { build: x } = receipt
      const isFault = receipt._tag === 'broken' && receipt.error?._tag === 'threw' && receipt.error.message === FAULT
      if (x === failing && !isFault) failing = undefined
      const last = made.get(x)
      const { version } = before.state
      made = new Map(made).set(x, version)
      if (last === undefined) continue
      const words = (): string => wordsOf(this.keys.keyOf(x)!)
      ensure(last < version, () => `${words()} is made twice in version ${version}`)
    }
    return { ...next, made, failing }
  }

  private told(next: Node, before: Node, news: News): Node {
    if (news._tag !== 'responded' && news._tag !== 'noticed') return next
    const at = next.asked.findIndex(({ step }) => this.requests[step] === news.request)
    const asked = next.asked[at]
    if (asked === undefined || news.answer === undefined) return next
    const name = `request ${asked.step}`
    ensure(asked.state === 'open' || asked.isLive, () => `${name} is answered twice`)
    // Taken back in this very tick, or before.
    ensure(asked.state !== 'cancelled', () => `${name} is told of though it was cancelled`)
    const text = this.textOf(asked, news.answer)
    ensure(asked.told !== text, () => `${name} is told twice that it is ${text}`)
    if (this.options.oracle !== false) this.expectRight(next, before, asked, text)
    const after: Asked = { ...asked, told: text, state: asked.isLive ? 'open' : 'answered' }
    return { ...next, asked: next.asked.with(at, after) }
  }

  private targetOf({ step }: Asked) {
    const of = this.script[step]!
    if ('once' in of) return of.once
    if ('live' in of) return of.live
    throw new Error('no request')
  }

  private textOf(asked: Asked, answer: Answer): string {
    const key = this.targetOf(asked)
    return textOfResult(key, eitherOf(this.keys, answer))
  }

  /** It is what the oracle says, now or before this tick. */
  private expectRight(next: Node, before: Node, asked: Asked, text: string): void {
    const should = this.should(next, asked)
    if (should === undefined || should === text) return
    if (this.should(before, asked) === text) return
    ensure(false, () => `request ${asked.step} is told ${text}, and is ${should}`)
  }

  /** What the oracle says; undefined where that hangs on how a circle is found. */
  private should(node: Node, asked: Asked): string | undefined {
    const failing = node.failing === undefined ? undefined : wordsOf(this.keys.keyOf(node.failing)!)
    const name = `${node.settings} ${failing ?? ''}`
    let oracle = this.oracles.get(name)
    if (oracle === undefined) {
      const faults = new Map(failing === undefined ? [] : [[failing, FAULT]])
      oracle = new Oracle(this.worlds[node.settings]!, this.outside, faults)
      this.oracles.set(name, oracle)
    }
    const key = this.targetOf(asked)
    const result = oracle.of(key)
    return oracle.isCyclic ? undefined : textOfResult(key, result)
  }

  /** Nothing is left to be done: all is answered and right; and once all is taken back and swept, nothing is left at all. */
  private expectEnded(node: Node): void {
    ensure(node.state.inFlight === 0, () => `${node.state.inFlight} builds are left in flight`)
    let last = node.state
    for (const asked of node.asked) {
      ensure(asked.state !== 'open' || asked.told !== undefined, () => `request ${asked.step} is never answered`)
      if (asked.state !== 'open') continue
      const should = this.options.oracle === false ? undefined : this.should(node, asked)
      ensure(
        should === undefined || should === asked.told,
        () => `request ${asked.step} was last told ${asked.told}, and is ${should}`,
      )
      last = this.quietly(last, { _tag: 'cancelled', request: this.requests[asked.step]! })
    }
    last = this.quietly(last, { _tag: 'swept', keep: 0 })
    ensure(
      shapeOf(last) === this.empty && last.values.size === 0,
      () => 'all is cancelled and swept, and something is left',
    )
  }

  private quietly(state: State, event: Event): State {
    return endTurn(reduce(state, { batch: emptyBatch, receipts: [], events: [event] }).state)
  }
}

const hashOf = (text: string | undefined): number => (text === undefined ? 0 : numberOf(text) | 1)
