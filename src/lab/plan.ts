/** A study by its plan, as programs ask for it. */
import { availableParallelism } from 'node:os'
import { expectPlan } from './checked.js'
import { type Plan, runShares } from './shares.js'
import type { Cell } from './study.js'

export type { Plan } from './shares.js'

/** All cells, in the order of the plan, whatever the number of threads; `onCell` is told of each as it comes. @throws LabError */
export const runPlan = async (
  plan: Plan,
  threads: number = availableParallelism(),
  onCell: (cell: Cell) => void = () => {},
): Promise<readonly Cell[]> => {
  expectPlan(plan, threads)
  return runShares(plan, threads, onCell)
}
