/**
 * A whole number by id, other than 0, for as long as a batch: by open addressing. An array by id would be quicker to index, and a batch looks for
 * a few ids out of a million, each of which would be far from the processor.
 */
const BITS_MIN = 12
/** Thirty-two bits of the golden ratio: ids that follow each other fall far apart (Knuth, The Art of Computer Programming, 6.4). */
const RATIO = 0x9e3779b1

export class Places {
  /** Id and number in turns; no more than a quarter of it is in use. */
  private slots = new Int32Array(2 << BITS_MIN)
  private bits = BITS_MIN
  private size = 0

  /** 0 where there is none. */
  get(id: number): number {
    return this.slots[this.slotOf(id) + 1]!
  }

  set(id: number, number: number): void {
    const slot = this.slotOf(id)
    if (this.slots[slot] === 0) this.size++
    this.slots[slot] = id
    this.slots[slot + 1] = number
    if (this.size >>> (this.bits - 2) !== 0) this.widen()
  }

  clear(): void {
    if (this.bits === BITS_MIN) this.slots.fill(0)
    else this.begin(BITS_MIN)
    this.size = 0
  }

  /** Where it is, or would be. */
  private slotOf(id: number): number {
    const { slots, bits } = this
    let slot = (Math.imul(id, RATIO) >>> (32 - bits)) << 1
    for (let found = slots[slot]!; found !== id && found !== 0; found = slots[slot]!)
      slot = slot === slots.length - 2 ? 0 : slot + 2
    return slot
  }

  private begin(bits: number): void {
    this.bits = bits
    this.slots = new Int32Array(2 << bits)
  }

  private widen(): void {
    const { slots } = this
    this.begin(this.bits + 1)
    for (let i = 0; i < slots.length; i += 2) {
      if (slots[i] === 0) continue
      const slot = this.slotOf(slots[i]!)
      this.slots[slot] = slots[i]!
      this.slots[slot + 1] = slots[i + 1]!
    }
  }
}
