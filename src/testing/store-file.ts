/** A store that outlives engines which end without warning. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SqliteStore, sqliteStore } from '../library/store.js'

export class StoreFile {
  private readonly folder = mkdtempSync(join(tmpdir(), 'redford-script-'))
  private crashes = 0

  get store(): SqliteStore {
    return sqliteStore(this.path, { synchronous: 'off' })
  }

  private get path(): string {
    return join(this.folder, String(this.crashes))
  }

  /** The next engine finds what is in the file now, whatever the one before it may still write. */
  crash(): void {
    const from = this.path
    this.crashes++
    for (const part of ['', '-wal']) if (existsSync(from + part)) copyFileSync(from + part, this.path + part)
  }

  discard(): void {
    rmSync(this.folder, { recursive: true })
  }
}
