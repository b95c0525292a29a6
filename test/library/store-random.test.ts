/** Random scripts, with the engine opened again at random points: the answers are those of an engine that never was. */
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  type Buildable,
  type BuildEngine,
  codec as C,
  checkInvariants,
  createEngine,
  type Key,
  rule,
  source,
  sqliteStore,
} from '../../src/index.js'
import { runs } from '../support/runs.js'
import { discard, temporary } from '../support/store.js'

const SIZE = 5
type Move =
  | {
      readonly move: 'set' | 'touch' | 'remove' | 'write' | 'once' | 'live'
      readonly which: number
      readonly value: number
    }
  | { readonly move: 'tick' | 'settle' | 'gc' | 'wipe' | 'cancel'; readonly value: number }
  /** Closed and opened; meanwhile nothing, or a file, or the code of a rule changes. */
  | { readonly move: 'reopen' | 'edited' | 'released'; readonly which: number; readonly value: number }

const value = fc.nat(6)
const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      move: fc.constantFrom('set' as const, 'touch' as const, 'remove' as const, 'write' as const),
      which: fc.nat(2 * SIZE - 1),
      value,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ move: fc.constantFrom('once' as const, 'live' as const), which: fc.nat(3 * SIZE), value }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ move: fc.constantFrom('tick' as const, 'settle' as const, 'cancel' as const), value }),
  },
  { weight: 1, arbitrary: fc.record({ move: fc.constantFrom('gc' as const, 'wipe' as const), value }) },
  {
    weight: 4,
    arbitrary: fc.record({
      move: fc.constantFrom('reopen' as const, 'edited' as const, 'released' as const),
      which: fc.nat(SIZE - 1),
      value,
    }),
  },
)

/** What does not live in an engine: files, and the code of today. */
class Outside {
  readonly files = new Map<number, number>()
  readonly releases = [1, 1]
  makes = 0

  rules() {
    const { files, releases } = this
    const set = source('set', { key: C.int, value: C.int })
    const file = source('file', {
      key: C.int,
      value: C.array(C.int),
      read: (n) => (files.has(n) ? [files.get(n)!, 0] : undefined),
    })
    const low = rule(
      'low',
      { key: C.int, value: C.string, error: C.string, version: releases[0]! },
      (() => {
        const shift = releases[0]! >> 1
        const counted = () => this.makes++
        return function* (n, b) {
          counted()
          const a = yield* b.need(set(n))
          if (a === 0) b.fail(`none of ${n}`)
          const [c] = n % 2 === 0 ? [a] : yield* b.need(file((a + n) % SIZE))
          return `value ${'x'.repeat(c! + shift)} of low`
        }
      })(),
    )
    const many = rule.static('many', {
      key: C.int,
      value: C.int,
      version: releases[1]!,
      deps: (n) => [low(n % SIZE), low((n + 1) % SIZE)],
      make: (texts) => {
        this.makes++
        return texts.reduce((sum, text) => sum + text.length, releases[1]! >> 1)
      },
    })
    const high: Buildable<number, readonly (string | number)[], never> = rule(
      'high',
      { key: C.int, value: C.json as never },
      (() => {
        const counted = () => this.makes++
        return function* (n, b) {
          counted()
          const either = yield* b.attempt(many(n))
          if (either._tag === 'Left')
            return [JSON.stringify(either.left._tag), yield* b.first<Key<number>>([set(n), many(n)])]
          // Some of them stand in a circle.
          const next = either.right % 7 === 0 ? yield* b.need(high((n + 1) % SIZE)) : []
          return [either.right, ...next].slice(0, 4)
        }
      })(),
    )
    return { set, file, low, many, high, all: [set, file, low, many, high] as const }
  }
}

/** Plays moves on an engine; without a path, it is never opened again. */
class Player {
  rules: ReturnType<Outside['rules']>
  eng: BuildEngine
  private lives: { cancel(): void }[] = []

  constructor(
    readonly path: string | undefined,
    readonly outside = new Outside(),
  ) {
    this.rules = outside.rules()
    this.eng = this.open()
  }

  private open(): BuildEngine {
    this.rules = this.outside.rules()
    const eng = createEngine({
      rules: this.rules.all,
      drive: 'manual',
      keep: 4,
      ...(this.path !== undefined && { store: sqliteStore(this.path, { synchronous: 'off' }) }),
    })
    checkInvariants(eng.state)
    return eng
  }

  key(which: number): Key {
    const { low, many, high, set } = this.rules
    const n = which % SIZE
    return which < SIZE ? low(n) : which < 2 * SIZE ? many(n) : which < 3 * SIZE ? high(n) : set(0)
  }

  play(step: Move): void {
    const { eng, rules, outside } = this
    switch (step.move) {
      case 'set':
        eng.transact((tx) =>
          step.which < SIZE
            ? tx.set(rules.set(step.which), step.value)
            : tx.set(rules.file(step.which - SIZE), [step.value]),
        )
        return
      case 'touch':
        eng.transact((tx) => tx.touch(this.key(step.which)))
        return
      case 'remove':
        eng.transact((tx) => tx.remove(rules.set(step.which % SIZE)))
        return
      case 'write':
        outside.files.set(step.which % SIZE, step.value)
        eng.transact((tx) => tx.touch(rules.file(step.which % SIZE)))
        return
      case 'once':
        eng.once(this.key(step.which))
        return
      case 'live':
        this.lives.push(eng.live(this.key(step.which)))
        return
      case 'tick':
        for (let i = 0; i < step.value; i++) eng.tick()
        checkInvariants(eng.state)
        return
      case 'cancel':
        this.lives.splice(0, 1)[0]?.cancel()
        return
      case 'gc':
        eng.gc({ keep: step.value })
        return
      case 'wipe':
        eng.wipe({ percent: step.value * 15 })
        return
      case 'settle':
        eng.settle()
        checkInvariants(eng.state)
        return
      default:
        this.eng.close()
        this.lives = []
        if (step.move === 'edited') outside.files.set(step.which, step.value)
        if (step.move === 'released') outside.releases[step.which % 2] = step.value + 1
        this.eng = this.open()
    }
  }

  /** What every build says now: [answer, makes] for all together. */
  answers(): { readonly said: readonly unknown[]; readonly makes: number } {
    this.outside.makes = 0
    const requests = Array.from({ length: 3 * SIZE }, (_, i) => this.eng.once(this.key(i)))
    this.eng.settle()
    checkInvariants(this.eng.state)
    return { said: requests.map(({ now }) => plain(now)), makes: this.outside.makes }
  }
}

/** Without functions, and without where an error was thrown. */
const plain = (said: unknown): unknown =>
  JSON.parse(
    JSON.stringify(said, (name, part: unknown) =>
      name === 'of' ? (part as { name: string }).name : name === 'trace' ? '' : part,
    ),
  )

let folder: string
beforeAll(() => {
  folder = temporary()
})
afterAll(() => discard(folder))

const isOfSources = ({ move }: Move): boolean => ['set', 'remove', 'touch', 'write'].includes(move)

it('answers as if it had never been closed, and makes nothing twice', () => {
  let n = 0
  fc.assert(
    fc.property(fc.array(moves, { maxLength: 40 }), (script) => {
      const player = new Player(join(folder, String(n++)))
      try {
        for (const step of script) player.play(step)
        const { said } = player.answers()
        // One that knows only what sources were set to, and the files and code of today.
        const { files, releases } = player.outside
        const today = new Map(files)
        const oracle = new Player(undefined, Object.assign(new Outside(), { releases }))
        for (const step of script) if (isOfSources(step)) oracle.play(step)
        for (const [name, content] of today) oracle.outside.files.set(name, content)
        expect(said).toEqual(oracle.answers().said)
        player.play({ move: 'reopen', which: 0, value: 0 })
        const again = player.answers()
        expect(again.said).toEqual(said)
        // What is broken by a cycle is made again: it never saw all that it needs.
        if (!JSON.stringify(said).includes('"cycle"')) expect(again.makes).toBe(0)
      } finally {
        player.eng.close()
      }
    }),
    runs(300),
  )
})
