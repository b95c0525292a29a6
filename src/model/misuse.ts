/** A call that makes no sense: says what was wrong with it, and what to do instead. Nothing has happened. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}

/** What was thrown, in words. */
export const messageOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return String(error)
  try {
    return 'message' in error && typeof error.message === 'string' ? error.message : String(error)
  } catch {
    // Not everything can be a string, and what is asked for may throw.
    return Object.prototype.toString.call(error)
  }
}
