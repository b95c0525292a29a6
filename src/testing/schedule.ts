/**
 * A schedule is data: whole numbers, each the answer to one question of the kind "which of these `n`?". 0 is always the simplest answer, and
 * what comes after the last number is 0, so that a schedule that is cut short is one too, and shrinks as a list of numbers does.
 */
import { Misuse } from '../model/misuse.js'

export type Schedule = readonly number[]

/** As people read it, and hand it back: `s:2.0.1`. */
export const textOfSchedule = (schedule: Schedule): string => {
  let end = schedule.length
  while (end > 0 && schedule[end - 1] === 0) end--
  return `s:${schedule.slice(0, end).join('.')}`
}

/** @throws Misuse */
export const scheduleOf = (text: string): Schedule => {
  if (!/^s:(\d+(\.\d+)*)?$/.test(text))
    throw new Misuse(`a schedule reads like s:2.0.1, got ${JSON.stringify(text).slice(0, 60)}`)
  return text === 's:' ? [] : text.slice(2).split('.').map(Number)
}

/**
 * What hangs on the answer to a question. `step`: what happens next; 0 is as usual. `part`: what of it, where nothing is usual. `aside`: what must not
 * change anything, such as the order in which things of one moment are listed.
 */
export type Asking = 'step' | 'part' | 'aside'
/** One of 0 to `n` - 1; `n` is at least 2. */
export type Answers = (n: number, how: Asking) => number

/** Answers one question after the other, and keeps what it answered. */
export class Choices {
  readonly taken: number[] = []

  constructor(private readonly answers: Answers) {}

  static of(schedule: Schedule): Choices {
    let i = 0
    return new Choices((n) => (schedule[i++] ?? 0) % n)
  }

  static random(seed: number): Choices {
    return new Choices(anyOf(seed))
  }

  /** One of 0 to `n` - 1. */
  readonly choose = (n: number, how: Asking = 'step'): number => {
    if (n < 2) return 0
    const chosen = this.answers(n, how)
    this.taken.push(chosen)
    return chosen
  }
}

export const usual: Answers = () => 0

/** Each as likely as the others. */
export const anyOf = (seed: number): Answers => {
  const next = numbers(seed)
  return (n) => next() % n
}

/**
 * All as usual, but for one to six steps out of so many: most that goes wrong takes no more than that, and schedules that differ in little are soon
 * all known ("Delay-bounded scheduling", M. Emmi, S. Qadeer, Z. Rakamarić, 2011).
 */
export const fewDeviations = (seed: number, steps: number): Answers => {
  const next = numbers(seed)
  const aside = numbers(~seed)
  const places = new Set<number>()
  for (let left = 1 + (next() % MOST); left > 0; left--) places.add(next() % steps)
  let step = 0
  return (n, how) => {
    if (how === 'aside') return aside() % n
    if (how === 'part') return next() % n
    return places.has(step++) ? 1 + (next() % (n - 1)) : 0
  }
}
const MOST = 6

/** Whole numbers of 32 bits. */
export const numbers = (seed: number): (() => number) => {
  let state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
}
