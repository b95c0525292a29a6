/** Depth and width: no recursion, and work in proportion to the graph. Builds end at once; what is counted is the engine. */
import { setAutoFreeze } from 'immer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine, type Make } from '../../src/engine.js'
import { LOOK_STRIDE, type Look, LookWord, type Receipt } from '../../src/model/event.js'
import { type BuildId, buildId } from '../../src/model/ids.js'
import { checkInvariants } from '../../src/model/invariants.js'
import { objectAt } from '../../src/model/table.js'

beforeAll(() => setAutoFreeze(false))
afterAll(() => setAutoFreeze(true))

/** As a world, without processes: `needs` are asked for before the start, and a start ends at once. Ids from 1 to `size`; 1 is wanted. */
class Fast {
  readonly engine: Engine
  readonly needs: (x: number) => readonly number[]
  readonly changes = new Map<number, number>()
  ticks = 0
  runs = 0
  scans = 0
  private readonly size: number
  private readonly made = new Map<number, number>()
  private ok: boolean | undefined
  private request: number

  constructor(size: number, needs: (x: number) => readonly number[]) {
    this.size = size
    this.needs = needs
    this.request = size
    const make: Make = {
      scan: (_, builds) => {
        this.scans += builds.length
        const looks = new Int32Array(builds.length * LOOK_STRIDE)
        builds.forEach((x, i) => {
          const content = needs(x).length > 0 ? this.made.get(x) : this.contentOf(x)
          if (content === undefined) return
          looks[i * LOOK_STRIDE + LookWord.KIND] = 1
          looks[i * LOOK_STRIDE + LookWord.CONTENT] = content
        })
        return { _tag: 'scanned', builds, looks }
      },
      run: (_, builds) =>
        builds.map(
          (x): Receipt => ({ _tag: 'blocked', build: x, needs: needs(x).map(buildId), create: [], slot: true }),
        ),
      start: (_, builds) => builds.map((x) => this.end(x)),
      perform: () => {},
    }
    this.engine = new Engine({
      make,
      drive: 'manual',
      onTick: () => {
        this.ticks++
      },
      onTurn: ({ responses }) => {
        for (const { ok } of responses) this.ok = ok
      },
    })
  }

  /** Asks for 1 and waits; the answer, and what it took. */
  build(): { ok: boolean | undefined; ticks: number; runs: number; scans: number; ms: number } {
    Object.assign(this, { ticks: 0, runs: 0, scans: 0, ok: undefined })
    const request = buildId(++this.request)
    const start = performance.now()
    this.engine.dispatch({
      _tag: 'requested',
      request,
      by: buildId(0),
      session: request,
      targets: [buildId(1)],
      want: 'ifchange',
      keepGoing: true,
      jobs: 8,
      trust: false,
    })
    this.engine.settleAll()
    return { ok: this.ok, ticks: this.ticks, runs: this.runs, scans: this.scans, ms: performance.now() - start }
  }

  private end(x: BuildId): Receipt {
    this.runs++
    const content0 = this.contentOf(x)
    this.made.set(x, content0)
    const look: Look = { kind: 1, racy: false, stat0: 0, stat1: 0, content0, content1: 0, content2: 0, content3: 0 }
    return { _tag: 'done', build: x, look, virtual: false }
  }

  /** Everything depends on the last, whose change shows everywhere. */
  private contentOf(x: number): number {
    return 1 + (this.changes.get(x) ?? 0) + (x === this.size ? 0 : 10 * (this.changes.get(this.size) ?? 0))
  }
}

const BIG = 100_000
const SMALL = 10_000

interface Shape {
  readonly name: string
  readonly needs: (n: number) => (x: number) => readonly number[]
  /** Ticks of a first build, of one in which nothing and in which the last source changed: at most. */
  readonly ticks: (n: number) => readonly [number, number, number]
}

const wide = (n: number): number[] => Array.from({ length: n - 2 }, (_, i) => i + 2)
const shapes: readonly Shape[] = [
  { name: 'a chain', needs: (n) => (x) => (x < n ? [x + 1] : []), ticks: (n) => [3 * n, n + 4, 4 * n] },
  {
    name: 'a build of all others, which need one source',
    needs: (n) => {
      const all = wide(n)
      return (x) => (x === 1 ? all : x < n ? [n] : [])
    },
    ticks: (n) => [n / 8 + 20, 6, n / 8 + 20],
  },
  {
    name: 'a build of as many sources',
    needs: (n) => {
      const all = [...wide(n), n]
      return (x) => (x === 1 ? all : [])
    },
    ticks: () => [8, 6, 8],
  },
]

describe.each(shapes)('$name of 100,000', ({ needs, ticks }) => {
  const played = [SMALL, BIG].map((n) => {
    const fast = new Fast(n, needs(n))
    return { n, fast }
  })
  const big = played[1]!
  const step = (name: 'first' | 'null' | 'changed', i: 0 | 1 | 2): void => {
    const [small, large] = played.map(({ n, fast }) => {
      if (name === 'changed') fast.changes.set(n, 1)
      return { n, ...fast.build() }
    })
    expect(large!.ok).toBe(true)
    expect(large!.ticks).toBeLessThanOrEqual(ticks(BIG)[i])
    expect(large!.scans).toBe(BIG)
    expect(large!.ms / BIG / (small!.ms / SMALL), `${small!.ms} ms, ${large!.ms} ms`).toBeLessThan(4)
    const rules = Array.from({ length: BIG }, (_, i) => i + 1).filter((x) => big.fast.needs(x).length > 0).length
    expect(large!.runs).toBe(name === 'null' ? 0 : rules)
  }
  it('is built the first time, each once', () => step('first', 0))
  it('is looked at once when nothing changed, and nothing runs', () => step('null', 1))
  it('is built again when what all need changed', () => step('changed', 2))
  it('is whole afterwards', () => checkInvariants(big.fast.engine.state))
})

describe('a cycle of 1,000', () => {
  it('is found, and named whole', () => {
    const fast = new Fast(1_000, (x) => [x < 1_000 ? x + 1 : 1])
    expect(fast.build().ok).toBe(false)
    const path = Array.from({ length: 1_000 }, (_, i) => i + 1)
    for (const x of [1, 500, 1_000]) expect(objectAt(fast.engine.state.errors, x)).toEqual({ _tag: 'cycle', path })
    expect(fast.build().ok).toBe(false)
  })
})
