/** What those who follow a live request are told, and that they are told no more. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type BuildEngine,
  type Building,
  codec as C,
  createEngine,
  policies,
  type Request,
  rule,
  source,
} from '../../src/index.js'

const num = source('num', { key: C.string, value: C.int })
let eng: BuildEngine
const thrown: unknown[] = []
const set = async (value: number): Promise<void> => {
  eng.transact((tx) => tx.set(num('x'), value))
  await eng.idle()
}

beforeEach(async () => {
  thrown.length = 0
  eng = createEngine({ rules: [num], onError: (error) => thrown.push(error) })
  await set(1)
})
afterEach(() => eng.close())

it('two who wait for the next notice get one each, in order', async () => {
  const notices = eng.live(num('x'))[Symbol.asyncIterator]()
  const both = Promise.all([notices.next(), notices.next()])
  await eng.idle()
  await set(2)
  expect(await both).toMatchObject([{ value: { value: 1 } }, { value: { value: 2 } }])
})

it('who waits for the next notice is told when there will be none', async () => {
  const live = eng.live(num('x'))
  const [left, right] = [live[Symbol.asyncIterator](), live[Symbol.asyncIterator]()]
  await Promise.all([left.next(), right.next()])
  const lefts = left.next()
  const rights = [right.next(), right.next()]
  await left.return!()
  expect(await lefts).toEqual({ done: true, value: undefined })
  live.cancel()
  for (const next of rights) expect(await next).toEqual({ done: true, value: undefined })
})

it('what each of many subscribers costs, to come and to go, does not grow with their number', async () => {
  const many = 20_000
  const live = eng.live(num('x'))
  let told = 0
  const begun = performance.now()
  const ends = Array.from({ length: many }, () => live.subscribe(() => told++))
  await eng.idle()
  for (const end of ends) end()
  await set(2)
  expect(told).toBe(many)
  // A tenth of a second; some 20 where each copies the list of all.
  expect(performance.now() - begun).toBeLessThan(5_000)
})

it('what was told before the end is read to the end', async () => {
  const live = eng.live(num('x'))
  const notices = live[Symbol.asyncIterator]()
  await set(2)
  await set(3)
  live.cancel()
  const values: unknown[] = []
  for await (const notice of { [Symbol.asyncIterator]: () => notices })
    if (notice._tag === 'value') values.push(notice.value)
  expect(values).toEqual([2, 3])
})

it.each(['cancelled', 'unsubscribed'])('who is %s by another is not told of the same notice', async (how) => {
  const live = eng.live(num('x'))
  let end = (): void => {}
  const told: string[] = []
  live.subscribe(() => {
    told.push('first')
    if (how === 'cancelled') live.cancel()
    else end()
  })
  end = live.subscribe(() => told.push('second'))
  await eng.idle()
  expect(told).toEqual(['first'])
})

it('what an asynchronous subscriber throws goes to onError', async () => {
  eng.live(num('x')).subscribe(async () => {
    throw new Error('later')
  })
  await eng.idle()
  expect(thrown).toEqual([new Error('later')])
})

it('what a subscriber throws of the notice that was there already goes to onError', async () => {
  const live = eng.live(num('x'))
  await eng.idle()
  const end = live.subscribe(() => {
    throw new Error('now')
  })
  live.subscribe(async () => {
    throw new Error('later')
  })
  await eng.idle()
  expect(thrown).toEqual([new Error('now'), new Error('later')])
  end()
  thrown.length = 0
  await set(2)
  expect(thrown).toEqual([new Error('later')])
})

it('a zero with a sign is another value than one without', async () => {
  const temperature = source('temperature', { key: C.string, value: C.number })
  const degrees = createEngine({ rules: [temperature] })
  const told: unknown[] = []
  degrees.live(temperature('x')).subscribe((notice) => {
    if (notice._tag === 'value') told.push(notice.value)
  })
  for (const value of [0, -0, 0]) {
    degrees.transact((tx) => tx.set(temperature('x'), value))
    await degrees.idle()
  }
  expect(told).toEqual([0, -0, 0])
  await degrees.close()
})

it('who is told may ask for what is forgotten in that very turn', () => {
  const own = createEngine({ rules: [num], drive: 'manual' })
  const set = (name: string, value: number) => own.transact((tx) => tx.set(num(name), value))
  set('x', 1)
  set('y', 1)
  own.once(num('x'))
  const asked: Request<number>[] = []
  own.live(num('y')).subscribe((notice) => {
    if (notice.version < 3) set('y', 2)
    else asked.push(own.once(num('x')))
  })
  // Tells of 1, and then at once forgets and tells of 2.
  own.gc()
  own.settle()
  expect(asked.map(({ now }) => now)).toMatchObject([{ right: 1 }])
  own.close()
})

it('who is told may ask and take it back at once, while others are being made', () => {
  const next = rule('next', { key: C.string, value: C.int }, function* (key, b) {
    return (yield* b.need(num(`${key}${key}`))) + 1
  })
  const own = createEngine({ rules: [num, next], policy: policies.cap(1), drive: 'manual' })
  own.transact((tx) => {
    tx.set(num('x'), 1)
    tx.set(num('zz'), 2)
  })
  own.live(num('x')).subscribe(() => own.once(num('x')).cancel())
  const request = own.once(next('z'))
  while (own.tick()) {
    // Each tick ends a turn.
  }
  expect(request.now).toMatchObject({ right: 3 })
  own.close()
})

it('who is told may look at others, which are of the same version, and hears of each once', async () => {
  const twice = rule('twice', { key: C.string, value: C.int }, function* (k, b) {
    return 2 * (yield* b.need(num(k)))
  })
  const both = createEngine({ rules: [num, twice], drive: 'manual' })
  both.transact((tx) => tx.set(num('x'), 1))
  const [one, two] = [both.live(num('x')), both.live(twice('x'))]
  both.settle()
  const seen: unknown[] = []
  const late: unknown[] = []
  for (const live of [one, two]) live.subscribe(({ version }) => seen.push([version, one.now, two.now]))
  one.subscribe(({ version }) => {
    if (version === 2) two.subscribe((notice) => late.push(notice))
  })
  both.transact((tx) => tx.set(num('x'), 5))
  both.settle()
  expect(seen.slice(2)).toMatchObject([1, 2].map(() => [2, { version: 2, value: 5 }, { version: 2, value: 10 }]))
  expect(late).toMatchObject([{ version: 2, value: 10 }])
  await both.close()
})

it('of alternatives that a circle breaks as before nobody is told again, though those on it were forgotten meanwhile', async () => {
  const int = { key: C.int, value: C.int }
  const opens: (() => void)[] = []
  const gate = source('gate', { ...int, read: () => new Promise<number>((resolve) => opens.push(() => resolve(1))) })
  const round = rule('round', int, function* (n, b): Building<number> {
    return yield* b.need(round(1 - n))
  })
  const first = rule('first', int, (n, b) => b.first([round(n)]))
  const picked = rule('picked', int, function* (n, b) {
    return (yield* b.need(num('x'))) === 1 ? yield* b.need(first(n)) : 0
  })
  const waiting = rule('waiting', int, function* (n, b) {
    return (yield* b.need(gate(n))) + (yield* b.need(picked(n)))
  })
  const own = createEngine({ rules: [num, gate, round, first, picked, waiting], drive: 'manual' })
  const open = async (): Promise<void> => {
    for (const go of opens.splice(0)) go()
    await own.idle()
  }
  const set = (value: number): number => own.transact((tx) => tx.set(num('x'), value))
  set(1)
  own.live(picked(0))
  const told: unknown[] = []
  own.live(waiting(0)).subscribe((notice) => told.push(notice._tag))
  own.settle()
  await open()
  own.transact((tx) => tx.touch(gate(0)))
  set(2)
  own.settle()
  own.gc()
  // These are given the ids of those.
  for (const key of ['a', 'b', 'c']) own.live(num(key))
  own.settle()
  set(1)
  own.settle()
  await open()
  expect(told).toEqual(['error'])
  await own.close()
})
