/** For Node without TypeScript of its own: types are taken out of modules as they are loaded. Registered by `import-file.ts`. */
import { readFile } from 'node:fs/promises'
import type { LoadHook } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transform } from 'sucrase'

export const load: LoadHook = async (url, context, nextLoad) => {
  const { pathname, protocol } = new URL(url)
  if (protocol !== 'file:' || !/\.m?ts$/.test(pathname)) return nextLoad(url, context)
  const filePath = fileURLToPath(url)
  const { code } = transform(await readFile(filePath, 'utf8'), {
    filePath,
    transforms: ['typescript'],
    disableESTransforms: true,
    preserveDynamicImport: true,
  })
  return { format: 'module', source: code, shortCircuit: true }
}
