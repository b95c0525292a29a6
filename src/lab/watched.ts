/**
 * Holds a policy to what it promises, beyond what it takes: it changes nothing that it is given, and what it chooses is a function of that
 * alone. To find out, it is asked more often than a build would; so only in the lab.
 */
import { Track } from '../model/plan.js'
import { IntTable } from '../model/table.js'
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
type State = View['state']

/** One in so many questions goes to the other instance, too: rarely, so that it comes to know less; and odd, since ticks alternate. */
const ASKED_EVERY = 5

/** So many words of tables are looked at in a question, in the mean: those of more rows less often. */
const WORDS = 1 << 14

/**
 * `policy`, whose breaches are told to `say`. `other` is the same policy in an instance of its own. One of ours is as it was. `onQuestion` is
 * told when it is asked, and again when it has answered.
 */
export const watched = (
  policy: Policy,
  other: () => Policy,
  say: (breach: string) => void,
  onQuestion: () => void = () => {},
): Policy => {
  if (isSound(policy)) return policy
  const name = nameOf(policy)
  const second = other()
  const untold = (what: keyof typeof TRACKED): void => {
    const track = TRACKED[what]
    if ((tracksOf(policy) & Track[track]) !== 0) return
    say(
      `${name}: it asks for \`${what}\`, which is kept up only for \`{ name, tracks: Track.${track}, initial, choose }\``,
    )
  }
  let [asked, chosen] = [0, 0]
  const choose = (view: View, given: unknown): Decision => {
    const seen = frozen(view, untold)
    const carry = deeplyFrozen(given ?? (typeof policy === 'function' ? null : policy.initial))
    const restore = tablesOf(view.state, chosen++)
    /** What it chooses; or what it changed. */
    const ask = (one: Policy): Decision | string => {
      try {
        onQuestion()
        const decision = decide(one, seen, carry)
        return restore() ? TABLES : decision
      } catch (error) {
        const wasChanged = restore()
        if (isOfFrozen(error)) return error.message
        if (wasChanged) return TABLES
        throw error
      } finally {
        onQuestion()
      }
    }
    const changes = (what: string): Decision => {
      say(`${name}: it changes what it is given, its view or its carry: ${what}`)
      return { batch: fullBatch()(view) }
    }
    const decision = ask(policy)
    if (typeof decision === 'string') return changes(decision)
    const again = ask(policy)
    if (typeof again === 'string') return changes(again)
    const words = wordsOf(decision)
    if (wordsOf(again) !== words)
      say(
        `${name}: asked twice of the same, it chose otherwise: it goes by chance, a clock, or what it keeps outside its carry`,
      )
    else if (++asked % ASKED_EVERY === 0 && wordsOf(ask(second)) !== words)
      say(`${name}: another instance of it, asked of the same, chose otherwise: it keeps something outside its carry`)
    return decision
  }
  const initial = typeof policy === 'function' ? null : policy.initial
  const { ahead } = policy
  return { name, initial, tracks: tracksOf(policy), choose, ...(ahead !== undefined && { ahead }) }
}

const TABLES = "it writes to the tables of its view's state"

/** Tables cannot be frozen, so what is in them is kept; what is returned puts it back, and says whether anything of it was another. */
const tablesOf = (state: State, question: number): (() => boolean) => {
  const blocks = Object.values(state).flatMap((table) => (table instanceof IntTable ? (table.blocks ?? []) : []))
  const words = blocks.reduce((sum, { length }) => sum + length, 0)
  // Odd, since ticks alternate.
  if (question % (Math.floor(words / WORDS) | 1) !== 0) return () => false
  const kept = blocks.map((block) => block.slice())
  return () => {
    let wasChanged = false
    blocks.forEach((block, i) => {
      if (Buffer.compare(bytesOf(block), bytesOf(kept[i]!)) === 0) return
      block.set(kept[i]!)
      wasChanged = true
    })
    return wasChanged
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** What can be compared; what is no data, is told elsewhere. */
const wordsOf = (decision: Decision | string | undefined): string | undefined => {
  if (typeof decision === 'string') return decision
  try {
    return JSON.stringify([decision?.batch, decision?.carry, decision?.wakeMs])
  } catch {
    return undefined
  }
}

const isOfFrozen = (error: unknown): error is TypeError =>
  error instanceof TypeError &&
  /read.only property|not extensible|^Cannot (?:add|delete|redefine|assign)/.test(error.message)

/** What of a view says little to a policy that does not ask for it to be kept up. */
const TRACKED = { rank: 'RANK', lanes: 'LANES', laneOf: 'LANES', attained: 'LANES' } as const
const isTracked = (name: string): name is keyof typeof TRACKED => Object.hasOwn(TRACKED, name)

/** The view itself may not be written to, nor its state, nor what it lists. `onTracked` is told what of {@link TRACKED} is asked for. */
const frozen = (view: View, onTracked: (name: keyof typeof TRACKED) => void): View => {
  const all = Object.entries(view).map(([name, value]: readonly [string, unknown]) => {
    if (name === 'state') return [name, frozenState(value as State)]
    if (typeof value !== 'function') return [name, frozenCopy(value)]
    return [
      name,
      (...args: readonly unknown[]) => {
        if (isTracked(name)) onTracked(name)
        return frozenList((value as (...args: readonly unknown[]) => unknown)(...args))
      },
    ]
  })
  return Object.freeze(Object.fromEntries(all)) as View
}

/** Its tables are as they are; what it carries is frozen by itself, and what happened may hold much. */
const frozenState = ({ carry, news, ...state }: State): State =>
  Object.freeze({ ...(frozenCopy(state) as Omit<State, 'carry' | 'news'>), carry, news: Object.freeze([...news]) })

/** Of plain objects and lists, all the way down. */
const frozenCopy = (value: unknown): unknown => {
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, frozenCopy(each)])))
}

const frozenList = (value: unknown): unknown => {
  if (!Array.isArray(value)) return typeof value === 'object' && value !== null ? Object.freeze(value) : value
  return Object.freeze(value.map((each) => (typeof each === 'object' && each !== null ? Object.freeze(each) : each)))
}

const deeplyFrozen = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const each of Object.values(value)) deeplyFrozen(each)
  return Object.freeze(value)
}
