/** Classes of requests, and when they are due, as people say them: `ui=20%,due=300`, `small=<500`, `batch`. */
import { LabError, workOf } from './graph.js'
import type { Random } from './random.js'
import type { Workload } from './workload.js'

export interface ClassRule {
  readonly name: string
  /** Part of all jobs, which ones by chance. */
  readonly part?: number
  /** Jobs with less work than so many ms. */
  readonly belowMs?: number
  /** When they are due, in ms after they are asked for. */
  readonly dueMs?: number
}

/** @throws LabError */
export const classRules = (texts: readonly string[]): readonly ClassRule[] => {
  const rules = texts.map(classRule)
  const parts = rules.reduce((sum, { part = 0 }) => sum + part, 0)
  if (parts > 1 + 1e-9)
    throw new LabError(`--class: the parts of the jobs come to ${Math.round(parts * 100)} %, more than all`)
  return rules
}

const classRule = (text: string): ClassRule => {
  const [, name, which, due] = /^([^=,]+)(?:=([^,]+))?(?:,due=(.+))?$/.exec(text) ?? []
  const fail = (): never => {
    throw new LabError(
      `--class ${text}: say NAME, and which jobs are of it, and in how many ms they are due, as in ui=20%,due=300 or 'small=<500' or batch`,
    )
  }
  const positive = (digits: string | undefined): number => {
    const number = Number(digits)
    return digits !== undefined && digits.trim() !== '' && Number.isFinite(number) && number > 0 ? number : fail()
  }
  if (name === undefined) return fail()
  const dueMs = due === undefined ? {} : { dueMs: positive(due) }
  if (which === undefined) return { name, ...dueMs }
  if (which.startsWith('<')) return { name, belowMs: positive(which.slice(1)), ...dueMs }
  const part = which.endsWith('%') ? positive(which.slice(0, -1)) / 100 : positive(which)
  return part <= 1 ? { name, part, ...dueMs } : fail()
}

/** The same jobs, each of the first class whose rule holds for it; one of none is of the class that it was of. */
export const classified = (workload: Workload, rules: readonly ClassRule[], random: Random): Workload => {
  if (rules.length === 0) return workload
  const jobs = workload.jobs.map((job) => {
    const chance = random.next()
    let parts = 0
    const rule = rules.find(({ part, belowMs }) => {
      if (belowMs !== undefined) return workOf(job.graph) < belowMs * 1000
      parts += part ?? 1
      return chance < parts
    })
    if (rule === undefined) return job
    return { ...job, class: rule.name, ...(rule.dueMs !== undefined && { due: Math.round(rule.dueMs * 1000) }) }
  })
  return { ...workload, jobs }
}
