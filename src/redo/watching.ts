/** What the daemon watches, and whether that is enough to look at nothing else. */
import { mkdirSync } from 'node:fs'
import type { Outcome } from '../finalize/finalize.js'
import { openWatcher, type Watcher } from '../make/watch.js'
import type { BuildId } from '../model/ids.js'
import type { Names } from '../store/names.js'

/** For the watcher's cookies alone. */
const COOKIE_FOLDER = '.redford/watch'
/** What of the state folder must stay where it is while we work. */
const STATE_FILES = ['.redford/lock.sqlite', '.redford/socket']

export interface WatchHandlers {
  /** These files may have changed. */
  changed(builds: readonly BuildId[]): void
  /** Changes may have been missed: nothing that was known can be trusted. */
  lost(): void
  /** Something happened to the state folder. */
  state(): void
}

export class Watching {
  private readonly names: Names
  private readonly handlers: WatchHandlers
  private readonly watcher: Watcher | undefined
  private trouble = ''
  private count = 0

  constructor(root: string, isOn: boolean, names: Names, handlers: WatchHandlers) {
    this.names = names
    this.handlers = handlers
    if (!isOn) return
    const onLost = (why: string): void => {
      this.trouble = why
    }
    mkdirSync(COOKIE_FOLDER, { recursive: true, mode: 0o700 })
    this.watcher = openWatcher(root, COOKIE_FOLDER, (paths) => this.onPaths(paths), onLost)
    this.watcher.watch(STATE_FILES)
  }

  get isOn(): boolean {
    return this.watcher !== undefined
  }

  /** For `redford status`. */
  get words(): string {
    if (this.watcher === undefined) return 'no'
    return this.trouble === '' ? `${this.count} files` : `${this.count} files; lately lost track: ${this.trouble}`
  }

  /** Follows what finalize derived. What was looked at before it was watched may have changed in between. */
  follow(outcome: Outcome): void {
    if (this.watcher === undefined) return
    if (outcome.unwatch.length > 0) {
      this.watcher.unwatch(outcome.unwatch.map((x) => this.names.nameOf(x)))
      this.count -= outcome.unwatch.length
    }
    if (outcome.watch.length === 0) return
    this.watch(outcome.watch)
    this.handlers.changed(outcome.watch)
  }

  /** Calls back, with whether all that happened up to now is known: then nothing else need be looked at. */
  sync(then: (trust: boolean) => void): void {
    if (this.watcher === undefined) return then(false)
    void this.watcher.sync().then((trust) => {
      if (!trust) this.handlers.lost()
      then(trust)
    })
  }

  close(): void {
    this.watcher?.close()
  }

  watch(builds: readonly BuildId[]): void {
    this.count += builds.length
    this.watcher?.watch(builds.map((x) => this.names.nameOf(x)))
  }

  private onPaths(paths: readonly string[]): void {
    if (STATE_FILES.some((file) => paths.includes(file))) this.handlers.state()
    const builds = paths.map((path) => this.names.idOf(path)).filter((x) => x !== 0)
    if (builds.length > 0) this.handlers.changed(builds)
  }
}
