import { isPlain } from '../model/codec.js'

/** What was frozen with all in it, where it is more than a few primitives: it may be part of many values. What others froze may hold what is not. */
const known = new WeakSet<object>()
const FEW = 8

/** Whether it may hold what can be changed though it is frozen, as bytes, dates and whatever has a class of its own can. `around`: what it is in. */
export const staysOpen = (value: unknown, around?: Set<object>): boolean => {
  if (typeof value !== 'object' || value === null || around?.has(value)) return false
  if (!isPlain(value) && Object.getPrototypeOf(value) !== Array.prototype) return true
  let within = around
  for (const part of Object.values(value)) {
    if (typeof part !== 'object' || part === null) continue
    within = (within ?? new Set()).add(value)
    if (staysOpen(part, within)) return true
  }
  return false
}

/** Freezes a value and all in it: what one build results in, no other can change. Bytes, which cannot be frozen, are left. */
export const freezeDeep = (value: unknown): void => {
  if (typeof value !== 'object') return
  const stack: unknown[] = [value]
  while (stack.length > 0) {
    const part = stack.pop()
    if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part) || known.has(part)) continue
    Object.freeze(part)
    const before = stack.length
    let size = 0
    for (const inside of Object.values(part)) {
      size++
      if (typeof inside === 'object' && inside !== null) stack.push(inside)
    }
    if (stack.length > before || size > FEW) known.add(part)
  }
}
