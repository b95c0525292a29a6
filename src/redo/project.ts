/** Where a project is: its root folder, and how the many spellings of a file become its one name. Byte strings. */
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { baseOf, bytes, folderOf, isWithin, joinPath, normalize, relativePath } from '../make/path.js'
import { shownValue } from '../make/value-file.js'
import { Misuse } from '../model/misuse.js'
import { toByteString } from './byte-strings.js'
import { printable } from './words.js'

/** The folder of the project's state, in its root. */
export const STATE_FOLDER = '.redford'

const exists = (path: string): boolean => {
  try {
    return lstatSync(bytes(path), { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

/** The real path of a folder; of one that is not there (yet), that of the nearest that is, and the rest as text. */
const realFolder = (folder: string): string => {
  try {
    return realpathSync.native(bytes(folder), { encoding: 'buffer' }).toString('latin1')
  } catch {
    if (folder === '/' || folder === '') return folder
    return normalize(joinPath(realFolder(folderOf(folder)), baseOf(folder)))
  }
}

const withParents = (folder: string): readonly string[] => {
  const found = [folder]
  while (found[found.length - 1] !== '/') found.push(folderOf(found[found.length - 1]!))
  return found
}

/**
 * The root for a command given in `cwd` (absolute): the project of `cwd`, unless all targets lie elsewhere; then that of the targets, if they
 * are in one; targets of several are refused (Misuse). A project is the nearest folder upwards that has state, else the nearest with a `redford.config.*` or `.git`. Where there is
 * none: the highest folder that holds a do-file, above `cwd` and all targets; else the lowest that holds them. `/`, the home folder and the
 * folder for temporary files, where stray files live, do not count for that.
 */
export const findRoot = (cwd: string, targets: readonly string[] = []): string => {
  const here = realFolder(cwd)
  const named = targets.filter((target) => target !== '' && target !== '-')
  const folders = [...new Set(named.map((target) => realFolder(folderOf(joinPath(here, target)) || '/')))]
  const there = folders.length === 0 ? here : folders.reduce(commonFolder)
  const own = projectAbove(here)
  if (own !== undefined && (folders.length === 0 || folders.some((folder) => isWithin(own, folder)))) return own
  const common = projectAbove(there)
  if (common !== undefined) return common
  const [one, other] = new Set(folders.map(projectAbove).filter((project) => project !== undefined))
  if (other !== undefined)
    throw new Misuse(
      `the targets are of several projects, ${printable(one!)} and ${printable(other)}: give a command for each`,
    )
  if (own !== undefined) return own
  const stray = ['/', realFolder(toByteString(homedir())), realFolder(toByteString(tmpdir()))]
  const highest = (start: string): string | undefined =>
    withParents(start)
      .filter((folder) => !stray.includes(folder) && namesIn(folder).some((name) => name.endsWith('.do')))
      .at(-1)
  const all = commonFolder(here, there)
  if (!stray.includes(all)) return highest(all) ?? all
  return highest(here) ?? highest(there) ?? here
}

const projectAbove = (start: string): string | undefined => {
  const upwards = withParents(start)
  return (
    upwards.find((folder) => statIsFolder(joinPath(folder, STATE_FOLDER))) ??
    upwards.find((folder) => exists(joinPath(folder, '.git')) || holdsConfig(folder))
  )
}

const holdsConfig = (folder: string): boolean => namesIn(folder).some((name) => name.startsWith('redford.config.'))

/** Nothing was built in it yet, and no config of it makes anything. */
export const isUnbuilt = (root: string): boolean => !statIsFolder(joinPath(root, STATE_FOLDER)) && !holdsConfig(root)

const statIsFolder = (path: string): boolean => {
  try {
    return statSync(bytes(path), { throwIfNoEntry: false })?.isDirectory() === true
  } catch {
    return false
  }
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(bytes(folder), { encoding: 'latin1' })
  } catch {
    return []
  }
}

const commonFolder = (a: string, b: string): string => withParents(a).find((folder) => isWithin(folder, b)) ?? '/'

/** Turns what a user calls a target into its name, for one request: folders are resolved once. */
export class Resolver {
  private readonly root: string
  private readonly cwd: string
  private readonly folders = new Map<string, string>()
  /** By a target's folder as it was given, up to the slash: what its name begins with, if it lies in the root. */
  private readonly prefixes = new Map<string, string | undefined>()

  /** `root`: its real path. `cwd`: absolute. */
  constructor(root: string, cwd: string) {
    this.root = root
    this.cwd = cwd
  }

  /**
   * The name: the folder through all links, the last part as it is (a target may itself be a link). `..` behind a link is what the
   * system makes of it.
   */
  nameOf(target: string): string {
    const last = baseOf(target)
    if (last === '' || last === '.' || last === '..') return this.within(this.real(joinPath(this.cwd, target)))
    const given = target.slice(0, target.length - last.length)
    if (!this.prefixes.has(given)) this.prefixes.set(given, this.prefixOf(given))
    const prefix = this.prefixes.get(given)
    if (prefix === undefined) return this.within(joinPath(this.folder(given), last))
    return prefix === given ? target : prefix + last
  }

  private folder(given: string): string {
    return this.real(given === '' ? this.cwd : joinPath(this.cwd, folderOf(given)))
  }

  private prefixOf(given: string): string | undefined {
    const folder = this.folder(given)
    if (!isWithin(this.root, folder)) return undefined
    const name = this.within(folder)
    return name === '' ? '' : `${name}/`
  }

  /** How the client calls the target of that name. */
  shown(name: string): string {
    return shownValue(name) ?? relativePath(this.real(this.cwd), joinPath(this.root, name))
  }

  private real(folder: string): string {
    const known = this.folders.get(folder)
    if (known !== undefined) return known
    const real = realFolder(folder)
    this.folders.set(folder, real)
    return real
  }

  private within(path: string): string {
    if (path === this.root) return ''
    return isWithin(this.root, path) ? path.slice(this.root === '/' ? 1 : this.root.length + 1) : path
  }
}
