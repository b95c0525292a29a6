/**
 * Putting in place what do-files made: intent, rename, and the result is committed with the tick. Whatever instant this program
 * is ended at, the target is whole, and the intent tells whose it is (`Store.commit`).
 */
import { copyFileSync, lstatSync, renameSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import * as E from 'fp-ts/lib/Either.js'
import type { BuildError } from '../model/error.js'
import type { Look } from '../model/event.js'
import { ABSENT, FOLDER } from '../model/look.js'
import { makeFolder } from './folder.js'
import { interpreterOf } from './interpreter.js'
import { isOtherFile, lookAtItself } from './look.js'
import { lookWithContent } from './look-content.js'
import { bytes, folderOf } from './path.js'
import type { Run } from './run.js'
import { type End, withUmask } from './spawner.js'
import { asidePath, copyPath } from './temporary.js'

/** Redo's own codes, as apenwarr's redo numbers them. */
const WROTE_TARGET = 206
const WROTE_BOTH = 207
export const NOT_PLACED = 209

/** Writes what a do-file would have written, and makes the folder for it. */
export const writeOutput = (run: Run, content: string | Uint8Array): void =>
  withUmask(run.umask, () => {
    makeFolder(folderOf(run.name))
    writeFileSync(bytes(run.output), content)
  })

/** A run whose do-file has ended. */
export interface Finished {
  readonly run: Run
  readonly end: End
}

export interface Published {
  readonly outcome: E.Either<BuildError, { readonly look: Look; readonly virtual: boolean }>
  /** An intent was recorded for it. */
  readonly intended: boolean
}

/** What is to be renamed to the target's name; none: the do-file made nothing. `overOther`: over something, and one of the two is a folder. `isSame`: over itself, under another name. */
type Output =
  | {
      readonly path: string
      readonly ino: bigint
      readonly size: number
      readonly overOther: boolean
      readonly isSame: boolean
    }
  | undefined

export const publish = (
  finished: readonly Finished[],
  intend: (files: readonly { name: string; ino: bigint; size: number }[]) => void,
): readonly Published[] => {
  let judged = finished.map((one) => attempt(() => outputOf(one)))
  const intents: { name: string; ino: bigint; size: number }[] = []
  for (const [i, output] of judged.entries()) {
    if (E.isRight(output) && output.right !== undefined) {
      const { ino, size } = output.right
      intents.push({ name: finished[i]!.run.name, ino, size })
    }
  }
  const recorded = attempt(() => E.right(intents.length > 0 && intend(intents)))
  // What cannot be recorded is not put in place: it would be taken for a person's work.
  if (E.isLeft(recorded)) judged = judged.map((output) => (E.isRight(output) && output.right ? recorded : output))
  return judged.map((output, i) => {
    const { run, end } = finished[i]!
    const outcome = E.isLeft(output) ? output : attempt(() => E.right(place(run, output.right)))
    // What was renamed is gone, and what is unused is kept for another run.
    const placed = E.isRight(outcome) && E.isRight(output) ? output.right?.path : undefined
    if (placed !== run.output) discard(run.output)
    if (placed !== run.stdout && !isUnused(end)) discard(run.stdout)
    if (E.isLeft(outcome)) discard(copyPath(run))
    return { outcome, intended: E.isRight(output) && output.right !== undefined }
  })
}

/** Errors of the disk break that one build; its words are the system's. */
const attempt = <A>(act: () => E.Either<BuildError, A>): E.Either<BuildError, A> => {
  try {
    return act()
  } catch (error) {
    return refused(NOT_PLACED, `its output cannot be put in place: ${(error as Error).message}`)
  }
}

const refused = (code: number, why: string): E.Either<BuildError, never> => E.left({ _tag: 'refused', code, why })

const isUnused = (end: End): boolean => 'exitCode' in end && end.isStdoutUnused

const outputOf = ({ run, end }: Finished): E.Either<BuildError, Output> => {
  if ('errno' in end) {
    const [interpreter = run.candidate.doFile] = interpreterOf(run.candidate.doFile, '') ?? []
    return refused(1, `its do-file could not be started: ${end.text} (${interpreter})`)
  }
  if (end.signal !== 0) return E.left({ _tag: 'signal', signal: signalName(end.signal) })
  // What it said of that may be lost for the same reason.
  if (end.exitCode !== 0 && (isFull(run.stdout) || isFull(run.output)))
    return refused(1, `exit ${end.exitCode}, and no space is left on the device (ENOSPC)`)
  if (end.exitCode !== 0) return E.left({ _tag: 'exit', code: end.exitCode })
  const now = lookAtItself(run.name)
  if (now.kind !== ABSENT && now.kind !== FOLDER && isOtherFile(run.before, now))
    return refused(WROTE_TARGET, 'it wrote to $1 itself; it should write to $3 or to its standard output')
  const stdout = end.isStdoutUnused ? undefined : lstatSync(bytes(run.stdout), { throwIfNoEntry: false, bigint: true })
  const output = lstatSync(bytes(run.output), { throwIfNoEntry: false, bigint: true })
  const hasStdout = stdout !== undefined && stdout.size > 0n
  if (hasStdout && output !== undefined)
    return refused(WROTE_BOTH, 'it wrote both to $3 and to its standard output; only one of them can be the target')
  const found = output ?? (hasStdout ? stdout : undefined)
  if (found === undefined) return E.right(undefined)
  const path = output === undefined ? run.stdout : run.output
  const isElsewhere =
    path === run.stdout && found.dev !== lstatSync(bytes(folderOf(run.name) || '.'), { bigint: true }).dev
  const overOther = now.kind === FOLDER || (found.isDirectory() && now.kind !== ABSENT)
  const isSame = now.own?.ino === found.ino && now.own.dev === found.dev
  if (!found.isFile() || !(end.hasCompany || isElsewhere))
    return E.right({ path, ino: found.ino, size: Number(found.size), overOther, isSame })
  // Somebody may write to that very file later, or it is on another disk: the target gets one of its own.
  const copy = copyPath(run)
  copyFileSync(bytes(path), bytes(copy))
  const own = lstatSync(bytes(copy), { bigint: true })
  return E.right({ path: copy, ino: own.ino, size: Number(own.size), overOther, isSame: false })
}

/** Whether nothing more can be written where a file is. */
export const isFull = (path: string): boolean => {
  try {
    const { bfree, bavail } = statfsSync(bytes(folderOf(path) || '.'))
    return (process.geteuid?.() === 0 ? bfree : bavail) === 0
  } catch {
    return false
  }
}

const place = (run: Run, output: Output): { look: Look; virtual: boolean } => {
  if (output !== undefined) {
    replace(run, output)
    return { look: lookWithContent(run.name), virtual: false }
  }
  const now = lookAtItself(run.name)
  // A folder is made in place, since it cannot be written any other way.
  if (now.kind === FOLDER) return { look: lookWithContent(run.name, now), virtual: false }
  if (now.kind !== ABSENT) unlinkSync(bytes(run.name))
  return { look: lookWithContent(run.name), virtual: true }
}

/** A folder cannot be renamed over, nor over a file: what is in its place is put aside first, and removed when its successor stands. */
const replace = (run: Run, { path, overOther, isSame }: NonNullable<Output>): void => {
  if (!overOther) {
    renameSync(bytes(path), bytes(run.name))
    // Of two names of one file a rename leaves both.
    if (isSame) unlinkSync(bytes(path))
    return
  }
  const aside = asidePath(run)
  renameSync(bytes(run.name), bytes(aside))
  try {
    renameSync(bytes(path), bytes(run.name))
  } catch (error) {
    renameSync(bytes(aside), bytes(run.name))
    throw error
  }
  rmSync(bytes(aside), { recursive: true, force: true })
}

const discard = (path: string): void => {
  try {
    const stat = lstatSync(bytes(path), { throwIfNoEntry: false })
    if (stat?.isDirectory() === true) rmSync(bytes(path), { recursive: true, force: true })
    else if (stat !== undefined) unlinkSync(bytes(path))
  } catch {
    // A leftover does no harm: its name is never used again.
  }
}

const signalName = (signal: number): string =>
  Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`
