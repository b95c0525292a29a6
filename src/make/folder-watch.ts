/**
 * Watches files by their folder: one subscription of @parcel/watcher for a folder and all below it, while anybody listens to a path in it.
 * What listeners are told is "look again", never what happened, so that it does no harm to tell once too often.
 *
 * On Linux the watcher is deaf in two places, and both are mended here by subscribing anew. A folder that comes into being is
 * watched, but not what was put into it before that, nor its subfolders. And a root that is removed is not found again when it comes back,
 * nor is another one that comes into its place, where a folder above it is moved or a link to it is changed.
 */
import { type FSWatcher, lstatSync, readlinkSync, realpathSync, statSync, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
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
  /** In folders that are listened to: what was seen to be a file since the subscription. */
  private readonly files = new Set<string>()
  private subscription: { unsubscribe(): Promise<void> } | undefined
  /** Waits for another root, on all the way to it. */
  private vigil: readonly FSWatcher[] | undefined = undefined
  /** The root without links: the beginning of what the watcher names. */
  private real = ''
  /** Which folder the root was when that began; empty: none. */
  private identity = ''
  /** Where that failed, whoever listens next tries again, or what happens on the way to the root. */
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
        // To end goes on whatever comes of that; where a folder is gone, the kernel itself let go of it.
        await old?.unsubscribe().catch((error: unknown) => void (isGone(error) || this.onError(error)))
        if (this.listeners.size > 0) await this.begin()
      }
    } finally {
      this.isBusy = false
    }
  }

  private get isAsWanted(): boolean {
    const isOn = this.vigil !== undefined
    return this.listeners.size > 0 ? isOn && !this.mustRenew : !isOn
  }

  private async begin(): Promise<void> {
    this.mustRenew = false
    this.grown.clear()
    this.files.clear()
    const before = this.folders()
    this.keepVigil()
    this.real = realOf(this.root)
    this.identity = isFolder(this.root) ? identityOf(this.real) : ''
    try {
      if (this.identity !== '') this.subscription = await this.subscribed()
    } catch (error) {
      this.mustRenew = true
      if (isFolder(this.root)) throw error
    }
    // A folder that came into being while its parent was listed.
    if (this.subscription !== undefined && this.folders() !== before) this.mustRenew = true
    for (const path of [...this.listeners.keys()]) this.tell(path)
  }

  /** Anew where a folder in it went in the midst of that, though not without end. */
  private async subscribed(tries = 100): Promise<{ unsubscribe(): Promise<void> }> {
    try {
      return await this.subscribe(this.real, this.onEvents, { ignore: [...this.ignore] })
    } catch (error) {
      if (tries === 0 || !isGone(error) || !isFolder(this.root)) throw error
      return this.subscribed(tries - 1)
    }
  }

  /** Which of the folders that listeners stand in are there. */
  private folders(): string {
    return [...this.below.keys()].map(identityOf).join()
  }

  /** Subscribes anew where what comes of the way to the root is another folder, or now one, or one that could not be watched and may be open now. */
  private keepVigil(): void {
    const look = (): void => {
      if (!this.mustRenew && this.identity !== '' && identityOf(realOf(this.root)) === this.identity) return
      this.mustRenew = true
      this.catchUp()
    }
    const vigil: FSWatcher[] = []
    this.vigil = vigil
    for (const [folder, names] of wayTo(this.root)) {
      if (!isFolder(folder)) continue
      try {
        const heard = (_: unknown, name: string | null): void => void ((name === null || names.has(name)) && look())
        vigil.push(watch(folder, heard).on('error', look))
      } catch (error) {
        if (UNHEARD.has((error as NodeJS.ErrnoException).code)) continue
        this.mustRenew = true
        throw error
      }
    }
  }

  private endVigil(): void {
    for (const each of this.vigil ?? []) each.close()
    this.vigil = undefined
  }

  // ---------------------------------------------------------------------------------------------- events

  private readonly onEvents = (error: Error | null, events: readonly Event[]): void => {
    // Some were lost.
    if (error !== null) this.mustRenew = true
    for (const { path: named, type } of events) {
      const path = this.root + named.slice(this.real.length)
      this.tell(path)
      if (type !== 'update') this.files.delete(path)
      else if (!this.mayBeAnother(path)) continue
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

  /** Whether what is updated may be a folder in place of a file, or the other way round: what goes and comes back at once is named so. */
  private mayBeAnother(path: string): boolean {
    if (isFolder(path) || this.below.has(path)) {
      this.files.delete(path)
      return true
    }
    if (!this.listeners.has(dirname(path)) || this.files.has(path)) return false
    this.files.add(path)
    return true
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

/** Whether the watcher says that a folder below its root is no more: it gives the words of the system, and no code. */
const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  /^(Unable to remove watcher: Invalid argument|.* failed: (No such file or|Not a) directory)$/s.test(error.message)

/** Of folders: they are gone, or closed to us. */
const UNHEARD: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP'])

type Way = readonly [folder: string, names: ReadonlySet<string>]

/**
 * The folders on the way to `path`, and to where links on it lead; and for each, which names in it are on the way, as far as is known by then.
 * From the top: what is in a folder is looked at when that is watched, so that nothing can come into being unseen in between.
 */
function* wayTo(path: string, way = new Map<string, Set<string>>()): Generator<Way, void, void> {
  const folder = dirname(path)
  const known = way.get(folder)
  if (folder === path || known?.has(basename(path)) === true) return
  const names = known ?? new Set<string>()
  way.set(folder, names.add(basename(path)))
  yield* wayTo(folder, way)
  if (known === undefined) yield [folder, names]
  const link = linkAt(path)
  if (link !== undefined) yield* wayTo(resolve(realOf(folder), link), way)
}

const linkAt = (path: string): string | undefined => {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

const realOf = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return path
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
