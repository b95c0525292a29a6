/** Policies by their names, or from files of people's own. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadFaultOf, Misuse } from '../model/misuse.js'
import { policyNamed } from '../reduce/policies/named.js'
import { isPolicy, type Policy } from '../reduce/policies/policy.js'
import { LabError } from './graph.js'

const named = (text: string): Policy => {
  try {
    return policyNamed(text)
  } catch (error) {
    throw error instanceof Misuse ? new LabError(error.message) : error
  }
}

/** A policy by its name, or the default export of a file: a policy, or a function that makes one. */
export const loadPolicy = async (text: string): Promise<Policy> => {
  if (!/[./\\]/.test(text.replace(/\d\.\d/g, ''))) return named(text)
  const url = pathToFileURL(resolve(text)).href
  let found: unknown
  try {
    found = ((await import(url)) as { readonly default?: unknown }).default
    if (typeof found === 'function' && found.length === 0) found = (found as () => unknown)()
  } catch (error) {
    throw new LabError(`${text}: it cannot be loaded: ${loadFaultOf(error, process.versions.node, 'it as .js')}`)
  }
  if (!isPolicy(found))
    throw new LabError(
      `${text}: its default export is ${typeof found}, no policy: export a function from a view to a batch, or { name, initial, choose }`,
    )
  return found
}
