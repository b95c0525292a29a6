/** Needs may come in any shape of lists and records; their values come in the same. */

import { isPlain } from '../model/codec.js'
import type { Key, Needs } from '../model/definition.js'
import type { BuildId } from '../model/ids.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'

export const isKey = (value: unknown): value is Key => {
  if (typeof value !== 'object' || value === null || !('of' in value && 'key' in value)) return false
  // A record of needs may have fields of any name.
  const { of } = value
  return typeof of === 'object' && of !== null && 'kind' in of
}

/** @throws Misuse */
export const expectKey = (value: unknown): void => {
  if (isKey(value)) return
  const remedy = typeof value === 'function' ? ': call it with a key' : ''
  throw new Misuse(`expected a key, such as rule('x'), got ${shown(value)}${remedy}`)
}

/** The keys of a shape, in order. @throws Misuse where there is something that is neither key, list nor record */
export const keysIn = (needs: Needs, found: Key[] = []): Key[] => {
  if (isKey(needs)) found.push(needs)
  else if (typeof needs !== 'object' || needs === null)
    throw new Misuse(
      `expected keys, or lists or records of keys, got ${shown(needs)}${typeof needs === 'function' ? ': call it with a key' : ''}`,
    )
  else if (Array.isArray(needs)) for (const part of needs as readonly Needs[]) keysIn(part, found)
  else if (Symbol.iterator in needs)
    throw new Misuse(`expected keys, or lists or records of keys, got ${shown(needs)}: make a list of it, [...needs]`)
  // What has a class, as a promise has, hides what it holds: it would pass for a record without fields.
  else if (!isPlain(needs))
    throw new Misuse(
      `expected keys, or lists or records of keys, got ${shown(needs)}: a record of keys must be a plain object`,
    )
  else for (const part of Object.values(needs) as Needs[]) keysIn(part, found)
  return found
}

/** As `keysIn`; of a plain list, which is common, the list itself. */
export const listOf = (needs: Needs): readonly Key[] => {
  if (isListOfKeys(needs)) return needs
  try {
    return keysIn(needs)
  } catch (error) {
    hear(needs)
    throw error
  }
}

/** Of promises that are refused, in any shape of lists and records, nobody else will hear. */
export const hear = (given: unknown): void => {
  try {
    if (given instanceof Promise) given.catch(() => {})
    else if (Array.isArray(given)) given.forEach(hear)
    else if (typeof given === 'object' && given !== null && isPlain(given) && !isKey(given))
      Object.values(given).forEach(hear)
  } catch {
    // A proxy may answer whatever is asked of it by throwing, and what goes round in a circle has no end.
  }
}

const isListOfKeys = (needs: Needs): needs is readonly Key[] => {
  if (!Array.isArray(needs)) return false
  // Not by `every`, which passes over holes.
  for (let i = 0; i < needs.length; i++) if (!isKey(needs[i])) return false
  return true
}

/** The shape with each key replaced by what `of` says of it. */
export const filled = (needs: Needs, of: (key: Key) => unknown): unknown => {
  if (isKey(needs)) return of(needs)
  if (Array.isArray(needs)) return needs.map((part) => filled(part as Needs, of))
  return Object.fromEntries(Object.entries(needs).map(([name, part]) => [name, filled(part as Needs, of)]))
}

/** Each id once. */
export const once = (ids: readonly BuildId[]): readonly BuildId[] => {
  if (ids.length > FEW) return [...new Set(ids)]
  for (let i = 1; i < ids.length; i++) for (let j = 0; j < i; j++) if (ids[j] === ids[i]) return [...new Set(ids)]
  return ids
}
const FEW = 16
