import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  COMMANDS,
  cacheFolders,
  type Native,
  nativeProgram,
  packageRoot,
  packageVersion,
} from '../../src/redo/native.js'
import { useFolder } from '../support/folder.js'

const folder = useFolder()
const envOf = (more: Record<string, string> = {}) => ({ PATH: process.env.PATH, XDG_CACHE_HOME: folder.path, ...more })

/** A C compiler that counts its runs. */
const countingCompiler = (): string => {
  const script = folder.at('counting-cc')
  fs.writeFileSync(script, `#!/bin/sh\necho run >>'${folder.at('compiled')}'\nexec cc "$@"\n`, { mode: 0o755 })
  return script
}
const compilations = (): number => fs.readFileSync(folder.at('compiled'), 'utf8').split('\n').length - 1

/** Where the client need not be linked with the system's C library. */
const canDoWithout = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)

/** The library names itself in what it is linked to, and is named in what loads it. */
const hasSystemLibrary = ({ binFolder }: Native): boolean =>
  /glibc|musl|libc\.so|libSystem/i.test(fs.readFileSync(join(binFolder, 'redo'), 'latin1'))

describe('the C programs', () => {
  it('is compiled once, without a warning, and found again', () => {
    const env = envOf({ CC: `${countingCompiler()} -Wall -Wextra -Werror` })
    const first = nativeProgram(env)
    expect(first).toMatchObject({ _tag: 'native' })
    const compiled = compilations()
    expect(nativeProgram(env)).toEqual(first)
    expect(compilations()).toBe(compiled)
    if (first._tag !== 'native') throw new Error(first.why)
    expect(hasSystemLibrary(first)).toBe(!canDoWithout)
    expect(spawnSync(first.program, ['--version'], { encoding: 'utf8' }).stdout).toBe(`redford ${packageVersion}\n`)
    expect(fs.readdirSync(first.binFolder).sort()).toEqual([...COMMANDS].sort())
    expect(fs.readdirSync(join(folder.path, 'redford')).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('is found by its stable name, which follows the newest', () => {
    const current = join(folder.path, 'redford', `current-${packageVersion}`)
    for (const CC of ['cc', 'cc -g0']) {
      const { binFolder } = nativeProgram(envOf({ CC }))
      expect(fs.realpathSync(join(current, 'bin'))).toBe(binFolder)
    }
  })

  it('is for this user alone', () => {
    const native = nativeProgram(envOf())
    expect(fs.statSync(join(folder.path, 'redford')).mode & 0o077).toBe(0)
    expect(fs.statSync(join(native.binFolder, 'redo')).mode & 0o077).toBe(0)
  })

  it('is compiled again when its folder is damaged, or the program may have been changed by others', () => {
    const native = nativeProgram(envOf())
    if (native._tag !== 'native') throw new Error(native.why)
    const client = fs.realpathSync(join(native.binFolder, 'redo'))
    for (const program of [native.program, client]) {
      fs.rmSync(program)
      expect(nativeProgram(envOf())).toEqual(native)
      expect(fs.existsSync(program)).toBe(true)
    }
    fs.writeFileSync(native.program, 'something else', { mode: 0o777 })
    fs.chmodSync(native.program, 0o777)
    nativeProgram(envOf())
    expect(spawnSync(native.program, ['--version']).status).toBe(0)
  })

  it('may be compiled by several processes at once', async () => {
    const script = folder.at('compile.mjs')
    fs.writeFileSync(script, await bundled())
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [script], { env: envOf(), stdio: ['ignore', 'pipe', 'inherit'] }),
    )
    const outputs = await Promise.all(
      children.map(async (child) => {
        let text = ''
        child.stdout!.on('data', (chunk) => {
          text += chunk
        })
        await once(child, 'close')
        return JSON.parse(text)
      }),
    )
    expect(new Set(outputs.map((output) => JSON.stringify(output))).size).toBe(1)
    expect(outputs[0]).toMatchObject({ _tag: 'native' })
    expect(spawnSync(outputs[0].program, ['--version']).status).toBe(0)
    const left = fs.readdirSync(join(folder.path, 'redford'))
    expect(left.length).toBe(2)
  })
})

describe('the client', () => {
  /** What it says when it hands over at once. */
  const handsOver = ({ binFolder }: Native): string => {
    const env = { REDFORD_ROOT: folder.path, REDFORD_NODE: 'echo', REDFORD_MAIN: 'main.js', PATH: process.env.PATH }
    return spawnSync(join(binFolder, 'redo'), ['x'], { env, encoding: 'utf8' }).stdout
  }

  it('keeps certificates from node, which would read them as it starts, under another name', () => {
    const { binFolder } = nativeProgram(envOf({}))
    const own = { REDFORD_ROOT: folder.path, REDFORD_NODE: 'printenv', REDFORD_MAIN: 'REDFORD_CA_CERTS' }
    const env = { ...own, PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: '/some.crt' }
    expect(spawnSync(join(binFolder, 'redo'), ['NODE_EXTRA_CA_CERTS'], { env, encoding: 'utf8' }).stdout).toBe(
      '/some.crt\n',
    )
  })

  it("is linked with the system's library when asked to", () => {
    const native = nativeProgram(envOf({ REDFORD_CLIENT: 'libc' }))
    expect(native).toMatchObject({ _tag: 'native' })
    expect(hasSystemLibrary(native)).toBe(true)
    expect(handsOver(native)).toBe('main.js redo x\n')
  })

  it.each([
    ['does not compile', 'echo "unknown option" >&2; exit 1'],
    ['gives a program that does not run', 'printf "#!/bin/sh\nexit 3\n" >"$out"; chmod +x "$out"; exit'],
  ])("is linked with the system's library where the compiler %s without it", (_, otherwise) => {
    const CC = folder.at('cc')
    const lines = [
      'for word; do [ "$before" = -o ] && out=$word; before=$word; done',
      `for word; do [ "$word" = -nostdlib ] && { echo tried >>'${folder.at('tried')}'; ${otherwise}; }; done`,
    ]
    fs.writeFileSync(CC, ['#!/bin/sh', ...lines, 'exec cc "$@"', ''].join('\n'), { mode: 0o755 })
    const native = nativeProgram(envOf({ CC }))
    expect(native).toMatchObject({ _tag: 'native' })
    expect(fs.readFileSync(folder.at('tried'), 'utf8')).toBe('tried\n')
    expect(hasSystemLibrary(native)).toBe(true)
    expect(handsOver(native)).toBe('main.js redo x\n')
  })
})

/** `native.ts` as JavaScript that thinks it is where it is. */
const bundled = async (): Promise<string> => {
  const { transformWithOxc } = await import('vite')
  const file = join(packageRoot, 'src/redo/native.ts')
  const { code } = await transformWithOxc(fs.readFileSync(file, 'utf8'), file)
  const here = code
    .replaceAll('import.meta.url', JSON.stringify(`file://${file}`))
    .replace('../make/forkserver.js', join(packageRoot, 'dist/make/forkserver.js'))
  return `${here}\nprocess.stdout.write(JSON.stringify(nativeProgram()))\n`
}

describe('without a compiled program', () => {
  /** What the script `name` runs, told by a stand-in for node. */
  const runScript = (binFolder: string, name: string, args: readonly string[]): string => {
    const node = folder.at('node')
    fs.writeFileSync(node, '#!/bin/sh\nfor word; do printf "<%s>" "$word"; done\n', { mode: 0o755 })
    const env = { REDFORD_NODE: node, REDFORD_MAIN: '/the main.js' }
    return spawnSync(join(binFolder, name), args, { env, encoding: 'utf8' }).stdout
  }

  it('scripts of the same names call the JavaScript client', () => {
    const native = nativeProgram(envOf({ REDFORD_NATIVE: 'off' }))
    expect(native).toMatchObject({ _tag: 'none', why: 'REDFORD_NATIVE=off' })
    for (const command of COMMANDS)
      expect(runScript(native.binFolder, command, ['a b', ''])).toBe(`</the main.js><${command}><a b><>`)
    expect(nativeProgram(envOf({ REDFORD_NATIVE: 'off' }))).toEqual(native)
  })

  it('it says why', () => {
    expect(nativeProgram(envOf({ CC: '/no/such/compiler' }))).toMatchObject({
      _tag: 'none',
      why: expect.stringContaining('/no/such/compiler'),
    })
    fs.writeFileSync(folder.at('bad-cc'), '#!/bin/sh\necho "no licence" >&2\nexit 1\n', { mode: 0o755 })
    expect(nativeProgram(envOf({ CC: folder.at('bad-cc') }))).toMatchObject({
      _tag: 'none',
      why: expect.stringContaining('no licence'),
    })
    fs.writeFileSync(folder.at('liar-cc'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
    expect(nativeProgram(envOf({ CC: folder.at('liar-cc') }))).toMatchObject({
      _tag: 'none',
      why: expect.stringContaining('does not run'),
    })
  })
})

describe('the cache folder', () => {
  it('is the one of XDG, or the one at home', () => {
    expect(cacheFolders({ XDG_CACHE_HOME: '/x', HOME: '/h' })[0]).toBe('/x/redford')
    expect(cacheFolders({ XDG_CACHE_HOME: '', HOME: '/h' })[0]).toBe('/h/.cache/redford')
    expect(cacheFolders({ XDG_CACHE_HOME: 'x', TMPDIR: '/t' })).toEqual([`/t/redford-${process.getuid?.()}`])
  })

  it('of which others may write is not used', () => {
    const shared = join(folder.path, 'redford')
    fs.mkdirSync(shared)
    fs.chmodSync(shared, 0o777)
    const native = nativeProgram(envOf({ REDFORD_NATIVE: 'off', TMPDIR: folder.at('tmp') }))
    expect(native.binFolder.startsWith(folder.at('tmp/redford-'))).toBe(true)
    expect(fs.readdirSync(shared)).toEqual([])
  })

  it('is made with the folders above it, or another is, where the system makes none', () => {
    const env = { REDFORD_NATIVE: 'off', TMPDIR: folder.at('tmp') }
    const deep = nativeProgram(envOf({ ...env, XDG_CACHE_HOME: folder.at('a/b') }))
    expect(deep.binFolder.startsWith(folder.at('a/b/redford/'))).toBe(true)
    // Not one that ends at once in a folder that cannot be written: there a new folder is said not to exist.
    const none = nativeProgram(envOf({ ...env, XDG_CACHE_HOME: '/proc/none/x' }))
    expect(none.binFolder.startsWith(folder.at('tmp/redford-'))).toBe(true)
  })
})
