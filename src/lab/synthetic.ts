/** Graphs drawn from a seed. */
import { type Graph, LabError, type Task } from './graph.js'
import { Random } from './random.js'

export type Costs =
  | { readonly _tag: 'fixed'; readonly us: number }
  | { readonly _tag: 'exponential'; readonly meanUs: number }
  /** Few are long: median and spread of the logarithm. */
  | { readonly _tag: 'logNormal'; readonly medianUs: number; readonly sigma: number }

export const drawCost = (random: Random, costs: Costs): number => {
  switch (costs._tag) {
    case 'fixed':
      return costs.us
    case 'exponential':
      return Math.max(1, Math.round(random.exponential(costs.meanUs)))
    case 'logNormal':
      return Math.max(1, Math.round(costs.medianUs * random.logNormal(costs.sigma)))
  }
}

const task = (name: string, cost: number, deps: readonly number[]): Task => ({
  name,
  cost,
  deps,
  sources: [],
  rule: 'task',
})

/** One task after the other. */
export const chain = (length: number, costs: Costs, seed = 1): Graph => {
  const random = new Random(seed)
  const tasks = Array.from({ length }, (_, i) => task(`link ${i}`, drawCost(random, costs), i === 0 ? [] : [i - 1]))
  return { name: `chain-${length}`, tasks, sources: [] }
}

/** One task that needs all others, which need nothing. */
export const star = (leaves: number, costs: Costs, seed = 1): Graph => {
  const random = new Random(seed)
  const tasks = Array.from({ length: leaves }, (_, i) => task(`leaf ${i}`, drawCost(random, costs), []))
  const all = Array.from({ length: leaves }, (_, i) => i)
  return { name: `star-${leaves}`, tasks: [...tasks, task('hub', drawCost(random, costs), all)], sources: [] }
}

/** Layers of tasks, each of which needs up to `degree` of the layer before; each task of the first layer reads a source of its own. */
export const layered = (
  { layers, width, degree }: { readonly layers: number; readonly width: number; readonly degree: number },
  costs: Costs,
  seed = 1,
): Graph => {
  if (!(layers >= 1 && width >= 1 && degree >= 0))
    throw new LabError('layered: needs at least one layer and one task in it')
  const random = new Random(seed)
  const tasks: Task[] = []
  for (let layer = 0; layer < layers; layer++) {
    for (let i = 0; i < width; i++) {
      const before = (layer - 1) * width
      const deps = layer === 0 ? [] : Array.from({ length: degree }, () => before + random.below(width))
      const made = task(
        `${layer}.${i}`,
        drawCost(random, costs),
        [...new Set(deps)].sort((a, b) => a - b),
      )
      tasks.push(layer === 0 ? { ...made, sources: [i] } : made)
    }
  }
  return { name: `layered-${layers}x${width}`, tasks, sources: Array.from({ length: width }, (_, i) => `source ${i}`) }
}
