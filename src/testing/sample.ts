/**
 * Schedules picked by chance, each choice evenly, in great numbers: what is known of a state is not worked out twice, so that a schedule that
 * leads through known states costs hardly more than its choices.
 */
import { LawfulSpace } from './lawful.js'
import { Missing } from './outside.js'
import type { EngineFactory } from './pump.js'
import { numbers } from './schedule.js'
import type { Choice, Node, Script, SpaceOptions } from './space.js'

export interface Sampled {
  readonly schedules: number
  /** Steps of all schedules together. */
  readonly steps: number
  /** Different states that they led through. */
  readonly states: number
  /** Different states at the ends: 1, where every schedule comes to the same. */
  readonly ends: number
}

interface Known {
  /** Undefined once all ways on from here are known. */
  node: Node | undefined
  choices: readonly Choice[] | undefined
  readonly next: (Known | undefined)[]
  left: number
}

/** Plays `schedules` of them. States that are not known any more, since there are more than `room`, are worked out again. @throws Unlawful, Bug */
export const sample = async (
  engineFactory: EngineFactory,
  script: Script,
  options: SpaceOptions & { readonly schedules: number; readonly seed?: number; readonly room?: number },
): Promise<Sampled> => {
  const { schedules, seed = 1, room = 50_000 } = options
  const space = new LawfulSpace(engineFactory, script, options)
  const next = numbers(seed)
  const known = new Map<string, Known>()
  const ends = new Set<Known>()
  const knownOf = (node: Node): Known => {
    const key = space.keyOf(node)
    const found = known.get(key)
    if (found !== undefined) return found
    space.check(node)
    const choices = space.choicesAt(node)
    const fresh: Known = { node, choices, next: new Array(choices.length).fill(undefined), left: choices.length }
    if (known.size < room) known.set(key, fresh)
    return fresh
  }
  const after = async (node: Node, choice: Choice): Promise<Node> => {
    for (;;)
      try {
        return space.after(node, choice)
      } catch (error) {
        if (!(error instanceof Missing)) throw error
        await error.known
      }
  }
  const first = knownOf(space.first)
  let steps = 0
  for (let i = 0; i < schedules; i++) {
    let at = first
    while (at.next.length > 0) {
      steps++
      const chosen = next() % at.next.length
      let to = at.next[chosen]
      if (to === undefined) {
        to = knownOf(await after(at.node!, at.choices![chosen]!))
        at.next[chosen] = to
        if (--at.left === 0) {
          at.node = undefined
          at.choices = undefined
        }
      }
      at = to
    }
    ends.add(at)
  }
  return { schedules, steps, states: known.size, ends: ends.size }
}
