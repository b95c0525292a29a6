import fs from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { type Native, nativeProgram } from '../../src/redo/native.js'

/** The C programs, compiled for as long as the tests of a file run, into a cache of their own. `client`: as `REDFORD_CLIENT` says it. */
export const useNative = (): ((client?: string) => Extract<Native, { readonly _tag: 'native' }>) => {
  let cache = ''
  beforeAll(() => {
    cache = fs.mkdtempSync(join(fs.realpathSync('/tmp'), 'redford-cache-'))
  })
  afterAll(() => fs.rmSync(cache, { recursive: true, force: true }))
  return (client = '') => {
    const native = nativeProgram({ PATH: process.env.PATH, XDG_CACHE_HOME: cache, REDFORD_CLIENT: client })
    if (native._tag !== 'native') throw new Error(native.why)
    return native
  }
}
