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

/** Answers one question after the other, and keeps what it answered. */
export class Choices {
  readonly taken: number[] = []

  private constructor(private readonly next: () => number) {}

  static of(schedule: Schedule): Choices {
    let i = 0
    return new Choices(() => schedule[i++] ?? 0)
  }

  /** By a seeded generator (mulberry32, by Tommy Ettinger). */
  static random(seed: number): Choices {
    return new Choices(numbers(seed))
  }

  /** One of 0 to `n` - 1. */
  readonly choose = (n: number): number => {
    if (n < 2) return 0
    const chosen = this.next() % n
    this.taken.push(chosen)
    return chosen
  }
}

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
