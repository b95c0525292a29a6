/**
 * Finds the C programs (those of `native`), compiling them when they are first needed into the user's cache folder: there
 * is no install script, and nothing to compile for who never runs redo. Without a compiler there are small shell scripts
 * of the commands' names, that call the JavaScript client.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forkserverCommand } from '../make/forkserver.js'

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
  /** `program` is the forkserver, `warmShell` the library for it to live in a shell; the commands are another program. */
  | {
      readonly _tag: 'native'
      readonly program: string
      readonly warmShell: string | undefined
      readonly binFolder: string
    }
  /** `why` is a sentence for `redford doctor`: no compiler, its complaint, or REDFORD_NATIVE=off. */
  | { readonly _tag: 'none'; readonly why: string; readonly binFolder: string }

type Env = Readonly<Record<string, string | undefined>>

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ''

/** Where the sh front ends in `bin` look for compiled programs. */
export const frontEndCache = (env: Env): string => {
  const cache = isSet(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(isSet(env.HOME) ? env.HOME : homedir(), '.cache')
  return join(cache, 'redford')
}

/**
 * Where compiled programs are kept: `$XDG_CACHE_HOME/redford` or `~/.cache/redford`. Where that cannot be written, a folder of our own beside
 * the temporary files, checked to be ours.
 */
export const cacheFolders = (env: Env): readonly string[] => {
  const temporary = isSet(env.TMPDIR) ? env.TMPDIR : tmpdir()
  const folders = [frontEndCache(env), join(temporary, `redford-${process.getuid?.() ?? 0}`)]
  // A relative one would be another in each working folder.
  return folders.filter(isAbsolute)
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
export const usableCache = (env: Env): string | undefined =>
  cacheFolders(env).find((folder) => {
    if (isOurs(statOrNothing(folder))) return true
    try {
      makeWithParents(folder)
    } catch {
      return false
    }
    return isOurs(statOrNothing(folder))
  })

/** Not Node's `recursive`, which never ends where a folder that is there says of a new one that it is not: /proc, automounted homes. */
const makeWithParents = (folder: string): void => {
  if (statOrNothing(folder) !== undefined) return
  makeWithParents(dirname(folder))
  try {
    fs.mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // By another process, just now.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

const keyOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 24)

/**
 * The compiled programs, or shell scripts in the client's place. Costs two stats and the reading of four source files when
 * they were compiled before, one compilation (about a second) otherwise. REDFORD_NATIVE=off asks for the scripts,
 * REDFORD_CLIENT=libc for a client with the system's C library; CC names the compiler. Throws only when the package
 * itself is broken.
 */
export const nativeProgram = (env: Env = process.env): Native => {
  const cache = usableCache(env)
  if (cache === undefined) return scriptsOnly(undefined, `no folder can be written: ${cacheFolders(env).join(', ')}`)
  if (env.REDFORD_NATIVE === 'off') return scriptsOnly(cache, 'REDFORD_NATIVE=off')
  const compiler = isSet(env.CC) ? env.CC : 'cc'
  const ways = env.REDFORD_CLIENT === 'libc' ? WITH_LIBC : [WITHOUT_LIBC, ...WITH_LIBC]
  const key = keyOf(
    ...sources(),
    ...ways.flat(),
    ...WARM_SHELL_WAY,
    packageVersion,
    compiler,
    process.platform,
    process.arch,
  )
  const folder = join(cache, key)
  if (!isWhole(folder, PROGRAMS)) {
    const why = makeFolder(cache, folder, PROGRAMS, (temporary) => compile(compiler, ways, temporary))
    if (why !== undefined) return scriptsOnly(cache, why)
  }
  pointCurrent(cache, key)
  const warmShell = join(folder, WARM_SHELL)
  return {
    _tag: 'native',
    program: join(folder, 'redford'),
    warmShell: isOurs(statOrNothing(warmShell)) ? warmShell : undefined,
    binFolder: join(folder, 'bin'),
  }
}

const sourceFolder = join(packageRoot, 'native')

const sources = (): readonly string[] =>
  fs
    .readdirSync(sourceFolder)
    .sort()
    .map((name) => fs.readFileSync(join(sourceFolder, name), 'latin1'))

/** Shell scripts that run the JavaScript client; of the package's own `bin` when even they cannot be written. */
const scriptsOnly = (cache: string | undefined, why: string): Native => {
  const packaged: Native = { _tag: 'none', why, binFolder: join(packageRoot, 'bin') }
  if (cache === undefined) return packaged
  const folder = join(cache, `scripts-${keyOf(packageVersion, ...COMMANDS.map(scriptOf))}`)
  const binFolder = join(folder, 'bin')
  if (isWhole(folder, ['bin/redo'])) return { _tag: 'none', why, binFolder }
  const failure = makeFolder(cache, folder, ['bin/redo'], (temporary) => {
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

/** Nothing essential is missing, or may have been changed by others. */
const isWhole = (folder: string, essential: readonly string[]): boolean =>
  essential.every((name) => isOurs(statOrNothing(join(folder, name))))

/**
 * Fills a new folder under a temporary name, then renames it: of several processes that do so at once, one wins and the
 * others use its folder. Gives a sentence when it failed. The `essential` names tell a whole folder from a damaged one.
 */
const makeFolder = (
  cache: string,
  folder: string,
  essential: readonly string[],
  fill: (temporary: string) => string | undefined,
): string | undefined => {
  let temporary: string | undefined
  try {
    temporary = fs.mkdtempSync(join(cache, '.new-'))
    const why = fill(temporary)
    if (why !== undefined) return why
    // A folder that stands there without what it is for is damaged; a whole one is another process's, and as good.
    if (statOrNothing(folder) !== undefined && !isWhole(folder, essential))
      fs.rmSync(folder, { recursive: true, force: true })
    try {
      fs.renameSync(temporary, folder)
    } catch (error) {
      if (!isWhole(folder, essential)) throw error
    }
    return undefined
  } catch (error) {
    return `${folder}: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    if (temporary !== undefined) fs.rmSync(temporary, { recursive: true, force: true })
  }
}

/** The daemon's helper and the client. */
const PROGRAMS = ['redford', 'client'] as const

/** The forkserver as a library, for Linux; without it all works, and each do-file's shell is started anew. */
const WARM_SHELL = 'warm-shell.so'
const WARM_SHELL_WAY: Way = ['-DWARM_SHELL', '-shared', '-fPIC', '-fvisibility=hidden', '-pthread', 'redford.c', '-ldl']

/** Options and sources of one way to compile the same program. */
type Way = readonly string[]

/** Best first: statically if the system can, which saves looking for the library at each start. */
const WITH_LIBC: readonly Way[] = [['-static', 'client.c'], ['client.c']]

/**
 * With `tiny-libc.c` in place of the system's library, whose start takes ten times as long as the client's work. Where its
 * system calls are not known it does not compile. What the library would have to help with is off: guards on the stack,
 * checked and inlined variants of functions, tables for unwinding.
 */
const WITHOUT_LIBC: Way = [
  ...['-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-fno-asynchronous-unwind-tables'],
  ...['-U_FORTIFY_SOURCE', '-D__NO_INLINE__', 'client.c', 'tiny-libc.c'],
]

const SPAWN_OPTIONS = { encoding: 'utf8', timeout: 60_000 } as const

/** Compiles all programs into `folder`. Gives a sentence when it failed. */
const compile = (compiler: string, clientWays: readonly Way[], folder: string): string | undefined => {
  const [program, client] = PROGRAMS.map((name) => join(folder, name)) as [string, string]
  const common = ['-pthread', 'redford.c']
  const why =
    compileAs(compiler, program, [['-static', ...common], common], () =>
      spawnSync(program, ['--version'], SPAWN_OPTIONS),
    ) ??
    // No daemon is there, so the client starts what it takes for node: the program just compiled.
    compileAs(compiler, client, clientWays, () => {
      const env = { REDFORD_ROOT: folder, REDFORD_NODE: program, REDFORD_MAIN: '--version' }
      return spawnSync(client, ['target'], { ...SPAWN_OPTIONS, cwd: folder, env })
    })
  if (why !== undefined) return why
  const library = join(folder, WARM_SHELL)
  // Not essential, so without a word: a shell that complains of the library, or is not what it was with it, is started cold.
  const isCold = compileAs(compiler, library, [WARM_SHELL_WAY], () => {
    const { file, args, env } = forkserverCommand(program, library, '--version')
    const trial = spawnSync(file, args, { ...SPAWN_OPTIONS, env })
    return trial.stderr === '' ? trial : { ...trial, stdout: '' }
  })
  if (isCold !== undefined) fs.rmSync(library, { force: true })
  for (const name of PROGRAMS) fs.chmodSync(join(folder, name), 0o700)
  fs.mkdirSync(join(folder, 'bin'), { mode: 0o700 })
  for (const command of COMMANDS) fs.symlinkSync('../client', join(folder, 'bin', command))
  return undefined
}

/** In the first way that gives a program which tells its version when tried. Gives a sentence when none does. */
const compileAs = (
  compiler: string,
  program: string,
  ways: readonly Way[],
  tryIt: () => SpawnSyncReturns<string>,
): string | undefined => {
  // $CC may carry options, as in make: CC="ccache gcc".
  const [name = 'cc', ...flags] = compiler.split(/\s+/).filter((word) => word !== '')
  let complaint = ''
  for (const way of ways) {
    const words = way.map((word) => (word.endsWith('.c') ? join(sourceFolder, word) : word))
    const own = ['-std=c99', '-O2', `-DREDFORD_VERSION="${packageVersion}"`, '-o', program, ...words]
    const { status, error, stderr } = spawnSync(name, [...flags, ...own], SPAWN_OPTIONS)
    if (error !== undefined) return `the C compiler ${name} does not start: ${error.message}`
    if (status === 0) {
      // Also found here: a cache folder on a file system that forbids running programs.
      const trial = tryIt()
      if (trial.stdout === `redford ${packageVersion}\n`) return undefined
      complaint = `the compiled program does not run: ${trial.error?.message ?? `exit ${trial.status}`}`
    } else complaint = `${name} fails: ${stderr.trim().split('\n').slice(0, 3).join('; ')}`
  }
  return complaint
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
