/** A seeded generator and the distributions that workloads are drawn from. The same seed draws the same on every machine. */

/** Uniform 32-bit words (mulberry32, by Tommy Ettinger). */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed | 0
  }

  /** From 0 up to 1, without it. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(n: number): number {
    return Math.floor(this.next() * n)
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  /** Standard normal (Box and Muller, 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  /** With median 1. */
  logNormal(sigma: number): number {
    return Math.exp(sigma * this.normal())
  }

  /** A generator of its own, for what must not change when something else is drawn before it. */
  fork(salt: number): Random {
    return new Random(Math.imul(this.state ^ Math.imul(salt + 1, 0x9e3779b1), 0x85ebca6b))
  }
}
