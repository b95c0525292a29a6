/** Keeps track of when users' code runs that may not call the engine it is run by. */
import type { ValueMake } from '../make/value.js'

/** `make`, telling `during` whenever rules begin and end to run. */
export const guardedMake = (make: ValueMake, during: (isMaking: boolean) => void): ValueMake => {
  const guard =
    <A extends readonly unknown[], B>(act: (...args: A) => B) =>
    (...args: A): B => {
      during(true)
      try {
        return act(...args)
      } finally {
        during(false)
      }
    }
  return Object.assign(Object.create(make) as ValueMake, { run: guard(make.run), start: guard(make.start) })
}
