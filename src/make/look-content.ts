/** Looks as the reducer is told them: with the digest of the content. */
import { hash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import type { Look } from '../model/event.js'
import { ABSENT, FILE, FOLDER, LOOK_FAILED } from '../model/look.js'
import { type ContentDigest, type Look as FileLook, hashFile, look } from './look.js'
import { bytes } from './path.js'

const NONE: ContentDigest = [0, 0, 0, 0]

/** A look together with the content's digest. What has no content to read is as good as its stat. */
export const lookWithContent = (name: string, seen: FileLook = look(name)): Look => {
  const { racy, stat0, stat1 } = seen
  // What cannot be looked at (no permission, a loop of links) is as good as absent: nothing can be made of it.
  const kind = seen.kind === LOOK_FAILED ? ABSENT : seen.kind
  const [content0, content1, content2, content3] = seen.isLink ? contentOfLink(name, seen) : contentAt(name, seen)
  return { kind, racy, stat0, stat1, content0, content1, content2, content3 }
}

const contentAt = (name: string, { kind, stat0, stat1 }: FileLook): ContentDigest => {
  if (kind === ABSENT || kind === FOLDER || kind === LOOK_FAILED) return NONE
  const digest = kind === FILE ? hashFile(name) : E.left(undefined)
  return E.isRight(digest) ? digest.right : [stat0, stat1, 0, 0]
}

/** Two words of what the link says, two of what is at its end, so that the one can be told from the other. */
const contentOfLink = (name: string, seen: FileLook): ContentDigest => {
  const text = hash('sha256', textOf(name), 'buffer')
  const [end0, end1] = seen.kind === FILE ? contentAt(name, seen) : [seen.kind, 0]
  return [text.readInt32LE(0), text.readInt32LE(4), end0, end1]
}

const textOf = (link: string): Buffer => {
  try {
    return readlinkSync(bytes(link), 'buffer')
  } catch {
    // Gone since it was looked at.
    return Buffer.alloc(0)
  }
}
