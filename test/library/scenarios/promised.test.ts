/** What a live or once build engine must answer: after the scenarios of Urbit's Ford. */
import * as E from 'fp-ts/lib/Either.js'
import { expect } from 'vitest'
import { type BuildError, describe as inWords, type Json, type Key } from '../../../src/index.js'
import { ABSENT, type Scene, scenario, WAIT } from './scene.js'

const absent = (name: string): string => `read("${name}"): the source has no value`
const plus = (a: Json, b: Json): number => (a as number) + (b as number)

scenario('1. once, of a constant', async (s) => {
  const four = s.rule('four', () => 4)
  s.once('x', four(null))
  await s.gives('x: 4')
})

scenario('2. a pair of the same, and of different builds', async (s) => {
  const square = s.rule('square', (n: number) => n * n)
  const pair = s.rule('pair', function* ([a, b]: readonly [number, number], need) {
    return yield* need.all([square(a), square(b)])
  })
  s.once('same', pair([2, 2]))
  await s.gives('same: [4,4]')
  expect(s.makes).toEqual({ square: 1, pair: 1 })
  s.once('different', pair([2, 3]))
  await s.gives('different: [4,9]')
  expect(s.makes).toEqual({ square: 2, pair: 2 })
})

scenario('3. once, of a source that is there', async (s) => {
  s.lists({ r: 42 })
  s.once('x', s.src('r'))
  await s.gives('x: 42')
})

scenario('4. once, of a source that is absent', async (s) => {
  s.lists({ r: ABSENT })
  s.once('x', s.src('r'))
  await s.gives(`x: ${absent('r')}`)
})

scenario('5. once, of a source that answers after others have changed', async (s) => {
  s.lists({ r: WAIT })
  s.once('x', s.src('r'))
  await s.gives('fetch r')
  s.change({ q: 1 })
  s.settle('r', 42)
  await s.gives('x: 42')
  s.lists({ q: 1 })
  s.once('q', s.src('q'))
  await s.gives('q: 1')
})

scenario('6. two once requests, one pending read', async (s) => {
  const up = s.rule('up', function* (_: null, b) {
    return plus(yield* b.need(s.src('r')), 1)
  })
  s.lists({ r: WAIT })
  s.once('x', s.src('r'))
  s.once('y', up(null))
  await s.gives('fetch r')
  s.settle('r', 1)
  await s.gives('x: 1', 'y: 2')
})

scenario('7. once, waiting, cancelled', async (s) => {
  s.lists({ r: WAIT })
  const x = s.once('x', s.src('r'))
  await s.gives('fetch r')
  x.cancel()
  await s.gives('drop r')
  s.settle('r', 1)
  await s.gives()
})

scenario('8. live: told, watched, told again, let go', async (s) => {
  s.lists({ r: 42 })
  const x = s.live('x', s.src('r'))
  await s.gives('x@0: 42', 'watch r')
  s.notice('r', 43)
  await s.gives('x@1: 43')
  x.cancel()
  await s.gives('unwatch r')
})

scenario('9. a second live request for what is complete', async (s) => {
  const up = s.rule('up', function* (_: null, b) {
    return plus(yield* b.need(s.src('r')), 1)
  })
  s.lists({ r: 1 })
  const x = s.live('x', up(null))
  await s.gives('x@0: 2', 'watch r')
  const y = s.live('y', up(null))
  await s.gives('y@0: 2')
  expect(s.makes).toEqual({ up: 1 })
  x.cancel()
  await s.gives()
  y.cancel()
  await s.gives('unwatch r')
})

scenario('10. live, waiting', async (s) => {
  s.lists({ r: WAIT })
  s.live('x', s.src('r'))
  await s.gives('fetch r', 'watch r')
  s.settle('r', 42)
  await s.gives('x@0: 42')
  s.change({ r: 43 })
  await s.gives('x@1: 43')
})

scenario('11. live and once over the same pending read', async (s) => {
  s.lists({ r: WAIT })
  s.live('x', s.src('r'))
  s.once('y', s.src('r'))
  await s.gives('fetch r', 'watch r')
  s.settle('r', 42)
  await s.gives('x@0: 42', 'y: 42')
})

scenario('12. live through one, two, three layers', async (s) => {
  const layer: (n: number) => Key<Json, string> = s.rule('layer', function* (n: number, b) {
    return plus(yield* b.need(n === 1 ? s.src('r') : layer(n - 1)), 1)
  })
  s.lists({ r: 10 })
  for (const n of [1, 2, 3]) s.live(`x${n}`, layer(n))
  await s.gives('x1@0: 11', 'x2@0: 12', 'x3@0: 13', 'watch r')
  s.change({ r: 20 })
  await s.gives('x1@1: 21', 'x2@1: 22', 'x3@1: 23')
  expect(s.makes).toEqual({ layer: 6 })
})

scenario('13. a layer in between yields a constant', async (s) => {
  const constant = s.rule('constant', function* (_: null, b) {
    yield* b.need(s.src('r'))
    return 7
  })
  const top = s.rule('top', function* (_: null, b) {
    return plus(yield* b.need(constant(null)), 1)
  })
  s.lists({ r: 1 })
  s.live('x', top(null))
  await s.gives('x@0: 8', 'watch r')
  s.change({ r: 2 })
  await s.gives()
  expect(s.makes).toEqual({ constant: 2, top: 1 })
})

scenario('14. a diamond', async (s) => {
  const up = s.rule('up', function* (_: null, b) {
    return plus(yield* b.need(s.src('r')), 1)
  })
  const both = s.rule('both', function* (_: null, b) {
    return yield* b.all([up(null), s.src('r')])
  })
  s.lists({ r: 1 })
  s.live('x', both(null))
  await s.gives('x@0: [2,1]', 'watch r')
  s.change({ r: 5 })
  await s.gives('x@1: [6,5]')
  expect(s.makes).toEqual({ up: 2, both: 2 })
})

scenario('15. a failed live build still follows its inputs, absent ones too', async (s) => {
  const either = s.rule('either', function* (_: null, b) {
    return yield* b.first([s.src('one'), s.src('two')])
  })
  s.lists({ one: ABSENT, two: ABSENT })
  s.live('x', either(null))
  const why = `none of its alternatives can be made: ${absent('one')}; ${absent('two')}`
  await s.gives(`x@0: either(null): ${why}`, 'watch one', 'watch two')
  s.notice('two', 2)
  await s.gives('x@1: 2')
  s.notice('one', 1)
  await s.gives('x@2: 1', 'unwatch two')
})

scenario('16. a value names what is read next', async (s) => {
  const follow = s.rule('follow', function* (_: null, b) {
    return yield* b.need(s.src((yield* b.need(s.src('name'))) as string))
  })
  s.lists({ name: 'a', a: 1 })
  s.live('x', follow(null))
  await s.gives('x@0: 1', 'watch name', 'watch a')
  s.change({ name: 'b' })
  s.lists({ b: 2 })
  await s.gives('x@1: 2', 'watch b', 'unwatch a')
})

scenario('17. a rule that throws', async (s) => {
  const bad = s.rule('bad', (n: number) => {
    throw new Error(`no ${n}`)
  })
  const good = s.rule('good', (n: number) => n)
  const x = s.once('x', bad(3))
  await s.gives('x: bad(3): no 3')
  const error = E.isLeft(x.now!) ? x.now.left : undefined
  expect(error).toMatchObject({ _tag: 'threw', key: { key: 3 }, message: 'no 3' })
  expect((error as { trace: string }).trace).toContain('promised.test')
  s.once('y', good(1))
  await s.gives('y: 1')
})

scenario('18. depending on a failure', async (s) => {
  const guard = s.rule('guard', function* (_: null, b) {
    const found = yield* b.attempt(s.src('r'))
    return E.isRight(found) ? found.right : b.fail(`guarded: ${inWords(found.left as BuildError)}`)
  })
  s.lists({ r: 1 })
  s.live('x', guard(null))
  await s.gives('x@0: 1', 'watch r')
  s.change({ r: ABSENT })
  await s.gives(`x@1: guard(null): guarded: ${absent('r')}`)
})

scenario('19. lists, tuples, records of builds keep their order; empty ones are made at once', async (s) => {
  const of = s.rule('of', (n: number) => n)
  const list = s.rule('list', function* (numbers: readonly number[], b) {
    return (yield* b.all(numbers.map((n) => of(n)))) as Json
  })
  const record = s.rule('record', function* (_: null, b) {
    return (yield* b.all({ b: of(2), a: [of(1), of(3)], none: [], empty: {} })) as Json
  })
  s.once('x', list([3, 1, 2, 1]))
  s.once('y', list([]))
  s.once('z', record(null))
  await s.gives('x: [3,1,2,1]', 'y: []', 'z: {"b":2,"a":[1,3],"none":[],"empty":{}}')
})

scenario('20. the blog', async (s) => {
  const title = s.rule('title', function* (name: string, b) {
    return ((yield* b.need(s.src(name))) as { title: string }).title
  })
  const sidebar = s.rule('sidebar', function* (_: null, b) {
    return yield* b.all([title('a'), title('b')])
  })
  const page = s.rule('page', function* (name: string, b) {
    const [post, side] = yield* b.all([s.src(name), sidebar(null)])
    return `${(post as { body: string }).body} | ${(side as string[]).join(', ')}`
  })
  s.lists({ a: { title: 'A', body: 'one' }, b: { title: 'B', body: 'two' } })
  s.live('a', page('a'))
  await s.gives('a@0: "one | A, B"', 'watch a', 'watch b')
  expect(s.makes).toEqual({ title: 2, sidebar: 1, page: 1 })
  s.live('b', page('b'))
  await s.gives('b@0: "two | A, B"')
  expect(s.makes).toEqual({ title: 2, sidebar: 1, page: 2 })
  s.change({ a: { title: 'A', body: 'three' } })
  await s.gives('a@1: "three | A, B"')
  // title(a) and page(a); the third is the read of a.
  expect(s.makes).toEqual({ title: 3, sidebar: 1, page: 3 })
})

scenario('21. results are wiped', async (s) => {
  const up = s.rule('up', function* (_: null, b) {
    return plus(yield* b.need(s.src('r')), 1)
  })
  s.lists({ r: 1 })
  s.live('x', up(null))
  await s.gives('x@0: 2', 'watch r')
  s.eng.wipe()
  await s.gives()
  s.lists({ r: 1 })
  s.once('y', up(null))
  await s.gives('y: 2')
  s.eng.wipe()
  s.change({ r: 2 })
  await s.gives('x@1: 3')
  s.eng.wipe()
  s.change({ r: 2 })
  await s.gives()
})

/** Asks for one, another, that again, and the first again, while only so much is kept as the engine was made with. */
const inTurn = async (s: Scene, makes: number): Promise<void> => {
  const up = s.rule('up', (n: number) => n + 1)
  for (const n of [1, 2, 2, 1]) {
    s.eng.gc({ keep: s.options.keep! })
    s.once('x', up(n))
    await s.gives(`x: ${n + 1}`)
  }
  expect(s.makes).toEqual({ up: makes })
}

scenario('22. nothing is kept of what was asked for once', async (s) => {
  s.options = { keep: 0 }
  await inTurn(s, 4)
})
scenario('22. the last that was asked for once is kept', async (s) => {
  s.options = { keep: 1 }
  await inTurn(s, 3)
})
