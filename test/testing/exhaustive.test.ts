/** Nothing is left to chance: all graphs of up to five builds, every batch schedule of each, with one fault anywhere. */
import { setAutoFreeze } from 'immer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dagsOf, type Fault, sweep } from '../../src/testing/index.js'

const faults: readonly Fault[] = ['fail', 'cancel', 'sweep', 'wipe', 'touch']
/** Graphs without circles of so many nodes, up to isomorphism: sequence A003087 of the On-Line Encyclopedia of Integer Sequences. */
const KNOWN = [0, 1, 2, 6, 31, 302, 5984]
const most = Number(process.env.SOAK_BUILDS ?? 5)

describe('graphs without circles', () => {
  it.each([1, 2, 3, 4, 5])('of %i nodes are all there', (n) => expect(dagsOf(n)).toHaveLength(KNOWN[n]!))
})

it('a search that goes on where another was ended finds what one search finds', async () => {
  const [all, first, rest] = [await sweep(3, {}), await sweep(3, { to: 4 }), await sweep(3, { from: 4 })]
  expect([first.graphs, rest.graphs]).toEqual([4, 2])
  expect(first.states + rest.states).toBe(all.states)
  expect(first.schedules + rest.schedules).toBe(all.schedules)
})

describe('every schedule is lawful', () => {
  // Freezing what each tick made takes most of the time; whether a state is changed in place is looked at by other tests.
  beforeAll(() => setAutoFreeze(false))
  afterAll(() => setAutoFreeze(true))
  let [graphs, states, schedules] = [0, 0, 0]
  for (let n = 1; n <= most; n++)
    it(`of every graph of ${n} builds, with one fault anywhere`, {
      timeout: n > 5 ? 24 * 3600_000 : 300_000,
    }, async () => {
      const swept = await sweep(n, { faults })
      expect(swept.graphs).toBe(KNOWN[n])
      graphs += swept.graphs
      states += swept.states
      schedules += swept.schedules
    })
  it('some millions of them', () => {
    console.log(`${graphs} graphs, ${states} states, ${schedules} schedules`)
    expect(graphs).toBe(KNOWN.slice(0, most + 1).reduce((sum, n) => sum + n))
    expect(schedules).toBeGreaterThan(4_000_000)
  })
})
