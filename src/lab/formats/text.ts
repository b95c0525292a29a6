import { readFileSync } from 'node:fs'
import { LabError } from '../graph.js'

/** What is in the file. @throws LabError where it cannot be read, as a folder. */
export const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new LabError(`${path} cannot be read: ${(error as Error).message}`)
  }
}
