/** The traces that are not part of the project: beside it, or where REDFORD_TRACES says. */
import { existsSync } from 'node:fs'

const FOLDER = process.env.REDFORD_TRACES ?? '../shared/traces'

export const traces = (name: string): string | undefined => {
  const path = `${FOLDER}/${name}`
  if (existsSync(path)) return path
  console.log(`there is no ${path}: tests that need it are skipped`)
  return undefined
}
