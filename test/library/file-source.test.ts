/** Files and folders of the disk as sources: really watched, in real folders. */
import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type BuildEngine,
  createEngine,
  fileSource,
  folderSource,
  Misuse,
  type Notice,
  type Source,
} from '../../src/index.js'
import { useFolder } from '../support/folder.js'

const folder = useFolder()
const open: BuildEngine[] = []
afterEach(async () => {
  for (const eng of open.splice(0)) await eng.close()
})

const engine = (...rules: Source<string, unknown>[]): BuildEngine => {
  const eng = createEngine({ rules })
  open.push(eng)
  return eng
}

const write = (name: string, text: string): void => {
  mkdirSync(dirname(folder.at(name)), { recursive: true })
  writeFileSync(folder.at(name), text)
}

/** Resolved when the last notice is `value`; `absent` for a source that is not there. The test's own time is the limit. */
const shows = async (live: AsyncIterable<Notice<unknown>>, value: unknown): Promise<void> => {
  for await (const notice of live) {
    const shown = notice._tag === 'value' ? notice.value : notice.error._tag
    if (JSON.stringify(shown) === JSON.stringify(value)) return
  }
  throw new Error('the live request ended')
}

describe('a file', () => {
  it.each(['a.txt', 'deep/er/a.txt'])('%s is followed: absent, created, changed, deleted, and again', async (name) => {
    const file = fileSource({ root: folder.path })
    const live = engine(file).live(file(name))
    await shows(live, 'absent')
    for (const round of ['one', 'two']) {
      write(name, round)
      await shows(live, round)
      write(name, `${round}, changed`)
      await shows(live, `${round}, changed`)
      rmSync(folder.at(name.split('/')[0]!), { recursive: true })
      await shows(live, 'absent')
    }
  })

  it('is followed where its folder is moved away and another in its place', async () => {
    const file = fileSource({ root: folder.path })
    write('here/a', 'old')
    write('other/a', 'new')
    const live = engine(file).live(file('here/a'))
    await shows(live, 'old')
    renameSync(folder.at('here'), folder.at('away'))
    await shows(live, 'absent')
    renameSync(folder.at('other'), folder.at('here'))
    await shows(live, 'new')
    write('here/a', 'newer')
    await shows(live, 'newer')
  })

  it('is followed where its root comes late, goes, and comes back', async () => {
    const file = fileSource({ root: folder.at('not/yet') })
    const live = engine(file).live(file('a'))
    await shows(live, 'absent')
    write('not/yet/a', 'there')
    await shows(live, 'there')
    rmSync(folder.at('not'), { recursive: true })
    await shows(live, 'absent')
    write('not/yet/a', 'back')
    await shows(live, 'back')
    write('not/yet/a', 'changed')
    await shows(live, 'changed')
  })

  it('is followed below a root that is a link', async () => {
    mkdirSync(folder.at('real'))
    symlinkSync(folder.at('real'), folder.at('link'))
    const file = fileSource({ root: folder.at('link') })
    const live = engine(file).live(file('a'))
    await shows(live, 'absent')
    write('real/a', 'there')
    await shows(live, 'there')
  })

  it('is followed where a folder above its root is moved away, and another comes in its place', async () => {
    const file = fileSource({ root: folder.at('up/root') })
    write('up/root/a', 'old')
    const live = engine(file).live(file('a'))
    await shows(live, 'old')
    // The first answer may be older than the watch.
    write('up/root/a', 'watched')
    await shows(live, 'watched')
    renameSync(folder.at('up'), folder.at('away'))
    await shows(live, 'absent')
    write('up/root/a', 'new')
    await shows(live, 'new')
    write('up/root/a', 'newer')
    await shows(live, 'newer')
  })

  it('is followed where its root is a link, and leads elsewhere from now on', async () => {
    const file = fileSource({ root: folder.at('current/site') })
    write('releases/1/site/a', 'one')
    write('releases/2/site/a', 'two')
    symlinkSync('releases/1', folder.at('current'))
    const live = engine(file).live(file('a'))
    await shows(live, 'one')
    write('releases/1/site/a', 'watched')
    await shows(live, 'watched')
    symlinkSync('releases/2', folder.at('next'))
    renameSync(folder.at('next'), folder.at('current'))
    await shows(live, 'two')
    write('releases/2/site/a', 'two, changed')
    await shows(live, 'two, changed')
  })

  it('in a folder that came into being while nobody listened there is followed', async () => {
    const file = fileSource({ root: folder.path })
    const eng = engine(file)
    const other = eng.live(file('marker'))
    await shows(other, 'absent')
    // Deep enough for the watcher to miss what is inside.
    write('x/y/z/a', 'old')
    write('marker', 'after that')
    await shows(other, 'after that')
    const live = eng.live(file('x/y/z/a'))
    await shows(live, 'old')
    write('x/y/z/a', 'new')
    await shows(live, 'new')
  })

  it('is read as bytes', async () => {
    const file = fileSource({ root: folder.path, encoding: 'bytes' })
    writeFileSync(folder.at('a'), Uint8Array.of(0, 255, 128))
    expect([...(await engine(file).once(file('a')).promise)]).toEqual([0, 255, 128])
  })

  it('is read in another encoding', async () => {
    const file = fileSource({ root: folder.path, encoding: 'latin1' })
    writeFileSync(folder.at('a'), Uint8Array.of(0xe4))
    expect(await engine(file).once(file('a')).promise).toBe('ä')
  })

  it('that is a folder is no file: an error, followed like others', async () => {
    const file = fileSource({ root: folder.path })
    mkdirSync(folder.at('a'))
    const live = engine(file).live(file('a'))
    await shows(live, 'threw')
    rmSync(folder.at('a'), { recursive: true })
    await shows(live, 'absent')
  })

  it('that is a pipe is no file: an error, and nobody waits for it', async () => {
    const file = fileSource({ root: folder.path })
    spawnSync('mkfifo', [folder.at('a')])
    const live = engine(file).live(file('a'))
    try {
      await shows(live, 'threw')
    } finally {
      // Else a thread that waits for its end would keep the process.
      closeSync(openSync(folder.at('a'), constants.O_RDWR | constants.O_NONBLOCK))
    }
    rmSync(folder.at('a'))
    write('a', 'there')
    await shows(live, 'there')
  })

  it('outside of the root is refused', async () => {
    const file = fileSource({ root: folder.at('root') })
    const live = engine(file).live(file('../a'))
    await shows(live, 'misuse')
    expect(live.now).toMatchObject({
      error: { why: `../a lies outside of the root of file, ${folder.at('root')}: use a source with another root` },
    })
  })

  it('of no encoding is refused', () => {
    expect(() => fileSource({ encoding: 'utf9' as 'utf8' })).toThrow(
      new Misuse("file: `encoding` must be utf8 or the like, or bytes, got 'utf9'"),
    )
  })

  it.each([
    [{ rot: 'src' }, 'fileSource: there is no option `rot`: use root, name, ignore, onError, encoding'],
    ['src', "fileSource: the options must be an object, got 'src'"],
    [{ root: 5 }, 'file: `root` must be the path of a folder, got 5'],
    [{ ignore: '*.tmp' }, "file: `ignore` must be a list of paths and globs, got '*.tmp'"],
    [{ onError: 'log' }, "file: `onError` must be a function, got 'log'"],
  ])('with %j is refused', (options, message) => {
    expect(() => fileSource(options as never)).toThrow(new Misuse(message))
  })
})

describe('a folder', () => {
  it('is followed: absent, created, names that come and go', async () => {
    const names = folderSource({ root: folder.path })
    const live = engine(names).live(names('pages'))
    await shows(live, 'absent')
    write('pages/b', '')
    await shows(live, ['b'])
    write('pages/a', '')
    mkdirSync(folder.at('pages/c'))
    await shows(live, ['a', 'b', 'c/'])
    rmSync(folder.at('pages/b'))
    await shows(live, ['a', 'c/'])
    rmSync(folder.at('pages'), { recursive: true })
    await shows(live, 'absent')
  })

  it('in which a folder comes in the place of a file at once is followed', async () => {
    const names = folderSource({ root: folder.path })
    write('in/a', '')
    const live = engine(names).live(names('in'))
    await shows(live, ['a'])
    write('in/b', '')
    await shows(live, ['a', 'b'])
    rmSync(folder.at('in/a'))
    write('in/a/x', '')
    await shows(live, ['a/', 'b'])
    rmSync(folder.at('in/a'), { recursive: true })
    write('in/a', '')
    await shows(live, ['a', 'b'])
  })

  it('that is the root is followed', async () => {
    const names = folderSource({ root: folder.path })
    const live = engine(names).live(names('.'))
    await shows(live, [])
    write('a', '')
    await shows(live, ['a'])
  })
})

it('nothing is left after close: the process ends by itself', () => {
  writeFileSync(
    folder.at('follow.mjs'),
    `import { createEngine, fileSource } from ${JSON.stringify(join(import.meta.dirname, '../../dist/index.js'))}
     import { writeFileSync } from 'node:fs'
     const file = fileSource()
     const late = fileSource({ name: 'late', root: 'not/yet' })
     const eng = createEngine({ rules: [file, late] })
     eng.live(late('a'))
     for await (const notice of eng.live(file('a'))) {
       if (notice._tag === 'error') writeFileSync('a', 'there')
       else break
     }
     await eng.close()
     console.log(process.getActiveResourcesInfo().filter((name) => /FSEvent|Worker|Timer/.test(name)).join() || 'nothing')`,
  )
  const { stdout, stderr, status } = spawnSync(process.execPath, ['follow.mjs'], {
    cwd: folder.path,
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect({ stdout, stderr, status }).toEqual({ stdout: 'nothing\n', stderr: '', status: 0 })
})
