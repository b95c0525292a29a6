/** Making folders. */
import { mkdirSync, statSync } from 'node:fs'
import { bytes, folderOf } from './path.js'

/**
 * Makes a folder, and those above it, unless they are there. As `mkdirSync` with `recursive`, which says of a read-only disk, and of more
 * that it does not know, that a folder is missing.
 */
export const makeFolder = (name: string, mode?: number): void => {
  if (name === '') return
  try {
    makeOne(name, mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    makeFolder(folderOf(name), mode)
    makeOne(name, mode)
  }
}

const makeOne = (name: string, mode: number | undefined): void => {
  try {
    mkdirSync(bytes(name), { mode })
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && statSync(bytes(name)).isDirectory()
    if (!isThere) throw error
  }
}
