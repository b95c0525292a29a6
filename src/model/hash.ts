/**
 * A hash of byte strings, for tables that find a name by its bytes. `hashOf` a string of one char per byte and `hashBytes` of
 * those bytes agree.
 */

/** Four bytes at a time, as FNV-1a does with one: a project's names are hashed at each start. */
export const hashOf = (name: string): number => {
  let h = SEED ^ name.length
  let i = 0
  for (; i + 4 <= name.length; i += 4) {
    const word =
      name.charCodeAt(i) |
      (name.charCodeAt(i + 1) << 8) |
      (name.charCodeAt(i + 2) << 16) |
      (name.charCodeAt(i + 3) << 24)
    h = step(h, word)
  }
  for (; i < name.length; i++) h = step(h, name.charCodeAt(i))
  return mixed(h)
}

export const hashBytes = (bytes: Uint8Array, at: number, length: number): number => {
  let h = SEED ^ length
  let i = at
  const end = at + length
  for (; i + 4 <= end; i += 4)
    h = step(h, bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
  for (; i < end; i++) h = step(h, bytes[i]!)
  return mixed(h)
}

const SEED = 0x811c9dc5

/** The shift lets high bytes of a word reach the low bits of the next steps. */
const step = (hash: number, word: number): number => {
  const h = Math.imul(hash ^ word, 0x01000193)
  return h ^ (h >>> 15)
}

/** Spreads what the high bits know, since a table looks at the low ones. */
const mixed = (hash: number): number => {
  const h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return h ^ (h >>> 13)
}
