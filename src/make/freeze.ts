/** Freezes a value and all in it: what one build results in, no other can change. Bytes, which cannot be frozen, are left. */
export const freezeDeep = (value: unknown): void => {
  if (typeof value !== 'object') return
  const stack: unknown[] = [value]
  while (stack.length > 0) {
    const part = stack.pop()
    if (typeof part !== 'object' || part === null || Object.isFrozen(part) || ArrayBuffer.isView(part)) continue
    Object.freeze(part)
    for (const inside of Object.values(part)) stack.push(inside)
  }
}
