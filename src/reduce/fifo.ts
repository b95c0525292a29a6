/** First in, first out, without moving what is inside. */
export class Fifo<A> {
  private items: A[] = []
  private first = 0

  get length(): number {
    return this.items.length - this.first
  }

  push(item: A): void {
    this.items.push(item)
  }

  shift(): A | undefined {
    if (this.first === this.items.length) {
      if (this.first > 0) this.items = []
      this.first = 0
      return undefined
    }
    return this.items[this.first++]
  }
}
