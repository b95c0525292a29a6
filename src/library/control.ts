/** For test kits: takes what is left open, because it hangs on time or on nothing at all, into their own hands. */
import type { Make } from '../engine.js'
import type { Key } from '../model/definition.js'
import type { Input, Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'

/** How long work came to its end. */
export type Ended = Extract<Receipt, { readonly build: BuildId }>

export interface Control {
  /** It ticks only when it is told to, by `tick` and `settle`, and `idle` waits for that. */
  readonly isPumped?: boolean
  /** Puts the receipts of a batch in another order. */
  readonly order?: (receipts: readonly Receipt[]) => readonly Receipt[]
  /** A read or action began that is not over at once. */
  readonly begun?: (build: BuildId) => void
  /** It is over; the engine hears of it when `deliver` is called. */
  readonly ended?: (receipt: Ended, deliver: () => void) => void
  /** Nobody wants it any more. */
  readonly dropped?: (build: BuildId) => void
  /** Whether a generator that waits is dropped. */
  readonly isDropped?: () => boolean
  /** What a read or action throws in place of running. */
  readonly fault?: (key: Key) => unknown
  readonly onTick?: (input: Input, before: State, after: State) => void
  /** In place of the `onError` of an engine that has none. */
  readonly onError?: (error: unknown) => void
}

/** `make` as `control` wants it, telling `during` whenever rules begin and end to run. */
export const guardedMake = (
  make: Make,
  { order, begun, dropped }: Control = {},
  during: (isMaking: boolean) => void,
): Make => {
  const guard =
    (act: Make['run']): Make['run'] =>
    (state, builds) => {
      during(true)
      try {
        const receipts = act(state, builds)
        if (begun !== undefined) for (const receipt of receipts) if (receipt._tag === 'started') begun(receipt.build)
        return order === undefined ? receipts : order(receipts)
      } finally {
        during(false)
      }
    }
  const perform: Make['perform'] = (effect) => {
    make.perform(effect)
    dropped?.(effect.build)
  }
  return { scan: make.scan, run: guard(make.run), start: guard(make.start), perform: dropped ? perform : make.perform }
}

/** Lets the engine hear of the end of long work when it is to. */
export const whenEnded = (control: Control | undefined, receipt: Receipt, deliver: () => void): void => {
  if (control?.ended === undefined || !('build' in receipt)) deliver()
  else control.ended(receipt, deliver)
}
