/** One run of a do-file, from its start to its end. */
import { lstatSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import type { BuildId } from '../model/ids.js'
import type { Look } from './look.js'
import type { Candidate } from './lookup.js'

export interface Run {
  /** Also the token by which its requests are known. */
  readonly id: number
  readonly build: BuildId
  readonly name: string
  readonly candidate: Candidate
  readonly session: BuildId
  /** Paths relative to the root. */
  readonly output: string
  readonly stdout: string
  readonly stderr: string
  /** What stood in the target's place before. */
  readonly before: Look
  pid: number
}

const bytes = (path: string): Buffer => Buffer.from(path, 'latin1')

const noteOf = (id: number | string): string => `.redford/tmp/${id}.to`

/** Where a folder that stood in the target's place goes while its successor takes it. */
export const asidePath = (run: { readonly output: string }): string => `${run.output}.old`
/** Where a copy of the output is made, should it need one. */
export const copyPath = (run: { readonly output: string }): string => `${run.output}.copy`

/** Notes, as the text of a symbolic link (one call to write it), where the run's temporary files are, for who comes after us. */
export const noteTemporary = (run: Run): void => symlinkSync(bytes(`${run.output}\n${run.name}`), noteOf(run.id))

/** The run is over, and its temporary files are gone. */
export const forgetTemporary = (run: Run): void => rmSync(noteOf(run.id), { force: true })

/** Clears away what runs of a process that was ended without warning left behind. */
export const clearTemporaries = (): void => {
  for (const file of readdirSync('.redford/tmp')) {
    if (file.endsWith('.to')) {
      const [output = '', name = ''] = readlinkSync(`.redford/tmp/${file}`, { encoding: 'latin1' }).split('\n')
      const aside = asidePath({ output })
      // It was ended between putting the old folder aside and putting the new one in its place.
      if (isThere(aside) && !isThere(name)) renameSync(bytes(aside), bytes(name))
      for (const path of [output, aside, copyPath({ output })]) rmSync(bytes(path), { recursive: true, force: true })
    }
    rmSync(`.redford/tmp/${file}`, { recursive: true, force: true })
  }
}

const isThere = (path: string): boolean => lstatSync(bytes(path), { throwIfNoEntry: false }) !== undefined
