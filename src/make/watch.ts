/**
 * Lets the daemon skip its stats: what happened to the watched paths is told by inotify, and `sync` proves that all of
 * it has been told. Scanning is the truth and this an economy: whenever there is a doubt, `sync` says so.
 *
 * The proof: a loop's `fs.watch` handles share one inotify queue (libuv), which the kernel fills in order within the
 * very system calls that change files. So when the event of a cookie file comes back, every earlier one has been read.
 *
 * Unless some were dropped: the kernel does so when its queue is full, and libuv does not pass that on (`IN_Q_OVERFLOW`
 * belongs to no handle). A later cookie comes back all the same. But libuv reads until the queue is empty, in one go, and
 * a queue that was full gives as many events in one go as it has room for. Half of that in one go is taken for an
 * overflow; the other half is room for events that are read and not counted, of handles just closed.
 *
 * Not told, and so not seen: writes through a shared mapping after the file's last ordinary change; writes by a name in
 * a folder that is not watched to a file that got this name after it was first watched.
 */
import { closeSync, openSync, renameSync, unlinkSync } from 'node:fs'
import { codeOf, openWatchSystem, type WatchSystem } from './watch-system.js'
import { createWatchTree, type Place } from './watch-tree.js'

export interface Watcher {
  /**
   * Tells of these paths from now on; counted, so that `unwatch` pairs with it. To be called **before** the paths are
   * looked at: then what happens afterwards is told. A path may be absent, as may the folders it lies in.
   */
  readonly watch: (paths: readonly string[]) => void
  readonly unwatch: (paths: readonly string[]) => void
  /**
   * True: every change of a watched path that happened before the call has been told through `onChange`. False: some
   * may be missing, and **all** watched paths must be looked at, after this answer; what happens from then on is told
   * again, so that the next answer may be true.
   */
  readonly sync: () => Promise<boolean>
  readonly close: () => void
}

/** A cookie takes 15 µs. A loop that was blocked for longer is given a turn to read it before it is given up. */
const cookieLimitMs = 250

/** How long it may take until a change is told that no `sync` asks for, in ms: files that are being made change several times. */
const tellMs = 50

/** Closing a handle makes an event, which is not counted: so few are closed in a turn. */
const closedInTurnMax = 1024

/** Tells cookies of several watchers in one folder apart. */
let watcherCount = 0

/**
 * Paths are byte strings, absolute or relative to `root` (absolute). `cookieFolder`: likewise, of ours alone.
 * `onChange` gets paths as they were given to `watch`, each once a call, which may have changed; it is called within
 * `sync` and else soon after. `onLost` hears why the next `sync` will say false, for people to read.
 */
export const openWatcher = (
  root: string,
  cookieFolder: string,
  onChange: (paths: readonly string[]) => void,
  onLost: (why: string) => void,
  system: WatchSystem = openWatchSystem(),
): Watcher => {
  if (!system.isOrdered || system.queueMax === undefined) return never
  const queueMax = system.queueMax

  /** Events since the queue was last known to be empty. */
  let eventCount = 0
  let isTurnAwaited = false
  let tellTimer: NodeJS.Timeout | undefined
  let isClosed = false
  /** Why events may be missing; undefined: none are. */
  let lost: string | undefined
  /** As it was last: one that lasts is told once. */
  let trouble: string | undefined
  let closing: (() => void)[] = []
  let mounts = system.mounts()

  /** A loss concerns every `sync` under way, also when the first of them has mended it. */
  let lossCount = 0

  const lose = (why: string): void => {
    lossCount++
    if (lost === undefined) onLost(why)
    lost = why
  }

  const hear = (place: Place, name: string): void => {
    if (isClosed) return
    if (++eventCount >= queueMax / 2) lose('overflow')
    awaitTurn()
    if (lost === undefined) tree.mark(place, name)
    cookies.get(name)?.(true)
  }

  /** After the poll phase in which the first event came: libuv has read them all by then. */
  const awaitTurn = (): void => {
    if (isTurnAwaited) return
    isTurnAwaited = true
    setImmediate(() => {
      isTurnAwaited = false
      eventCount = 0
      if (isClosed) return
      tellTimer ??= setTimeout(tell, tellMs).unref()
      if (lost !== undefined) for (const settle of cookies.values()) settle(false)
    })
  }

  const tell = (): void => {
    clearTimeout(tellTimer)
    tellTimer = undefined
    const paths = tree.settle().filter((path) => path !== cookiePath(0))
    if (paths.length > 0) onChange(paths)
  }

  /** Closed only when a whole turn has read what was in the queue for it, so that this is counted. */
  const closeSoon = (close: () => void): void => {
    if (isClosed) close()
    else if (closing.push(close) === 1) setImmediate(() => setImmediate(closeSome))
  }

  const closeSome = (): void => {
    for (const close of closing.splice(0, closedInTurnMax)) close()
    if (closing.length > 0) setImmediate(closeSome)
  }

  const tree = createWatchTree(root, system, (place) => {
    const ear = system.listen(place.path, (name) => hear(place, name))
    return { close: () => closeSoon(() => ear.close()) }
  })

  /** Name of a cookie → what to do when its event came, or cannot come any more. */
  const cookies = new Map<string, (isSeen: boolean) => void>()
  const stem = `cookie.${process.pid}.${++watcherCount}.`
  const cookiePath = (count: number): string => `${cookieFolder}/${stem}${count}`
  const cookieFile = (count: number): Buffer => {
    const path = cookiePath(count)
    return Buffer.from(path.startsWith('/') ? path : `${root}/${path}`, 'latin1')
  }
  let cookieCount = 0
  // No file has this name: it stands for the folder, so that its events come and its replacement is noticed.
  tree.watch(cookiePath(0))

  /** Each cookie is the one before under a new name: one system call, no space needed, and no event is taken for another. */
  const leaveCookie = (): string => {
    const count = ++cookieCount
    try {
      renameSync(cookieFile(count - 1), cookieFile(count))
    } catch {
      closeSync(openSync(cookieFile(count), 'w', 0o600))
    }
    return `${stem}${count}`
  }

  /** Whether every event before the call has been marked. */
  const drained = (): Promise<boolean> =>
    new Promise((resolve) => {
      const name = leaveCookie()
      // With the loop blocked the timer comes first, though the event is there to be read: one more turn decides.
      const timer = setTimeout(() => setImmediate(() => settle(false)), cookieLimitMs)
      const settle = (isSeen: boolean): void => {
        clearTimeout(timer)
        cookies.delete(name)
        resolve(isSeen)
      }
      cookies.set(name, settle)
    })

  const noticeMounts = (): void => {
    const now = system.mounts()
    if (now === mounts) return
    const before = new Set(mounts.split('\n'))
    const after = new Set(now.split('\n'))
    mounts = now
    const changed = [...before]
      .filter((line) => !after.has(line))
      .concat([...after].filter((line) => !before.has(line)))
    if (changed.some((line) => concerns(mountPoint(line)))) lose('mounted')
  }

  /** A place, or an entry of one: folders far away from ours are mounted and unmounted all the time. */
  const concerns = (path: string): boolean =>
    tree.place(path) !== undefined || tree.place(path.slice(0, path.lastIndexOf('/')) || '/') !== undefined

  /** Since the caller looks at everything after a false, it is enough that from now on everything is told. */
  const refuse = (): false => {
    if (lost === undefined) return false
    lost = undefined
    tree.renew()
    return false
  }

  const hasTrouble = (): boolean => {
    const now = tree.trouble()
    if (now !== undefined && trouble === undefined) onLost(now)
    trouble = now
    return now !== undefined
  }

  const sync = async (): Promise<boolean> => {
    if (isClosed) return false
    const lossesBefore = lossCount
    const hadTrouble = tree.hasTrouble()
    if (hasTrouble() || hadTrouble || lost !== undefined) return refuse()
    try {
      if (!(await drained())) lose(lost ?? 'the cookie did not come back')
    } catch (error) {
      lose(`no cookie: ${codeOf(error)}`)
    }
    if (isClosed) return false
    noticeMounts()
    tree.check()
    tell()
    return lossCount === lossesBefore && !tree.hasTrouble() ? true : refuse()
  }

  const close = (): void => {
    if (isClosed) return
    isClosed = true
    clearTimeout(tellTimer)
    for (const settle of cookies.values()) settle(false)
    tree.close()
    for (const close of closing) close()
    closing = []
    try {
      unlinkSync(cookieFile(cookieCount))
    } catch {
      // It was never left, or somebody cleaned up before us.
    }
  }

  return {
    watch: (paths) => paths.forEach(tree.watch),
    unwatch: (paths) => paths.forEach(tree.unwatch),
    sync,
    close,
  }
}

const never: Watcher = { watch: () => {}, unwatch: () => {}, sync: () => Promise.resolve(false), close: () => {} }

/** Field 5 of a line of mountinfo, where a blank, a tab, a line feed and a backslash are octal. */
const mountPoint = (line: string): string =>
  (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_all, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
