/** Which do-files could make a target, in the order in which they are tried. After redo's own documentation. */
import type { BuildId } from '../model/ids.js'
import { Bit, Flag, Flight, hasFlag, Kind, kindOf, type State, Status, statusOf } from '../model/state.js'
import { read } from '../model/table.js'
import { isDoFile } from './interpreter.js'
import { baseOf, folderOf, joinPath, relativePath } from './path.js'

export interface Candidate {
  /** Name of the do-file. */
  readonly doFile: string
  /** Its folder, in which it runs. */
  readonly folder: string
  /** The target as seen from there: `$1`. */
  readonly target: string
  /** `$1` without the extension that `default.EXT.do` stands for: `$2`. */
  readonly stem: string
}

/** Nothing is built outside the project, nor is the project's own folder, nor what redo keeps in it. */
export const canBeBuilt = (name: string): boolean =>
  name !== '' && !name.startsWith('/') && !/^\.redford(\/|$)/.test(name)

/**
 * `T.do` beside the target, then in its folder and every folder above it, up to the project's root: `default.EXT.do` from the
 * longest extension to the shortest, and `default.do`. A do-file is never its own.
 */
export const candidatesFor = (name: string): readonly Candidate[] => {
  if (!canBeBuilt(name)) return []
  const base = baseOf(name)
  const home = folderOf(name)
  const found: Candidate[] = [{ doFile: joinPath(home, `${base}.do`), folder: home, target: base, stem: base }]
  for (let folder = home; ; folder = folderOf(folder)) {
    const target = folder === home ? base : relativePath(folder, name)
    for (let dot = base.indexOf('.'); dot >= 0; dot = base.indexOf('.', dot + 1)) {
      const extension = base.slice(dot)
      if (extension === '.') continue
      add(`default${extension}.do`, extension.length)
    }
    add('default.do', 0)
    if (folder === '') return found
    function add(file: string, cut: number): void {
      const doFile = joinPath(folder, file)
      if (doFile !== name) found.push({ doFile, folder, target, stem: target.slice(0, target.length - cut) })
    }
  }
}

/** Whether the do-file, which is not there, is wanted or was there when it was made, and has one of its own: whoever needs it then waits for it. */
export const isToBeMade = (state: State, build: BuildId, doFile: string): boolean =>
  (isGone(state, build) || isWanted(state, build)) &&
  candidatesFor(doFile).some((candidate) => isDoFile(candidate.doFile))

/** Its run made a file. One that made none would make none the next time. */
const isGone = (state: State, build: BuildId): boolean =>
  kindOf(state, build) === Kind.TARGET && !hasFlag(state, build, Flag.VIRTUAL)

const isWanted = (state: State, build: BuildId): boolean =>
  statusOf(state, build) !== Status.REST && (read(state.flight, build, Flight.STATUS) & Bit.WANTED) !== 0
