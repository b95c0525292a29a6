/** Makes a failing schedule smaller: cut short, spans taken out, choices turned into simpler ones, for as long as any of that helps. */
import type { Schedule } from './schedule.js'

/** The smallest schedule that `fails`, found from one that does. Tries each kind of step until none helps. */
export const shrunk = async (
  schedule: Schedule,
  fails: (smaller: Schedule) => boolean | Promise<boolean>,
): Promise<Schedule> => {
  let best = withoutEnd(schedule)
  const tries = async (smaller: Schedule): Promise<boolean> => {
    if (!(await fails(smaller))) return false
    best = withoutEnd(smaller)
    return true
  }
  for (let helped = true; helped; ) {
    helped = false
    // The end first: it is what hangs on all before it.
    for (let length = 0; length < best.length; length = length === 0 ? 1 : 2 * length)
      if (await tries(best.slice(0, length))) helped = true
    for (let span = best.length >> 1; span >= 1; span >>= 1)
      for (let at = 0; at + span <= best.length; )
        if (await tries([...best.slice(0, at), ...best.slice(at + span)])) helped = true
        else at += span
    for (let at = 0; at < best.length; at++) {
      const was = best[at]!
      for (const simpler of new Set([0, 1, was >> 1, was - 1]))
        if (simpler >= 0 && simpler < best[at]! && (await tries(best.with(at, simpler)))) helped = true
    }
  }
  return best
}

const withoutEnd = (schedule: Schedule): Schedule => {
  let end = schedule.length
  while (end > 0 && schedule[end - 1] === 0) end--
  return schedule.slice(0, end)
}
