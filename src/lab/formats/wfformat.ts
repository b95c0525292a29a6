/** WfFormat, the JSON of WfCommons (version 1.4 and newer): tasks with their parents and, where it was run, their run times. */
import { checkedGraph, costOf, type Graph, LabError, type Task } from '../graph.js'

interface Listed {
  readonly id: string
  readonly name?: string
  readonly parents?: readonly string[]
  readonly children?: readonly string[]
  readonly inputFiles?: readonly string[]
  readonly outputFiles?: readonly string[]
}

/** @throws LabError that says what is missing. */
export const fromWfFormat = (json: unknown): Graph => {
  const { name = 'workflow', workflow } = (json ?? {}) as {
    readonly name?: string
    readonly workflow?: {
      readonly specification?: { readonly tasks?: readonly Listed[] }
      readonly execution?: { readonly tasks?: readonly { readonly id: string; readonly runtimeInSeconds?: number }[] }
    }
  }
  const listed = workflow?.specification?.tasks
  if (!Array.isArray(listed)) throw new LabError('no WfFormat: workflow.specification.tasks is no list')
  const tasks = listed as readonly Listed[]
  const numbers = new Map(tasks.map(({ id }, i) => [id, i]))
  if (numbers.size < tasks.length) throw new LabError('WfFormat: two tasks have one id')
  const numberOf = (id: string, of: string): number => {
    const number = numbers.get(id)
    if (number === undefined) throw new LabError(`WfFormat: ${of} names ${id}, which is no task`)
    return number
  }
  const runtimes = new Map((workflow?.execution?.tasks ?? []).map(({ id, runtimeInSeconds }) => [id, runtimeInSeconds]))
  const deps = tasks.map(({ id, parents = [] }) => new Set(parents.map((parent) => numberOf(parent, id))))
  tasks.forEach(({ id, children = [] }, i) => {
    for (const child of children) deps[numberOf(child, id)]!.add(i)
  })
  const made = new Set(tasks.flatMap(({ outputFiles = [] }) => outputFiles))
  const sources = [...new Set(tasks.flatMap(({ inputFiles = [] }) => inputFiles))].filter((file) => !made.has(file))
  const sourceNumbers = new Map(sources.map((file, i) => [file, i]))
  const graphTasks = tasks.map((listedTask, i): Task => {
    const { id, inputFiles = [] } = listedTask
    const seconds = runtimes.get(id)
    if (seconds === undefined) throw new LabError(`WfFormat: workflow.execution says nothing of the run time of ${id}`)
    return {
      name: id,
      cost: costOf(seconds, 1e6),
      deps: [...deps[i]!].sort((a, b) => a - b),
      sources: inputFiles.flatMap((file) => sourceNumbers.get(file) ?? []),
      rule: (listedTask.name ?? id).replace(/_ID\d+$/, ''),
    }
  })
  return checkedGraph({ name, tasks: graphTasks, sources })
}
