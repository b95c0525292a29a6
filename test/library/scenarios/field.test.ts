/** What the Ford that shipped got wrong in the field: each must hold. Numbers that are missing were faults of its own machinery. */
import * as E from 'fp-ts/lib/Either.js'
import { expect } from 'vitest'
import { type Json, type Key, Misuse } from '../../../src/index.js'
import { ABSENT, type Scene, scenario, WAIT } from './scene.js'

const plus = (a: Json, b: Json): number => (a as number) + (b as number)

/** `up(name)`: one more than the source. */
const upOf = (s: Scene) =>
  s.rule('up', function* (name: string, b) {
    return plus(yield* b.need(s.src(name)), 1)
  })
/** `both([a, b])`: the values of two sources. */
const bothOf = (s: Scene) =>
  s.rule('both', function* ([a, b]: readonly [string, string], need) {
    return yield* need.all([s.src(a), s.src(b)])
  })

scenario('N1. a live build whose new read waits: the old value is not told again', async (s) => {
  const up = upOf(s)
  s.lists({ r: 1 })
  s.live('x', up('r'))
  await s.gives('x@0: 2', 'watch r')
  s.change({ r: WAIT })
  await s.gives('fetch r')
  s.once('y', up('r'))
  await s.gives()
  s.settle('r', 2)
  await s.gives('x@1: 3', 'y: 3')
})

scenario('N3. a live build is cancelled while its new read waits', async (s) => {
  const up = upOf(s)
  s.lists({ r: 1 })
  const x = s.live('x', up('r'))
  await s.gives('x@0: 2', 'watch r')
  s.change({ r: WAIT })
  await s.gives('fetch r')
  x.cancel()
  await s.gives('drop r', 'unwatch r')
})

scenario('N4. of two, one changed and waits: only that one is dropped', async (s) => {
  const both = bothOf(s)
  s.lists({ a: 1, b: 2 })
  const x = s.live('x', both(['a', 'b']))
  await s.gives('x@0: [1,2]', 'watch a', 'watch b')
  s.change({ a: WAIT })
  await s.gives('fetch a')
  x.cancel()
  await s.gives('drop a', 'unwatch a', 'unwatch b')
})

scenario('N5. of two live requests that share a source, the first is cancelled', async (s) => {
  const up = upOf(s)
  s.lists({ r: 1 })
  const x = s.live('x', up('r'))
  s.live('y', s.src('r'))
  await s.gives('x@0: 2', 'y@0: 1', 'watch r')
  x.cancel()
  await s.gives()
  s.change({ r: 5 })
  await s.gives('y@1: 5')
  expect(s.makes).toEqual({ up: 1 })
})

scenario('N6. live requests that share builds, made again in one version, somewhere with an equal value', async (s) => {
  const parity = s.rule('parity', function* (name: string, b) {
    return ((yield* b.need(s.src(name))) as number) % 2
  })
  const top = s.rule('top', function* (name: string, b) {
    return yield* b.all([parity('r'), s.src(name)])
  })
  s.lists({ r: 1, q: 10 })
  s.live('x', top('r'))
  s.live('y', top('q'))
  await s.gives('x@0: [1,1]', 'y@0: [1,10]', 'watch q', 'watch r')
  s.change({ r: 3 })
  await s.gives('x@1: [1,3]')
  expect(s.makes).toEqual({ parity: 2, top: 3 })
  s.change({ r: 4, q: 11 })
  await s.gives('x@2: [0,4]', 'y@2: [0,11]')
  expect(s.makes).toEqual({ parity: 3, top: 5 })
})

scenario('N7. a diamond that never waits leaves nothing pending', async (s) => {
  const up = upOf(s)
  const top = s.rule('top', function* (_: null, b) {
    return yield* b.all([up('r'), s.src('r'), up('r')])
  })
  s.lists({ r: 1 })
  s.once('x', top(null))
  await s.gives('x: [2,1,2]')
  expect(s.eng.progress()).toMatchObject({ inFlight: 0, ready: 0, pending: [], requests: [] })
})

scenario('N8. the same is asked for twice: each is answered, one is made, nothing leaks', async (s) => {
  const up = upOf(s)
  s.lists({ r: WAIT })
  const x = s.once('x', up('r'))
  s.once('x', up('r'))
  const y = s.live('y', up('r'))
  s.live('y', up('r'))
  await s.gives('fetch r')
  x.cancel()
  y.cancel()
  await s.gives()
  s.settle('r', 1)
  await s.gives('x: 2', 'y@0: 2', 'watch r')
  expect(s.makes).toEqual({ up: 1 })
})

scenario('N9. a request over wiped results', async (s) => {
  const up = upOf(s)
  s.lists({ r: 1 })
  s.once('x', up('r'))
  await s.gives('x: 2')
  s.eng.wipe()
  s.lists({ r: 1 })
  s.once('y', up('r'))
  await s.gives('y: 2')
  expect(s.makes).toEqual({ up: 2 })
})

scenario('N10. nothing is kept', async (s) => {
  s.options = { keep: 0 }
  const up = upOf(s)
  s.lists({ r: 1 })
  s.live('x', up('r'))
  s.once('y', up('r'))
  await s.gives('x@0: 2', 'y: 2', 'watch r')
  s.eng.gc({ keep: 0 })
  s.change({ r: 2 })
  await s.gives('x@1: 3')
})

scenario('N12. a live build over two kinds of source', async (s) => {
  const top = s.rule('top', function* (_: null, b) {
    return yield* b.all([s.src('r'), s.other('r')])
  })
  s.lists({ r: 1, 'other r': 2 })
  const x = s.live('x', top(null))
  await s.gives('x@0: [1,2]', 'watch r', 'watch other r')
  s.change({ 'other r': 3 })
  await s.gives('x@1: [1,3]')
  s.change({ r: 4 })
  await s.gives('x@2: [4,3]')
  x.cancel()
  await s.gives('unwatch r', 'unwatch other r')
})

scenario('N13. a notice of a change that is answered already', async (s) => {
  const up = upOf(s)
  s.lists({ r: 1 })
  s.live('x', up('r'))
  await s.gives('x@0: 2', 'watch r')
  s.change({ r: 2 })
  await s.gives('x@1: 3')
  s.notice('r', 2)
  await s.gives()
  expect(s.makes).toEqual({ up: 2 })
})

scenario('N14. a build is given up while it is queued', async (s) => {
  const deep: (n: number) => Key<Json, string> = s.rule('deep', function* (n: number, b) {
    return n === 0 ? 0 : plus(yield* b.need(deep(n - 1)), 1)
  })
  for (let ticks = 0; ticks < 8; ticks++) {
    const x = s.once('x', deep(3))
    const y = s.live('y', deep(2))
    for (let i = 0; i < ticks; i++) await s.tick()
    x.cancel()
    y.cancel()
    await s.rest()
    expect(s.eng.progress()).toMatchObject({ inFlight: 0, ready: 0 })
    s.eng.gc({ keep: 0 })
  }
})

scenario('N16. a chain of 10,000 links, each of which needs the one before twice', async (s) => {
  const link: (n: number) => Key<Json, string> = s.rule('link', function* (n: number, b) {
    if (n === 0) return (yield* b.need(s.src('r'))) as number
    const [one, other] = yield* b.all([link(n - 1), link(n - 1)])
    return plus(one, other) % 1_000_003
  })
  const depth = 10_000
  const sum = (value: number): number => {
    let found = value
    for (let i = 0; i < depth; i++) found = (2 * found) % 1_000_003
    return found
  }
  s.lists({ r: 1 })
  s.live('x', link(depth))
  await s.gives(`x@0: ${sum(1)}`, 'watch r')
  expect(s.makes).toEqual({ link: depth + 1 })
  s.change({ r: 2 })
  await s.gives(`x@1: ${sum(2)}`)
  expect(s.makes).toEqual({ link: 2 * depth + 2 })
})

scenario('N17. circles of two and of three, and everybody else', async (s) => {
  const next: Record<string, string> = { a: 'b', b: 'a', c: 'd', d: 'e', e: 'c', f: 'g' }
  const ring: (name: string) => Key<Json, string> = s.rule('ring', function* (name: string, b) {
    const [of] = yield* b.all([next[name] === undefined ? s.src('r') : ring(next[name])])
    return of
  })
  s.lists({ r: 1 })
  for (const name of ['b', 'd', 'f']) s.once(name, ring(name))
  await s.gives(
    'b: ring("b"): it needs itself: ring("a") -> ring("b") -> ring("a")',
    'd: ring("d"): it needs itself: ring("c") -> ring("d") -> ring("e") -> ring("c")',
    'f: 1',
  )
})

scenario('N17. a circle that comes about by a change, and goes again', async (s) => {
  const pick: (name: string) => Key<Json, string> = s.rule('pick', function* (name: string, b) {
    const next = (yield* b.need(s.src(name))) as string
    return next === '' ? name : yield* b.need(pick(next))
  })
  s.lists({ a: 'b', b: '' })
  s.live('x', pick('a'))
  await s.gives('x@0: "b"', 'watch a', 'watch b')
  s.change({ b: 'a' })
  await s.gives('x@1: pick("a"): it needs itself: pick("a") -> pick("b") -> pick("a")')
  s.once('y', pick('b'))
  await s.gives('y: pick("b"): it needs itself: pick("a") -> pick("b") -> pick("a")')
  s.change({ b: '' })
  await s.gives('x@2: "b"')
})

scenario('N17. a circle that goes again though one on it asked for something else that takes long', async (s) => {
  const up: (name: string) => Key<Json, string> = s.rule('up', function* (name: string, b) {
    if (name === 'a') return (yield* b.need(s.src('r'))) === 0 ? yield* b.need(up('b')) : 'none'
    if (name === 'b') return yield* b.all([s.src('slow'), up('c')])
    return yield* b.need(up('a'))
  })
  s.lists({ r: 0, slow: WAIT })
  s.live('x', up('a'))
  const circle = 'it needs itself: up("a") -> up("b") -> up("c") -> up("a")'
  await s.gives('fetch slow', 'drop slow', 'watch r', 'watch slow', `x@0: up("a"): ${circle}`)
  s.change({ r: 7 })
  await s.gives('unwatch slow', 'x@1: "none"')
})

scenario('N18. a once request that nobody answers', async (s) => {
  const up = upOf(s)
  s.lists({ r: WAIT })
  const x = s.once('x', up('r'))
  await s.gives('fetch r')
  expect(s.eng.progress()).toMatchObject({ pending: [s.src('r')], requests: [up('r')], ready: 0 })
  x.cancel()
  await s.gives('drop r')
  expect(x.now).toEqual(E.left({ _tag: 'cancelled', key: up('r') }))
  expect(s.eng.progress()).toMatchObject({ pending: [], requests: [], inFlight: 0 })
})

scenario('N19. stale, repeated and unknown notices', async (s) => {
  const up = upOf(s)
  s.lists({ r: 1 })
  const x = s.live('x', up('r'))
  await s.gives('x@0: 2', 'watch r')
  const stale = s.notify('r')
  // Of what nobody asked for.
  s.eng.transact((tx) => tx.touch(s.src('unknown')))
  await s.gives()
  // Twice in one go: read once.
  s.change({ r: 2 })
  s.change({ r: 2 })
  await s.gives('x@3: 3')
  x.cancel()
  x.cancel()
  await s.gives('unwatch r')
  s.eng.gc({ keep: 0 })
  stale()
  await s.gives()
  expect(s.eng.progress()).toMatchObject({ inFlight: 0, ready: 0 })
})

scenario('N19. what is refused changes nothing', async (s) => {
  const up = upOf(s)
  s.lists({ r: WAIT })
  s.live('x', up('r'))
  await s.gives('fetch r')
  const { state, version } = s.eng
  for (const misuse of [
    () => s.eng.once(up as never),
    () => s.eng.live({ of: { name: 'stranger' }, key: 1 } as never),
    () => s.eng.transact((tx) => tx.set(up('r') as never, 1)),
    () => s.eng.transact((tx) => tx.set(s.src('r'), undefined as never)),
    () => s.eng.wipe({ percent: 101 }),
    () => s.eng.gc({ keep: -1 }),
  ])
    expect(misuse).toThrow(Misuse)
  expect(s.eng.state).toBe(state)
  expect(s.eng.version).toBe(version)
  await s.gives()
})

scenario('N20. changes of three versions while the first evaluation waits', async (s) => {
  const both = bothOf(s)
  s.lists({ a: WAIT, b: 0 })
  s.live('x', both(['a', 'b']))
  await s.gives('fetch a')
  for (const n of [1, 2, 3]) {
    s.change({ b: n })
    await s.rest()
  }
  s.settle('a', 10)
  await s.gives('x@3: [10,3]', 'watch a', 'watch b')
  s.change({ a: 11 })
  s.change({ a: 12, b: 4 })
  s.change({ a: 13 })
  await s.gives('x@6: [13,4]')
})

scenario('N20. and of the very source that waits', async (s) => {
  const both = bothOf(s)
  s.lists({ a: WAIT, b: 0 })
  s.live('x', both(['a', 'b']))
  await s.gives('fetch a')
  for (const _ of [1, 2, 3]) {
    s.change({ a: WAIT })
    await s.gives('drop a', 'fetch a')
  }
  s.settle('a', ABSENT)
  await s.gives('x@3: both(["a","b"]): needs read("a"): the source has no value', 'watch a', 'watch b')
})
