/** What a project's `redford.config.js` says, so that do-files and rules can ask for each other. */
import { type Key, Named } from '../model/definition.js'
import { fileDefinition } from '../model/file-definition.js'
import type { Policy } from '../reduce/policies/policy.js'
import type { Buildable, Defined } from './define.js'

export interface Config {
  /** All rules that are asked for or needed. What takes time is for do-files. */
  readonly rules?: readonly Defined[]
  /**
   * The key whose value is to be the file `path` (relative to the project's root), where no do-file makes it; undefined: there is none. A pure
   * function.
   */
  readonly targets?: (path: string) => Key<string | Uint8Array> | undefined
  /** Every command that builds is recorded into this file, by its path from the root: the last one's recording is there. */
  readonly record?: string | { readonly path: string }
  /** What is begun first. Default: `policies.criticalPath()`. */
  readonly policy?: Policy
}

/** For `export default` in `redford.config.js`. */
export const defineConfig = (config: Config): Config => config

const files = <V>(form: 'text' | 'bytes'): Buildable<string, V> => {
  const definition = fileDefinition(form)
  return Object.assign((key: string) => new Named(definition, key), { definition })
}

/**
 * In rules of a `redford.config.js`: a file of the project, be it a source or a target, by its path from the root; its text, or with
 * `file.bytes` what it holds.
 */
export const file = Object.assign(files<string>('text'), { bytes: files<Uint8Array>('bytes') })
