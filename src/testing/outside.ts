/**
 * What reads and actions come to, each found out once: what they do outside is taken to hang on their key alone, so that any number of
 * pasts may share it.
 */

import { textOf, wordsOf } from '../make/keys.js'
import { fail } from '../make/thrown.js'
import type { Definition, Key } from '../model/definition.js'
import { Misuse } from '../model/misuse.js'

export type Came = { readonly value: unknown } | { readonly error: unknown }

/** Not known yet: wait for `known`, and try again. */
export class Missing extends Error {
  constructor(readonly known: Promise<void>) {
    super('a read or action is not over')
  }
}

/** What is under way outside did not end in time. */
export class Endless extends Error {
  override readonly name = 'Endless'
  constructor(key: Key, ms: number) {
    super(`${wordsOf(key)} did not end within ${ms} ms: give it more time by \`patience\`, or another answer here`)
  }
}

/** How long a read or action is waited for, in ms. */
const PATIENCE_MS = 10_000

export class Outside {
  private readonly came = new Map<Definition, Map<string | number | boolean, Came>>()
  private readonly late = new Set<Came>()

  /** `patience`: how long each is waited for, in ms. Default 10,000. */
  constructor(private readonly patience = PATIENCE_MS) {}

  /** What came of the read or action behind `key`, and whether that took time. @throws Missing */
  of(key: Key): { readonly came: Came; readonly isLate: boolean } {
    let came = this.came.get(key.of)
    if (came === undefined) {
      came = new Map()
      this.came.set(key.of, came)
    }
    const text = textOf(key)
    const found = came.get(text)
    if (found !== undefined) return { came: found, isLate: this.late.has(found) }
    const begun = begin(key)
    if ('came' in begun) {
      came.set(text, begun.came)
      return { came: begun.came, isLate: false }
    }
    const keep = (end: Came): void => {
      came.set(text, end)
      this.late.add(end)
    }
    const known = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Endless(key, this.patience)), this.patience)
      begun.later
        .then(
          (value) => keep({ value }),
          (error: unknown) => keep({ error }),
        )
        .then(() => {
          clearTimeout(timer)
          resolve()
        })
    })
    throw new Missing(known)
  }
}

const begin = ({ of, key }: Key): { readonly came: Came } | { readonly later: Promise<unknown> } => {
  const { signal } = new AbortController()
  try {
    const result = of.kind === 'source' ? of.read!(key, { signal }) : run(of, key, signal)
    const isLater = typeof result === 'object' && result !== null && 'then' in result
    return isLater ? { later: Promise.resolve(result) } : { came: { value: result } }
  } catch (error) {
    // Of who asks for what cannot be, and not of the build.
    if (error instanceof Misuse) throw error
    return { came: { error } }
  }
}

const run = (of: Definition, key: unknown, signal: AbortSignal): unknown => {
  if (of.kind !== 'action' || typeof of.run !== 'function')
    throw new Misuse(`${of.name} runs in a thread: give it a \`run\` of its own to be explored`)
  return of.run(key, { signal, fail: (error) => fail(of, error) })
}

/** Asks again until nothing is missing. */
export const untilKnown = async <A>(ask: () => A): Promise<A> => {
  for (;;) {
    try {
      return ask()
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      await error.known
    }
  }
}
