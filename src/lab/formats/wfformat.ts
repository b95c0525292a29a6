/** WfFormat, the JSON of WfCommons (version 1.4 and newer): tasks with their parents and, where it was run, their run times. */
import { checkedGraph, costOf, type Graph, LabError, type Task } from '../graph.js'
import { listIn, objectIn, objectsIn, textIn, textsIn } from './fields.js'

/** @throws LabError that says what is missing. */
export const fromWfFormat = (json: unknown): Graph => {
  const { name, workflow } = (json ?? {}) as { readonly name?: unknown; readonly workflow?: unknown }
  const { specification, execution } = (workflow ?? {}) as {
    readonly specification?: { readonly tasks?: unknown } | null
    readonly execution?: { readonly tasks?: unknown } | null
  }
  if (!Array.isArray(specification?.tasks)) throw new LabError('no WfFormat: workflow.specification.tasks is no list')
  const tasks = objectsIn(specification.tasks, 'workflow.specification.tasks').map((task, i) => {
    const at = (field: string): string => `workflow.specification.tasks[${i}].${field}`
    const id = textIn(task.id, at('id'))
    return {
      id,
      name: textIn(task.name ?? id, at('name')),
      parents: textsIn(task.parents, at('parents')),
      children: textsIn(task.children, at('children')),
      inputFiles: textsIn(task.inputFiles, at('inputFiles')),
      outputFiles: textsIn(task.outputFiles, at('outputFiles')),
    }
  })
  const numbers = new Map(tasks.map(({ id }, i) => [id, i]))
  if (numbers.size < tasks.length) throw new LabError('WfFormat: two tasks have one id')
  const numberOf = (id: string, of: string): number => {
    const number = numbers.get(id)
    if (number === undefined) throw new LabError(`WfFormat: ${of} names ${id}, which is no task`)
    return number
  }
  const ran = listIn(execution?.tasks ?? [], 'workflow.execution.tasks')
  const runtimes = new Map(
    ran.map((each, i) => {
      const { id, runtimeInSeconds } = objectIn(each, `workflow.execution.tasks[${i}]`)
      return [id, runtimeInSeconds]
    }),
  )
  const deps = tasks.map(({ id, parents }) => new Set(parents.map((parent) => numberOf(parent, id))))
  tasks.forEach(({ id, children }, i) => {
    for (const child of children) deps[numberOf(child, id)]!.add(i)
  })
  const made = new Set(tasks.flatMap(({ outputFiles }) => outputFiles))
  const sources = [...new Set(tasks.flatMap(({ inputFiles }) => inputFiles))].filter((file) => !made.has(file))
  const sourceNumbers = new Map(sources.map((file, i) => [file, i]))
  const graphTasks = tasks.map(({ id, name: called, inputFiles }, i): Task => {
    const seconds = runtimes.get(id)
    if (seconds === undefined) throw new LabError(`WfFormat: workflow.execution says nothing of the run time of ${id}`)
    return {
      name: id,
      cost: costOf(seconds, 1e6),
      deps: [...deps[i]!].sort((a, b) => a - b),
      sources: inputFiles.flatMap((file) => sourceNumbers.get(file) ?? []),
      rule: called.replace(/_ID\d+$/, ''),
    }
  })
  return checkedGraph({ name: textIn(name ?? 'workflow', 'name'), tasks: graphTasks, sources })
}
