/** Arrays that one tick after the other writes in, before it is known how long they get: taken again, not made anew. */
const spares: Int32Array[] = []
const SPARE_MAX = 1 << 20

/** In place of `words`, one with room for more, which begins with them: at least twice as many, and `least`. */
export const longer = (words: Int32Array, least: number): Int32Array => {
  const { length } = words
  const spared = length === 0 ? spares.pop() : undefined
  if (spared !== undefined && spared.length >= least) return spared
  const more = new Int32Array(Math.max(least, length * 2))
  more.set(words)
  return more
}

/** Nobody needs `words` any more. */
export const spare = (words: Int32Array): void => {
  if (words.length > 0 && words.length <= SPARE_MAX) spares.push(words)
}
