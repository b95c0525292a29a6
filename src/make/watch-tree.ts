/**
 * Which folders must be listened to for the sake of a path, and what an event in one of them says of the paths.
 *
 * A look at `a/b/x` consults entries: `a` in the root, `b` in `a`, `x` in `b`, and for a symbolic link those of its
 * text. Its look changes only when one of these entries does, or what the last one leads to. So the walk is done here
 * as the kernel does it, over real folders, and every entry on the way is remembered with its users. A folder that is
 * absent ends the walk at an entry that is absent, in a folder that exists: when it appears, the walk goes on.
 *
 *   user (a folder as it was named, or a pin) ──trail──► entry ──in──► place (a real folder, listened to)
 *
 * A folder's trail is shared by the paths in it; only a link, and a file with several names, is walked by itself: a
 * pin. Outside the root the folders that merely lead somewhere (`/`, `/home`, `/tmp`) are busy with the affairs of
 * others or not readable: those entries are looked at in every `check` instead of being listened for.
 *
 * Listening begins before the look, and from the top down: what happens later is told, by the one or the other.
 */
import { NameSet } from './name-set.js'
import { codeOf, type Look, type WatchSystem } from './watch-system.js'

/** A real folder, by a path without links. */
export interface Place {
  readonly path: string
  readonly entries: Map<string, Entry>
  /** The folders that led here when last walked. */
  readonly folders: Set<Folder>
  /** Undefined: looked at instead, or it could not be listened to, or is not a place of the tree any more. */
  ear: { readonly close: () => void } | undefined
  isDropped: boolean
}

interface Entry {
  readonly place: Place
  readonly name: string
  readonly users: Set<User>
  look: Look
}

interface Folder {
  readonly _tag: 'folder'
  /** The part of the paths before their last name, `''` or ending in a slash, as the caller writes it. */
  readonly prefix: string
  readonly names: NameSet
  /** Name → how often it is watched, where that is more than once. */
  readonly counts: Map<string, number>
  readonly pins: Map<string, Pin>
  readonly trail: Set<Entry>
  place: Place | undefined
}

/** A path whose own folder does not tell all. */
interface Pin {
  readonly _tag: 'pin'
  readonly folder: Folder
  readonly name: string
  readonly trail: Set<Entry>
}

type User = Folder | Pin

export interface WatchTree {
  readonly watch: (path: string) => void
  readonly unwatch: (path: string) => void
  /** Marks what an event of this name in this place says; cheap, since a flood calls it 16,384 times in a row. */
  readonly mark: (place: Place, name: string) => void
  /** Listens anew where the marks ask for it; then the paths that may have changed, as the caller writes them. */
  readonly settle: () => readonly string[]
  /** Looks at what is not listened to and marks what differs. */
  readonly check: () => void
  /** Forgets every place and walks all again: after this only what happens from now on is told. */
  readonly renew: () => void
  /** Why some place is not listened to though it must be, after trying again; undefined: all is well. */
  readonly hasTrouble: () => boolean
  readonly trouble: () => string | undefined
  readonly place: (path: string) => Place | undefined
  readonly close: () => void
}

const linkHopsMax = 40

/** `root`: absolute. `listen` throws with a `code`; the ears it gives are closed by the tree. */
export const createWatchTree = (
  root: string,
  system: Pick<WatchSystem, 'look' | 'isPlain' | 'isLocal'>,
  listen: (place: Place) => { readonly close: () => void },
): WatchTree => {
  const folders = new Map<string, Folder>()
  const places = new Map<string, Place>()
  /** Entries that no event tells of. */
  const checked = new Set<Entry>()
  const troubled = new Map<Place, string>()
  let marked = new Map<Place, Set<string>>()
  let realRoot = root

  const isInside = (path: string): boolean => path === realRoot || path.startsWith(`${realRoot}/`)

  const arm = (place: Place): void => {
    if (place.ear !== undefined) return
    troubled.delete(place)
    try {
      if (system.isLocal(place.path)) place.ear = listen(place)
      else troubled.set(place, 'notLocal')
    } catch (error) {
      troubled.set(place, codeOf(error))
    }
  }

  const deafen = (place: Place): void => {
    place.ear?.close()
    place.ear = undefined
    troubled.delete(place)
  }

  const drop = (place: Place): void => {
    deafen(place)
    place.isDropped = true
    if (places.get(place.path) === place) places.delete(place.path)
  }

  const placeAt = (path: string): Place => {
    let place = places.get(path)
    if (place === undefined) {
      place = { path, entries: new Map(), folders: new Set(), ear: undefined, isDropped: false }
      places.set(path, place)
      if (isInside(path)) arm(place)
    }
    return place
  }

  const entryOf = (place: Place, name: string): Entry => {
    let entry = place.entries.get(name)
    if (entry === undefined) {
      entry = { place, name, users: new Set(), look: system.look(join(place.path, name)) }
      place.entries.set(name, entry)
      if (place.ear === undefined) checked.add(entry)
    }
    return entry
  }

  /** The real folder at the end of `path`, if a folder is there; every entry on the way gets `user`. */
  const walk = (user: User, path: string): string | undefined => {
    const rest = path.split('/').reverse()
    let at = '/'
    let isFolder = true
    for (let hops = 0; rest.length > 0; ) {
      const name = rest.pop()!
      if (name === '' || name === '.') continue
      if (!isFolder) return undefined
      if (name === '..') {
        at = parentOf(at)
        continue
      }
      const entry = entryOf(placeAt(at), name)
      entry.users.add(user)
      user.trail.add(entry)
      if (entry.look.kind === 'link') {
        if (++hops > linkHopsMax) return undefined
        if (entry.look.target.startsWith('/')) at = '/'
        rest.push(...entry.look.target.split('/').reverse())
      } else if (entry.look.kind === 'folder') at = join(at, name)
      else isFolder = false
    }
    return isFolder ? at : undefined
  }

  const tidy = (place: Place): void => {
    if (place.entries.size === 0 && place.folders.size === 0) drop(place)
  }

  const release = (user: User): void => {
    if (user._tag === 'folder') {
      for (const pin of user.pins.values()) release(pin)
      user.pins.clear()
    }
    for (const entry of user.trail) {
      entry.users.delete(user)
      if (entry.users.size > 0) continue
      entry.place.entries.delete(entry.name)
      checked.delete(entry)
      tidy(entry.place)
    }
    user.trail.clear()
    if (user._tag === 'folder' && user.place !== undefined) {
      user.place.folders.delete(user)
      tidy(user.place)
      user.place = undefined
    }
  }

  const absolute = (path: string): string => (path.startsWith('/') ? path : `${root}/${path}`)

  const settleFolder = (folder: Folder): void => {
    const end = walk(folder, absolute(folder.prefix))
    if (end !== undefined) {
      folder.place = placeAt(end)
      folder.place.folders.add(folder)
      arm(folder.place)
    }
    for (const name of folder.names) settleName(folder, name)
  }

  const settleName = (folder: Folder, name: string): void => {
    const old = folder.pins.get(name)
    if (old !== undefined) {
      release(old)
      folder.pins.delete(name)
    }
    // `a/`, `a/.` and `a/..` end in no entry of `a`: their whole way is walked instead.
    const isEntry = name !== '' && name !== '.' && name !== '..'
    if (isEntry && (folder.place === undefined || system.isPlain(join(folder.place.path, name)))) return
    const pin: Pin = { _tag: 'pin', folder, name, trail: new Set() }
    folder.pins.set(name, pin)
    walk(pin, absolute(folder.prefix + name))
    for (const entry of pin.trail) if (entry.look.isShared && entry.look.kind === 'other') checked.add(entry)
  }

  const folderOf = (path: string): readonly [prefix: string, name: string] => {
    const cut = path.lastIndexOf('/') + 1
    return [path.slice(0, cut), path.slice(cut)]
  }

  const watch = (path: string): void => {
    const [prefix, name] = folderOf(path)
    let folder = folders.get(prefix)
    if (folder === undefined) {
      folder = {
        _tag: 'folder',
        prefix,
        names: new NameSet(),
        counts: new Map(),
        pins: new Map(),
        trail: new Set(),
        place: undefined,
      }
      folders.set(prefix, folder)
      settleFolder(folder)
    }
    if (folder.names.add(name)) settleName(folder, name)
    else folder.counts.set(name, (folder.counts.get(name) ?? 1) + 1)
  }

  const unwatch = (path: string): void => {
    const [prefix, name] = folderOf(path)
    const folder = folders.get(prefix)
    if (folder === undefined) return
    const count = folder.counts.get(name)
    if (count !== undefined) {
      if (count > 2) folder.counts.set(name, count - 1)
      else folder.counts.delete(name)
      return
    }
    if (!folder.names.delete(name)) return
    const pin = folder.pins.get(name)
    if (pin !== undefined) release(pin)
    folder.pins.delete(name)
    if (folder.names.size > 0) return
    release(folder)
    folders.delete(prefix)
  }

  const isUsed = (place: Place, name: string): boolean => {
    if (place.entries.has(name)) return true
    for (const folder of place.folders) if (folder.names.has(name)) return true
    return false
  }

  const mark = (place: Place, name: string): void => {
    if (place.isDropped || (!isUsed(place, name) && name !== baseOf(place.path))) return
    const names = marked.get(place)
    if (names === undefined) marked.set(place, new Set([name]))
    else names.add(name)
  }

  const settle = (): readonly string[] => {
    if (marked.size === 0) return []
    const paths = new Set<string>()
    const users = new Set<User>()
    const leaves: [Folder, string][] = []
    const stir = (entry: Entry): void => {
      for (const user of entry.users) users.add(user)
    }
    /**
     * An event that names the folder itself: it was removed, or unmounted, and its ear is deaf from then on; or an entry
     * has the folder's own name. Both are served by listening anew and taking note of all that lies directly there.
     */
    const relisten = (place: Place): void => {
      if (place.ear === undefined) return
      deafen(place)
      arm(place)
      for (const entry of place.entries.values()) {
        if (system.look(join(place.path, entry.name)).signature !== entry.look.signature) stir(entry)
      }
      for (const folder of place.folders) for (const name of folder.names) leaves.push([folder, name])
      const above = places.get(parentOf(place.path))?.entries.get(baseOf(place.path))
      if (place.ear === undefined && above !== undefined) stir(above)
    }
    for (const [place, names] of marked) {
      if (place.isDropped) continue
      if (names.has(baseOf(place.path))) relisten(place)
      for (const name of names) {
        const entry = place.entries.get(name)
        if (entry !== undefined) stir(entry)
        for (const folder of place.folders) if (folder.names.has(name)) leaves.push([folder, name])
      }
    }
    marked = new Map()

    for (const user of users) release(user)
    // A stirred entry has lost all its users and so itself, and so have the places below: for who gets there came this
    // way. So a folder that is another now is listened to anew, and no ear stays with the one that moved away.
    for (const user of users) if (user._tag === 'folder') settleFolder(user)
    for (const user of users) {
      if (user._tag === 'pin' && !users.has(user.folder)) leaves.push([user.folder, user.name])
      if (user._tag === 'folder') for (const name of user.names) paths.add(user.prefix + name)
    }
    for (const [folder, name] of leaves) {
      paths.add(folder.prefix + name)
      if (!users.has(folder)) settleName(folder, name)
    }
    return [...paths]
  }

  const check = (): void => {
    for (const entry of checked) {
      if (system.look(join(entry.place.path, entry.name)).signature !== entry.look.signature) {
        mark(entry.place, entry.name)
      }
    }
  }

  const renew = (): void => {
    marked = new Map()
    for (const folder of folders.values()) {
      for (const user of [...folder.pins.values(), folder]) user.trail.clear()
      folder.pins.clear()
      folder.place = undefined
    }
    for (const place of [...places.values()]) drop(place)
    checked.clear()
    troubled.clear()
    realRoot = rootNow()
    for (const folder of folders.values()) settleFolder(folder)
  }

  /** Where the root really is, by a walk that nobody keeps. */
  const rootNow = (): string => {
    const probe: Pin = { _tag: 'pin', folder: undefined as never, name: '', trail: new Set() }
    const end = walk(probe, root)
    release(probe)
    return end ?? root
  }

  const trouble = (): string | undefined => {
    for (const place of [...troubled.keys()]) {
      arm(place)
      const why = troubled.get(place)
      if (why !== undefined) return `${why} ${place.path}`
    }
    return undefined
  }

  const close = (): void => {
    folders.clear()
    for (const place of [...places.values()]) drop(place)
  }

  realRoot = rootNow()
  return {
    watch,
    unwatch,
    mark,
    settle,
    check,
    renew,
    hasTrouble: () => troubled.size > 0,
    trouble,
    place: (path) => places.get(path),
    close,
  }
}

const join = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`)

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'

const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
