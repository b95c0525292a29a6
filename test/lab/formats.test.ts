import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromNinja } from '../../src/lab/formats/ninja.js'
import { fromBuildTrace, fromChanges, fromCsv } from '../../src/lab/formats/traces.js'
import { fromWfFormat } from '../../src/lab/formats/wfformat.js'
import { criticalPathOf, dirtyPart, LabError, lowerBound, rootsOf, workOf } from '../../src/lab/graph.js'
import { filesOf, scenarioOf } from '../../src/lab/scenarios.js'
import { settings } from '../support/lab-settings.js'

const workflow = (tasks: readonly object[], execution: readonly object[]): unknown => ({
  name: 'flow',
  workflow: { specification: { tasks }, execution: { tasks: execution } },
})

describe('WfFormat', () => {
  const tasks = [
    {
      name: 'split_ID1',
      id: 'split_ID1',
      parents: [],
      children: ['work_ID2'],
      inputFiles: ['in'],
      outputFiles: ['half'],
    },
    { name: 'work_ID2', id: 'work_ID2', parents: [], inputFiles: ['half', 'table'], outputFiles: ['out'] },
  ]
  const times = [
    { id: 'split_ID1', runtimeInSeconds: 1.5 },
    { id: 'work_ID2', runtimeInSeconds: 0.25 },
  ]
  it('gives tasks, what they need by parents or children, run times, and files that nobody makes as sources', () => {
    expect(fromWfFormat(workflow(tasks, times))).toEqual({
      name: 'flow',
      sources: ['in', 'table'],
      tasks: [
        { name: 'split_ID1', cost: 1_500_000, deps: [], sources: [0], rule: 'split' },
        { name: 'work_ID2', cost: 250_000, deps: [0], sources: [1], rule: 'work' },
      ],
    })
  })
  it('says what is missing', () => {
    expect(() => fromWfFormat({})).toThrow('workflow.specification.tasks is no list')
    expect(() => fromWfFormat(workflow(tasks, times.slice(1)))).toThrow('says nothing of the run time of split_ID1')
    expect(() => fromWfFormat(workflow([{ id: 'a', parents: ['b'] }], []))).toThrow('a names b, which is no task')
  })
  it('reads a real workflow', () => {
    const json = readFileSync('test/lab/traces/montage-chameleon-2mass-005d-001.json', 'utf8')
    const graph = fromWfFormat(JSON.parse(json))
    expect(graph.tasks).toHaveLength(58)
    expect(graph.tasks.reduce((sum, { deps }) => sum + deps.length, 0)).toBe(114)
  })
})

describe('ninja', () => {
  const build = `
rule cc
  command = cc $in
build a.o: cc a.c | a.h || generated
build b$ b.o: cc b.c $
    a.h
build generated: phony gen.h
build gen.h: gen table |@ check
build check: test gen.h
build app | app.map: link a.o b$ b.o
`
  const log =
    '# ninja log v5\n0\t10\t0\ta.o\tx\n0\t20\t0\tb b.o\tx\n10\t14\t0\tapp\tx\n0\t7\t0\tgen.h\tx\n5\t35\t0\ta.o\tx\n'
  it('gives what was built, from what, and how long it took last, without what never ran', () => {
    const { tasks, sources } = fromNinja(build, log)
    expect(sources).toEqual(['a.h', 'a.c', 'b.c', 'table'].map((name) => expect.stringContaining(name)))
    const short = tasks.map(({ name, cost, deps, rule }) => [name, cost, deps.map((d) => tasks[d]!.name), rule])
    expect(short).toEqual([
      ['a.o', 30_000, ['gen.h'], 'cc'],
      ['b b.o', 20_000, [], 'cc'],
      ['gen.h', 7000, [], 'gen'],
      ['app', 4000, ['a.o', 'b b.o'], 'link'],
    ])
  })
  it('keeps what never ran where something needs it', () => {
    const { tasks } = fromNinja(`${build}build table: make gen.c\nbuild other: make table\n`, log, 'x', 500)
    expect(tasks.map(({ name, cost }) => [name, cost])).toEqual([
      ['a.o', 30_000],
      ['b b.o', 20_000],
      ['gen.h', 7000],
      ['app', 4000],
      ['table', 500],
    ])
  })
  it('expands variables of files and of statements, and reads what is included', () => {
    const files: Readonly<Record<string, string>> = {
      'sub/more.ninja': 'x = inner\ninclude names.ninja\nbuild $x/b: cc ./${y}.c|$builddir/../h\n',
      'names.ninja': 'y = $x.y$$\n',
    }
    const text = `
builddir = out # no comment
builddir = out
x = outer
  # a comment of no statement $
dir = sub
subninja $dir/more.ninja
build $builddir/a$:1 $
    $builddir//a2: cc $src $x/b inner/b$
$z
  src = $x.c
  z = .dep
default $builddir/a
`
    const { tasks, sources, name } = fromNinja(
      text,
      '0\t10\t0\tout/a:1\tx\n0\t20\t0\tinner/b\tx\n',
      'x',
      1,
      (path) => files[path]!,
    )
    expect(name).toBe('x')
    expect(tasks.map((task) => [task.name, task.cost, task.sources.map((i) => sources[i])])).toEqual([
      ['inner/b', 20_000, ['h', 'inner.y$.c']],
      ['out/a:1', 10_000, ['inner/b.dep', 'outer/b', 'outer.c']],
    ])
    expect(() => fromNinja('include none.ninja\n', log)).toThrow(
      'build.ninja:1: none.ninja cannot be read: say how files are read',
    )
    expect(() => fromNinja('\nsubninja a\n', log, 'x', 1, () => 'include a')).toThrow(
      'a:1: files include each other, 100 deep',
    )
  })
  it('says where the log is of another build, or of a part only', () => {
    expect(() => fromNinja(build, '')).toThrow(
      '.ninja_log: it says of 0 of 5 tasks how long they took, and not of a.o: build all with ninja, and try again',
    )
    expect(() => fromNinja(build, '0\t4\t0\tapp\tx\n')).toThrow(
      'it says of 1 of 4 tasks how long they took, and not of',
    )
    expect(fromNinja(build, '0\t4\t0\tgen.h\tx\n', 'x').name).toBe('x (1 of its 5 tasks, the rest never ran)')
  })
  const hasNinja = spawnSync('ninja', ['--version']).status === 0
  it.skipIf(!hasNinja)('has all that a real ninja logged, in its builddir (skipped where there is no ninja)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'redford-ninja-'))
    try {
      const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
      write('rules.ninja', 'rule copy\n  command = sleep 0.05 && cat $in > $out\n')
      write('in', 'x')
      write('sub.ninja', 'name = two\nbuild $builddir/$name: copy $builddir/one\n')
      write(
        'build.ninja',
        'builddir = out\ninclude rules.ninja\nbuild ./${builddir}/one: copy in\nsubninja sub.ninja\nbuild never: copy in\ndefault $builddir/two\n',
      )
      const { status, stdout } = spawnSync('ninja', ['-C', folder], { encoding: 'utf8' })
      expect(status, stdout).toBe(0)
      const { jobs } = scenarioOf({ source: folder, settings }).draw(1)
      const { tasks, sources } = jobs[0]!.graph
      expect(tasks.map(({ name, deps, rule }) => [name, deps, rule])).toEqual([
        ['out/one', [], 'copy'],
        ['out/two', [0], 'copy'],
      ])
      for (const { cost } of tasks) expect(cost).toBeGreaterThanOrEqual(50_000)
      expect(sources).toEqual(['in'])
      expect(filesOf(folder)).toEqual(
        expect.arrayContaining(['sub.ninja', 'rules.ninja', 'out/.ninja_log'].map((file) => join(folder, file))),
      )
      rmSync(join(folder, 'out/.ninja_log'))
      expect(() => scenarioOf({ source: folder, settings })).toThrow(
        `${folder}: there is no file ${folder}/out/.ninja_log: a ninja build needs`,
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
  it('says what it does not understand', () => {
    expect(() => fromNinja('build a\n', '')).toThrow(LabError)
    expect(() => fromNinja(build, 'nonsense')).toThrow('.ninja_log: not understood: nonsense')
    expect(() => fromNinja('rule cc\n', '')).toThrow('it has no build statement')
  })
})

describe('the build of curl, and its change sets', () => {
  const graph = fromBuildTrace(JSON.parse(readFileSync('test/lab/traces/own-curl-build.json', 'utf8')))
  const changes = fromChanges(JSON.parse(readFileSync('test/lab/traces/own-curl-changes.json', 'utf8')))
  it('is what was measured', () => {
    expect(graph.tasks).toHaveLength(463)
    expect(workOf(graph)).toBe(69_350_000)
    expect(criticalPathOf(graph)).toBe(1_394_000)
    expect(rootsOf(graph).length).toBeGreaterThan(0)
  })
  it('a change makes 6 tasks necessary at the median, 227 of ten the most', () => {
    const sizes = changes.map(({ sources }) => dirtyPart(graph, sources).tasks.length).sort((a, b) => a - b)
    expect(sizes).toHaveLength(2113)
    expect([0.5, 0.9, 1].map((part) => sizes[Math.ceil(part * 2113) - 1])).toEqual([6, 227, 462])
  })
  it('no schedule is shorter than its longest chain, or its work', () => {
    expect(lowerBound(graph, 2)).toBe(34_675_000)
    expect(lowerBound(graph, 64)).toBe(1_394_000)
  })
})

describe('times of requests', () => {
  it('are read as ms or as dates, with the sum of what follows as size', () => {
    expect(fromCsv('t_ms,deleted,inserted\n10,0,1\n349,2,1\n')).toEqual([
      { atMs: 0, size: 1 },
      { atMs: 339, size: 3 },
    ])
    const dated = 'TIMESTAMP,A,B\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n'
    expect(fromCsv(dated)).toEqual([
      { atMs: 0, size: 4818 },
      { atMs: 52, size: 3188 },
    ])
    const zoned = 'at\n2023-11-16T18:15:46Z\n2023-11-16T20:15:47+02:00\n2023-11-16 18:16\n2023-11-17\n'
    expect(fromCsv(zoned).map(({ atMs }) => atMs)).toEqual([0, 1000, 14_000, 20_654_000])
    expect(() => fromCsv('t,n\n1,x\n')).toThrow('line 2: no time and numbers')
    // Date.parse makes something of some of them.
    for (const none of ['never', '1;2', '-5', '.5', '12/31/2023', '11:30:05', '2023-13-16 00:00'])
      expect(() => fromCsv(`t\n${none}\n`)).toThrow('line 2: its first cell is no time, in ms or as 2023-11-16 18:17')
  })
  it('are those of a real service', () => {
    expect(fromCsv(readFileSync('test/lab/traces/AzureLLMInferenceTrace_code.csv', 'utf8'))).toHaveLength(8819)
  })
})
