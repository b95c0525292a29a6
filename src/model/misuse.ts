/** A call that makes no sense: says what was wrong with it, and what to do instead. Nothing has happened. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}

/** What was thrown, in words. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
