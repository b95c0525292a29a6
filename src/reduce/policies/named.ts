/** Policies by what people write: `cap(3)`, `shortestRemaining>criticalPath`, `criticalPath+slice(5)`, `fairShare(ui: 3)`. */
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

/** Those whose arguments are of classes of requests. */
const classMakers: Readonly<
  Record<string, readonly [make: (of: Readonly<Record<string, string>>) => Policy, example: string]>
> = {
  fairShare: [
    (of) => policies.fairShare(mapped(of, weightOf)),
    'fairShare, or with weights: fairShare(ui: 3, batch: 1)',
  ],
  perClass: [
    (of) => policies.perClass(mapped(of, policyNamed)),
    'perClass(ui: shortestRemaining, batch: criticalPath)',
  ],
}

const mapped = <A>(of: Readonly<Record<string, string>>, make: (text: string) => A): Readonly<Record<string, A>> =>
  Object.fromEntries(Object.entries(of).map(([name, text]) => [name, make(text)]))

const weightOf = (text: string): number => (text === '' ? Number.NaN : Number(text))

/** Whether it is what makes a policy, and not called: functions both. */
export const isMaker = (policy: unknown): boolean => (Object.values(policies) as readonly unknown[]).includes(policy)

export const policyNames: readonly string[] = [...Object.keys(makers), ...Object.keys(classMakers)]

/**
 * Two that have an order, joined by `>`, are taken lexicographically; joined by `+`, the second takes a part of what the first chose.
 * @throws Misuse
 */
export const policyNamed = (text: string): Policy => {
  const [first, ...limits] = split(text, '+')
  const ordered = split(first!, '>').map(single)
  const base = ordered.length === 1 ? ordered[0]! : policies.lexicographic(...(ordered as CarryPolicy<undefined>[]))
  return limits.length === 0 ? base : policies.compose(base, ...limits.map(single))
}

/** Where `separator` is in no parentheses. */
const split = (text: string, separator: string): readonly string[] => {
  const parts = ['']
  let depth = 0
  for (const char of text) {
    depth += char === '(' ? 1 : char === ')' ? -1 : 0
    if (char === separator && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts.map((part) => part.trim())
}

const own = <A>(of: Readonly<Record<string, A>>, name: string | undefined): A | undefined =>
  name !== undefined && Object.hasOwn(of, name) ? of[name] : undefined

const single = (text: string): Policy => {
  const [, name, inner = ''] = /^(\w+)(?:\((.*)\))?$/s.exec(text) ?? []
  const words = split(inner, ',').filter((word) => word !== '')
  const ofClasses = own(classMakers, name)
  if (ofClasses !== undefined) return byClass(text, ofClasses, words)
  const maker = own(makers, name)
  if (maker === undefined) throw new Misuse(`there is no policy ${text}: use one of ${policyNames.join(', ')}`)
  const args = words.map(Number)
  const [make, example, most] = maker
  if (args.some((arg) => !Number.isFinite(arg)))
    throw new Misuse(`${text}: its arguments must be numbers, as in ${example}`)
  if (args.length > most)
    throw new Misuse(
      `${text}: it takes ${most === 0 ? 'no arguments' : most === 1 ? 'one argument' : `${most} arguments`}, as in ${example}`,
    )
  return make(...args)
}

const byClass = (text: string, [make, example]: (typeof classMakers)[string], words: readonly string[]): Policy => {
  const pairs = words.map((word) => {
    const at = word.indexOf(':')
    if (at < 1) throw new Misuse(`${text}: its arguments must be of classes, as in ${example}`)
    return [word.slice(0, at).trim(), word.slice(at + 1).trim()] as const
  })
  const names = pairs.map(([name]) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw new Misuse(`${text}: it names class ${twice} twice`)
  return make(Object.fromEntries(pairs))
}
