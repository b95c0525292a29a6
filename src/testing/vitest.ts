/**
 * `import 'redford/testing/vitest'`, once, in a setup file or where it is needed: vitest's `expect` has the matchers from then on, and their types.
 */
import { expect } from 'vitest'
import { extend, type Matching } from './matchers.js'

extend(expect)

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  interface Matchers<T = any> extends Matching {}
}
