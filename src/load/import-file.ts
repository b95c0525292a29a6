/** Modules that people write, beside their projects: policies, configs, rules. In JavaScript or TypeScript, whatever Node it is. */
import { register } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The module in a file, which may have parts in TypeScript. `query`: each has a module of its own. */
export const importFile = async (path: string, query = ''): Promise<unknown> => {
  runTypeScript()
  return importJavaScript(path, query)
}

export const importJavaScript = async (path: string, query = ''): Promise<unknown> => {
  try {
    return await import(pathToFileURL(resolve(path)).href + query)
  } catch (error) {
    // Whoever has the commands has this package, though not where it is looked for.
    if (!(error instanceof Error) || !error.message.startsWith("Cannot find package 'redford'")) throw error
    throw new Error(`${error.message}: npm install redford there, or npm link redford`, { cause: error })
  }
}

export const isTypeScript = (path: string): boolean => /\.m?ts$/.test(path)

let hasHooks = false

/** From now on modules in TypeScript can be imported: by Node itself, or else by hooks of its loader. */
const runTypeScript = (): void => {
  const features = process.features as { readonly typescript?: unknown }
  if (features.typescript || hasHooks) return
  hasHooks = true
  // The same path from `dist/load` and `dist/cli`.
  register(pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), '..', 'load', 'typescript-hooks.js')))
}
