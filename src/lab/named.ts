/** Policies by what people write: `cap(3)`, `shortestRemaining`, `slice(5)+criticalPath`, or a file of their own. */

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as policies from '../reduce/policies/index.js'
import { type CarryPolicy, nameOf, type Policy } from '../reduce/policies/policy.js'
import { LabError } from './graph.js'

type Maker = (...args: number[]) => Policy
const makers: Readonly<Record<string, readonly [make: Maker, example: string]>> = {
  fixpoint: [() => policies.fixpoint(), 'fixpoint'],
  fullBatch: [() => policies.fullBatch(), 'fullBatch'],
  cap: [(n = 1) => policies.cap(n), 'cap(4)'],
  slice: [(ms = 5) => policies.slice(ms), 'slice(5)'],
  firstCome: [() => policies.firstCome(), 'firstCome'],
  fairShare: [() => policies.fairShare(), 'fairShare'],
  leastAttained: [() => policies.leastAttained(), 'leastAttained'],
  shortestRemaining: [
    (ageing) => policies.shortestRemaining(ageing === undefined ? {} : { ageing }),
    'shortestRemaining, or with its ageing: shortestRemaining(0.2)',
  ],
  criticalPath: [() => policies.criticalPath(), 'criticalPath'],
  deadline: [() => policies.deadline(), 'deadline'],
  aimd: [(ms = 5) => policies.aimd(ms), 'aimd(5)'],
  nagle: [(max = 16, ms = 5) => policies.nagle(max, ms), 'nagle(16, 5)'],
  random: [(seed = 1) => policies.random(seed), 'random(1)'],
}

export const policyNames: readonly string[] = Object.keys(makers)

/** Two that have an order, joined by `>`, are taken lexicographically; joined by `+`, the second takes a part of what the first chose. */
export const policyNamed = (text: string): Policy => {
  const [first, ...limits] = text.split('+').map((part) => part.trim())
  const ordered = first!.split('>').map((part) => single(part.trim()))
  const base = ordered.length === 1 ? ordered[0]! : policies.lexicographic(...(ordered as CarryPolicy<undefined>[]))
  return limits.length === 0 ? base : policies.compose(base, ...limits.map(single))
}

const single = (text: string): Policy => {
  const parts = /^(\w+)(?:\(([^()]*)\))?$/.exec(text)
  const maker = parts !== null && Object.hasOwn(makers, parts[1]!) ? makers[parts[1]!] : undefined
  if (maker === undefined)
    throw new LabError(`there is no policy ${text}: use one of ${policyNames.join(', ')}, or a file`)
  const args = (parts![2] ?? '').split(',').flatMap((arg) => (arg.trim() === '' ? [] : [Number(arg)]))
  if (args.some((arg) => !Number.isFinite(arg)))
    throw new LabError(`${text}: its arguments must be numbers, as in ${maker[1]}`)
  return maker[0](...args)
}

/** A policy by its name, or the default export of a file: a policy, or a function that makes one. */
export const loadPolicy = async (text: string): Promise<Policy> => {
  if (!/[./\\]/.test(text.replace(/\d\.\d/g, ''))) return policyNamed(text)
  const url = pathToFileURL(resolve(text)).href
  let found: unknown
  try {
    found = ((await import(url)) as { readonly default?: unknown }).default
    if (typeof found === 'function' && found.length === 0) found = (found as () => unknown)()
  } catch (error) {
    throw new LabError(`${text}: it cannot be loaded: ${messageOf(error)}`)
  }
  const isPolicy =
    typeof found === 'function' ||
    typeof (found as { readonly choose?: unknown } | null | undefined)?.choose === 'function'
  if (!isPolicy)
    throw new LabError(
      `${text}: its default export is ${typeof found}, no policy: export a function from a view to a batch, or { name, initial, choose }`,
    )
  return found as Policy
}

const messageOf = (error: unknown): string => {
  const { code, message = String(error) } = (error ?? {}) as { readonly code?: string; readonly message?: string }
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return `Node ${process.versions.node} runs no TypeScript: use 22.18 or newer, or write it as .js`
  return message
}

export { nameOf }
