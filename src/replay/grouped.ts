/** Those with the same key together, in the order in which they come. */
export const groupedBy = <K, A>(all: readonly A[], keyOf: (one: A) => K): ReadonlyMap<K, readonly A[]> => {
  const found = new Map<K, A[]>()
  for (const one of all) {
    const key = keyOf(one)
    const known = found.get(key)
    if (known === undefined) found.set(key, [one])
    else known.push(one)
  }
  return found
}
