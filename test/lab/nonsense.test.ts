/** Traces that make no sense: each is refused by its file and the field in it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Graph, inOrder, LabError } from '../../src/lab/graph.js'
import { scenarioOf } from '../../src/lab/scenarios.js'
import { settings } from '../support/lab-settings.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const refused = (name: string, text: string, why: string): void => {
  const path = join(folder, name)
  writeFileSync(path, text)
  const read = (): unknown => scenarioOf({ source: path, settings }).draw(1)
  expect(read).toThrow(LabError)
  expect(read).toThrow(`${path}: ${why}`)
}

const node = { id: 'a' }
const flow = (tasks: unknown, execution: unknown = [{ id: 'a', runtimeInSeconds: 1 }], name: unknown = 'x'): string =>
  JSON.stringify({ name, workflow: { specification: { tasks }, execution: { tasks: execution } } })

it.each([
  [flow([null]), 'workflow.specification.tasks[0] is null: it must be an object'],
  [flow([]), 'workflow.specification.tasks is empty: there is nothing to run'],
  [flow([{}]), 'workflow.specification.tasks[0].id is left out: it must be a string'],
  [flow([{ ...node, name: 5 }]), 'workflow.specification.tasks[0].name is 5: it must be a string'],
  [flow([{ ...node, parents: 5 }]), 'workflow.specification.tasks[0].parents is 5: it must be a list'],
  [flow([{ ...node, children: [7] }]), 'workflow.specification.tasks[0].children[0] is 7: it must be a string'],
  [flow([{ ...node, inputFiles: 'x' }]), 'workflow.specification.tasks[0].inputFiles is "x": it must be a list'],
  [flow([{ ...node, outputFiles: {} }]), 'workflow.specification.tasks[0].outputFiles is {}: it must be a list'],
  [flow([node], [null]), 'workflow.execution.tasks[0] is null: it must be an object'],
  [flow([node], 5), 'workflow.execution.tasks is 5: it must be a list'],
  [flow([node], [{ id: 'a', runtimeInSeconds: 'x' }]), 'task 0 (a): what it takes is no number'],
  [flow([node], undefined, 5), 'name is 5: it must be a string'],
  [flow([{ ...node, parents: ['a'] }]), 'x: its tasks need each other: a needs a'],
])('a workflow: %s', (text, why) => refused('flow.json', text, why))

const task = { rule: 'cc', out: 'a.o', deps: [], srcs: [], wall_ms: 5 }
const trace = (tasks: unknown, rest: object = {}): string => JSON.stringify({ sources: ['a.c'], tasks, ...rest })

it.each([
  [trace([null]), 'tasks[0] is null: it must be an object'],
  [trace([]), 'tasks is empty: there is nothing to run'],
  [trace([{ ...task, out: 5 }]), 'tasks[0].out is 5: it must be a string'],
  [trace([{ ...task, rule: [] }]), 'tasks[0].rule is []: it must be a string'],
  [trace([{ ...task, deps: [null] }]), 'task 0 (a.o): it needs task null, and there are 1'],
  [trace([task], { sources: [5] }), 'sources[0] is 5: it must be a string'],
  [trace([task], { meta: { name: 5 } }), 'meta.name is 5: it must be a string'],
  [trace([task], { meta: 5 }), 'meta is 5: it must be an object'],
  [
    trace([
      { ...task, deps: [1] },
      { ...task, out: 'b.o', deps: [2] },
      { ...task, out: 'c.o', deps: [1] },
    ]),
    'build: its tasks need each other: b.o needs c.o needs b.o',
  ],
])('a build: %s', (text, why) => refused('one.json', text, why))

it.each([
  ['[5]', 'commits[0] is 5: it must be a list'],
  ['[null]', 'commits[0] is null: it must be a list'],
  ['[[0,5]]', 'commits[0][1] is 5: it must be a list'],
  ['[[0]]', 'commits[0][1] is left out: it must be a list'],
  ['[["x",[0]]]', 'commits[0][0] is no time: it must be a number of seconds'],
  ['[[0,["x"]]]', 'commits[0][1]: it must be numbers of sources'],
  ['[[9,[0]],[3,[0]]]', 'commits[1]: its time is before that of the one before it'],
])('changes: %s', (commits, why) => {
  writeFileSync(join(folder, 'own-build.json'), trace([task]))
  refused('own-changes.json', `{ "commits": ${commits} }`, why)
})

it.each([
  ['t_ms,size\n0,5\n\n1,-5\n', 'line 4: a size is below 0: 1,-5'],
  ['t_ms,size\n0,\n', 'line 2: a cell is empty where a number must be: 0,'],
  ['t_ms,a,b\n0,5\n', 'line 2: it has 2 cells, and the first line 3: 0,5'],
  ['t_ms,a\n0,5,6\n', 'line 2: it has 3 cells, and the first line 2: 0,5,6'],
  ['t_ms,a\n\n5,6\n\n3,6\n', 'line 5: its time is before that of the line above'],
])('requests: %j', (text, why) => refused('some.csv', text, why))

it.each(['a.csv', 'a.json', 'build.ninja'])('a folder in place of %s', (name) => {
  const path = join(mkdtempSync(join(folder, 'folders')), name)
  mkdirSync(path)
  const read = (): unknown => scenarioOf({ source: path, settings })
  expect(read).toThrow(LabError)
  expect(read).toThrow(
    name === 'build.ninja' ? `there is no file ${path}/build.ninja` : `${path} cannot be read: EISDIR`,
  )
  const arrivals = { file: path }
  const timed = (): unknown => scenarioOf({ source: 'queue:fixed', settings: { ...settings, arrivals } })
  expect(timed).toThrow(`${path} cannot be read: EISDIR`)
})

describe('tasks that need each other', () => {
  it('are named along the way, and not what only waits for them', () => {
    const deps = [[1], [2], [3], [1]]
    const graph: Graph = {
      name: 'ring',
      sources: [],
      tasks: deps.map((needs, i) => ({ name: `t${i}`, cost: 1, deps: needs, sources: [], rule: 'r' })),
    }
    expect(() => inOrder(graph)).toThrow('ring: its tasks need each other: t1 needs t2 needs t3 needs t1')
  })
})
