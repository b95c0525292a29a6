/**
 * What users see of types, compiled and never run. Behind `@ts-expect-error` stands the number of the error that the next
 * line must have; `types.test.ts` holds the compiler to it.
 */
import type * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import {
  action,
  type Buildable,
  type BuildEngine,
  type BuildError,
  type Building,
  codec as C,
  type Codec,
  createEngine,
  defineConfig,
  file,
  type Json,
  type Key,
  type Known,
  type Live,
  type Notice,
  type Request,
  rule,
  source,
  type ThreadFunction,
  type Transaction,
  type TypeOf,
  thread,
  type Why,
} from '../../src/index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only where A and B are the same type; `any` is the same as nothing but itself. */
declare const same: <A, B>(are: Same<A, B>) => void

const num = source('num', { key: C.string, value: C.int })
const text = source('text', { key: C.string, value: C.string })
const light = source('light', { key: C.int, value: C.literal('red', 'green') })
const maybe = source('maybe', { key: C.string, value: C.optional(C.int) })
const done = action('done', { key: C.string, value: C.nothing, run: async () => undefined })
const picky = rule('picky', { key: C.string, value: C.int, error: C.struct({ line: C.int }) }, function* (key, b) {
  const value = yield* b.need(num(key))
  if (value < 0) b.fail({ line: value })
  // @ts-expect-error 2322
  if (value > 9) b.fail({ line: 'nine' })
  return value
})
type Picky = { readonly line: number }

// Keys.
same<ReturnType<typeof picky>, Key<number, Picky>>(true)
same<Parameters<typeof light>, [key: number]>(true)
// @ts-expect-error 2345
num(1)
// @ts-expect-error 2345
light('red')

// Values of rules.
// @ts-expect-error 2322
rule('words', { key: C.string, value: C.int }, (path) => path)
rule('early', { key: C.string, value: C.literal('red', 'green') }, function* (key, b) {
  const n = yield* b.need(num(key))
  return n > 1 ? 'red' : 'green'
})
// @ts-expect-error 2345
rule('late', { key: C.string, value: C.literal('red', 'green') }, function* (key, b) {
  yield* b.need(num(key))
  return 'blue'
})
rule('plain', { key: C.string, value: C.int }, function* (key, b) {
  const n = yield* b.need(num(key))
  // @ts-expect-error 2345
  if (n < 0) b.fail('no codec for errors')
  return n
})
// @ts-expect-error 2345
rule('unstarred', { key: C.string, value: C.int }, function* (key, b) {
  yield b.need(num(key))
  return 1
})

// What a builder answers.
rule('all', { key: C.string, value: C.json }, function* (key, b) {
  const one = yield* b.need(num(key))
  same<typeof one, number>(true)
  const none = yield* b.need(done(key))
  same<typeof none, undefined>(true)
  const perhaps = yield* b.need(maybe(key))
  same<typeof perhaps, number | undefined>(true)
  const either = yield* b.need(key === '' ? num(key) : text(key))
  same<typeof either, number | string>(true)
  const tuple = yield* b.all([num(key), text(key), light(1)])
  same<typeof tuple, readonly [number, string, 'red' | 'green']>(true)
  const array = yield* b.all(['x', 'y'].map((k) => text(k)))
  same<typeof array, readonly string[]>(true)
  const record = yield* b.all({ n: num(key), deep: { of: [text(key)] } })
  same<typeof record, { readonly n: number; readonly deep: { readonly of: readonly [string] } }>(true)
  const tried = yield* b.attempt(picky(key))
  same<typeof tried, E.Either<BuildError<Picky>, number>>(true)
  const safe = yield* b.attempt(num(key))
  same<typeof safe, E.Either<BuildError<never>, number>>(true)
  const first = yield* b.first([num(key), picky(key)])
  same<typeof first, number>(true)
  const anyOf = yield* b.first([num(key), text(key)])
  same<typeof anyOf, number | string>(true)
  const collected = yield* b.collect([picky('a'), picky('b')])
  same<typeof collected, readonly E.Either<BuildError<Picky>, number>[]>(true)
  // @ts-expect-error 2345
  yield* b.need('a.txt')
  // @ts-expect-error 2739
  yield* b.need(num)
  return one
})

// Declared needs.
const linked = rule.static('linked', {
  key: C.string,
  value: C.string,
  deps: (key) => ({ objs: [num(key), num('b')], opts: text('ld'), each: [key].map((k) => light(k.length)) }),
  make: ({ objs, opts, each }, key) => {
    same<typeof objs, readonly [number, number]>(true)
    same<typeof opts, string>(true)
    same<typeof each, readonly ('red' | 'green')[]>(true)
    same<typeof key, string>(true)
    return opts
  },
})
same<ReturnType<typeof linked>, Key<string, never>>(true)
rule.static('wrong', {
  key: C.string,
  value: C.string,
  deps: (key) => num(key),
  // @ts-expect-error 2322
  make: (n) => n,
})
rule.batch('compiled', {
  key: C.int,
  value: C.string,
  deps: (key) => [text('flags'), light(key)],
  batch: { max: 32, by: (key) => key % 2 },
  make: (units) =>
    units.map(({ key, deps }) => {
      same<typeof key, number>(true)
      same<typeof deps, readonly [string, 'red' | 'green']>(true)
      return deps[0]
    }),
})
rule.batch('wrong', {
  key: C.int,
  value: C.string,
  deps: (key) => light(key),
  // @ts-expect-error 2322
  make: (units) => units.map(({ key }) => key),
})

// Actions, and sources that are read.
const fetched = action('fetched', {
  key: C.string,
  value: C.int,
  error: C.int,
  run: async (url, { signal, fail }) => {
    same<typeof signal, AbortSignal>(true)
    // @ts-expect-error 2345
    if (url === '') fail('500')
    return url === '/' ? fail(404) : 1
  },
})
same<ReturnType<typeof fetched>, Key<number, number>>(true)
// @ts-expect-error 2322
action('wrong', { key: C.string, value: C.int, run: async (url) => url })
source('read', { key: C.string, value: C.string, read: async (path) => (path === '' ? undefined : path) })
// @ts-expect-error 2322
source('wrong', { key: C.string, value: C.string, read: (path) => path.length })

// Rules that need themselves, or each other.
const fib = rule('fib', { key: C.int, value: C.int }, function* (n, b): Building<number> {
  if (n < 2) return n
  const [x, y] = yield* b.all([fib(n - 1), fib(n - 2)])
  same<typeof x, number>(true)
  return x + y
})
same<typeof fib, Buildable<number, number>>(true)
const even: Buildable<number, boolean> = rule('even', { key: C.int, value: C.boolean }, function* (n, b) {
  return n === 0 || !(yield* b.need(odd(n - 1)))
})
const odd: Buildable<number, boolean> = rule('odd', { key: C.int, value: C.boolean }, function* (n, b) {
  return n !== 0 && !(yield* b.need(even(n - 1)))
})

// The engine.
const eng = createEngine({ rules: [num, text, picky, linked, fetched, fib] })
const request = eng.once(picky('a'))
same<typeof request.promise, Promise<number>>(true)
export const wider: Request<number | string> = request
// @ts-expect-error 2322
export const narrower: Request<3> = request
same<typeof request.either, TaskEither<BuildError<Picky>, number>>(true)
same<typeof request.now, E.Either<BuildError<Picky>, number> | undefined>(true)
const live = eng.live(picky('a'))
export const widerLive: Live<number | string> = live
// @ts-expect-error 2322
export const narrowerLive: Live<3> = live
live.subscribe((notice) => {
  same<typeof notice, Notice<number, Picky>>(true)
  if (notice._tag === 'value') same<typeof notice.value, number>(true)
  else if (notice.error._tag === 'failed') same<typeof notice.error.error, Picky>(true)
})
export const follow = async (): Promise<void> => {
  for await (const notice of live) same<typeof notice, Notice<number, Picky>>(true)
}
eng.transact((tx) => {
  tx.set(num('x'), 1)
  tx.set(light(1), 'red')
  tx.touch(picky('a'))
  tx.remove(num('x'))
  // @ts-expect-error 2345
  tx.set(num('x'), 'one')
  // @ts-expect-error 2345
  tx.set(light(1), 'blue')
  // @ts-expect-error 2379
  tx.set(linked('a'), 'made by a rule')
  // @ts-expect-error 2379
  tx.remove(fib(1))
})
// @ts-expect-error 2345
eng.once('picky(a)')
// @ts-expect-error 2739
eng.live(picky)
// @ts-expect-error 2741
createEngine({ rules: [num('x')] })
// @ts-expect-error 2322
createEngine({ rules: [], drive: 'sometimes' })

// Rules of a project.
const site = rule('site', { key: C.string, value: C.string }, function* (name, b) {
  const bytes: Uint8Array = yield* b.need(file.bytes(name))
  return (yield* b.need(file(name))) + bytes.length
})
defineConfig({ rules: [site], targets: (path) => (path === '' ? undefined : site(path)) })
// @ts-expect-error 2322
defineConfig({ rules: [site], targets: () => num('x') })
// @ts-expect-error 2322
defineConfig({ rules: ['site'] })
// @ts-expect-error 2345
file(1)

// Codecs.
const person = C.struct({ name: C.string, age: C.optional(C.int), tags: C.array(C.string) })
same<
  TypeOf<typeof person>,
  { readonly name: string; readonly tags: readonly string[]; readonly age?: number | undefined }
>(true)
person.encode({ name: 'Ada', tags: [] })
// @ts-expect-error 2741
person.encode({ name: 'Ada' })
const shape = C.tagged({ circle: C.struct({ radius: C.number }), point: C.struct({}) })
same<TypeOf<typeof shape>, { readonly _tag: 'circle'; readonly radius: number } | { readonly _tag: 'point' }>(true)
// @ts-expect-error 2322
shape.encode({ _tag: 'square' })
const pair = C.tuple(C.string, C.nullable(C.int))
same<TypeOf<typeof pair>, readonly [string, number | null]>(true)

// Values that are written out are of the type that is wanted.
rule('pair', { key: C.string, value: pair }, function* (key, b) {
  return [key, yield* b.need(num(key))]
})
rule('pairs', { key: C.string, value: C.record(C.array(pair)) }, function* (key, b) {
  return { [yield* b.need(text(key))]: [['a', null]] }
})
rule('one', { key: C.string, value: C.literal('red', 'green') }, function* (key, b) {
  yield* b.need(num(key))
  return 'red'
})
rule('shape', { key: C.int, value: shape }, function* (radius, b) {
  if (radius === 0) return { _tag: 'point' }
  yield* b.need(num(''))
  return { _tag: 'circle', radius }
})
// @ts-expect-error 2345
rule('shape', { key: C.int, value: shape }, function* (radius, b) {
  yield* b.need(num(''))
  return { _tag: 'square', radius }
})
rule('shape', { key: C.int, value: shape }, (radius) => {
  if (radius === 0) return { _tag: 'point' }
  return { _tag: 'circle', radius }
})
const read = async (radius: number) => radius
source('shape', {
  key: C.int,
  value: shape,
  read: async (radius) => {
    if (radius < 0) return undefined
    if (radius === 0) return { _tag: 'point' }
    return { _tag: 'circle', radius: await read(radius) }
  },
})
action('shape', {
  key: C.int,
  value: shape,
  error: C.tuple(C.string, C.int),
  run: async (radius, { fail }) => {
    if (radius < 0) return fail(['radius', radius])
    if (radius === 0) return { _tag: 'point' }
    return { _tag: 'circle', radius: await read(radius) }
  },
})
rule.static('shape', {
  key: C.int,
  value: shape,
  deps: () => num(''),
  make: (radius) => {
    if (radius === 0) return { _tag: 'point' }
    return { _tag: 'circle', radius }
  },
})
rule.static('pair', { key: C.string, value: pair, deps: (key) => [num(key)], make: ([n], key) => [key, n] })
// @ts-expect-error 2322
rule.static('pair', { key: C.string, value: pair, deps: (key) => [num(key)], make: ([n]) => [n, n] })
// And as open to change as its codec has it.
const names = C.map(
  C.array(C.string),
  'names',
  (list) => [...list],
  (list: string[]) => list,
)
rule('names', { key: C.string, value: names }, function* (key, b) {
  return [key, yield* b.need(text(key))]
})
action('names', { key: C.string, value: names, run: async (key) => [key] })
rule.static('names', { key: C.string, value: names, deps: (key) => [text(key)], make: ([of], key) => [key, of] })
interface Tree {
  readonly value: Json
  readonly children: readonly Tree[]
}
export const tree: Codec<Tree> = C.lazy('tree', () => C.struct({ value: C.json, children: C.array(tree) }))
const date = C.map(
  C.string,
  'date',
  (s) => new Date(s),
  (d) => d.toISOString(),
)
same<typeof date, Codec<Date>>(true)
// What a program hands on, or exports, it can name.
export const setAll = (tx: Transaction): void => tx.set(text('a'), 'b')
export const inThread: ThreadFunction = thread(new URL('./x.js', 'file:///'))
export const reasonOf = (eng: BuildEngine): Why<Known> => eng.why(text('a'))
