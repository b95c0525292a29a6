import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { COMMANDS, packageRoot, packageVersion } from '../../src/redo/native.js'
import { useFolder } from '../support/folder.js'

const folder = useFolder()

/** A package as npm unpacks it, with a stand-in for node that tells how it was called, and for the compiled client. */
beforeEach(() => {
  const home = folder.at('lib/node_modules/redford')
  fs.cpSync(join(packageRoot, 'bin'), join(home, 'bin'), { recursive: true })
  fs.cpSync(join(packageRoot, 'native'), join(home, 'native'), { recursive: true })
  fs.copyFileSync(join(packageRoot, 'package.json'), join(home, 'package.json'))
  fs.mkdirSync(join(home, 'dist/cli'), { recursive: true })
  fs.writeFileSync(join(home, 'dist/cli/redford.cjs'), '')
  fs.mkdirSync(folder.at('path'))
  const tell = 'for word; do printf "<%s>" "$word"; done; cat\n'
  fs.writeFileSync(folder.at('path/node'), `#!/bin/sh\nmain=$1; shift; [ -f "$main" ] && printf "node"; ${tell}`)
  fs.chmodSync(folder.at('path/node'), 0o755)
})

const addClient = (): void => {
  const bin = folder.at(`cache/redford/current-${packageVersion}/bin`)
  fs.mkdirSync(bin, { recursive: true })
  const tell =
    '[ -f "$REDFORD_MAIN" ] && printf "%s:%s" "$REDFORD_NODE" "${0##*/}"; for w; do printf "<%s>" "$w"; done; cat\n'
  for (const command of COMMANDS) fs.writeFileSync(join(bin, command), `#!/bin/sh\n${tell}`, { mode: 0o755 })
}

const run = (file: string, args: readonly string[], env: Record<string, string> = {}): string => {
  const PATH = `${folder.at('path')}:${process.env.PATH}`
  const { stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    input: '.',
    cwd: folder.path,
    env: { PATH, XDG_CACHE_HOME: folder.at('cache'), ...env },
  })
  return stdout + stderr
}

const bin = 'lib/node_modules/redford/bin'

describe('the front ends', () => {
  it('are there for every command, and can be run', () => {
    const names = fs.readdirSync(join(packageRoot, 'bin'))
    expect(names.sort()).toEqual([...COMMANDS, 'redford'].sort())
    for (const name of names) expect(fs.statSync(join(packageRoot, 'bin', name)).mode & 0o111).toBe(0o111)
  })

  it('run the compiled client, with all it needs to fall back', () => {
    addClient()
    for (const command of COMMANDS)
      expect(run(folder.at(join(bin, command)), ['a b', ''])).toBe(`node:${command}<a b><>.`)
    expect(run(folder.at(join(bin, 'redo')), [], { REDFORD_NODE: '/other/node' })).toBe('/other/node:redo.')
  })

  it('run node without it, or when asked to', () => {
    for (const command of COMMANDS)
      expect(run(folder.at(join(bin, command)), ['a b', ''])).toBe(`node<${command}><a b><>.`)
    addClient()
    expect(run(folder.at(join(bin, 'redo')), ['x'], { REDFORD_NATIVE: 'off' })).toBe('node<redo><x>.')
  })

  it('keep certificates from node, which would read them as it starts, under another name', () => {
    const node = folder.at('path/tells')
    fs.writeFileSync(node, '#!/bin/sh\nprintf "<%s><%s>" "$NODE_EXTRA_CA_CERTS" "$REDFORD_CA_CERTS"\n', { mode: 0o755 })
    const env = { REDFORD_NODE: node, NODE_EXTRA_CA_CERTS: '/some.crt' }
    expect(run(folder.at(join(bin, 'redo')), ['x'], env)).toBe('<></some.crt>')
  })

  it('run node for redford itself', () => {
    addClient()
    expect(run(folder.at(join(bin, 'redford')), ['status'])).toBe('node<redford><status>.')
  })

  it.each([
    ['beside the package', 'lib/node_modules/.bin', '../redford/bin'],
    ['of a global installation', 'bin', '../lib/node_modules/redford/bin'],
    ['by an absolute path', 'elsewhere/bin', '/'],
    ['far away', 'some/other/place', '../../../lib/node_modules/redford/bin'],
  ])('find their package through links %s', (_, place, target) => {
    fs.mkdirSync(folder.at(place), { recursive: true })
    const home = target === '/' ? folder.at(bin) : target
    for (const name of ['redo', 'redo-ifchange', 'redford'])
      fs.symlinkSync(join(home, name), folder.at(join(place, name)))
    const second = folder.at('second')
    fs.mkdirSync(second)
    for (const name of ['redo', 'redo-ifchange']) fs.symlinkSync(`../${place}/${name}`, join(second, name))
    expect(run(folder.at(`${place}/redford`), ['status'])).toBe('node<redford><status>.')
    expect(run(`${place}/redo-ifchange`, ['x'])).toBe('node<redo-ifchange><x>.')
    addClient()
    expect(run(folder.at(`${place}/redo`), ['x'])).toBe('node:redo<x>.')
    expect(run(join(second, 'redo-ifchange'), ['x'])).toBe('node:redo-ifchange<x>.')
  })
})
