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
    try {
      return Object.prototype.toString.call(error)
    } catch {
      return UNTOLD
    }
  }
}
export const UNTOLD = 'what was thrown throws when it is asked what it is'

/** Of an error of Node's `parseArgs`: in a sentence, and without what it says besides. */
export const parsingFault = ({ message }: Error): string => {
  const [, name, what] = /^Option '(?:-\w, )?(--?[\w-]+)[^']*' argument (missing|is ambiguous)/.exec(message) ?? []
  if (name === undefined) return message.split(/\.\s/)[0]!
  if (what === 'missing') return `${name} needs a value after it`
  const joined = name.startsWith('--') ? `${name}=VALUE` : `${name}VALUE`
  return `${name} needs a value, and what follows is an option: say ${joined}, if it is meant as it is`
}
