/**
 * Watches files by their folder: one subscription of @parcel/watcher for a folder and all below it, while anybody listens to a path in it.
 * What listeners are told is "look again", never what happened, so that it does no harm to tell once too often.
 *
 * On Linux the watcher is deaf in two places, and both are mended here by subscribing anew. A folder that comes into being is
 * watched, but not what was put into it before that, nor its subfolders. And a root that is removed is not found again when it comes back.
 */
import { type FSWatcher, lstatSync, realpathSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Event, SubscribeCallback } from '@parcel/watcher'

/** As `subscribe` of @parcel/watcher. */
export type Subscribe = (
  root: string,
  tell: SubscribeCallback,
  options: { ignore: string[] },
) => Promise<{ unsubscribe(): Promise<void> }>

// Loaded when first needed: most programs watch nothing.
const subscribeParcel: Subscribe = async (...args) => (await import('@parcel/watcher')).subscribe(...args)

type Changed = () => void

export class FolderWatch {
  /** By absolute path. */
  private readonly listeners = new Map<string, Set<Changed>>()
  /** The paths of `listeners` that lie below a folder, for each folder from the root down. */
  private readonly below = new Map<string, Set<string>>()
  /** Folders that came into being since the subscription, where the watcher may be deaf. */
  private readonly grown = new Set<string>()
  private subscription: { unsubscribe(): Promise<void> } | undefined
  /** Waits for a root that is not there. */
  private vigil: FSWatcher | undefined = undefined
  /** The root without links: the beginning of what the watcher names. */
  private real = ''
  private mustRenew = false
  private isBusy = false
  private work: Promise<void> = Promise.resolve()

  constructor(
    private readonly root: string,
    private readonly ignore: readonly string[],
    private readonly onError: (error: unknown) => void,
    private readonly subscribe: Subscribe = subscribeParcel,
  ) {}

  /**
   * From now on `changed` is called when `path`, in the root, may have changed, and once as soon as it is watched. What this returns ends that; it
   * is resolved when nothing is left of it.
   */
  listen(path: string, changed: Changed): () => Promise<void> {
    // A function of its own, so that one and the same may listen twice.
    const own = (): void => changed()
    const known = this.listeners.get(path)
    if (known === undefined) {
      this.listeners.set(path, new Set([own]))
      this.eachFolder(path, (folder) => {
        const paths = this.below.get(folder)
        if (paths === undefined) this.below.set(folder, new Set([path]))
        else paths.add(path)
        if (this.grown.has(folder)) this.mustRenew = true
      })
    } else known.add(own)
    if (this.subscription !== undefined && !this.mustRenew) queueMicrotask(() => this.tell(path))
    this.catchUp()
    return () => {
      this.drop(path, own)
      this.catchUp()
      return this.work
    }
  }

  private drop(path: string, own: Changed): void {
    const known = this.listeners.get(path)
    if (known?.delete(own) !== true || known.size > 0) return
    this.listeners.delete(path)
    this.eachFolder(path, (folder) => {
      const paths = this.below.get(folder)
      paths?.delete(path)
      if (paths?.size === 0) this.below.delete(folder)
    })
  }

  private eachFolder(path: string, act: (folder: string) => void): void {
    if (path === this.root) return
    const folder = dirname(path)
    act(folder)
    if (folder.length > this.root.length) this.eachFolder(folder, act)
  }

  // ---------------------------------------------------------------------------------------------- the subscription

  /** Makes the subscription what it is to be; one step after the other, since they take time and overtake each other. */
  private catchUp(): void {
    if (this.isBusy) return
    this.isBusy = true
    this.work = this.steps().catch(this.onError)
  }

  private async steps(): Promise<void> {
    try {
      while (!this.isAsWanted) {
        const old = this.subscription
        this.subscription = undefined
        this.endVigil()
        await old?.unsubscribe()
        if (this.listeners.size > 0) await this.begin()
      }
    } finally {
      this.isBusy = false
    }
  }

  private get isAsWanted(): boolean {
    const isOn = this.subscription !== undefined || this.vigil !== undefined
    return this.listeners.size > 0 ? isOn && !this.mustRenew : !isOn
  }

  private async begin(): Promise<void> {
    this.mustRenew = false
    this.grown.clear()
    const before = this.folders()
    try {
      this.real = realpathSync(this.root)
      this.subscription = await this.subscribe(this.real, this.onEvents, { ignore: [...this.ignore] })
    } catch (error) {
      this.keepVigil()
      if (isFolder(this.root)) throw error
      return
    }
    // A folder that came into being while its parent was listed.
    if (this.folders() !== before) this.mustRenew = true
    for (const path of [...this.listeners.keys()]) this.tell(path)
  }

  /** Which of the folders that listeners stand in are there. */
  private folders(): string {
    return [...this.below.keys()].map(identityOf).join()
  }

  /** Tries again when something happens in the nearest folder that is there. */
  private keepVigil(): void {
    let folder = dirname(this.root)
    while (!isFolder(folder) && folder !== dirname(folder)) folder = dirname(folder)
    const again = (): void => {
      this.mustRenew = true
      this.catchUp()
    }
    this.vigil = watch(folder, again).on('error', again)
    if (isFolder(this.root)) again()
  }

  private endVigil(): void {
    this.vigil?.close()
    this.vigil = undefined
  }

  // ---------------------------------------------------------------------------------------------- events

  private readonly onEvents = (error: Error | null, events: readonly Event[]): void => {
    // Some were lost.
    if (error !== null) this.mustRenew = true
    for (const { path: named, type } of events) {
      const path = this.root + named.slice(this.real.length)
      this.tell(path)
      if (type === 'update') continue
      this.tell(dirname(path))
      const inside = this.below.get(path)
      for (const each of [...(inside ?? [])]) this.tell(each)
      if (inside !== undefined || path === this.root) this.mustRenew = true
      else if (type === 'delete') this.grown.delete(path)
      else if (isFolder(path)) {
        if (this.listeners.has(path)) this.mustRenew = true
        this.grown.add(path)
      }
    }
    this.catchUp()
  }

  private tell(path: string): void {
    for (const changed of [...(this.listeners.get(path) ?? [])]) changed()
  }
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  } catch {
    // A loop of links, or closed to us.
    return false
  }
}

const identityOf = (path: string): string => {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    return stat === undefined ? '' : `${stat.dev}:${stat.ino}`
  } catch {
    return ''
  }
}
