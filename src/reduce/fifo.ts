/** First in, first out, without moving what is inside. */
export class Fifo<A> {
  /** How many are in it. A field: it is asked after each receipt. */
  length = 0
  private items: A[] = []
  private first = 0

  push(item: A): void {
    this.items.push(item)
    this.length++
  }

  /** Undefined: it is empty. */
  shift(): A | undefined {
    if (this.length === 0) return undefined
    const item = this.items[this.first++]
    if (--this.length === 0) {
      this.items = []
      this.first = 0
    }
    return item
  }
}
