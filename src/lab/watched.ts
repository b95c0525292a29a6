/**
 * Holds a policy to what it promises, beyond what it takes: it changes nothing that it is given, and what it chooses is a function of that
 * alone. To find out, it is asked more often than a build would; so only in the lab.
 */
import { fullBatch } from '../reduce/policies/basic.js'
import {
  type CarryPolicy,
  type Decision,
  decide,
  isSound,
  nameOf,
  type Policy,
  tracksOf,
} from '../reduce/policies/policy.js'

type View = Parameters<CarryPolicy['choose']>[0]

/** One in so many questions goes to the other instance, too: rarely, so that it comes to know less; and odd, since ticks alternate. */
const ASKED_EVERY = 5

/** `policy`, whose breaches are told to `say`. `other` is the same policy in an instance of its own. One of ours is as it was. */
export const watched = (policy: Policy, other: () => Policy, say: (breach: string) => void): Policy => {
  if (isSound(policy)) return policy
  const name = nameOf(policy)
  const second = other()
  let asked = 0
  const choose = (view: View, given: unknown): Decision => {
    const seen = frozen(view)
    const carry = deeplyFrozen(given ?? (typeof policy === 'function' ? null : policy.initial))
    let decision: Decision
    try {
      decision = decide(policy, seen, carry)
    } catch (error) {
      if (!isOfFrozen(error)) throw error
      say(`${name}: it changes what it is given, its view or its carry: ${error.message}`)
      return { batch: fullBatch()(view) }
    }
    const words = wordsOf(decision)
    if (wordsOf(decide(policy, seen, carry)) !== words)
      say(
        `${name}: asked twice of the same, it chose otherwise: it goes by chance, a clock, or what it keeps outside its carry`,
      )
    else if (++asked % ASKED_EVERY === 0 && wordsOf(decide(second, seen, carry)) !== words)
      say(`${name}: another instance of it, asked of the same, chose otherwise: it keeps something outside its carry`)
    return decision
  }
  const initial = typeof policy === 'function' ? null : policy.initial
  const { ahead } = policy
  return { name, initial, tracks: tracksOf(policy), choose, ...(ahead !== undefined && { ahead }) }
}

/** What can be compared; what is no data, is told elsewhere. */
const wordsOf = (decision: Decision | undefined): string | undefined => {
  try {
    return JSON.stringify([decision?.batch, decision?.carry, decision?.wakeMs])
  } catch {
    return undefined
  }
}

const isOfFrozen = (error: unknown): error is TypeError =>
  error instanceof TypeError &&
  /read.only property|not extensible|^Cannot (?:add|delete|redefine|assign)/.test(error.message)

/** The view itself may not be written to, nor what it lists. */
const frozen = (view: View): View => {
  const all = Object.entries(view).map(([name, value]: readonly [string, unknown]) => {
    if (typeof value !== 'function')
      return [name, Array.isArray(value) || name === 'state' ? Object.freeze(copyOf(value as object)) : value]
    return [
      name,
      (...args: readonly unknown[]) => frozenList((value as (...args: readonly unknown[]) => unknown)(...args)),
    ]
  })
  return Object.freeze(Object.fromEntries(all)) as View
}

const copyOf = (value: object): object => (Array.isArray(value) ? [...value] : { ...value })

const frozenList = (value: unknown): unknown => {
  if (!Array.isArray(value)) return typeof value === 'object' && value !== null ? Object.freeze(value) : value
  return Object.freeze(value.map((each) => (typeof each === 'object' && each !== null ? Object.freeze(each) : each)))
}

const deeplyFrozen = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const each of Object.values(value)) deeplyFrozen(each)
  return Object.freeze(value)
}
