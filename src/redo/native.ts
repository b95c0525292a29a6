/**
 * Finds the C program (`native/redford.c`), compiling it when it is first needed into the user's cache folder: there is
 * no install script, and nothing to compile for who never runs redo. Without a compiler there are small shell scripts
 * of the same names, that call the JavaScript client.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Commands of do-files and of people; all but `redford` itself are served by the C client. */
export const COMMANDS = [
  'redo',
  'redo-ifchange',
  'redo-ifcreate',
  'redo-always',
  'redo-stamp',
  'redo-whichdo',
  'redo-targets',
  'redo-sources',
  'redo-ood',
  'redo-recheck',
] as const

/** Folder that holds package.json, whether we run from `src` or from `dist`. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url))

/** Of package.json: two of different versions do not serve each other. */
export const packageVersion: string = JSON.parse(fs.readFileSync(join(packageRoot, 'package.json'), 'utf8')).version

/** `binFolder` holds all of {@link COMMANDS} and belongs first in a do-file's PATH. */
export type Native =
  | { readonly _tag: 'native'; readonly program: string; readonly binFolder: string }
  /** `why` is a sentence for `redford doctor`: no compiler, its complaint, or REDFORD_NATIVE=off. */
  | { readonly _tag: 'none'; readonly why: string; readonly binFolder: string }

type Env = Readonly<Record<string, string | undefined>>

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ''

/**
 * Where compiled programs are kept: `$XDG_CACHE_HOME/redford` or `~/.cache/redford`. The sh front ends in `bin` look in
 * the same place. Where that cannot be written, a folder of our own beside the temporary files, checked to be ours.
 */
export const cacheFolders = (env: Env): readonly string[] => {
  const cache = isSet(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(isSet(env.HOME) ? env.HOME : homedir(), '.cache')
  const temporary = isSet(env.TMPDIR) ? env.TMPDIR : tmpdir()
  return [join(cache, 'redford'), join(temporary, `redford-${process.getuid?.() ?? 0}`)]
}

const isOurs = (stat: fs.Stats | undefined): boolean =>
  stat !== undefined && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0

const statOrNothing = (path: string): fs.Stats | undefined => {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** The first cache folder that exists and is ours alone, made if need be. Undefined when all refuse. */
const usableCache = (env: Env): string | undefined =>
  cacheFolders(env).find((folder) => {
    if (isOurs(statOrNothing(folder))) return true
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch {
      return false
    }
    return isOurs(statOrNothing(folder))
  })

const keyOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 24)

/**
 * The compiled program, or shell scripts in its place. Costs two stats and the reading of one source file when it was
 * compiled before, one compilation (under a second) otherwise. REDFORD_NATIVE=off asks for the scripts; CC names the
 * compiler. Throws only when the package itself is broken.
 */
export const nativeProgram = (env: Env = process.env): Native => {
  const source = join(packageRoot, 'native', 'redford.c')
  const cache = usableCache(env)
  if (cache === undefined) return scriptsOnly(undefined, `no folder can be written: ${cacheFolders(env).join(', ')}`)
  if (env.REDFORD_NATIVE === 'off') return scriptsOnly(cache, 'REDFORD_NATIVE=off')
  const compiler = isSet(env.CC) ? env.CC : 'cc'
  const key = keyOf(fs.readFileSync(source, 'latin1'), packageVersion, compiler, process.platform, process.arch)
  const folder = join(cache, key)
  const found: Native = { _tag: 'native', program: join(folder, 'redford'), binFolder: join(folder, 'bin') }
  if (!isOurs(statOrNothing(found.program))) {
    const why = makeFolder(cache, folder, 'redford', (temporary) => compile(compiler, source, temporary))
    if (why !== undefined) return scriptsOnly(cache, why)
  }
  pointCurrent(cache, key)
  return found
}

/** Shell scripts that run the JavaScript client; of the package's own `bin` when even they cannot be written. */
const scriptsOnly = (cache: string | undefined, why: string): Native => {
  const packaged: Native = { _tag: 'none', why, binFolder: join(packageRoot, 'bin') }
  if (cache === undefined) return packaged
  const folder = join(cache, `scripts-${keyOf(packageVersion, ...COMMANDS.map(scriptOf))}`)
  const binFolder = join(folder, 'bin')
  if (isOurs(statOrNothing(join(binFolder, 'redo')))) return { _tag: 'none', why, binFolder }
  const failure = makeFolder(cache, folder, 'bin/redo', (temporary) => {
    fs.mkdirSync(join(temporary, 'bin'))
    for (const command of COMMANDS) {
      const script = join(temporary, 'bin', command)
      fs.writeFileSync(script, scriptOf(command))
      fs.chmodSync(script, 0o700)
    }
    return undefined
  })
  return failure === undefined ? { _tag: 'none', why, binFolder } : packaged
}

const scriptOf = (command: string): string => `#!/bin/sh\nexec "$REDFORD_NODE" "$REDFORD_MAIN" ${command} "$@"\n`

/**
 * Fills a new folder under a temporary name, then renames it: of several processes that do so at once, one wins and the
 * others use its folder. Gives a sentence when it failed. `essential` tells a whole folder from a damaged one.
 */
const makeFolder = (
  cache: string,
  folder: string,
  essential: string,
  fill: (temporary: string) => string | undefined,
): string | undefined => {
  let temporary: string | undefined
  try {
    temporary = fs.mkdtempSync(join(cache, '.new-'))
    const why = fill(temporary)
    if (why !== undefined) return why
    // A folder that stands there without what it is for is damaged; a whole one is another process's, and as good.
    if (statOrNothing(folder) !== undefined && !isOurs(statOrNothing(join(folder, essential))))
      fs.rmSync(folder, { recursive: true, force: true })
    try {
      fs.renameSync(temporary, folder)
    } catch (error) {
      if (!isOurs(statOrNothing(join(folder, essential)))) throw error
    }
    return undefined
  } catch (error) {
    return `${folder}: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    if (temporary !== undefined) fs.rmSync(temporary, { recursive: true, force: true })
  }
}

const COMPILE_TIMEOUT_MS = 60_000

/** Compiles into `folder`, statically if the system can (half the start-up time), and tries the program. */
const compile = (compiler: string, source: string, folder: string): string | undefined => {
  const program = join(folder, 'redford')
  const options = { encoding: 'utf8', timeout: COMPILE_TIMEOUT_MS } as const
  // $CC may carry options, as in make: CC="ccache gcc".
  const [name = 'cc', ...flags] = compiler.split(/\s+/).filter((word) => word !== '')
  let complaint = ''
  for (const linking of [['-static'], []]) {
    const common = ['-std=c99', '-O2', '-pthread', `-DREDFORD_VERSION="${packageVersion}"`, '-o', program, source]
    const { status, error, stderr } = spawnSync(name, [...flags, ...linking, ...common], options)
    if (error !== undefined) return `the C compiler ${name} does not start: ${error.message}`
    if (status === 0) {
      // Also found here: a cache folder on a file system that forbids running programs.
      const trial = spawnSync(program, ['--version'], options)
      if (trial.stdout === `redford ${packageVersion}\n`) {
        addCommands(folder)
        return undefined
      }
      complaint = `the compiled program does not run: ${trial.error?.message ?? `exit ${trial.status}`}`
    } else complaint = `${name} fails: ${stderr.trim().split('\n').slice(0, 3).join('; ')}`
  }
  return complaint
}

const addCommands = (folder: string): void => {
  fs.chmodSync(join(folder, 'redford'), 0o700)
  fs.mkdirSync(join(folder, 'bin'), { mode: 0o700 })
  for (const command of COMMANDS) fs.symlinkSync('../redford', join(folder, 'bin', command))
}

/** Keeps the name by which the sh front ends find the program: `current-<version>`. Not essential, so failures are let be. */
const pointCurrent = (cache: string, key: string): void => {
  const link = join(cache, `current-${packageVersion}`)
  try {
    if (fs.readlinkSync(link) === key) return
  } catch {
    // Not there yet.
  }
  const temporary = `${link}.${process.pid}`
  try {
    fs.symlinkSync(key, temporary)
    fs.renameSync(temporary, link)
  } catch {
    fs.rmSync(temporary, { force: true })
  }
}
