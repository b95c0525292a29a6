/** How sure a mean over seeds is: percentile bootstrap (Efron, 1979). */
import { meanOf, quantile, sorted } from './metrics.js'
import { Random } from './random.js'

export interface Interval {
  readonly mean: number
  /** Between these is the mean of 95 of 100 samples drawn anew from the same values. */
  readonly low: number
  readonly high: number
}

const RESAMPLES = 1000

export const intervalOf = (values: readonly number[], seed = 1): Interval => {
  const mean = meanOf(values)
  if (values.length < 2) return { mean, low: mean, high: mean }
  const random = new Random(seed)
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[random.below(values.length)]!
    return sum / values.length
  })
  const order = sorted(means)
  return { mean, low: quantile(order, 0.025), high: quantile(order, 0.975) }
}
