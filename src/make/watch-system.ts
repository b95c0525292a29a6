/**
 * What watching needs of the machine, as one record of functions, so that tests can run out of watches or mount a file
 * system without being root. Names are byte strings. Nothing here knows what is watched, or why.
 */
import { lstatSync, readFileSync, readlinkSync, statfsSync, watch } from 'node:fs'
import { bytes } from './path.js'

export interface WatchSystem {
  /** Only Linux is trusted: elsewhere the events of different folders have no common order. */
  readonly isOrdered: boolean
  /** Events the kernel keeps unread; further ones are dropped in silence. Undefined: not known. */
  readonly queueMax: number | undefined
  /** Hears of every event in the folder by the entry's name, of the folder itself by its own. Throws with a `code`. */
  readonly listen: (folder: string, onEvent: (name: string) => void) => { readonly close: () => void }
  /** Whether every change on this file system is made by this kernel, and so is told. */
  readonly isLocal: (folder: string) => boolean
  readonly look: (path: string) => Look
  /** Whether the events of its own folder tell all of this entry: neither a link nor a file with further names. Fast. */
  readonly isPlain: (path: string) => boolean
  /** The mount table of this process, as text: a new mount over a watched folder makes no event. */
  readonly mounts: () => string
}

/** One entry of a folder as it is now, its own and not that of a link's end. */
export interface Look {
  readonly kind: 'absent' | 'folder' | 'link' | 'other'
  /** A link's text, else empty. */
  readonly target: string
  /** The file has more names than this one, and is perhaps written to by another. */
  readonly isShared: boolean
  /** Differs when the entry does. Of a folder: which it is, and not what lies in it. */
  readonly signature: string
}

const look = (path: string): Look => {
  try {
    const stat = lstatSync(bytes(path), { bigint: true, throwIfNoEntry: false })
    if (stat === undefined) return absent('')
    const identity = `${stat.dev} ${stat.ino} ${stat.mode} ${stat.birthtimeNs}`
    if (stat.isDirectory()) return { kind: 'folder', target: '', isShared: false, signature: identity }
    const target = stat.isSymbolicLink() ? readlinkSync(bytes(path), 'latin1') : ''
    const signature = `${identity} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs} ${target}`
    const isShared = stat.nlink > 1n
    return { kind: stat.isSymbolicLink() ? 'link' : 'other', target, isShared, signature }
  } catch (error) {
    return absent(codeOf(error))
  }
}

/** Without BigInt it takes a third less, and every path that is watched is asked once. */
const isPlain = (path: string): boolean => {
  try {
    const stat = lstatSync(bytes(path), { throwIfNoEntry: false })
    return stat === undefined || stat.isDirectory() || (!stat.isSymbolicLink() && stat.nlink <= 1)
  } catch {
    return true
  }
}

const absent = (why: string): Look => ({ kind: 'absent', target: '', isShared: false, signature: why })

export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

/**
 * Magic numbers of statfs(2). A list of the trusted, not of the others, since a type left out must cost a scan and not a
 * stale build: so NFS, CIFS, 9p, FUSE (virtiofs, sshfs, shared folders of virtual machines) and the unknown are scanned.
 */
const localTypes: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x9123683e, // btrfs
  0x58465342, // xfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x794c7630, // overlayfs: what is written past it, into its layers, is undefined to begin with
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0xca451a4e, // bcachefs
  0x3153464a, // jfs
  0x52654973, // reiserfs
  0x4d44, // vfat
  0x2011bab0, // exfat
  0x73717368, // squashfs
  0xe0f5e1e2, // erofs
  0x9660, // iso9660
])

const readQueueMax = (): number | undefined => {
  try {
    return Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'latin1')) || undefined
  } catch {
    return undefined
  }
}

export const openWatchSystem = (): WatchSystem => ({
  isOrdered: process.platform === 'linux',
  queueMax: readQueueMax(),
  listen: (folder, onEvent) => {
    const watcher = watch(bytes(folder), { encoding: 'latin1' as BufferEncoding, persistent: false })
    // Linux reports none; elsewhere nobody trusts us, so that there is nothing to lose.
    watcher.on('error', () => {})
    watcher.on('change', (_type, name) => onEvent(name as string))
    return watcher
  },
  isLocal: (folder) => localTypes.has(statfsSync(bytes(folder)).type),
  look,
  isPlain,
  mounts: () => readFileSync('/proc/self/mountinfo', 'latin1'),
})
