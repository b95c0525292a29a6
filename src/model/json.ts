/** JSON, which keys, values and errors are encoded as, and its one canonical text. */
import { messageOf } from './misuse.js'
import { shown } from './shown.js'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

export class CodecError extends Error {
  override readonly name = 'CodecError'
  constructor(expected: string, actual: unknown, at: string) {
    super(`expected ${expected}${at === '' ? '' : ` at ${at}`}, got ${shown(actual)}`)
  }
}

/** Deeper, it would hang on how much is left of a stack whether a value can be told, and read again where it was kept. */
const DEPTH_MAX = 500

class TooDeep extends CodecError {
  override readonly message = `expected data nested at most ${DEPTH_MAX} deep, and in no circle: make a flat list of it`
  constructor() {
    super('', undefined, '')
  }
}

/** What a codec threw; in place of that the stack is at its end, why. */
export const unfit = (error: unknown): unknown => {
  try {
    return error instanceof RangeError && error.message.includes('call stack') ? new TooDeep() : error
  } catch {
    // A proxy may answer whatever is asked of it by throwing.
    return error
  }
}
/** The same, in words. */
export const unfitness = (error: unknown): string => messageOf(unfit(error))

/** @throws CodecError where it is nested too deep */
export const expectFlat = (value: Json, depth = 0): void => {
  if (typeof value !== 'object' || value === null) return
  if (depth >= DEPTH_MAX) throw new TooDeep()
  for (const part of Object.values(value) as Json[]) expectFlat(part, depth + 1)
}

/** JSON with the names of each object in code-unit order. @throws CodecError where it is nested too deep */
export const canonical = (value: Json, depth = 0): string => {
  // Calling out of JavaScript costs more than the text.
  if (typeof value === 'number' && value === (value | 0)) return String(value)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (depth >= DEPTH_MAX) throw new TooDeep()
  if (Array.isArray(value)) return `[${value.map((part: Json) => canonical(part, depth + 1)).join(',')}]`
  const whole = value as { readonly [name: string]: Json }
  const names = Object.keys(whole).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(whole[name]!, depth + 1)}`).join(',')}}`
}

/** The same, however deep: of errors, which tell of all that was tried, and of what in that, and so on. */
export const canonicalOfAny = (value: Json): string => canonical(value, Number.NEGATIVE_INFINITY)
