/**
 * Temporary files beside targets, and a note of them, so that whoever comes after a process that was ended without
 * warning can clear them away. The note is a file that lines are appended to: the cheapest write there is.
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import type { Look } from './look.js'
import { bytes } from './path.js'

/** A run, as far as its temporary files go: `output` is its `$3`, `name` its target. */
interface Writer {
  readonly output: string
  readonly name: string
  /** What was in the target's place when it began. */
  readonly before: Pick<Look, 'stat0' | 'stat1'>
}

/** A run that was begun, and is not known to have failed. */
export interface Begun {
  readonly name: string
  readonly stat0: number
  readonly stat1: number
}

const FOLDER = '.redford/tmp'
const NOTE = '.redford/outputs'

/** The name of a `$3` beside its target: unique to the attempt; short where the target's own name leaves no room. */
export const temporaryName = (base: string, id: number): string =>
  base.length > 220 ? `.${id}.redo.tmp` : `${base}.${id}.redo.tmp`
/** Where what stood in the target's place goes while its successor takes it, if one of them is a folder. */
export const asidePath = ({ output }: Pick<Writer, 'output'>): string => `${output}.old`
/** Where a copy of the output is made, should it need one. */
export const copyPath = ({ output }: Pick<Writer, 'output'>): string => `${output}.copy`

export class Temporaries {
  /** Runs that were under way when an earlier process was ended, or were over shortly before. */
  readonly begun: readonly Begun[]
  private readonly fd: number
  private size = 0
  /** Empty, and nobody's: files of standard error, and of standard output by the umask they were made with. */
  private readonly errorFiles: string[] = []
  private readonly outputFiles = new Map<number, string[]>()

  /** Clears away what an earlier process left, and opens the note. */
  constructor() {
    this.begun = clear()
    // Appending, or what is written once it was emptied would come behind as many NULs as it held before.
    this.fd = openSync(NOTE, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND, 0o600)
  }

  /** To be called before the run may write. No name holds a newline. */
  note({ output, name, before }: Writer): void {
    this.append(`${output}\n${name}\n${before.stat0} ${before.stat1}\n`)
  }

  /** It failed: whatever comes to be in the target's place from now on is not its doing. */
  noteFailed({ output, name }: Pick<Writer, 'output' | 'name'>): void {
    try {
      this.append(`${output}\n${name}\nfailed\n`)
    } catch {
      // The disk is full. It matters only to who comes after a sudden end, and the build is broken in any case.
    }
  }

  /** All of it or nothing: it is read back by threes, and a full disk takes the beginning of what it has no room for. */
  private append(lines: string): void {
    const whole = bytes(lines)
    try {
      for (let at = 0; at < whole.length; ) at += writeSync(this.fd, whole, at)
    } catch (error) {
      ftruncateSync(this.fd, this.size)
      throw error
    }
    this.size += whole.length
  }

  /**
   * Where run `id` writes its standard error: to the file of an earlier one that said nothing, if there is one. Most say nothing, and a new
   * file for each costs more than the rest of a start, since ext4 passes over all that were lately removed when it looks for an inode.
   */
  errorFile(id: number): string {
    return this.errorFiles.pop() ?? `${FOLDER}/${id}.err`
  }

  /** As much for its standard output: a do-file uses that or `$3`. */
  outputFile(id: number, umask: number): string {
    return this.outputFiles.get(umask)?.pop() ?? `${FOLDER}/${id}.out`
  }

  /** The run is over. Files that it did not use, and that nobody has open, are for others. */
  takeBack(
    { stdout, stderr, umask }: { stdout: string; stderr: string; umask: number },
    { isStdoutUnused, isStderrUnused }: { isStdoutUnused: boolean; isStderrUnused: boolean },
  ): void {
    if (isStderrUnused) this.errorFiles.push(stderr)
    if (!isStdoutUnused) return
    const files = this.outputFiles.get(umask)
    if (files === undefined) this.outputFiles.set(umask, [stdout])
    else files.push(stdout)
  }

  /** Nothing runs: no temporary file is left. */
  forget(): void {
    for (const file of [...this.errorFiles.splice(0), ...[...this.outputFiles.values()].flat()]) remove(file)
    this.outputFiles.clear()
    if (this.size > 0) ftruncateSync(this.fd)
    this.size = 0
  }

  close(): void {
    closeSync(this.fd)
  }
}

/** Whether an earlier process left nothing to be cleared away. */
export const isTidy = (): boolean => (lstatSync(NOTE, { throwIfNoEntry: false })?.size ?? 0) === 0

const clear = (): readonly Begun[] => {
  const lines = noted()
  const begun = new Map<string, Begun>()
  for (let i = 0; i + 2 < lines.length; i += 3) {
    const [output, name, before] = [lines[i]!, lines[i + 1]!, lines[i + 2]!]
    const [stat0, stat1] = before.split(' ').map(Number)
    if (stat0 !== undefined && stat1 !== undefined) begun.set(name, { name, stat0, stat1 })
    else begun.delete(name)
    const aside = asidePath({ output })
    // It was ended between putting the old one aside and putting the new one in its place.
    if (!putBack(aside, name)) continue
    for (const path of [output, aside, copyPath({ output })]) remove(path)
  }
  for (const file of readdirSync(FOLDER)) rmSync(`${FOLDER}/${file}`, { recursive: true, force: true })
  return [...begun.values()]
}

const noted = (): readonly string[] => {
  try {
    // NULs: it was cut short by a crash of the system. No name holds one.
    return readFileSync(NOTE, 'latin1').replaceAll('\0', '').split('\n')
  } catch {
    return []
  }
}

export const remove = (path: string): void => {
  try {
    rmSync(bytes(path), { recursive: true, force: true })
  } catch {
    // What cannot be removed is found by whoever needs the name next.
  }
}

/** What a run that is over, or never was, may have left. */
export const removeFiles = ({ output, stdout, stderr }: { output: string; stdout: string; stderr: string }): void => {
  for (const file of [output, stdout, stderr]) remove(file)
}

/** False: their folder cannot be had any more, and nothing in it be put right. */
const putBack = (aside: string, name: string): boolean => {
  try {
    if (isThere(aside) && !isThere(name)) renameSync(bytes(aside), bytes(name))
    return true
  } catch {
    return false
  }
}

const isThere = (path: string): boolean => lstatSync(bytes(path), { throwIfNoEntry: false }) !== undefined
