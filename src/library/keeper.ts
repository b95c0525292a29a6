/**
 * Keeps an engine's results in a store, and finds them again: gives ids their keys back, tells what may not be used as it is, and commits
 * what changed. The values themselves are read one by one, when they are wanted.
 */
import { readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { fromTable } from '../make/answers.js'
import { isOf } from '../make/content.js'
import type { Keys } from '../make/keys.js'
import type { Setting, World } from '../make/world.js'
import { canonical, type Json } from '../model/codec.js'
import { contentIn, isDigest, isSameContent, resultIn } from '../model/content.js'
import type { Definition, Key } from '../model/definition.js'
import { dependentsOf } from '../model/dependencies.js'
import { Bug, type BuildError, type Failure } from '../model/error.js'
import type { BuildId } from '../model/ids.js'
import { Flag, hasFlag, Kind, kindOf, type State } from '../model/state.js'
import { eachObject, objectAt, rowsEnd } from '../model/table.js'
import { Reason } from '../model/why.js'
import { restored, withOthers, withStale } from '../reduce/restored.js'
import { acquireLock, type Lock } from '../store/lock.js'
import { type Note, NoteKind } from '../store/notes.js'
import { openStoreFile, type Store, StoreFault } from '../store/store.js'
import { keyFrom, nameOf, partsOf } from './name.js'
import { type SqliteStore, StoreFailed } from './store.js'

/** Said before a lock is made beside it. @throws StoreFailed where there can be no file */
const expectPlace = (path: string): void => {
  const folder = dirname(path)
  const around = kindAt(folder)
  if (around === 'ENOENT') throw misplaced(path, around, `there is no folder ${folder}: make it, or name another file`)
  if (around === 'file') throw misplaced(path, 'ENOTDIR', `${folder} is no folder: name a file in one`)
  if (around !== 'folder') throw misplaced(path, around, `${folder} cannot be looked at: name another file`)
  if (kindAt(path) === 'folder') throw misplaced(path, 'EISDIR', 'it is a folder: name a file in it')
}
/** Or why that cannot be told, as a code. */
const kindAt = (path: string): string => {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? ''
  }
}
const misplaced = (path: string, code: string, why: string): StoreFailed =>
  new StoreFailed({ _tag: 'io', path, code, why })

/** The file itself, be it there or not yet: whoever opens it by another name is to meet the same lock. `links`: after so many it is a circle. */
const behindLinks = (path: string, links = 40): string => {
  const tried = [
    () => realpathSync(path),
    () => (links > 0 ? behindLinks(resolve(dirname(path), readlinkSync(path)), links - 1) : path),
    () => join(realpathSync(dirname(path)), basename(path)),
  ]
  for (const attempt of tried)
    try {
      return attempt()
    } catch {
      // It is not there, or no link, or there is no such folder.
    }
  return path
}

/** How a setting is written that says that the source has no value: no text of JSON is empty. */
const REMOVED = ''

export class Keeper {
  /** What the store held, ready to go on from. */
  readonly state: State
  /** That of the last transaction. */
  readonly version: number
  /** What sources were set to since the last commit. */
  private readonly settings = new Map<string, Note | Omit<Note, 'value'>>()
  /** Values that were looked for and not found. */
  private readonly lost = new Set<BuildId>()

  private constructor(
    private readonly lock: Lock,
    private readonly store: Store,
    private readonly keys: Keys,
    world: World,
    definitions: Iterable<Definition>,
    keep: number,
  ) {
    const found = new Findings(store, keys, world, definitions)
    const base = withStale(store.state, found.unread, Reason.UNREAD)
    store.rebase(base)
    const state = withStale(withOthers(base, found.others), found.stale, Reason.REDEFINED)
    this.state = restored({ ...state, keep })
    this.version = found.version
    if (found.isNew) this.write(state, [], found.notes)
  }

  /** @throws StoreFailed */
  static open(
    { path: named, synchronous, onDamage }: SqliteStore,
    keys: Keys,
    world: World,
    definitions: Iterable<Definition>,
    keep: number,
  ): Keeper {
    const path = behindLinks(named)
    expectPlace(path)
    const lock = acquireLock(`${path}.lock`)
    if (E.isLeft(lock)) {
      const { left } = lock
      throw new StoreFailed(left._tag === 'locked' ? { ...left, path } : { ...left, path, code: 'lock' })
    }
    try {
      const store = openStoreFile(path, { synchronous, texts: true })
      if (E.isLeft(store)) throw new StoreFailed(store.left)
      if (store.right.warning !== undefined) onDamage(store.right.warning)
      return new Keeper(lock.right, store.right, keys, world, definitions, keep)
    } catch (error) {
      lock.right.release()
      throw error instanceof StoreFault ? new StoreFailed(error.fault) : error
    }
  }

  /** A source is set, or, with `undefined`, as if it had never been. */
  set(key: Key, setting: Setting | undefined): void {
    const note = { kind: NoteKind.SETTING, key: nameOf(key) }
    const value = setting === 'removed' ? REMOVED : setting && canonical(key.of.values.encode(setting.value))
    this.settings.set(note.key, value === undefined ? note : { ...note, value })
  }

  /** The value of a build whose result holds. Sources are not asked here: what they say is to be found in the world. */
  recall(state: State, x: BuildId): { readonly value: unknown } | undefined {
    const key = this.keys.keyOf(x)
    if (key === undefined || key.of.kind === 'source' || this.lost.has(x)) return undefined
    const result = this.resultOf(state, x)
    const found = result && attempt(() => key.of.values.decode(result.value))
    if (found === undefined) this.lost.add(x)
    return found
  }

  private resultOf(state: State, x: BuildId): { readonly value: Json } | undefined {
    const content = contentIn(state, x)
    if (!isDigest(content)) return { value: resultIn(content) }
    const text = this.store.text(x)
    // It may be what was written and still be no JSON, where a codec made something else.
    return text !== undefined && isOf(content, text) ? attempt(() => JSON.parse(text) as Json) : undefined
  }

  /** Makes `state` what the next start finds. `forgotten`: ids that stand for nothing any more. @throws StoreFailed; the next one makes up for it. */
  commit(state: State, version: number, forgotten: readonly BuildId[] = [], renewed: readonly BuildId[] = []): void {
    for (const x of forgotten) {
      this.store.names.displace(x)
      this.lost.delete(x)
    }
    const notes = [...this.settings.values()]
    if (this.store.meta('version') !== String(version))
      notes.push({ kind: NoteKind.META, key: 'version', value: String(version) })
    this.write(state, renewed, notes)
    this.settings.clear()
  }

  /** The same; of a refusal `onError` hears. */
  commitOrTell(
    state: State,
    version: number,
    forgotten: readonly BuildId[],
    renewed: readonly BuildId[],
    onError: (error: unknown) => void,
  ): void {
    try {
      this.commit(state, version, forgotten, renewed)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      onError(error)
    }
  }

  private write(state: State, renewed: readonly BuildId[], notes: readonly (Note | Omit<Note, 'value'>)[]): void {
    try {
      this.store.commit(state, [], {
        nameOf: (x) => nameOf(this.keys.keyOf(x)!),
        put: notes.filter((note): note is Note => 'value' in note),
        drop: notes.filter((note) => !('value' in note)),
        renewed,
        texts: (before, after, rows) => this.textsOf(before, after, rows),
      })
    } catch (error) {
      throw error instanceof StoreFault ? new StoreFailed(error.fault) : error
    }
  }

  close(): void {
    try {
      this.store.close()
    } finally {
      this.lock.release()
    }
  }

  private textsOf(before: State, after: State, rows: readonly BuildId[]): readonly (readonly [BuildId, string?])[] {
    const texts: (readonly [BuildId, string?])[] = []
    for (const x of rows) {
      const had = hasText(before, x)
      const key = this.keys.keyOf(x)
      if (!hasText(after, x) || key === undefined || key.of.kind === 'source') {
        if (had) texts.push([x])
        continue
      }
      // Given up again already: whoever wants it will find that what is kept is something else.
      const value = objectAt(after.values, x)
      if (value === undefined) continue
      if (had && isSameContent(contentIn(before, x), contentIn(after, x)) && !this.lost.has(x)) continue
      // What was changed since, as a date can be though it is frozen, may fit its codec no more: the next start makes it again.
      const text = attempt(() => canonical(key.of.values.encode(fromTable(value))))
      texts.push(text === undefined ? [x] : [x, text.value])
      if (text !== undefined) this.lost.delete(x)
    }
    return texts
  }
}

/** Whether it is a value that only a text can tell. */
const hasText = (state: State, x: BuildId): boolean =>
  kindOf(state, x) === Kind.VALUE && !hasFlag(state, x, Flag.BROKEN) && isDigest(contentIn(state, x))

/** What of a store can be used, by definitions that may be others than those it was written by. */
class Findings {
  /** Sources that are to be read again, since nobody looked while they may have changed. */
  readonly unread: BuildId[] = []
  /** To be made again: by another version, of an unknown rule, or not to be read. */
  readonly stale: BuildId[] = []
  /** Results in another form, which cannot be compared. */
  readonly others: BuildId[] = []
  readonly version: number
  /** To be written, if anything of them or of `stale` is new. */
  readonly notes: readonly Note[]
  readonly isNew: boolean
  private readonly definitions: ReadonlyMap<string, Definition>
  private readonly trust: ReadonlyMap<Definition, Trust>

  constructor(
    private readonly store: Store,
    private readonly keys: Keys,
    private readonly world: World,
    definitions: Iterable<Definition>,
  ) {
    this.definitions = new Map(Array.from(definitions, (of) => [of.name, of]))
    this.trust = trustIn(this.definitions, store.meta('definitions'))
    this.setWorld()
    const unknown = this.placeKeys()
    for (const x of unknown) for (const p of dependentsOf(store.state, x)) this.stale.push(p)
    this.checkErrors()
    this.version = Number(store.meta('version') ?? 0)
    const prints = JSON.stringify([...this.definitions.values()].map((of) => [of.name, printOf(of)]))
    this.notes = [{ kind: NoteKind.META, key: 'definitions', value: prints }]
    this.isNew = prints !== store.meta('definitions') || this.stale.some((x) => !hasFlag(store.state, x, Flag.STALE))
  }

  private setWorld(): void {
    for (const { key: name, value } of this.store.notesOf(NoteKind.SETTING)) {
      const key = this.keyOf(name)
      if (key?.of.kind !== 'source') continue
      const setting = value === REMOVED ? 'removed' : attempt(() => key.of.values.decode(JSON.parse(value) as Json))
      if (setting !== undefined) this.world.set(key, setting)
    }
  }

  /** Gives every id its key back. Returns those that have none any more. */
  private placeKeys(): readonly BuildId[] {
    const { names, state } = this.store
    const unknown: BuildId[] = []
    const taken = new Set<number>()
    for (const x of names.all()) {
      if (kindOf(state, x) === Kind.UNKNOWN) {
        names.displace(x)
        continue
      }
      if (kindOf(state, x) !== Kind.VALUE) {
        taken.add(x)
        continue
      }
      const key = this.keyOf(names.nameOf(x))
      if (key === undefined || !this.keys.place(x, key)) {
        taken.add(x)
        unknown.push(x)
        this.stale.push(x)
      } else this.check(x, key)
    }
    this.keys.opened(Math.max(names.idsEnd, rowsEnd(state.facts)), taken)
    return unknown
  }

  private keyOf(name: string): Key | undefined {
    const parts = partsOf(name)
    const of = parts && this.definitions.get(parts.rule)
    if (of === undefined) return undefined
    return attempt(() => {
      const key = keyFrom(of, parts!.text)
      return of.keys.isPrimitive === true || nameOf(key) === name ? key : undefined
    })?.value
  }

  private check(x: BuildId, key: Key): void {
    const trust = this.trust.get(key.of)
    if (trust === 'none') this.others.push(x)
    if (key.of.kind === 'source' && this.world.get(key) === undefined) {
      if (key.of.read !== undefined) this.unread.push(x)
      // What it was set to is lost, or it could be read once.
      else if (objectAt(this.store.state.errors, x)?._tag !== 'absent') this.stale.push(x)
    }
    // Settings and results may be of different commits then.
    const isDoubted = key.of.kind === 'source' && this.store.warning !== undefined
    if (trust !== 'all' || isDoubted) this.stale.push(x)
  }

  /** An error whose words cannot be made any more is of no use. */
  private checkErrors(): void {
    eachObject(this.store.state.errors, (x, error) => {
      if (kindOf(this.store.state, x as BuildId) !== Kind.VALUE) return
      if (!this.canTell({ path: [x as BuildId], error })) this.stale.push(x as BuildId)
    })
  }

  private canTell({ path, error }: Failure): boolean {
    const key = this.keys.keyOf(path[path.length - 1]!)
    return path.every((x) => this.keys.keyOf(x) !== undefined) && key !== undefined && this.canSay(key.of, error)
  }

  private canSay(of: Definition, error: BuildError): boolean {
    switch (error._tag) {
      case 'cycle':
        return error.path.every((x) => this.keys.keyOf(x) !== undefined)
      case 'noneOf':
        return error.tried.every((failure) => this.canTell(failure))
      case 'failed':
        return of.errors !== undefined && attempt(() => of.errors!.decode(error.error)) !== undefined
      default:
        return true
    }
  }
}

/** What the results of a definition depend on, besides what its builds need. */
interface Print {
  readonly kind: string
  readonly version: number
  readonly keys: string
  readonly values: string
  readonly errors: string
}

const printOf = (of: Definition): Print => ({
  kind: of.kind,
  version: of.version,
  keys: of.keys.name,
  values: of.values.name,
  errors: of.errors?.name ?? '',
})

/** Of what a definition resulted in: all of it holds; it can be compared with what it results in now; or not even that. */
type Trust = 'all' | 'compare' | 'none'

const trustIn = (
  definitions: ReadonlyMap<string, Definition>,
  prints: string | undefined,
): ReadonlyMap<Definition, Trust> => {
  const known = new Map(prints === undefined ? [] : (JSON.parse(prints) as readonly (readonly [string, Print])[]))
  return new Map(
    Array.from(definitions.values(), (of) => {
      const [before, now] = [known.get(of.name), printOf(of)]
      if (before === undefined || before.values !== now.values || before.errors !== now.errors) return [of, 'none']
      const isSame = before.kind === now.kind && before.version === now.version && before.keys === now.keys
      return [of, isSame ? 'all' : 'compare']
    }),
  )
}

/** What `read` gives; undefined where it throws: codecs are their users' code, and may be others than those that wrote. */
const attempt = <A>(read: () => A): { readonly value: A } | undefined => {
  try {
    return { value: read() }
  } catch (error) {
    if (error instanceof Bug) throw error
    return undefined
  }
}
