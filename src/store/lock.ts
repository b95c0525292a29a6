/**
 * The lock of a project: at most one process works on its state. It is held by an SQLite file of its own, opened for
 * exclusive use: the kernel frees it when its holder is gone, however it went, and no stale file can ever look held.
 */
import { truncateSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import { type Database, openFile } from './sqlite.js'

export type LockError =
  /** Another process has it, or this one already. */
  | { readonly _tag: 'locked' }
  /** The file cannot be made or opened; `why` is the system's word for it. */
  | { readonly _tag: 'io'; readonly why: string }

export interface Lock {
  /** Gives the lock back; the end of the process does so too. */
  readonly release: () => void
}

/** Takes the lock at once, or not at all: it never waits. */
export const acquireLock = (path: string): E.Either<LockError, Lock> => {
  const first = tryLock(path)
  if (first !== 'notALock') return first
  // Somebody wrote other things there. Emptied in place, never replaced: two who do so must still meet at one file.
  try {
    truncateSync(path)
  } catch (error) {
    return E.left({ _tag: 'io', why: String((error as Error).message) })
  }
  const second = tryLock(path)
  return second === 'notALock' ? E.left({ _tag: 'io', why: `${path} is not a lock` }) : second
}

const tryLock = (path: string): E.Either<LockError, Lock> | 'notALock' => {
  let db: Database | undefined
  try {
    db = openFile(path, { timeout: 0 })
    db.exec('begin exclusive')
    const held = db
    return E.right({ release: () => held.close() })
  } catch (error) {
    db?.close()
    const code = (error as { code?: string }).code ?? ''
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return E.left({ _tag: 'locked' })
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return 'notALock'
    return E.left({ _tag: 'io', why: String((error as Error).message) })
  }
}
