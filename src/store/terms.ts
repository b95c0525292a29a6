/** What a store is told, and what it tells, besides states. */
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import type { Migration, Synchronous } from './database.js'
import type { Names } from './names.js'
import type { Note } from './notes.js'

export interface StoreOptions {
  /** What a power loss may cost. `full`: nothing; `normal`: the last moments; `off`: maybe all. A crash costs nothing. */
  readonly synchronous?: Synchronous
  /** Bytes that the journal may grow to before a commit makes a checkpoint of it; a quarter of the pages, if that is more. */
  readonly journalBytesMax?: number
  /** Called as soon as the names are loaded; the rest takes longer. */
  readonly onNames?: (names: Names) => void
  /** How older files are brought up to date; others than the program's own are for its tests. */
  readonly migrations?: readonly Migration[]
  /** Whether there are texts: of values, which are read one by one when they are wanted. */
  readonly texts?: boolean
}

/** A target that is about to be put in place: should this process end before it says so, the file is known by these. */
export interface Intent {
  readonly name: string
  /** Inode of the temporary file, in decimal where it is a string. */
  readonly ino: bigint | string
  /** In bytes. */
  readonly size: number
}

/** The file was damaged. It was kept as `setAside`, and a new one made of what could be trusted. */
export interface StoreWarning {
  readonly _tag: 'damaged'
  readonly setAside: string
  readonly why: string
  /** `nothing`: the state is empty; `older`: it is that of an earlier commit; `state`: only some intents or meta are lost. */
  readonly kept: 'nothing' | 'older' | 'state'
}

/** What is committed together with a state whose builds are values. */
export interface Along {
  /** What a build is called that is stored for the first time. */
  readonly nameOf: (id: BuildId) => string
  /** Notes to be written, in place of others of the same keys. */
  readonly put: readonly Note[]
  readonly drop: readonly Omit<Note, 'value'>[]
  /** Ids that were freed since the last commit and are in use again. */
  readonly renewed: readonly BuildId[]
  /** What to keep of the values of `rows`: a text, or that there is none. */
  readonly texts: (before: State, after: State, rows: readonly BuildId[]) => readonly (readonly [BuildId, string?])[]
}
