/** SQLite's binding, loaded as the first file is opened: who keeps all in memory does without. */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type Sqlite from 'better-sqlite3'

export type { Database, Statement } from 'better-sqlite3'

const require = createRequire(import.meta.url)

/** @throws what better-sqlite3 throws, which leaves out blanks before a path, and behind it: see `isCutShort` */
export const openFile = (path: string, options: Sqlite.Options = {}): Sqlite.Database =>
  new (require('better-sqlite3') as typeof Sqlite)(path === path.trimStart() ? path : resolve(path), options)
