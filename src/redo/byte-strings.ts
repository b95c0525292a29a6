/**
 * This process's arguments, environment and working folder as byte strings (one char a byte). Node decodes all three as
 * UTF-8, which loses every other name; the kernel still has the bytes.
 */
import { isUtf8 } from 'node:buffer'
import fs from 'node:fs'
import { Misuse, messageOf } from '../model/misuse.js'

/** What Node leaves of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd'

export const toByteString = (text: string): string => Buffer.from(text).toString('latin1')

/** For humans and for those functions of Node that take no bytes. Loses what is no UTF-8. */
export const fromByteString = (byteString: string): string => Buffer.from(byteString, 'latin1').toString()

/**
 * Calls `act` with a name of the folder that Node can spell, good until `act` returns: of a name that is no UTF-8 what /proc calls it, which only Linux
 * has, and only Linux needs.
 */
export const withSpelled = <T>(folder: string, act: (name: string) => T): T => {
  const bytes = Buffer.from(folder, 'latin1')
  if (isUtf8(bytes)) return act(bytes.toString())
  const fd = fs.openSync(bytes, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    return act(`/proc/${process.pid}/fd/${fd}`)
  } finally {
    fs.closeSync(fd)
  }
}

/** NUL-terminated strings of a file of /proc; none where there is no /proc. */
const procStrings = (file: string): readonly string[] => {
  try {
    return fs.readFileSync(file, 'latin1').split('\0').slice(0, -1)
  } catch {
    return []
  }
}

/** The last arguments of the command line, which `args` are (a tail of process.argv). */
export const argumentBytes = (args: readonly string[]): readonly string[] => {
  if (!args.some((arg) => arg.includes(REPLACEMENT))) return args.map(toByteString)
  const real = procStrings('/proc/self/cmdline').slice(-args.length)
  // Only what really reads the same is taken: the caller may have changed process.argv.
  return args.map((arg, i) => (real[i] !== undefined && fromByteString(real[i]) === arg ? real[i] : toByteString(arg)))
}

/** The front end keeps one variable from our own Node by another name; do-files get it by its own. */
const nameOfVariable = (name: string): string => (name === 'REDFORD_CA_CERTS' ? 'NODE_EXTRA_CA_CERTS' : name)

/** NAME=value of every variable. */
export const environmentBytes = (env: NodeJS.ProcessEnv = process.env): readonly string[] => {
  const entries = Object.entries(env).map(([name, value]) => `${nameOfVariable(name)}=${value ?? ''}`)
  if (!entries.some((entry) => entry.includes(REPLACEMENT))) return entries.map(toByteString)
  const real = new Map(procStrings('/proc/self/environ').map((entry) => [fromByteString(entry), entry]))
  return entries.map((entry) => real.get(entry) ?? toByteString(entry))
}

/** The value of a variable; '' where there is none. `environment`: NAME=value of each. */
export const variableOf = (environment: readonly string[], name: string): string =>
  environment.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''

/** Undefined: it cannot be had, whatever is there. */
const statOf = (path: string): fs.BigIntStats | undefined => {
  try {
    return fs.statSync(path, { bigint: true })
  } catch {
    return undefined
  }
}

/** The working folder: by the name in $PWD where that leads here (as a shell would say it), else its real path. */
export const workingFolderBytes = (pwd: string | undefined = process.env.PWD): string => {
  if (pwd?.startsWith('/') && !pwd.includes(REPLACEMENT)) {
    const [named, here] = [pwd, '.'].map(statOf)
    if (named !== undefined && named.ino === here?.ino && named.dev === here.dev) return toByteString(pwd)
  }
  try {
    return fs.realpathSync.native('.', { encoding: 'buffer' }).toString('latin1')
  } catch (error) {
    throw new Misuse(`the working folder cannot be found (${messageOf(error)}): go to one that is there`)
  }
}
