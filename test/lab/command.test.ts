/** `redford lab` as people call it, and the page it writes, in a real browser. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { redford, type Said } from '../support/lab.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const build = 'test/lab/traces/own-curl-build.json'
const changes = 'test/lab/traces/own-curl-changes.json'

const lab = (...args: readonly string[]): Promise<Said> => redford('lab', ...args)
const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('a study', () => {
  it('says for each policy how it did, with intervals, and writes CSV and JSON that name the seed of each run', async () => {
    const [csv, json] = [join(folder, 'a.csv'), join(folder, 'a.json')]
    const { code, out, err } = await lab(
      build,
      '--slots',
      '8',
      '--seeds',
      '3',
      '--csv',
      csv,
      '--json',
      json,
      '--policy',
      'criticalPath',
      '--policy',
      'random',
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/own-curl-build, 8 slots, 3 seeds/)
    expect(out).toMatch(/policy +makespan ms +makespan\/bound /)
    expect(out).toMatch(/criticalPath +\d{4}.* 1\.0\d .*\[/)
    const lines = readFileSync(csv, 'utf8').trim().split('\n')
    expect(lines[0]).toMatch(/^scenario,policy,seed,makespan,makespanRatio,/)
    expect(lines.slice(1).map((line) => line.split(',').slice(2, 4).join(' '))).toEqual([
      'criticalPath 1',
      'random 1',
      'criticalPath 2',
      'random 2',
      'criticalPath 3',
      'random 3',
    ])
    const { cells } = JSON.parse(readFileSync(json, 'utf8')) as { cells: { seed: number; metrics: { runs: number } }[] }
    expect(cells.map(({ seed, metrics }) => [seed, metrics.runs])).toEqual(
      [1, 1, 2, 2, 3, 3].map((seed) => [seed, 463]),
    )
  })

  it('comes to the same, whatever the number of threads', async () => {
    const measured = /"realUsPer\w+": [\d.e-]+|"realUsPerTick": \{[^}]*\}/g
    const run = async (threads: string): Promise<string> => {
      const json = join(folder, `${threads}.json`)
      await lab(
        changes,
        'layered:4x10',
        '--jobs',
        '10',
        '--slots',
        '2,4',
        '--seeds',
        '3',
        '--threads',
        threads,
        '--json',
        json,
      )
      return readFileSync(json, 'utf8').replace(measured, '')
    }
    expect(await run('3')).toBe(await run('1'))
  })

  it.each([
    [['no-such.json'], 'there is no file no-such.json'],
    [['pyramid:4'], 'no kind of graph pyramid'],
    [[build, '--policy', 'best'], 'there is no policy best: use one of fixpoint, '],
    [[build, '--policy', 'cap(many)'], 'cap(many): its arguments must be numbers, as in cap(4)'],
    [[build, '--slots', 'two'], "--slots takes a number, not 'two'"],
    [['package.json'], 'no build trace: `tasks` or `sources` is no list'],
    [
      ['chain:3', '--export', join(folder, 'x.rec')],
      '--export takes one run: say one trace, one --slots, one --policy',
    ],
    [
      ['chain:3', '--policy', 'random', '--seed', '2', '--export', 'package.json'],
      'package.json is there and is no recording',
    ],
    [
      ['chain:3', '--csv', '/no/such/folder/a.csv'],
      '--csv: /no/such/folder/a.csv cannot be written: there is no folder /no/such/folder: name another file',
    ],
    [['chain:3', '--html', tmpdir()], `--html: ${tmpdir()} is a folder: name another file`],
  ] as const)('%j: says what is wrong', async (args, words) => {
    const { code, err } = await lab(...args, ...(args.some((arg) => arg === '--export') ? [] : ['--seeds', '1']))
    expect(err).toContain(words)
    expect(err).toMatch(/^redford lab: .*\n$/)
    expect(code).toBe(1)
  })
  it('of traces that are called alike tells each by its path', async () => {
    const [a, b] = [mkdtempSync(join(folder, 'a')), mkdtempSync(join(folder, 'b'))]
    const traces = [a, b].map((path, i) => {
      writeFileSync(join(path, 'own.json'), trace({ ...task, wall_ms: 5 + i }))
      return join(path, 'own.json')
    })
    const { out } = await lab(...traces, '--seeds', '1', '--policy', 'fullBatch')
    expect(out.split('\n').filter((line) => line.includes('2 slots'))).toEqual(
      traces.map((path) => `${path}, 2 slots, 1 seed`),
    )
  })
  it('writes one of its runs as a recording', async () => {
    const path = join(folder, 'one.rec')
    const one = ['layered:4x10', '--slots', '2', '--policy', 'criticalPath', '--seed', '2']
    expect(await lab(...one, '--export', path)).toMatchObject({ code: 0, err: '' })
    expect(await lab('validate', path)).toMatchObject({ code: 0, out: expect.stringMatching(/off by 0\.000 %\n$/) })
  })
  it('without a trace tells how it is used, and refuses an option that it does not know', async () => {
    expect(await lab()).toMatchObject({ code: 2, out: expect.stringContaining('usage: redford lab') })
    expect(await lab('--frobnicate')).toMatchObject({
      code: 2,
      err: expect.stringContaining("Unknown option '--frobnicate'"),
    })
    expect(await lab('chain:3', '--slots', '-1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('say --slots=VALUE, if it is meant as it is'),
    })
  })
  const task = { rule: 'cc', out: 'a.o', deps: [], srcs: [], wall_ms: 5 }
  const trace = (...tasks: readonly object[]): string => JSON.stringify({ sources: ['a.c'], tasks })
  it.each([
    ['null.json', 'null', 'no build trace: `tasks` or `sources` is no list'],
    ['cost.json', trace({ ...task, wall_ms: 'x' }), 'task 0 (a.o): what it takes is no number'],
    ['none.json', trace({ ...task, wall_ms: undefined }), 'task 0 (a.o): what it takes is no number'],
    ['less.json', trace({ ...task, wall_ms: -5 }), 'task 0 (a.o): what it takes is no number'],
    ['deps.json', trace({ ...task, deps: [7] }), 'task 0 (a.o): it needs task 7, and there are 1'],
    ['list.json', trace({ ...task, deps: undefined }), 'task 0 (a.o): its tasks are no list'],
    ['read.json', trace({ ...task, srcs: [1] }), 'task 0 (a.o): it needs source 1, and there are 1'],
    ['head.csv', 't_ms,size\n', 'it has no line of a time and numbers'],
    ['back.csv', 't_ms,size\n5,1\n3,1\n', 'line 3: its time is before that of the line above'],
    ['none-changes.json', '{ "commits": [] }', 'no change sets: `commits` is empty'],
    ['odd-changes.json', '{ "commits": [[0, [9]]] }', 'it changes source 9, and '],
  ])('of a trace that makes no sense says what is wrong: %s', async (name, text, why) => {
    const path = file(name, text)
    if (name.includes('changes')) file(name.replace('changes', 'build'), trace(task))
    const { code, err } = await lab(path, '--seeds', '1', '--policy', 'fullBatch')
    expect(err).toContain(`redford lab: ${path}: ${why}`)
    expect(code).toBe(1)
  })
  it.each([
    [['--seeds', '0'], "--seeds takes a whole number from 1 to 1000000, not '0'"],
    [['--slots', '1.5'], "--slots takes a whole number from 0 to 1000000, not '1.5'"],
    [['--slots', '2,2'], '--slots: 2 is said twice'],
    [['--policy', 'random', '--policy', 'random'], '--policy: random is said twice'],
    [['--load', '0'], "--load takes a number above 0, not '0'"],
    [['--speed', '0'], "--speed takes a number above 0, not '0'"],
    [['--overhead', '1,2,3'], "--overhead takes µs, as in turn=100,tick=50,build=2,commit=500 or 50,2, not '1,2,3'"],
    [['--overhead', 'tock=3'], "--overhead takes µs, as in turn=100,tick=50,build=2,commit=500 or 50,2, not 'tock=3'"],
    [['--overhead', 'turn'], "--overhead takes a number, not 'turn'"],
    [['--overhead', 'turn=x'], "--overhead takes a number, not 'x'"],
    [['--class', 'ui=often'], '--class ui=often: say NAME, and which jobs are of it'],
    [['--class', 'ui=<0'], '--class ui=<0: say NAME'],
    [['--class', 'ui=150%'], '--class ui=150%: say NAME'],
    [['--class', 'ui,due=soon'], '--class ui,due=soon: say NAME'],
    [['--class', 'ui=60%', '--class', 'batch=0.5'], '--class: the parts of the jobs come to 110 %, more than all'],
    [['queue:nonsense'], 'queue:nonsense: what tasks take is queue:fixed or queue:exponential'],
    [['chain:3x9'], 'chain:3x9: its size must be a number'],
    [['chain:-3'], 'chain:-3: its size must be a number'],
    [['--policy', 'cap(0)'], 'cap(max): max must be a number from 1 on, got 0'],
  ])('refuses %s', async (args, why) => {
    const { code, err } = await lab('star:20', ...args)
    expect(err).toContain(why)
    expect(code).toBe(1)
  })
})

describe('classes of requests', () => {
  const run = async (
    ...args: readonly string[]
  ): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> => {
    const json = join(folder, 'classes.json')
    const { code, err } = await lab(...args, '--seeds', '1', '--slots', '1', '--json', json)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return JSON.parse(readFileSync(json, 'utf8')).cells[0].metrics.byClass
  }
  it('are drawn by chance, or by how large a job is, with a time in which they are due', async () => {
    const some = ['queue:exponential', '--jobs', '400', '--load', '0.9', '--class', 'ui=25%,due=20', '--class', 'batch']
    const first = await run(...some, '--policy', 'firstCome')
    expect(first.ui!.count! + first.batch!.count!).toBe(400)
    expect(first.ui!.count).toBeGreaterThan(60)
    expect(first.ui!.count).toBeLessThan(140)
    const due = await run(...some, '--policy', 'deadline')
    // The same jobs, in another order.
    expect(due.ui!.count).toBe(first.ui!.count)
    expect(due.ui!.late).toBeLessThan(first.ui!.late! * 0.7)
    const shared = await run(...some, '--policy', 'perClass(ui: firstCome, batch: shortestRemaining)')
    expect(shared.ui!.mean).toBeLessThan(first.ui!.mean! / 2)
    const sizes = await run(
      'queue:exponential',
      '--jobs',
      '400',
      '--class',
      'small=<7',
      '--policy',
      'fairShare(small: 3)',
    )
    expect(Object.keys(sizes)).toEqual(['build', 'small'])
    expect(sizes.small!.count).toBeGreaterThan(150)
  })
  it('are said by the trace itself', async () => {
    const path = file('own.csv', 't_ms,class,due_ms,tokens\n0,ui,1,9\n5,,,9\n9,batch,90000,3\n')
    expect(await run(path, '--policy', 'deadline')).toMatchObject({
      batch: { count: 1, late: 0 },
      build: { count: 1 },
      ui: { count: 1, late: 1 },
    })
    const wrong = file('due.csv', 't_ms,due_ms,tokens\n0,soon,9\n')
    expect((await lab(wrong)).err).toContain(`${wrong}: line 2: its due_ms is no number above 0: 0,soon,9`)
  })
})

it('what the engine itself takes can be more than its ticks: turns, and commits', async () => {
  const csv = join(folder, 'overhead.csv')
  const makespan = async (overhead: string): Promise<number> => {
    const one = ['chain:10', '--seed', '1', '--slots', '1', '--policy', 'fullBatch', '--csv', csv]
    expect(await lab(...one, '--overhead', overhead)).toMatchObject({ code: 0, err: '' })
    return Number(readFileSync(csv, 'utf8').split('\n')[1]!.split(',').at(4))
  }
  const none = await makespan('0,0')
  expect((await makespan('commit=7000')) - none).toBeCloseTo(7)
  expect((await makespan('turn=1000')) - none).toBeGreaterThanOrEqual(10)
  expect(await makespan('tick=50,build=2')).toBe(await makespan('50,2'))
})

describe('what a study is written to', () => {
  const refused = async (args: readonly string[], why: string): Promise<void> => {
    expect(await lab(...args, '--seeds', '1')).toEqual({
      code: 1,
      out: '',
      err: `redford lab: ${why}: name another file\n`,
    })
  }
  it('is never what is read, or is something else than an earlier one', async () => {
    const own = file('kept-build.json', readFileSync(build, 'utf8'))
    const set = file('kept-changes.json', readFileSync(changes, 'utf8'))
    const mine = file('kept.mjs', 'export default (view) => view')
    const notes = file('notes.csv', 'mine\n')
    await refused([own, '--json', own], `--json: ${own} is what is read`)
    await refused([own, '--csv', join(folder, '.', 'kept-build.json')], `--csv: ${own} is what is read`)
    await refused([set, '--csv', own], `--csv: ${own} is what is read`)
    await refused([`edits:${set}`, '--html', set], `--html: ${set} is what is read`)
    await refused(['chain:3', '--policy', mine, '--csv', mine], `--csv: ${mine} is what is read`)
    await refused(['chain:3', '--csv', notes], `--csv: ${notes} is there and is no csv of the lab`)
    await refused(['chain:3', '--json', own], `--json: ${own} is there and is no json of the lab`)
    const both = join(folder, 'both')
    await refused(['chain:3', '--csv', both, '--json', both], `--json: ${both} is where --csv goes, too`)
    expect(readFileSync(own, 'utf8')).toBe(readFileSync(build, 'utf8'))
    expect(readFileSync(notes, 'utf8')).toBe('mine\n')
  })
  it('nor a recording, nor the one that is run again', async () => {
    const path = join(folder, 'kept.rec')
    const one = ['--slots', '2', '--policy', 'fullBatch', '--seed', '1']
    expect(await lab('chain:3', ...one, '--export', path)).toMatchObject({ code: 0 })
    const before = readFileSync(path)
    for (const option of ['--csv', '--json', '--html'])
      await refused(['chain:3', option, path], `${option}: ${path} is there and is no ${option.slice(2)} of the lab`)
    const { err } = await lab(path, ...one, '--export', path)
    expect(err).toContain(`--export: ${path} is what is read`)
    expect(readFileSync(path).equals(before)).toBe(true)
  })
  it('may be an earlier one, or empty', async () => {
    const paths = ['csv', 'json', 'html'].flatMap((kind) => [`--${kind}`, file(`again.${kind}`, '')])
    for (let i = 0; i < 2; i++)
      expect(await lab('chain:3', '--seeds', '1', ...paths)).toMatchObject({ code: 0, err: '' })
  })
})

describe("a user's own policy", () => {
  it('in a file, is run as any other', async () => {
    const mine = file(
      'mine.mjs',
      `export default (view) => ({
      scan: view.scan(Infinity), run: view.run(Infinity), answer: [],
      start: [...view.start(50)].sort((a, b) => view.cost(b) - view.cost(a)).slice(0, view.freeSlots),
    })`,
    )
    const { code, out } = await lab(build, '--slots', '8', '--seeds', '1', '--policy', mine, '--policy', 'fullBatch')
    expect(code).toBe(0)
    expect(out.split('\n').find((line) => line.startsWith(mine))).toMatch(/^\S+ +\d{4} +1\.0/)
  })
  it('is called by its file, so that two without a name of their own are told apart', async () => {
    const text =
      'export default (view) => ({ scan: view.scan(9), run: view.run(9), answer: [], start: view.start(view.freeSlots) })'
    const [one, two] = [file('one.mjs', text), file('two.mjs', text)]
    const { code, out } = await lab('star:20', '--seeds', '1', '--policy', one, '--policy', two)
    expect(code).toBe(0)
    expect(out.split('\n').flatMap((line) => line.match(/^\S+\.mjs/) ?? [])).toEqual([one, two])
  })
  it('may be in TypeScript, with what it imports', async () => {
    file('take.ts', 'export const most = (free: number): number => free satisfies number')
    const mine = file(
      'mine.ts',
      `import { most } from './take.ts'
      interface View { readonly freeSlots: number; readonly [name: string]: unknown }
      const list = (view: View, name: string, max: number) => (view[name] as (max: number) => readonly number[])(max)
      export default function mine(view: View) {
        return { scan: list(view, 'scan', 99), run: list(view, 'run', 99), answer: [], start: list(view, 'start', most(view.freeSlots)) }
      }`,
    )
    const { code, out, err } = await lab('star:20', 'chain:3', '--seeds', '2', '--policy', mine)
    // Newer Nodes warn of taking types out.
    expect(code, err).toBe(0)
    expect(out).toContain(mine)
    const wrong = file('wrong.ts', 'export default (view: =>')
    expect((await lab('star:20', '--policy', wrong)).err).toContain(`redford lab: ${wrong}: it cannot be loaded: `)
  })
  it('that breaks the rules is told what it broke', async () => {
    const wrong = file(
      'wrong.mjs',
      `export default {
      name: 'wrong', initial: 0,
      choose: (view) => ({ batch: { scan: view.scan(9), run: view.run(9), start: view.start(9), answer: [] } }),
    }`,
    )
    const { code, out } = await lab('star:20', '--seeds', '1', '--policy', wrong)
    expect(out).toContain(`broke the rules: ${wrong}: it starts 7 more than there are slots and rooms for (and `)
    expect(code).toBe(1)
  })
  it('that throws, or is none, is told so', async () => {
    const throws = file('throws.mjs', "export default (view) => { throw new Error('not today') }")
    expect(await lab('star:20', '--seeds', '1', '--policy', throws)).toMatchObject({
      code: 1,
      out: expect.stringContaining(`broke the rules: ${throws}: it throws: not today`),
    })
    const none = file('none.mjs', 'export default 7')
    expect(await lab('star:20', '--policy', none)).toMatchObject({
      code: 1,
      err: expect.stringContaining('its default export is number, no policy'),
    })
    const blind = file('blind.mjs', 'export default () => ({ scan: [], run: [], start: [], answer: [] })')
    expect(await lab('star:20', '--policy', blind)).toMatchObject({
      code: 1,
      err: expect.stringContaining('its default export takes no view, and what it gives is object, no policy'),
    })
  })
})

const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

describe('the page', () => {
  it.skipIf(browser === undefined)(
    'shows its plots without a script, a network, or an error (skipped where there is no chromium)',
    async () => {
      const html = join(folder, 'study.html')
      const { code } = await lab(
        changes,
        build,
        '--jobs',
        '5',
        '--seeds',
        '2',
        '--html',
        html,
        '--policy',
        'firstCome',
        '--policy',
        'shortestRemaining',
      )
      expect(code).toBe(0)
      expect(readFileSync(html, 'utf8')).not.toMatch(/<script|https?:(?!\/\/www\.w3\.org)/)
      const { chromium } = await import('playwright-core')
      const running = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox'] })
      try {
        const page = await running.newPage()
        const said: string[] = []
        page.on('console', (message) => void said.push(message.text()))
        page.on('pageerror', (error) => void said.push(String(error)))
        page.on('request', (request) => void (request.url().startsWith('file:') || said.push(request.url())))
        await page.goto(`file://${html}`)
        expect(await page.title()).toBe('Batching policies')
        expect(await page.locator('section h2').allTextContents()).toEqual([
          'own-curl-changes, 2 slots',
          'own-curl-build, 2 slots',
        ])
        // Latencies only where there are more jobs than one; a Gantt view a policy, closed until it is asked for.
        expect(await page.locator('section:first-of-type > figure svg').count()).toBe(3)
        expect(await page.locator('section:last-of-type > figure svg').count()).toBe(2)
        const gantt = page.locator('section:last-of-type details').first()
        expect(await gantt.locator('svg').isVisible()).toBe(false)
        await gantt.locator('summary').click()
        const box = await gantt.locator('svg').boundingBox()
        expect(box!.width).toBeGreaterThan(400)
        expect(await gantt.locator('svg .mark-rect path').count()).toBe(463)
        for (const svg of await page.locator('section > figure svg').all())
          expect((await svg.boundingBox())!.height).toBeGreaterThan(50)
        expect(said).toEqual([])
      } finally {
        await running.close()
      }
    },
  )
})
