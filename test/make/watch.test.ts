/**
 * Watching, on real folders and with the real inotify. Nothing sleeps: `sync` says when all has been told. What a test
 * cannot do without being root (run out of watches, mount) is done by a `WatchSystem` that answers so.
 */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openWatcher, type Watcher } from '../../src/make/watch.js'
import { openWatchSystem, type WatchSystem } from '../../src/make/watch-system.js'

const onLinux = describe.skipIf(process.platform !== 'linux')

let base: string
let root: string
let told: Set<string>
let losses: string[]
let watcher: Watcher

const at = (name: string): string => join(root, name)
const bytes = (name: string): Buffer => Buffer.from(name, 'latin1')

const open = (change: Partial<WatchSystem> = {}): Watcher => {
  watcher?.close()
  watcher = openWatcher(
    root,
    '.redford/tmp',
    (paths) => paths.forEach((path) => told.add(path)),
    (why) => losses.push(why),
    { ...openWatchSystem(), ...change },
  )
  return watcher
}

/** What is told of the past; the answer is expected to be trusted. */
const changes = async (): Promise<readonly string[]> => {
  expect(await watcher.sync()).toBe(true)
  const paths = [...told].sort()
  told.clear()
  return paths
}

/** Watches, and hears nothing at first: what the test did before is told to nobody, so that it is not taken for new. */
const watching = async (...paths: readonly string[]): Promise<void> => {
  await watcher.sync()
  watcher.watch(paths)
  expect(await changes()).toEqual([])
}

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'redford-watch-')))
  root = join(base, 'project')
  mkdirSync(at('.redford/tmp'), { recursive: true })
  told = new Set()
  losses = []
  open()
})

afterEach(() => {
  watcher.close()
  rmSync(base, { recursive: true, force: true })
})

onLinux('a watched path is told when', () => {
  const acts: readonly (readonly [string, () => void, () => void])[] = [
    ['it appears', () => {}, () => writeFileSync(at('x'), '')],
    ['it is written to', () => writeFileSync(at('x'), ''), () => appendFileSync(at('x'), 'y')],
    ['its mode changes', () => writeFileSync(at('x'), ''), () => chmodSync(at('x'), 0o755)],
    ['its times change', () => writeFileSync(at('x'), ''), () => utimesSync(at('x'), 1, 1)],
    ['it is removed', () => writeFileSync(at('x'), ''), () => unlinkSync(at('x'))],
    [
      'another is renamed over it',
      () => ['x', 'y'].forEach((name) => writeFileSync(at(name), '')),
      () => renameSync(at('y'), at('x')),
    ],
    ['it is renamed away', () => writeFileSync(at('x'), ''), () => renameSync(at('x'), join(base, 'x'))],
    ['it becomes a further name of a file', () => writeFileSync(at('y'), ''), () => linkSync(at('y'), at('x'))],
    ['it is a folder that appears', () => {}, () => mkdirSync(at('x'))],
    ['it is a folder that goes', () => mkdirSync(at('x')), () => rmdirSync(at('x'))],
    ['it becomes a link that leads nowhere', () => {}, () => symlinkSync('nowhere', at('x'))],
  ]

  it.each(acts)('%s', async (_name, before, act) => {
    before()
    await watching('x')
    act()
    expect(await changes()).toEqual(['x'])
    expect(await changes()).toEqual([])
  })

  it('it lies outside of the project, by its absolute path', async () => {
    const path = join(base, 'outside/x')
    mkdirSync(join(base, 'outside'))
    await watching(path)
    writeFileSync(path, '')
    expect(await changes()).toEqual([path])
  })

  it('it is spelled in two ways, by both', async () => {
    const spellings = [at('x'), './x', 'x']
    await watching(...spellings)
    writeFileSync(at('x'), '')
    expect(await changes()).toEqual([...spellings].sort())
  })

  it('its name is no text in any encoding', async () => {
    const name = 'd\xff\x80/\xfe'
    await watching(name)
    mkdirSync(bytes(`${root}/d\xff\x80`))
    writeFileSync(bytes(`${root}/${name}`), '')
    expect(await changes()).toEqual([name])
    writeFileSync(bytes(`${root}/${name}`), 'more')
    expect(await changes()).toEqual([name])
  })
})

onLinux('nothing is told', () => {
  it('of other files in the folder, of the cookies, or twice', async () => {
    await watching('x')
    writeFileSync(at('y'), '')
    expect(await changes()).toEqual([])
    for (let count = 0; count < 100; count++) expect(await changes()).toEqual([])
    expect(readdirSync(at('.redford/tmp'))).toHaveLength(1)
    expect(losses).toEqual([])
  })

  it('once a path was unwatched as often as it was watched', async () => {
    await watching('a/x', 'a/x', 'a/y')
    mkdirSync(at('a'))
    expect(await changes()).toEqual(['a/x', 'a/y'])
    watcher.unwatch(['a/x', 'never-watched'])
    writeFileSync(at('a/x'), '')
    expect(await changes()).toEqual(['a/x'])
    watcher.unwatch(['a/x'])
    writeFileSync(at('a/x'), 'more')
    writeFileSync(at('a/y'), '')
    expect(await changes()).toEqual(['a/y'])
  })
})

onLinux('folders come and go', () => {
  it('a path in a folder that is not there yet', async () => {
    await watching('a/b/c/x')
    mkdirSync(at('a'))
    expect(await changes()).toEqual(['a/b/c/x'])
    mkdirSync(at('a/b/c'), { recursive: true })
    expect(await changes()).toEqual(['a/b/c/x'])
    writeFileSync(at('a/b/c/x'), '')
    expect(await changes()).toEqual(['a/b/c/x'])
  })

  it('a whole chain with its file appears at once', async () => {
    await watching('a/b/c/x')
    mkdirSync(at('a/b/c'), { recursive: true })
    writeFileSync(at('a/b/c/x'), '')
    expect(await changes()).toEqual(['a/b/c/x'])
    appendFileSync(at('a/b/c/x'), 'more')
    expect(await changes()).toEqual(['a/b/c/x'])
  })

  /** Each replaces `a`, so that a watch that stays with the old folder hears nothing of the new one. */
  const replacements: readonly (readonly [string, () => void])[] = [
    [
      'removed and made again',
      () => {
        rmSync(at('a'), { recursive: true })
        mkdirSync(at('a/b'), { recursive: true })
      },
    ],
    [
      'renamed, and another put in its place',
      () => {
        renameSync(at('a'), at('old'))
        mkdirSync(at('a/b'), { recursive: true })
      },
    ],
    [
      'moved out of the project, and made again',
      () => {
        renameSync(at('a'), join(base, 'old'))
        mkdirSync(at('a/b'), { recursive: true })
      },
    ],
    [
      'exchanged for a link to a folder elsewhere',
      () => {
        mkdirSync(join(base, 'far/b'), { recursive: true })
        rmSync(at('a'), { recursive: true })
        symlinkSync('../far', at('a'))
      },
    ],
  ]

  it.each(replacements)('a folder is %s', async (_name, replace) => {
    mkdirSync(at('a/b'), { recursive: true })
    mkdirSync(at('other'))
    await watching('a/b/x', 'a/y', 'other/z')
    for (let round = 0; round < 2; round++) {
      replace()
      expect(await changes()).toEqual(['a/b/x', 'a/y'])
      writeFileSync(at('a/b/x'), `${round}`)
      expect(await changes()).toEqual(['a/b/x'])
      writeFileSync(at('a/y'), `${round}`)
      expect(await changes()).toEqual(['a/y'])
      rmSync(at('old'), { recursive: true, force: true })
      rmSync(join(base, 'old'), { recursive: true, force: true })
    }
  })

  it('a folder that moved away is heard no more', async () => {
    mkdirSync(at('a'))
    await watching('a/x')
    renameSync(at('a'), at('b'))
    expect(await changes()).toEqual(['a/x'])
    writeFileSync(at('b/x'), '')
    expect(await changes()).toEqual([])
    renameSync(at('b'), at('a'))
    expect(await changes()).toEqual(['a/x'])
  })

  it('an entry has the name of its folder', async () => {
    mkdirSync(at('a/a'), { recursive: true })
    await watching('a/a/a', 'a/a/x', 'a/y')
    writeFileSync(at('a/a/a'), '')
    expect(await changes()).toContain('a/a/a')
    appendFileSync(at('a/a/x'), '')
    writeFileSync(at('a/a/x'), '')
    expect(await changes()).toContain('a/a/x')
    rmSync(at('a/a'), { recursive: true })
    expect(await changes()).toEqual(expect.arrayContaining(['a/a/a', 'a/a/x']))
    mkdirSync(at('a/a'))
    await changes()
    writeFileSync(at('a/a/x'), '')
    expect(await changes()).toContain('a/a/x')
  })

  it('a folder outside of the project, and one that leads to it', async () => {
    const path = join(base, 'far/off/x')
    mkdirSync(join(base, 'far/off'), { recursive: true })
    await watching(path)
    renameSync(join(base, 'far'), join(base, 'gone'))
    expect(await changes()).toEqual([path])
    mkdirSync(join(base, 'far/off'), { recursive: true })
    expect(await changes()).toEqual([path])
    writeFileSync(path, '')
    expect(await changes()).toEqual([path])
  })

  it('a folder outside of the project is removed and made again while its parents stay', async () => {
    const path = join(base, 'far/x')
    mkdirSync(join(base, 'far'))
    await watching(path)
    rmdirSync(join(base, 'far'))
    mkdirSync(join(base, 'far'))
    expect(await changes()).toEqual([path])
    writeFileSync(path, '')
    expect(await changes()).toEqual([path])
  })

  it('a folder outside of the project is made again within one tick of the clock, with the same inode', async () => {
    const far = join(base, 'far')
    const real = openWatchSystem()
    open({ look: (path) => (path === far ? { ...real.look(path), signature: 'the same' } : real.look(path)) })
    mkdirSync(far)
    await watching(`${far}/x`)
    rmdirSync(far)
    mkdirSync(far)
    expect(await changes()).toEqual([`${far}/x`])
    writeFileSync(`${far}/x`, '')
    expect(await changes()).toEqual([`${far}/x`])
  })

  it('the project itself is exchanged for another', async () => {
    await watching('x')
    const other = join(base, 'other')
    mkdirSync(join(other, '.redford/tmp'), { recursive: true })
    renameSync(root, join(base, 'old'))
    renameSync(other, root)
    expect(await watcher.sync()).toBe(false)
    writeFileSync(at('x'), '')
    expect(await changes()).toEqual(['x'])
  })

  it('the folder of the cookies goes and comes back', async () => {
    await watching('x')
    rmSync(at('.redford'), { recursive: true })
    expect(await watcher.sync()).toBe(false)
    mkdirSync(at('.redford/tmp'), { recursive: true })
    await watcher.sync()
    writeFileSync(at('x'), '')
    expect(await changes()).toEqual(['x'])
  })
})

onLinux('a link', () => {
  it('tells of what it leads to, wherever this lies, and of being led elsewhere', async () => {
    mkdirSync(at('data'))
    mkdirSync(join(base, 'far'))
    writeFileSync(at('data/x'), '')
    writeFileSync(join(base, 'far/y'), '')
    mkdirSync(at('lib'))
    symlinkSync('../data/x', at('lib/l'))
    await watching('lib/l')
    appendFileSync(at('data/x'), '1')
    expect(await changes()).toEqual(['lib/l'])
    unlinkSync(at('lib/l'))
    symlinkSync(join(base, 'far/y'), at('lib/l'))
    expect(await changes()).toEqual(['lib/l'])
    appendFileSync(join(base, 'far/y'), '1')
    expect(await changes()).toEqual(['lib/l'])
    appendFileSync(at('data/x'), '2')
    expect(await changes()).toEqual([])
  })

  it('is followed over several hops, through folders that are links, and above them', async () => {
    mkdirSync(at('real/deep'), { recursive: true })
    symlinkSync('real', at('one'))
    symlinkSync('one/deep', at('two'))
    symlinkSync('two/../end', at('three'))
    await watching('three', 'two/x')
    writeFileSync(at('real/end'), '')
    expect(await changes()).toEqual(['three'])
    writeFileSync(at('real/deep/x'), '')
    expect(await changes()).toEqual(['two/x'])
    unlinkSync(at('one'))
    expect(await changes()).toEqual(['three', 'two/x'])
    mkdirSync(at('one/deep'), { recursive: true })
    expect(await changes()).toEqual(['three', 'two/x'])
    writeFileSync(at('one/end'), '')
    expect(await changes()).toEqual(['three'])
  })

  it('that leads to itself ends, and is told when it is mended', async () => {
    symlinkSync('b', at('a'))
    symlinkSync('a', at('b'))
    await watching('a', 'b/x')
    unlinkSync(at('b'))
    mkdirSync(at('b'))
    expect(await changes()).toEqual(['a', 'b/x'])
  })

  it('that a watched file becomes is followed from then on', async () => {
    writeFileSync(at('x'), '')
    mkdirSync(at('d'))
    await watching('x')
    unlinkSync(at('x'))
    symlinkSync('d/end', at('x'))
    expect(await changes()).toEqual(['x'])
    writeFileSync(at('d/end'), '')
    expect(await changes()).toEqual(['x'])
  })

  it('as the root of the project', async () => {
    symlinkSync('project', join(base, 'alias'))
    const real = root
    root = join(base, 'alias')
    open()
    await watching('x')
    writeFileSync(join(real, 'x'), '')
    expect(await changes()).toEqual(['x'])
  })
})

onLinux('what inotify does not tell', () => {
  it('a file written to by another of its names, in a folder that is not watched', async () => {
    writeFileSync(at('x'), '')
    linkSync(at('x'), join(base, 'alias'))
    await watching('x')
    appendFileSync(join(base, 'alias'), 'more')
    expect(await changes()).toEqual(['x'])
    expect(await changes()).toEqual([])
  })

  it('a mount over a folder: all is doubted, once', async () => {
    let mounts = '1 1 0:1 / / rw - ext4 /dev/a rw\n'
    mkdirSync(at('a b'))
    open({ mounts: () => mounts })
    await watching('a b/x')
    mounts += '9 1 0:9 / /far/away rw - tmpfs tmpfs rw\n'
    expect(await changes()).toEqual([])
    mounts += `8 1 0:8 / ${root}/a\\040b rw - tmpfs tmpfs rw\n`
    expect(await watcher.sync()).toBe(false)
    writeFileSync(at('a b/x'), '')
    expect(await changes()).toEqual(['a b/x'])
    expect(losses).toEqual(['mounted'])
  })

  it('a file system that others write to: never trusted, until it goes', async () => {
    mkdirSync(at('net'))
    open({ isLocal: (folder) => !folder.endsWith('/net') })
    watcher.watch(['x', 'net/y'])
    expect(await watcher.sync()).toBe(false)
    expect(await watcher.sync()).toBe(false)
    expect(losses).toEqual([`notLocal ${at('net')}`])
    watcher.unwatch(['net/y'])
    expect(await changes()).toEqual([])
  })

  it('a system that is not Linux: never trusted', async () => {
    open({ isOrdered: false })
    watcher.watch(['x'])
    expect(await watcher.sync()).toBe(false)
  })
})

onLinux('losses', () => {
  it('no watches are left: not trusted until there are some again, and then only after a scan', async () => {
    const real = openWatchSystem()
    let isFull = true
    mkdirSync(at('a'))
    open({
      listen: (folder, onEvent) => {
        if (isFull && folder === at('a')) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
        return real.listen(folder, onEvent)
      },
    })
    watcher.watch(['a/x'])
    expect(await watcher.sync()).toBe(false)
    writeFileSync(at('a/x'), '')
    isFull = false
    expect(await watcher.sync()).toBe(false)
    writeFileSync(at('a/x'), 'more')
    expect(await changes()).toEqual(['a/x'])
    expect(losses).toEqual([`ENOSPC ${at('a')}`])
  })

  it('the queue overflows while the loop is blocked: all is doubted, then trusted again', async () => {
    const max = openWatchSystem().queueMax!
    mkdirSync(at('a'))
    await watching('a/x', 'last/x')
    execFileSync(
      'sh',
      ['-c', 'i=0; while [ $i -le $1 ]; do : >f$i; i=$((i+1)); done; mkdir ../last; : >x', 'sh', `${max}`],
      {
        cwd: at('a'),
      },
    )
    expect(await watcher.sync()).toBe(false)
    expect(losses).toEqual(['overflow'])
    writeFileSync(at('last/x'), '')
    expect(await watcher.sync().then(async (isTrusted) => isTrusted || watcher.sync())).toBe(true)
    told.clear()
    writeFileSync(at('a/x'), 'more')
    writeFileSync(at('last/x'), 'more')
    expect(await changes()).toEqual(['a/x', 'last/x'])
  })

  it('an overflow that was read before `sync` is called is not forgotten, though the cookie comes back', async () => {
    const max = openWatchSystem().queueMax!
    mkdirSync(at('a'))
    await watching('x')
    watcher.watch(['a/none'])
    execFileSync('sh', ['-c', 'i=0; while [ $i -le $1 ]; do : >f$i; i=$((i+1)); done; : >../x', 'sh', `${max}`], {
      cwd: at('a'),
    })
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(losses).toEqual(['overflow'])
    expect([...told]).toEqual([])
    expect(await watcher.sync()).toBe(false)
    expect(await changes()).toEqual([])
  })

  it('of two calls at once neither is trusted, though the first mends what was lost', async () => {
    let mounts = ''
    open({ mounts: () => mounts })
    await watching('x')
    mounts = `9 1 0:9 / ${root} rw - tmpfs tmpfs rw\n`
    expect(await Promise.all([watcher.sync(), watcher.sync()])).toEqual([false, false])
    expect(await changes()).toEqual([])
  })

  it('the cookie cannot come back: after the limit, not trusted', async () => {
    const real = openWatchSystem()
    open({ listen: (folder, onEvent) => real.listen(folder, (name) => name.startsWith('cookie.') || onEvent(name)) })
    watcher.watch(['x'])
    expect(await watcher.sync()).toBe(false)
    expect(losses).toEqual(['the cookie did not come back'])
  })

  it('a loop that is blocked for longer than the limit still reads its cookie', async () => {
    await watching('x')
    // From here the loop comes to its timers before it comes to its files.
    await new Promise((resolve) => setImmediate(resolve))
    const answer = watcher.sync()
    writeFileSync(at('x'), '')
    execFileSync('sleep', ['0.4'])
    expect(await answer).toBe(true)
  })
})

/** Watches of this process in the kernel, over all its inotify queues. */
const kernelWatchCount = (): number =>
  readdirSync('/proc/self/fd')
    .filter((fd) => existsSync(`/proc/self/fd/${fd}`) || isInotify(fd))
    .filter(isInotify)
    .reduce((sum, fd) => sum + readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1').split('inotify wd:').length - 1, 0)

const isInotify = (fd: string): boolean => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).includes('inotify')
  } catch {
    return false
  }
}

onLinux('many folders', () => {
  it('2,000 are heard, and order holds over all of them', async () => {
    const paths = Array.from({ length: 2000 }, (_, index) => `d${index % 50}/e${index}/x`)
    for (const path of paths) mkdirSync(at(path.slice(0, -2)), { recursive: true })
    await watching(...paths)
    for (let round = 0; round < 20; round++) {
      const some = paths.filter((_, index) => index % 20 === round)
      for (const path of some) writeFileSync(at(path), '')
      expect(await changes()).toEqual([...some].sort())
    }
    rmSync(at('d7'), { recursive: true })
    expect(await changes()).toEqual(paths.filter((path) => path.startsWith('d7/')).sort())
  })

  it('closing leaves no watch, no cookie and nothing that keeps the process', async () => {
    const before = kernelWatchCount()
    mkdirSync(at('a'))
    await watching('a/x', 'b/x', join(base, 'y'))
    expect(kernelWatchCount()).toBeGreaterThan(before)
    watcher.close()
    expect(kernelWatchCount()).toBeLessThan(before)
    expect(readdirSync(at('.redford/tmp'))).toEqual([])
    expect(await watcher.sync()).toBe(false)
  })

  it('unwatching gives the watches back', async () => {
    await watching('x')
    const before = kernelWatchCount()
    for (let index = 0; index < 100; index++) mkdirSync(at(`e${index}`))
    const paths = Array.from({ length: 100 }, (_, index) => `e${index}/x`)
    watcher.watch(paths)
    expect(kernelWatchCount()).toBe(before + 100)
    watcher.unwatch(paths)
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(kernelWatchCount()).toBe(before)
  })

  it('a process that only watches ends by itself', () => {
    const script = `import { openWatcher } from ${JSON.stringify(new URL('../../dist/make/watch.js', import.meta.url).href)}
      const watcher = openWatcher(${JSON.stringify(root)}, '.redford/tmp', () => {}, () => {})
      watcher.watch(['x'])
      console.log(await watcher.sync())`
    expect(
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 20_000 }),
    ).toBe('true\n')
  })
})
