import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromNinja } from '../../src/lab/formats/ninja.js'
import { fromBuildTrace, fromChanges, fromCsv } from '../../src/lab/formats/traces.js'
import { fromWfFormat } from '../../src/lab/formats/wfformat.js'
import { criticalPathOf, dirtyPart, LabError, lowerBound, rootsOf, workOf } from '../../src/lab/graph.js'

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
  it('gives what was built, from what, and how long it took last', () => {
    const { tasks, sources } = fromNinja(build, log)
    expect(sources).toEqual(['a.h', 'a.c', 'b.c', 'table'].map((name) => expect.stringContaining(name)))
    const short = tasks.map(({ name, cost, deps, rule }) => [name, cost, deps.map((d) => tasks[d]!.name), rule])
    expect(short).toEqual([
      ['a.o', 30_000, ['gen.h'], 'cc'],
      ['b b.o', 20_000, [], 'cc'],
      ['gen.h', 7000, [], 'gen'],
      ['check', 1000, ['gen.h'], 'test'],
      ['app', 4000, ['a.o', 'b b.o'], 'link'],
    ])
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
    expect(() => fromCsv('t\nnever,1\n')).toThrow('line 2: no time and numbers')
  })
  it('are those of a real service', () => {
    expect(fromCsv(readFileSync('test/lab/traces/AzureLLMInferenceTrace_code.csv', 'utf8'))).toHaveLength(8819)
  })
})
