/** Reads and actions under way. */
import { expect, it } from 'vitest'
import { Pending } from '../../src/make/pending.js'
import type { ReadContext } from '../../src/model/definition.js'
import { buildId } from '../../src/model/ids.js'

const never = new Promise(() => {})

it('who looks early, and who looks late, is told that nobody wants it any more; who does not look costs no signal', () => {
  const contexts: ReadContext[] = []
  const pending = new Pending()
  const begin = (build: number, work: (context: ReadContext) => unknown): unknown =>
    pending.begin(
      buildId(build),
      (context) => {
        contexts.push(context)
        return work(context)
      },
      () => {},
    )
  const { AbortController } = globalThis
  let made = 0
  globalThis.AbortController = class extends AbortController {
    constructor() {
      super()
      made++
    }
  }
  try {
    expect(begin(1, () => 5)).toEqual({ value: 5 })
    expect(begin(2, () => never)).toBeUndefined()
    expect(made).toBe(0)
    let early: AbortSignal | undefined
    begin(3, ({ signal }) => {
      early = signal
      return never
    })
    expect(made).toBe(1)
    expect(contexts[2]!.signal).toBe(early)
    pending.close()
    expect(early!.aborted).toBe(true)
    expect(contexts[1]!.signal.aborted).toBe(true)
    // It had ended.
    expect(contexts[0]!.signal.aborted).toBe(false)
  } finally {
    globalThis.AbortController = AbortController
  }
})
