/** What a request gives to those who asked: a promise, a TaskEither, or a row of notices. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { wordsOf } from '../make/keys.js'
import { type BuildError, rootOf } from '../model/build-error.js'
import type { Key } from '../model/definition.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'

/** What `promise` is rejected with; `error` is the same as data. */
export class BuildFailed<F = unknown> extends Error {
  override readonly name = 'BuildFailed'
  constructor(readonly error: BuildError<F>) {
    super(describe(error as BuildError))
  }
}

/** An error in words, with its root cause. */
export const describe = (error: BuildError): string => {
  const root = rootOf(error)
  const why = whyOf(root)
  return error === root ? `${wordsOf(root.key)}: ${why}` : `${wordsOf(error.key)}: needs ${wordsOf(root.key)}: ${why}`
}

const whyOf = (error: BuildError): string => {
  switch (error._tag) {
    case 'failed':
      return wordsOfFailure(error)
    case 'threw':
      return error.message
    case 'absent':
      return 'the source has no value'
    case 'cycle':
      return `it needs itself: ${[...error.path, error.path[0]!].map(wordsOf).join(' -> ')}`
    case 'noneOf':
      if (error.tried.length === 0) return 'b.first was given no alternatives: there must be one to have a value'
      return `none of its alternatives can be made: ${error.tried.map(describe).join('; ')}`
    case 'misuse':
      return error.why
    case 'cancelled':
      return 'the request was cancelled'
    case 'dependency':
      return describe(error.cause)
  }
}

/** As its codec writes it, which is what JSON can say. */
const wordsOfFailure = ({ error, key }: Extract<BuildError, { readonly _tag: 'failed' }>): string =>
  typeof error === 'string' ? error : JSON.stringify(key.of.errors?.encode(error) ?? error)

/** A request for one answer. */
export class Request<V, F = unknown> {
  private result: E.Either<BuildError<F>, V> | undefined = undefined
  /** Of `never`, so that a request for some type is one for a wider type, too. */
  private waiting: ((result: never) => void)[] = []

  constructor(
    readonly key: Key<V, F>,
    private readonly withdraw: () => void,
    /** A rejection that nobody hears is no fault: a test kit closes engines over what is still open. */
    private readonly endsQuietly = false,
  ) {}

  /** The answer, as a task that never rejects. */
  readonly either: TaskEither<BuildError<F>, V> = () =>
    this.result !== undefined
      ? Promise.resolve(this.result)
      : new Promise((resolve) => {
          this.waiting.push(resolve)
        })

  /** The answer. Rejected with {@link BuildFailed}. */
  get promise(): Promise<V> {
    const promise = this.either().then((result) => {
      if (E.isLeft(result)) throw new BuildFailed(result.left)
      return result.right
    })
    if (this.endsQuietly) promise.catch(() => {})
    return promise
  }

  /** The answer, if it is there. */
  get now(): E.Either<BuildError<F>, V> | undefined {
    return this.result
  }

  /** Takes the request back, if it is not answered; what nobody else wants is not made. */
  cancel(): void {
    if (this.result !== undefined) return
    this.withdraw()
    this.answer(E.left({ _tag: 'cancelled', key: this.key }))
  }

  /** The engine's side: only the first answer counts. */
  answer(result: E.Either<BuildError<F>, V>): void {
    if (this.result !== undefined) return
    this.result = result
    for (const resolve of this.waiting) resolve(result as never)
    this.waiting = []
  }
}

/** One result of a live request: `version` is the newest one that it holds for, `tick` when it was found. */
export type Notice<V, F = unknown> =
  | { readonly _tag: 'value'; readonly version: number; readonly tick: number; readonly value: V }
  | { readonly _tag: 'error'; readonly version: number; readonly tick: number; readonly error: BuildError<F> }

interface Subscriber<N> {
  readonly tell: (notice: N) => unknown
  isEnded: boolean
}
type Subscribers = readonly Subscriber<never>[]
const NOBODY: never[] = []

/** A request that is told of every other result. Iterate over it, or subscribe. */
export class Live<V, F = unknown> implements AsyncIterable<Notice<V, F>> {
  // Most have one; but as many may hear of one as there are pages open: to come and to go costs the same, however many there are.
  private subscribers: Subscriber<never>[] = NOBODY
  /** Who is to be told has that very list. */
  private isTaken = false
  /** So many of the list are ended. */
  private gone = 0
  private ends: Set<() => void> | undefined = undefined
  private last: Notice<V, F> | undefined = undefined
  private isOver = false

  constructor(
    readonly key: Key<V, F>,
    /** The version at which it was asked for. */
    readonly since: number,
    private readonly id: BuildId,
    private readonly withdraw: (id: BuildId) => void,
    private readonly onThrow: (error: unknown) => void,
  ) {}

  /** The last notice. */
  get now(): Notice<V, F> | undefined {
    return this.last
  }

  /** Calls `tell` with the last notice, if there was one, and with every later one. What it returns ends that. */
  subscribe(tell: (notice: Notice<V, F>) => void): () => void {
    if (typeof tell !== 'function') throw new Misuse(`subscribe: ${wordsOf(this.key)}: expected a function`)
    if (this.isOver) return () => {}
    // An object of its own, so that one and the same may subscribe twice; once ended, it is told no more of what is being told.
    const own: Subscriber<Notice<V, F>> = { tell, isEnded: false }
    if (this.subscribers.length > 0 && !this.isTaken) this.subscribers.push(own)
    else {
      // An array of one takes as much room as that, and one that grows much more.
      this.subscribers = this.subscribers.length === 0 ? [own] : [...this.subscribers, own]
      this.isTaken = false
    }
    if (this.last !== undefined) this.tellOne(own, this.last)
    return () => {
      if (own.isEnded) return
      own.isEnded = true
      this.gone++
      if (2 * this.gone >= this.subscribers.length) this.leaveOutEnded()
    }
  }

  private leaveOutEnded(): void {
    this.subscribers = this.subscribers.filter(({ isEnded }) => !isEnded)
    this.isTaken = false
    this.gone = 0
  }

  /** Every notice from the last one on, none left out, until the request is cancelled. */
  [Symbol.asyncIterator](): AsyncIterator<Notice<V, F>, undefined> {
    type Step = IteratorResult<Notice<V, F>, undefined>
    const over = { done: true, value: undefined } as const
    const queue: Notice<V, F>[] = []
    /** Calls of `next` that wait, where the queue is empty. */
    const waiting: ((step: Step) => void)[] = []
    let isDone = this.isOver
    const unsubscribe = this.subscribe((value) => {
      const next = waiting.shift()
      if (next === undefined) queue.push(value)
      else next({ done: false, value })
    })
    const end = (): void => {
      isDone = true
      unsubscribe()
      this.ends?.delete(end)
      for (const next of waiting.splice(0)) next(over)
    }
    this.ends ??= new Set()
    this.ends.add(end)
    return {
      next: () => {
        const value = queue.shift()
        if (value !== undefined) return Promise.resolve({ done: false, value })
        return isDone ? Promise.resolve(over) : new Promise<Step>((resolve) => waiting.push(resolve))
      },
      return: () => {
        queue.length = 0
        end()
        return Promise.resolve(over)
      },
    }
  }

  /** No more notices; what nobody else wants is let go. */
  cancel(): void {
    if (this.isOver) return
    this.withdraw(this.id)
    this.end()
  }

  /** The engine's side: what `now` is from here on. Returns who is to be told of it; who subscribes later knows. */
  take(notice: Notice<V, F>): Subscribers {
    if (this.isOver) return NOBODY
    this.last = notice
    this.isTaken = true
    return this.subscribers
  }

  /** The engine's side. */
  tell(notice: Notice<V, F>, subscribers: Subscribers): void {
    for (const subscriber of subscribers) {
      if (!subscriber.isEnded && !this.isOver) this.tellOne(subscriber, notice)
    }
  }

  private tellOne({ tell }: Subscriber<never>, notice: Notice<V, F>): void {
    try {
      const made = tell(notice as never)
      if (made instanceof Promise) made.catch(this.onThrow)
    } catch (error) {
      this.onThrow(error)
    }
  }

  /** The engine's side: it closes. */
  end(): void {
    this.isOver = true
    for (const end of this.ends ?? []) end()
    this.ends = undefined
    this.subscribers = NOBODY
  }
}
