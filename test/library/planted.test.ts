/** Engines with one planted bug each: the laws must find every one, or they are no laws. */
import fc from 'fast-check'
import type { Draft } from 'immer'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type State, Status } from '../../src/model/state.js'
import { picks, samples, schedules } from '../../src/testing/scripts.js'
import { plantArrivalOrder, plantLostWakeUp } from '../support/planted.js'

type Content = typeof import('../../src/make/content.js')
type Hold = typeof import('../../src/reduce/hold.js')
type OnRun = typeof import('../../src/reduce/on-run.js')
type OnTransacted = typeof import('../../src/reduce/on-transacted.js')

/** Fresh modules, those mocked until now among them. */
const load = async () => {
  const [laws, work] = await Promise.all([import('../../src/testing/plays.js'), import('../../src/reduce/work.js')])
  return { laws, Work: work.Work }
}
type Loaded = Awaited<ReturnType<typeof load>>
type Work = InstanceType<Loaded['Work']>

/** Whether any schedule breaks a law. Invariants of rows are not looked at: what users see has to tell. */
const isFound = ({ laws }: Loaded): boolean => {
  const property = fc.property(samples(), schedules(), picks, fc.nat(7), (sample, steps, order, policy) => {
    laws.expectLawful(sample, steps, order, { check: false, policy: laws.everyPolicy[policy]! })
    laws.expectConfluent(sample, steps, order)
  })
  return fc.check(property, { seed: 7, numRuns: 500, endOnFailure: true }).failed
}

const MOCKED = [
  '../../src/make/content.js',
  ...['reduce', 'hold', 'on-run', 'on-transacted'].map((name) => `../../src/reduce/${name}.js`),
]

afterEach(() => {
  vi.restoreAllMocks()
  for (const path of MOCKED) vi.doUnmock(path)
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
  it('an old value that is taken for the new one while the read waits', async () => {
    vi.doMock('../../src/reduce/on-run.js', async (importOriginal) => {
      const real = await importOriginal<OnRun>()
      const onStarted: OnRun['onStarted'] = (w, receipt) => {
        real.onStarted(w, receipt)
        if (w.revision(receipt.build) > 0) w.toTell.push(receipt.build)
      }
      return { ...real, onStarted }
    })
    const loaded = await load()
    const { isCurrent } = loaded.Work.prototype
    vi.spyOn(loaded.Work.prototype, 'isCurrent').mockImplementation(function (this: Work, x, pass, trust) {
      if (this.status(x) === Status.RUNNING && this.revision(x) > 0) return true
      return isCurrent.call(this, x, pass, trust)
    })
    expect(isFound(loaded)).toBe(true)
  })
  it('what builds in flight have seen, given up or forgotten', async () => {
    const loaded = await load()
    vi.spyOn(loaded.Work.prototype, 'hasLiveDependent').mockReturnValue(false)
    expect(isFound(loaded)).toBe(true)
  })
  it('room in a pool that is not given back by what is cancelled', async () => {
    const loaded = await load()
    const { moveTo } = loaded.Work.prototype
    vi.spyOn(loaded.Work.prototype, 'moveTo').mockImplementation(function (this: Work, x, status) {
      const isCancelled = this.status(x) === Status.RUNNING && status === Status.PARKED
      moveTo.call(this, x, status)
      // Counted as running, though it does not.
      const pool = (this as unknown as { pools?: { running: number }[] }).pools?.[0]
      if (isCancelled && pool !== undefined) pool.running++
    })
    expect(isFound(loaded)).toBe(true)
  })
  it('a hold that is not let go now and then', async () => {
    let n = 0
    vi.doMock('../../src/reduce/hold.js', async (importOriginal) => {
      const real = await importOriginal<Hold>()
      const hold: Hold['hold'] = (w, x, by) => {
        if (by === 1 || ++n % 3 !== 0) real.hold(w, x, by)
      }
      return { ...real, hold }
    })
    expect(isFound(await load())).toBe(true)
  })
  it('an early cutoff that never holds', async () => {
    let n = 0
    vi.doMock('../../src/make/content.js', async (importOriginal) => ({
      ...(await importOriginal<Content>()),
      contentOf: () => [n++, 0, 0, 0],
    }))
    expect(isFound(await load())).toBe(true)
  })
  it('a read that is not given up with the last request for it', async () => {
    const loaded = await load()
    const { of } = loaded.Work
    vi.spyOn(loaded.Work, 'of').mockImplementation((draft: Draft<State>) => {
      const work = of.call(loaded.Work, draft)
      work.effects.push = () => 0
      return work
    })
    expect(isFound(loaded)).toBe(true)
  })
  it('a transaction that forgets one of the sources it changes', async () => {
    vi.doMock('../../src/reduce/on-transacted.js', async (importOriginal) => {
      const real = await importOriginal<OnTransacted>()
      const onTransacted: OnTransacted['onTransacted'] = (w, event) =>
        real.onTransacted(w, { ...event, builds: event.builds.slice(0, 2) })
      return { ...real, onTransacted }
    })
    expect(isFound(await load())).toBe(true)
  })
})
