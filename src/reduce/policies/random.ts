/** A policy that takes whatever it comes upon: to be held against the others, and to find out what depends on the order. */
import type { BuildId } from '../../model/ids.js'
import type { ReadyView } from '../gather.js'
import { WINDOW } from './order.js'
import { atLeast, type CarryPolicy, made } from './policy.js'

/** Any of what is ready, at least one of it, in any order. The same `seed` chooses the same. */
export const random = (seed = 1): CarryPolicy<number> => {
  atLeast(Number.MIN_SAFE_INTEGER, seed, 'random(seed): seed', Number.MAX_SAFE_INTEGER)
  return made({
    name: `random(${seed})`,
    initial: seed | 0,
    choose: (view, carry) => {
      let state = carry
      const below = (n: number): number => {
        state = (state + 0x6d2b79f5) | 0
        return (mixed(state) >>> 0) % n
      }
      const some = (builds: readonly BuildId[], max: number): readonly BuildId[] => {
        const left = [...builds]
        const count = Math.min(max, builds.length === 0 ? 0 : 1 + below(builds.length))
        return Array.from({ length: count }, () => left.splice(below(left.length), 1)[0]!)
      }
      return { batch: batchOf(view, some), carry: state }
    },
  })
}

type Some = (builds: readonly BuildId[], max: number) => readonly BuildId[]

const batchOf = (view: ReadyView, some: Some) => {
  const scan = some(view.scan(WINDOW), WINDOW)
  const run = some(view.run(WINDOW), WINDOW)
  const answer = some(view.answer(WINDOW), view.freeSlots)
  const start = some(view.start(WINDOW), view.freeSlots - answer.length)
  const pooled = view.rooms.flatMap((room, pool) => some(view.pool(pool, WINDOW), room))
  return { scan, run, start: [...start, ...pooled], answer }
}

/** A number's bits, mixed (mulberry32, by Tommy Ettinger). */
const mixed = (n: number): number => {
  let t = Math.imul(n ^ (n >>> 15), 1 | n)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return t ^ (t >>> 14)
}
