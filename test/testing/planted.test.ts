/** The laws must find what is planted: a sample here, all of it by `npm run planted`, which makes the table in docs. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bugs } from './planted/bugs.mjs'
import { huntFor, misfit } from './planted/plant.mjs'

const table = readFileSync(new URL('../../docs/planted-bugs.md', import.meta.url), 'utf8')
const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| planted'))
const sample = ['arrival-order', 'slot-leaked', 'missed-cycle', 'digest-forgets-a-number', 'racy-trusted']

describe('planted bugs', () => {
  it('are more than thirty, and each still has its place in the engine', () => {
    expect(bugs.length).toBeGreaterThanOrEqual(30)
    expect(bugs.map(misfit).filter((wrong) => wrong !== undefined)).toEqual([])
  })
  it('are all in the table: found within 10,000 schedules, with no more than four builds', () => {
    expect(rows.map((row) => row.split(' | ')[0]!.slice(2))).toEqual(bugs.map(({ what }) => what))
    for (const row of rows) {
      const [, , schedules, builds] = row.split(' | ').map(Number)
      expect(schedules, row).toBeLessThanOrEqual(10_000)
      expect(builds, row).toBeLessThanOrEqual(4)
    }
  })
  it.each(sample)('%s is found', { timeout: 120_000 }, async (id) => {
    const found = await huntFor(bugs.find((bug) => bug.id === id)!)
    const row = rows[bugs.findIndex((bug) => bug.id === id)]!
    expect(found).toBeDefined()
    expect(row).toContain(`| ${found!.schedules} | ${found!.builds} |`)
  })
})
