/** When changes and requests come: by chance, as they were recorded, or at the times of a file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { type Settings, scenarioOf } from '../../src/lab/scenarios.js'
import { settings as usual } from '../support/lab-settings.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const settings: Settings = { ...usual, machine: { slots: 1 }, load: 0.5, jobs: 4 }

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const task = { rule: 'cc', out: 'a.o', deps: [], srcs: [0], wall_ms: 10 }
file('own-build.json', JSON.stringify({ sources: ['a.c', 'unused'], tasks: [task] }))
const changes = file('own-changes.json', '{ "commits": [[100,[0]],[101,[0]],[101,[1]],[107,[0]]] }')
const typed = file('edits.csv', 't_ms,deleted,inserted\n1000,0,1\n1010,0,1\n1010,2,0\n1100,0,7\n')

const times = (source: string, more: Partial<Settings>): readonly number[] =>
  scenarioOf({ source, settings: { ...settings, ...more } })
    .draw(1)
    .jobs.map(({ at }) => at)

it('changes come as they were recorded, slowed down or sped up to the load', () => {
  // Three of 10 ms, of which one slot is to be busy for half the time: 20 ms each.
  expect(times(changes, { arrivals: 'recorded' })).toEqual([0, 60_000 / 7, 60_000].map(Math.round))
  expect(times(`edits:${changes}`, { arrivals: 'recorded' })).toEqual(
    [0, 80_000 / 7, 80_000 / 7, 80_000].map(Math.round),
  )
  expect(times(changes, {})).toEqual(times(changes, { arrivals: 'chance' }))
})
it('changes, and jobs of a queue, come at the times of edits', () => {
  expect(times(`edits:${changes}`, { arrivals: { file: typed } })).toEqual([0, 8000, 8000, 80_000])
  expect(times('queue:fixed', { arrivals: { file: typed } })).toEqual([0, 8000, 8000, 80_000])
})
it.each([
  [
    typed,
    undefined,
    `${typed}: edits say when sources change, and are no requests: say edits:own-changes.json --arrivals`,
  ],
  ['queue:fixed', 'recorded', 'queue:fixed: it has no times: leave out --arrivals recorded'],
  ['chain:3', 'recorded', 'chain:3: it is one job: leave out --arrivals'],
  [join(folder, 'own-build.json'), 'chance', 'own-build.json: it is one job: leave out --arrivals'],
  [file('a.csv', 't_ms,n\n0,1\n'), 'chance', 'a.csv: requests come at the times that it says: leave out --arrivals'],
  [changes, { file: join(folder, 'none.csv') }, 'none.csv: use chance, recorded, or a CSV of times'],
  [
    'queue:fixed',
    { file: file('few.csv', 't_ms\n0\n5\n') },
    'few.csv: it has 2 times, and 4 jobs are to arrive: take fewer with --jobs',
  ],
] as const)('%s, %j: is refused', (source, arrivals, why) => {
  expect(() => times(source, arrivals === undefined ? {} : { arrivals })).toThrow(why)
})
it.each([file('b.csv', 't_ms,n\n0,1\n'), `edits:${changes}`])('%s has no clients', (source) => {
  expect(() => times(source, { clients: 2 })).toThrow(
    `${source}: it comes whether or not what was before is done: leave out --clients`,
  )
})
it('changes that make nothing necessary are no workload', () => {
  file('idle-build.json', JSON.stringify({ sources: ['a.c', 'unused'], tasks: [task] }))
  const idle = file('idle-changes.json', '{ "commits": [[100,[1]]] }')
  expect(() => times(idle, {})).toThrow(`${idle}: 1 changes from 0 on make nothing necessary: take more with --jobs`)
})
