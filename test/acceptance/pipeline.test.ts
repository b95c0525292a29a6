/** The pipeline as its trace shows it: demand, scan, run, respond. */
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, type Space, space, type TraceEvent, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

/** Two parts from a source each and a shared header; `all` from both. What depends on what stands below. */
const project = (): Space =>
  space({
    'a.c': 'a\n',
    'b.c': 'b\n',
    'head.src': 'h\n',
    'head.h.do': noted('redo-ifchange head.src', 'cat head.src'),
    'default.o.do': noted('redo-ifchange "$2.c" head.h', 'cat "$2.c" head.h'),
    'all.do': noted('redo-ifchange a.o b.o'),
  })
const edges: readonly (readonly [string, string])[] = [
  ['head.h', 'head.src'],
  ['a.o', 'a.c'],
  ['a.o', 'head.h'],
  ['b.o', 'b.c'],
  ['b.o', 'head.h'],
  ['all', 'a.o'],
  ['all', 'b.o'],
]
const targets = ['a.o', 'all', 'b.o', 'head.h']
const sources = ['a.c', 'b.c', 'head.src']

const namesOf = (events: readonly TraceEvent[], event: TraceEvent['event']): readonly string[] =>
  events.filter((one) => one.event === event).map(({ target }) => target)

test('a first build demands, runs and finishes each target once, dependencies before dependents', async () => {
  const s = project()
  expect((await s.redo('all')).code).toBe(0)
  const events = s.trace()
  const done = namesOf(events, 'done').filter((name) => targets.includes(name))
  expect([...done].sort()).toEqual(targets)
  expect([...namesOf(events, 'run')].sort()).toEqual(targets)
  for (const [dependent, dependency] of edges) {
    if (targets.includes(dependency))
      expect(done.indexOf(dependency), `${dependency} before ${dependent}`).toBeLessThan(done.indexOf(dependent))
  }
  for (const target of targets) {
    const order = (['demand', 'run', 'done'] as const).map((event) =>
      events.findIndex((one) => one.event === event && one.target === target),
    )
    expect(order, target).toEqual([...order].sort((a, b) => a - b))
    expect(order[0], target).toBeGreaterThanOrEqual(0)
  }
})

test('a null build that may trust the watcher looks at nothing', async () => {
  const s = project()
  await s.redo('all')
  await s.ifchange('all')
  s.runs()
  expect((await s.ifchange('all')).code).toBe(0)
  expect(s.trace().map(({ event }) => event)).toEqual(['respond'])
})

test('a null build scans every target once, after its dependencies, runs nothing, and responds once', async () => {
  const s = project()
  const noWatch = { env: { REDFORD_WATCH: 'off' } }
  await s.run('redo', ['all'], noWatch)
  s.runs()
  expect((await s.ifchange('all')).code).toBe(0)
  const events = s.trace()
  expect(s.runs()).toEqual([])
  expect(events.filter(({ event }) => !['demand', 'scan', 'respond', 'done'].includes(event))).toEqual([])
  const scanned = namesOf(events, 'scan')
  const known = scanned.filter((name) => [...targets, ...sources].includes(name))
  expect([...known].sort()).toEqual([...targets, ...sources].sort())
  expect(new Set(scanned).size).toBe(scanned.length)
  for (const [dependent, dependency] of edges) {
    expect(scanned.indexOf(dependency), `${dependency} before ${dependent}`).toBeLessThan(scanned.indexOf(dependent))
  }
  expect(
    events.filter(({ event, verdict }) => event === 'scan' && verdict !== 'unchanged' && verdict !== 'absent'),
  ).toEqual([])
  const responses = events.filter(({ event }) => event === 'respond')
  expect(responses.map(({ targets: names, ok }) => [names, ok])).toEqual([[['all'], true]])
})

test('one changed source runs its dependents and nothing else', async () => {
  const s = project()
  await s.redo('all')
  s.write('a.c', 'new\n')
  await s.ifchange('all')
  const events = s.trace()
  expect([...namesOf(events, 'run')].sort()).toEqual(['a.o', 'all'])
  expect(events.find(({ event, target }) => event === 'scan' && target === 'a.c')?.verdict).toBe('changed')
  expect(events.filter(({ event }) => event === 'done').find(({ target }) => target === 'a.o')?.changed).toBe(true)
})

test('a source that a do-file changes by the way is seen as it is when the do-file asks for it', async () => {
  // By another name, in a folder that nobody watches: the watcher does not hear of it.
  const s = space({
    src: 'one\n',
    'sub/.keep': '',
    'x.do': noted('ln -f src sub/src', 'echo two >sub/src', 'redo-ifchange src', 'cat src'),
    'y.do': noted('redo-ifchange src', 'cat src'),
  })
  await s.ifchange('y')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x', 'y'])
  await s.ifchange('x', 'y')
  expect(s.runs()).toEqual(['y'])
})

test('a target remade the same is done without being changed', async () => {
  const s = space({ src: 'one\ntwo\n', 'x.do': 'redo-ifchange src\nhead -n 1 src\n', 'y.do': 'redo-ifchange x\n' })
  await s.ifchange('y')
  s.write('src', 'one\nthree\n')
  await s.ifchange('y')
  const events = s.trace()
  expect(namesOf(events, 'run')).toEqual(['x'])
  expect(events.find(({ event, target }) => event === 'done' && target === 'x')?.changed).toBe(false)
})

test('a do-file that asks for what is not built blocks, and resumes when it is', async () => {
  const s = space({ 'x.do': 'redo-ifchange y\n', 'y.do': 'echo y\n' })
  await s.redo('x')
  const events = s.trace()
  const at = (event: string, target: string): number =>
    events.findIndex((one) => one.event === event && one.target === target)
  const order = [at('run', 'x'), at('block', 'x'), at('run', 'y'), at('done', 'y'), at('resume', 'x'), at('done', 'x')]
  expect(order).toEqual([...order].sort((a, b) => a - b))
  expect(order[0]).toBeGreaterThanOrEqual(0)
  expect(events[at('block', 'x')]?.on).toEqual(['y'])
})

test('every request hears once, the failed ones too', async () => {
  const s = space({
    'bad.do': 'exit 3\n',
    'x.do': 'redo-ifchange bad || :\nredo-ifchange bad y || :\n',
    'y.do': 'echo y\n',
  })
  await s.redo('x')
  const events = s.trace()
  expect(namesOf(events, 'broken')).toEqual(['bad'])
  const responses = events
    .filter(({ event }) => event === 'respond')
    .map(({ targets: names, ok }) => [[...(names ?? [])].sort(), ok])
  expect(responses).toEqual([
    [['bad'], false],
    [['bad', 'y'], false],
    [['x'], true],
  ])
})

test('the trace of --trace is that of the command alone', async () => {
  const s = space({ 'default.do': noted('touch "$1.here"', waitsFor('go')), 'sub/.keep': '' })
  const one = s.start('redo', ['--trace', `${s.base}/one.ndjson`, 'one'], { env: { REDFORD_TRACE: undefined } })
  await until('one runs', () => s.exists('one.here'))
  const two = s.start('redo', ['--trace', `${s.base}/two.ndjson`, '../two'], {
    cwd: 'sub',
    env: { REDFORD_TRACE: undefined },
  })
  await until('two runs', () => s.exists('two.here'))
  s.write('go', '')
  await Promise.all([one.done, two.done])
  const runsIn = (file: string) =>
    namesOf(
      (s.read(`../${file}`) ?? '')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
      'run',
    )
  expect([runsIn('one.ndjson'), runsIn('two.ndjson')]).toEqual([['one'], ['two']])
})
