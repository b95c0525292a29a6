/** Sources that are files and folders of the disk: read when first needed, and followed while a live request depends on them. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { FolderWatch } from '../make/folder-watch.js'
import { codec } from '../model/codec.js'
import type { Watch } from '../model/definition.js'
import { optionsIn, shownOption } from '../model/expect.js'
import { Misuse } from '../model/misuse.js'
import { type Source, source } from './define.js'
import { throwLater } from './options.js'

export interface FolderOptions {
  /** Keys are paths from here; they may not lead out of it. Default: the working folder. */
  readonly root?: string
  /** Unique in an engine. Default: `file`, or `folder`. */
  readonly name?: string
  /** Paths and globs below the root that are not watched. What is read of them is not followed. */
  readonly ignore?: readonly string[]
  /** Where an error of watching goes: for sources of one root, as the first of them says. Default: thrown out of the event loop. */
  readonly onError?: (error: unknown) => void
}
export interface FileOptions extends FolderOptions {
  /** How bytes become text. Default: `utf8`. */
  readonly encoding?: BufferEncoding
}

/** The text, or the bytes, of the file at a path. A file that is not there is absent. */
export function fileSource(options: FolderOptions & { readonly encoding: 'bytes' }): Source<string, Uint8Array>
export function fileSource(options?: FileOptions): Source<string, string>
export function fileSource(
  options: FolderOptions & { readonly encoding?: BufferEncoding | 'bytes' } = {},
): Source<string, string> | Source<string, Uint8Array> {
  const { name = 'file', encoding = 'utf8' } = optionsIn('fileSource', options, [...PLACE, 'encoding'])
  const place = placeOf(name, options)
  const { watch } = place
  if (encoding === 'bytes') {
    const read = (path: string) => unlessAbsent(fileAt(place.at(path)).then((file) => readFile(file)))
    return source(name, { key: codec.string, value: codec.bytes, read, watch })
  }
  if (!Buffer.isEncoding(encoding))
    throw new Misuse(`${name}: \`encoding\` must be utf8 or the like, or bytes, got ${shownOption(encoding)}`)
  const read = (path: string) => unlessAbsent(fileAt(place.at(path)).then((file) => readFile(file, encoding)))
  return source(name, { key: codec.string, value: codec.string, read, watch })
}

/** The names in the folder at a path, sorted; those of folders end in `/`. A folder that is not there is absent. */
export const folderSource = (options: FolderOptions = {}): Source<string, readonly string[]> => {
  const { name = 'folder' } = optionsIn('folderSource', options, PLACE)
  const place = placeOf(name, options)
  return source(name, {
    key: codec.string,
    value: codec.array(codec.string),
    read: async (path) => {
      const entries = await unlessAbsent(readdir(place.at(path), { withFileTypes: true }))
      return entries?.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
    },
    watch: place.watch,
  })
}

/** Options of either. */
const PLACE: readonly string[] = ['root', 'name', 'ignore', 'onError'] satisfies readonly (keyof FolderOptions)[]

interface Place {
  /** @throws Misuse where the path leads out of the root. */
  readonly at: (path: string) => string
  readonly watch: Watch<string>
}

/** One subscription for each root and what is ignored there, whoever listens. */
const watches = new Map<string, FolderWatch>()

const placeOf = (name: string, { root = '.', ignore = [], onError = throwLater }: FolderOptions): Place => {
  if (typeof root !== 'string')
    throw new Misuse(`${name}: \`root\` must be the path of a folder, got ${shownOption(root)}`)
  if (!Array.isArray(ignore) || !ignore.every((glob) => typeof glob === 'string'))
    throw new Misuse(`${name}: \`ignore\` must be a list of paths and globs, got ${shownOption(ignore)}`)
  if (typeof onError !== 'function')
    throw new Misuse(`${name}: \`onError\` must be a function, got ${shownOption(onError)}`)
  const folder = resolve(root)
  const at = (path: string): string => {
    const whole = resolve(folder, path)
    if (whole !== folder && !whole.startsWith(join(folder, sep)))
      throw new Misuse(`${path} lies outside of the root of ${name}, ${folder}: use a source with another root`)
    return whole
  }
  const id = JSON.stringify([folder, ignore])
  return {
    at,
    watch: (path, changed) => {
      let whole: string
      try {
        whole = at(path)
      } catch {
        // To read it was refused as well, and that does not change.
        return () => {}
      }
      const watch = watches.get(id) ?? new FolderWatch(folder, ignore, onError)
      watches.set(id, watch)
      return watch.listen(whole, changed)
    },
  }
}

/** To open a pipe waits for who writes to it, in one of the few threads that the process reads files with. */
const fileAt = async (path: string): Promise<string> => {
  if ((await stat(path)).isFIFO()) throw new Error(`${path} is a pipe, and no file`)
  return path
}

const ABSENT: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR'])

const unlessAbsent = <A>(reading: Promise<A>): Promise<A | undefined> =>
  reading.catch((error: NodeJS.ErrnoException) => {
    if (ABSENT.has(error.code)) return undefined
    throw error
  })
