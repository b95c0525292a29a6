/** What most builds come to, quicker and shorter than its fields would be: nearly all there is to record of a library. */
import { isDigest } from '../../model/content.js'
import type { Content, Groups, Receipt } from '../../model/event.js'
import { type BuildId, buildId } from '../../model/ids.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { SeenIds } from './names.js'
import { As, integerIn, NO_INTEGER, readContent, readValue, writeContent, writeValue } from './results.js'
import type { RecordedValue } from './value.js'

export type Made = Extract<Receipt, { readonly _tag: 'made' }>

/** In place of a shape's number, and more by how many needs and one more: of what most builds come to, see `writeMade`. */
export const MADE_PLAIN = 128
/** An id that nearly all are, and how long it is then. */
const SHORT_IDS = 1 << 24
const SHORT_BYTES = 3

/**
 * Of what asked for one group at most: how many needs, itself and these, in three bytes each, and what it came to. Ids that are as good as random
 * have three bytes anyway, and which are shorter is found out at more cost than it saves. False, and nothing is written: it is another.
 */
export const writeMade = (
  w: ByteWriter,
  seen: SeenIds,
  { build, groups, value, content, cost }: Made,
  recorded: (build: BuildId, value: unknown) => RecordedValue,
): boolean => {
  if (groups.length > 1 || cost !== undefined) return false
  const group = groups.length === 0 ? NO_NEEDS : groups[0]!
  if (group.length > NEEDS_MAX) return false
  // Each id is written as a word, and its last byte is written over.
  const bytes = w.reserve(1 + SHORT_BYTES * (group.length + 1) + 5)
  const { dataView } = w
  let { end } = w
  bytes[end] = MADE_PLAIN + (groups.length === 0 ? 0 : group.length + 1)
  dataView.setInt32(end + 1, build, true)
  if (!seen.has(build)) seen.see(build)
  let all: number = build
  end += 1 + SHORT_BYTES
  for (let i = 0; i < group.length; i++) {
    const id = group[i]!
    dataView.setInt32(end, id, true)
    if (!seen.has(id)) seen.see(id)
    all |= id
    end += SHORT_BYTES
  }
  if (all >= SHORT_IDS) return false
  const integer = integerIn(content)
  if (integer !== NO_INTEGER) {
    bytes[end] = As.WORD
    dataView.setInt32(end + 1, integer, true)
    w.end = end + 5
    return true
  }
  w.end = end
  writeContent(w, content)
  if (isDigest(content)) writeValue(w, recorded(build, value))
  return true
}

const NO_NEEDS: readonly BuildId[] = []
/** As many as fit behind `MADE_PLAIN` in a byte, besides that there is no group. */
const NEEDS_MAX = 126

export const readMade = (r: ByteReader, count: number): Made => {
  const build = buildId(r.shortWord())
  const groups = count === 0 ? NO_GROUPS : [readNeeds(r, count - 1)]
  const content = readContent(r)
  return { _tag: 'made', build, groups, content, value: valueIn(r, content) }
}
const NO_GROUPS: Groups = []

const readNeeds = (r: ByteReader, count: number): readonly BuildId[] => {
  const ids: BuildId[] = []
  for (let left = count; left > 0; left--) ids.push(buildId(r.shortWord()))
  return ids
}

export const valueIn = (r: ByteReader, content: Content): RecordedValue =>
  isDigest(content) ? readValue(r) : { _tag: 'inContent', content }
