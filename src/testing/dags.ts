/** All graphs of so many builds, each shape once. */

/** What each build needs: numbers of builds before it. */
export type Dag = readonly (readonly number[])[]

/** Every directed graph without circles of `n` nodes, up to isomorphism: 1, 2, 6, 31, 302, 5984 for 1 to 6. */
export const dagsOf = (n: number): readonly Dag[] => {
  const pairs: (readonly [number, number])[] = []
  for (let to = 1; to < n; to++) for (let from = 0; from < to; from++) pairs.push([from, to])
  const orders = permutationsOf(n)
  // Where each edge of a mask goes under each order.
  const moves = orders.map((order) => pairs.map(([from, to]) => 1 << (order[from]! * n + order[to]!)))
  const isSmall = n * n <= 31
  const seen = new Set<number | string>()
  const found: Dag[] = []
  for (let mask = 0; mask < 2 ** pairs.length; mask++) {
    const name = isSmall ? smallest(mask, moves) : nameOf(mask, pairs, orders)
    if (seen.has(name)) continue
    seen.add(name)
    found.push(
      Array.from({ length: n }, (_, to) =>
        pairs.flatMap(([from, other], i) => (other === to && (mask & (1 << i)) !== 0 ? [from] : [])),
      ),
    )
  }
  return found
}

const smallest = (mask: number, moves: readonly (readonly number[])[]): number => {
  let best = Number.POSITIVE_INFINITY
  for (const move of moves) {
    let moved = 0
    for (let i = 0; i < move.length; i++) if ((mask & (1 << i)) !== 0) moved |= move[i]!
    if (moved < best) best = moved
  }
  return best
}

/** As `smallest`, where a number of 32 bits does not hold all pairs: two numbers. */
const nameOf = (
  mask: number,
  pairs: readonly (readonly [number, number])[],
  orders: readonly (readonly number[])[],
): string => {
  let [high, low] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const order of orders) {
    let [h, l] = [0, 0]
    for (let i = 0; i < pairs.length; i++) {
      if ((mask & (1 << i)) === 0) continue
      const [from, to] = pairs[i]!
      if (order[from]! < 3) l |= 1 << (order[from]! * 6 + order[to]!)
      else h |= 1 << ((order[from]! - 3) * 6 + order[to]!)
    }
    if (h < high || (h === high && l < low)) [high, low] = [h, l]
  }
  return `${high} ${low}`
}

const permutationsOf = (n: number): readonly (readonly number[])[] => {
  if (n === 0) return [[]]
  return permutationsOf(n - 1).flatMap((rest) =>
    Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)]),
  )
}
