/**
 * Random scripts of settings, with the engine opened again at random points, whether anybody asked since or not: what is told is what an
 * engine tells that begins with nothing but the same settings.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  type Buildable,
  type BuildEngine,
  codec as C,
  checkInvariants,
  createEngine,
  type Key,
  rule,
  type SourceKey,
  source,
} from '../../src/index.js'
import { StoreFile } from '../../src/testing/store-file.js'
import { runs } from '../support/runs.js'

const SIZE = 3
/** A source without `read`; one that is read at once; one that is read later. */
const KINDS = 3

type Move =
  | { readonly move: 'set'; readonly at: number; readonly value: number }
  | { readonly move: 'remove' | 'touch'; readonly at: number }
  /** What is to be read is another, which is told. */
  | { readonly move: 'write'; readonly at: number; readonly value: number | undefined }
  | { readonly move: 'once'; readonly at: number }
  | { readonly move: 'tick' | 'settle' | 'idle' | 'check' }
  | { readonly move: 'gc' | 'wipe'; readonly value: number }
  /** Closed, or gone without warning; meanwhile, what is to be read may change. */
  | { readonly move: 'close' | 'crash'; readonly at: number; readonly value: number | undefined }

const at = fc.nat(KINDS * SIZE - 1)
const value = fc.nat(3)
const maybe = fc.option(value, { nil: undefined })
const moves = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: fc.constant('set'), at, value }) },
  { weight: 4, arbitrary: fc.record({ move: fc.constantFrom('remove', 'touch'), at }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant('write'), at, value: maybe }) },
  { weight: 4, arbitrary: fc.record({ move: fc.constant('once'), at: fc.nat((KINDS + 3) * SIZE - 1) }) },
  { weight: 6, arbitrary: fc.record({ move: fc.constantFrom('tick', 'settle', 'idle', 'check') }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constantFrom('gc', 'wipe'), value }) },
  { weight: 6, arbitrary: fc.record({ move: fc.constantFrom('close', 'close', 'crash'), at, value: maybe }) },
) as fc.Arbitrary<Move>

type Settings = ReadonlyMap<number, number | 'removed'>

class Player {
  private readonly file = new StoreFile()
  /** By version. */
  private readonly settings: Settings[] = [new Map()]
  private readonly disk = new Map<number, number>()
  private readonly sources: readonly Buildable<number, number, never>[]
  private readonly rules: readonly Buildable<number, unknown, never>[]
  private eng: BuildEngine

  constructor() {
    const int = { key: C.int, value: C.int }
    const { disk } = this
    const plain = source('plain', int)
    const read = source('read', { ...int, read: (n) => disk.get(SIZE + n) })
    const late = source('late', { ...int, read: async (n) => disk.get(2 * SIZE + n) })
    this.sources = [plain, read, late]
    const ten = rule('ten', int, function* (n, b) {
      return 10 * (yield* b.need(read(n)))
    })
    const texts = rule('texts', { key: C.int, value: C.array(C.string) }, function* (n, b) {
      const all = [plain(n), read(n), late((n + 1) % SIZE), ten((n + 2) % SIZE)]
      return (yield* b.collect(all)).map((one) => (one._tag === 'Right' ? String(one.right) : 'none'))
    })
    const long = rule('long', { key: C.int, value: C.string }, function* (n, b) {
      const by = yield* b.first<Key<number>>([late(n), plain(n)])
      return (yield* b.need(texts(n))).join(' ').repeat(by + 2)
    })
    this.rules = [ten, texts, long] as never
    this.eng = this.open(true)
  }

  private open(isKept: boolean): BuildEngine {
    const eng = createEngine({
      rules: [...this.sources, ...this.rules],
      drive: 'manual',
      keep: 4,
      ...(isKept && { store: this.file.store }),
    })
    checkInvariants(eng.state)
    return eng
  }

  private key(at: number): Key {
    return [...this.sources, ...this.rules][Math.floor(at / SIZE)]!(at % SIZE)
  }

  private sourceKey(at: number): SourceKey<number> {
    return this.key(at) as SourceKey<number>
  }

  private get now(): Settings {
    return this.settings.at(-1)!
  }

  private set(at: number, setting: number | 'removed'): void {
    this.settings.push(new Map(this.now).set(at, setting))
    const key = this.sourceKey(at)
    this.eng.transact((tx) => (setting === 'removed' ? tx.remove(key) : tx.set(key, setting)))
  }

  /** Only what can be read forgets what it was set to. */
  private touch(at: number): void {
    const settings = new Map(this.now)
    if (at >= SIZE) settings.delete(at)
    this.settings.push(settings)
    this.eng.transact((tx) => tx.touch(this.key(at)))
  }

  private write(at: number, value: number | undefined): void {
    if (value === undefined) this.disk.delete(at)
    else this.disk.set(at, value)
  }

  async play(step: Move): Promise<void> {
    const { eng } = this
    switch (step.move) {
      case 'set':
        return this.set(step.at, step.value)
      case 'remove':
        return this.set(step.at, 'removed')
      case 'touch':
        return this.touch(step.at)
      case 'write':
        this.write(step.at, step.value)
        return this.touch(step.at)
      case 'once':
        eng.once(this.key(step.at))
        return
      case 'tick':
        eng.tick()
        return checkInvariants(eng.state)
      case 'settle':
        eng.settle()
        return checkInvariants(eng.state)
      case 'idle':
        return eng.idle()
      case 'check':
        return this.check()
      case 'gc':
        return eng.gc({ keep: step.value })
      case 'wipe':
        return eng.wipe({ percent: step.value * 33 })
      default:
        return this.reopen(step)
    }
  }

  private async reopen({ move, at, value }: Extract<Move, { move: 'close' | 'crash' }>): Promise<void> {
    if (move === 'crash') this.file.crash()
    await this.eng.close()
    this.write(at, value)
    this.eng = this.open(true)
    expect(this.eng.version).toBeLessThan(this.settings.length)
    if (move === 'close') expect(this.eng.version).toBe(this.settings.length - 1)
    this.settings.length = this.eng.version + 1
  }

  /** What all builds say. */
  private async said(eng: BuildEngine): Promise<readonly unknown[]> {
    const requests = Array.from({ length: (KINDS + this.rules.length) * SIZE }, (_, i) => eng.once(this.key(i)))
    await eng.idle()
    checkInvariants(eng.state)
    return requests.map(({ now }) => plainly(now))
  }

  private async check(): Promise<void> {
    const oracle = this.open(false)
    oracle.transact((tx) => {
      for (const [at, setting] of this.now) {
        if (setting === 'removed') tx.remove(this.sourceKey(at))
        else tx.set(this.sourceKey(at), setting)
      }
    })
    const expected = await this.said(oracle)
    await oracle.close()
    expect(await this.said(this.eng)).toEqual(expected)
  }

  async end(): Promise<void> {
    await this.eng.close()
    this.file.discard()
  }
}

/** Without functions. */
const plainly = (said: unknown): unknown =>
  JSON.parse(JSON.stringify(said, (name, part: unknown) => (name === 'of' ? (part as { name: string }).name : part)))

const reopened: Move = { move: 'close', at: 0, value: undefined }
const checked: Move = { move: 'check' }

it('what sources were set to is told to all that stands on them, after any number of restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moves, { maxLength: 30, size: 'max' }), async (script) => {
      const player = new Player()
      try {
        for (const step of [...script, reopened, checked, reopened, checked]) await player.play(step)
      } finally {
        await player.end()
      }
    }),
    runs(300),
  )
}, 120_000)
