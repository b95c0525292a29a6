/** Files of a project, as rules of its `redford.config.js` ask for them: keys whose builds are no values but files. */
import { type Codec, codec } from './codec.js'
import type { SourceDefinition } from './definition.js'

/** `form`: what a file's value is. Each call gives the definition of the same name. */
export const fileDefinition = (form: 'text' | 'bytes'): SourceDefinition => ({
  kind: 'source',
  name: form === 'text' ? 'file' : 'file.bytes',
  version: 1,
  keys: codec.string as Codec<unknown>,
  values: (form === 'text' ? codec.string : codec.bytes) as Codec<unknown>,
  errors: undefined,
  read: undefined,
  watch: undefined,
  file: form,
})
