/** A value as a recording holds it. */
import type { Content } from '../../model/event.js'

export type RecordedValue =
  /** It fits into the content words of its receipt. */
  | { readonly _tag: 'inContent'; readonly content: Content }
  /** Canonical JSON, as its codec encodes it. */
  | { readonly _tag: 'text'; readonly text: string }
  /** Too large, and left out: the content words tell it from others. */
  | { readonly _tag: 'left' }
  /** Too large to be in the log: kept once in the recording, by its digest (sha256, hex). */
  | { readonly _tag: 'beside'; readonly digest: string }
