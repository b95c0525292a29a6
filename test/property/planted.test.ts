/** Engines with one planted bug each: the laws must find every one, or they are no laws. */
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { plantArrivalOrder, plantLostWakeUp } from '../support/planted.js'
import { edits, ops, picks, samples } from './arbitraries.js'

type Scanned = typeof import('../../src/reduce/on-scanned.js')
type Cycle = typeof import('../../src/reduce/cycle.js')

/** Fresh modules, those mocked until now among them. */
const load = async () => {
  const [laws, work] = await Promise.all([import('./laws.js'), import('../../src/reduce/work.js')])
  return { laws, Work: work.Work }
}
type Loaded = Awaited<ReturnType<typeof load>>

/** Whether any history breaks a law. Invariants of rows are not looked at: what users see has to tell. */
const isFound = ({ laws }: Loaded): boolean => {
  const options = { check: false, ticksMax: 2_000 }
  const property = fc.property(
    samples({ cyclic: true, tolerant: false, rulesMax: 5 }),
    samples(),
    ops(),
    fc.array(edits, { maxLength: 2 }),
    picks,
    fc.array(fc.nat(9), { minLength: 1 }),
    (ringed, sample, history, changes, order, shuffle) => {
      laws.playOps(ringed, history, order, { options })
      const { play, world } = laws.playOps(sample, history, order, { options })
      laws.expectRight(play, world, sample)
      laws.expectQuiet(play, world, sample, false)
      for (const change of changes) {
        laws.edit(play, world, change, false)
        laws.expectRight(play, world, sample)
      }
      laws.expectEmptied(play)
      const one = laws.rounds(sample, changes, { ...options, jobs: 3 })
      const other = laws.rounds(sample, changes, { ...options, jobs: 3, permute: laws.permutation(shuffle) })
      laws.expectSame(one.play.engine.state, other.play.engine.state)
    },
  )
  return fc.check(property, { seed: 7, numRuns: 100, endOnFailure: true }).failed
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.doUnmock('../../src/reduce/reduce.js')
  vi.doUnmock('../../src/reduce/on-scanned.js')
  vi.doUnmock('../../src/reduce/cycle.js')
  vi.resetModules()
})

describe('the laws find', () => {
  it('nothing where nothing was planted', async () => {
    expect(isFound(await load())).toBe(false)
  })
  it('receipts applied in the order in which they arrive', async () => {
    plantArrivalOrder()
    expect(isFound(await load())).toBe(true)
  })
  it('a wake-up that is lost now and then', async () => {
    const loaded = await load()
    plantLostWakeUp(loaded.Work)
    expect(isFound(loaded)).toBe(true)
  })
  it('an early cutoff that takes every result for the old one', async () => {
    vi.doMock('../../src/reduce/on-scanned.js', async (importOriginal) => ({
      ...(await importOriginal<Scanned>()),
      contentDiffers: () => false,
    }))
    expect(isFound(await load())).toBe(true)
  })
  it('a slot that is not given back while a do-file waits', async () => {
    const loaded = await load()
    const { moveTo } = loaded.Work.prototype
    vi.spyOn(loaded.Work.prototype, 'moveTo').mockImplementation(function (
      this: InstanceType<Loaded['Work']>,
      x,
      status,
    ) {
      if (this.status(x) === 8 && status === 6) this.running++
      moveTo.call(this, x, status)
    })
    expect(isFound(loaded)).toBe(true)
  })
  it('an edge that is never free again', async () => {
    const loaded = await load()
    const { freeOne } = loaded.Work.prototype
    vi.spyOn(loaded.Work.prototype, 'freeOne').mockImplementation(function (this: InstanceType<Loaded['Work']>, e) {
      const { freeEdge } = this
      freeOne.call(this, e)
      if (e % 5 === 0) this.freeEdge = freeEdge
    })
    expect(isFound(loaded)).toBe(true)
  })
  it('a search for cycles that finds none', async () => {
    vi.doMock('../../src/reduce/cycle.js', async (importOriginal) => ({
      ...(await importOriginal<Cycle>()),
      cycleThrough: () => undefined,
    }))
    expect(isFound(await load())).toBe(true)
  })
  it('a revision that is not recorded', async () => {
    const loaded = await load()
    vi.spyOn(loaded.Work.prototype, 'seen').mockReturnValue(0)
    expect(isFound(loaded)).toBe(true)
  })
})
