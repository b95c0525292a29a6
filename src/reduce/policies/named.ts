/** Policies by what people write: `cap(3)`, `shortestRemaining>criticalPath`, `criticalPath+slice(5)`. */
import { Misuse } from '../../model/misuse.js'
import * as policies from './index.js'
import type { CarryPolicy, Policy } from './policy.js'

type Maker = (...args: number[]) => Policy
const makers: Readonly<Record<string, readonly [make: Maker, example: string, args: number]>> = {
  fixpoint: [() => policies.fixpoint(), 'fixpoint', 0],
  fullBatch: [() => policies.fullBatch(), 'fullBatch', 0],
  cap: [(n = 1) => policies.cap(n), 'cap(4)', 1],
  slice: [(ms = 5) => policies.slice(ms), 'slice(5)', 1],
  firstCome: [() => policies.firstCome(), 'firstCome', 0],
  fairShare: [() => policies.fairShare(), 'fairShare', 0],
  leastAttained: [() => policies.leastAttained(), 'leastAttained', 0],
  shortestRemaining: [
    (ageing) => policies.shortestRemaining(ageing === undefined ? {} : { ageing }),
    'shortestRemaining, or with its ageing: shortestRemaining(0.2)',
    1,
  ],
  criticalPath: [() => policies.criticalPath(), 'criticalPath', 0],
  deadline: [() => policies.deadline(), 'deadline', 0],
  aimd: [(ms = 5) => policies.aimd(ms), 'aimd(5)', 1],
  nagle: [(max = 16, ms = 5) => policies.nagle(max, ms), 'nagle(16, 5)', 2],
  random: [(seed = 1) => policies.random(seed), 'random(1)', 1],
}

export const policyNames: readonly string[] = Object.keys(makers)

/** Two that have an order, joined by `>`, are taken lexicographically; joined by `+`, the second takes a part of what the first chose. */
/** @throws Misuse */
export const policyNamed = (text: string): Policy => {
  const [first, ...limits] = text.split('+').map((part) => part.trim())
  const ordered = first!.split('>').map((part) => single(part.trim()))
  const base = ordered.length === 1 ? ordered[0]! : policies.lexicographic(...(ordered as CarryPolicy<undefined>[]))
  return limits.length === 0 ? base : policies.compose(base, ...limits.map(single))
}

const single = (text: string): Policy => {
  const parts = /^(\w+)(?:\(([^()]*)\))?$/.exec(text)
  const maker = parts !== null && Object.hasOwn(makers, parts[1]!) ? makers[parts[1]!] : undefined
  if (maker === undefined) throw new Misuse(`there is no policy ${text}: use one of ${policyNames.join(', ')}`)
  const args = (parts![2] ?? '').split(',').flatMap((arg) => (arg.trim() === '' ? [] : [Number(arg)]))
  if (args.some((arg) => !Number.isFinite(arg)))
    throw new Misuse(`${text}: its arguments must be numbers, as in ${maker[1]}`)
  const [make, example, most] = maker
  if (args.length > most)
    throw new Misuse(
      `${text}: it takes ${most === 0 ? 'no arguments' : most === 1 ? 'one argument' : `${most} arguments`}, as in ${example}`,
    )
  return make(...args)
}
