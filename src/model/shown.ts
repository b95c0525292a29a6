/** A value in a few words, for messages. */
export const shown = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return 'an array'
    const made = (value as { constructor?: { name?: string } }).constructor
    return made === Object || typeof made?.name !== 'string' || made.name === '' ? 'an object' : `a ${made.name}`
  }
  return Object.is(value, -0) ? '-0' : String(value)
}
