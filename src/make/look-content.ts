/** Looks as the reducer is told them: with the digest of the content. */
import * as E from 'fp-ts/lib/Either.js'
import type { Look } from '../model/event.js'
import { ABSENT, FILE, type Look as FileLook, FOLDER, hashFile, LOOK_FAILED, look } from './look.js'

/** A look together with the content's digest. What has no content to read is as good as its stat. */
export const lookWithContent = (name: string, seen: FileLook = look(name)): Look => {
  const { kind, racy, stat0, stat1 } = seen
  const none = { content0: 0, content1: 0, content2: 0, content3: 0 }
  // What cannot be looked at (no permission, a loop of links) is as good as absent: nothing can be made of it.
  if (kind === LOOK_FAILED) return { kind: ABSENT, racy, stat0: 0, stat1: 0, ...none }
  if (kind !== FILE) return { kind, racy, stat0, stat1, ...none, content0: kind === FOLDER ? 0 : stat0 }
  const digest = hashFile(name)
  if (E.isLeft(digest)) return { kind, racy, stat0, stat1, ...none, content0: stat0, content1: stat1 }
  const [content0, content1, content2, content3] = digest.right
  return { kind, racy, stat0, stat1, content0, content1, content2, content3 }
}
