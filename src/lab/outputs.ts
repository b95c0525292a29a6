/** What a study is written to: looked over before anything runs, so that nothing is lost that somebody may want to keep. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isSameFile, placeFault } from '../store/recording/format.js'
import { LabError } from './graph.js'

/** How what the lab writes begins, by the option that names the file. */
const BEGINNINGS: Readonly<Record<string, RegExp>> = {
  '--csv': /^scenario,policy,seed,/,
  '--json': /^\{\s*"summaries":/,
  '--html': /<meta name="generator" content="redford lab">/,
}

/** `outputs`: by option; `inputs`: all files that are read. @throws LabError */
export const expectFree = (outputs: ReadonlyMap<string, string>, inputs: readonly string[]): void => {
  const taken = new Map<string, string>()
  for (const [option, path] of outputs) {
    const fail = (why: string): never => {
      throw new LabError(`${option}: ${why}: name another file`)
    }
    const other = taken.get(resolve(path))
    if (other !== undefined) fail(`${path} is where ${other} goes, too`)
    taken.set(resolve(path), option)
    if (inputs.some((input) => isSameFile(input, path))) fail(`${path} is what is read`)
    const folder = dirname(path)
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
      fail(`${path} cannot be written: there is no folder ${folder}`)
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) fail(`${path} is a folder`)
    const fault = option === '--export' ? placeFault(path) : undefined
    if (fault !== undefined) throw new LabError(`--export: ${fault}`)
    if (option !== '--export' && !mayBeWritten(path, BEGINNINGS[option]!))
      fail(`${path} is there and is no ${option.slice(2)} of the lab`)
  }
}

/** An earlier one of its kind, an empty file, or what is no file, as /dev/stdout. */
const mayBeWritten = (path: string, beginning: RegExp): boolean => {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.size === 0) return true
  const bytes = Buffer.alloc(200)
  const fd = openSync(path, 'r')
  try {
    return beginning.test(bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0)))
  } finally {
    closeSync(fd)
  }
}
