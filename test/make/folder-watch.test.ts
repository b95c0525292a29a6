/** When a folder is subscribed to, and who is told; the watcher is a stand-in that does what the test says. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Event, SubscribeCallback } from '@parcel/watcher'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FolderWatch } from '../../src/make/folder-watch.js'
import { useFolder } from '../support/folder.js'

const folder = useFolder()
/** What happened, in order. */
let log: string[] = []
let tellAll: SubscribeCallback = () => {}
/** What happens while the watcher is begun. */
let during: () => void = () => {}
/** And once it is ended. */
let after: () => void = () => {}
let thrown: unknown[] = []

beforeEach(() => {
  log = []
  thrown = []
  during = () => {}
  after = () => {}
})

/** Ends of whatever listens: what is left of one test would hear that its folder goes. */
const ends: (() => Promise<void>)[] = []
afterEach(() => Promise.all(ends.splice(0).map((end) => end())))

class Watching extends FolderWatch {
  override listen(path: string, changed: () => void): () => Promise<void> {
    const end = super.listen(path, changed)
    ends.push(end)
    return end
  }
}

const watching = (): FolderWatch =>
  new Watching(
    folder.path,
    [],
    (error) => thrown.push(error),
    async (root, tell) => {
      log.push(`subscribe ${root === folder.path ? 'root' : root}`)
      tellAll = tell
      during()
      return {
        unsubscribe: async () => {
          log.push('unsubscribe')
          after()
        },
      }
    },
  )

const calm = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const tell = (type: Event['type'], name: string): unknown => tellAll(null, [{ type, path: folder.at(name) }])
const hears = (name: string) => (): void => {
  log.push(name)
}

/** What happens the first so many times only. */
const times = (count: number, act: () => void) => (): void => {
  if (count-- > 0) act()
}
const fails = (message: string) => (): void => {
  throw new Error(message)
}

describe('a folder is subscribed to', () => {
  it('anew, and nobody else is told, where one in it goes as the watcher is begun or ended', async () => {
    const watch = watching()
    during = times(3, fails(`inotify_add_watch on '${folder.at('x')}' failed: No such file or directory`))
    after = times(1, fails('Unable to remove watcher: Invalid argument'))
    watch.listen(folder.at('a'), hears('a'))
    await calm()
    expect([log, thrown]).toEqual([[...Array(4).fill('subscribe root'), 'a'], []])
    log = []
    // Some events were lost.
    tellAll(new Error('overflow'), [])
    await calm()
    expect([log, thrown]).toEqual([['unsubscribe', 'subscribe root', 'a'], []])
  })
  it('anew though the old one ends with an error, of which onError hears; and not without end', async () => {
    const watch = watching()
    const odd = new Error('odd')
    after = times(1, () => {
      throw odd
    })
    watch.listen(folder.at('a'), hears('a'))
    await calm()
    during = fails(`inotify_add_watch on '${folder.at('x')}' failed: Not a directory`)
    tellAll(new Error('overflow'), [])
    await vi.waitFor(() => expect(thrown).toMatchObject([odd, { message: expect.stringContaining('Not a directory') }]))
  })
  it('once, while anybody listens, and each listener is told once at first', async () => {
    const watch = watching()
    const endA = watch.listen(folder.at('a'), hears('a'))
    const endB = watch.listen(folder.at('b'), hears('b'))
    await calm()
    expect(log.splice(0)).toEqual(['subscribe root', 'a', 'b'])
    const endAgain = watch.listen(folder.at('a'), hears('a again'))
    await calm()
    expect(log.splice(0)).toContain('a again')
    await Promise.all([endA(), endAgain(), endA()])
    expect(log).toEqual([])
    await endB()
    expect(log).toEqual(['unsubscribe'])
  })

  it('anew when it is listened to anew', async () => {
    const watch = watching()
    const end = watch.listen(folder.at('a'), hears('a'))
    await calm()
    await end()
    watch.listen(folder.at('a'), hears('a'))
    await calm()
    expect(log).toEqual(['subscribe root', 'a', 'unsubscribe', 'subscribe root', 'a'])
  })

  it('and not for a link that leads to itself', async () => {
    const watch = watching()
    watch.listen(folder.at('loop'), hears('loop'))
    await calm()
    symlinkSync('loop', folder.at('loop'))
    tell('create', 'loop')
    await calm()
    expect(log).toEqual(['subscribe root', 'loop', 'loop'])
    expect(thrown).toEqual([])
  })

  it('not at all where that ends at once', async () => {
    await watching().listen(folder.at('a'), hears('a'))()
    await calm()
    expect(log).toEqual([])
  })

  it('until the end, where it ends while it begins', async () => {
    const watch = watching()
    const end = watch.listen(folder.at('a'), hears('a'))
    during = () => void end()
    await calm()
    expect(log).toEqual(['subscribe root', 'unsubscribe'])
  })

  it('anew where a folder on the way comes into being, and not for others', async () => {
    const watch = watching()
    watch.listen(folder.at('x/y/a'), hears('a'))
    await calm()
    log = []
    mkdirSync(folder.at('other'))
    tell('create', 'other')
    await calm()
    expect(log).toEqual([])
    tell('create', 'x')
    await calm()
    expect(log).toEqual(['a', 'unsubscribe', 'subscribe root', 'a'])
  })

  it('anew where one listens in a folder that came into being before', async () => {
    const watch = watching()
    watch.listen(folder.at('a'), hears('a'))
    await calm()
    mkdirSync(folder.at('x'))
    tell('create', 'x')
    log = []
    watch.listen(folder.at('x/y/b'), hears('b'))
    await calm()
    expect(log).toEqual(['unsubscribe', 'subscribe root', 'a', 'b'])
  })

  it('anew where a folder came into being while it began', async () => {
    const watch = watching()
    during = () => {
      during = () => {}
      mkdirSync(folder.at('x'))
    }
    watch.listen(folder.at('x/a'), hears('a'))
    await calm()
    expect(log).toEqual(['subscribe root', 'a', 'unsubscribe', 'subscribe root', 'a'])
  })

  it('anew where events were lost', async () => {
    const watch = watching()
    watch.listen(folder.at('a'), hears('a'))
    await calm()
    log = []
    tellAll(new Error('Events were dropped'), [])
    await calm()
    expect(log).toEqual(['unsubscribe', 'subscribe root', 'a'])
  })
})

it('who listens to a folder is told of names in it, not each time of their contents', async () => {
  const watch = watching()
  watch.listen(folder.at('d'), hears('d'))
  await calm()
  log = []
  // It may have been a folder so far.
  tell('update', 'd/a')
  expect(log.splice(0)).toEqual(['d'])
  tell('update', 'd/a')
  tell('update', 'e')
  expect(log).toEqual([])
  tell('create', 'd/a')
  tell('delete', 'd/a')
  expect(log).toEqual(['d', 'd'])
})

it('who listens to a folder is told where a file makes room for a folder, and that for a file, though the watcher calls it updates', async () => {
  const watch = watching()
  watch.listen(folder.at('.'), hears('.'))
  writeFileSync(folder.at('a'), '')
  await calm()
  tell('update', 'a')
  for (const make of [mkdirSync, (path: string) => writeFileSync(path, '')]) {
    log = []
    rmSync(folder.at('a'), { recursive: true })
    make(folder.at('a'))
    tell('update', 'a')
    expect(log).toEqual(['.'])
  }
})

it('what the watcher fails with is told, where the root is there', async () => {
  const watch = new Watching(
    folder.path,
    [],
    (error) => thrown.push(error),
    async () => {
      throw new Error('no watches left')
    },
  )
  watch.listen(folder.at('a'), hears('a'))
  await calm()
  expect(thrown).toEqual([new Error('no watches left')])
})

it('a root that was closed to us is tried again when it is opened', async () => {
  const watch = watching()
  during = () => {
    during = () => {}
    throw new Error('closed')
  }
  watch.listen(folder.at('a'), hears('a'))
  await calm()
  expect([thrown, log.splice(0)]).toEqual([[new Error('closed')], ['subscribe root']])
  chmodSync(folder.path, 0o755)
  await vi.waitFor(() => expect(log).toEqual(['subscribe root', 'a']))
})

it('a root that is not there is no fault', async () => {
  rmSync(folder.path, { recursive: true })
  const watch = watching()
  const end = watch.listen(folder.at('a'), hears('a'))
  await calm()
  // It may have been there when it was read.
  expect(log.splice(0)).toEqual(['a'])
  mkdirSync(folder.path)
  while (!log.includes('a')) await calm()
  await end()
  expect([thrown, log]).toEqual([[], ['subscribe root', 'a', 'unsubscribe']])
})
