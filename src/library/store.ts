/** Where an engine keeps its results: the choices that `createEngine` is given. */

import { resolve } from 'node:path'
import { optionsIn, shownOption } from '../model/expect.js'
import { Misuse } from '../model/misuse.js'
import type { StoreError, Synchronous } from '../store/database.js'
import type { StoreWarning } from '../store/store.js'

/** Results live as long as the engine. */
export interface MemoryStore {
  readonly _tag: 'memory'
}

/** Results, errors, and what sources were set to are kept in a file. */
export interface SqliteStore {
  readonly _tag: 'sqlite'
  readonly path: string
  readonly synchronous: Synchronous
  readonly onDamage: (damage: StoreWarning) => void
}

/** The default: what is not held is forgotten, and a new engine knows nothing. */
export const memoryStore = (): MemoryStore => ({ _tag: 'memory' })

export interface SqliteOptions {
  /** What a power loss may cost: nothing (`full`), the last moments (`normal`, the default), or all (`off`). A crash of the process costs nothing. */
  readonly synchronous?: Synchronous
  /** Told when the file was damaged, set aside, and begun anew with what could be trusted. Default: a warning of the process. */
  readonly onDamage?: (damage: StoreWarning) => void
}

/**
 * Keeps results in the file `path`, which is made if it is not there, in a folder that is. An engine that opens it again makes nothing that it holds: but
 * for sources with `read`, which are read again when they are wanted, and what comes out different because of that; and for
 * rules of another `version`, or other codecs. One engine at a time may have it open.
 */
export const sqliteStore = (path: string, options: SqliteOptions = {}): SqliteStore => {
  if (typeof path !== 'string' || path === '')
    throw new Misuse(`sqliteStore: expected the path of a file, got ${shownOption(path)}`)
  if (path === ':memory:') throw new Misuse('sqliteStore: :memory: is no file: use memoryStore()')
  const {
    synchronous = 'normal',
    onDamage = (damage: StoreWarning): void => process.emitWarning(wordsOfDamage(path, damage)),
  } = optionsIn('sqliteStore', options, ['synchronous', 'onDamage'])
  if (!['full', 'normal', 'off'].includes(synchronous))
    throw new Misuse(`sqliteStore: \`synchronous\` must be 'full', 'normal' or 'off', got ${shownOption(synchronous)}`)
  if (typeof onDamage !== 'function')
    throw new Misuse(`sqliteStore: \`onDamage\` must be a function, got ${shownOption(onDamage)}`)
  return { _tag: 'sqlite', path: resolve(path), synchronous, onDamage }
}

/** The store cannot be opened or written; `reason` says why, as data. */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed'
  constructor(readonly reason: StoreError | { readonly _tag: 'locked'; readonly path: string }) {
    super(wordsOfReason(reason))
  }
}

const wordsOfReason = (reason: StoreFailed['reason']): string => {
  const { path } = reason
  switch (reason._tag) {
    case 'locked':
      return `${path}: another engine has it open: a store is for one at a time`
    case 'newer':
      return `${path}: it was written by a later version (format ${reason.found}, known up to ${reason.known})`
    case 'gone':
      return `${path}: it is not where it was opened any more`
    case 'io':
      return `${path}: ${reason.why} (${reason.code})`
  }
}

const wordsOfDamage = (path: string, { why, setAside, kept }: StoreWarning): string => {
  const rest = { nothing: 'nothing of it is used', older: 'what it held before is used', state: 'results are used' }
  return `${path} was damaged (${why}) and is kept as ${setAside}: ${rest[kept]}`
}
