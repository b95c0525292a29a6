/** What happens in the world while the way to the root is begun to be watched. */
import fs, { mkdirSync, symlinkSync } from 'node:fs'
import { afterEach, expect, it, vi } from 'vitest'
import { FolderWatch } from '../../src/make/folder-watch.js'
import { useFolder } from '../support/folder.js'

const between = vi.hoisted(() => ({ before: (_: string): void => {} }))
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>()
  const watch = (path: string, heard: fs.WatchListener<string>): fs.FSWatcher => {
    between.before(path)
    return real.watch(path, heard)
  }
  return { ...real, watch }
})

const folder = useFolder()
let end = async (): Promise<void> => {}
afterEach(() => end())

const follows = async (root: string): Promise<void> => {
  const begun = vi.fn()
  const watch = new FolderWatch(
    folder.at(root),
    [],
    (error) => expect.fail(String(error)),
    async (path) => {
      begun(path)
      return { unsubscribe: async () => {} }
    },
  )
  end = watch.listen(folder.at(`${root}/a`), () => {})
  await new Promise((resolve) => setImmediate(resolve))
  mkdirSync(folder.at('x/y/root'), { recursive: true })
  await vi.waitFor(() => expect(begun).toHaveBeenCalledWith(fs.realpathSync(folder.at('x/y/root'))))
}

it('a folder that comes into being then is watched', async () => {
  between.before = (path) => void (path === folder.path && mkdirSync(folder.at('x'), { recursive: true }))
  await follows('x/y/root')
})

it('a link that comes into being then is followed', async () => {
  between.before = (path) => {
    if (path !== folder.path) return
    between.before = () => {}
    symlinkSync('x/y', folder.at('link'))
  }
  await follows('link/root')
})
