/** Policies by their names, or from files of people's own. */
import { existsSync } from 'node:fs'
import { importFile } from '../load/import-file.js'
import { Misuse, messageOf } from '../model/misuse.js'
import { policyNamed } from '../reduce/policies/named.js'
import { isPolicy, type Policy, renamed } from '../reduce/policies/policy.js'
import { LabError } from './graph.js'

const named = (text: string): Policy => {
  try {
    return policyNamed(text)
  } catch (error) {
    throw error instanceof Misuse ? new LabError(error.message) : error
  }
}

/** Whether it names a file, and not a policy. Arguments may hold a point. */
export const isPolicyFile = (text: string): boolean => /[./\\]/.test(text.replace(/\(.*\)/s, ''))

/**
 * A policy by its name, or the default export of a file: a policy, or a function that makes one. That of a file bears the name of the file.
 * `instance`: each has modules of its own.
 */
export const loadPolicy = async (text: string, instance = 0): Promise<Policy> => {
  if (!isPolicyFile(text)) return named(text)
  if (!existsSync(text)) throw new LabError(`there is no file ${text}`)
  let found: unknown
  let isMade = false
  try {
    const query = instance === 0 ? '' : `?instance=${instance}`
    found = ((await importFile(text, query)) as { readonly default?: unknown }).default
    isMade = typeof found === 'function' && found.length === 0
    if (isMade) found = (found as () => unknown)()
  } catch (error) {
    throw new LabError(`${text}: it cannot be loaded: ${messageOf(error)}`)
  }
  if (!isPolicy(found))
    throw new LabError(
      `${text}: its default export${isMade ? ' takes no view, and what it gives' : ''} is ${typeof found}, no policy: export a function from a view to a batch, or { name, initial, choose }`,
    )
  return renamed(found, text)
}
