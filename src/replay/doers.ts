/** Who does something in several recordings, and a hash of what is said of it: numbers in place of texts, of which there are too many. */

/** Who did something: a build, or several, for a request that asked for them. A number for each, the same in all recordings that are compared. */
export class Doers {
  private readonly numbers = new Map<string, number>()
  private readonly requests = new Map<number, number>()
  private readonly ofRequests = new Set<number>()
  private readonly all: (readonly string[])[] = []

  get size(): number {
    return this.all.length
  }

  ofBuild(name: string): number {
    return this.numbers.get(name) ?? this.add(name, [name])
  }

  ofRequest(builds: readonly number[]): number {
    if (builds.length !== 1) {
      // No name begins so.
      const key = `\0\0${builds.join(' ')}`
      const known = this.numbers.get(key) ?? this.add(key, builds.flatMap(this.namesOf))
      this.ofRequests.add(known)
      return known
    }
    const build = builds[0]!
    const known = this.requests.get(build)
    if (known !== undefined) return known
    const number = this.all.push(this.namesOf(build)) - 1
    this.requests.set(build, number)
    this.ofRequests.add(number)
    return number
  }

  isRequest(doer: number): boolean {
    return this.ofRequests.has(doer)
  }

  readonly namesOf = (doer: number): readonly string[] => this.all[doer]!

  private add(key: string, names: readonly string[]): number {
    const number = this.all.push(names) - 1
    this.numbers.set(key, number)
    return number
  }
}

/** Two hashes at once of what is said, of 32 bits each: as many as there may be of deeds, no two that differ have the same by chance. */
export class Hash {
  a = 0
  b = 0

  begin(word: number): void {
    this.a = word
    this.b = ~word
  }

  word(word: number): void {
    const a = Math.imul(this.a ^ word, 0x85ebca6b)
    const b = Math.imul(this.b + word, 0x9e3779b1)
    this.a = a ^ (a >>> 15)
    this.b = b ^ (b >>> 13)
  }

  words(words: readonly number[]): void {
    this.word(words.length)
    for (const word of words) this.word(word)
  }

  text(text: string): void {
    this.word(text.length)
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i))
  }
}
