/** What is to happen, in the order of its time; what was put in first comes first of equals. */
export class Agenda<A> {
  private readonly heap: { readonly at: number; readonly number: number; readonly item: A }[] = []
  private count = 0

  /** When the next thing happens; infinity, if there is none. */
  get nextAt(): number {
    return this.heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  push(at: number, item: A): void {
    const { heap } = this
    heap.push({ at, number: this.count++, item })
    for (let i = heap.length - 1; i > 0; ) {
      const above = (i - 1) >> 1
      if (!this.isBefore(i, above)) return
      this.swap(i, above)
      i = above
    }
  }

  /** The next thing; there must be one. */
  pop(): { readonly at: number; readonly item: A } {
    const { heap } = this
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) {
      heap[0] = last
      for (let i = 0; ; ) {
        let least = i
        for (const below of [2 * i + 1, 2 * i + 2])
          if (below < heap.length && this.isBefore(below, least)) least = below
        if (least === i) break
        this.swap(i, least)
        i = least
      }
    }
    return first
  }

  private isBefore(a: number, b: number): boolean {
    const x = this.heap[a]!
    const y = this.heap[b]!
    return x.at === y.at ? x.number < y.number : x.at < y.at
  }

  private swap(a: number, b: number): void {
    const { heap } = this
    const x = heap[a]!
    heap[a] = heap[b]!
    heap[b] = x
  }
}
