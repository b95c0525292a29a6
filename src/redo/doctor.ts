/** `redford doctor`: what this installation has, what it lacks, and what that costs. */
import { readFileSync, statfsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fromByteString, workingFolderBytes } from './byte-strings.js'
import { frontEndCache, nativeProgram, packageVersion, usableCache } from './native.js'
import { findRoot } from './project.js'

/** Prints the report; 0 when nothing is missing, else 1. */
export const doctor = (json: boolean): number => {
  const native = nativeProgram()
  const root = fromByteString(findRoot(workingFolderBytes()))
  const watches = numberIn('/proc/sys/fs/inotify/max_user_watches')
  const lines: [ok: boolean, text: string][] = [
    [true, `redford ${packageVersion}, node ${process.version}, ${process.platform} ${process.arch}`],
    native._tag === 'native'
      ? [true, `native client: ${native.program}`]
      : [
          false,
          `native client: none, since ${native.why}; each redo command in a do-file takes 40 to 80 ms instead of one. Install a C compiler (cc).`,
        ],
    cacheLine(usableCache(process.env), frontEndCache(process.env)),
    [true, `project: ${root}`],
    process.platform === 'linux'
      ? [
          watches === undefined || watches >= 8192,
          `folder watches: ${watches ?? 'unknown'} allowed${watches !== undefined && watches < 8192 ? '; raise fs.inotify.max_user_watches, or every command looks at every file' : ''}`,
        ]
      : [true, 'folder watches: not trusted on this system; every command looks at every file'],
    [
      isLocal(root),
      `file system of the project: ${isLocal(root) ? 'local' : 'networked; changes made elsewhere are seen by looking at every file'}`,
    ],
  ]
  const ok = lines.every(([isWell]) => isWell)
  if (json) process.stdout.write(`${JSON.stringify({ ok, checks: lines.map(([ok, text]) => ({ ok, text })) })}\n`)
  else for (const [isWell, text] of lines) process.stdout.write(`${isWell ? 'ok  ' : 'no  '} ${text}\n`)
  return ok ? 0 : 1
}

const cacheLine = (used: string | undefined, wanted: string): [ok: boolean, text: string] => {
  if (used === wanted) return [true, `cache: ${used}`]
  const why = isAbsolute(wanted) ? 'cannot be written, or is not yours alone' : 'is not absolute'
  return [
    false,
    `cache: ${used ?? 'none'}, since ${wanted} ${why}; each command outside of do-files takes 40 to 80 ms instead of one. See XDG_CACHE_HOME.`,
  ]
}

const numberIn = (file: string): number | undefined => {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Types of statfs that are not on this machine: NFS, SMB, CIFS, FUSE, 9p. */
const NETWORKED: readonly number[] = [0x6969, 0x517b, 0xff534d42, 0x65735546, 0x01021997]

const isLocal = (folder: string): boolean => {
  try {
    return !NETWORKED.includes(statfsSync(folder).type)
  } catch {
    return true
  }
}
