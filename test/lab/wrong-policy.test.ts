/** A policy of somebody's own that is wrong is told by its name what it broke, whatever it is run on; and all is built. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { policies } from '../../src/index.js'
import { simulate } from '../../src/lab/simulate.js'
import { star } from '../../src/lab/synthetic.js'
import { once } from '../../src/lab/workload.js'
import { redford } from '../support/lab.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
const recording = join(folder, 'star.rec')
beforeAll(() => {
  simulate(once(star(20, { _tag: 'fixed', us: 1000 })), {
    policy: policies.fullBatch(),
    machine: { slots: 2 },
    record: recording,
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

const all = 'scan: view.scan(99), run: view.run(99), answer: [], start: view.start(view.freeSlots)'
const policy = (name: string, text: string): string => {
  const path = join(folder, `${name}.mjs`)
  writeFileSync(path, text)
  return path
}

const wrong = [
  [
    'takes too much',
    `export default (view) => ({ ${all}, start: view.start(99) })`,
    'it starts 18 more than there are slots and rooms for',
  ],
  [
    'writes to its view',
    `export default (view) => { view.freeSlots = 7; return { ${all} } }`,
    "it changes what it is given, its view or its carry: Cannot assign to read only property 'freeSlots'",
  ],
  [
    'sorts what the view lists',
    `export default (view) => { view.start(99).sort((a, b) => b - a); return { ${all} } }`,
    "it changes what it is given, its view or its carry: Cannot assign to read only property '0'",
  ],
  [
    'writes to its carry',
    `export default { initial: { ticks: 0 }, choose(view, carry) { carry.ticks++; return { batch: { ${all} }, carry } } }`,
    "it changes what it is given, its view or its carry: Cannot assign to read only property 'ticks'",
  ],
  [
    'writes to a queue of the state',
    `export default (view) => { view.state.ready.size = 5; return { ${all} } }`,
    "it changes what it is given, its view or its carry: Cannot assign to read only property 'size'",
  ],
  [
    'writes to a table of the state',
    `let asked = 0
    export default (view) => { if (++asked > 1) view.state.flight.blocks[0].fill(7); return { ${all}, start: view.start(view.freeSlots) } }`,
    "it changes what it is given, its view or its carry: it writes to the tables of its view's state",
  ],
  [
    'asks for what is kept up only for those that say so',
    `export default (view) => ({ ${all}, start: [...view.start(99)].sort((a, b) => view.rank(b) - view.rank(a)).slice(0, view.freeSlots) })`,
    'it asks for `rank`, which is kept up only for `{ name, tracks: Track.RANK, initial, choose }`',
  ],
  [
    'goes by chance',
    `export default (view) => ({ ${all}, start: Math.random() < 0.5 ? [] : view.start(view.freeSlots), run: view.run(1 + 9 * Math.random()) })`,
    'asked twice of the same, it chose otherwise: it goes by chance, a clock, or what it keeps outside its carry',
  ],
  [
    'keeps what it saw outside its carry',
    `const seen = new Set()
    export default (view) => {
      seen.add(view.start(1)[0])
      return { ${all}, start: seen.size > 5 && view.freeSlots > 0 ? view.start(99).slice(-view.freeSlots) : view.start(view.freeSlots) }
    }`,
    'another instance of it, asked of the same, chose otherwise: it keeps something outside its carry',
  ],
  [
    'carries a map',
    `export default { initial: null, choose: (view) => ({ batch: { ${all} }, carry: new Map() }) }`,
    'its carry is no plain data, so it is left as it was: it is a Map',
  ],
] as const

it.each(wrong)('one that %s', async (name, text, why) => {
  const path = policy(name.replaceAll(' ', '-'), text)
  const { code, out, err } = await redford('lab', 'star:20', '--seeds', '1', '--policy', path)
  expect({ code, err }).toEqual({ code: 1, err: '' })
  expect(out).toContain(`broke the rules: ${path}: ${why}`)
})

it('one that breaks two rules is told of both', async () => {
  const path = policy(
    'both',
    `export default { initial: 0, choose: (view) => ({ batch: { ${all}, start: view.start(99) }, carry: () => 1 }) }`,
  )
  const { out } = await redford('lab', 'star:20', '--seeds', '1', '--policy', path)
  expect(out).toMatch(/it is of type function \(and \d+ more of such\); .*: it starts \d+ more than there are slots/)
})

it('one that starves builds is told so, and how many: it may', async () => {
  const path = policy(
    'late',
    `export default (view) => ({ ${all}, start: view.start(999).slice(-view.freeSlots || 999) })`,
  )
  const { code, out } = await redford(
    'lab',
    'star:300',
    '--slots',
    '1',
    '--seeds',
    '1',
    '--policy',
    path,
    '--policy',
    'fullBatch',
  )
  expect(code).toBe(0)
  expect(out).toMatch(/starves builds: \d+ were taken only when it had passed them over in 64 ticks/)
  expect(out.match(/starves builds/g)).toHaveLength(1)
  expect(out).toMatch(/ starved /)
  const waits = policy(
    'waits',
    'export default { initial: 0, choose: () => ({ batch: { scan: [], run: [], start: [], answer: [] }, wakeMs: 5 }) }',
  )
  for (const trace of ['star:20', recording])
    expect((await redford('lab', trace, '--seeds', '1', '--policy', waits)).out).toContain(
      `${waits}: it starves builds: 21 were taken only when`,
    )
})

it.each([wrong[0], wrong[1], wrong[4], wrong[5], wrong[8]])('on a recording, one that %s', async (name, text, why) => {
  const path = policy(name.replaceAll(' ', '-'), text)
  const { code, out, err } = await redford('lab', recording, '--seeds', '1', '--policy', path)
  expect({ code, err }).toEqual({ code: 1, err: '' })
  expect(out).toContain(`broke the rules: ${path}: ${why}`)
})

it('so is one that redford replay asks what would have been', async () => {
  const path = policy('too-much', wrong[0][1])
  const { code, err } = await redford('replay', recording, '--mode', 'counterfactual', '--policy', path)
  expect(code).toBe(1)
  expect(err).toContain(`the policy broke the rules: ${path}: it starts `)
  const writes = policy('writes', 'export default (view) => { view.state.running = 5 }')
  expect((await redford('replay', recording, '--mode', 'counterfactual', '--policy', writes)).err).toContain(
    `the policy broke the rules: ${writes}: it changes what it is given`,
  )
  // What it does after it chose is not seen; but under which policy all broke is said.
  const between = policy(
    'between',
    `export default (view) => ({
      ${all}, get start() { view.state.flight.blocks?.[0].fill(7); return view.start(view.freeSlots) },
    })`,
  )
  const said = await redford('replay', recording, '--mode', 'counterfactual', '--policy', between)
  expect(said).toMatchObject({ code: 1, err: expect.stringContaining(`under ${between}: `) })
})

it('one that changes nothing, and chooses by what it is given alone, is right', async () => {
  const path = policy(
    'right',
    `export default {
      initial: 0, tracks: 7,
      choose: (view, ticks) => ({
        batch: { ${all}, start: [...view.start(99)].sort((a, b) => view.rank(b) - view.rank(a)).slice(0, view.freeSlots) }, carry: ticks + 1,
      }),
    }`,
  )
  expect(await redford('lab', 'star:20', 'layered:4x9', recording, '--seeds', '2', '--policy', path)).toMatchObject({
    code: 0,
    err: '',
  })
})
